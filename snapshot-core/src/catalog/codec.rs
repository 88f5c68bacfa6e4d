//! How rows are written down as bytes: for checksums, marks, and the file of
//! changes.

use std::ffi::CString;

use crate::catalog::row::{Extras, Facts, Version, kind_of};
use crate::entry::FileTime;

/// Appends values to a text.
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Writer {
        Writer(Vec::with_capacity(bytes))
    }

    pub(crate) fn unsigned(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn signed(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        // Names, targets and attributes are far shorter than 2^64.
        self.unsigned(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn optional(&mut self, bytes: Option<&[u8]>) {
        self.0.push(u8::from(bytes.is_some()));
        if let Some(bytes) = bytes {
            self.bytes(bytes);
        }
    }

    pub(crate) fn time(&mut self, time: FileTime) {
        self.signed(time.seconds);
        self.0.extend_from_slice(&time.nanoseconds.to_le_bytes());
    }

    pub(crate) fn facts(&mut self, facts: &Facts) {
        let Facts {
            kind: _,
            mode: _,
            uid,
            gid,
            size_bytes,
            mtime,
            ctime,
            inode,
            mount,
            stored,
            allocated_bytes,
            racy,
            shared,
            device_number,
        } = *facts;
        self.0.extend_from_slice(&facts.raw_mode().to_le_bytes());
        self.0.extend_from_slice(&uid.to_le_bytes());
        self.0.extend_from_slice(&gid.to_le_bytes());
        self.unsigned(size_bytes);
        self.time(mtime);
        self.time(ctime);
        self.unsigned(inode);
        self.signed(mount);
        self.0
            .push(u8::from(stored.is_some()) | u8::from(racy) << 1 | u8::from(shared) << 2);
        self.unsigned(stored.unwrap_or(0));
        self.unsigned(allocated_bytes);
        self.unsigned(device_number);
    }

    pub(crate) fn extras(&mut self, extras: &Extras<'_>) {
        self.optional(extras.target);
        self.optional(extras.xattrs);
        self.optional(extras.hash);
    }
}

/// Takes values from a text; none where it is not one that was written.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn small(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.unsigned()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn optional(&mut self) -> Option<Option<&'a [u8]>> {
        match self.byte()? {
            0 => Some(None),
            _ => self.bytes().map(Some),
        }
    }

    pub(crate) fn name(&mut self) -> Option<CString> {
        CString::new(self.bytes()?).ok()
    }

    pub(crate) fn time(&mut self) -> Option<FileTime> {
        Some(FileTime {
            seconds: self.signed()?,
            nanoseconds: self.small()?,
        })
    }

    pub(crate) fn version(&mut self) -> Option<Version> {
        let raw_mode = self.small()?;
        let (uid, gid) = (self.small()?, self.small()?);
        let size_bytes = self.unsigned()?;
        let (mtime, ctime) = (self.time()?, self.time()?);
        let (inode, mount) = (self.unsigned()?, self.signed()?);
        let flags = self.byte()?;
        let stored = self.unsigned()?;
        let facts = Facts {
            kind: kind_of(raw_mode)?,
            mode: raw_mode & 0o7777,
            uid,
            gid,
            size_bytes,
            mtime,
            ctime,
            inode,
            mount,
            stored: (flags & 1 != 0).then_some(stored),
            allocated_bytes: self.unsigned()?,
            racy: flags & 2 != 0,
            shared: flags & 4 != 0,
            device_number: self.unsigned()?,
        };
        let (target, xattrs, hash) = (self.optional()?, self.optional()?, self.optional()?);
        Some(Version {
            facts,
            target: target.map(<[u8]>::to_vec),
            xattrs: xattrs.map(<[u8]>::to_vec),
            hash: match hash {
                Some(hash) => Some(hash.try_into().ok()?),
                None => None,
            },
        })
    }
}
