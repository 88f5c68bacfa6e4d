//! Stores.

use std::ffi::{c_char, c_void};

use engine::{Deletion, Store};

use crate::argument::{Out, free, handle, path, snapshot_names, text, time};
use crate::cancel::hardsnap_cancel;
use crate::error::hardsnap_error;
use crate::event::{hardsnap_callback, reported, watched};
use crate::guard::{guard, look};
use crate::options::{hardsnap_backup_options, hardsnap_init_options};
use crate::plan::hardsnap_prune_plan;
use crate::policy::hardsnap_policy;
use crate::report::hardsnap_report;
use crate::snapshot::{hardsnap_snapshot, hardsnap_snapshots};
use crate::status::hardsnap_status;
use crate::text::{Text, lend, lend_path};

/// A store: the destination of backups. It may be used by several threads at
/// once; of runs that write, one has the lock, and the others come back with
/// HARDSNAP_STORE_LOCKED.
#[derive(Debug)]
pub struct hardsnap_store {
    pub(crate) store: Store,
    path: Text,
    id: Text,
}

impl From<Store> for hardsnap_store {
    fn from(store: Store) -> hardsnap_store {
        hardsnap_store {
            path: store.path().into(),
            id: Text::new(store.id()),
            store,
        }
    }
}

/// Makes a store: finds out what the destination can hold and writes the
/// marker. The last component of the path is created if it is missing. `options`
/// may be NULL for the defaults, `callback` if nobody wants to know.
///
/// Errors: HARDSNAP_ALREADY_A_STORE, HARDSNAP_NOT_MOUNTED,
/// HARDSNAP_LINKS_UNSUPPORTED, HARDSNAP_LOCK_UNSUPPORTED and others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_init(
    store_path: *const c_char,
    length: usize,
    options: *const hardsnap_init_options,
    callback: hardsnap_callback,
    user_data: *mut c_void,
    store: *mut *mut hardsnap_store,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("store", store)?;
            let path = path("store_path", store_path, length)?;
            let options = options.as_ref().map(|options| options.0.clone());
            let options = options.unwrap_or_default();
            let made = watched(std::ptr::null(), callback, user_data, |observer, _| {
                Store::init(path, &options, observer)
            });
            out.put(made?.into());
            Ok(())
        })
    }
}

/// Opens a store.
///
/// Errors: HARDSNAP_NOT_A_STORE, HARDSNAP_UNSUPPORTED_FORMAT,
/// HARDSNAP_UNSAFE_STORE, HARDSNAP_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_open(
    store_path: *const c_char,
    length: usize,
    store: *mut *mut hardsnap_store,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("store", store)?;
            out.put(Store::open(path("store_path", store_path, length)?)?.into());
            Ok(())
        })
    }
}

/// Closes a store. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_free(store: *mut hardsnap_store) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(store) });
}

/// The absolute path that it was opened at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_path(
    store: *const hardsnap_store,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe { lend_path(store.as_ref().map(|store| &store.path), length) }
}

/// Its own id, a UUID that the records of its snapshots carry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_id(store: *const hardsnap_store) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { store.as_ref() }.map(|store| &store.id))
}

/// Makes a copy of the retention policy that it keeps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_policy(
    store: *const hardsnap_store,
    policy: *mut *mut hardsnap_policy,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("policy", policy)?;
            let policy = handle("store", store)?.store.policy().clone();
            out.put(hardsnap_policy::new(policy));
            Ok(())
        })
    }
}

/// Lists the published snapshots.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_snapshots(
    store: *const hardsnap_store,
    snapshots: *mut *mut hardsnap_snapshots,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("snapshots", snapshots)?;
            let snapshots = handle("store", store)?.store.snapshots()?;
            out.put(snapshots.into());
            Ok(())
        })
    }
}

/// Finds a snapshot by its full name, by a beginning of one that no other has,
/// by "latest", or by "latest~N", the N-th before it.
///
/// Errors: HARDSNAP_UNKNOWN_SNAPSHOT, HARDSNAP_AMBIGUOUS_SNAPSHOT, HARDSNAP_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_resolve(
    store: *const hardsnap_store,
    name: *const c_char,
    snapshot: *mut *mut hardsnap_snapshot,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("snapshot", snapshot)?;
            let store = handle("store", store)?;
            out.put(store.store.resolve(text("name", name)?)?.into());
            Ok(())
        })
    }
}

/// Makes a snapshot, publishes it, moves `latest` and removes what expired.
///
/// HARDSNAP_OK means that the snapshot is there and flushed; what could not be
/// read is in the report (hardsnap_report_skipped), and so is why expired
/// snapshots were not removed (hardsnap_report_prune_paused). With any other
/// status nothing was published. `cancel` and `callback` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_backup(
    store: *const hardsnap_store,
    options: *const hardsnap_backup_options,
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
            let options = &handle("options", options)?.0;
            reported(report, cancel, callback, user_data, |observer, cancel| {
                store.backup(options, observer, cancel)
            })
        })
    }
}

/// Tells what a first backup would do where there is no store yet, and writes
/// nothing. `cancel` and `callback` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_preview_first_backup(
    options: *const hardsnap_backup_options,
    cancel: *const hardsnap_cancel,
    callback: hardsnap_callback,
    user_data: *mut c_void,
    report: *mut *mut hardsnap_report,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = &handle("options", options)?.0;
            reported(report, cancel, callback, user_data, |observer, cancel| {
                Store::preview_first_backup(options, observer, cancel)
            })
        })
    }
}

/// Tells what would be kept and given up at `now`, in seconds since 1970.
/// `policy` may be NULL for the store's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_plan_prune(
    store: *const hardsnap_store,
    policy: *const hardsnap_policy,
    now: i64,
    plan: *mut *mut hardsnap_prune_plan,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("plan", plan)?;
            let store = &handle("store", store)?.store;
            let policy = policy.as_ref().map(|policy| &policy.policy);
            out.put(store.plan_prune(policy, time("now", now)?)?.into());
            Ok(())
        })
    }
}

/// Removes what a plan gives up. The plan is made again under the lock, and
/// what has come to be kept meanwhile stays. `cancel` and `callback` may be
/// NULL. What could not be removed is in the report, and why nothing was, if
/// something looks wrong (hardsnap_report_prune_paused).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_prune(
    store: *const hardsnap_store,
    plan: *const hardsnap_prune_plan,
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
            let plan = &handle("plan", plan)?.plan;
            reported(report, cancel, callback, user_data, |observer, cancel| {
                store.prune(plan, observer, cancel)
            })
        })
    }
}

/// Removes the snapshots named by `count` full names. Either all of them are
/// there and may go, or nothing is removed. The last complete one goes only if
/// `even_the_last` is true.
///
/// Errors: HARDSNAP_UNKNOWN_SNAPSHOT; HARDSNAP_SNAPSHOT_HELD;
/// HARDSNAP_SNAPSHOT_IN_USE;
/// HARDSNAP_LAST_SNAPSHOT if no complete one would remain;
/// HARDSNAP_STORE_LOCKED and others.
#[unsafe(no_mangle)]
#[allow(
    clippy::too_many_arguments,
    reason = "a run takes five besides its own"
)]
pub unsafe extern "C" fn hardsnap_store_delete(
    store: *const hardsnap_store,
    names: *const *const c_char,
    count: usize,
    even_the_last: bool,
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
            let names = snapshot_names("names", names, count)?;
            let deletion = match even_the_last {
                true => Deletion::OfAny,
                false => Deletion::SparingTheLast,
            };
            reported(report, cancel, callback, user_data, |observer, cancel| {
                store.delete(&names, deletion, observer, cancel)
            })
        })
    }
}

/// Makes the catalog anew from the trees of the snapshots and their records.
/// What trees cannot hold is taken over from the catalog there is, as far as the
/// trees confirm it. `cancel` and `callback` may be NULL.
///
/// Entries that cannot be read are in the report (hardsnap_report_skipped); their
/// snapshots are left out of the catalog. The report's JSON tells how much is in
/// it, and what is lost. With any other status than HARDSNAP_OK the catalog is as
/// it was.
///
/// Errors: HARDSNAP_STORE_LOCKED, HARDSNAP_UNSUPPORTED_FORMAT if a newer version
/// wrote the catalog, HARDSNAP_NO_SPACE, HARDSNAP_CANCELLED, HARDSNAP_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_reindex(
    store: *const hardsnap_store,
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
            reported(report, cancel, callback, user_data, |observer, cancel| {
                store.reindex(observer, cancel)
            })
        })
    }
}
