//! Stopping a run from outside.

use engine::CancelToken;

use crate::argument::free;
use crate::guard::look;

/// A switch that stops runs. It may be used by any number of threads at once
/// and has to live until the runs that were given it are over.
#[derive(Debug)]
pub struct hardsnap_cancel(pub(crate) CancelToken);

/// Makes a switch that is off. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hardsnap_cancel_new() -> *mut hardsnap_cancel {
    Box::into_raw(Box::new(hardsnap_cancel(CancelToken::new())))
}

/// Frees a switch. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_cancel_free(cancel: *mut hardsnap_cancel) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(cancel) });
}

/// Asks the runs that have this switch to stop, which they do within a second:
/// nothing is published, and the store's lock is freed. Once on, it stays on.
/// May be called in a signal handler. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_cancel_stop(cancel: *const hardsnap_cancel) {
    // SAFETY: stated in the header.
    if let Some(cancel) = unsafe { cancel.as_ref() } {
        cancel.0.cancel();
    }
}

/// Tells whether somebody asked; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_cancel_is_stopped(cancel: *const hardsnap_cancel) -> bool {
    // SAFETY: stated in the header.
    unsafe { cancel.as_ref() }.is_some_and(|cancel| cancel.0.is_cancelled())
}
