//! The engine's errors as Python's exceptions.

use std::error::Error as _;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use hardsnap::retention::PolicyError;
use hardsnap::{Error, FilterError, InvalidByteSize, InvalidMinFree};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::argument::path_text;

/// Why a call failed, until it is told to Python.
#[derive(Debug)]
pub(crate) enum Failure {
    Engine(Error),
    /// Something of the arguments that the engine refuses.
    Option(String),
    /// A text that is no name of a snapshot.
    Unknown(String),
    /// A file of patterns, or of a snapshot.
    Unreadable(PathBuf, io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Engine(error)
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Failure {
        Failure::Option(error.to_string())
    }
}

impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Failure {
        Failure::Option(error.to_string())
    }
}

impl From<InvalidByteSize> for Failure {
    fn from(error: InvalidByteSize) -> Failure {
        Failure::Option(error.to_string())
    }
}

impl From<InvalidMinFree> for Failure {
    fn from(error: InvalidMinFree) -> Failure {
        Failure::Option(error.to_string())
    }
}

impl From<hardsnap::InvalidSnapshotName> for Failure {
    fn from(error: hardsnap::InvalidSnapshotName) -> Failure {
        Failure::Unknown(error.to_string())
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        Python::attach(|py| {
            let made = match &failure {
                Failure::Engine(error) => of_engine(py, error),
                Failure::Option(message) => plain(py, "invalid_option", message),
                Failure::Unknown(message) => plain(py, "unknown_snapshot", message),
                Failure::Unreadable(path, error) => unreadable(py, path, error),
            };
            made.map_or_else(|error| error, PyErr::from_value)
        })
    }
}

/// Turns an error of the engine into the exception for it.
pub(crate) fn raised(error: impl Into<Failure>) -> PyErr {
    error.into().into()
}

fn of_engine<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let cause = error
        .source()
        .map(|cause| without_number(&cause, error.raw_os_error()));
    let message = match &cause {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let path = error.path().map(|path| path_text(py, path)).transpose()?;
    let second = error
        .second_path()
        .map(|path| path_text(py, path))
        .transpose()?;
    make(py)?.call1((
        error.kind().as_str(),
        cause.is_some(),
        message,
        error.hint(),
        error.raw_os_error(),
        path,
        second,
        cause,
    ))
}

fn plain<'py>(py: Python<'py>, code: &str, message: &str) -> PyResult<Bound<'py, PyAny>> {
    let nothing = || py.None();
    make(py)?.call1((
        code,
        false,
        message,
        nothing(),
        nothing(),
        nothing(),
        nothing(),
        nothing(),
    ))
}

fn unreadable<'py>(py: Python<'py>, path: &Path, error: &io::Error) -> PyResult<Bound<'py, PyAny>> {
    let number = error.raw_os_error();
    let cause = without_number(error, number);
    let message = format!("cannot read {}: {cause}", path.display());
    let path = path_text(py, path)?;
    make(py)?.call1((
        "io",
        true,
        message,
        py.None(),
        number,
        path,
        py.None(),
        cause,
    ))
}

fn make(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    MAKE.import(py, "hardsnap._errors", "make")
}

/// The system's words; its number is kept beside them.
fn without_number(cause: &dyn Display, number: Option<i32>) -> String {
    let text = cause.to_string();
    match number {
        Some(number) => text.replace(&format!(" (os error {number})"), ""),
        None => text,
    }
}
