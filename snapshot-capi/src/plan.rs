//! What a policy keeps and gives up of a store.

use std::ffi::c_char;

use engine::PrunePlan;

use crate::argument::{free, handle_mut, text};
use crate::error::hardsnap_error;
use crate::guard::{guard, look};
use crate::status::hardsnap_status;
use crate::text::{Text, lend};

/// What a policy keeps and gives up of a store at one instant, each with its
/// reason: oldest first.
#[derive(Debug)]
pub struct hardsnap_prune_plan {
    pub(crate) plan: PrunePlan,
    keep: Vec<Line>,
    remove: Vec<Line>,
    pause: Option<Text>,
    json: Text,
}

#[derive(Debug)]
struct Line {
    name: Text,
    reason: Text,
}

impl From<PrunePlan> for hardsnap_prune_plan {
    fn from(plan: PrunePlan) -> hardsnap_prune_plan {
        let keep = plan.keep().iter().map(|kept| Line {
            name: Text::new(kept.id),
            reason: Text::new(kept.explain()),
        });
        let remove = plan.remove().iter().map(|removed| Line {
            name: Text::new(removed.id),
            reason: Text::new(removed.why),
        });
        hardsnap_prune_plan {
            keep: keep.collect(),
            remove: remove.collect(),
            pause: plan.pause().map(Text::new),
            json: Text::json(&plan),
            plan,
        }
    }
}

/// Frees a plan. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_prune_plan_free(plan: *mut hardsnap_prune_plan) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(plan) });
}

/// Why hardsnap_store_prune() will remove nothing, because something looks
/// wrong; or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_prune_plan_pause(
    plan: *const hardsnap_prune_plan,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { plan.as_ref() }.and_then(|plan| plan.pause.as_ref()))
}

/// Has the plan carried out even if something looks wrong.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_prune_plan_force(
    plan: *mut hardsnap_prune_plan,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let plan = handle_mut("plan", plan)?;
            plan.plan = plan.plan.clone().forced();
            plan.pause = None;
            Ok(())
        })
    }
}

/// Has so much free afterwards, given as "50G" or "10%": if it is not, more
/// snapshots go, oldest first, but never one that is held, suspect or dated in
/// the future, nor the newest complete one, nor the newest three.
///
/// Errors: HARDSNAP_INVALID_OPTION.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_prune_plan_set_min_free(
    plan: *mut hardsnap_prune_plan,
    min_free: *const c_char,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let plan = handle_mut("plan", plan)?;
            let min_free = text("min_free", min_free)?.parse()?;
            plan.plan = plan.plan.clone().min_free(min_free);
            Ok(())
        })
    }
}

/// All of it as a line of JSON, such as the command line prints.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_prune_plan_json(
    plan: *const hardsnap_prune_plan,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { plan.as_ref() }.map(|plan| &plan.json))
}

/// How many snapshots are kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_prune_plan_keep_count(plan: *const hardsnap_prune_plan) -> usize {
    // SAFETY: stated in the header.
    unsafe { plan.as_ref() }.map_or(0, |plan| plan.keep.len())
}

/// The name of one that is kept; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_prune_plan_keep_name(
    plan: *const hardsnap_prune_plan,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    let line = unsafe { plan.as_ref() }.and_then(|plan| plan.keep.get(index));
    lend(line.map(|line| &line.name))
}

/// Why it is kept, and until when; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_prune_plan_keep_reasons(
    plan: *const hardsnap_prune_plan,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    let line = unsafe { plan.as_ref() }.and_then(|plan| plan.keep.get(index));
    lend(line.map(|line| &line.reason))
}

/// How many snapshots are given up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_prune_plan_remove_count(
    plan: *const hardsnap_prune_plan,
) -> usize {
    // SAFETY: stated in the header.
    unsafe { plan.as_ref() }.map_or(0, |plan| plan.remove.len())
}

/// The name of one that is given up; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_prune_plan_remove_name(
    plan: *const hardsnap_prune_plan,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    let line = unsafe { plan.as_ref() }.and_then(|plan| plan.remove.get(index));
    lend(line.map(|line| &line.name))
}

/// Why it is given up; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_prune_plan_remove_why(
    plan: *const hardsnap_prune_plan,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    let line = unsafe { plan.as_ref() }.and_then(|plan| plan.remove.get(index));
    lend(line.map(|line| &line.reason))
}
