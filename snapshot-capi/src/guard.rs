//! The one boundary that no panic passes.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Failure, hardsnap_error};
use crate::status::{HARDSNAP_OK, hardsnap_status};

/// Does the work of a function and turns what comes of it into a status.
///
/// # Safety
///
/// `error` is NULL or can be written.
pub(crate) unsafe fn guard(
    error: *mut *mut hardsnap_error,
    work: impl FnOnce() -> Result<(), Failure>,
) -> hardsnap_status {
    // What the work was changing is either the caller's handle, of which each
    // setter replaces a whole value, or gone with the panic.
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panicked| {
        let failure = Failure::panic(message_of(panicked.as_ref()));
        discard(panicked);
        Err(failure)
    });
    match result {
        Ok(()) => HARDSNAP_OK,
        Err(failure) => {
            let status = failure.status();
            // SAFETY: the caller's promise.
            unsafe { failure.give(error) };
            status
        }
    }
}

/// Does what cannot fail, and still lets no panic out.
pub(crate) fn look<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panicked| {
        discard(panicked);
        otherwise
    })
}

/// A payload may panic once more when it is dropped.
fn discard(panicked: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panicked))) {
        std::mem::forget(again);
    }
}

fn message_of(panicked: &(dyn Any + Send)) -> &str {
    if let Some(text) = panicked.downcast_ref::<&str>() {
        return text;
    }
    match panicked.downcast_ref::<String>() {
        Some(text) => text,
        None => "no message",
    }
}
