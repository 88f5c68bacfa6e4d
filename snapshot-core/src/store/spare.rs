//! The spare: the newest tree that retention gave up, kept in `trash` until the
//! next snapshot is made of it.

use std::ffi::{CStr, CString};
use std::io;

use crate::cancel::CancelToken;
use crate::capabilities::Capabilities;
use crate::compare::Names;
use crate::error::Result;
use crate::fs::dir::Dir;
use crate::fs::publish;
use crate::fs::remove;
use crate::fs::scan::Batch;
use crate::layout;
use crate::name::SnapshotName;
use crate::record::SnapshotInfo;
use crate::retention::Status;
use crate::store::Store;

/// So much of the filesystem, in percent, is free where a spare is kept.
const LEAST_FREE: u64 = 10;

/// A tree that was a snapshot, and nothing in it was changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spare {
    pub(crate) name: SnapshotName,
    pub(crate) sequence: u64,
}

impl Spare {
    /// Its name in `trash`, which alone tells that it is one.
    pub(crate) fn file(&self) -> CString {
        layout::spare(self.name, self.sequence)
    }

    /// Tells whether it is the snapshot of that number and name.
    pub(crate) fn is(&self, sequence: u64, name: SnapshotName) -> bool {
        self.sequence == sequence && self.name == name
    }
}

/// The spare that there is, and the one that is to take its place.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    pub(crate) there: Option<Spare>,
    /// One of the snapshots that are to be removed.
    pub(crate) chosen: Option<Spare>,
}

impl Store {
    /// Finds the spare. Of several it is the newest.
    pub(crate) fn spare(&self) -> Result<Option<Spare>> {
        let trash = self.open_control(layout::TRASH)?;
        let names = names_in(&trash).map_err(|error| self.failed("list", layout::TRASH, error))?;
        Ok(newest_spare(&names))
    }

    /// Chooses what of the snapshots that a policy gives up is to be the spare:
    /// the newest, unless there is a newer one, or there is little room. What
    /// is suspect has little in common with the next.
    pub(crate) fn choose_spare(
        &self,
        snapshots: &[SnapshotInfo],
        doomed: &[SnapshotName],
        there: Option<Spare>,
    ) -> Spares {
        let chosen = snapshots
            .iter()
            .filter(|snapshot| doomed.contains(&snapshot.name))
            .filter(|snapshot| snapshot.status != Status::Suspect)
            .max_by_key(|snapshot| snapshot.sequence)
            .map(|snapshot| Spare {
                name: snapshot.name,
                sequence: snapshot.sequence,
            });
        let is_newer = |spare: &Spare| {
            there
                .as_ref()
                .is_none_or(|there| there.sequence < spare.sequence)
        };
        Spares {
            chosen: chosen
                .filter(is_newer)
                .filter(|_| self.keeps_spare && self.has_use_for_spare()),
            there,
        }
    }

    /// Tells whether entries are linked and can be recognised by their inodes,
    /// and whether there is room.
    fn has_use_for_spare(&self) -> bool {
        let is_fit = |found: &Capabilities| found.hard_links && found.rules().names == Names::Exact;
        let known = self.probed.as_ref().map(|probed| &probed.capabilities);
        if !known.is_none_or(is_fit) || !self.inode_numbers().are_lasting() {
            return false;
        }
        self.filesystem(&self.root).is_ok_and(|filesystem| {
            let has_room = |free: u64, used: u64| {
                let all = u128::from(free) + u128::from(used);
                u128::from(free) * 100 >= all * u128::from(LEAST_FREE)
            };
            let free = filesystem.free;
            let inodes = free.inodes.zip(filesystem.used_inodes);
            has_room(free.bytes, filesystem.used_bytes)
                && inodes.is_none_or(|(free, used)| has_room(free, used))
        })
    }

    /// Removes a spare, on the current thread pool and under the lock. What
    /// resists is left for the next run.
    pub(crate) fn give_up_spare(
        &self,
        trash: &Dir,
        spare: &Spare,
        cancel: &CancelToken,
    ) -> Result<()> {
        let path = self.path_of(layout::TRASH);
        disown(trash, &spare.file())
            .and_then(|file| remove::tree(trash, &file, &path, cancel))
            .map(drop)
            .map_err(|error| self.failed("remove", layout::TRASH, error))
    }
}

/// Gives a spare another name before anything of it is removed: what has that
/// of one is taken for the whole snapshot that it was.
pub(crate) fn disown(trash: &Dir, file: &CStr) -> io::Result<CString> {
    let gone = CString::new([file.to_bytes(), b".gone"].concat())?;
    match publish::rename(trash, file, trash, &gone) {
        Ok(()) => trash.sync()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(gone)
}

pub(crate) fn newest_spare(names: &[CString]) -> Option<Spare> {
    names
        .iter()
        .filter_map(|name| layout::spare_of(name))
        .max_by_key(|spare| spare.sequence)
}

/// The names in a directory that was just opened.
pub(crate) fn names_in(dir: &Dir) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    while let Some(batch) = Batch::read(dir)? {
        names.extend(batch.iter().map(|(name, _): (&CStr, _)| name.to_owned()));
    }
    Ok(names)
}
