//! Watching a run.

use std::ffi::{c_char, c_int, c_void};
use std::time::Duration;

use engine::{CancelToken, Counts, News, Observer, Phase, relay};

use crate::argument::Out;
use crate::cancel::hardsnap_cancel;
use crate::error::Failure;
use crate::problem::hardsnap_problem;
use crate::report::{count_of, hardsnap_report};
use crate::text::{Text, lend, lend_path};
use crate::verify::hardsnap_damaged;

/// The run has the lock. There are a snapshot's name and, if there is a basis,
/// the counts of that, an estimate of what is to come.
pub const HARDSNAP_EVENT_STARTED: i32 = 1;
/// A part of the run begins.
pub const HARDSNAP_EVENT_PHASE: i32 = 2;
/// All that was done so far. Comes ten times a second, also when nothing
/// happened in between, and once more at the end.
pub const HARDSNAP_EVENT_PROGRESS: i32 = 3;
/// Trouble with one entry.
pub const HARDSNAP_EVENT_PROBLEM: i32 = 4;
/// Something to know.
pub const HARDSNAP_EVENT_WARNING: i32 = 5;
/// A snapshot has left the store.
pub const HARDSNAP_EVENT_REMOVED: i32 = 6;
/// Snapshots are about to be read again. There are the counts of all of them
/// together, an estimate of what is to come.
pub const HARDSNAP_EVENT_EXPECTED: i32 = 7;

/// Something keeps a restore from beginning. There is its path.
pub const HARDSNAP_EVENT_IN_THE_WAY: i32 = 8;
/// An entry of a snapshot is not as it was recorded (hardsnap_event_damaged).
pub const HARDSNAP_EVENT_DAMAGED: i32 = 9;

/// Leftovers of a run that did not end well are removed.
pub const HARDSNAP_PHASE_TIDYING_UP: i32 = 1;
/// Sources are walked, compared, linked and copied.
pub const HARDSNAP_PHASE_WALKING: i32 = 2;
/// What was written is flushed to the destination.
pub const HARDSNAP_PHASE_FLUSHING: i32 = 3;
/// Expired snapshots are removed.
pub const HARDSNAP_PHASE_REMOVING: i32 = 4;
/// The trees of the snapshots are read, for a new catalog.
pub const HARDSNAP_PHASE_REINDEXING: i32 = 5;
/// What is where entries are to be restored is looked at.
pub const HARDSNAP_PHASE_LOOKING: i32 = 6;
/// Entries are restored.
pub const HARDSNAP_PHASE_RESTORING: i32 = 7;
/// The trees of the snapshots are compared with what was recorded.
pub const HARDSNAP_PHASE_VERIFYING: i32 = 8;
/// Good copies of what is damaged are looked for, and put in its place if that
/// is wanted.
pub const HARDSNAP_PHASE_REPAIRING: i32 = 9;

/// What a run tells; lent for the time of one call.
#[derive(Debug, Default)]
pub struct hardsnap_event {
    kind: i32,
    phase: i32,
    counts: Counts,
    snapshot: Option<Text>,
    problem: Option<hardsnap_problem>,
    warning: Option<Text>,
    path: Option<Text>,
    damaged: Option<hardsnap_damaged>,
}

impl hardsnap_event {
    fn of(news: &News) -> Option<hardsnap_event> {
        let event = hardsnap_event::default();
        Some(match news {
            News::Started {
                snapshot, expected, ..
            } => hardsnap_event {
                kind: HARDSNAP_EVENT_STARTED,
                snapshot: Some(Text::new(snapshot)),
                counts: expected.unwrap_or_default(),
                ..event
            },
            News::Phase(phase) => hardsnap_event {
                kind: HARDSNAP_EVENT_PHASE,
                phase: match phase {
                    Phase::TidyingUp => HARDSNAP_PHASE_TIDYING_UP,
                    Phase::Walking => HARDSNAP_PHASE_WALKING,
                    Phase::Flushing => HARDSNAP_PHASE_FLUSHING,
                    Phase::Removing => HARDSNAP_PHASE_REMOVING,
                    Phase::Reindexing => HARDSNAP_PHASE_REINDEXING,
                    Phase::Looking => HARDSNAP_PHASE_LOOKING,
                    Phase::Restoring => HARDSNAP_PHASE_RESTORING,
                    Phase::Verifying => HARDSNAP_PHASE_VERIFYING,
                    Phase::Repairing => HARDSNAP_PHASE_REPAIRING,
                    _ => return None,
                },
                ..event
            },
            News::Expected(counts) => hardsnap_event {
                kind: HARDSNAP_EVENT_EXPECTED,
                counts: *counts,
                ..event
            },
            News::Progress(counts) => hardsnap_event {
                kind: HARDSNAP_EVENT_PROGRESS,
                counts: *counts,
                ..event
            },
            News::Problem(problem) => hardsnap_event {
                kind: HARDSNAP_EVENT_PROBLEM,
                problem: Some(problem.into()),
                ..event
            },
            News::Damaged(damaged) => hardsnap_event {
                kind: HARDSNAP_EVENT_DAMAGED,
                damaged: Some((&**damaged).into()),
                ..event
            },
            News::Warning(warning) => hardsnap_event {
                kind: HARDSNAP_EVENT_WARNING,
                warning: Some(Text::new(warning)),
                ..event
            },
            News::InTheWay(obstacle) => hardsnap_event {
                kind: HARDSNAP_EVENT_IN_THE_WAY,
                path: Some(obstacle.path.as_path().into()),
                ..event
            },
            News::Removed(name) => hardsnap_event {
                kind: HARDSNAP_EVENT_REMOVED,
                snapshot: Some(Text::new(name)),
                ..event
            },
            _ => return None,
        })
    }
}

/// Is told what happens, always on the thread that called the function it was
/// given to. A result other than 0 stops the run as hardsnap_cancel_stop()
/// does. It must return: not by longjmp, nor by a C++ exception.
pub type hardsnap_callback =
    Option<unsafe extern "C" fn(event: *const hardsnap_event, user_data: *mut c_void) -> c_int>;

/// Does the work of a run, watched by a callback if there is one.
///
/// # Safety
///
/// The callback may be called with `user_data`, and the switch is NULL or one.
pub(crate) unsafe fn watched<T: Send>(
    cancel: *const hardsnap_cancel,
    callback: hardsnap_callback,
    user_data: *mut c_void,
    work: impl FnOnce(&dyn Observer, &CancelToken) -> T + Send,
) -> T {
    const INTERVAL: Duration = Duration::from_millis(100);
    // SAFETY: the caller's promise.
    let token = unsafe { cancel.as_ref() }.map_or_else(CancelToken::new, |cancel| cancel.0.clone());
    let Some(callback) = callback else {
        return work(&(), &token);
    };
    relay(
        INTERVAL,
        |observer| work(observer, &token),
        |news| {
            let Some(event) = hardsnap_event::of(news) else {
                return;
            };
            // SAFETY: the caller's promise; the event outlives the call.
            if unsafe { callback(&event, user_data) } != 0 {
                token.cancel();
            }
        },
    )
}

/// Does the work of a run like [`watched`] and hands its report over.
///
/// # Safety
///
/// As for [`watched`], and `report` is NULL or can be written.
pub(crate) unsafe fn reported<T: Into<hardsnap_report> + Send>(
    report: *mut *mut hardsnap_report,
    cancel: *const hardsnap_cancel,
    callback: hardsnap_callback,
    user_data: *mut c_void,
    work: impl FnOnce(&dyn Observer, &CancelToken) -> engine::Result<T> + Send,
) -> Result<(), Failure> {
    // SAFETY: the caller's promise. The place is looked at before the work is
    // done, which would else be lost.
    let (out, done) = unsafe {
        let out = Out::new("report", report)?;
        (out, watched(cancel, callback, user_data, work))
    };
    out.put(done?.into());
    Ok(())
}

/// What kind of event it is, HARDSNAP_EVENT_…; 0 for NULL. Others may be
/// added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_event_kind(event: *const hardsnap_event) -> i32 {
    // SAFETY: stated in the header.
    unsafe { event.as_ref() }.map_or(0, |event| event.kind)
}

/// The part of the run, HARDSNAP_PHASE_…; 0 if the event is another one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_event_phase(event: *const hardsnap_event) -> i32 {
    // SAFETY: stated in the header.
    unsafe { event.as_ref() }.map_or(0, |event| event.phase)
}

/// One of the counts of the run so far, HARDSNAP_FILES_LINKED and so on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_event_count(event: *const hardsnap_event, which: i32) -> u64 {
    // SAFETY: stated in the header.
    unsafe { event.as_ref() }.map_or(0, |event| count_of(&event.counts, which))
}

/// The snapshot's name, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_event_snapshot(event: *const hardsnap_event) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { event.as_ref() }.and_then(|event| event.snapshot.as_ref()))
}

/// The trouble, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_event_problem(
    event: *const hardsnap_event,
) -> *const hardsnap_problem {
    // SAFETY: stated in the header.
    let problem = unsafe { event.as_ref() }.and_then(|event| event.problem.as_ref());
    problem.map_or(std::ptr::null(), std::ptr::from_ref)
}

/// The warning as a line of text, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_event_warning(event: *const hardsnap_event) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { event.as_ref() }.and_then(|event| event.warning.as_ref()))
}

/// The path of what is in the way, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_event_path(
    event: *const hardsnap_event,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe { lend_path(event.as_ref().and_then(|event| event.path.as_ref()), length) }
}

/// The damaged entry, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_event_damaged(
    event: *const hardsnap_event,
) -> *const hardsnap_damaged {
    // SAFETY: stated in the header.
    let damaged = unsafe { event.as_ref() }.and_then(|event| event.damaged.as_ref());
    damaged.map_or(std::ptr::null(), std::ptr::from_ref)
}
