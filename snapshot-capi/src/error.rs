//! Why a call failed.

use std::error::Error as _;
use std::ffi::{c_char, c_int};
use std::fmt::Display;
use std::io;
use std::path::Path;

use engine::retention::PolicyError;
use engine::{Error, FilterError, InvalidMinFree, InvalidSnapshotName};

use crate::argument::free;
use crate::guard::look;
use crate::status::{
    HARDSNAP_INVALID_ARGUMENT, HARDSNAP_INVALID_OPTION, HARDSNAP_IO, HARDSNAP_OK, HARDSNAP_PANIC,
    hardsnap_status, of_kind,
};
use crate::text::{Text, lend, lend_path};

/// Why a call failed: made by a function that returns a status other than
/// HARDSNAP_OK, if its last argument is not NULL; freed by the caller.
#[derive(Debug)]
pub struct hardsnap_error(Failure);

/// What [`hardsnap_error`] tells.
#[derive(Debug)]
pub(crate) struct Failure {
    status: hardsnap_status,
    message: Text,
    hint: Option<Text>,
    path: Option<Text>,
    second_path: Option<Text>,
    os_error: c_int,
}

impl Failure {
    fn new(status: hardsnap_status, message: impl Display) -> Failure {
        Failure {
            status,
            message: Text::new(message),
            hint: None,
            path: None,
            second_path: None,
            os_error: 0,
        }
    }

    pub(crate) fn argument(message: impl Display) -> Failure {
        Failure::new(HARDSNAP_INVALID_ARGUMENT, message)
    }

    pub(crate) fn null(name: &str) -> Failure {
        Failure::argument(format!("{name} is NULL"))
    }

    /// A file of a snapshot that the system does not read.
    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Failure {
        let message = format!("cannot read {}: {error}", path.display());
        Failure {
            path: Some(path.into()),
            os_error: error.raw_os_error().unwrap_or(0),
            ..Failure::new(HARDSNAP_IO, message)
        }
    }

    pub(crate) fn panic(message: &str) -> Failure {
        Failure::new(
            HARDSNAP_PANIC,
            format!("a bug in hardsnap, which stopped there: {message}"),
        )
    }

    pub(crate) fn status(&self) -> hardsnap_status {
        self.status
    }

    /// Hands the error over, if somebody takes it.
    ///
    /// # Safety
    ///
    /// `place` is NULL or can be written.
    pub(crate) unsafe fn give(self, place: *mut *mut hardsnap_error) {
        if !place.is_null() {
            // SAFETY: not NULL; the rest is the caller's promise.
            unsafe { place.write(Box::into_raw(Box::new(hardsnap_error(self)))) };
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Failure {
            status: of_kind(error.kind()),
            message: Text::new(message),
            hint: error.hint().map(Text::new),
            path: error.path().map(Text::from),
            second_path: error.second_path().map(Text::from),
            os_error: error.raw_os_error().unwrap_or(0),
        }
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Failure {
        Failure::new(HARDSNAP_INVALID_OPTION, error)
    }
}

impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Failure {
        Failure::new(HARDSNAP_INVALID_OPTION, error)
    }
}

impl From<InvalidMinFree> for Failure {
    fn from(error: InvalidMinFree) -> Failure {
        Failure::new(HARDSNAP_INVALID_OPTION, error)
    }
}

impl From<InvalidSnapshotName> for Failure {
    fn from(error: InvalidSnapshotName) -> Failure {
        Failure::argument(error)
    }
}

/// Frees an error. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_error_free(error: *mut hardsnap_error) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(error) });
}

/// The status that came with the error; HARDSNAP_OK for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_error_status(error: *const hardsnap_error) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe { error.as_ref() }.map_or(HARDSNAP_OK, |error| error.0.status)
}

/// What failed, on what, and why, as one line of text without a full stop;
/// NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_error_message(error: *const hardsnap_error) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { error.as_ref() }.map(|error| &error.0.message))
}

/// What the user can do about it, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_error_hint(error: *const hardsnap_error) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { error.as_ref() }.and_then(|error| error.0.hint.as_ref()))
}

/// The path that it failed on, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_error_path(
    error: *const hardsnap_error,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe {
        let path = error.as_ref().and_then(|error| error.0.path.as_ref());
        lend_path(path, length)
    }
}

/// The second path of an operation on two, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_error_second_path(
    error: *const hardsnap_error,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe {
        let path = error
            .as_ref()
            .and_then(|error| error.0.second_path.as_ref());
        lend_path(path, length)
    }
}

/// The system's error number (errno), or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_error_os_error(error: *const hardsnap_error) -> c_int {
    // SAFETY: stated in the header.
    unsafe { error.as_ref() }.map_or(0, |error| error.0.os_error)
}

/// Panics, to prove that a panic comes back as HARDSNAP_PANIC.
#[cfg(feature = "provoke-panic")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_provoke_panic(
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe { crate::guard::guard(error, || panic!("provoked")) }
}
