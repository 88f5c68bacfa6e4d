//! Comparing snapshots with what was recorded of them.

use std::ffi::{c_char, c_void};
use std::num::NonZeroUsize;

use engine::{
    Damaged, GoodCopy, Jobs, Mending, Repair, SampleSize, VerifyContent, VerifyOptions,
    VerifyReport,
};

use crate::argument::{Out, free, handle, handle_mut, one_of, snapshot_names};
use crate::cancel::hardsnap_cancel;
use crate::error::{Failure, hardsnap_error};
use crate::event::{hardsnap_callback, watched};
use crate::guard::{guard, look};
use crate::status::hardsnap_status;
use crate::store::hardsnap_store;
use crate::text::{Text, lend, lend_path};

/// No file is read: structure and metadata are compared. The default.
pub const HARDSNAP_VERIFY_UNREAD: i32 = 0;
/// Files are read that were stored since a run with this choice or with
/// HARDSNAP_VERIFY_FULL came to its end.
pub const HARDSNAP_VERIFY_SINCE_LAST: i32 = 1;
/// All files are read.
pub const HARDSNAP_VERIFY_FULL: i32 = 2;

/// There is no good copy, or none was looked for.
pub const HARDSNAP_GOOD_COPY_NONE: i32 = 0;
/// The file that was backed up: it has the recorded size, mtime and hash.
pub const HARDSNAP_GOOD_COPY_SOURCE: i32 = 1;
/// Another stored file.
pub const HARDSNAP_GOOD_COPY_STORED: i32 = 2;
/// The catalog: all that is wrong is recorded there.
pub const HARDSNAP_GOOD_COPY_CATALOG: i32 = 3;

/// What a verification does.
#[derive(Debug)]
pub struct hardsnap_verify_options(VerifyOptions);

/// Makes options: structure and metadata of all snapshots. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hardsnap_verify_options_new() -> *mut hardsnap_verify_options {
    Box::into_raw(Box::new(hardsnap_verify_options(VerifyOptions::new())))
}

/// Frees options. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_options_free(options: *mut hardsnap_verify_options) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(options) });
}

/// Changes options.
///
/// # Safety
///
/// `options` is NULL or options, and `error` is NULL or can be written.
unsafe fn change(
    options: *mut hardsnap_verify_options,
    error: *mut *mut hardsnap_error,
    change: impl FnOnce(VerifyOptions) -> Result<VerifyOptions, Failure>,
) -> hardsnap_status {
    // SAFETY: the caller's promise.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            options.0 = change(options.0.clone())?;
            Ok(())
        })
    }
}

/// Sets which snapshots are verified, by `count` full names; with a count of 0
/// all are, which is the default.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_options_set_snapshots(
    options: *mut hardsnap_verify_options,
    names: *const *const c_char,
    count: usize,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        change(options, error, |options| {
            Ok(options.snapshots(snapshot_names("names", names, count)?))
        })
    }
}

/// Sets which files are read: one of HARDSNAP_VERIFY_UNREAD, _SINCE_LAST, _FULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_options_set_content(
    options: *mut hardsnap_verify_options,
    content: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    let values = [
        (HARDSNAP_VERIFY_UNREAD, VerifyContent::Unread),
        (HARDSNAP_VERIFY_SINCE_LAST, VerifyContent::SinceLast),
        (HARDSNAP_VERIFY_FULL, VerifyContent::Full),
    ];
    // SAFETY: stated in the header.
    unsafe {
        change(options, error, |options| {
            let content = one_of("content", content, &values)?;
            Ok(options.content(content))
        })
    }
}

/// Has a part of all files read, more than 0 and at most 100 percent, and the
/// next time the part that follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_options_set_sample(
    options: *mut hardsnap_verify_options,
    percent: f64,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        change(options, error, |options| {
            let size = SampleSize::percent(percent).ok_or_else(|| {
                Failure::argument(format!("{percent} percent is no part of all files"))
            })?;
            Ok(options.content(VerifyContent::Sample(size)))
        })
    }
}

/// Sets whether what there is a good copy of is replaced by it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_options_set_repair(
    options: *mut hardsnap_verify_options,
    repair: bool,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    let repair = match repair {
        true => Repair::FromGoodCopies,
        false => Repair::Off,
    };
    // SAFETY: stated in the header.
    unsafe { change(options, error, |options| Ok(options.repair(repair))) }
}

/// Sets the number of worker threads; 0, the default, for one a processor, and
/// at least two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_options_set_jobs(
    options: *mut hardsnap_verify_options,
    jobs: u32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    let jobs = NonZeroUsize::new(jobs as usize).map_or(Jobs::Auto, Jobs::Exactly);
    // SAFETY: stated in the header.
    unsafe { change(options, error, |options| Ok(options.jobs(jobs))) }
}

/// An entry that is not as it was recorded. Lent by what lists it.
#[derive(Debug)]
pub struct hardsnap_damaged {
    path: Text,
    problem: Text,
    snapshots: Vec<Text>,
    good_copy: i32,
    is_repaired: bool,
    reason: Option<Text>,
}

impl From<&Damaged> for hardsnap_damaged {
    fn from(damaged: &Damaged) -> hardsnap_damaged {
        hardsnap_damaged {
            path: damaged.path.as_path().into(),
            problem: Text::new(damaged.kind.as_str()),
            snapshots: damaged.snapshots.iter().map(Text::new).collect(),
            good_copy: match damaged.good_copy {
                Some(GoodCopy::Source) => HARDSNAP_GOOD_COPY_SOURCE,
                Some(GoodCopy::Stored { .. }) => HARDSNAP_GOOD_COPY_STORED,
                Some(GoodCopy::Catalog) => HARDSNAP_GOOD_COPY_CATALOG,
                _ => HARDSNAP_GOOD_COPY_NONE,
            },
            is_repaired: damaged.is_repaired(),
            reason: match &damaged.mending {
                Some(Mending::Failed { reason }) => Some(Text::new(reason)),
                _ => None,
            },
        }
    }
}

/// What a verification found.
#[derive(Debug)]
pub struct hardsnap_verify_report {
    damaged: Vec<hardsnap_damaged>,
    report: VerifyReport,
    json: Text,
}

impl From<VerifyReport> for hardsnap_verify_report {
    fn from(report: VerifyReport) -> hardsnap_verify_report {
        hardsnap_verify_report {
            json: Text::json(&report),
            damaged: report.damaged.iter().map(hardsnap_damaged::from).collect(),
            report,
        }
    }
}

/// Compares snapshots with what was recorded of them: structure and metadata
/// always, content as the options say; `options` may be NULL for the defaults.
/// A backup may run meanwhile. A run that was stopped is gone on with by the next
/// one of the same choice. `cancel` and `callback` may be NULL.
///
/// HARDSNAP_OK means that all was compared, whatever was found: the report tells.
///
/// Errors: HARDSNAP_CATALOG_UNUSABLE, HARDSNAP_UNKNOWN_SNAPSHOT,
/// HARDSNAP_STORE_LOCKED if another verification is under way, or for a repair
/// another run, and others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_verify(
    store: *const hardsnap_store,
    options: *const hardsnap_verify_options,
    cancel: *const hardsnap_cancel,
    callback: hardsnap_callback,
    user_data: *mut c_void,
    report: *mut *mut hardsnap_verify_report,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("report", report)?;
            let store = &handle("store", store)?.store;
            let options = options.as_ref().map(|options| options.0.clone());
            let options = options.unwrap_or_default();
            let done = watched(cancel, callback, user_data, |observer, cancel| {
                store.verify(&options, observer, cancel)
            });
            out.put(done?.into());
            Ok(())
        })
    }
}

/// Frees a report. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_report_free(report: *mut hardsnap_verify_report) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(report) });
}

/// The number of files whose content was read and compared. Several names of
/// one file count once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_report_checked_files(
    report: *const hardsnap_verify_report,
) -> u64 {
    // SAFETY: stated in the header.
    unsafe { report.as_ref() }.map_or(0, |report| report.report.checked_files)
}

/// The sizes of these files, in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_report_checked_bytes(
    report: *const hardsnap_verify_report,
) -> u64 {
    // SAFETY: stated in the header.
    unsafe { report.as_ref() }.map_or(0, |report| report.report.checked_bytes)
}

/// The number of files that would have been read, if their hashes were
/// recorded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_report_unhashed_files(
    report: *const hardsnap_verify_report,
) -> u64 {
    // SAFETY: stated in the header.
    unsafe { report.as_ref() }.map_or(0, |report| report.report.unhashed_files)
}

/// The number of damaged entries, also of those that are too many to be listed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_report_damaged_entries(
    report: *const hardsnap_verify_report,
) -> u64 {
    // SAFETY: stated in the header.
    unsafe { report.as_ref() }.map_or(0, |report| report.report.damaged_entries)
}

/// The number of those that are not as they were recorded now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_report_unrepaired_entries(
    report: *const hardsnap_verify_report,
) -> u64 {
    // SAFETY: stated in the header.
    unsafe { report.as_ref() }.map_or(0, |report| report.report.unrepaired_entries())
}

/// How many damaged entries are listed: 10,000 at the most.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_report_damaged_count(
    report: *const hardsnap_verify_report,
) -> usize {
    // SAFETY: stated in the header.
    unsafe { report.as_ref() }.map_or(0, |report| report.damaged.len())
}

/// One of the damaged entries, by path; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_report_damaged(
    report: *const hardsnap_verify_report,
    index: usize,
) -> *const hardsnap_damaged {
    // SAFETY: stated in the header.
    let found = unsafe { report.as_ref() }.and_then(|report| report.damaged.get(index));
    found.map_or(std::ptr::null(), std::ptr::from_ref)
}

/// All of it as a line of JSON, such as the command line prints as its summary.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_verify_report_json(
    report: *const hardsnap_verify_report,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { report.as_ref() }.map(|report| &report.json))
}

/// The path in the source, which is the one below the snapshot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_damaged_path(
    damaged: *const hardsnap_damaged,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe { lend_path(damaged.as_ref().map(|damaged| &damaged.path), length) }
}

/// What is wrong: "missing", "unexpected", "replaced", "altered", "unreadable"
/// or "miscounted". Others may be added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_damaged_problem(
    damaged: *const hardsnap_damaged,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { damaged.as_ref() }.map(|damaged| &damaged.problem))
}

/// The number of snapshots that share what is damaged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_damaged_snapshot_count(
    damaged: *const hardsnap_damaged,
) -> usize {
    // SAFETY: stated in the header.
    unsafe { damaged.as_ref() }.map_or(0, |damaged| damaged.snapshots.len())
}

/// The name of one of these snapshots, oldest first; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_damaged_snapshot(
    damaged: *const hardsnap_damaged,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { damaged.as_ref() }.and_then(|damaged| damaged.snapshots.get(index)))
}

/// Where it is to be had as it was: one of HARDSNAP_GOOD_COPY_NONE, _SOURCE,
/// _STORED, _CATALOG. Others may be added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_damaged_good_copy(damaged: *const hardsnap_damaged) -> i32 {
    // SAFETY: stated in the header.
    unsafe { damaged.as_ref() }.map_or(HARDSNAP_GOOD_COPY_NONE, |damaged| damaged.good_copy)
}

/// Whether it was repaired.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_damaged_is_repaired(damaged: *const hardsnap_damaged) -> bool {
    // SAFETY: stated in the header.
    unsafe { damaged.as_ref() }.is_some_and(|damaged| damaged.is_repaired)
}

/// Why it could not be repaired; NULL if it was, or if that was not wanted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_damaged_reason(
    damaged: *const hardsnap_damaged,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { damaged.as_ref() }.and_then(|damaged| damaged.reason.as_ref()))
}
