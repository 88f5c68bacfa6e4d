//! Files and directories that have another path than in the basis: found by
//! their inodes, and linked instead of copied.

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

/// Where a file was in the basis.
pub(super) struct Moved {
    pub(super) at: Dir,
    pub(super) dir: DirId,
    pub(super) name: CString,
    pub(super) version: Version,
    pub(super) inode: u64,
}

/// Where a directory was in the basis: reached from the basis's top, and not
/// from the directory above.
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
        let found = self.ledger.and_then(|ledger| self.find_moved(ledger, here));
        let Some(moved) = found else {
            return Action::Make;
        };
        let facts = &moved.version.facts;
        let is_known = here.source.ctime == facts.ctime
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
        // There is nothing in an empty file to be spared.
        if source.kind != EntryKind::File || source.size_bytes == 0 {
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
                let inode = place.version.facts.stored?;
                let at = self.open_in_basis(ledger, place.dir, Access::Search)?.0;
                let stored = at.stat(&place.name).ok()?;
                let is_there = stored.kind == EntryKind::File
                    && stored.id.inode == inode
                    && stored.size_bytes == source.size_bytes
                    && !self.distrusted.contains(&inode);
                is_there.then_some(Moved {
                    at,
                    dir: place.dir,
                    name: place.name,
                    version: place.version,
                    inode,
                })
            })
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

impl Walked {
    /// Tells whether a place is not the one where the basis was looked at for a
    /// name. In a directory that had another path then, that is not the name's
    /// own place.
    fn lacks(&self, place: &Whereabouts, name: &CStr) -> bool {
        self.is_adopted() || place.dir != self.dir || place.name.as_c_str() != name
    }
}
