//! Looking at the directories of snapshots that the catalog knows, one after
//! another.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use rusqlite::Connection;

use crate::catalog::open::{Outcome, Trouble};
use crate::catalog::read::above;
use crate::catalog::row::{DirId, TOP};
use crate::catalog::rows::Rows;
use crate::entry::EntryKind;
use crate::fs::dir::{Access, Boundary, Dir, is_absence};
use crate::fs::publish::InodeNumbers;
use crate::fs::scan::Batch;
use crate::node::{Budget, Level, Node, Open, open_nodes};

/// The way from the top to a directory. The next one is often near.
#[derive(Debug, Default)]
pub(in crate::catalog) struct Way {
    /// In their order: the number of a directory is higher than that of the one
    /// above.
    ids: Vec<DirId>,
    names: Vec<CString>,
    /// The path with a slash before each name, and where each of them ends.
    path: Vec<u8>,
    ends: Vec<usize>,
}

impl Way {
    /// Finds the way to a directory.
    pub(in crate::catalog) fn lead_to(
        &mut self,
        connection: &Connection,
        dir: DirId,
    ) -> Outcome<()> {
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
        self.ends.truncate(common);
        self.path.truncate(self.ends.last().copied().unwrap_or(0));
        for (id, name) in missing.into_iter().rev() {
            self.path.push(b'/');
            self.path.extend_from_slice(name.to_bytes());
            self.ends.push(self.path.len());
            self.ids.push(id);
            self.names.push(name);
        }
        Ok(())
    }

    /// The path of the directory, which begins with a slash.
    pub(in crate::catalog) fn path(&self) -> &[u8] {
        match self.path.is_empty() {
            true => b"/",
            false => &self.path,
        }
    }
}

/// Where the last look was, in some of the snapshots.
pub(super) struct Cursors {
    budget: Arc<Budget>,
    /// In each one the directories on the way, from the top.
    of: HashMap<usize, Vec<Step>>,
}

/// A directory on the way, and its number.
type Step = (DirId, Arc<Node<Plain>>);

/// So many snapshots are held at once.
const MOST_CURSORS: usize = 16;

/// A directory of which nothing is kept but its handle.
struct Plain;

impl Level for Plain {
    type Handles = Dir;

    fn reopen(from: &Dir, levels: &[&Node<Plain>]) -> io::Result<Dir> {
        open_nodes(from, levels)
    }
}

impl Cursors {
    pub(super) fn new() -> Cursors {
        Cursors {
            budget: Budget::new(1, 1),
            of: HashMap::new(),
        }
    }

    /// Opens a directory in a snapshot; none if that does not have it.
    pub(super) fn open(
        &mut self,
        way: &Way,
        place: usize,
        top: impl FnOnce() -> io::Result<Dir>,
    ) -> Outcome<Option<Arc<Open<Dir>>>> {
        match self.try_open(way, place, top) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(Trouble::of_io(&error)),
        }
    }

    fn try_open(
        &mut self,
        way: &Way,
        place: usize,
        top: impl FnOnce() -> io::Result<Dir>,
    ) -> io::Result<Arc<Open<Dir>>> {
        if self.of.len() >= MOST_CURSORS && !self.of.contains_key(&place) {
            self.of.clear();
        }
        let nodes = match self.of.entry(place) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(vacant) => {
                let top = Node::top(Plain, top()?, &self.budget);
                vacant.insert(vec![(TOP, top)])
            }
        };
        let common = nodes[1..].iter().zip(&way.ids);
        let common = common.take_while(|((id, _), wanted)| id == *wanted).count();
        nodes.truncate(common + 1);
        for (id, name) in way.ids.iter().zip(&way.names).skip(common) {
            let (_, above) = &nodes[nodes.len() - 1];
            let dir = above
                .handles()?
                .open_dir(name, Access::Read, Boundary::Stay)?;
            let node = above.below(name.clone(), Plain, dir);
            nodes.push((*id, node));
        }
        nodes[nodes.len() - 1].1.handles()
    }
}

/// A directory of a snapshot.
pub(super) struct Found {
    dir: Option<Arc<Open<Dir>>>,
    /// Its entries, where a listing tells the numbers.
    listed: Option<Rows<Listed>>,
}

type Listed = (Option<EntryKind>, u64);

impl Found {
    pub(super) fn look(dir: Option<Arc<Open<Dir>>>, numbers: InodeNumbers) -> Outcome<Found> {
        let Some(handle) = dir.as_ref().filter(|_| numbers == InodeNumbers::Listed) else {
            return Ok(Found { dir, listed: None });
        };
        let mut listed = Rows::default();
        // Each directory is listed once in a snapshot, so that the handle is at
        // its beginning.
        while let Some(batch) =
            Batch::read(handle.as_fd()).map_err(|error| Trouble::of_io(&error))?
        {
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
