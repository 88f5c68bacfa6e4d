//! What the user says about a snapshot: held, released, accepted.

use std::ffi::c_char;

use engine::{MarkReport, SnapshotName, Store};

use crate::argument::{Out, handle, text};
use crate::error::{Failure, hardsnap_error};
use crate::guard::guard;
use crate::snapshot::hardsnap_snapshot;
use crate::status::hardsnap_status;
use crate::store::hardsnap_store;

/// Marks a snapshot and hands it over as it is then, if somebody takes it.
///
/// # Safety
///
/// What the header says of the arguments.
unsafe fn mark(
    store: *const hardsnap_store,
    name: *const c_char,
    snapshot: *mut *mut hardsnap_snapshot,
    act: impl FnOnce(&Store, SnapshotName) -> engine::Result<MarkReport>,
) -> Result<(), Failure> {
    // SAFETY: the caller's promise.
    let (store, name) = unsafe { (&handle("store", store)?.store, text("name", name)?) };
    let report = act(store, store.resolve(name)?.name)?;
    if !snapshot.is_null() {
        // SAFETY: the caller's promise.
        unsafe { Out::new("snapshot", snapshot) }?.put(report.snapshot.into());
    }
    Ok(())
}

/// Holds a snapshot, named as for hardsnap_store_resolve(): no policy and no
/// lack of room removes it, and hardsnap_store_delete() refuses to. A `note`
/// replaces the one that it has; it may be NULL, and so may `snapshot`, which
/// is the snapshot as it is then.
///
/// Errors: HARDSNAP_UNKNOWN_SNAPSHOT, HARDSNAP_STORE_LOCKED, HARDSNAP_NO_SPACE,
/// HARDSNAP_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_hold(
    store: *const hardsnap_store,
    name: *const c_char,
    note: *const c_char,
    snapshot: *mut *mut hardsnap_snapshot,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let note = match note.is_null() {
                true => None,
                false => Some(text("note", note)?),
            };
            mark(store, name, snapshot, |store, name| store.hold(name, note))
        })
    }
}

/// Lets a held snapshot go the way of all others; its note stays. `snapshot`
/// may be NULL. Errors as those of hardsnap_store_hold().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_release(
    store: *const hardsnap_store,
    name: *const c_char,
    snapshot: *mut *mut hardsnap_snapshot,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe { guard(error, || mark(store, name, snapshot, Store::release)) }
}

/// Lets a suspect snapshot count: it becomes complete, or partial if entries
/// are missing in it, and if it is the newest, `latest` and the next basis.
/// `snapshot` may be NULL. Errors as those of hardsnap_store_hold().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_accept(
    store: *const hardsnap_store,
    name: *const c_char,
    snapshot: *mut *mut hardsnap_snapshot,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe { guard(error, || mark(store, name, snapshot, Store::accept)) }
}
