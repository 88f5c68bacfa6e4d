//! How far a run is: told, and kept for the next one.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::catalog::DirId;
use crate::catalog::query::{Catalog, CatalogSnapshot};
use crate::entry::{EntryKind, Hash};
use crate::error::{Error, Result};
use crate::layout;
use crate::report::{Counts, Warning};
use crate::run::now_monotonic;
use crate::store::Store;
use crate::verify::content::Wanted;
use crate::verify::findings::Findings;
use crate::verify::options::VerifyOptions;
use crate::verify::state::{Part, State, UnderWay};

/// So often it is written down how far a run is.
const NOTED: Duration = Duration::from_secs(5);

/// Adds up what there is to compare and to read.
pub(super) fn expected(
    catalog: &Catalog,
    snapshots: &[CatalogSnapshot],
    part: Part,
) -> Result<Counts> {
    let mut counts = Counts::default();
    catalog.weigh(|weight| {
        let place = snapshots.partition_point(|one| one.sequence < weight.first);
        let has = snapshots.get(place);
        let has = has.is_some_and(|one| weight.until.is_none_or(|until| one.sequence < until));
        if !has {
            return;
        }
        match weight.kind {
            EntryKind::File => {
                counts.files_linked += 1;
                let hash = weight.hash.as_ref();
                if hash.is_some_and(|hash| part.has(weight.first, hash)) {
                    counts.bytes_linked += weight.size_bytes;
                }
            }
            EntryKind::Directory => counts.directories += 1,
            EntryKind::Symlink => counts.symlinks += 1,
            _ => counts.specials += 1,
        }
    })?;
    Ok(counts)
}

/// What is remembered of a run.
pub(super) struct Keeper<'s> {
    store: &'s Store,
    state: State,
    run: UnderWay,
    /// What a run left that was stopped.
    stopped: Option<UnderWay>,
    is_writable: bool,
    noted: Instant,
    trouble: Option<String>,
}

impl<'s> Keeper<'s> {
    pub(super) fn begin(
        store: &'s Store,
        options: &VerifyOptions,
        known: &[CatalogSnapshot],
        is_writable: bool,
    ) -> Result<Keeper<'s>> {
        let state = State::read(store);
        let file = store.control.stat(&crate::store::c_name(layout::CATALOG));
        let failed = |error| {
            let path = store.path_of(layout::CATALOG);
            Error::io("look at", path, error)
        };
        let catalog = file.map_err(failed)?.id.inode;
        let stopped = state.stopped(options.content, &options.snapshots, catalog);
        let run = stopped.clone().unwrap_or_else(|| UnderWay {
            content: Part::of(options.content, &state),
            snapshots: options.snapshots.iter().map(ToString::to_string).collect(),
            through: known.last().map_or(0, |newest| newest.sequence),
            catalog,
            directory: 0,
            large: Vec::new(),
        });
        Ok(Keeper {
            store,
            state,
            run,
            stopped,
            is_writable,
            noted: now_monotonic(),
            trouble: None,
        })
    }

    pub(super) fn part(&self) -> Part {
        self.run.content
    }

    /// What was found damaged before.
    pub(super) fn suspected(&self) -> HashSet<Hash> {
        self.state.damaged()
    }

    pub(super) fn stopped(&self) -> Option<&UnderWay> {
        self.stopped.as_ref()
    }

    pub(super) fn is_continued(&self) -> bool {
        self.stopped.is_some()
    }

    /// Notes that the files in the directories up to this one are done.
    pub(super) fn reached(&mut self, directory: DirId, wanted: &Wanted, findings: &Findings) {
        let large = wanted.large.lock();
        large.unwrap_or_else(PoisonError::into_inner).clear();
        if directory > self.run.directory {
            self.run.directory = directory;
            self.run.large.clear();
        }
        if self.run.content != Part::None && self.noted.elapsed() >= NOTED {
            self.note(findings);
            self.noted = now_monotonic();
        }
    }

    /// Writes down how far the run is, and what was found damaged so far.
    fn note(&mut self, findings: &Findings) {
        let mut hashes = self.state.damaged();
        hashes.extend(findings.hashes());
        self.state.set_damaged(&hashes);
        self.state.note(&self.run);
        self.write();
    }

    /// Writes down what came of the run.
    pub(super) fn stop(&mut self, is_done: bool, wanted: &Wanted, findings: &Findings) {
        if !is_done {
            if self.run.content != Part::None {
                let large = wanted.large.lock();
                let large = large.unwrap_or_else(PoisonError::into_inner);
                self.run.large.extend(large.iter());
                drop(large);
                self.note(findings);
            }
            return;
        }
        let is_of_all = self.run.snapshots.is_empty();
        let mut hashes = findings.hashes();
        if !is_of_all {
            hashes.extend(self.state.damaged());
        }
        let before = self.state.clone();
        let are_known = self.state.set_damaged(&hashes);
        if self.run.content != Part::None {
            self.state.forget(&self.run);
            if is_of_all && are_known {
                self.state.complete(self.run.content, self.run.through);
            }
        }
        if self.state != before {
            self.write();
        }
    }

    fn write(&mut self) {
        if self.is_writable {
            let written = self.state.write(self.store);
            self.trouble = written.err().map(|error| error.to_string());
        }
    }

    pub(super) fn warning(&self) -> Option<Warning> {
        let reason = match (&self.trouble, self.is_writable) {
            (Some(reason), _) => reason.clone(),
            (None, false) if self.run.content != Part::None => {
                "nothing can be written or locked there".to_owned()
            }
            _ => return None,
        };
        Some(Warning::VerificationNotNoted { reason })
    }
}
