//! Giving an entry its metadata, as far as the filesystem and the caller's
//! rights allow, and telling what it could not be given.

use std::fmt::Write;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::{self, AtFlags, Gid, Mode, Uid};
use rustix::io::Errno;

use crate::entry::{EntryKind, Metadata};
use crate::fs::dir::stat_handle;
use crate::fs::make;
use crate::fs::xattr::{self, Place};
use crate::xattr::Xattrs;

/// What is given metadata.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Receiver<'a> {
    /// An open file or directory.
    Open(BorrowedFd<'a>),
    /// Something that was not opened.
    Reference(BorrowedFd<'a>),
}

/// An entry as it is after it was given all that it can hold.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) metadata: Metadata,
    /// What it could not be given, in words, and the first error.
    pub(crate) lacks: Option<(String, Option<Errno>)>,
}

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;

/// The steps in which filesystems keep mtimes, in nanoseconds: those of NTFS
/// and SMB, of some servers, of exFAT, of HFS+ and ext3, of FAT.
const STEPS: [i128; 5] = [100, 1_000, 10_000_000, 1_000_000_000, 2_000_000_000];

/// Tells whether a filesystem that rounds mtimes off keeps `wanted` as `found`.
pub(crate) fn keeps_mtime(wanted: &Metadata, found: &Metadata) -> bool {
    let (wanted, found) = (
        wanted.mtime.total_nanoseconds(),
        found.mtime.total_nanoseconds(),
    );
    let rounded = |step| wanted.div_euclid(step) * step == found;
    wanted == found || STEPS.into_iter().any(rounded)
}

/// Gives an entry owner, attributes, mode and mtime, in this order: a new owner
/// takes setuid and capabilities away, and the mode may close it to us.
pub(crate) fn give(to: Receiver<'_>, wanted: &Metadata, xattrs: &Xattrs) -> io::Result<Given> {
    let mut first = None;
    let mut note = |error: Errno| _ = first.get_or_insert(error);
    let before = stat_handle(to.handle())?;
    let mut owner = (before.uid, before.gid);
    if owner != (wanted.uid, wanted.gid) {
        owner = set_owner(to, wanted, owner, &mut note);
    }
    let place = match to {
        Receiver::Open(handle) => Place::Open(handle),
        Receiver::Reference(handle) => Place::Reference(handle),
    };
    let refused = xattr::set_each(place, xattrs)?;
    if let Some((_, error)) = refused.first() {
        note(*error);
    }
    if wanted.kind != EntryKind::Symlink {
        // Lent by another owner, they would mean other rights.
        let mut mode = wanted.mode;
        if owner.0 != wanted.uid {
            mode &= !SETUID;
        }
        if owner.1 != wanted.gid && wanted.kind != EntryKind::Directory {
            mode &= !SETGID;
        }
        let mode = Mode::from_raw_mode(mode);
        let set = match to {
            Receiver::Open(handle) => fs::fchmod(handle, mode),
            // chmod refuses references, but not their names in /proc, which
            // stand for the entry itself.
            Receiver::Reference(handle) => fs::chmod(path_of(handle), mode),
        };
        set.unwrap_or_else(&mut note);
    }
    let mtime = make::mtime(wanted.mtime);
    let set = match to {
        Receiver::Open(handle) => fs::futimens(handle, &mtime),
        Receiver::Reference(handle) => {
            fs::utimensat(fs::CWD, path_of(handle), &mtime, AtFlags::empty())
        }
    };
    set.unwrap_or_else(&mut note);
    let metadata = stat_handle(to.handle())?;
    let lacks = lacks(wanted, &metadata, &refused).map(|lacks| (lacks, first));
    Ok(Given { metadata, lacks })
}

/// Sets owner and group, or what of it the caller may, and tells which the
/// entry has then.
fn set_owner(
    to: Receiver<'_>,
    wanted: &Metadata,
    (uid, gid): (u32, u32),
    note: &mut impl FnMut(Errno),
) -> (u32, u32) {
    let set = |uid: Option<u32>| {
        let (uid, gid) = (uid.map(Uid::from_raw), Some(Gid::from_raw(wanted.gid)));
        match to {
            Receiver::Open(handle) => fs::fchown(handle, uid, gid),
            Receiver::Reference(handle) => fs::chownat(handle, c"", uid, gid, AtFlags::EMPTY_PATH),
        }
    };
    match set(Some(wanted.uid)) {
        Ok(()) => return (wanted.uid, wanted.gid),
        Err(error) => note(error),
    }
    // A user may give own files to the groups that it is in.
    if gid != wanted.gid && set(None).is_ok() {
        return (uid, wanted.gid);
    }
    (uid, gid)
}

fn lacks(
    wanted: &Metadata,
    found: &Metadata,
    refused: &[(std::ffi::CString, Errno)],
) -> Option<String> {
    let mut text = String::new();
    let mut add = |what: std::fmt::Arguments<'_>| {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing into a string cannot fail.
        let _ = write!(text, "{comma}{what}");
    };
    if found.uid != wanted.uid {
        add(format_args!("owner {}", wanted.uid));
    }
    if found.gid != wanted.gid {
        add(format_args!("group {}", wanted.gid));
    }
    if wanted.kind != EntryKind::Symlink && found.mode != wanted.mode {
        add(format_args!("mode {:04o}", wanted.mode));
    }
    if !keeps_mtime(wanted, found) {
        add(format_args!("mtime"));
    }
    for (name, _) in refused {
        add(format_args!("attribute {}", name.to_string_lossy()));
    }
    (!text.is_empty()).then_some(text)
}

impl<'a> Receiver<'a> {
    fn handle(self) -> BorrowedFd<'a> {
        match self {
            Receiver::Open(handle) | Receiver::Reference(handle) => handle,
        }
    }
}

fn path_of(handle: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", handle.as_raw_fd())
}
