//! Stores.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hardsnap::{
    BackupOptions, BasisCheck, Deletion, FullCopies, Hashes, InitOptions, Reading, Recycling,
    Series, SnapshotInfo, Spare,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple, PyType};

use crate::argument::{self, FsPath, FsPaths, Texts, jobs, mode, mounts, snapshot_names};
use crate::cancel::CancelToken;
use crate::catalog::Catalog;
use crate::error::raised;
use crate::instant::aware;
use crate::options::{self, Filters, pruning};
use crate::policy::RetentionPolicy;
use crate::prune::PrunePlan;
use crate::report;
use crate::run::Watch;

/// A store, the destination of backups: `Store(path)` opens one.
///
/// A store is any directory with the marker `.hardsnap/store.toml`. It can be
/// used from several threads, of which one at a time can write to it. As a
/// context manager it is closed at the end.
///
/// Args:
///     path: The directory (str, bytes or os.PathLike).
///
/// Raises:
///     NotAStoreError: There is no marker.
///     UnsupportedFormatError: A newer version made it, or the marker is damaged.
///     UnsafeStoreError: Its group or others may write it.
///     OperationError: A call of the system failed.
#[pyclass(frozen, module = "hardsnap")]
pub(crate) struct Store {
    pub(crate) path: std::path::PathBuf,
    id: String,
    policy: hardsnap::retention::Policy,
    /// Closed stores have none.
    open: Mutex<Option<Arc<hardsnap::Store>>>,
}

impl Store {
    fn of(store: hardsnap::Store) -> Store {
        Store {
            path: store.path().to_owned(),
            id: store.id().to_owned(),
            policy: store.policy().clone(),
            open: Mutex::new(Some(Arc::new(store))),
        }
    }

    pub(crate) fn engine(&self) -> PyResult<Arc<hardsnap::Store>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clone()
            .ok_or_else(|| PyValueError::new_err("the store is closed"))
    }

    fn infos(&self, py: Python<'_>) -> PyResult<Vec<SnapshotInfo>> {
        let store = self.engine()?;
        py.detach(|| store.snapshots()).map_err(raised)
    }
}

#[pymethods]
impl Store {
    #[new]
    #[pyo3(signature = (path))]
    fn new(py: Python<'_>, path: FsPath) -> PyResult<Store> {
        let store = py.detach(|| hardsnap::Store::open(path.0));
        store.map(Store::of).map_err(raised)
    }

    /// Opens a store, as `Store(path)` does.
    #[classmethod]
    fn open(_class: &Bound<'_, PyType>, py: Python<'_>, path: FsPath) -> PyResult<Store> {
        Store::new(py, path)
    }

    /// Makes a store in the directory `path`, which is made too if it is missing
    /// (but not the directories above it).
    ///
    /// A directory that exists becomes its owner's alone (mode 0700). What else
    /// is in it is left alone.
    ///
    /// Args:
    ///     path: The directory (str, bytes or os.PathLike).
    ///     policy: The retention policy that the store keeps. None: the default one.
    ///     allow_full_copies: Whether a destination without hard links will do,
    ///         where each snapshot takes as much room as the sources.
    ///     spare: Whether the newest tree that retention gives up is kept, for the
    ///         next snapshot to be made of it, while a tenth of the filesystem is
    ///         free. Otherwise it is removed at once.
    ///     notify: Is called with each Notice, such as that the destination
    ///         keeps no owners.
    ///
    /// Raises:
    ///     AlreadyAStoreError, LinksUnsupportedError, OperationError.
    ///     NotMountedError: fstab names the path, or a directory above it, as a
    ///         mount point, and nothing is mounted there.
    ///     UnsafeStoreError: The directory cannot be made private, or is a
    ///         shared one like /tmp.
    #[classmethod]
    #[pyo3(signature = (path, *, policy=None, allow_full_copies=false, spare=true, notify=None))]
    fn init(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        path: FsPath,
        policy: Option<&RetentionPolicy>,
        allow_full_copies: bool,
        spare: bool,
        notify: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Store> {
        let mut options = InitOptions::new();
        if let Some(policy) = policy {
            options = options.policy(policy.0.clone());
        }
        if allow_full_copies {
            options = options.full_copies(FullCopies::Allowed);
        }
        if !spare {
            options = options.spare(Spare::Off);
        }
        let watch = Watch::new(None, notify, None)?;
        let store = watch.over(py, |observer, _| {
            hardsnap::Store::init(path.0, &options, observer)
        });
        store.map(Store::of)
    }

    /// The absolute path that the store was opened at (pathlib.Path).
    #[getter]
    fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// The store's own id, a UUID (str).
    #[getter]
    fn id(&self) -> &str {
        &self.id
    }

    /// The retention policy that the store keeps (RetentionPolicy).
    #[getter]
    fn policy(&self) -> RetentionPolicy {
        RetentionPolicy(self.policy.clone())
    }

    /// The published snapshots, in the order in which they were made
    /// (tuple[SnapshotInfo, ...]). They are read anew each time.
    ///
    /// Raises:
    ///     OperationError: The records cannot be read.
    #[getter]
    fn snapshots<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let infos = self.infos(py)?;
        let made = infos
            .iter()
            .map(|info| report::snapshot(py, &self.path, info));
        PyTuple::new(py, made.collect::<PyResult<Vec<_>>>()?)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.snapshots(py)?.try_iter()
    }

    /// Finds a snapshot by its full name, by a beginning of one that no other
    /// has, by "latest", or by "latest~N", the N-th before it.
    ///
    /// Args:
    ///     name: What to look for (str).
    ///
    /// Returns:
    ///     SnapshotInfo: The snapshot.
    ///
    /// Raises:
    ///     UnknownSnapshotError, AmbiguousSnapshotError, OperationError.
    fn resolve<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let store = self.engine()?;
        let found = py.detach(|| store.resolve(name)).map_err(raised)?;
        report::snapshot(py, &self.path, &found)
    }

    /// Opens the catalog, to be asked about the snapshots that there are now. It
    /// is only read, also beside a run, and closed with its last iterator.
    ///
    /// Returns:
    ///     Catalog: What the store remembers of all its snapshots.
    ///
    /// Raises:
    ///     CatalogUnusableError: There is none, or it is damaged.
    ///     UnsupportedFormatError: A newer version wrote it.
    ///     StoreLockedError: A run writes to it all the time.
    ///     OperationError: A call of the system failed.
    fn catalog(&self, py: Python<'_>) -> PyResult<Catalog> {
        let store = self.engine()?;
        py.detach(|| store.catalog()).map(Catalog).map_err(raised)
    }

    /// Makes a snapshot of `sources`, publishes it and prunes.
    ///
    /// Ctrl-C, or an exception in a callback, stops the run within a second;
    /// what was raised then is raised here, with the store's lock freed. Unless
    /// the run was all but done, nothing is published, and the next one tidies up.
    ///
    /// Of patterns, those of `exclude_from` come first, then those of `exclude`,
    /// then those of `include`: the last one that matches counts. They have the
    /// syntax of .gitignore, seen from the root of each source.
    ///
    /// Args:
    ///     sources: What to back up: one path or several (str, bytes or
    ///         os.PathLike). Each lands at its absolute path in the snapshot.
    ///     exclude: A pattern, or several, of what is left out.
    ///     include: A pattern, or several, of what is taken after all.
    ///     exclude_from: A file, or several, with patterns, one a line.
    ///     exclude_if_present: A name, or several: the content of a directory
    ///         that holds an entry of that name is left out.
    ///     exclude_caches: Whether to leave out what a CACHEDIR.TAG marks.
    ///     exclude_nodump: Whether to leave out what has the attribute nodump.
    ///     exclude_larger_than: The largest size of a file that is taken: bytes
    ///         as int, or a text such as "1.5G", in powers of 1,024.
    ///     mounts: Which mounts below the sources are entered: "local" (not
    ///         network, FUSE and autofs mounts), "one-file-system" (none) or
    ///         "all". Pseudo filesystems never are.
    ///     jobs: The number of worker threads. None: as many as there are
    ///         processors, and at least two.
    ///     time: Dates the snapshot exactly (aware datetime); that is then also
    ///         the now of pruning.
    ///     dry_run: Whether to write nothing, and tell what would be done.
    ///     change_sources: Whether the sources may be others than before.
    ///     allow_full_copies: Whether a destination that has no hard links any
    ///         more will do.
    ///     checksum: Whether every file is read, to compare its content by its
    ///         hash with what was recorded. Those without a recorded hash are
    ///         copied.
    ///     check_basis: Whether each stored file of the snapshot before is looked
    ///         at, in place of the record of it.
    ///     hashes: Whether hashes (BLAKE3) of the files that are copied are
    ///         computed and kept.
    ///     recycle: Whether the snapshot may be made of the spare, the tree of an
    ///         expired one, or of what a run has left that was cut short. A new
    ///         tree is made otherwise, and the spare stays for the next run.
    ///     prune: Whether expired snapshots are removed afterwards, by the
    ///         store's policy (True) or by another one (RetentionPolicy).
    ///     note: A text that the snapshot's record keeps (str).
    ///     cache_dir: A folder for a copy of the store's catalog, which is kept
    ///         there for the next run if the store is on a file server.
    ///     progress: Is called with a Progress about ten times a second, on the
    ///         calling thread.
    ///     notify: Is called with each Problem and each Notice as it comes, on
    ///         the calling thread.
    ///     cancel: A CancelToken that stops the run from elsewhere.
    ///
    /// Returns:
    ///     BackupReport: What was done. Entries that could not be read are in
    ///     its `skipped`; they raise nothing.
    ///
    /// Raises:
    ///     StoreLockedError: Another run is under way.
    ///     NoSourcesError, SourceUnavailableError, SourceIsStoreError.
    ///     SourcesChangedError: The sources are not those of the last snapshot.
    ///     TimeTakenError: There is a snapshot of that time.
    ///     NoSpaceError, FlushFailedError, InvalidOptionError, CancelledError,
    ///     LatestOccupiedError, LinksUnsupportedError, OperationError.
    #[pyo3(
        signature = (
            sources, *, exclude=None, include=None, exclude_from=None, exclude_if_present=None,
            exclude_caches=false, exclude_nodump=false, exclude_larger_than=None, mounts="local",
            jobs=None, time=None, dry_run=false, change_sources=false, allow_full_copies=false,
            checksum=false, check_basis=false, hashes=true, recycle=true, prune=None, note=None, cache_dir=None,
            progress=None, notify=None, cancel=None,
        ),
        text_signature = "($self, sources, *, exclude=(), include=(), exclude_from=(), \
            exclude_if_present=(), exclude_caches=False, exclude_nodump=False, \
            exclude_larger_than=None, mounts='local', jobs=None, time=None, dry_run=False, \
            change_sources=False, allow_full_copies=False, checksum=False, check_basis=False, \
            hashes=True, recycle=True, prune=True, note=None, cache_dir=None, progress=None, notify=None, cancel=None)",
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a keyword of the method in Python"
    )]
    fn backup<'py>(
        &self,
        py: Python<'py>,
        sources: FsPaths,
        exclude: Option<Texts>,
        include: Option<Texts>,
        exclude_from: Option<FsPaths>,
        exclude_if_present: Option<Texts>,
        exclude_caches: bool,
        exclude_nodump: bool,
        exclude_larger_than: Option<Bound<'py, PyAny>>,
        mounts: &str,
        jobs: Option<i64>,
        time: Option<Bound<'py, PyAny>>,
        dry_run: bool,
        change_sources: bool,
        allow_full_copies: bool,
        checksum: bool,
        check_basis: bool,
        hashes: bool,
        recycle: bool,
        prune: Option<&Bound<'py, PyAny>>,
        note: Option<String>,
        cache_dir: Option<FsPath>,
        progress: Option<Bound<'py, PyAny>>,
        notify: Option<Bound<'py, PyAny>>,
        cancel: Option<&CancelToken>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let store = self.engine()?;
        let filters = Filters {
            exclude,
            include,
            exclude_from,
            exclude_if_present,
            exclude_caches,
            exclude_nodump,
            exclude_larger_than,
        };
        let mut options = BackupOptions::new(sources.0, SystemTime::now().into())
            .filter(filters.build(py)?)
            .mounts(self::mounts(mounts)?)
            .jobs(self::jobs(jobs)?)
            .mode(mode(dry_run))
            .pruning(pruning(prune)?);
        if let Some(time) = time {
            options = options.time(aware("time", &time)?);
        }
        if change_sources {
            options = options.series(Series::Change);
        }
        if allow_full_copies {
            options = options.full_copies(FullCopies::Allowed);
        }
        if checksum {
            options = options.reading(Reading::Everything);
        }
        if check_basis {
            options = options.basis_check(BasisCheck::EveryEntry);
        }
        if !hashes {
            options = options.hashes(Hashes::Off);
        }
        if let Some(folder) = cache_dir {
            options = options.cache(folder.0);
        }
        if !recycle {
            options = options.recycling(Recycling::Off);
        }
        if let Some(note) = note {
            options = options.note(note);
        }
        let watch = Watch::new(progress, notify, cancel)?;
        let report = watch.over(py, |observer, cancel| {
            store.backup(&options, observer, cancel)
        })?;
        report::backup(py, &report, dry_run)
    }

    /// Tells what would be kept and given up.
    ///
    /// Args:
    ///     policy: The policy that decides. None: the store's own.
    ///     now: The instant that counts as now (aware datetime). None: now.
    ///     force: Whether `prune` carries the plan out even if something looks
    ///         wrong: a suspect snapshot, the clock, or the plan itself.
    ///     min_free: How much is to be free afterwards: bytes as int, a size such
    ///         as "50G" or a share such as "10%". More snapshots go until it is,
    ///         oldest first and down to a floor.
    ///
    /// Returns:
    ///     PrunePlan: The plan, for `prune`.
    ///
    /// Raises:
    ///     OperationError: The records cannot be read.
    #[pyo3(signature = (policy=None, *, now=None, force=false, min_free=None))]
    fn plan_prune(
        &self,
        py: Python<'_>,
        policy: Option<&RetentionPolicy>,
        now: Option<Bound<'_, PyAny>>,
        force: bool,
        min_free: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PrunePlan> {
        let store = self.engine()?;
        let now = match now {
            Some(now) => aware("now", &now)?,
            None => SystemTime::now().into(),
        };
        let policy = policy.map(|policy| &policy.0);
        let min_free = min_free.map(options::min_free).transpose()?;
        let plan = py
            .detach(|| store.plan_prune(policy, now))
            .map_err(raised)?;
        Ok(PrunePlan::new(plan, force, min_free))
    }

    /// Removes what `plan` gives up, unless something looks wrong. The plan is made again under the lock, and
    /// what has come to be kept meanwhile stays.
    ///
    /// Args:
    ///     plan: What `plan_prune` made.
    ///     progress, notify, cancel: As those of `backup`.
    ///
    /// Returns:
    ///     RemovalReport: What was done. What could not be removed is in its
    ///     `left_behind`.
    ///
    /// Raises:
    ///     StoreLockedError, CancelledError, OperationError.
    #[pyo3(signature = (plan, *, progress=None, notify=None, cancel=None))]
    fn prune<'py>(
        &self,
        py: Python<'py>,
        plan: &PrunePlan,
        progress: Option<Bound<'py, PyAny>>,
        notify: Option<Bound<'py, PyAny>>,
        cancel: Option<&CancelToken>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let store = self.engine()?;
        let watch = Watch::new(progress, notify, cancel)?;
        let report = watch.over(py, |observer, cancel| {
            store.prune(plan.engine(), observer, cancel)
        })?;
        report::removal(py, &report)
    }

    /// Removes snapshots.
    ///
    /// Args:
    ///     names: One full name or several, or what `snapshots` or `resolve`
    ///         tells (str, SnapshotInfo or CatalogSnapshot).
    ///     spare_last: Whether to refuse if no complete one would remain.
    ///     progress, notify, cancel: As those of `backup`.
    ///
    /// Returns:
    ///     RemovalReport: What was done. What could not be removed is in its
    ///     `left_behind`.
    ///
    /// Raises:
    ///     UnknownSnapshotError: One is not there; nothing was removed.
    ///     SnapshotHeldError: One is held; nothing was removed.
    ///     SnapshotInUseError: One is being read; nothing was removed.
    ///     LastSnapshotError: No complete one would remain; nothing was removed.
    ///     StoreLockedError, CancelledError, OperationError.
    #[pyo3(signature = (names, *, spare_last=true, progress=None, notify=None, cancel=None))]
    fn delete<'py>(
        &self,
        py: Python<'py>,
        names: &Bound<'py, PyAny>,
        spare_last: bool,
        progress: Option<Bound<'py, PyAny>>,
        notify: Option<Bound<'py, PyAny>>,
        cancel: Option<&CancelToken>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let store = self.engine()?;
        let names = snapshot_names(names)?;
        let deletion = match spare_last {
            true => Deletion::SparingTheLast,
            false => Deletion::OfAny,
        };
        let watch = Watch::new(progress, notify, cancel)?;
        let report = watch.over(py, |observer, cancel| {
            store.delete(&names, deletion, observer, cancel)
        })?;
        report::removal(py, &report)
    }

    /// Makes the catalog anew from the trees of the snapshots and their records.
    ///
    /// What trees cannot hold is taken over from the catalog there is, as far as
    /// the trees confirm it; the rest is lost, and the report says how much that
    /// is. The catalog there is stays in use until the new one is complete. A
    /// snapshot of which something cannot be read is left out of it.
    ///
    /// Args:
    ///     progress, notify, cancel: As those of `backup`.
    ///
    /// Returns:
    ///     ReindexReport: What the new catalog holds.
    ///
    /// Raises:
    ///     UnsupportedFormatError: A newer version wrote the catalog.
    ///     StoreLockedError, NoSpaceError, CancelledError, OperationError.
    #[pyo3(signature = (*, progress=None, notify=None, cancel=None))]
    fn reindex<'py>(
        &self,
        py: Python<'py>,
        progress: Option<Bound<'py, PyAny>>,
        notify: Option<Bound<'py, PyAny>>,
        cancel: Option<&CancelToken>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let store = self.engine()?;
        let watch = Watch::new(progress, notify, cancel)?;
        let report = watch.over(py, |observer, cancel| store.reindex(observer, cancel))?;
        report::reindex(py, &report)
    }

    /// Asks what is free at the destination.
    ///
    /// Args:
    ///     min_free: What is wanted, as that of `plan_prune`.
    ///
    /// Returns:
    ///     Room: What is free and what is wanted.
    ///
    /// Raises:
    ///     OperationError: A call of the system failed.
    fn room<'py>(
        &self,
        py: Python<'py>,
        min_free: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let store = self.engine()?;
        let wanted = options::min_free(min_free)?;
        let room = py.detach(|| store.room(wanted)).map_err(raised)?;
        report::room(py, room)
    }

    /// Finds out, by trying, what the destination can hold.
    ///
    /// Returns:
    ///     Capabilities: What it can hold.
    ///
    /// Raises:
    ///     StoreLockedError, NoSpaceError, OperationError.
    fn probe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let store = self.engine()?;
        let found = py.detach(|| store.probe()).map_err(raised)?;
        report::capabilities(py, &found)
    }

    /// Gives up the handles; runs under way go on. A closed store can tell its
    /// path, id and policy, and raises ValueError for anything else.
    fn close(&self) {
        drop(
            self.open
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    fn __enter__(this: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        this.get().engine()?;
        Ok(this)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {
        self.close();
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let path = argument::path_text(py, &self.path)?;
        Ok(format!("Store({})", path.repr()?))
    }
}
