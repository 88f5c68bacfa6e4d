//! Versions of a path, and paths that were found, with the snapshots that have
//! them.

use std::ffi::c_char;
use std::ptr;

use engine::{EntryVersion, Found, FoundPath};

use crate::answers::Answers;
use crate::argument::{Lent, free, handle_mut};
use crate::entry::hardsnap_entry;
use crate::error::hardsnap_error;
use crate::guard::{guard, look};
use crate::status::hardsnap_status;
use crate::text::{Json, Text, lend};

/// A version of a path, and the snapshots that have it. Lent by what lists it.
#[derive(Debug)]
pub struct hardsnap_entry_version {
    entry: hardsnap_entry,
    first: Text,
    last: Text,
    json: Json<EntryVersion>,
}

impl From<EntryVersion> for hardsnap_entry_version {
    fn from(version: EntryVersion) -> hardsnap_entry_version {
        hardsnap_entry_version {
            entry: version.entry.clone().into(),
            first: Text::new(version.first),
            last: Text::new(version.last),
            json: Json::new("version", version),
        }
    }
}

/// The versions of a path, oldest first.
#[derive(Debug)]
pub struct hardsnap_versions(Vec<hardsnap_entry_version>);

impl From<Vec<EntryVersion>> for hardsnap_versions {
    fn from(versions: Vec<EntryVersion>) -> hardsnap_versions {
        let versions = versions.into_iter().map(hardsnap_entry_version::from);
        hardsnap_versions(versions.collect())
    }
}

/// Frees a list, and with it the versions that it lends. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_versions_free(versions: *mut hardsnap_versions) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(versions) });
}

/// How many versions there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_versions_count(versions: *const hardsnap_versions) -> usize {
    // SAFETY: stated in the header.
    unsafe { versions.as_ref() }.map_or(0, |versions| versions.0.len())
}

/// One of them; NULL beyond the last. 0 is the oldest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_versions_get(
    versions: *const hardsnap_versions,
    index: usize,
) -> *const hardsnap_entry_version {
    // SAFETY: stated in the header.
    let found = unsafe { versions.as_ref() }.and_then(|versions| versions.0.get(index));
    found.map_or(ptr::null(), ptr::from_ref)
}

/// The entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_version_entry(
    version: *const hardsnap_entry_version,
) -> *const hardsnap_entry {
    // SAFETY: stated in the header.
    unsafe { version.as_ref() }.map_or(ptr::null(), |version| ptr::from_ref(&version.entry))
}

/// The name of the first snapshot that has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_version_first(
    version: *const hardsnap_entry_version,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { version.as_ref() }.map(|version| &version.first))
}

/// The name of the last one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_version_last(
    version: *const hardsnap_entry_version,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { version.as_ref() }.map(|version| &version.last))
}

/// The number of snapshots that have it: the first, the last, and all between
/// them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_version_snapshot_count(
    version: *const hardsnap_entry_version,
) -> usize {
    // SAFETY: stated in the header.
    unsafe { version.as_ref() }.map_or(0, |version| version.json.told().snapshots)
}

/// All of it as a line of JSON, such as the command line prints.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_version_json(
    version: *const hardsnap_entry_version,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { version.as_ref() }.map(|version| version.json.text()))
}

/// A path that was found, and the snapshots that have it.
#[derive(Debug)]
pub struct hardsnap_found_path {
    entry: hardsnap_entry,
    first: Text,
    last: Text,
    json: Json<FoundPath>,
}

impl From<FoundPath> for hardsnap_found_path {
    fn from(found: FoundPath) -> hardsnap_found_path {
        hardsnap_found_path {
            entry: found.entry.clone().into(),
            first: Text::new(found.first),
            last: Text::new(found.last),
            json: Json::new("found", found),
        }
    }
}

/// The paths that match a pattern, in their order.
pub struct hardsnap_found(pub(crate) Answers<Found, hardsnap_found_path>);

/// Frees them, and with them the one that is lent. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_found_free(found: *mut hardsnap_found) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(found) });
}

/// Lends the next path, or NULL when there is no more, also after an error.
///
/// Errors: HARDSNAP_CATALOG_UNUSABLE, HARDSNAP_STORE_LOCKED,
/// HARDSNAP_CANCELLED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_found_next(
    found: *mut hardsnap_found,
    path: *mut *const hardsnap_found_path,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let lent = Lent::new("path", path)?;
            lent.put(handle_mut("found", found)?.0.next()?);
            Ok(())
        })
    }
}

/// The entry, as the last snapshot has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_found_path_entry(
    found: *const hardsnap_found_path,
) -> *const hardsnap_entry {
    // SAFETY: stated in the header.
    unsafe { found.as_ref() }.map_or(ptr::null(), |found| ptr::from_ref(&found.entry))
}

/// The name of the first snapshot that has the path.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_found_path_first(
    found: *const hardsnap_found_path,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { found.as_ref() }.map(|found| &found.first))
}

/// The name of the last one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_found_path_last(
    found: *const hardsnap_found_path,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { found.as_ref() }.map(|found| &found.last))
}

/// The number of snapshots that have it. Not all between the first and the last
/// need to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_found_path_snapshot_count(
    found: *const hardsnap_found_path,
) -> usize {
    // SAFETY: stated in the header.
    unsafe { found.as_ref() }.map_or(0, |found| found.json.told().snapshots)
}

/// All of it as a line of JSON, such as the command line prints.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_found_path_json(
    found: *const hardsnap_found_path,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { found.as_ref() }.map(|found| found.json.text()))
}
