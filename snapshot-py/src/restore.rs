//! Getting data back.

use std::collections::BTreeSet;

use hardsnap::{Extraneous, Overwrite, RestoreOptions, RestoreReport, RestoreTarget};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyTuple};

use crate::argument::{FsPath, FsPaths, jobs, mode, snapshot_name};
use crate::cancel::CancelToken;
use crate::error::raised;
use crate::instant::aware;
use crate::report::{self, json, notices, object, problems};
use crate::run::Watch;
use crate::store::Store;

#[pymethods]
impl Store {
    /// Restores paths of a snapshot with all their metadata, below the directory
    /// `to` or, without it, with `in_place=True`, to where they came from.
    ///
    /// Each path lands at its whole length: to/home/alice/letter. What could not
    /// be restored as it was is in the report. A restore that was cut short goes
    /// on when it is done again.
    ///
    /// Args:
    ///     snapshot: Its full name, or what `resolve` tells.
    ///     paths: What is restored, one path or several. None: everything.
    ///     to: A directory, which is made if it is missing.
    ///     in_place: Whether to restore to where the paths came from.
    ///     overwrite: What becomes of what is there and differs: "never" (it is
    ///         in the way), "always", "changed" or "newer".
    ///     delete: Whether what is in restored directories and not in the
    ///         snapshot is deleted: a bool, or those paths of it that are. For
    ///         `in_place` only.
    ///     dry_run: Whether to write nothing, and tell what would be done.
    ///     jobs, progress, notify, cancel: As those of `backup`.
    ///
    /// Returns:
    ///     RestoreReport: What was done.
    ///
    /// Raises:
    ///     InTheWayError: Something is where an entry belongs; nothing was written.
    ///     UnknownSnapshotError, NotInSnapshotError, TargetIsStoreError.
    ///     NoSpaceError, FlushFailedError, InvalidOptionError, CancelledError,
    ///     SnapshotInUseError, OperationError.
    #[pyo3(
        signature = (
            snapshot, paths=None, *, to=None, in_place=false, overwrite="never", delete=None,
            dry_run=false, jobs=None, progress=None, notify=None, cancel=None,
        ),
        text_signature = "($self, snapshot, paths=None, *, to=None, in_place=False, \
            overwrite='never', delete=False, dry_run=False, jobs=None, progress=None, \
            notify=None, cancel=None)",
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a keyword of the method in Python"
    )]
    fn restore<'py>(
        &self,
        py: Python<'py>,
        snapshot: &Bound<'py, PyAny>,
        paths: Option<FsPaths>,
        to: Option<FsPath>,
        in_place: bool,
        overwrite: &str,
        delete: Option<&Bound<'py, PyAny>>,
        dry_run: bool,
        jobs: Option<i64>,
        progress: Option<Bound<'py, PyAny>>,
        notify: Option<Bound<'py, PyAny>>,
        cancel: Option<&CancelToken>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let store = self.engine()?;
        let name = snapshot_name(snapshot)?;
        let options = restore_options(paths, to, in_place, overwrite, delete)?
            .mode(mode(dry_run))
            .jobs(self::jobs(jobs)?);
        let watch = Watch::new(progress, notify, cancel)?;
        let report = watch.over(py, |observer, cancel| {
            store.restore(name, &options, observer, cancel)
        })?;
        restore_report(py, &report, dry_run)
    }

    /// Finds the newest snapshot that is not later than an instant; one that is
    /// suspect does not count.
    ///
    /// Args:
    ///     time: The instant (aware datetime).
    ///
    /// Returns, raises: As `resolve`.
    fn resolve_before<'py>(
        &self,
        py: Python<'py>,
        time: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let store = self.engine()?;
        let time = aware("time", time)?;
        let found = py.detach(|| store.resolve_before(time)).map_err(raised)?;
        report::snapshot(py, &self.path, &found)
    }
}

/// What is restored, to where, and what becomes of what is there.
fn restore_options(
    paths: Option<FsPaths>,
    to: Option<FsPath>,
    in_place: bool,
    overwrite: &str,
    delete: Option<&Bound<'_, PyAny>>,
) -> PyResult<RestoreOptions> {
    let target = match (to, in_place) {
        (Some(directory), false) => RestoreTarget::Into(directory.0),
        (None, true) => RestoreTarget::InPlace,
        _ => {
            let what = "either `to` is needed, or `in_place=True`";
            return Err(PyValueError::new_err(what));
        }
    };
    let choices = [
        Overwrite::Never,
        Overwrite::Always,
        Overwrite::Changed,
        Overwrite::Newer,
    ];
    let chosen = choices
        .into_iter()
        .find(|choice| choice.as_str() == overwrite);
    let chosen = chosen.ok_or_else(|| {
        PyValueError::new_err(format!(
            "overwrite has to be 'never', 'always', 'changed' or 'newer', not {overwrite:?}"
        ))
    })?;
    let extraneous = match delete {
        None => Extraneous::Kept,
        Some(delete) => match delete.cast::<PyBool>() {
            Ok(wanted) if wanted.is_true() => Extraneous::Deleted,
            Ok(_) => Extraneous::Kept,
            Err(_) => {
                let paths = delete.extract::<FsPaths>()?.0;
                Extraneous::DeletedIf(paths.into_iter().collect::<BTreeSet<_>>())
            }
        },
    };
    let options = RestoreOptions::new(target)
        .overwrite(chosen)
        .extraneous(extraneous);
    Ok(match paths {
        Some(paths) => options.paths(paths.0),
        None => options,
    })
}

fn restore_report<'py>(
    py: Python<'py>,
    report: &RestoreReport,
    dry_run: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let in_the_way = report.in_the_way.iter().map(|one| one.path.as_path());
    object!(py, "_reports", "RestoreReport", {
        snapshot: report.snapshot.to_string(),
        target: report.target.as_path(),
        written: report.counts.written,
        replaced: report.counts.replaced,
        left: report.counts.left,
        bytes_written: report.counts.bytes_written,
        deleted: PyTuple::new(py, &report.deleted)?,
        in_the_way: PyTuple::new(py, in_the_way.collect::<Vec<_>>())?,
        skipped: problems(py, &report.skipped)?,
        damaged: PyTuple::new(py, &report.damaged)?,
        warnings: notices(py, &report.warnings)?,
        elapsed_seconds: report.elapsed.as_secs_f64(),
        dry_run: dry_run,
        _json: json(report)?,
    })
}
