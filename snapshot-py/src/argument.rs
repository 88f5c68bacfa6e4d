//! Python's arguments as the engine's.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use hardsnap::{Jobs, Mode, Mounts, SnapshotName};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString};

use crate::error::raised;
use crate::given::is_stored;

/// A path as any `str`, `bytes` or `os.PathLike` says it.
#[derive(Debug)]
pub(crate) struct FsPath(pub(crate) PathBuf);

impl FromPyObject<'_, '_> for FsPath {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<FsPath> {
        static FSENCODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let encode = FSENCODE.import(object.py(), "os", "fsencode")?;
        let bytes = encode.call1((object,))?.cast_into::<PyBytes>()?;
        if bytes.as_bytes().contains(&0) {
            return Err(PyValueError::new_err("embedded null byte"));
        }
        let path = OsString::from_vec(bytes.as_bytes().to_vec());
        Ok(FsPath(path.into()))
    }
}

/// One path, or several in any iterable.
#[derive(Debug)]
pub(crate) struct FsPaths(pub(crate) Vec<PathBuf>);

impl FromPyObject<'_, '_> for FsPaths {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<FsPaths> {
        let is_path = object.is_instance_of::<PyString>()
            || object.is_instance_of::<PyBytes>()
            || object.hasattr(intern!(object.py(), "__fspath__"))?;
        if is_path {
            return Ok(FsPaths(vec![object.extract::<FsPath>()?.0]));
        }
        let paths = object
            .try_iter()?
            .map(|path| Ok(path?.extract::<FsPath>()?.0));
        paths.collect::<PyResult<_>>().map(FsPaths)
    }
}

/// One text, or several in any iterable.
#[derive(Debug)]
pub(crate) struct Texts(pub(crate) Vec<String>);

impl FromPyObject<'_, '_> for Texts {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Texts> {
        if object.is_instance_of::<PyString>() {
            return Ok(Texts(vec![object.extract()?]));
        }
        if object.is_instance_of::<PyBytes>() {
            return Err(PyTypeError::new_err(
                "expected str or an iterable of str, not bytes",
            ));
        }
        let texts = object.try_iter()?.map(|text| text?.extract());
        texts.collect::<PyResult<_>>().map(Texts)
    }
}

/// Somebody to be called; `None` is nobody.
pub(crate) fn callback<'py>(
    name: &str,
    object: Option<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    match object {
        Some(object) if !object.is_callable() => {
            let kind = object.get_type().name()?;
            Err(PyTypeError::new_err(format!(
                "{name} has to be callable, not {kind}"
            )))
        }
        other => Ok(other),
    }
}

pub(crate) fn jobs(number: Option<i64>) -> PyResult<Jobs> {
    let Some(number) = number else {
        return Ok(Jobs::Auto);
    };
    let exactly = usize::try_from(number).ok().and_then(NonZeroUsize::new);
    exactly
        .map(Jobs::Exactly)
        .ok_or_else(|| PyValueError::new_err(format!("jobs has to be at least 1, not {number}")))
}

pub(crate) fn mounts(name: &str) -> PyResult<Mounts> {
    match name {
        "local" => Ok(Mounts::Local),
        "one-file-system" => Ok(Mounts::OneFileSystem),
        "all" => Ok(Mounts::All),
        other => Err(PyValueError::new_err(format!(
            "mounts has to be 'local', 'one-file-system' or 'all', not {other:?}"
        ))),
    }
}

pub(crate) fn mode(dry_run: bool) -> Mode {
    if dry_run { Mode::DryRun } else { Mode::Act }
}

/// A path as Python's exceptions have it: a `str` that keeps every byte.
pub(crate) fn path_text<'py>(py: Python<'py>, path: &Path) -> PyResult<Bound<'py, PyAny>> {
    static FSDECODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let bytes = PyBytes::new(py, path.as_os_str().as_bytes());
    FSDECODE.import(py, "os", "fsdecode")?.call1((bytes,))
}

/// One name or several, as text or as what a store tells of a snapshot.
pub(crate) fn snapshot_names(names: &Bound<'_, PyAny>) -> PyResult<Vec<SnapshotName>> {
    if names.is_instance_of::<PyString>() || has_name(names)? {
        return Ok(vec![snapshot_name(names)?]);
    }
    names
        .try_iter()?
        .map(|name| snapshot_name(&name?))
        .collect()
}

/// A full name, as text or as what a store tells of a snapshot.
pub(crate) fn snapshot_name(object: &Bound<'_, PyAny>) -> PyResult<SnapshotName> {
    let text = if has_name(object)? {
        object.getattr(intern!(object.py(), "name"))?
    } else {
        object.clone()
    };
    match text.cast::<PyString>() {
        Ok(text) => text.to_str()?.parse::<SnapshotName>().map_err(raised),
        Err(_) => Err(PyTypeError::new_err(format!(
            "a snapshot is named by str, SnapshotInfo or CatalogSnapshot, not {}",
            object.get_type().name()?
        ))),
    }
}

/// Tells whether it is a snapshot, of a store or of its catalog.
fn has_name(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static KNOWN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let known = KNOWN.import(object.py(), "hardsnap._catalog", "CatalogSnapshot")?;
    Ok(is_stored(object)? || object.is_instance(known)?)
}
