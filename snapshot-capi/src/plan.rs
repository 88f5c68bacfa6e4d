//! What a policy keeps and gives up of a store.

use std::ffi::c_char;

use engine::PrunePlan;

use crate::argument::free;
use crate::guard::look;
use crate::text::{Text, lend};

/// What a policy keeps and gives up of a store at one instant, each with its
/// reason: oldest first.
#[derive(Debug)]
pub struct hardsnap_prune_plan {
    pub(crate) plan: PrunePlan,
    keep: Vec<Line>,
    remove: Vec<Line>,
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
