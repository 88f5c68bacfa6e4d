//! What an entry is to be: what the tree holds of it, and from the catalog what
//! the tree could not hold.

use std::ffi::{CStr, CString};
use std::io;

use crate::catalog::query::telling::Told;
use crate::catalog::{DirId, NO_MOUNT, Version, decode_xattrs};
use crate::entry::{EntryKind, FileId, Hash, Metadata};
use crate::fs::dir::Dir;
use crate::fs::xattr::{self, Place};
use crate::restore::report::noun;
use crate::xattr::Xattrs;

/// An entry as it was in the source.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) metadata: Metadata,
    pub(super) xattrs: Xattrs,
    /// Of a symlink.
    pub(super) link_target: Option<CString>,
    /// Of a file's content, if it is known.
    pub(super) hash: Option<Hash>,
    /// The file that it is a name of, if there may be other names of it: in the
    /// store, or, if that does not have it, in the source.
    pub(super) group: Option<FileId>,
    /// Of a directory: its number in the catalog.
    pub(super) dir: Option<DirId>,
}

/// Why an entry cannot be told.
#[derive(Debug)]
pub(super) enum Unknown {
    /// The store cannot be read.
    Unreadable(io::Error),
    /// What the store has is not what was stored, in words.
    Damaged(String),
}

impl From<io::Error> for Unknown {
    fn from(error: io::Error) -> Unknown {
        Unknown::Unreadable(error)
    }
}

impl Wanted {
    /// Puts together what the tree `at` has under a name and what the catalog
    /// tells of it.
    pub(super) fn of(
        at: &Dir,
        name: &CStr,
        stored: &Metadata,
        told: Told,
    ) -> Result<Wanted, Unknown> {
        let link_target = match stored.kind {
            EntryKind::Symlink => {
                Some(rustix::fs::readlinkat(at, name, Vec::new()).map_err(io::Error::from)?)
            }
            _ => None,
        };
        let Told::Version(version) = told else {
            let xattrs = xattr::read(Place::Entry(at, name))?;
            return Ok(Wanted {
                metadata: *stored,
                xattrs: xattrs.unwrap_or_default(),
                link_target,
                hash: None,
                group: (stored.links > 1).then_some(stored.id),
                dir: None,
            });
        };
        check(stored, link_target.as_deref(), &version)?;
        let is_shared = version.facts.shared;
        let mut wanted = Wanted::of_catalog(*version)?;
        wanted.group = is_shared.then_some(stored.id);
        wanted.metadata.id = stored.id;
        wanted.metadata.allocated_bytes = stored.allocated_bytes;
        wanted.link_target = link_target;
        Ok(wanted)
    }

    /// An entry that the catalog alone has.
    pub(super) fn of_catalog(version: Version) -> Result<Wanted, Unknown> {
        let facts = &version.facts;
        let xattrs = match &version.xattrs {
            Some(bytes) => decode_xattrs(bytes).ok_or_else(unreadable)?,
            None => Xattrs::default(),
        };
        let link_target = version.target.map(CString::new).transpose();
        Ok(Wanted {
            metadata: Metadata {
                kind: facts.kind,
                id: FileId {
                    device: 0,
                    inode: 0,
                },
                mode: facts.mode,
                uid: facts.uid,
                gid: facts.gid,
                size_bytes: facts.size_bytes,
                allocated_bytes: 0,
                links: 1,
                mtime: facts.mtime,
                ctime: facts.ctime,
                nodump: false,
                device_number: facts.device_number,
            },
            xattrs,
            link_target: link_target.map_err(|_| unreadable())?,
            hash: version.hash,
            group: (facts.mount != NO_MOUNT).then_some(FileId {
                // No device of a store.
                device: u64::MAX - facts.mount as u64,
                inode: facts.inode,
            }),
            dir: facts.stored.map(|number| number as DirId),
        })
    }
}

/// Checks that the tree has what the catalog tells, as far as one look shows.
fn check(stored: &Metadata, target: Option<&CStr>, version: &Version) -> Result<(), Unknown> {
    let facts = &version.facts;
    if stored.kind != facts.kind {
        let (is, was) = (noun(stored.kind), noun(facts.kind));
        return Err(Unknown::Damaged(format!(
            "the store has {is} there, and it was {was}"
        )));
    }
    if facts.kind == EntryKind::File && stored.size_bytes != facts.size_bytes {
        let (is, was) = (stored.size_bytes, facts.size_bytes);
        return Err(Unknown::Damaged(format!(
            "the store has {is} bytes of it, and there were {was}"
        )));
    }
    if target.map(CStr::to_bytes) != version.target.as_deref() {
        return Err(Unknown::Damaged(
            "the store has another target of the symlink".to_owned(),
        ));
    }
    Ok(())
}

fn unreadable() -> Unknown {
    Unknown::Damaged("the catalog's row of it cannot be read".to_owned())
}
