//! Trouble with one entry.

use std::ffi::{c_char, c_int};

use engine::Problem;

use crate::text::{Text, lend, lend_path};

/// Trouble with one entry; the others went on. Lent by what lists it.
#[derive(Debug)]
pub struct hardsnap_problem {
    path: Text,
    operation: Text,
    reason: Text,
    message: Text,
    os_error: c_int,
}

impl From<&Problem> for hardsnap_problem {
    fn from(problem: &Problem) -> hardsnap_problem {
        hardsnap_problem {
            path: problem.path.as_path().into(),
            operation: Text::new(problem.operation),
            reason: Text::new(&problem.error),
            message: Text::new(problem),
            os_error: problem.raw_os_error.unwrap_or(0),
        }
    }
}

/// The path in the source; for removals, in the store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_problem_path(
    problem: *const hardsnap_problem,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe { lend_path(problem.as_ref().map(|problem| &problem.path), length) }
}

/// What was being done: "stat", "open", "read", "list", "unstable", "create",
/// "set-metadata" or "remove". Others may be added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_problem_operation(
    problem: *const hardsnap_problem,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { problem.as_ref() }.map(|problem| &problem.operation))
}

/// What the system said, such as "Permission denied".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_problem_reason(
    problem: *const hardsnap_problem,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { problem.as_ref() }.map(|problem| &problem.reason))
}

/// All of it in one line of text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_problem_message(
    problem: *const hardsnap_problem,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { problem.as_ref() }.map(|problem| &problem.message))
}

/// The system's error number (errno), or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_problem_os_error(problem: *const hardsnap_problem) -> c_int {
    // SAFETY: stated in the header.
    unsafe { problem.as_ref() }.map_or(0, |problem| problem.os_error)
}
