//! The snapshots of a store.

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::ptr;

use engine::{Counts, SnapshotInfo};

use crate::argument::free;
use crate::guard::look;
use crate::report::{HARDSNAP_SNAPSHOT_NONE, count_of, number_of};
use crate::text::{Text, lend, lend_path};

/// A published snapshot, as its record tells it.
#[derive(Debug)]
pub struct hardsnap_snapshot {
    name: Text,
    seconds: i64,
    sequence: u64,
    status: i32,
    held: bool,
    note: Option<Text>,
    host: Text,
    sources: Vec<Text>,
    counts: Counts,
    suspicions: Vec<Text>,
    lacks: Vec<Text>,
}

impl From<SnapshotInfo> for hardsnap_snapshot {
    fn from(info: SnapshotInfo) -> hardsnap_snapshot {
        hardsnap_snapshot {
            name: Text::new(info.name),
            seconds: info.name.time().timestamp(),
            sequence: info.sequence,
            status: number_of(info.status),
            held: info.held,
            note: info.note.map(Text::new),
            host: Text::new(info.host),
            sources: info
                .sources
                .iter()
                .map(|source| Text::from(source.as_path()))
                .collect(),
            counts: info.counts,
            suspicions: info.suspicions.iter().map(Text::new).collect(),
            lacks: info.lacks.iter().map(Text::new).collect(),
        }
    }
}

/// The snapshots of a store, in the order in which they were made.
#[derive(Debug)]
pub struct hardsnap_snapshots {
    snapshots: Vec<hardsnap_snapshot>,
    json: Text,
}

impl From<Vec<SnapshotInfo>> for hardsnap_snapshots {
    fn from(snapshots: Vec<SnapshotInfo>) -> hardsnap_snapshots {
        hardsnap_snapshots {
            json: Text::json(BTreeMap::from([("snapshots", &snapshots)])),
            snapshots: snapshots.into_iter().map(hardsnap_snapshot::from).collect(),
        }
    }
}

/// Frees a list, and with it the snapshots that it lends. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshots_free(snapshots: *mut hardsnap_snapshots) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(snapshots) });
}

/// How many snapshots there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshots_count(snapshots: *const hardsnap_snapshots) -> usize {
    // SAFETY: stated in the header.
    unsafe { snapshots.as_ref() }.map_or(0, |snapshots| snapshots.snapshots.len())
}

/// One of them, lent by the list; NULL beyond the last. 0 is the oldest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshots_get(
    snapshots: *const hardsnap_snapshots,
    index: usize,
) -> *const hardsnap_snapshot {
    // SAFETY: stated in the header.
    let found = unsafe { snapshots.as_ref() }.and_then(|snapshots| snapshots.snapshots.get(index));
    found.map_or(ptr::null(), ptr::from_ref)
}

/// All of them as a line of JSON, such as the command line prints.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshots_json(
    snapshots: *const hardsnap_snapshots,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { snapshots.as_ref() }.map(|snapshots| &snapshots.json))
}

/// Frees a snapshot that hardsnap_store_resolve() made; never one that a list
/// lends. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_free(snapshot: *mut hardsnap_snapshot) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(snapshot) });
}

/// Its name, such as "2026-11-22T19-20-00Z": also that of its directory in the
/// store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_name(
    snapshot: *const hardsnap_snapshot,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { snapshot.as_ref() }.map(|snapshot| &snapshot.name))
}

/// When it was begun, in seconds since 1970.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_time(snapshot: *const hardsnap_snapshot) -> i64 {
    // SAFETY: stated in the header.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.seconds)
}

/// Its place in the order in which the store's snapshots were made, from 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_sequence(snapshot: *const hardsnap_snapshot) -> u64 {
    // SAFETY: stated in the header.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.sequence)
}

/// HARDSNAP_SNAPSHOT_COMPLETE, _PARTIAL or _SUSPECT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_status(snapshot: *const hardsnap_snapshot) -> i32 {
    // SAFETY: stated in the header.
    unsafe { snapshot.as_ref() }.map_or(HARDSNAP_SNAPSHOT_NONE, |snapshot| snapshot.status)
}

/// How many reasons there are why it is suspect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_suspicion_count(
    snapshot: *const hardsnap_snapshot,
) -> usize {
    // SAFETY: stated in the header.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.suspicions.len())
}

/// One of them, as a line of text; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_suspicion(
    snapshot: *const hardsnap_snapshot,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.suspicions.get(index)))
}

/// How many things the destination could not hold of the sources.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_lack_count(snapshot: *const hardsnap_snapshot) -> usize {
    // SAFETY: stated in the header.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.lacks.len())
}

/// One of them: "owners", "modes", "symlinks", "case", "normalization",
/// "mtimes", or "xattrs:user" and the like; NULL beyond the last. Others may be
/// added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_lack(
    snapshot: *const hardsnap_snapshot,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.lacks.get(index)))
}

/// Whether it is kept whatever the policy says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_is_held(snapshot: *const hardsnap_snapshot) -> bool {
    // SAFETY: stated in the header.
    unsafe { snapshot.as_ref() }.is_some_and(|snapshot| snapshot.held)
}

/// Its note, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_note(
    snapshot: *const hardsnap_snapshot,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.note.as_ref()))
}

/// The name of the machine that it was made on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_host(
    snapshot: *const hardsnap_snapshot,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { snapshot.as_ref() }.map(|snapshot| &snapshot.host))
}

/// How many sources it has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_source_count(
    snapshot: *const hardsnap_snapshot,
) -> usize {
    // SAFETY: stated in the header.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.sources.len())
}

/// One of its sources, as an absolute path; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_source(
    snapshot: *const hardsnap_snapshot,
    index: usize,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe {
        let source = snapshot
            .as_ref()
            .and_then(|snapshot| snapshot.sources.get(index));
        lend_path(source, length)
    }
}

/// One of the counts of the run that made it, HARDSNAP_FILES_LINKED and so on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_snapshot_count(
    snapshot: *const hardsnap_snapshot,
    which: i32,
) -> u64 {
    // SAFETY: stated in the header.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| count_of(&snapshot.counts, which))
}
