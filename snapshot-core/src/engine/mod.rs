//! One backup: lock, tidy, walk, flush, publish, `latest`, prune.

mod choose;
mod preview;
mod work;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rayon::ThreadPool;

use crate::cancel::CancelToken;
use crate::capabilities::Capabilities;
use crate::engine::choose::{check_series, dated, free_name};
use crate::engine::work::Work;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::publish::{self, Latest};
use crate::layout;
use crate::name::SnapshotName;
use crate::options::{BackupOptions, Mode, Pruning};
use crate::prune;
use crate::record::{FORMAT, PathText, Record, RecordedProblem, SnapshotInfo};
use crate::report::{BackupReport, RemovalReport, Warning};
use crate::retention::{Policy, Status};
use crate::run::{dry_rules, now_monotonic, pool};
use crate::sources::Sources;
use crate::store::{Store, newest};
use crate::tidy;
use crate::walk::{Durability, Replicated, Replication, Selection};

impl Store {
    /// Makes a snapshot of the sources, publishes it, moves `latest` to it and
    /// prunes.
    ///
    /// What is equal to its basis in type, size, mtime, mode, owner and group
    /// becomes a hard link to it; all else is copied. Trouble with one entry is
    /// listed in the report and makes the snapshot partial.
    ///
    /// # Errors
    ///
    /// Nothing was published then, and what was published before is as it was.
    /// [`ErrorKind::StoreLocked`], [`ErrorKind::NoSources`],
    /// [`ErrorKind::SourceUnavailable`], [`ErrorKind::SourceIsStore`],
    /// [`ErrorKind::SourcesChanged`], [`ErrorKind::TimeTaken`],
    /// [`ErrorKind::LatestOccupied`], [`ErrorKind::UnsafeStore`],
    /// [`ErrorKind::NoSpace`], [`ErrorKind::FlushFailed`],
    /// [`ErrorKind::Cancelled`], [`ErrorKind::Io`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use hardsnap::{BackupOptions, CancelToken, Store};
    ///
    /// # fn main() -> hardsnap::Result<()> {
    /// # let now = chrono::DateTime::UNIX_EPOCH;
    /// let store = Store::open("/mnt/backup")?;
    /// let options = BackupOptions::new(["/home/alice"], now);
    /// let report = store.backup(&options, &(), &CancelToken::new())?;
    /// println!("{}: {} files copied", report.snapshot, report.counts.files_copied);
    /// # Ok(())
    /// # }
    /// ```
    pub fn backup(
        &self,
        options: &BackupOptions,
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<BackupReport> {
        let started = now_monotonic();
        let sources = Sources::resolve(&options.sources)?;
        sources.refuse_store(self.file_id, self.path())?;
        let run = Run {
            store: self,
            options,
            sources,
            observer,
            cancel,
            started,
        };
        match options.mode {
            Mode::DryRun => run.dry(),
            Mode::Act => run.act(),
        }
    }
}

/// One backup under way.
struct Run<'run> {
    store: &'run Store,
    options: &'run BackupOptions,
    sources: Sources,
    observer: &'run dyn Observer,
    cancel: &'run CancelToken,
    started: Instant,
}

impl Run<'_> {
    fn dry(&self) -> Result<BackupReport> {
        let snapshots = self.store.snapshots()?;
        check_series(self.store, self.options, &self.sources, &snapshots)?;
        let snapshot = free_name(self.store, self.options, self.cancel)?;
        let replicated = self.replicate(snapshot, &snapshots, None, &pool(self.options.jobs)?)?;
        let mut removal = RemovalReport::default();
        if let Some(policy) = self.policy() {
            let imagined = Some((snapshot, status(&replicated)));
            removal.removed = prune::plan_with(&snapshots, policy, dated(self.options), imagined)
                .removed_names()
                .collect();
        }
        Ok(report(
            snapshot,
            newest(&snapshots),
            replicated,
            removal,
            self.started.elapsed(),
        ))
    }

    fn act(&self) -> Result<BackupReport> {
        let store = self.store;
        let _lock = store.lock()?;
        self.refuse_occupied_latest()?;
        let pool = pool(self.options.jobs)?;
        let tidied = pool.install(|| tidy::tidy(store, self.observer, self.cancel))?;
        let (mut snapshots, unreadable) = store.sorted_out()?;
        check_series(store, self.options, &self.sources, &snapshots)?;
        let name = free_name(store, self.options, self.cancel)?;
        let basis = newest(&snapshots);
        let work = Work::make(store, name)?;
        let (mut replicated, info) =
            self.publish(&work, name, &snapshots, &pool)
                .map_err(|error| {
                    let error = work.explain(error);
                    work.abandon(&pool, &error);
                    error
                })?;
        replicated.warnings.extend(tidied.warning);
        if !unreadable.is_empty() {
            replicated.warnings.push(Warning::RecordsUnreadable {
                snapshots: unreadable,
            });
        }

        // From here on the snapshot is there, and whatever happens is part of
        // the report.
        snapshots.push(info);
        let lost = replicated.directory_lost.take();
        let pruned = store.repair_latest(&snapshots).and_then(|()| match &lost {
            None => self.prune(name, &snapshots, &pool),
            Some(_) => Ok(RemovalReport::default()),
        });
        let (removal, paused) = match pruned {
            Ok(removal) => {
                let why =
                    |path: PathBuf| format!("the directory {} could not be read", path.display());
                (removal, lost.filter(|_| self.policy().is_some()).map(why))
            }
            Err(error) => (RemovalReport::default(), Some(with_cause(&error))),
        };
        let mut report = report(name, basis, replicated, removal, self.started.elapsed());
        report.prune_paused = paused;
        report.left_behind.splice(0..0, tidied.left_behind);
        Ok(report)
    }

    fn refuse_occupied_latest(&self) -> Result<()> {
        let path = self.store.path().join(layout::LATEST);
        match publish::latest(&self.store.root) {
            Ok(Latest::Missing | Latest::Link(_)) => Ok(()),
            Ok(Latest::Occupied) => {
                let message = format!("{} is not a symlink", path.display());
                Err(Error::new(ErrorKind::LatestOccupied, message)
                    .with_path(path)
                    .with_hint(
                        "it is where the newest snapshot is to be found; move what is there away",
                    ))
            }
            Err(error) => Err(Error::io("read", path, error)),
        }
    }

    /// Builds the snapshot and lets it appear.
    fn publish(
        &self,
        work: &Work<'_>,
        name: SnapshotName,
        snapshots: &[SnapshotInfo],
        pool: &ThreadPool,
    ) -> Result<(Replicated, SnapshotInfo)> {
        let replicated = self.replicate(name, snapshots, Some(work), pool)?;
        let filled = work.filled(&self.record(name, snapshots, &replicated))?;
        self.cancel.check()?;
        self.observer.on_event(&Event::Phase(Phase::Flushing));
        Ok((replicated, filled.publish()?))
    }

    fn replicate(
        &self,
        name: SnapshotName,
        snapshots: &[SnapshotInfo],
        work: Option<&Work<'_>>,
        pool: &ThreadPool,
    ) -> Result<Replicated> {
        let store = self.store;
        let basis = newest(snapshots)
            .and_then(|name| snapshots.iter().find(|snapshot| snapshot.name == name));
        let tree = basis.map(|basis| {
            let path = store.path().join(basis.name.to_string());
            let tree = store
                .root
                .open_dir(&layout::tree(basis.name), Access::Read, Boundary::Stay);
            tree.map_err(|error| Error::io("open the basis", path, error))
        });
        let tree = tree.transpose()?;
        let mut distrusted = Vec::new();
        if let (Some(basis), Some(tree)) = (basis, &tree) {
            distrusted.extend(
                basis
                    .unstable
                    .iter()
                    .filter_map(|path| publish::inode_below(tree, path)),
            );
        }
        self.observer.on_event(&Event::Started {
            snapshot: name,
            basis: basis.map(|basis| basis.name),
            expected: basis.map(|basis| basis.counts),
        });
        self.observer.on_event(&Event::Phase(Phase::Walking));
        let target_path = store
            .path()
            .join(layout::CONTROL)
            .join(layout::WORK)
            .join(name.to_string());
        let target = work.map(|work| work.tree.reopen()).transpose();
        let capabilities = work.map(Work::probe).transpose()?;
        work.map_or(Ok(()), |work| work.refuse_if_full(basis))?;
        let replication = Replication {
            source: open_source_root(&self.sources.selection)?,
            source_path: Path::new("/"),
            selection: &self.sources.selection,
            basis: tree,
            target: target.map_err(|error| Error::io("open", &target_path, error))?,
            target_path: &target_path,
            rules: capabilities
                .as_ref()
                .map_or_else(dry_rules, Capabilities::rules),
            mounts: self.options.mounts,
            filter: &self.options.filter,
            durability: work.map_or(Durability::Whole, |work| work.durability),
            left_out: Some(store.file_id),
            distrusted,
            observer: self.observer,
            cancel: self.cancel,
        };
        let mut replicated = replication.run(pool)?;
        replicated
            .warnings
            .extend(capabilities.iter().flat_map(Capabilities::warnings));
        Ok(replicated)
    }

    fn record(
        &self,
        name: SnapshotName,
        snapshots: &[SnapshotInfo],
        replicated: &Replicated,
    ) -> Record {
        let sequence = snapshots
            .iter()
            .map(|snapshot| snapshot.sequence)
            .max()
            .unwrap_or_default()
            + 1;
        Record {
            format: FORMAT,
            store: self.store.id().to_owned(),
            name: name.to_string(),
            sequence,
            status: status(replicated).into(),
            held: false,
            note: self.options.note.clone(),
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            sources: self
                .sources
                .paths
                .iter()
                .map(|path| PathText::from(path.as_path()))
                .collect(),
            filters: self.options.filter.description(),
            basis: newest(snapshots).map(|basis| basis.to_string()),
            counts: replicated.counts,
            skipped: replicated
                .problems
                .iter()
                .map(RecordedProblem::from)
                .collect(),
        }
    }

    /// The policy that prunes after this run, if one does.
    fn policy(&self) -> Option<&Policy> {
        match &self.options.pruning {
            Pruning::By(policy) => Some(policy),
            Pruning::ByStore => Some(self.store.policy()),
            Pruning::Off => None,
        }
    }

    fn prune(
        &self,
        made: SnapshotName,
        snapshots: &[SnapshotInfo],
        pool: &ThreadPool,
    ) -> Result<RemovalReport> {
        let Some(policy) = self.policy() else {
            return Ok(RemovalReport::default());
        };
        // The run may have had to wait for a free second.
        let now = dated(self.options).max(made.time());
        let plan = prune::plan_with(snapshots, policy, now, None);
        let doomed: Vec<_> = plan.removed_names().collect();
        pool.install(|| prune::remove(self.store, &doomed, self.observer, self.cancel))
    }
}

fn report(
    snapshot: SnapshotName,
    basis: Option<SnapshotName>,
    replicated: Replicated,
    removal: RemovalReport,
    elapsed: Duration,
) -> BackupReport {
    BackupReport {
        snapshot,
        status: status(&replicated),
        basis,
        counts: replicated.counts,
        skipped: replicated.problems,
        warnings: replicated.warnings,
        removed: removal.removed,
        prune_paused: None,
        left_behind: removal.left_behind,
        elapsed,
    }
}

fn status(replicated: &Replicated) -> Status {
    if replicated.problems.is_empty() {
        Status::Complete
    } else {
        Status::Partial
    }
}

fn with_cause(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn open_source_root(selection: &Selection) -> Result<Dir> {
    let root = match selection {
        Selection::Whole => Dir::open(Path::new("/")),
        Selection::Only(_) => Dir::open_root(),
    };
    root.map_err(|error| Error::io("open", "/", error))
}
