//! Reports as the plain classes of the package.

use std::path::Path;

use hardsnap::retention::Status;
use hardsnap::{
    Aspect, BackupReport, Capabilities, Counts, DamageKind, Damaged, Extent, GoodCopy, MarkReport,
    Mending, Pause, Phase, Problem, ReindexReport, RemovalReport, Room, SnapshotInfo, SnapshotName,
    Suspicion, TreeReport, VerifyReport, Warning,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use serde::Serialize;

use crate::run::State;

/// Makes an object of a class of the package by its fields' names.
macro_rules! object {
    ($py:expr, $module:literal, $class:literal, { $($field:ident: $value:expr),* $(,)? }) => {{
        static CLASS: pyo3::sync::PyOnceLock<pyo3::Py<pyo3::PyAny>> = pyo3::sync::PyOnceLock::new();
        let fields = pyo3::types::PyDict::new($py);
        $(pyo3::types::PyDictMethods::set_item(
            &fields,
            pyo3::intern!($py, stringify!($field)),
            $value,
        )?;)*
        pyo3::types::PyAnyMethods::call(
            CLASS.import($py, concat!("hardsnap.", $module), $class)?,
            (),
            Some(&fields),
        )
    }};
}
pub(crate) use object;

type Object<'py> = PyResult<Bound<'py, PyAny>>;

/// What the command line prints of something with `--json`.
pub(crate) fn json(told: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(told).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// The same as a `dict`.
pub(crate) fn to_dict<'py>(py: Python<'py>, told: &impl Serialize) -> Object<'py> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    LOADS.import(py, "json", "loads")?.call1((json(told)?,))
}

pub(crate) fn backup<'py>(py: Python<'py>, report: &BackupReport, dry_run: bool) -> Object<'py> {
    object!(py, "_reports", "BackupReport", {
        snapshot: report.snapshot.to_string(),
        status: status(report.status),
        suspicions: suspicions(py, &report.suspicions)?,
        basis: name(report.basis),
        recycled: name(report.recycled),
        counts: counts(py, &report.counts)?,
        skipped: problems(py, &report.skipped)?,
        warnings: notices(py, &report.warnings)?,
        removed: names(py, &report.removed)?,
        prune_paused: pause(py, report.prune_paused.as_ref())?,
        left_behind: problems(py, &report.left_behind)?,
        elapsed_seconds: report.elapsed.as_secs_f64(),
        dry_run: dry_run,
        _json: json(report)?,
    })
}

pub(crate) fn tree<'py>(py: Python<'py>, report: &TreeReport, dry_run: bool) -> Object<'py> {
    let complete = report.skipped.is_empty();
    object!(py, "_reports", "TreeReport", {
        status: status(if complete { Status::Complete } else { Status::Partial }),
        counts: counts(py, &report.counts)?,
        skipped: problems(py, &report.skipped)?,
        warnings: notices(py, &report.warnings)?,
        elapsed_seconds: report.elapsed.as_secs_f64(),
        dry_run: dry_run,
        _json: json(report)?,
    })
}

pub(crate) fn removal<'py>(py: Python<'py>, report: &RemovalReport) -> Object<'py> {
    object!(py, "_reports", "RemovalReport", {
        removed: names(py, &report.removed)?,
        removed_for_room: names(py, &report.removed_for_room)?,
        being_read: names(py, &report.being_read)?,
        prune_paused: pause(py, report.prune_paused.as_ref())?,
        short_of_room: report.short_of_room.map(|found| room(py, found)).transpose()?,
        left_behind: problems(py, &report.left_behind)?,
        elapsed_seconds: report.elapsed.as_secs_f64(),
        _json: json(report)?,
    })
}

pub(crate) fn reindex<'py>(py: Python<'py>, report: &ReindexReport) -> Object<'py> {
    object!(py, "_reports", "ReindexReport", {
        snapshots: names(py, &report.snapshots)?,
        left_out: names(py, &report.left_out)?,
        entries: report.entries,
        versions: report.versions,
        versions_without_ctime: report.versions_without_ctime,
        versions_without_hash: report.versions_without_hash,
        skipped: problems(py, &report.skipped)?,
        warnings: notices(py, &report.warnings)?,
        elapsed_seconds: report.elapsed.as_secs_f64(),
        _json: json(report)?,
    })
}

pub(crate) fn verify<'py>(py: Python<'py>, report: &VerifyReport) -> Object<'py> {
    let damaged = report.damaged.iter().map(|one| damaged(py, one));
    let damaged = damaged.collect::<PyResult<Vec<_>>>()?;
    object!(py, "_reports", "VerifyReport", {
        damaged: PyTuple::new(py, damaged)?,
        damaged_entries: report.damaged_entries,
        unrepaired_entries: report.unrepaired_entries(),
        checked_files: report.checked_files,
        checked_bytes: report.checked_bytes,
        unhashed_files: report.unhashed_files,
        checked_entries: report.checked_entries,
        snapshots: names(py, &report.snapshots)?,
        counted_only: names(py, &report.counted_only)?,
        continued: report.continued,
        kept_aside: report.kept_aside.as_deref(),
        warnings: notices(py, &report.warnings)?,
        elapsed_seconds: report.elapsed.as_secs_f64(),
        _json: json(report)?,
    })
}

fn damaged<'py>(py: Python<'py>, damaged: &Damaged) -> Object<'py> {
    let differs = match &damaged.kind {
        DamageKind::Altered { differs } => differs.as_slice(),
        _ => &[],
    };
    let detail = match &damaged.kind {
        DamageKind::Unreadable { error } => Some(error),
        DamageKind::Miscounted { what } => Some(what),
        _ => None,
    };
    let (good_copy, place) = match &damaged.good_copy {
        Some(GoodCopy::Source) => (Some("source"), None),
        Some(GoodCopy::Stored { snapshot, path }) => (Some("stored"), Some((snapshot, path))),
        Some(GoodCopy::Catalog) => (Some("catalog"), None),
        _ => (None, None),
    };
    let reason = match &damaged.mending {
        Some(Mending::Failed { reason }) => Some(reason),
        _ => None,
    };
    object!(py, "_reports", "Damaged", {
        path: damaged.path.as_path(),
        snapshots: names(py, &damaged.snapshots)?,
        problem: damaged.kind.as_str(),
        differs: PyTuple::new(py, differs.iter().copied().map(Aspect::as_str))?,
        detail: detail,
        good_copy: good_copy,
        good_copy_snapshot: place.map(|(snapshot, _)| snapshot.to_string()),
        good_copy_path: place.map(|(_, path)| path.as_path()),
        repaired: damaged.mending.as_ref().map(|_| damaged.is_repaired()),
        reason: reason,
    })
}

pub(crate) fn mark<'py>(py: Python<'py>, store: &Path, report: &MarkReport) -> Object<'py> {
    object!(py, "_reports", "MarkReport", {
        snapshot: snapshot(py, store, &report.snapshot)?,
        changed: report.changed,
        latest: name(report.latest),
        _json: json(report)?,
    })
}

pub(crate) fn room<'py>(py: Python<'py>, room: Room) -> Object<'py> {
    object!(py, "_reports", "Room", {
        free_bytes: room.free_bytes,
        wanted_bytes: room.wanted_bytes,
    })
}

/// Why nothing is removed, or None.
pub(crate) fn pause<'py>(
    py: Python<'py>,
    pause: Option<&Pause>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(pause) = pause else {
        return Ok(None);
    };
    let kind = match pause {
        Pause::Suspect { .. } => "suspect",
        Pause::ClockBehind { .. } => "clock_behind",
        Pause::MassRemoval { .. } => "mass_removal",
        Pause::DirectoryLost { .. } => "directory_lost",
        _ => "failed",
    };
    let made = object!(py, "_reports", "Pause", {
        kind: kind,
        text: pause.to_string(),
        hint: pause.hint(),
    });
    made.map(Some)
}

/// A snapshot of the store at `store`.
pub(crate) fn snapshot<'py>(py: Python<'py>, store: &Path, snapshot: &SnapshotInfo) -> Object<'py> {
    let name = snapshot.name.to_string();
    object!(py, "_reports", "SnapshotInfo", {
        path: store.join(&name),
        name: name,
        time: snapshot.name.time(),
        sequence: snapshot.sequence,
        status: status(snapshot.status),
        held: snapshot.held,
        note: snapshot.note.as_deref(),
        host: &snapshot.host,
        sources: PyTuple::new(py, &snapshot.sources)?,
        suspicions: suspicions(py, &snapshot.suspicions)?,
        lacks: PyTuple::new(py, &snapshot.lacks)?,
        counts: counts(py, &snapshot.counts)?,
        _json: json(snapshot)?,
    })
}

pub(crate) fn capabilities<'py>(py: Python<'py>, found: &Capabilities) -> Object<'py> {
    let xattrs = found.xattrs.iter().map(|namespace| namespace.as_str());
    object!(py, "_reports", "Capabilities", {
        hard_links: found.hard_links,
        symlink_links: found.symlink_links,
        link_limit: found.link_limit,
        symlinks: found.symlinks,
        owners: found.owners,
        made_as: found.made_as,
        modes: found.modes,
        xattrs: PyTuple::new(py, xattrs.collect::<Vec<_>>())?,
        mtime_granularity_nanoseconds: found.mtime_granularity_nanoseconds,
        case_sensitive: found.case_sensitive,
        normalization_sensitive: found.normalization_sensitive,
        reflinks: found.reflinks,
        exclusive_rename: found.exclusive_rename,
        exchanging_rename: found.exchanging_rename,
        locks: found.locks,
        whole_flush: found.whole_flush,
        free_bytes: found.free.bytes,
        free_inodes: found.free.inodes,
    })
}

pub(crate) fn progress<'py>(py: Python<'py>, state: &State) -> Object<'py> {
    let phase = match state.phase {
        Some(Phase::TidyingUp) => "tidying-up",
        Some(Phase::Walking) => "walking",
        Some(Phase::Flushing) => "flushing",
        Some(Phase::Removing) => "removing",
        Some(Phase::Reindexing) => "reindexing",
        Some(Phase::Looking) => "looking",
        Some(Phase::Restoring) => "restoring",
        Some(Phase::Verifying) => "verifying",
        Some(Phase::Repairing) => "repairing",
        _ => "starting",
    };
    let expected = state.expected.as_ref().map(|expected| counts(py, expected));
    object!(py, "_reports", "Progress", {
        phase: phase,
        counts: counts(py, &state.counts)?,
        expected: expected.transpose()?,
        problems: state.problems,
        snapshot: name(state.snapshot),
        basis: name(state.basis),
        removed: state.removed,
    })
}

pub(crate) fn problem<'py>(py: Python<'py>, problem: &Problem) -> Object<'py> {
    object!(py, "_reports", "Problem", {
        path: problem.path.as_path(),
        operation: problem.operation.to_string(),
        error: &problem.error,
        errno: problem.raw_os_error,
        text: problem.to_string(),
        _json: json(problem)?,
    })
}

pub(crate) fn notice<'py>(py: Python<'py>, warning: &Warning) -> Object<'py> {
    object!(py, "_reports", "Notice", {
        code: to_dict(py, warning)?.get_item("code")?,
        message: warning.to_string(),
        _json: json(warning)?,
    })
}

fn counts<'py>(py: Python<'py>, counts: &Counts) -> Object<'py> {
    object!(py, "_reports", "Counts", {
        files_linked: counts.files_linked,
        files_copied: counts.files_copied,
        files_moved: counts.files_moved,
        bytes_linked: counts.bytes_linked,
        bytes_copied: counts.bytes_copied,
        directories: counts.directories,
        symlinks: counts.symlinks,
        specials: counts.specials,
        excluded: counts.excluded,
    })
}

fn suspicions<'py>(py: Python<'py>, list: &[Suspicion]) -> PyResult<Bound<'py, PyTuple>> {
    let made = list.iter().map(|one| suspicion(py, one));
    PyTuple::new(py, made.collect::<PyResult<Vec<_>>>()?)
}

fn suspicion<'py>(py: Python<'py>, suspicion: &Suspicion) -> Object<'py> {
    let (kind, before, now) = match suspicion {
        Suspicion::Shrank { before, now, .. } => ("shrank", Some(before), Some(now)),
        _ => ("unmounted", None, None),
    };
    object!(py, "_reports", "Suspicion", {
        kind: kind,
        text: suspicion.to_string(),
        source: suspicion.source(),
        before: before.map(|found| extent(py, found)).transpose()?,
        now: now.map(|found| extent(py, found)).transpose()?,
    })
}

fn extent<'py>(py: Python<'py>, extent: &Extent) -> Object<'py> {
    object!(py, "_reports", "Extent", {
        entries: extent.entries,
        bytes: extent.bytes,
    })
}

pub(crate) fn problems<'py>(py: Python<'py>, list: &[Problem]) -> PyResult<Bound<'py, PyTuple>> {
    let made = list.iter().map(|one| problem(py, one));
    PyTuple::new(py, made.collect::<PyResult<Vec<_>>>()?)
}

pub(crate) fn notices<'py>(py: Python<'py>, list: &[Warning]) -> PyResult<Bound<'py, PyTuple>> {
    let made = list.iter().map(|one| notice(py, one));
    PyTuple::new(py, made.collect::<PyResult<Vec<_>>>()?)
}

fn names<'py>(py: Python<'py>, list: &[SnapshotName]) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, list.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn name(name: Option<SnapshotName>) -> Option<String> {
    name.map(|name| name.to_string())
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Complete => "complete",
        Status::Partial => "partial",
        _ => "suspect",
    }
}
