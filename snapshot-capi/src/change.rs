//! What differs between two snapshots.

use std::ffi::c_char;
use std::ptr;

use engine::{Aspect, ChangeKind, Changes, EntryChange};

use crate::answers::Answers;
use crate::argument::{Lent, free, handle_mut};
use crate::entry::hardsnap_entry;
use crate::error::hardsnap_error;
use crate::guard::{guard, look};
use crate::status::hardsnap_status;
use crate::text::{Json, Text, lend, lend_path};

/// The path is only in the later one of the two.
pub const HARDSNAP_CHANGE_ADDED: i32 = 1;
/// The path is only in the earlier one of the two.
pub const HARDSNAP_CHANGE_REMOVED: i32 = 2;
/// It is another kind of entry or has other content.
pub const HARDSNAP_CHANGE_MODIFIED: i32 = 3;
/// Only metadata differ.
pub const HARDSNAP_CHANGE_METADATA: i32 = 4;
/// What was at a path that is gone is at a path that is new, as it was or
/// altered.
pub const HARDSNAP_CHANGE_MOVED: i32 = 5;

/// What it is: a file became a directory.
pub const HARDSNAP_ASPECT_KIND: i32 = 1;
/// The data of a file, the target of a symlink, the number of a device.
pub const HARDSNAP_ASPECT_CONTENT: i32 = 2;
/// Permission bits.
pub const HARDSNAP_ASPECT_MODE: i32 = 3;
/// Owner or group.
pub const HARDSNAP_ASPECT_OWNER: i32 = 4;
/// When it was last modified.
pub const HARDSNAP_ASPECT_MTIME: i32 = 5;
/// Extended attributes or ACLs.
pub const HARDSNAP_ASPECT_XATTRS: i32 = 6;

/// An entry that differs between two snapshots.
#[derive(Debug)]
pub struct hardsnap_change {
    path: Text,
    from: Option<Text>,
    before: Option<hardsnap_entry>,
    after: Option<hardsnap_entry>,
    json: Json<EntryChange>,
}

impl From<EntryChange> for hardsnap_change {
    fn from(change: EntryChange) -> hardsnap_change {
        hardsnap_change {
            path: change.path.as_path().into(),
            from: change.from.as_deref().map(Text::from),
            before: change.before.clone().map(hardsnap_entry::from),
            after: change.after.clone().map(hardsnap_entry::from),
            json: Json::new("change", change),
        }
    }
}

/// What differs between two snapshots, in the order of the paths.
pub struct hardsnap_changes(pub(crate) Answers<Changes, hardsnap_change>);

/// Frees them, and with them the one that is lent. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_changes_free(changes: *mut hardsnap_changes) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(changes) });
}

/// Lends the next change, or NULL when there is no more, also after an error.
/// Errors as those of hardsnap_entries_next().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_changes_next(
    changes: *mut hardsnap_changes,
    change: *mut *const hardsnap_change,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let lent = Lent::new("change", change)?;
            lent.put(handle_mut("changes", changes)?.0.next()?);
            Ok(())
        })
    }
}

/// How it differs, HARDSNAP_CHANGE_ADDED and so on; 0 for NULL. Others may be
/// added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_change_kind(change: *const hardsnap_change) -> i32 {
    // SAFETY: stated in the header.
    let change = unsafe { change.as_ref() };
    match change.map(|change| change.json.told().kind) {
        Some(ChangeKind::Added) => HARDSNAP_CHANGE_ADDED,
        Some(ChangeKind::Removed) => HARDSNAP_CHANGE_REMOVED,
        Some(ChangeKind::Modified) => HARDSNAP_CHANGE_MODIFIED,
        Some(ChangeKind::Metadata) => HARDSNAP_CHANGE_METADATA,
        Some(ChangeKind::Moved) => HARDSNAP_CHANGE_MOVED,
        _ => 0,
    }
}

/// The path; of what was moved, the new one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_change_path(
    change: *const hardsnap_change,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe { lend_path(change.as_ref().map(|change| &change.path), length) }
}

/// Where it was, if it was moved; else NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_change_from(
    change: *const hardsnap_change,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe {
        let from = change.as_ref().and_then(|change| change.from.as_ref());
        lend_path(from, length)
    }
}

/// The entry before; NULL if it was added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_change_before(
    change: *const hardsnap_change,
) -> *const hardsnap_entry {
    // SAFETY: stated in the header.
    let entry = unsafe { change.as_ref() }.and_then(|change| change.before.as_ref());
    entry.map_or(ptr::null(), ptr::from_ref)
}

/// The entry after; NULL if it was removed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_change_after(
    change: *const hardsnap_change,
) -> *const hardsnap_entry {
    // SAFETY: stated in the header.
    let entry = unsafe { change.as_ref() }.and_then(|change| change.after.as_ref());
    entry.map_or(ptr::null(), ptr::from_ref)
}

/// Whether the two differ in something, HARDSNAP_ASPECT_CONTENT and so on.
/// False if only one of them is there, and for what is none of these.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_change_differs(
    change: *const hardsnap_change,
    aspect: i32,
) -> bool {
    let aspect = match aspect {
        HARDSNAP_ASPECT_KIND => Aspect::Kind,
        HARDSNAP_ASPECT_CONTENT => Aspect::Content,
        HARDSNAP_ASPECT_MODE => Aspect::Mode,
        HARDSNAP_ASPECT_OWNER => Aspect::Owner,
        HARDSNAP_ASPECT_MTIME => Aspect::Mtime,
        HARDSNAP_ASPECT_XATTRS => Aspect::Xattrs,
        _ => return false,
    };
    // SAFETY: stated in the header.
    unsafe { change.as_ref() }.is_some_and(|change| change.json.told().differs.contains(&aspect))
}

/// All of it as a line of JSON, such as the command line prints.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_change_json(change: *const hardsnap_change) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { change.as_ref() }.map(|change| change.json.text()))
}
