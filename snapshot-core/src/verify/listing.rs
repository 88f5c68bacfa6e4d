//! The names in a directory of a tree.

use std::ffi::CStr;
use std::io;

use crate::catalog::Rows;
use crate::entry::EntryKind;
use crate::fs::dir::Dir;
use crate::fs::scan::Batch;

/// A listing that is held.
pub(super) struct Listing(Rows<Listed>);

type Listed = (Option<EntryKind>, u64);

impl Listing {
    /// Lists a directory; none if it has more names than are held at once.
    pub(super) fn read(dir: &Dir) -> io::Result<Option<Listing>> {
        let mut rows = Rows::default();
        while let Some(batch) = Batch::read(dir)? {
            for (name, kind, inode) in batch.entries() {
                rows.push(name.to_bytes(), (kind, inode));
            }
            if rows.are_too_many() {
                return Ok(None);
            }
        }
        rows.sort();
        Ok(Some(Listing(rows)))
    }

    pub(super) fn find(&self, name: &CStr) -> Option<Listed> {
        self.0.find(name).map(|(_, listed)| listed)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &CStr> {
        self.0.iter().map(|(name, _)| name)
    }

    /// Counts the entries of a directory.
    pub(super) fn count(dir: &Dir) -> io::Result<u64> {
        let mut count = 0;
        Listing::each(dir, |_| {
            count += 1;
            true
        })?;
        Ok(count)
    }

    /// Shows each name, as long as `show` says so.
    pub(super) fn each(dir: &Dir, mut show: impl FnMut(&CStr) -> bool) -> io::Result<()> {
        while let Some(batch) = Batch::read(dir)? {
            for (name, _) in batch.iter() {
                if !show(name) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
