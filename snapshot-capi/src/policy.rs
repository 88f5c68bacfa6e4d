//! Retention policies.

use std::ffi::c_char;

use engine::retention::{Anchor, Policy};

use crate::argument::{Out, free, handle_mut, one_of, text};
use crate::error::hardsnap_error;
use crate::guard::{guard, look};
use crate::status::hardsnap_status;
use crate::text::{Text, lend};

/// Ages count back from the newest snapshot: no backup, nothing expires.
pub const HARDSNAP_ANCHOR_NEWEST: i32 = 0;
/// Ages count back from now.
pub const HARDSNAP_ANCHOR_NOW: i32 = 1;

/// Which snapshots to keep.
#[derive(Debug)]
pub struct hardsnap_policy {
    pub(crate) policy: Policy,
    line: Text,
    zone: Text,
    warnings: Vec<Text>,
}

impl hardsnap_policy {
    pub(crate) fn new(policy: Policy) -> hardsnap_policy {
        hardsnap_policy {
            line: Text::new(&policy),
            zone: Text::new(policy.zone().name()),
            warnings: policy.warnings().iter().map(Text::new).collect(),
            policy,
        }
    }
}

/// Makes the default policy, its days those of UTC. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hardsnap_policy_new() -> *mut hardsnap_policy {
    Box::into_raw(Box::new(hardsnap_policy::new(Policy::default())))
}

/// Reads a policy from one line, such as
/// "daily for 2 weeks min 14, weekly for 6 months min 26, all monthly".
/// Its days are those of UTC.
///
/// Errors: HARDSNAP_INVALID_OPTION, whose message points at the word.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_policy_parse(
    line: *const c_char,
    policy: *mut *mut hardsnap_policy,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("policy", policy)?;
            out.put(hardsnap_policy::new(text("line", line)?.parse()?));
            Ok(())
        })
    }
}

/// Frees a policy. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_policy_free(policy: *mut hardsnap_policy) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(policy) });
}

/// Sets the time zone whose days, weeks and months count, by its IANA name
/// such as "Europe/Berlin".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_policy_set_zone(
    policy: *mut hardsnap_policy,
    zone: *const c_char,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let policy = handle_mut("policy", policy)?;
            let zone = text("zone", zone)?.parse()?;
            *policy = hardsnap_policy::new(policy.policy.clone().with_zone(zone));
            Ok(())
        })
    }
}

/// Sets what ages count back from: HARDSNAP_ANCHOR_NEWEST, the default, or
/// HARDSNAP_ANCHOR_NOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_policy_set_anchor(
    policy: *mut hardsnap_policy,
    anchor: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let policy = handle_mut("policy", policy)?;
            let values = [
                (HARDSNAP_ANCHOR_NEWEST, Anchor::Newest),
                (HARDSNAP_ANCHOR_NOW, Anchor::Now),
            ];
            let anchor = one_of("anchor", anchor, &values)?;
            *policy = hardsnap_policy::new(policy.policy.clone().with_anchor(anchor));
            Ok(())
        })
    }
}

/// The policy in one line, which hardsnap_policy_parse() reads to the same
/// rules; until the policy is changed or freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_policy_line(policy: *const hardsnap_policy) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { policy.as_ref() }.map(|policy| &policy.line))
}

/// The IANA name of its time zone; until the policy is changed or freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_policy_zone(policy: *const hardsnap_policy) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { policy.as_ref() }.map(|policy| &policy.zone))
}

/// How many rules do nothing of use, such as a window for weeks that ends
/// before that for days does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_policy_warning_count(policy: *const hardsnap_policy) -> usize {
    // SAFETY: stated in the header.
    unsafe { policy.as_ref() }.map_or(0, |policy| policy.warnings.len())
}

/// What is wrong with one of them, as a line of text; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_policy_warning(
    policy: *const hardsnap_policy,
    index: usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { policy.as_ref() }.and_then(|policy| policy.warnings.get(index)))
}
