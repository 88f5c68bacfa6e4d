//! An entry of a snapshot, as the catalog tells it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::catalog::open::Outcome;
use crate::catalog::query::names::damaged;
use crate::catalog::row::{Version, decode_xattrs};
use crate::entry::{EntryKind, FileTime};

/// An entry of a snapshot, as it was in the source, also where the destination
/// could not hold all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogEntry {
    /// The absolute path in the source, which is the one below the snapshot.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits with setuid, setgid and sticky: 12 bits.
    pub mode: u32,
    /// Number of the owner.
    pub uid: u32,
    /// Number of the group.
    pub gid: u32,
    /// The size of a file, in bytes; of other kinds what the source told.
    pub size_bytes: u64,
    /// What it takes in the store, in bytes; names of one file take it once. 0
    /// for directories, of which each snapshot has its own:
    /// [`Catalog::sizes`](super::Catalog::sizes) counts them.
    pub allocated_bytes: u64,
    /// When it was last modified.
    pub mtime: FileTime,
    /// What a symlink points to.
    pub link_target: Option<PathBuf>,
    /// Number of the device that it is, as `stat` has it in `st_rdev`; 0 for
    /// other kinds.
    pub device_number: u64,
    /// Extended attributes by their full names, ACLs among them, sorted.
    pub xattrs: Vec<(OsString, Vec<u8>)>,
    /// BLAKE3 of a file's content, if it was read.
    pub blake3: Option<[u8; 32]>,
    /// The inode in the store, none if the destination could not hold the
    /// entry. Entries of one snapshot with the same one are names of one file.
    /// Directories have none: each snapshot has its own.
    pub stored_inode: Option<u64>,
}

impl CatalogEntry {
    /// Tells whether the snapshot's tree has the entry, and not the catalog
    /// alone: some destinations hold no devices or symlinks.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.kind == EntryKind::Directory || self.stored_inode.is_some()
    }

    pub(super) fn new(path: PathBuf, version: &Version) -> Outcome<CatalogEntry> {
        let facts = &version.facts;
        let xattrs = match &version.xattrs {
            Some(bytes) => decode_xattrs(bytes).ok_or_else(damaged)?,
            None => Default::default(),
        };
        let xattrs = xattrs.iter().map(|(name, value)| {
            let name = OsString::from_vec(name.to_bytes().to_vec());
            (name, value.to_vec())
        });
        let is_directory = facts.kind == EntryKind::Directory;
        Ok(CatalogEntry {
            path,
            kind: facts.kind,
            mode: facts.mode,
            uid: facts.uid,
            gid: facts.gid,
            size_bytes: facts.size_bytes,
            allocated_bytes: if is_directory {
                0
            } else {
                facts.allocated_bytes
            },
            mtime: facts.mtime,
            link_target: version.target.clone().map(path_of),
            device_number: facts.device_number,
            xattrs: xattrs.collect(),
            blake3: version.hash,
            stored_inode: facts.stored.filter(|_| !is_directory),
        })
    }
}

/// A path of bytes.
pub(super) fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}
