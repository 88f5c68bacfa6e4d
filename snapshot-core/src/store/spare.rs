//! The spare: the newest tree that retention gave up, kept in `trash` until the
//! next snapshot is made of it.

use std::ffi::{CStr, CString};

use crate::cancel::CancelToken;
use crate::error::Result;
use crate::fs::dir::Dir;
use crate::fs::publish::{Filesystem, InodeNumbers};
use crate::fs::remove;
use crate::fs::scan::Batch;
use crate::layout;
use crate::name::SnapshotName;
use crate::record::SnapshotInfo;
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

impl Store {
    /// Finds the spare. Of several it is the newest.
    pub(crate) fn spare(&self) -> Result<Option<Spare>> {
        let trash = self.open_control(layout::TRASH)?;
        let names = names_in(&trash).map_err(|error| self.failed("list", layout::TRASH, error))?;
        Ok(newest_spare(&names))
    }

    /// Chooses what of the snapshots that a policy gives up is to be the spare:
    /// the newest, unless there is a newer one, or there is little room.
    pub(crate) fn choose_spare(
        &self,
        snapshots: &[SnapshotInfo],
        doomed: &[SnapshotName],
    ) -> Result<Option<Spare>> {
        let chosen = snapshots
            .iter()
            .filter(|snapshot| doomed.contains(&snapshot.name))
            .max_by_key(|snapshot| snapshot.sequence);
        let Some(chosen) = chosen.filter(|_| self.keeps_spare && self.has_use_for_spare()) else {
            return Ok(None);
        };
        let spare = Spare {
            name: chosen.name,
            sequence: chosen.sequence,
        };
        let there = self.spare()?;
        Ok(there
            .is_none_or(|there| there.sequence < spare.sequence)
            .then_some(spare))
    }

    /// Tells whether inodes can be recognised, and whether there is room.
    fn has_use_for_spare(&self) -> bool {
        Filesystem::of(&self.root).is_ok_and(|filesystem| {
            let has_room = |free: u64, used: u64| {
                let all = u128::from(free) + u128::from(used);
                u128::from(free) * 100 >= all * u128::from(LEAST_FREE)
            };
            let free = filesystem.free;
            let inodes = free.inodes.zip(filesystem.used_inodes);
            filesystem.inode_numbers() != InodeNumbers::Passing
                && has_room(free.bytes, filesystem.used_bytes)
                && inodes.is_none_or(|(free, used)| has_room(free, used))
        })
    }

    /// Removes the spares but for the newest `kept`, on the current thread pool
    /// and under the lock. What resists is left for the next run.
    pub(crate) fn give_up_spares(&self, kept: Option<&Spare>, cancel: &CancelToken) -> Result<()> {
        let failed = |error| self.failed("remove", layout::TRASH, error);
        let trash = self.open_control(layout::TRASH)?;
        for file in names_in(&trash).map_err(failed)? {
            let spare = layout::spare_of(&file);
            if spare.is_some() && spare.as_ref() != kept {
                let path = self.path().join(layout::CONTROL).join(layout::TRASH);
                remove::tree(&trash, &file, &path, cancel).map_err(failed)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn newest_spare(names: &[CString]) -> Option<Spare> {
    names
        .iter()
        .filter_map(|name| layout::spare_of(name))
        .max_by_key(|spare| spare.sequence)
}

/// The names in a directory.
pub(crate) fn names_in(dir: &Dir) -> std::io::Result<Vec<CString>> {
    let handle = dir.reopen()?;
    let mut names = Vec::new();
    while let Some(batch) = Batch::read(&handle)? {
        names.extend(batch.iter().map(|(name, _): (&CStr, _)| name.to_owned()));
    }
    Ok(names)
}
