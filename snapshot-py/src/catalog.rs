//! What a store remembers of all its snapshots.

use std::path::PathBuf;

use hardsnap::CancelToken;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::answers::{Answers, Show};
use crate::argument::{FsPath, snapshot_name, snapshot_names};
use crate::entry;
use crate::run::Watch;

/// What a store remembers of all its snapshots: every version of every entry,
/// with the snapshots that have it.
///
/// `Store.catalog` opens one. Questions are answered from the catalog alone,
/// without a look at a tree, also after the store was closed and while a backup
/// runs. It tells of the snapshots that there were when it was opened. Iterators
/// fetch what they tell as it is asked for, detached from the interpreter; if a
/// snapshot that they tell of is removed meanwhile, they raise
/// UnknownSnapshotError. Ctrl-C stops all of them.
///
/// Snapshots are given by their full names or by what `snapshots`,
/// `Store.snapshots` or `Store.resolve` tell (str, CatalogSnapshot or
/// SnapshotInfo); paths are absolute, as they are or were in the source (str,
/// bytes or os.PathLike).
///
/// A catalog can be used from several threads, an iterator by one at a time. A
/// process that is forked has to open its own.
///
/// Each question raises:
///     UnknownSnapshotError: There is no such snapshot.
///     InvalidOptionError: A path is not absolute, or a pattern cannot be read.
///     CatalogUnusableError: It is damaged, or does not tell of the snapshot.
///     StoreLockedError: A run writes to it all the time.
#[pyclass(frozen, module = "hardsnap")]
pub(crate) struct Catalog(pub(crate) hardsnap::Catalog);

impl Catalog {
    /// Asks something that Ctrl-C stops.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&hardsnap::Catalog) -> hardsnap::Result<T> + Send,
    ) -> PyResult<T> {
        self.ask_until(py, &CancelToken::new(), question)
    }

    fn ask_until<T: Send>(
        &self,
        py: Python<'_>,
        stop: &CancelToken,
        question: impl FnOnce(&hardsnap::Catalog) -> hardsnap::Result<T> + Send,
    ) -> PyResult<T> {
        let catalog = self.0.with_cancel(stop);
        Watch::default().stopping(py, stop, |_| question(&catalog))
    }

    /// Asks something with many answers.
    fn iterate<I, T>(
        &self,
        py: Python<'_>,
        show: Show<T>,
        question: impl FnOnce(&hardsnap::Catalog) -> hardsnap::Result<I> + Send,
    ) -> PyResult<Answers>
    where
        I: Iterator<Item = hardsnap::Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let stop = CancelToken::new();
        let answers = self.ask_until(py, &stop, question)?;
        Ok(Answers::new(answers, stop, show))
    }

    fn entries_shown(
        &self,
        snapshot: &Bound<'_, PyAny>,
        below: Option<FsPath>,
        show: Show<hardsnap::CatalogEntry>,
    ) -> PyResult<Answers> {
        let name = snapshot_name(snapshot)?;
        let below = below.map_or_else(|| PathBuf::from("/"), |below| below.0);
        self.iterate(snapshot.py(), show, |catalog| catalog.entries(name, below))
    }
}

#[pymethods]
impl Catalog {
    /// The snapshots that the catalog tells of, in the order in which they were
    /// made (tuple[CatalogSnapshot, ...]).
    #[getter]
    fn snapshots<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let made = self
            .0
            .snapshots()
            .iter()
            .map(|one| entry::snapshot(py, one));
        PyTuple::new(py, made.collect::<PyResult<Vec<_>>>()?)
    }

    /// The names of snapshots of the store that the catalog does not tell of,
    /// because they were made before there was one (tuple[str, ...]). The command
    /// `hardsnap reindex` reads them in.
    #[getter]
    fn unknown_snapshots<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let names = self.0.unknown_snapshots().iter().map(ToString::to_string);
        PyTuple::new(py, names.collect::<Vec<_>>())
    }

    /// The entry that a snapshot has at a path.
    ///
    /// Args:
    ///     snapshot: The snapshot.
    ///     path: The path.
    ///
    /// Returns:
    ///     CatalogEntry: The entry, or None if it has none there.
    fn entry<'py>(
        &self,
        py: Python<'py>,
        snapshot: &Bound<'py, PyAny>,
        path: FsPath,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let name = snapshot_name(snapshot)?;
        let found = self.ask(py, |catalog| catalog.entry(name, path.0))?;
        found.map(|found| entry::entry(py, &found)).transpose()
    }

    /// The entries of a snapshot, in the order of their paths: names in the order
    /// of their bytes, and a directory before what is in it.
    ///
    /// Args:
    ///     snapshot: The snapshot.
    ///     below: The path to begin with; what is below it follows. There is
    ///         nothing if the snapshot does not have it.
    ///
    /// Returns:
    ///     Iterator[CatalogEntry]: The entries.
    #[pyo3(signature = (snapshot, below=None), text_signature = "($self, snapshot, below='/')")]
    fn entries(&self, snapshot: &Bound<'_, PyAny>, below: Option<FsPath>) -> PyResult<Answers> {
        self.entries_shown(snapshot, below, entry::entry)
    }

    /// The same entries as rows of a table, each a tuple with the columns that
    /// `ROW_COLUMNS` names. This takes a fraction of the time that `entries` does.
    ///
    /// - path (str): with every byte that it has, as `os.fsdecode` has it
    /// - kind (str): "file", "directory", "symlink", "fifo", "socket",
    ///   "char-device" or "block-device"
    /// - mode (int): permission bits with setuid, setgid and sticky
    /// - uid, gid (int): numbers of owner and group
    /// - size_bytes (int): the size of a file; of other kinds what the source told
    /// - allocated_bytes (int): what it takes in the store; names of one file take
    ///   it once; 0 for directories
    /// - mtime_ns (int): nanoseconds since 1970
    /// - link_target (str or None): what a symlink points to
    /// - device_number (int): st_rdev of a device, else 0
    /// - blake3 (bytes or None): of a file's content, 32 bytes, if it was read
    /// - stored_inode (int or None): the inode in the store; rows with the same one
    ///   are names of one file; None for directories, and for what the destination
    ///   could not hold
    ///
    /// Args:
    ///     snapshot: The snapshot.
    ///     below: The path to begin with, as that of `entries`.
    ///
    /// Returns:
    ///     Iterator[tuple]: The rows.
    #[pyo3(signature = (snapshot, below=None), text_signature = "($self, snapshot, below='/')")]
    fn rows(&self, snapshot: &Bound<'_, PyAny>, below: Option<FsPath>) -> PyResult<Answers> {
        self.entries_shown(snapshot, below, entry::row)
    }

    /// The versions of a path, oldest first. Neighbouring snapshots between which
    /// nothing changed that a user could see have the same version; there are
    /// several equal ones if the path was gone in between.
    ///
    /// Args:
    ///     path: The path.
    ///
    /// Returns:
    ///     list[EntryVersion]: The versions; none if no snapshot has the path.
    fn versions<'py>(&self, py: Python<'py>, path: FsPath) -> PyResult<Bound<'py, PyList>> {
        let versions = self.ask(py, |catalog| catalog.versions(path.0))?;
        let made = versions.iter().map(|one| entry::version(py, one));
        PyList::new(py, made.collect::<PyResult<Vec<_>>>()?)
    }

    /// Finds the paths that match a pattern, in any snapshot, in their order.
    ///
    /// Patterns have the syntax of .gitignore: one without a slash is matched with
    /// names, wherever they are; one with a slash with whole paths, from / on; one
    /// that ends with a slash with directories only. If snapshots are removed
    /// meanwhile, what was only in them may be missing.
    ///
    /// Args:
    ///     pattern: The pattern (str).
    ///
    /// Returns:
    ///     Iterator[FoundPath]: The paths, each with the snapshots that have it.
    fn find(&self, py: Python<'_>, pattern: &str) -> PyResult<Answers> {
        self.iterate(py, entry::found, |catalog| catalog.find(pattern))
    }

    /// What differs between two snapshots, in the order of the paths: the changes
    /// that lead from `a` to `b`. Either may be the older one.
    ///
    /// Content is compared by its hash where that is known, else by size and
    /// mtime. The mtime of a directory changes with every name that comes or goes
    /// in it, and so do its metadata. A path is moved, and not added, if it has
    /// what was at one that is gone; all that came along with a directory is told
    /// of too.
    ///
    /// Args:
    ///     a: The snapshot to begin with.
    ///     b: The snapshot to compare with it.
    ///
    /// Returns:
    ///     Iterator[EntryChange]: The changes.
    fn changes(&self, a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> PyResult<Answers> {
        let py = a.py();
        let (a, b) = (snapshot_name(a)?, snapshot_name(b)?);
        self.iterate(py, entry::change, |catalog| catalog.changes(a, b))
    }

    /// What deleting exactly these snapshots would free.
    ///
    /// Args:
    ///     snapshots: One snapshot or several.
    ///
    /// Returns:
    ///     Sizes: What nobody else has.
    ///
    /// Raises:
    ///     CatalogUnusableError: Also if there is any snapshot that the catalog does
    ///         not tell of, or if the store was moved to another disk since it was
    ///         written: then nobody knows what they share.
    fn sizes<'py>(
        &self,
        py: Python<'py>,
        snapshots: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let names = snapshot_names(snapshots)?;
        let sizes = self.ask(py, |catalog| catalog.sizes(&names))?;
        entry::sizes(py, &sizes)
    }

    /// What only the spare takes: the tree of an expired snapshot that is kept for
    /// the next one to be made of it.
    ///
    /// Returns:
    ///     tuple[str, Sizes] | None: The name that it had as a snapshot, and what it
    ///     takes. None if there is no spare, or if the catalog does not tell of it.
    ///
    /// Raises:
    ///     CatalogUnusableError: As `sizes`.
    fn spare_sizes<'py>(&self, py: Python<'py>) -> PyResult<Option<(String, Bound<'py, PyAny>)>> {
        let Some((name, sizes)) = self.ask(py, hardsnap::Catalog::spare_sizes)? else {
            return Ok(None);
        };
        Ok(Some((name.to_string(), entry::sizes(py, &sizes)?)))
    }

    /// Finds the path that the snapshots have for one that a user gives. A path
    /// that is in any snapshot just as it is given, is that. Any other is taken
    /// from the current directory if it is relative, and symlinks on the way to it
    /// are followed, and if it is itself one that no snapshot has, that too.
    ///
    /// Args:
    ///     path: The path, of any form.
    ///
    /// Returns:
    ///     pathlib.Path: The absolute path.
    ///
    /// Raises:
    ///     OperationError: The current directory is needed and is gone.
    fn resolve(&self, py: Python<'_>, path: FsPath) -> PyResult<PathBuf> {
        self.ask(py, |catalog| catalog.resolve(path.0))
    }

    fn __repr__(&self) -> String {
        format!("<Catalog of {} snapshots>", self.0.snapshots().len())
    }
}
