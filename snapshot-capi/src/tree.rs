//! One tree without a store.

use std::ffi::{c_char, c_void};

use engine::{TreeOptions, replicate_tree};

use crate::argument::{free, handle, handle_mut, optional_path, path};
use crate::cancel::hardsnap_cancel;
use crate::error::hardsnap_error;
use crate::event::{hardsnap_callback, reported};
use crate::filter::hardsnap_filter;
use crate::guard::{guard, look};
use crate::options::{jobs, mode, mounts};
use crate::report::hardsnap_report;
use crate::status::hardsnap_status;

/// How one tree is replicated.
#[derive(Debug)]
pub struct hardsnap_tree_options(pub(crate) TreeOptions);

/// Makes options as every default says. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hardsnap_tree_options_new() -> *mut hardsnap_tree_options {
    Box::into_raw(Box::new(hardsnap_tree_options(TreeOptions::new())))
}

/// Frees options. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_tree_options_free(options: *mut hardsnap_tree_options) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(options) });
}

/// Sets what of the source is taken; the filter is copied. Default: everything.
///
/// Errors: HARDSNAP_INVALID_OPTION for a pattern that cannot be used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_tree_options_set_filter(
    options: *mut hardsnap_tree_options,
    filter: *const hardsnap_filter,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let filter = handle("filter", filter)?.build()?;
            options.0 = options.0.clone().filter(filter);
            Ok(())
        })
    }
}

/// Sets the number of worker threads, as hardsnap_backup_options_set_jobs().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_tree_options_set_jobs(
    options: *mut hardsnap_tree_options,
    threads: u32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            options.0 = options.0.clone().jobs(jobs(threads));
            Ok(())
        })
    }
}

/// Sets whether to act: HARDSNAP_MODE_ACT or HARDSNAP_MODE_DRY_RUN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_tree_options_set_mode(
    options: *mut hardsnap_tree_options,
    number: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            options.0 = options.0.clone().mode(mode(number)?);
            Ok(())
        })
    }
}

/// Sets which mounts below the source are entered: HARDSNAP_MOUNTS_LOCAL or
/// another of these.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_tree_options_set_mounts(
    options: *mut hardsnap_tree_options,
    number: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            options.0 = options.0.clone().mounts(mounts(number)?);
            Ok(())
        })
    }
}

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
