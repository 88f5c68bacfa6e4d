//! Looking at the directories of snapshots that the catalog knows, one after
//! another.

use std::ffi::{CStr, CString};
use std::io;

use rusqlite::Connection;
use rustix::io::Errno;

use crate::catalog::open::{Outcome, Trouble};
use crate::catalog::read::{Rows, above};
use crate::catalog::row::{DirId, TOP};
use crate::entry::EntryKind;
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::publish::InodeNumbers;
use crate::fs::scan::Batch;
use crate::node::open_chain;

/// The way from the top to a directory. The next one is often near.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// In their order: the number of a directory is higher than that of the one
    /// above.
    ids: Vec<DirId>,
    names: Vec<CString>,
}

impl Way {
    /// Finds the way to a directory.
    pub(super) fn lead_to(&mut self, connection: &Connection, dir: DirId) -> Outcome<()> {
        let mut missing = Vec::new();
        let mut at = dir;
        let common = loop {
            if at == TOP {
                break 0;
            }
            if let Ok(place) = self.ids.binary_search(&at) {
                break place + 1;
            }
            let (up, name) = above(connection, at)?;
            missing.push((at, name));
            at = up;
        };
        self.ids.truncate(common);
        self.names.truncate(common);
        for (id, name) in missing.into_iter().rev() {
            self.ids.push(id);
            self.names.push(name);
        }
        Ok(())
    }

    /// Opens the directory in a tree; none if that does not have it.
    pub(super) fn open(&self, store: &Dir, tree: &CStr) -> Outcome<Option<Dir>> {
        let names = std::iter::once(tree).chain(self.names.iter().map(CString::as_c_str));
        let names = names.map(|name| (name, Boundary::Stay));
        match open_chain(store, names, Access::Read) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(Trouble::of_io(&error)),
        }
    }
}

/// A directory of a snapshot.
pub(super) struct Found {
    dir: Option<Dir>,
    /// Its entries, where a listing tells the numbers.
    listed: Option<Rows<Listed>>,
}

type Listed = (Option<EntryKind>, u64);

impl Found {
    pub(super) fn look(dir: Option<Dir>, numbers: InodeNumbers) -> Outcome<Found> {
        let Some(handle) = dir.as_ref().filter(|_| numbers == InodeNumbers::Listed) else {
            return Ok(Found { dir, listed: None });
        };
        let mut listed = Rows::default();
        while let Some(batch) = Batch::read(handle).map_err(|error| Trouble::of_io(&error))? {
            for (name, kind, inode) in batch.entries() {
                listed.push(name.to_bytes(), (kind, inode));
            }
        }
        listed.sort();
        Ok(Found {
            dir,
            listed: Some(listed),
        })
    }

    /// The number of the inode that an entry has there; none if there is no such
    /// entry of that kind.
    pub(super) fn inode(&self, name: &CStr, kind: EntryKind) -> Outcome<Option<u64>> {
        let Some(dir) = &self.dir else {
            return Ok(None);
        };
        if let Some(listed) = &self.listed {
            match listed.find(name) {
                None => return Ok(None),
                Some((_, (Some(is), inode))) => return Ok((is == kind).then_some(inode)),
                // The filesystem does not tell kinds in its listings.
                Some((_, (None, _))) => {}
            }
        }
        match dir.stat(name) {
            Ok(found) => Ok((found.kind == kind).then_some(found.id.inode)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(Trouble::of_io(&error)),
        }
    }
}

/// Tells whether there is nothing at a place, or something else.
fn is_absence(error: &io::Error) -> bool {
    let number = Errno::from_io_error(error);
    number.is_some_and(|number| [Errno::NOENT, Errno::NOTDIR, Errno::LOOP].contains(&number))
}
