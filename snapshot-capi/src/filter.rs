//! What of a source is taken.

use std::ffi::c_char;

use engine::{ByteSize, Filter, FilterBuilder};

use crate::argument::{free, handle_mut, path, slice, text};
use crate::error::{Failure, hardsnap_error};
use crate::guard::{guard, look};
use crate::status::hardsnap_status;

/// What of a source is taken and what is left out. Patterns have the syntax of
/// .gitignore, seen from the root of the source; the last one that matches
/// counts. A pattern that cannot be used is told when the filter is set.
#[derive(Debug)]
pub struct hardsnap_filter(FilterBuilder);

impl hardsnap_filter {
    pub(crate) fn build(&self) -> Result<Filter, Failure> {
        Ok(self.0.clone().build()?)
    }

    fn change(&mut self, with: impl FnOnce(FilterBuilder) -> FilterBuilder) {
        self.0 = with(self.0.clone());
    }
}

/// Makes a filter that takes everything. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hardsnap_filter_new() -> *mut hardsnap_filter {
    Box::into_raw(Box::new(hardsnap_filter(Filter::builder())))
}

/// Frees a filter. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_filter_free(filter: *mut hardsnap_filter) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(filter) });
}

/// Leaves out what matches a pattern.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_filter_exclude(
    filter: *mut hardsnap_filter,
    pattern: *const c_char,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let filter = handle_mut("filter", filter)?;
            let pattern = text("pattern", pattern)?;
            filter.change(|filter| filter.exclude(pattern));
            Ok(())
        })
    }
}

/// Takes in again what matches a pattern and was left out by one before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_filter_include(
    filter: *mut hardsnap_filter,
    pattern: *const c_char,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let filter = handle_mut("filter", filter)?;
            let pattern = text("pattern", pattern)?;
            filter.change(|filter| filter.include(pattern));
            Ok(())
        })
    }
}

/// Adds the lines of a .gitignore file, given as `length` bytes at `lines`.
/// `name` names them in messages; no file is read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_filter_add_lines(
    filter: *mut hardsnap_filter,
    name: *const c_char,
    name_length: usize,
    lines: *const c_char,
    length: usize,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let filter = handle_mut("filter", filter)?;
            let name = path("name", name, name_length)?;
            let lines = slice("lines", lines.cast::<u8>(), length)?;
            filter.change(|filter| filter.patterns_from(name, lines));
            Ok(())
        })
    }
}

/// Leaves out the content of each directory that holds an entry of this name,
/// except for that entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_filter_exclude_if_present(
    filter: *mut hardsnap_filter,
    name: *const c_char,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let filter = handle_mut("filter", filter)?;
            let name = text("name", name)?;
            filter.change(|filter| filter.exclude_if_present(name));
            Ok(())
        })
    }
}

/// Leaves out the content of each directory that is tagged as a cache
/// (CACHEDIR.TAG with its signature), except for the tag.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_filter_exclude_caches(
    filter: *mut hardsnap_filter,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            handle_mut("filter", filter)?.change(FilterBuilder::exclude_caches);
            Ok(())
        })
    }
}

/// Leaves out what has the attribute `nodump` (chattr +d).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_filter_exclude_nodump(
    filter: *mut hardsnap_filter,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            handle_mut("filter", filter)?.change(FilterBuilder::exclude_nodump);
            Ok(())
        })
    }
}

/// Leaves out regular files larger than this, in bytes; at least 1. The last
/// limit counts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_filter_exclude_larger_than(
    filter: *mut hardsnap_filter,
    bytes: u64,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let limit = ByteSize::from_bytes(bytes);
            handle_mut("filter", filter)?.change(|filter| filter.exclude_larger_than(limit));
            Ok(())
        })
    }
}
