//! Getting data back.

use std::collections::BTreeSet;
use std::ffi::{c_char, c_void};
use std::path::PathBuf;

use engine::{Extraneous, Overwrite, RestoreOptions, RestoreTarget};

use crate::argument::{Out, free, handle, handle_mut, one_of, path, snapshot_name, time};
use crate::cancel::hardsnap_cancel;
use crate::error::hardsnap_error;
use crate::event::{hardsnap_callback, reported};
use crate::guard::{guard, look};
use crate::options::{jobs, mode};
use crate::report::hardsnap_report;
use crate::snapshot::hardsnap_snapshot;
use crate::status::hardsnap_status;
use crate::store::hardsnap_store;

/// What differs is in the way: nothing is written then, and each is told by
/// HARDSNAP_EVENT_IN_THE_WAY. The default.
pub const HARDSNAP_OVERWRITE_NEVER: i32 = 0;
/// What is there is replaced, whatever it is.
pub const HARDSNAP_OVERWRITE_ALWAYS: i32 = 1;
/// What is there is replaced if anything about it differs.
pub const HARDSNAP_OVERWRITE_CHANGED: i32 = 2;
/// What is there is replaced if the snapshot's mtime is the later one.
pub const HARDSNAP_OVERWRITE_NEWER: i32 = 3;

/// What is restored, to where, and what becomes of what is there.
#[derive(Debug)]
pub struct hardsnap_restore_options {
    options: RestoreOptions,
    paths: Vec<PathBuf>,
    agreed: BTreeSet<PathBuf>,
}

impl From<RestoreTarget> for hardsnap_restore_options {
    fn from(target: RestoreTarget) -> hardsnap_restore_options {
        hardsnap_restore_options {
            options: RestoreOptions::new(target),
            paths: Vec::new(),
            agreed: BTreeSet::new(),
        }
    }
}

impl hardsnap_restore_options {
    fn change(&mut self, change: impl FnOnce(RestoreOptions) -> RestoreOptions) {
        self.options = change(self.options.clone());
    }
}

/// Makes options that restore everything below a directory, each path at its
/// whole length. The directory is made if it is missing, but not those above it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_restore_options_into(
    directory: *const c_char,
    length: usize,
    options: *mut *mut hardsnap_restore_options,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("options", options)?;
            let directory = path("directory", directory, length)?;
            out.put(RestoreTarget::Into(directory.to_owned()).into());
            Ok(())
        })
    }
}

/// Makes options that restore everything to where it came from.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_restore_options_in_place(
    options: *mut *mut hardsnap_restore_options,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            Out::new("options", options)?.put(RestoreTarget::InPlace.into());
            Ok(())
        })
    }
}

/// Frees options. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_restore_options_free(options: *mut hardsnap_restore_options) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(options) });
}

/// Restores this path, with all that is in it and the way to it, and others
/// that are added, in place of everything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_restore_options_add_path(
    options: *mut hardsnap_restore_options,
    restored_path: *const c_char,
    length: usize,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let path = path("restored_path", restored_path, length)?;
            options.paths.push(path.to_owned());
            let paths = options.paths.clone();
            options.change(|options| options.paths(paths));
            Ok(())
        })
    }
}

/// Sets what becomes of what is there and differs: HARDSNAP_OVERWRITE_NEVER or
/// another of these.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_restore_options_set_overwrite(
    options: *mut hardsnap_restore_options,
    number: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let values = [
                (HARDSNAP_OVERWRITE_NEVER, Overwrite::Never),
                (HARDSNAP_OVERWRITE_ALWAYS, Overwrite::Always),
                (HARDSNAP_OVERWRITE_CHANGED, Overwrite::Changed),
                (HARDSNAP_OVERWRITE_NEWER, Overwrite::Newer),
            ];
            let overwrite = one_of("overwrite", number, &values)?;
            options.change(|options| options.overwrite(overwrite));
            Ok(())
        })
    }
}

/// Deletes what is in restored directories and not in the snapshot, in place
/// only. A dry run tells which paths these are (hardsnap_report_deleted).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_restore_options_delete_extraneous(
    options: *mut hardsnap_restore_options,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            options.change(|options| options.extraneous(Extraneous::Deleted));
            Ok(())
        })
    }
}

/// Deletes this path, and others that are added, if it is in a restored
/// directory and not in the snapshot; of what else is like that nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_restore_options_add_deleted(
    options: *mut hardsnap_restore_options,
    deleted_path: *const c_char,
    length: usize,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let path = path("deleted_path", deleted_path, length)?;
            options.agreed.insert(path.to_owned());
            let agreed = Extraneous::DeletedIf(options.agreed.clone());
            options.change(|options| options.extraneous(agreed));
            Ok(())
        })
    }
}

/// Sets whether to act: HARDSNAP_MODE_ACT or HARDSNAP_MODE_DRY_RUN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_restore_options_set_mode(
    options: *mut hardsnap_restore_options,
    number: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let mode = mode(number)?;
            options.change(|options| options.mode(mode));
            Ok(())
        })
    }
}

/// Sets the number of worker threads; 0 for as many as there are processors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_restore_options_set_jobs(
    options: *mut hardsnap_restore_options,
    threads: u32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            handle_mut("options", options)?.change(|options| options.jobs(jobs(threads)));
            Ok(())
        })
    }
}

/// Restores paths of the snapshot with this full name, with all their metadata.
/// What could not be restored, or not with all that it has in the snapshot, is
/// in the report (hardsnap_report_skipped). `cancel` and `callback` may be NULL.
///
/// Errors: HARDSNAP_IN_THE_WAY, and nothing was written;
/// HARDSNAP_UNKNOWN_SNAPSHOT, HARDSNAP_NOT_IN_SNAPSHOT,
/// HARDSNAP_TARGET_IS_STORE, HARDSNAP_NO_SPACE, HARDSNAP_FLUSH_FAILED and
/// others. A restore that was cut short goes on when it is done again.
#[unsafe(no_mangle)]
#[allow(
    clippy::too_many_arguments,
    reason = "a run takes five besides its own"
)]
pub unsafe extern "C" fn hardsnap_store_restore(
    store: *const hardsnap_store,
    name: *const c_char,
    options: *const hardsnap_restore_options,
    cancel: *const hardsnap_cancel,
    callback: hardsnap_callback,
    user_data: *mut c_void,
    report: *mut *mut hardsnap_report,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let store = &handle("store", store)?.store;
            let name = snapshot_name("name", name)?;
            let options = &handle("options", options)?.options;
            reported(report, cancel, callback, user_data, |observer, cancel| {
                store.restore(name, options, observer, cancel)
            })
        })
    }
}

/// Finds the newest snapshot that is not later than an instant, in seconds since
/// 1970. One that is suspect does not count.
///
/// Errors: HARDSNAP_UNKNOWN_SNAPSHOT, HARDSNAP_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_resolve_before(
    store: *const hardsnap_store,
    instant: i64,
    snapshot: *mut *mut hardsnap_snapshot,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("snapshot", snapshot)?;
            let store = &handle("store", store)?.store;
            out.put(store.resolve_before(time("instant", instant)?)?.into());
            Ok(())
        })
    }
}
