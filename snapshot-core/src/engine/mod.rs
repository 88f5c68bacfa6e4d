//! One backup: lock, tidy, walk, flush, publish, `latest`, prune.

mod afterwards;
mod choose;
mod describe;
mod known;
mod preview;
mod reuse;
mod space;
mod work;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rayon::ThreadPool;

use crate::cancel::CancelToken;
use crate::capabilities::Capabilities;
use crate::catalog::Session;
use crate::compare::{Names, Rules};
use crate::engine::choose::{check_series, free_name};
use crate::engine::known::{first_warning, warn_of_damage};
use crate::engine::reuse::{Published, Reusable};
use crate::engine::work::Work;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::publish::{self, Latest};
use crate::guard::Pause;
use crate::layout;
use crate::name::SnapshotName;
use crate::options::{BackupOptions, Mode, Recycling};
use crate::record::SnapshotInfo;
use crate::report::{BackupReport, RemovalReport, Warning};
use crate::retention::Status;
use crate::run::{dry_rules, now_monotonic, pool};
use crate::sources::Sources;
use crate::store::{Spares, Store, newest};
use crate::tidy::{self, Unfinished};
use crate::walk::{Durability, Ledger, Replicated, Replication, Selection};

impl Store {
    /// Makes a snapshot of the sources, publishes it, moves `latest` to it and
    /// prunes.
    ///
    /// What is equal to its basis in type, size, mtime, mode, owner and group
    /// becomes a hard link to it; all else is copied. Trouble with one entry is
    /// listed in the report and makes the snapshot partial.
    ///
    /// If a source looks as if it had been lost, the snapshot is published as
    /// suspect: `latest` does not move to it, and it is never a basis until it
    /// is [accepted](Store::accept). Nothing is removed then, nor when the
    /// clock looks wrong; the report says why.
    ///
    /// # Errors
    ///
    /// Nothing was published then, and what was published before is as it was.
    /// [`ErrorKind::StoreLocked`], [`ErrorKind::NoSources`],
    /// [`ErrorKind::SourceUnavailable`], [`ErrorKind::SourceIsStore`],
    /// [`ErrorKind::SourcesChanged`], [`ErrorKind::TimeTaken`],
    /// [`ErrorKind::LatestOccupied`], [`ErrorKind::UnsafeStore`],
    /// [`ErrorKind::LinksUnsupported`], [`ErrorKind::NoSpace`], [`ErrorKind::FlushFailed`],
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
            is_spoiled: AtomicBool::new(false),
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
    /// The tree that was to be reused is of no use.
    is_spoiled: AtomicBool,
}

impl Run<'_> {
    fn dry(&self) -> Result<BackupReport> {
        let mut snapshots = self.store.snapshots()?;
        check_series(self.store, self.options, &self.sources, &snapshots)?;
        let snapshot = free_name(self.store, self.options, self.cancel)?;
        let state = self.store.state()?;
        let mut session = self.store.look_at_catalog()?;
        let pool = pool(self.options.jobs, &[&self.store.root])?;
        let (mut replicated, ..) =
            self.replicate(snapshot, &snapshots, None, None, &mut session, &pool)?;
        let basis = newest(&snapshots).map(|basis| basis.name);
        let record = self.record(snapshot, &snapshots, &state, &replicated);
        let imagined = self.info(&record, snapshot)?;
        snapshots.push(imagined.clone());
        let lost = replicated.directory_lost.take();
        let judged = self.judge(snapshot, &snapshots, &state, lost);
        let mut removal = RemovalReport::default();
        match judged.plan {
            Some(plan) if judged.pause.is_none() => removal.removed.extend(plan.removed_names()),
            _ => {}
        }
        removal.prune_paused = judged.pause;
        let elapsed = self.started.elapsed();
        Ok(BackupReport {
            status: imagined.status,
            suspicions: imagined.suspicions,
            ..report(snapshot, basis, replicated, removal, elapsed)
        })
    }

    fn act(&self) -> Result<BackupReport> {
        let store = self.store;
        let _lock = store.lock()?;
        self.refuse_occupied_latest()?;
        let pool = pool(self.options.jobs, &[&self.store.root])?;
        let unfinished = match self.options.recycling {
            Recycling::IfPossible => Unfinished::Kept,
            Recycling::Off => Unfinished::Removed,
        };
        let tidied = pool.install(|| tidy::tidy(store, unfinished, self.observer, self.cancel))?;
        let (mut snapshots, unreadable) = (tidied.snapshots, tidied.unreadable);
        check_series(store, self.options, &self.sources, &snapshots)?;
        let name = free_name(store, self.options, self.cancel)?;
        let basis = newest(&snapshots).map(|basis| basis.name);
        let spare = tidied.spare.as_ref();
        let (session, moved) = store.begin_catalog(
            &snapshots,
            &unreadable,
            spare,
            self.options.cache.as_deref(),
            self.observer,
            self.cancel,
        )?;
        let old = self.reusable(spare, tidied.has_unfinished, basis);
        if old.is_none() {
            self.remove_unused(tidied.has_unfinished, &pool);
        }
        let (published, session) =
            self.publish(name, &snapshots, &unreadable, old.as_ref(), session, &pool)?;
        let Published {
            mut replicated,
            made,
            news,
            recycled,
            state,
        } = published;
        if recycled.is_none() {
            self.remove_unused(tidied.has_unfinished, &pool);
        }
        let mut spares = Spares {
            there: tidied.spare.filter(|_| recycled.is_none()),
            chosen: None,
        };
        replicated.warnings.extend(tidied.warning);
        replicated.warnings.extend(moved);
        if !unreadable.is_empty() {
            replicated.warnings.push(Warning::RecordsUnreadable {
                snapshots: unreadable.clone(),
            });
        }

        let ahead: Vec<_> = snapshots
            .iter()
            .map(|snapshot| snapshot.name)
            .filter(|other| *other > name)
            .collect();
        if !ahead.is_empty() {
            replicated
                .warnings
                .push(Warning::DatedInFuture { snapshots: ahead });
        }

        // From here on the snapshot is there, and whatever happens is part of
        // the report.
        snapshots.push(made.clone());
        let lost = replicated.directory_lost.take();
        let pruned = store
            .repair_latest(&snapshots)
            .and_then(|()| self.prune(name, &snapshots, lost, &state, &mut spares, &pool));
        let removal = pruned.unwrap_or_else(|error| RemovalReport {
            prune_paused: Some(Pause::Failed {
                message: with_cause(&error),
            }),
            ..RemovalReport::default()
        });
        snapshots.retain(|snapshot| !removal.removed.contains(&snapshot.name));
        let warnings = &mut replicated.warnings;
        self.settle_catalog(
            &session,
            news,
            &snapshots,
            &unreadable,
            spares.there.as_ref(),
            warnings,
        );
        let elapsed = self.started.elapsed();
        let mut report = BackupReport {
            status: made.status,
            suspicions: made.suspicions,
            recycled: recycled.and_then(|recycled| recycled.name),
            ..report(name, basis, replicated, removal, elapsed)
        };
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

    /// Builds the snapshot and lets it appear. If the tree that was to be reused
    /// turns out to be of no use, it is done once more without.
    fn publish<'s>(
        &'s self,
        name: SnapshotName,
        snapshots: &[SnapshotInfo],
        unreadable: &[SnapshotName],
        old: Option<&Reusable>,
        mut session: Session<'s>,
        pool: &ThreadPool,
    ) -> Result<(Published<'s>, Session<'s>)> {
        let mut work = Work::make(self.store, name)?;
        let mut published = self.publish_once(&work, snapshots, old, &mut session, pool);
        if self.is_spoiled.load(Ordering::Relaxed) {
            if let Err(error) = published {
                drop(session);
                work = work.begin_anew(pool)?;
                (session, _) = self.store.begin_catalog(
                    snapshots,
                    unreadable,
                    None,
                    self.options.cache.as_deref(),
                    self.observer,
                    self.cancel,
                )?;
                published = self.publish_once(&work, snapshots, None, &mut session, pool);
                if let Ok(published) = &mut published {
                    let reason = with_cause(&error);
                    let warning = Warning::NotRecycled { reason };
                    published.replicated.warnings.push(warning);
                }
            }
        }
        match published {
            Ok(published) => Ok((published, session)),
            Err(error) => {
                let error = work.explain(error);
                work.abandon(pool, &error);
                Err(error)
            }
        }
    }

    fn publish_once<'s>(
        &'s self,
        work: &Work<'_>,
        snapshots: &[SnapshotInfo],
        old: Option<&Reusable>,
        session: &mut Session<'s>,
        pool: &ThreadPool,
    ) -> Result<Published<'s>> {
        let name = work.name;
        let (mut replicated, mut ledger, rules, is_reused) =
            self.replicate(name, snapshots, Some(work), old, session, pool)?;
        let state = self.store.state()?;
        let record = self.record(name, snapshots, &state, &replicated);
        let state = self.count_on(work, &record, snapshots, &state)?;
        let filled = work.filled(&record)?;
        self.cancel.check()?;
        let completed = self.complete_log(&mut ledger, work, &rules, record.sequence);
        let mut news = completed.unwrap_or_else(|warning| {
            replicated.warnings.push(warning);
            None
        });
        self.observer.on_event(&Event::Phase(Phase::Flushing));
        // While the disk is waited for there is time for the catalog.
        let made = pool.in_place_scope(|scope| {
            if let Some(news) = &mut news {
                scope.spawn(|_| news.prepare(session));
            }
            filled.publish()
        })?;
        Ok(Published {
            replicated,
            made,
            news,
            recycled: old.filter(|_| is_reused).cloned(),
            state,
        })
    }

    fn replicate<'s>(
        &self,
        name: SnapshotName,
        snapshots: &[SnapshotInfo],
        work: Option<&Work<'_>>,
        old: Option<&Reusable>,
        session: &mut Session<'s>,
        pool: &ThreadPool,
    ) -> Result<(Replicated, Ledger<'s>, Rules, bool)> {
        let store = self.store;
        let basis = newest(snapshots);
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
        let target_path = store.path_of(layout::WORK).join(name.to_string());
        let capabilities = match work {
            Some(work) => Some(work.capabilities(self.options.full_copies)?),
            None => store.known_capabilities().cloned(),
        };
        let rules = capabilities
            .as_ref()
            .map_or_else(dry_rules, Capabilities::rules);
        let is_fit = rules.names == Names::Exact && store.inode_numbers().are_lasting();
        let old = old.filter(|_| is_fit);
        if let (Some(work), Some(capabilities), None) = (work, &capabilities, old) {
            self.refuse_if_full(work, basis, capabilities, pool)?;
        }
        let unusable = first_warning(session, basis);
        let spare = old.and_then(Reusable::spare);
        let (ledger, told) =
            self.ledger(session, basis, tree.as_ref(), &rules, work, spare.as_ref())?;
        let (reused, target) = match work.zip(old) {
            Some((work, old)) => {
                let (reused, tree) = self.reuse(work, old, told)?;
                (Some(reused), Ok(Some(tree)))
            }
            None => (None, work.map(|work| work.tree.reopen()).transpose()),
        };
        let replication = Replication {
            source: open_source_root(&self.sources.selection)?,
            source_path: Path::new("/"),
            selection: &self.sources.selection,
            sources: &self.sources.paths,
            basis: tree,
            target: target.map_err(|error| Error::io("open", &target_path, error))?,
            target_path: &target_path,
            rules,
            mounts: self.options.mounts,
            named: &self.sources.named,
            filter: &self.options.filter,
            durability: work.map_or(Durability::Whole, |work| work.durability),
            left_out: Some(store.file_id),
            distrusted,
            ledger: Some(&ledger),
            reused: reused.as_ref(),
            observer: self.observer,
            cancel: self.cancel,
        };
        let replicated = replication.run(pool);
        if let Some(reused) = &reused {
            self.end_reuse(reused, &replicated, pool);
        }
        let mut replicated = replicated?;
        replicated.warnings.extend(unusable);
        warn_of_damage(&mut replicated.warnings, session.damaged);
        replicated
            .warnings
            .extend(capabilities.iter().flat_map(Capabilities::warnings));
        replicated
            .warnings
            .extend(self.sources.warnings(&self.options.filter));
        Ok((replicated, ledger, rules, reused.is_some()))
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
        status: if replicated.problems.is_empty() {
            Status::Complete
        } else {
            Status::Partial
        },
        suspicions: Vec::new(),
        basis,
        recycled: None,
        counts: replicated.counts,
        skipped: replicated.problems,
        warnings: replicated.warnings,
        removed: removal.removed,
        prune_paused: removal.prune_paused,
        left_behind: removal.left_behind,
        elapsed,
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
