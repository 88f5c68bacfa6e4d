//! Making a snapshot of an expired one, or of what a run has left that was cut
//! short.

use std::ffi::CString;
use std::sync::atomic::Ordering;

use rayon::ThreadPool;

use crate::engine::Run;
use crate::engine::known::{News, Told};
use crate::engine::work::Work;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::dir::Dir;
use crate::fs::publish::InodeNumbers;
use crate::fs::remove;
use crate::layout;
use crate::name::SnapshotName;
use crate::options::Recycling;
use crate::record::SnapshotInfo;
use crate::store::{Spare, State};
use crate::walk::{Leftovers, Replicated, Reused};

/// A tree in `trash` of which the next one can be made.
#[derive(Clone, Debug)]
pub(super) struct Reusable {
    file: CString,
    /// None if it never was a snapshot.
    pub(super) name: Option<SnapshotName>,
    sequence: u64,
}

/// A snapshot that has appeared.
pub(super) struct Published<'s> {
    pub(super) replicated: Replicated,
    pub(super) made: SnapshotInfo,
    pub(super) news: Option<News<'s>>,
    pub(super) recycled: Option<Reusable>,
    /// What is remembered by now.
    pub(super) state: State,
}

impl Reusable {
    pub(super) fn spare(&self) -> Option<Spare> {
        Some(Spare {
            name: self.name?,
            sequence: self.sequence,
        })
    }
}

impl Run<'_> {
    /// Chooses what the new tree may be made of: nothing without a basis.
    pub(super) fn reusable(
        &self,
        spare: Option<&Spare>,
        has_unfinished: bool,
        basis: Option<SnapshotName>,
    ) -> Option<Reusable> {
        if self.options.recycling == Recycling::Off || basis.is_none() {
            return None;
        }
        match spare {
            Some(spare) => Some(Reusable {
                file: spare.file(),
                name: Some(spare.name),
                sequence: spare.sequence,
            }),
            None => {
                (has_unfinished && self.store.inode_numbers().are_lasting()).then(|| Reusable {
                    file: layout::UNFINISHED.to_owned(),
                    name: None,
                    sequence: 0,
                })
            }
        }
    }

    /// Makes a tree of `trash` the one that is built. If that fails, the new
    /// one has to do without.
    pub(super) fn reuse(
        &self,
        work: &Work<'_>,
        old: &Reusable,
        told: Told,
    ) -> Result<(Reused, Dir)> {
        let leftovers = match self.store.inode_numbers() {
            InodeNumbers::Told => Leftovers::NamesOfOpenFiles,
            _ => Leftovers::None,
        };
        let was_published = old.name.is_some();
        let opened = self.store.open_control(layout::TRASH);
        let adopted = opened.and_then(|trash| {
            let tree = work.adopt(&trash, &old.file)?;
            Ok((trash, tree))
        });
        let (trash, tree) = adopted.inspect_err(|_| self.spoil())?;
        let Told {
            word,
            has_same_rules,
        } = told;
        let reused = Reused::new(was_published, word, has_same_rules, trash, leftovers);
        Ok((reused, tree))
    }

    /// Removes what was taken out of the tree that is reused, and notes whether
    /// the walk failed because of it.
    pub(super) fn end_reuse(
        &self,
        reused: &Reused,
        walked: &Result<Replicated>,
        pool: &ThreadPool,
    ) {
        let lacks_room = |error: &Error| error.kind() == ErrorKind::NoSpace;
        // What is left of the old tree takes room, too.
        if reused.is_spoiled() || walked.as_ref().is_err_and(lacks_room) {
            self.spoil();
        }
        let path = self.store.path_of(layout::TRASH);
        reused.remove_out(&path, pool, self.cancel);
    }

    /// Notes that the tree that was to be reused is of no use.
    fn spoil(&self) {
        self.is_spoiled.store(true, Ordering::Relaxed);
    }

    /// Removes what a run has left that was cut short, if nothing came of it.
    /// What resists is tried again by the next run.
    pub(super) fn remove_unused(&self, has_unfinished: bool, pool: &ThreadPool) {
        let Some(trash) = has_unfinished
            .then(|| self.store.open_control(layout::TRASH).ok())
            .flatten()
        else {
            return;
        };
        let root = self.store.path_of(layout::TRASH);
        let _ = pool.install(|| remove::tree(&trash, layout::UNFINISHED, &root, self.cancel));
    }
}
