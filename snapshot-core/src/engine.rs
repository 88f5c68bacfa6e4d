//! One backup: lock, tidy, walk, flush, publish, `latest`, prune.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::cancel::CancelToken;
use crate::compare::{Ownership, Rules};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::publish::{self, Latest};
use crate::fs::smallfile::{self, Flush};
use crate::fs::{make, remove};
use crate::layout;
use crate::name::SnapshotName;
use crate::node::open_files_limit;
use crate::options::{BackupOptions, Dated, Jobs, Mode, Pruning, Series};
use crate::prune;
use crate::record::{FORMAT, PathText, Record, RecordedProblem, SnapshotInfo};
use crate::report::{BackupReport, RemovalReport};
use crate::retention::Status;
use crate::sources::Sources;
use crate::store::{Store, directory_id, newest};
use crate::tidy;
use crate::walk::{Durability, Replicated, Replication, Selection};

impl BackupOptions {
    /// Checks, before anything is written, that every source is there and can
    /// be read, and that none is the directory `store` or lies in it.
    ///
    /// [`Store::backup`] checks the same; this is for callers that are about
    /// to make the store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSources`], [`ErrorKind::SourceUnavailable`],
    /// [`ErrorKind::SourceIsStore`].
    pub fn check(&self, store: &Path) -> Result<()> {
        let sources = Sources::resolve(&self.sources)?;
        match directory_id(store) {
            Ok(id) => sources.refuse_store(id, store),
            // One that does not exist is no source.
            Err(_) => Ok(()),
        }
    }
}

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

    /// Tells what a first backup into a store that is yet to be made would do.
    ///
    /// # Errors
    ///
    /// As [`Store::backup`], as far as they concern the sources.
    pub fn preview_first_backup(
        options: &BackupOptions,
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<BackupReport> {
        let started = now_monotonic();
        let sources = Sources::resolve(&options.sources)?;
        let snapshot = name_of(dated(options))?;
        observer.on_event(&Event::Started {
            snapshot,
            basis: None,
            expected: None,
        });
        observer.on_event(&Event::Phase(Phase::Walking));
        let replication = Replication {
            source: open_source_root(&sources.selection)?,
            source_path: Path::new("/"),
            selection: &sources.selection,
            basis: None,
            target: None,
            target_path: Path::new("/"),
            rules: dry_rules(),
            mounts: options.mounts,
            durability: Durability::Whole,
            left_out: None,
            distrusted: Vec::new(),
            observer,
            cancel,
        };
        let replicated = replication.run(&pool(options.jobs)?)?;
        Ok(report(
            snapshot,
            None,
            replicated,
            RemovalReport::default(),
            started.elapsed(),
        ))
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
        self.check_series(&snapshots)?;
        let snapshot = self.free_name()?;
        let replicated =
            self.replicate(snapshot, &snapshots, None, dry_rules(), Durability::Whole)?;
        let plan = prune::plan_with(
            &snapshots,
            self.policy(),
            dated(self.options),
            Some((snapshot, status(&replicated))),
        );
        let removal = match self.options.pruning {
            Pruning::Off => RemovalReport::default(),
            _ => RemovalReport {
                removed: plan.removed_names().collect(),
                ..RemovalReport::default()
            },
        };
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
        // An error of the writeback is told to handles that were open when it
        // happened: this one is there before the first byte.
        let flush = store
            .root
            .reopen()
            .map_err(|error| Error::io("open", store.path(), error))?;
        if publish::latest(&store.root)
            .map_err(|error| Error::io("read", store.path().join(layout::LATEST), error))?
            == Latest::Occupied
        {
            let path = store.path().join(layout::LATEST);
            return Err(Error::new(
                ErrorKind::LatestOccupied,
                format!("{} is not a symlink", path.display()),
            )
            .with_path(path)
            .with_hint("it is where the newest snapshot is to be found; move what is there away"));
        }
        let pool = pool(self.options.jobs)?;
        let tidied = pool.install(|| tidy::tidy(store, self.observer, self.cancel))?;
        let snapshots = store.snapshots()?;
        self.check_series(&snapshots)?;
        let snapshot = self.free_name()?;
        let work = Work::make(store, snapshot)?;
        let made = self
            .fill(&work, &snapshots, &flush, &pool)
            .and_then(|(replicated, info)| {
                work.publish(store, &flush)?;
                Ok((replicated, info))
            });
        let (mut replicated, info) = match made {
            Ok(made) => made,
            Err(error) => {
                work.abandon(store, &pool, &error);
                return Err(error);
            }
        };
        replicated.warnings.extend(tidied);

        // From here on the snapshot is there, and whatever happens is part of
        // the report.
        let mut all = snapshots.clone();
        all.push(info);
        let latest = store.repair_latest(&all);
        let mut removal = RemovalReport::default();
        let mut paused = latest.err().map(|error| with_cause(&error));
        if paused.is_none() {
            match self.prune(&pool) {
                Ok(done) => removal = done,
                Err(error) => paused = Some(with_cause(&error)),
            }
        }
        let mut report = report(
            snapshot,
            newest(&snapshots),
            replicated,
            removal,
            self.started.elapsed(),
        );
        report.prune_paused = paused;
        Ok(report)
    }

    fn policy(&self) -> &crate::retention::Policy {
        match &self.options.pruning {
            Pruning::By(policy) => policy,
            Pruning::ByStore | Pruning::Off => self.store.policy(),
        }
    }

    fn prune(&self, pool: &ThreadPool) -> Result<RemovalReport> {
        if matches!(self.options.pruning, Pruning::Off) {
            return Ok(RemovalReport::default());
        }
        let plan = prune::plan_with(
            &self.store.snapshots()?,
            self.policy(),
            dated(self.options),
            None,
        );
        let doomed: Vec<_> = plan.removed_names().collect();
        pool.install(|| prune::remove(self.store, &doomed, self.observer, self.cancel))
    }

    /// Writes tree and record, so that only the flush and the rename are left.
    fn fill(
        &self,
        work: &Work,
        snapshots: &[SnapshotInfo],
        flush: &Dir,
        pool: &ThreadPool,
    ) -> Result<(Replicated, SnapshotInfo)> {
        let store = self.store;
        let failed = |error| Error::io("write", store.path(), error);
        let ownership = make::probe_ownership(&work.tree).map_err(failed)?;
        self.refuse_foreign_owner(ownership)?;
        let is_fuse = publish::is_fuse(flush).map_err(failed)?;
        let durability = if is_fuse {
            Durability::Each
        } else {
            Durability::Whole
        };
        let replicated = self.replicate_on(
            work.name,
            snapshots,
            Some(work),
            Rules { ownership },
            durability,
            pool,
        )?;
        let record = self.record(work.name, snapshots, &replicated);
        let text = serde_json::to_string_pretty(&record)
            .map_err(|error| failed(io::Error::other(error)))?;
        let file = layout::record(work.name);
        let how = if is_fuse { Flush::Now } else { Flush::Later };
        smallfile::replace(&store.records, &file, text.as_bytes(), how).map_err(|error| {
            store.failed("write", &format!("{}/{file}", layout::RECORDS), error)
        })?;
        let info = SnapshotInfo::of_record(&record, work.name, store.id())
            .ok_or_else(|| Error::new(ErrorKind::Io, "the new record does not read back"))?;
        self.cancel.check()?;
        self.observer.on_event(&Event::Phase(Phase::Flushing));
        Ok((replicated, info))
    }

    /// Who may write the store could exchange what is in it under our hands.
    fn refuse_foreign_owner(&self, ownership: Ownership) -> Result<()> {
        let store = self.store;
        let owner = store
            .root
            .stat_self()
            .map_err(|error| Error::io("read", store.path(), error))?
            .uid;
        let ours = match ownership {
            Ownership::Kept { made_as: (uid, _) } | Ownership::Fixed { uid, .. } => uid,
        };
        if owner == ours || owner == 0 {
            return Ok(());
        }
        let message = format!(
            "the store {} belongs to user {owner}, who could change it meanwhile",
            store.path().display()
        );
        Err(Error::new(ErrorKind::UnsafeStore, message)
            .with_path(store.path())
            .with_hint("run as its owner, or make it yours with chown"))
    }

    fn replicate(
        &self,
        name: SnapshotName,
        snapshots: &[SnapshotInfo],
        work: Option<&Work>,
        rules: Rules,
        durability: Durability,
    ) -> Result<Replicated> {
        self.replicate_on(
            name,
            snapshots,
            work,
            rules,
            durability,
            &pool(self.options.jobs)?,
        )
    }

    fn replicate_on(
        &self,
        name: SnapshotName,
        snapshots: &[SnapshotInfo],
        work: Option<&Work>,
        rules: Rules,
        durability: Durability,
        pool: &ThreadPool,
    ) -> Result<Replicated> {
        let store = self.store;
        let basis = newest(snapshots)
            .and_then(|name| snapshots.iter().find(|snapshot| snapshot.name == name));
        let tree = basis.map(|basis| {
            store
                .root
                .open_dir(&layout::tree(basis.name), Access::Read, Boundary::Stay)
        });
        let tree = tree
            .transpose()
            .map_err(|error| Error::io("open the basis in", store.path(), error))?;
        let unstable = basis.map_or(&[][..], |basis| &basis.unstable);
        let distrusted = match &tree {
            Some(tree) => unstable
                .iter()
                .filter_map(|path| publish::inode_below(tree, path))
                .collect(),
            None => Vec::new(),
        };
        self.observer.on_event(&Event::Started {
            snapshot: name,
            basis: basis.map(|basis| basis.name),
            expected: basis.map(|basis| basis.counts),
        });
        self.observer.on_event(&Event::Phase(Phase::Walking));
        let target = work.map(|work| work.tree.reopen()).transpose();
        let target_path = store
            .path()
            .join(layout::CONTROL)
            .join(layout::WORK)
            .join(name.to_string());
        let replication = Replication {
            source: open_source_root(&self.sources.selection)?,
            source_path: Path::new("/"),
            selection: &self.sources.selection,
            basis: tree,
            target: target.map_err(|error| Error::io("open", &target_path, error))?,
            target_path: &target_path,
            rules,
            mounts: self.options.mounts,
            durability,
            left_out: Some(store.file_id),
            distrusted,
            observer: self.observer,
            cancel: self.cancel,
        };
        replication.run(pool)
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
            basis: newest(snapshots).map(|basis| basis.to_string()),
            counts: replicated.counts,
            skipped: replicated
                .problems
                .iter()
                .map(RecordedProblem::from)
                .collect(),
        }
    }

    /// A store holds one series: other sources would look like mass removal.
    fn check_series(&self, snapshots: &[SnapshotInfo]) -> Result<()> {
        let Some(last) = snapshots.last() else {
            return Ok(());
        };
        if self.options.series == Series::Change || last.sources == self.sources.paths {
            return Ok(());
        }
        let list = |paths: &[std::path::PathBuf]| {
            paths
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let message = format!(
            "the store {} holds snapshots of {}, not of {}",
            self.store.path().display(),
            list(&last.sources),
            list(&self.sources.paths)
        );
        Err(Error::new(ErrorKind::SourcesChanged, message)
            .with_path(self.store.path())
            .with_hint("--change-sources takes the new ones from now on; or use another store"))
    }

    /// Finds the snapshot's name; a second run in the same second waits.
    fn free_name(&self) -> Result<SnapshotName> {
        let mut name = name_of(dated(self.options))?;
        let is_taken = |name: SnapshotName| match self.store.root.stat(&layout::tree(name)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io(
                "look for",
                self.store.path().join(name.to_string()),
                error,
            )),
        };
        while is_taken(name)? {
            if matches!(self.options.dated, Dated::Exactly(_)) {
                return Err(Error::new(
                    ErrorKind::TimeTaken,
                    format!("there is a snapshot {name} already"),
                )
                .with_path(self.store.path().join(name.to_string()))
                .with_hint("give another time"));
            }
            let waited_from = now_monotonic();
            while self.options.mode == Mode::Act && waited_from.elapsed() < Duration::from_secs(1) {
                self.cancel.check()?;
                std::thread::sleep(Duration::from_millis(20));
            }
            name = name
                .next()
                .map_err(|error| Error::new(ErrorKind::InvalidOption, error.to_string()))?;
        }
        Ok(name)
    }
}

/// A snapshot in the making; only this one can be published.
struct Work {
    name: SnapshotName,
    all: Dir,
    tree: Dir,
}

impl Work {
    fn make(store: &Store, name: SnapshotName) -> Result<Work> {
        let all = store.open_control(layout::WORK)?;
        let tree = make::directory(&all, &layout::tree(name))
            .map_err(|error| store.failed("make", &format!("{}/{name}", layout::WORK), error))?;
        Ok(Work { name, all, tree })
    }

    /// Flushes everything, then lets the snapshot appear.
    fn publish(&self, store: &Store, flush: &Dir) -> Result<()> {
        // Never again after a failure: the kernel tells an error once and
        // forgets what it could not write.
        publish::flush(flush).map_err(|error| {
            Error::io("flush", store.path(), error)
                .with_kind(ErrorKind::FlushFailed)
                .with_hint(
                    "the destination could not store what was written; nothing was published",
                )
        })?;
        let tree = layout::tree(self.name);
        let published =
            publish::rename(&self.all, &tree, &store.root, &tree).and_then(|()| store.root.sync());
        published
            .map_err(|error| Error::io("publish", store.path().join(self.name.to_string()), error))
    }

    /// Clears away what will not be published, as far as that is possible;
    /// the next run takes care of what remains.
    fn abandon(&self, store: &Store, pool: &ThreadPool, error: &Error) {
        if store.has_tree(self.name) {
            // It was renamed, and only then something failed: it counts.
            return;
        }
        let _ = smallfile::remove(&store.records, &layout::record(self.name));
        if error.kind() != ErrorKind::Cancelled {
            let root = store.path().join(layout::CONTROL).join(layout::WORK);
            let never = CancelToken::new();
            let _ =
                pool.install(|| remove::tree(&self.all, &layout::tree(self.name), &root, &never));
        }
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

fn dated(options: &BackupOptions) -> chrono::DateTime<chrono::Utc> {
    match options.dated {
        Dated::Now(time) | Dated::Exactly(time) => time,
    }
}

fn name_of(time: chrono::DateTime<chrono::Utc>) -> Result<SnapshotName> {
    SnapshotName::from_time(time)
        .map_err(|error| Error::new(ErrorKind::InvalidOption, error.to_string()))
}

/// What a dry run takes for granted of a destination that it does not touch.
pub(crate) fn dry_rules() -> Rules {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let (uid, gid) = (uid.as_raw(), gid.as_raw());
    let ownership = if uid == 0 {
        Ownership::Kept {
            made_as: (uid, gid),
        }
    } else {
        Ownership::Fixed { uid, gid }
    };
    Rules { ownership }
}

fn open_source_root(selection: &Selection) -> Result<Dir> {
    let root = match selection {
        Selection::Whole => Dir::open(Path::new("/")),
        Selection::Only(_) => Dir::open_root(),
    };
    root.map_err(|error| Error::io("open", "/", error))
}

/// The engine's own threads; never the global pool, which belongs to others.
pub(crate) fn pool(jobs: Jobs) -> Result<ThreadPool> {
    let wanted = match jobs {
        Jobs::Exactly(jobs) => jobs.get(),
        Jobs::Auto => std::thread::available_parallelism()
            .map_or(2, NonZeroUsize::get)
            .max(2),
    };
    // Each worker needs some open files.
    let threads = wanted.min(open_files_limit() / 64).max(1);
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|number| format!("hardsnap-{number}"))
        .build()
        .map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("cannot start {threads} threads: {error}"),
            )
        })
}

#[allow(
    clippy::disallowed_methods,
    reason = "for telling how long a run took; decides nothing"
)]
pub(crate) fn now_monotonic() -> Instant {
    Instant::now()
}
