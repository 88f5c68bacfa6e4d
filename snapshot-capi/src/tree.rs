//! One tree without a store.

use std::ffi::{c_char, c_void};

use engine::{TreeOptions, replicate_tree};

use crate::argument::{optional_path, path};
use crate::cancel::hardsnap_cancel;
use crate::error::hardsnap_error;
use crate::event::{hardsnap_callback, reported};
use crate::guard::guard;
use crate::options::hardsnap_tree_options;
use crate::report::hardsnap_report;
use crate::status::hardsnap_status;

/// Replicates the content of `source` into `target`, which is created, or
/// empty; what did not change is linked to `basis`, a tree on the same
/// filesystem that may be NULL. `options`, `cancel` and `callback` may be NULL.
///
/// Errors: HARDSNAP_TARGET_NOT_EMPTY, HARDSNAP_SOURCE_UNAVAILABLE,
/// HARDSNAP_NO_SPACE, HARDSNAP_CANCELLED, HARDSNAP_IO.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "three paths take two each")]
pub unsafe extern "C" fn hardsnap_replicate_tree(
    source: *const c_char,
    source_length: usize,
    basis: *const c_char,
    basis_length: usize,
    target: *const c_char,
    target_length: usize,
    options: *const hardsnap_tree_options,
    cancel: *const hardsnap_cancel,
    callback: hardsnap_callback,
    user_data: *mut c_void,
    report: *mut *mut hardsnap_report,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let source = path("source", source, source_length)?;
            let basis = optional_path("basis", basis, basis_length)?;
            let target = path("target", target, target_length)?;
            let options = options
                .as_ref()
                .map_or_else(TreeOptions::new, |options| options.0.clone());
            reported(report, cancel, callback, user_data, |observer, cancel| {
                replicate_tree(source, basis, target, &options, observer, cancel)
            })
        })
    }
}
