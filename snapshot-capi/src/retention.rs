//! The retention calculator alone, without any store.

use std::ffi::c_char;

use engine::retention::{Kept, Reason, Removed, Schedule, Snapshot, Status, Until, Why, plan};

use crate::argument::{Out, free, handle, slice, text, time};
use crate::error::{Failure, hardsnap_error};
use crate::guard::{guard, look};
use crate::policy::hardsnap_policy;
use crate::status::hardsnap_status;

/// An hourly schedule over all of the calendar would go on for minutes.
const MOST_INSTANTS: usize = 10_000_000;

/// Flag of a snapshot: something is missing in it.
pub const HARDSNAP_FLAG_PARTIAL: u8 = 1;
/// Flag of a snapshot: it looks wrong, and no rule counts it.
pub const HARDSNAP_FLAG_SUSPECT: u8 = 2;
/// Flag of a snapshot: it is kept whatever the policy says.
pub const HARDSNAP_FLAG_HELD: u8 = 4;

/// It is the newest, or the newest complete one.
pub const HARDSNAP_REASON_NEWEST: i32 = 1;
/// It is dated after now, so that no rule can tell its age.
pub const HARDSNAP_REASON_FUTURE: i32 = 2;
/// Somebody holds it.
pub const HARDSNAP_REASON_HELD: i32 = 3;
/// It is suspect, and no other is newer.
pub const HARDSNAP_REASON_SUSPECT: i32 = 4;
/// A rule of the policy keeps it.
pub const HARDSNAP_REASON_RULE: i32 = 5;
/// A reason that this version of the C interface has no number for.
pub const HARDSNAP_REASON_OTHER: i32 = 6;

/// What the calculator decided of each snapshot. Snapshots are told apart by
/// their place in the array that was given.
#[derive(Debug)]
pub struct hardsnap_decisions(Vec<Decision>);

#[derive(Debug)]
enum Decision {
    Keep(Kept<usize>),
    Remove(Removed<usize>),
}

/// Decides which of `count` snapshots to keep at `now`: a pure function of its
/// arguments. `times` are in seconds since 1970, in any order. `flags` are
/// HARDSNAP_FLAG_… or'ed, one for each; NULL stands for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_retention_decide(
    times: *const i64,
    flags: *const u8,
    count: usize,
    policy: *const hardsnap_policy,
    now: i64,
    decisions: *mut *mut hardsnap_decisions,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("decisions", decisions)?;
            let times = slice("times", times, count)?;
            let flags = match flags.is_null() {
                true => &[],
                false => slice("flags", flags, count)?,
            };
            let policy = &handle("policy", policy)?.policy;
            let snapshots = snapshots(times, flags)?;
            let plan = plan(&snapshots, policy, time("now", now)?);
            out.put(hardsnap_decisions(in_order(plan.keep, plan.remove, count)));
            Ok(())
        })
    }
}

fn snapshots(times: &[i64], flags: &[u8]) -> Result<Vec<Snapshot<usize>>, Failure> {
    const KNOWN: u8 = HARDSNAP_FLAG_PARTIAL | HARDSNAP_FLAG_SUSPECT | HARDSNAP_FLAG_HELD;
    let snapshot = |(index, &seconds)| {
        let flags = flags.get(index).copied().unwrap_or(0);
        if flags & !KNOWN != 0 {
            return Err(Failure::argument(format!(
                "flags[{index}]: {flags:#x} means nothing"
            )));
        }
        let status = match flags & (HARDSNAP_FLAG_PARTIAL | HARDSNAP_FLAG_SUSPECT) {
            0 => Status::Complete,
            HARDSNAP_FLAG_PARTIAL => Status::Partial,
            _ => Status::Suspect,
        };
        Ok(Snapshot::new(index, time("times", seconds)?)
            .with_status(status)
            .with_held(flags & HARDSNAP_FLAG_HELD != 0))
    };
    times.iter().enumerate().map(snapshot).collect()
}

/// Sorts the decisions by the places of the snapshots, each of which has one.
fn in_order(keep: Vec<Kept<usize>>, remove: Vec<Removed<usize>>, count: usize) -> Vec<Decision> {
    let mut decisions: Vec<Option<Decision>> = (0..count).map(|_| None).collect();
    for kept in keep {
        let place = kept.id;
        decisions[place] = Some(Decision::Keep(kept));
    }
    for removed in remove {
        let place = removed.id;
        decisions[place] = Some(Decision::Remove(removed));
    }
    decisions.into_iter().flatten().collect()
}

/// Lists the instants of backups by a schedule, so that
/// hardsnap_retention_decide() can tell what would be there at its end: `every`
/// is a span such as "1 day" or "6 hours", `from` and `to` are the first and
/// the end. Days and longer spans keep the time of day in the policy's zone.
///
/// Writes no more than `capacity` of them to `times`, which may be NULL if that
/// is 0, and how many there are to `count`; more than 10,000,000 are refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_retention_schedule(
    every: *const c_char,
    from: i64,
    to: i64,
    policy: *const hardsnap_policy,
    times: *mut i64,
    capacity: usize,
    count: *mut usize,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            if count.is_null() {
                return Err(Failure::null("count"));
            }
            if times.is_null() && capacity > 0 {
                return Err(Failure::null("times"));
            }
            let every = text("every", every)?.parse()?;
            let schedule = Schedule::new(every, time("from", from)?, time("to", to)?);
            let zone = handle("policy", policy)?.policy.zone();
            let mut found = 0;
            for instant in schedule.instants(zone) {
                if found == MOST_INSTANTS {
                    let message = format!("the schedule has more than {MOST_INSTANTS} instants");
                    return Err(Failure::argument(message));
                }
                if found < capacity {
                    times.add(found).write(instant.timestamp());
                }
                found += 1;
            }
            count.write(found);
            Ok(())
        })
    }
}

/// Looks at a decision.
///
/// # Safety
///
/// The handle is NULL or one of decisions.
unsafe fn at<'a>(decisions: *const hardsnap_decisions, index: usize) -> Option<&'a Decision> {
    // SAFETY: the caller's promise.
    unsafe { decisions.as_ref() }.and_then(|decisions| decisions.0.get(index))
}

/// Looks at one reason of a decision to keep.
///
/// # Safety
///
/// As for [`at`].
unsafe fn reason_at<'a>(
    decisions: *const hardsnap_decisions,
    index: usize,
    number: usize,
) -> Option<&'a Reason> {
    // SAFETY: the caller's promise.
    match unsafe { at(decisions, index) } {
        Some(Decision::Keep(kept)) => kept.reasons.get(number),
        _ => None,
    }
}

/// Frees decisions. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_decisions_free(decisions: *mut hardsnap_decisions) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(decisions) });
}

/// Tells whether a snapshot is kept. True beyond the last: nobody decided to
/// remove it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_decisions_keep(
    decisions: *const hardsnap_decisions,
    index: usize,
) -> bool {
    // SAFETY: stated in the header.
    !matches!(unsafe { at(decisions, index) }, Some(Decision::Remove(_)))
}

/// How many reasons there are to keep a snapshot; 0 if it is not kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_decisions_reason_count(
    decisions: *const hardsnap_decisions,
    index: usize,
) -> usize {
    // SAFETY: stated in the header.
    match unsafe { at(decisions, index) } {
        Some(Decision::Keep(kept)) => kept.reasons.len(),
        _ => 0,
    }
}

/// One of the reasons, HARDSNAP_REASON_…; 0 beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_decisions_reason(
    decisions: *const hardsnap_decisions,
    index: usize,
    number: usize,
) -> i32 {
    // SAFETY: stated in the header.
    match unsafe { reason_at(decisions, index, number) } {
        None => 0,
        Some(Reason::Newest) => HARDSNAP_REASON_NEWEST,
        Some(Reason::Future) => HARDSNAP_REASON_FUTURE,
        Some(Reason::Held) => HARDSNAP_REASON_HELD,
        Some(Reason::Suspect) => HARDSNAP_REASON_SUSPECT,
        Some(Reason::Rule(_)) => HARDSNAP_REASON_RULE,
        Some(_) => HARDSNAP_REASON_OTHER,
    }
}

/// Tells until when a rule keeps a snapshot, in seconds since 1970: true, and
/// `seconds` is written, if that is known. False if the reason is no rule, or
/// if the rule keeps it for ever, or as long as there are not enough newer ones.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_decisions_reason_until(
    decisions: *const hardsnap_decisions,
    index: usize,
    number: usize,
    seconds: *mut i64,
) -> bool {
    // SAFETY: stated in the header.
    let reason = unsafe { reason_at(decisions, index, number) };
    let Some(Reason::Rule(rule)) = reason else {
        return false;
    };
    let Until::Time(time) = rule.until else {
        return false;
    };
    if !seconds.is_null() {
        // SAFETY: not NULL; the rest is stated in the header.
        unsafe { seconds.write(time.timestamp()) };
    }
    true
}

/// Tells which snapshot represents the period of one that is removed: true,
/// and `representative` is written, if there is one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_decisions_represented_by(
    decisions: *const hardsnap_decisions,
    index: usize,
    representative: *mut usize,
) -> bool {
    // SAFETY: stated in the header.
    let Some(Decision::Remove(removed)) = (unsafe { at(decisions, index) }) else {
        return false;
    };
    let Why::Represented { represented_by, .. } = removed.why else {
        return false;
    };
    if !representative.is_null() {
        // SAFETY: not NULL; the rest is stated in the header.
        unsafe { representative.write(represented_by) };
    }
    true
}

/// Writes why a snapshot is kept or removed, as a line of text in UTF-8 with a
/// NUL behind it, cut off where `capacity` bytes end, as snprintf() does.
/// Returns the length of the whole text without the NUL; 0 beyond the last.
/// `buffer` may be NULL if `capacity` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_decisions_explain(
    decisions: *const hardsnap_decisions,
    index: usize,
    buffer: *mut c_char,
    capacity: usize,
) -> usize {
    look(0, || {
        // SAFETY: stated in the header.
        let text = match unsafe { at(decisions, index) } {
            Some(Decision::Keep(kept)) => kept.explain(),
            Some(Decision::Remove(removed)) => removed.why.to_string(),
            None => String::new(),
        };
        if capacity > 0 && !buffer.is_null() {
            let mut end = text.len().min(capacity - 1);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            // SAFETY: the buffer has room for `capacity` bytes, by the header,
            // and `end` and the NUL are no more.
            unsafe {
                buffer
                    .cast::<u8>()
                    .copy_from_nonoverlapping(text.as_ptr(), end);
                buffer.add(end).write(0);
            }
        }
        text.len()
    })
}
