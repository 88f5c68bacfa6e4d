//! Files and directories that have another path than in the basis, found by
//! their inodes, and files that only an older snapshot has: linked instead of
//! copied.

use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::catalog::{DirId, Version, Whereabouts};
use crate::entry::{EntryKind, Metadata};
use crate::fs::dir::{Access, Boundary, Dir};
use crate::node::open_chain;
use crate::options::Reading;
use crate::plan::Action;
use crate::walk::entry::Here;
use crate::walk::ledger::Ledger;
use crate::walk::level::Walked;
use crate::walk::state::Walk;

/// Where a stored file is that an entry may become another name of, although
/// the basis does not have it under the entry's name.
pub(super) struct Moved {
    pub(super) at: Dir,
    pub(super) dir: DirId,
    pub(super) name: CString,
    pub(super) version: Version,
    pub(super) inode: u64,
    /// It is at the same path, in a snapshot older than the basis.
    pub(super) is_earlier: bool,
}

/// Where a directory is in a snapshot: reached from above all that is in it, and
/// not from the directory above.
pub(crate) struct Elsewhere {
    pub(crate) top: Arc<Dir>,
    pub(crate) path: Vec<CString>,
}

impl Elsewhere {
    fn names(&self) -> impl Iterator<Item = (&CStr, Boundary)> {
        self.path
            .iter()
            .map(|name| (name.as_c_str(), Boundary::Stay))
    }

    /// Opens the directory itself, or one below it.
    pub(crate) fn open<'n>(
        &'n self,
        below: impl Iterator<Item = (&'n CStr, Boundary)>,
        access: Access,
    ) -> std::io::Result<Dir> {
        open_chain(&self.top, self.names().chain(below), access)
    }
}

impl Walk<'_> {
    /// Looks for a file that is new under its name, and decides what is to be
    /// done with it.
    pub(super) fn decide_moved(&self, here: &mut Here<'_>) -> Action {
        let found = self.ledger.and_then(|ledger| {
            let moved = self.find_moved(ledger, here);
            moved.or_else(|| self.find_earlier(ledger, here))
        });
        let Some(moved) = found else {
            return Action::Make;
        };
        let facts = &moved.version.facts;
        let is_known = here.source.ctime == facts.ctime
            && here.source.id.inode == facts.inode
            && here.node.level.mount == facts.mount
            && !facts.racy
            && self
                .ledger
                .is_some_and(|ledger| ledger.reading == Reading::Changed);
        // An inode number is given to another file as soon as the first is
        // gone, but its ctime is later. A rename changes the ctime too, and
        // only the content tells the two apart.
        let action = if is_known {
            Action::Link
        } else {
            self.decide_by_content(here, &moved.version)
        };
        if action == Action::Make {
            return action;
        }
        here.moved = Some(moved);
        match action {
            Action::Link if !self.is_stored_whole(here) => Action::MakeFromBasis,
            action => action,
        }
    }

    fn find_moved(&self, ledger: &Ledger<'_>, here: &Here<'_>) -> Option<Moved> {
        let source = &here.source;
        if !is_worth_finding(source) {
            return None;
        }
        let level = &here.node.level;
        let is_same_file = |version: &Version| {
            let facts = &version.facts;
            facts.kind == EntryKind::File
                && facts.size_bytes == source.size_bytes
                && facts.mtime == source.mtime
        };
        ledger
            .find(level.mount, source.id.inode)
            .into_iter()
            .filter(|place| is_same_file(&place.version) && level.lacks(place, here.name))
            .find_map(|place| {
                let at = self.open_in_basis(ledger, place.dir, Access::Search)?.0;
                let inode = self.stored_in(&at, &place.name, &place.version)?;
                Some(Moved {
                    at,
                    dir: place.dir,
                    name: place.name,
                    version: place.version,
                    inode,
                    is_earlier: false,
                })
            })
    }

    /// Looks for a file that the basis lacks at its own path, in older
    /// snapshots: it could not be read for a while, or was put back.
    fn find_earlier(&self, ledger: &Ledger<'_>, here: &Here<'_>) -> Option<Moved> {
        let level = &here.node.level;
        let is_of_basis = here.listed.is_some_and(|listed| listed.glance.is_of_basis);
        if !is_worth_finding(&here.source) || level.is_new || is_of_basis || here.basis.is_some() {
            return None;
        }
        let (snapshots, version) = ledger.earlier(level.dir, here.name, &here.source)?;
        let below = ledger.path(level.dir)?;
        let (at, inode) = snapshots.into_iter().find_map(|snapshot| {
            let mut path = vec![CString::new(snapshot.to_string()).ok()?];
            path.extend_from_slice(&below);
            let top = Arc::clone(ledger.store.as_ref()?);
            let at = Elsewhere { top, path }.open(std::iter::empty(), Access::Search);
            let at = at.ok()?;
            let inode = self.stored_in(&at, here.name, &version)?;
            Some((at, inode))
        })?;
        Some(Moved {
            at,
            dir: level.dir,
            name: here.name.to_owned(),
            version,
            inode,
            is_earlier: true,
        })
    }

    /// The inode of a stored file, if it is the one that was recorded.
    fn stored_in(&self, at: &Dir, name: &CStr, version: &Version) -> Option<u64> {
        let stored = at.stat(name).ok()?;
        let is_recorded = stored.kind == EntryKind::File
            && version.facts.stored == Some(stored.id.inode)
            && version.facts.size_bytes == stored.size_bytes
            && !self.distrusted.contains(&stored.id.inode);
        is_recorded.then_some(stored.id.inode)
    }

    /// Finds where a directory was that is new under its name: its number then,
    /// and the directory in the basis. What it holds kept its ctimes.
    pub(super) fn find_moved_directory(
        &self,
        level: &Walked,
        name: &CStr,
        metadata: &Metadata,
    ) -> Option<(DirId, Dir, Elsewhere)> {
        let ledger = self.ledger?;
        // A mount's root has an inode of its own.
        if metadata.id.device != level.metadata.id.device {
            return None;
        }
        ledger
            .find(level.mount, metadata.id.inode)
            .into_iter()
            .filter(|place| place.version.facts.kind == EntryKind::Directory)
            .filter(|place| level.lacks(place, name))
            .find_map(|place| {
                let id = DirId::try_from(place.version.facts.stored?).ok()?;
                let (dir, elsewhere) = self.open_in_basis(ledger, id, Access::Read)?;
                Some((id, dir, elsewhere))
            })
    }

    fn open_in_basis(
        &self,
        ledger: &Ledger<'_>,
        dir: DirId,
        access: Access,
    ) -> Option<(Dir, Elsewhere)> {
        let elsewhere = Elsewhere {
            top: Arc::clone(ledger.basis.as_ref()?),
            path: ledger.path(dir)?,
        };
        let opened = elsewhere.open(std::iter::empty(), access).ok()?;
        Some((opened, elsewhere))
    }

    /// Notes that a stored file is not the one that was recorded.
    pub(super) fn note_replaced(&self) {
        if let Some(ledger) = self.ledger {
            ledger.replaced_files.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Tells whether something is spared if a file is found elsewhere: there is
/// nothing in an empty one.
fn is_worth_finding(source: &Metadata) -> bool {
    source.kind == EntryKind::File && source.size_bytes > 0
}

impl Walked {
    /// Tells whether a place is not the one where the basis was looked at for a
    /// name. In a directory that had another path then, that is not the name's
    /// own place.
    fn lacks(&self, place: &Whereabouts, name: &CStr) -> bool {
        self.is_adopted() || place.dir != self.dir || place.name.as_c_str() != name
    }
}
