//! What a catalog answers as the plain classes of the package, and as rows.

use std::ffi::OsStr;
use std::path::Path;

use hardsnap::{
    CatalogEntry, CatalogSnapshot, EntryChange, EntryVersion, FileTime, FoundPath, Sizes,
};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::report::{json, object};

type Object<'py> = PyResult<Bound<'py, PyAny>>;

pub(crate) fn snapshot<'py>(py: Python<'py>, snapshot: &CatalogSnapshot) -> Object<'py> {
    object!(py, "_catalog", "CatalogSnapshot", {
        name: snapshot.name.to_string(),
        sequence: snapshot.sequence,
    })
}

pub(crate) fn entry<'py>(py: Python<'py>, entry: &CatalogEntry) -> Object<'py> {
    let xattrs = entry
        .xattrs
        .iter()
        .map(|(name, value)| (name, PyBytes::new(py, value)).into_pyobject(py));
    object!(py, "_catalog", "CatalogEntry", {
        path: entry.path.as_path(),
        kind: kind(py, entry),
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        size_bytes: entry.size_bytes,
        allocated_bytes: entry.allocated_bytes,
        mtime_ns: nanoseconds(py, entry.mtime)?,
        link_target: link_target(entry),
        device_number: entry.device_number,
        xattrs: PyTuple::new(py, xattrs.collect::<PyResult<Vec<_>>>()?)?,
        blake3: blake3(py, entry),
        stored_inode: entry.stored_inode,
        is_stored: entry.is_stored(),
        _json: json(entry)?,
    })
}

/// The columns of a row, in the order of `ROW_COLUMNS`.
pub(crate) fn row<'py>(py: Python<'py>, entry: &CatalogEntry) -> Object<'py> {
    let columns = (
        entry.path.as_os_str(),
        kind(py, entry),
        entry.mode,
        entry.uid,
        entry.gid,
        entry.size_bytes,
        entry.allocated_bytes,
        nanoseconds(py, entry.mtime)?,
        link_target(entry),
        entry.device_number,
        blake3(py, entry),
        entry.stored_inode,
    );
    columns.into_bound_py_any(py)
}

pub(crate) fn version<'py>(py: Python<'py>, version: &EntryVersion) -> Object<'py> {
    object!(py, "_catalog", "EntryVersion", {
        entry: entry(py, &version.entry)?,
        first: version.first.to_string(),
        last: version.last.to_string(),
        snapshots: version.snapshots,
        _json: json(version)?,
    })
}

pub(crate) fn found<'py>(py: Python<'py>, found: &FoundPath) -> Object<'py> {
    object!(py, "_catalog", "FoundPath", {
        entry: entry(py, &found.entry)?,
        first: found.first.to_string(),
        last: found.last.to_string(),
        snapshots: found.snapshots,
        _json: json(found)?,
    })
}

pub(crate) fn change<'py>(py: Python<'py>, change: &EntryChange) -> Object<'py> {
    let one = |side: &Option<CatalogEntry>| side.as_ref().map(|side| entry(py, side)).transpose();
    let differs = change.differs.iter().map(|aspect| aspect.as_str());
    object!(py, "_catalog", "EntryChange", {
        path: change.path.as_path(),
        kind: change.kind.as_str(),
        moved_from: change.from.as_deref(),
        before: one(&change.before)?,
        after: one(&change.after)?,
        differs: PyTuple::new(py, differs.collect::<Vec<_>>())?,
        _json: json(change)?,
    })
}

pub(crate) fn sizes<'py>(py: Python<'py>, sizes: &Sizes) -> Object<'py> {
    object!(py, "_catalog", "Sizes", {
        freed_bytes: sizes.freed_bytes,
        directory_bytes: sizes.directory_bytes,
        entries: sizes.entries,
        files: sizes.files,
        apparent_bytes: sizes.apparent_bytes,
        _json: json(sizes)?,
    })
}

/// One of few texts, each made once.
fn kind<'py>(py: Python<'py>, entry: &CatalogEntry) -> Bound<'py, PyString> {
    PyString::intern(py, entry.kind.as_str())
}

/// Since 1970. Some filesystems have times that take more than 64 bits.
fn nanoseconds<'py>(py: Python<'py>, time: FileTime) -> Object<'py> {
    let total = i128::from(time.seconds()) * 1_000_000_000 + i128::from(time.nanoseconds());
    match i64::try_from(total) {
        Ok(total) => total.into_bound_py_any(py),
        Err(_) => total.into_bound_py_any(py),
    }
}

/// As `os.readlink` has it: `pathlib` would take a part of it away.
fn link_target(entry: &CatalogEntry) -> Option<&OsStr> {
    entry.link_target.as_deref().map(Path::as_os_str)
}

fn blake3<'py>(py: Python<'py>, entry: &CatalogEntry) -> Option<Bound<'py, PyBytes>> {
    entry.blake3.map(|hash| PyBytes::new(py, &hash))
}
