//! Making a snapshot of an expired one, or of what a run has left that was cut
//! short.

use std::ffi::CString;

use rayon::ThreadPool;

use crate::catalog::Session;
use crate::engine::Run;
use crate::engine::known::{News, Told};
use crate::engine::work::Work;
use crate::error::Result;
use crate::fs::dir::Dir;
use crate::fs::publish::InodeNumbers;
use crate::fs::remove;
use crate::layout;
use crate::name::SnapshotName;
use crate::options::Recycling;
use crate::record::SnapshotInfo;
use crate::store::{Spare, State};
use crate::walk::{Replicated, Reused};

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
    pub(super) news: Option<News>,
    pub(super) recycled: Option<Reusable>,
    /// What is remembered by now.
    pub(super) state: State,
    pub(super) session: Session<'s>,
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
    /// Chooses what the new tree may be made of.
    pub(super) fn reusable(&self, spare: Option<&Spare>, has_unfinished: bool) -> Option<Reusable> {
        if self.options.recycling == Recycling::Off {
            return None;
        }
        match spare {
            Some(spare) => Some(Reusable {
                file: spare.file(),
                name: Some(spare.name),
                sequence: spare.sequence,
            }),
            None => has_unfinished.then(|| Reusable {
                file: layout::UNFINISHED.to_owned(),
                name: None,
                sequence: 0,
            }),
        }
    }

    /// Makes a tree of `trash` the one that is built.
    pub(super) fn reuse(
        &self,
        work: &Work<'_>,
        old: &Reusable,
        told: Told,
    ) -> Result<(Reused, Dir)> {
        let trash = self.store.open_control(layout::TRASH)?;
        let tree = work.adopt(&trash, &old.file)?;
        let trash = match work.filesystem.inode_numbers() {
            InodeNumbers::Told => Some(trash),
            _ => None,
        };
        let was_published = old.name.is_some();
        let reused = Reused::new(was_published, told.word, told.has_same_rules, trash);
        Ok((reused, tree))
    }

    /// Removes what a run has left that was cut short, if nothing came of it.
    pub(super) fn remove_unused(&self, has_unfinished: bool, pool: &ThreadPool) -> Result<()> {
        if !has_unfinished {
            return Ok(());
        }
        let failed = |error| self.store.failed("remove", layout::TRASH, error);
        let trash = self.store.open_control(layout::TRASH)?;
        let root = self.store.path().join(layout::CONTROL).join(layout::TRASH);
        let removed = pool.install(|| remove::tree(&trash, layout::UNFINISHED, &root, self.cancel));
        removed.map(drop).map_err(failed)
    }
}
