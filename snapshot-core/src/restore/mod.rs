//! Getting data back: a snapshot's paths, to a directory or to where they came
//! from.

mod advance;
mod directory;
mod entry;
mod file;
mod finish;
mod groups;
mod judge;
mod level;
mod listing;
mod options;
mod place;
mod report;
mod run;
mod wanted;

use std::collections::{BTreeSet, HashMap};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::cancel::CancelToken;
use crate::catalog::query::telling::Telling;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::fs::dir::Dir;
use crate::fs::xattr;
use crate::name::SnapshotName;
use crate::options::Mode;
use crate::report::Warning;
use crate::restore::place::Place;
use crate::restore::run::{Findings, Pass, Restoring, Task, Voice};
use crate::run::{Pool, now_monotonic, pool};
use crate::store::Store;
use crate::store::reading::Reading;
use crate::walk::Selection;

pub use options::{Extraneous, Overwrite, RestoreOptions, RestoreTarget};
pub use report::{Obstacle, ObstacleReason, RestoreCounts, RestoreReport};

impl Store {
    /// Restores paths of a snapshot, with all their metadata: what the tree
    /// could not hold comes from the catalog.
    ///
    /// An entry is written beside its place and takes it by a rename, so that
    /// whatever happens an entry is the old one or the new one. A restore that
    /// was interrupted goes on where it stopped when it is run again. Content is
    /// compared with the hash that is known of it; what is damaged is listed and
    /// not restored. Symlinks in the target are never followed.
    ///
    /// What cannot be read, or cannot be given all that it has in the snapshot,
    /// is listed in the report, and the rest goes on. The snapshot is kept from
    /// removal meanwhile.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownSnapshot`]; [`ErrorKind::NotInSnapshot`] if it does
    /// not have one of the paths; [`ErrorKind::InTheWay`] if something is where
    /// an entry is to be put and may not be overwritten: the observer was told
    /// of each, and nothing was written; [`ErrorKind::TargetIsStore`];
    /// [`ErrorKind::InvalidOption`]; [`ErrorKind::SnapshotInUse`]. What was
    /// restored stays with these: [`ErrorKind::NoSpace`],
    /// [`ErrorKind::FlushFailed`], [`ErrorKind::Cancelled`], [`ErrorKind::Io`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> hardsnap::Result<()> {
    /// use hardsnap::{CancelToken, RestoreOptions, Store};
    ///
    /// let store = Store::open("/mnt/backup")?;
    /// let newest = store.resolve("latest")?.name;
    /// let options = RestoreOptions::into_directory("/tmp/back").paths(["/home/alice/letters"]);
    /// let report = store.restore(newest, &options, &(), &CancelToken::new())?;
    /// for problem in &report.skipped {
    ///     eprintln!("{problem}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn restore(
        &self,
        snapshot: SnapshotName,
        options: &RestoreOptions,
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<RestoreReport> {
        let started = now_monotonic();
        let is_into = matches!(options.target, RestoreTarget::Into(_));
        if is_into && options.extraneous != Extraneous::Kept {
            let message = "only a restore in place deletes what the snapshot does not have";
            return Err(Error::new(ErrorKind::InvalidOption, message));
        }
        let reading = self.read(snapshot)?;
        let mut warnings = Vec::new();
        let catalog = self.catalog().map(|catalog| catalog.with_cancel(cancel));
        let told = catalog.and_then(|catalog| Ok((catalog.telling(snapshot)?, catalog)));
        let (telling, catalog) = match told {
            Ok((telling, catalog)) => (Some(telling), Some(catalog)),
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => {
                let reason = error.to_string();
                warnings.push(Warning::RestoredFromTreeAlone { reason });
                (None, None)
            }
        };
        let paths = self.restored_paths(&reading, catalog.as_ref(), &options.paths)?;
        let selection = Selection::of_paths(paths.iter().map(PathBuf::as_path))
            .map_err(|error| Error::io("restore", &options.paths[0], error))?;
        let place = Place::open(&options.target, options.mode, self)?;
        let run = Run {
            store: self,
            options,
            reading: &reading,
            telling: telling.as_ref(),
            selection: &selection,
            place: &place,
            observer,
            cancel,
            started,
        };
        let report = run.run();
        if report.is_err() {
            place.give_up();
        }
        let mut report = report?;
        warnings.append(&mut report.warnings);
        report.warnings = warnings;
        Ok(report)
    }
}

/// One restore under way.
struct Run<'r> {
    store: &'r Store,
    options: &'r RestoreOptions,
    reading: &'r Reading,
    telling: Option<&'r Telling>,
    selection: &'r Selection,
    place: &'r Place,
    observer: &'r dyn Observer,
    cancel: &'r CancelToken,
    started: Instant,
}

impl Run<'_> {
    fn run(&self) -> Result<RestoreReport> {
        let pool = pool(self.options.jobs, &[&self.store.root])?;
        let tree_path = self
            .store
            .path()
            .join(self.reading.snapshot.name.to_string());
        let is_dry = self.options.mode == Mode::DryRun;
        let looked = if is_dry || !self.place.is_fresh() {
            self.observer.on_event(&Event::Phase(Phase::Looking));
            let voice = if is_dry { Voice::Aloud } else { Voice::Silent };
            self.walk(Pass::Look, voice, &tree_path, HashMap::new(), &pool)?
        } else {
            Findings::default()
        };
        if is_dry {
            return Ok(self.report(looked, true));
        }
        self.refuse_obstacles(&looked)?;
        if !self.place.is_fresh() {
            self.observer.on_event(&Event::Expected(&looked.totals));
        } else if *self.selection == Selection::Whole {
            let counts = &self.reading.snapshot.counts;
            self.observer.on_event(&Event::Expected(counts));
        }
        self.observer.on_event(&Event::Phase(Phase::Restoring));
        let mut doomed: HashMap<PathBuf, Vec<CString>> = HashMap::new();
        for path in &looked.extraneous {
            let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
                continue;
            };
            // What a listing told has no NUL.
            let name = CString::new(name.as_bytes()).unwrap_or_default();
            doomed.entry(above.to_owned()).or_default().push(name);
        }
        let written = self.walk(Pass::Write, Voice::Aloud, &tree_path, doomed, &pool)?;
        Ok(self.report(written, false))
    }

    fn walk(
        &self,
        pass: Pass,
        voice: Voice,
        tree_path: &Path,
        doomed: HashMap<PathBuf, Vec<CString>>,
        pool: &Pool,
    ) -> Result<Findings> {
        let task = Task {
            pass,
            voice,
            telling: self.telling,
            overwrite: self.options.overwrite,
            extraneous: &self.options.extraneous,
            doomed,
            spared: self.lacking(),
            tree_path,
            target_path: self.place.path(),
            sources: &self.reading.snapshot.sources,
            store: self.store.file_id,
            above_store: self.place.above_store(),
        };
        let restoring = Restoring::new(task, self.observer, self.cancel);
        let (tree, target) = (&self.reading.tree, self.place.dir());
        let walked = pool.install(|| restoring.walk(self.selection, tree, target));
        pool.broadcast(|_| xattr::leave_directory());
        walked.map_err(|error| Error::io("restore to", self.place.path(), error))?;
        if pass == Pass::Write && !restoring.is_stopping() {
            self.observer.on_event(&Event::Phase(Phase::Flushing));
            restoring.flush()?;
        }
        restoring.outcome()
    }

    /// The paths that the snapshot lacks because they could not be read.
    fn lacking(&self) -> BTreeSet<PathBuf> {
        let snapshot = &self.reading.snapshot;
        let lacking = snapshot.skipped.iter().cloned();
        lacking.map(|path| self.place.path_of(&path)).collect()
    }

    fn refuse_obstacles(&self, looked: &Findings) -> Result<()> {
        let Some(first) = looked.in_the_way.first() else {
            return Ok(());
        };
        for obstacle in &looked.in_the_way {
            self.observer.on_event(&Event::InTheWay(obstacle));
        }
        let message = match looked.in_the_way.len() {
            1 => format!(
                "{} is in the way; nothing was written",
                first.path.display()
            ),
            count => format!("{count} entries are in the way; nothing was written"),
        };
        let only_differ = |obstacle: &Obstacle| obstacle.reason == ObstacleReason::Differs;
        let hint = if looked.in_the_way.iter().all(only_differ) {
            "`--overwrite changed` replaces what differs, `--overwrite newer` what is older; or restore to an empty directory"
        } else {
            "move away what is in the way, or restore to an empty directory"
        };
        Err(Error::new(ErrorKind::InTheWay, message)
            .with_path(&first.path)
            .with_hint(hint))
    }

    fn report(&self, found: Findings, is_dry: bool) -> RestoreReport {
        let warnings = found.warning().into_iter().collect();
        RestoreReport {
            snapshot: self.reading.snapshot.name,
            target: self.place.path().to_owned(),
            counts: found.counts,
            in_the_way: found.in_the_way,
            deleted: if is_dry {
                found.extraneous
            } else {
                found.deleted
            },
            skipped: found.problems,
            damaged: found.damaged,
            warnings,
            elapsed: self.started.elapsed(),
        }
    }
}

/// Opens the directory that a name below `at` leads to, if it is one.
fn below(at: &Dir, path: &Path) -> Option<Dir> {
    let names = path.components().filter_map(|component| match component {
        std::path::Component::Normal(name) => CString::new(name.as_bytes()).ok(),
        _ => None,
    });
    let names: Vec<CString> = names.collect();
    let steps = names
        .iter()
        .map(|name| (name.as_c_str(), crate::fs::dir::Boundary::Stay));
    crate::node::open_chain(at, steps, crate::fs::dir::Access::Search).ok()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a fixture lies at a path")]
mod tests;
