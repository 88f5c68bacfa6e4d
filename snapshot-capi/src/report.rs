//! What a run did.

use std::ffi::c_char;
use std::path::PathBuf;
use std::time::Duration;

use engine::retention::Status;
use engine::{
    BackupReport, Counts, Problem, ReindexReport, RemovalReport, RestoreCounts, RestoreReport,
    SnapshotName, TreeReport, Warning,
};

use crate::argument::free;
use crate::guard::look;
use crate::problem::hardsnap_problem;
use crate::text::{Text, lend, lend_path};

/// Names of regular files that were made hard links, moved ones not included.
pub const HARDSNAP_FILES_LINKED: i32 = 0;
/// Regular files whose data was copied.
pub const HARDSNAP_FILES_COPIED: i32 = 1;
/// Sizes of the files that were linked, moved ones included, in bytes.
pub const HARDSNAP_BYTES_LINKED: i32 = 2;
/// Sizes of the files that were copied, in bytes.
pub const HARDSNAP_BYTES_COPIED: i32 = 3;
/// Directories.
pub const HARDSNAP_DIRECTORIES: i32 = 4;
/// Symlinks.
pub const HARDSNAP_SYMLINKS: i32 = 5;
/// FIFOs, sockets and devices.
pub const HARDSNAP_SPECIALS: i32 = 6;
/// Entries that were left out on purpose.
pub const HARDSNAP_EXCLUDED: i32 = 7;
/// Regular files that were linked to an entry that the basis has under another
/// name.
pub const HARDSNAP_FILES_MOVED: i32 = 8;
/// Of a restore: entries of every kind that were not there before.
pub const HARDSNAP_ENTRIES_WRITTEN: i32 = 9;
/// Of a restore: entries that took the place of others.
pub const HARDSNAP_ENTRIES_REPLACED: i32 = 10;
/// Of a restore: entries that stayed as they were.
pub const HARDSNAP_ENTRIES_LEFT: i32 = 11;
/// Of a restore: sizes of the files that were written or replaced, in bytes.
pub const HARDSNAP_BYTES_WRITTEN: i32 = 12;

/// There is no snapshot to speak of.
pub const HARDSNAP_SNAPSHOT_NONE: i32 = 0;
/// Everything is in it.
pub const HARDSNAP_SNAPSHOT_COMPLETE: i32 = 1;
/// Some entries are missing or unstable.
pub const HARDSNAP_SNAPSHOT_PARTIAL: i32 = 2;
/// It looks wrong, and counts for nothing until somebody accepts it.
pub const HARDSNAP_SNAPSHOT_SUSPECT: i32 = 3;

pub(crate) fn count_of(counts: &Counts, which: i32) -> u64 {
    match which {
        HARDSNAP_FILES_LINKED => counts.files_linked,
        HARDSNAP_FILES_COPIED => counts.files_copied,
        HARDSNAP_BYTES_LINKED => counts.bytes_linked,
        HARDSNAP_BYTES_COPIED => counts.bytes_copied,
        HARDSNAP_DIRECTORIES => counts.directories,
        HARDSNAP_SYMLINKS => counts.symlinks,
        HARDSNAP_SPECIALS => counts.specials,
        HARDSNAP_EXCLUDED => counts.excluded,
        HARDSNAP_FILES_MOVED => counts.files_moved,
        _ => 0,
    }
}

pub(crate) fn number_of(status: Status) -> i32 {
    match status {
        Status::Complete => HARDSNAP_SNAPSHOT_COMPLETE,
        Status::Partial => HARDSNAP_SNAPSHOT_PARTIAL,
        _ => HARDSNAP_SNAPSHOT_SUSPECT,
    }
}

/// What a run did: a backup, a removal, a tree, or a new catalog. What does not
/// concern such a run is NULL, 0 or empty.
#[derive(Debug, Default)]
pub struct hardsnap_report {
    snapshot: Option<Text>,
    status: i32,
    basis: Option<Text>,
    recycled: Option<Text>,
    counts: Counts,
    skipped: Vec<hardsnap_problem>,
    warnings: Vec<Text>,
    removed: Vec<Text>,
    prune_paused: Option<Text>,
    left_behind: Vec<hardsnap_problem>,
    being_read: Vec<Text>,
    elapsed: Duration,
    suspicions: Vec<Text>,
    restored: RestoreCounts,
    in_the_way: Vec<Text>,
    deleted: Vec<Text>,
    damaged: Vec<Text>,
    json: Option<Text>,
}

fn problems(problems: &[Problem]) -> Vec<hardsnap_problem> {
    problems.iter().map(hardsnap_problem::from).collect()
}

fn warnings(warnings: &[Warning]) -> Vec<Text> {
    warnings.iter().map(Text::new).collect()
}

fn names(names: &[SnapshotName]) -> Vec<Text> {
    names.iter().map(Text::new).collect()
}

impl From<BackupReport> for hardsnap_report {
    fn from(report: BackupReport) -> hardsnap_report {
        hardsnap_report {
            json: Some(Text::json(&report)),
            suspicions: report.suspicions.iter().map(Text::new).collect(),
            snapshot: Some(Text::new(report.snapshot)),
            status: number_of(report.status),
            basis: report.basis.map(Text::new),
            recycled: report.recycled.map(Text::new),
            counts: report.counts,
            skipped: problems(&report.skipped),
            warnings: warnings(&report.warnings),
            removed: names(&report.removed),
            prune_paused: report.prune_paused.map(Text::new),
            left_behind: problems(&report.left_behind),
            elapsed: report.elapsed,
            ..hardsnap_report::default()
        }
    }
}

impl From<TreeReport> for hardsnap_report {
    fn from(report: TreeReport) -> hardsnap_report {
        hardsnap_report {
            json: Some(Text::json(&report)),
            counts: report.counts,
            skipped: problems(&report.skipped),
            warnings: warnings(&report.warnings),
            elapsed: report.elapsed,
            ..hardsnap_report::default()
        }
    }
}

impl From<RemovalReport> for hardsnap_report {
    fn from(report: RemovalReport) -> hardsnap_report {
        hardsnap_report {
            json: Some(Text::json(&report)),
            removed: names(&report.removed),
            prune_paused: report.prune_paused.map(Text::new),
            left_behind: problems(&report.left_behind),
            being_read: names(&report.being_read),
            elapsed: report.elapsed,
            ..hardsnap_report::default()
        }
    }
}

impl From<ReindexReport> for hardsnap_report {
    fn from(report: ReindexReport) -> hardsnap_report {
        hardsnap_report {
            json: Some(Text::json(&report)),
            skipped: problems(&report.skipped),
            warnings: warnings(&report.warnings),
            elapsed: report.elapsed,
            ..hardsnap_report::default()
        }
    }
}

impl From<RestoreReport> for hardsnap_report {
    fn from(report: RestoreReport) -> hardsnap_report {
        let paths = |paths: &[PathBuf]| paths.iter().map(|path| path.as_path().into()).collect();
        let obstacles = report.in_the_way.iter();
        hardsnap_report {
            json: Some(Text::json(&report)),
            snapshot: Some(Text::new(report.snapshot)),
            skipped: problems(&report.skipped),
            warnings: warnings(&report.warnings),
            elapsed: report.elapsed,
            restored: report.counts,
            in_the_way: obstacles.map(|one| one.path.as_path().into()).collect(),
            deleted: paths(&report.deleted),
            damaged: paths(&report.damaged),
            ..hardsnap_report::default()
        }
    }
}

/// Looks at a report.
///
/// # Safety
///
/// It is NULL or a report.
unsafe fn of<'a, T>(
    report: *const hardsnap_report,
    look: impl FnOnce(&'a hardsnap_report) -> T,
) -> Option<T> {
    // SAFETY: the caller's promise.
    unsafe { report.as_ref() }.map(look)
}

/// Frees a report. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_free(report: *mut hardsnap_report) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(report) });
}

/// The name of the snapshot that was published (in a dry run: would be), or
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_snapshot(report: *const hardsnap_report) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { of(report, |report| report.snapshot.as_ref()) }.flatten())
}

/// One of HARDSNAP_SNAPSHOT_NONE, _COMPLETE, _PARTIAL, _SUSPECT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_status(report: *const hardsnap_report) -> i32 {
    // SAFETY: stated in the header.
    unsafe { of(report, |report| report.status) }.unwrap_or(HARDSNAP_SNAPSHOT_NONE)
}

/// The name of the snapshot that it was compared with and linked to, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_basis(report: *const hardsnap_report) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { of(report, |report| report.basis.as_ref()) }.flatten())
}

/// The name of the expired snapshot whose tree it was made of, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_recycled(report: *const hardsnap_report) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { of(report, |report| report.recycled.as_ref()) }.flatten())
}

/// One of the counts of the run; `which` is HARDSNAP_FILES_LINKED or another
/// of these. 0 for what is none of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_count(report: *const hardsnap_report, which: i32) -> u64 {
    let count = |report: &hardsnap_report| match which {
        HARDSNAP_ENTRIES_WRITTEN => report.restored.written,
        HARDSNAP_ENTRIES_REPLACED => report.restored.replaced,
        HARDSNAP_ENTRIES_LEFT => report.restored.left,
        HARDSNAP_BYTES_WRITTEN => report.restored.bytes_written,
        _ => count_of(&report.counts, which),
    };
    // SAFETY: stated in the header.
    unsafe { of(report, count) }.unwrap_or(0)
}

/// How many sources look as if they had been lost.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_suspicion_count(report: *const hardsnap_report) -> usize {
    // SAFETY: stated in the header.
    unsafe { of(report, |report| report.suspicions.len()) }.unwrap_or(0)
}

/// What is suspect about one of the sources, as a line of text; NULL beyond the
/// last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_suspicion(
    report: *const hardsnap_report,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { of(report, |report| report.suspicions.get(index)) }.flatten())
}

/// All of it as a line of JSON, such as the command line prints as its summary.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_json(report: *const hardsnap_report) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { of(report, |report| report.json.as_ref()) }.flatten())
}

/// How many entries are missing or unstable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_skipped_count(report: *const hardsnap_report) -> usize {
    // SAFETY: stated in the header.
    unsafe { of(report, |report| report.skipped.len()) }.unwrap_or(0)
}

/// One of the entries that are missing or unstable, by path; NULL beyond the
/// last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_skipped(
    report: *const hardsnap_report,
    index: usize,
) -> *const hardsnap_problem {
    // SAFETY: stated in the header.
    let found = unsafe { of(report, |report| report.skipped.get(index)) };
    found.flatten().map_or(std::ptr::null(), std::ptr::from_ref)
}

/// How many warnings there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_warning_count(report: *const hardsnap_report) -> usize {
    // SAFETY: stated in the header.
    unsafe { of(report, |report| report.warnings.len()) }.unwrap_or(0)
}

/// One of the warnings, as a line of text; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_warning(
    report: *const hardsnap_report,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { of(report, |report| report.warnings.get(index)) }.flatten())
}

/// How many snapshots were removed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_removed_count(report: *const hardsnap_report) -> usize {
    // SAFETY: stated in the header.
    unsafe { of(report, |report| report.removed.len()) }.unwrap_or(0)
}

/// The name of one of the removed snapshots, oldest first; NULL beyond the
/// last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_removed(
    report: *const hardsnap_report,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { of(report, |report| report.removed.get(index)) }.flatten())
}

/// Why expired snapshots were not removed, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_prune_paused(
    report: *const hardsnap_report,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { of(report, |report| report.prune_paused.as_ref()) }.flatten())
}

/// How many expired entries could not be removed. The next run tries again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_left_behind_count(
    report: *const hardsnap_report,
) -> usize {
    // SAFETY: stated in the header.
    unsafe { of(report, |report| report.left_behind.len()) }.unwrap_or(0)
}

/// One of the entries that could not be removed; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_left_behind(
    report: *const hardsnap_report,
    index: usize,
) -> *const hardsnap_problem {
    // SAFETY: stated in the header.
    let found = unsafe { of(report, |report| report.left_behind.get(index)) };
    found.flatten().map_or(std::ptr::null(), std::ptr::from_ref)
}

/// How many snapshots a removal left where they are because they are being
/// read. Each is among the entries that could not be removed, too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_being_read_count(report: *const hardsnap_report) -> usize {
    // SAFETY: stated in the header.
    unsafe { of(report, |report| report.being_read.len()) }.unwrap_or(0)
}

/// The name of one of the snapshots that are being read; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_being_read(
    report: *const hardsnap_report,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { of(report, |report| report.being_read.get(index)) }.flatten())
}

/// How long it took, in seconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_elapsed_seconds(report: *const hardsnap_report) -> f64 {
    // SAFETY: stated in the header.
    unsafe { of(report, |report| report.elapsed.as_secs_f64()) }.unwrap_or(0.0)
}

/// How many things are in the way of a restore; only of a dry run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_in_the_way_count(report: *const hardsnap_report) -> usize {
    // SAFETY: stated in the header.
    unsafe { of(report, |report| report.in_the_way.len()) }.unwrap_or(0)
}

/// The path of one of the things that are in the way of a restore; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_in_the_way(
    report: *const hardsnap_report,
    index: usize,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe {
        let found = of(report, |report| report.in_the_way.get(index));
        lend_path(found.flatten(), length)
    }
}

/// How many paths a restore deleted because the snapshot does not have them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_deleted_count(report: *const hardsnap_report) -> usize {
    // SAFETY: stated in the header.
    unsafe { of(report, |report| report.deleted.len()) }.unwrap_or(0)
}

/// The path of one of the paths that a restore deleted; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_deleted(
    report: *const hardsnap_report,
    index: usize,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe {
        let found = of(report, |report| report.deleted.get(index));
        lend_path(found.flatten(), length)
    }
}

/// How many files a restore left out because they are damaged in the store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_damaged_count(report: *const hardsnap_report) -> usize {
    // SAFETY: stated in the header.
    unsafe { of(report, |report| report.damaged.len()) }.unwrap_or(0)
}

/// The path of one of the files that a restore left out because they are damaged in the store; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_report_damaged(
    report: *const hardsnap_report,
    index: usize,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe {
        let found = of(report, |report| report.damaged.get(index));
        lend_path(found.flatten(), length)
    }
}
