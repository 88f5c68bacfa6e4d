//! One tree, without a store.

use hardsnap::TreeOptions;
use pyo3::prelude::*;

use crate::argument::{FsPath, FsPaths, Texts, jobs, mode, mounts};
use crate::cancel::CancelToken;
use crate::options::Filters;
use crate::report;
use crate::run::Watch;

/// Makes `target` equal to the directory `source`.
///
/// What is equal to its counterpart in `link_dest` becomes a hard link to it.
/// `target` is made if it is missing, and has to be empty otherwise. It lies on
/// the filesystem of `link_dest`, or else everything is copied. What was written
/// is flushed before the call returns.
///
/// Args:
///     source: The directory (str, bytes or os.PathLike).
///     target: Where its content lands (str, bytes or os.PathLike).
///     link_dest: A tree to compare with and to link to, or None.
///     dry_run: Whether to write nothing, and tell what would be done.
///
/// The other arguments are those of `Store.backup`.
///
/// Returns:
///     TreeReport: What was done.
///
/// Raises:
///     SourceUnavailableError, TargetNotEmptyError, NoSpaceError,
///     FlushFailedError, InvalidOptionError, CancelledError, OperationError.
///     What was made of the target by then stays.
#[pyfunction]
#[pyo3(
    signature = (
        source, target, *, link_dest=None, exclude=None, include=None, exclude_from=None,
        exclude_if_present=None, exclude_caches=false, exclude_nodump=false,
        exclude_larger_than=None, mounts="local", jobs=None, dry_run=false, progress=None,
        notify=None, cancel=None,
    ),
    text_signature = "(source, target, *, link_dest=None, exclude=(), include=(), exclude_from=(), \
        exclude_if_present=(), exclude_caches=False, exclude_nodump=False, \
        exclude_larger_than=None, mounts='local', jobs=None, dry_run=False, progress=None, \
        notify=None, cancel=None)",
)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is a keyword of the function in Python"
)]
pub(crate) fn replicate_tree<'py>(
    py: Python<'py>,
    source: FsPath,
    target: FsPath,
    link_dest: Option<FsPath>,
    exclude: Option<Texts>,
    include: Option<Texts>,
    exclude_from: Option<FsPaths>,
    exclude_if_present: Option<Texts>,
    exclude_caches: bool,
    exclude_nodump: bool,
    exclude_larger_than: Option<Bound<'py, PyAny>>,
    mounts: &str,
    jobs: Option<i64>,
    dry_run: bool,
    progress: Option<Bound<'py, PyAny>>,
    notify: Option<Bound<'py, PyAny>>,
    cancel: Option<&CancelToken>,
) -> PyResult<Bound<'py, PyAny>> {
    let filters = Filters {
        exclude,
        include,
        exclude_from,
        exclude_if_present,
        exclude_caches,
        exclude_nodump,
        exclude_larger_than,
    };
    let options = TreeOptions::new()
        .filter(filters.build(py)?)
        .mounts(self::mounts(mounts)?)
        .jobs(self::jobs(jobs)?)
        .mode(mode(dry_run));
    let (source, target, basis) = (source.0, target.0, link_dest.map(|path| path.0));
    let watch = Watch::new(progress, notify, cancel)?;
    let report = watch.over(py, |observer, cancel| {
        let basis = basis.as_deref();
        hardsnap::replicate_tree(source, basis, target, &options, observer, cancel)
    })?;
    report::tree(py, &report, dry_run)
}
