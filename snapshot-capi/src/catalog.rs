//! What a store remembers of all its snapshots, and the questions to it.

use std::ffi::c_char;
use std::path::Path;

use engine::Catalog;

use crate::answers::Answers;
use crate::argument::{
    Out, free, handle, optional_path, path, snapshot_name, snapshot_names, text,
};
use crate::cancel::hardsnap_cancel;
use crate::change::hardsnap_changes;
use crate::entry::{hardsnap_entries, hardsnap_entry};
use crate::error::hardsnap_error;
use crate::guard::{guard, look};
use crate::sizes::hardsnap_sizes;
use crate::status::hardsnap_status;
use crate::store::hardsnap_store;
use crate::text::{Text, lend, lend_path};
use crate::version::{hardsnap_found, hardsnap_versions};

/// What a store remembers of all its snapshots: every version of every entry,
/// with the snapshots that have it. It tells of the snapshots that there were
/// when it was opened. It may be used by several threads at once, and while a
/// backup runs; neither it nor what it answers needs the store any more. A
/// process that forks leaves all of them to its parent, and opens its own.
#[derive(Debug)]
pub struct hardsnap_catalog {
    catalog: Catalog,
    snapshots: Vec<Text>,
    unknown: Vec<Text>,
}

impl From<Catalog> for hardsnap_catalog {
    fn from(catalog: Catalog) -> hardsnap_catalog {
        let snapshots = catalog.snapshots().iter();
        hardsnap_catalog {
            snapshots: snapshots.map(|known| Text::new(known.name)).collect(),
            unknown: catalog.unknown_snapshots().iter().map(Text::new).collect(),
            catalog,
        }
    }
}

/// Opens the catalog, to be asked about the snapshots that there are now. It is
/// only read. Once `cancel` is on, which may be NULL, each question, and what
/// came of one, fails with HARDSNAP_CANCELLED, within a tenth of a second.
///
/// Errors: HARDSNAP_CATALOG_UNUSABLE if there is none, or it is damaged;
/// HARDSNAP_UNSUPPORTED_FORMAT if a newer version wrote it;
/// HARDSNAP_STORE_LOCKED if a run writes to it all the time; HARDSNAP_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_catalog(
    store: *const hardsnap_store,
    cancel: *const hardsnap_cancel,
    catalog: *mut *mut hardsnap_catalog,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("catalog", catalog)?;
            let mut opened = handle("store", store)?.store.catalog()?;
            if let Some(cancel) = cancel.as_ref() {
                opened = opened.with_cancel(&cancel.0);
            }
            out.put(opened.into());
            Ok(())
        })
    }
}

/// Frees a catalog; what came of its questions stays. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_free(catalog: *mut hardsnap_catalog) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(catalog) });
}

/// How many snapshots the catalog tells of.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_snapshot_count(
    catalog: *const hardsnap_catalog,
) -> usize {
    // SAFETY: stated in the header.
    unsafe { catalog.as_ref() }.map_or(0, |catalog| catalog.snapshots.len())
}

/// The name of one of them, in the order in which they were made; NULL beyond
/// the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_snapshot(
    catalog: *const hardsnap_catalog,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { catalog.as_ref() }.and_then(|catalog| catalog.snapshots.get(index)))
}

/// How many snapshots of the store it does not tell of, because they were made
/// before there was one. `hardsnap reindex` reads them in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_unknown_count(catalog: *const hardsnap_catalog) -> usize {
    // SAFETY: stated in the header.
    unsafe { catalog.as_ref() }.map_or(0, |catalog| catalog.unknown.len())
}

/// The name of one of these; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_unknown(
    catalog: *const hardsnap_catalog,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { catalog.as_ref() }.and_then(|catalog| catalog.unknown.get(index)))
}

/// The entry that a snapshot, given by its full name, has at a path; NULL is
/// written if it has none there.
///
/// Errors: HARDSNAP_UNKNOWN_SNAPSHOT; HARDSNAP_INVALID_OPTION if the path is
/// not an absolute one; HARDSNAP_CATALOG_UNUSABLE if the catalog is damaged or
/// does not tell of the snapshot; HARDSNAP_STORE_LOCKED if a run writes to it
/// all the time; HARDSNAP_CANCELLED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_entry(
    catalog: *const hardsnap_catalog,
    snapshot: *const c_char,
    entry_path: *const c_char,
    length: usize,
    entry: *mut *mut hardsnap_entry,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("entry", entry)?;
            let catalog = &handle("catalog", catalog)?.catalog;
            let snapshot = snapshot_name("snapshot", snapshot)?;
            let entry = catalog.entry(snapshot, path("entry_path", entry_path, length)?)?;
            out.put_or_null(entry.map(hardsnap_entry::from));
            Ok(())
        })
    }
}

/// The entries of a snapshot, given by its full name: the one at the path
/// `below`, then all that is below it. There is none if the snapshot does not
/// have the path; NULL stands for all of it. Errors as those of
/// hardsnap_catalog_entry().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_entries(
    catalog: *const hardsnap_catalog,
    snapshot: *const c_char,
    below: *const c_char,
    length: usize,
    entries: *mut *mut hardsnap_entries,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("entries", entries)?;
            let catalog = &handle("catalog", catalog)?.catalog;
            let snapshot = snapshot_name("snapshot", snapshot)?;
            let below = optional_path("below", below, length)?.unwrap_or(Path::new("/"));
            let entries = catalog.entries(snapshot, below)?;
            out.put(hardsnap_entries(Answers::new(entries)));
            Ok(())
        })
    }
}

/// The versions of a path. Neighbouring snapshots between which nothing changed
/// that a user could see have the same version; there are several equal ones if
/// the path was gone in between, and none if no snapshot has it. Errors as those
/// of hardsnap_catalog_entry().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_versions(
    catalog: *const hardsnap_catalog,
    entry_path: *const c_char,
    length: usize,
    versions: *mut *mut hardsnap_versions,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("versions", versions)?;
            let catalog = &handle("catalog", catalog)?.catalog;
            let versions = catalog.versions(path("entry_path", entry_path, length)?)?;
            out.put(versions.into());
            Ok(())
        })
    }
}

/// Finds the paths that match a pattern, in any snapshot. Patterns have the
/// syntax of .gitignore: one without a slash is matched with names, wherever
/// they are; one with a slash with whole paths, from / on; one that ends with a
/// slash with directories only. If snapshots are removed meanwhile, what was
/// only in them may be missing.
///
/// Errors: HARDSNAP_INVALID_OPTION if the pattern cannot be read or could never
/// match anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_find(
    catalog: *const hardsnap_catalog,
    pattern: *const c_char,
    found: *mut *mut hardsnap_found,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("found", found)?;
            let catalog = &handle("catalog", catalog)?.catalog;
            let found = catalog.find(text("pattern", pattern)?)?;
            out.put(hardsnap_found(Answers::new(found)));
            Ok(())
        })
    }
}

/// What differs between two snapshots, given by their full names: the changes
/// that lead from `a` to `b`. Either may be the older one. A path that is new is
/// moved, and not added, if it has what was at one that is gone. Errors as those
/// of hardsnap_catalog_entry().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_changes(
    catalog: *const hardsnap_catalog,
    a: *const c_char,
    b: *const c_char,
    changes: *mut *mut hardsnap_changes,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("changes", changes)?;
            let catalog = &handle("catalog", catalog)?.catalog;
            let changes = catalog.changes(snapshot_name("a", a)?, snapshot_name("b", b)?)?;
            out.put(hardsnap_changes(Answers::new(changes)));
            Ok(())
        })
    }
}

/// What deleting exactly the snapshots would free that are named by `count`
/// full names. One that is named twice counts once.
///
/// Errors: as those of hardsnap_catalog_entry(); HARDSNAP_CATALOG_UNUSABLE also
/// if there is any snapshot that the catalog does not tell of, or if the store
/// was moved to another disk since it was written: then nobody knows what they
/// share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_sizes(
    catalog: *const hardsnap_catalog,
    names: *const *const c_char,
    count: usize,
    sizes: *mut *mut hardsnap_sizes,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("sizes", sizes)?;
            let catalog = &handle("catalog", catalog)?.catalog;
            let sizes = catalog.sizes(&snapshot_names("names", names, count)?)?;
            out.put(sizes.into());
            Ok(())
        })
    }
}

/// What only the spare takes: the tree of an expired snapshot that is kept for
/// the next one to be made of it. NULL is written if there is none, or if the
/// catalog does not tell of it. Errors as those of hardsnap_catalog_sizes().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_spare_sizes(
    catalog: *const hardsnap_catalog,
    sizes: *mut *mut hardsnap_sizes,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("sizes", sizes)?;
            let spare = handle("catalog", catalog)?.catalog.spare_sizes()?;
            out.put_or_null(spare.map(|(name, sizes)| hardsnap_sizes::of_spare(name, sizes)));
            Ok(())
        })
    }
}

/// Finds the path that the snapshots have for one that a user gives. A path that
/// is in any snapshot just as it is given, is that. Any other is taken from the
/// current directory if it is relative, and symlinks on the way to it are
/// followed, and if it is itself one that no snapshot has, that too.
///
/// Errors: HARDSNAP_IO if the current directory is needed and is gone; as those
/// of hardsnap_catalog_entry().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_catalog_resolve(
    catalog: *const hardsnap_catalog,
    given: *const c_char,
    length: usize,
    resolved: *mut *mut hardsnap_path,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("resolved", resolved)?;
            let catalog = &handle("catalog", catalog)?.catalog;
            let resolved = catalog.resolve(path("given", given, length)?)?;
            out.put(hardsnap_path(resolved.as_path().into()));
            Ok(())
        })
    }
}

/// A path that hardsnap_catalog_resolve() found.
#[derive(Debug)]
pub struct hardsnap_path(Text);

/// Frees a path. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_path_free(path: *mut hardsnap_path) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(path) });
}

/// The path itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_path_bytes(
    path: *const hardsnap_path,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe { lend_path(path.as_ref().map(|path| &path.0), length) }
}
