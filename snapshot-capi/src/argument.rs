//! What C hands in, checked and turned into Rust's own.

use std::ffi::{CStr, OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use chrono::{DateTime, Utc};
use engine::SnapshotName;

use crate::error::Failure;

/// A handle that is only looked at.
///
/// # Safety
///
/// It is NULL or came from the function that makes such handles, and nobody
/// changes or frees it meanwhile.
pub(crate) unsafe fn handle<'a, T>(name: &str, handle: *const T) -> Result<&'a T, Failure> {
    // SAFETY: the caller's promise.
    unsafe { handle.as_ref() }.ok_or_else(|| Failure::null(name))
}

/// A handle that is changed.
///
/// # Safety
///
/// As for [`handle`], and nobody else looks at it meanwhile.
pub(crate) unsafe fn handle_mut<'a, T>(name: &str, handle: *mut T) -> Result<&'a mut T, Failure> {
    // SAFETY: the caller's promise.
    unsafe { handle.as_mut() }.ok_or_else(|| Failure::null(name))
}

/// Some elements in a row.
///
/// # Safety
///
/// `first` points to `count` elements that nobody changes meanwhile, or is
/// NULL.
pub(crate) unsafe fn slice<'a, T>(
    name: &str,
    first: *const T,
    count: usize,
) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    if first.is_null() {
        return Err(Failure::null(name));
    }
    if count > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Failure::argument(format!(
            "{name}: {count} is longer than anything can be"
        )));
    }
    // SAFETY: neither NULL nor too long; the rest is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(first, count) })
}

/// Room for bytes, of which no more than `most` are taken. It is zeroed: what C
/// has there may never have been written, and Rust may not look at that.
///
/// # Safety
///
/// `first` is NULL, or points to `capacity` bytes that nobody else touches
/// meanwhile.
pub(crate) unsafe fn room<'a>(
    name: &str,
    first: *mut c_void,
    capacity: usize,
    most: usize,
) -> Result<&'a mut [u8], Failure> {
    let taken = capacity.min(most);
    if taken == 0 {
        return Ok(&mut []);
    }
    if first.is_null() {
        return Err(Failure::null(name));
    }
    let first = first.cast::<u8>();
    // SAFETY: not NULL; the rest is the caller's promise.
    Ok(unsafe {
        first.write_bytes(0, taken);
        std::slice::from_raw_parts_mut(first, taken)
    })
}

/// A path, given as bytes and their number.
///
/// # Safety
///
/// As for [`slice`].
pub(crate) unsafe fn path<'a>(
    name: &str,
    first: *const c_char,
    length: usize,
) -> Result<&'a Path, Failure> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { slice(name, first.cast::<u8>(), length) }?;
    if bytes.is_empty() {
        return Err(Failure::argument(format!("{name}: the path is empty")));
    }
    if bytes.contains(&0) {
        return Err(Failure::argument(format!(
            "{name}: no path has a NUL in it"
        )));
    }
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// A path that may be missing.
///
/// # Safety
///
/// As for [`slice`].
pub(crate) unsafe fn optional_path<'a>(
    name: &str,
    first: *const c_char,
    length: usize,
) -> Result<Option<&'a Path>, Failure> {
    if first.is_null() && length == 0 {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { path(name, first, length) }.map(Some)
}

/// Text in UTF-8 with a NUL at its end.
///
/// # Safety
///
/// It is NULL or has a NUL at its end, and nobody changes it meanwhile.
pub(crate) unsafe fn text<'a>(name: &str, text: *const c_char) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(Failure::null(name));
    }
    // SAFETY: not NULL; the rest is the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str()
        .map_err(|_| Failure::argument(format!("{name}: the text is not UTF-8")))
}

/// A snapshot, given by its full name.
///
/// # Safety
///
/// As for [`text`].
pub(crate) unsafe fn snapshot_name(
    name: &str,
    given: *const c_char,
) -> Result<SnapshotName, Failure> {
    // SAFETY: the caller's promise.
    Ok(unsafe { text(name, given) }?.parse()?)
}

/// Some snapshots, given by an array of their full names.
///
/// # Safety
///
/// As for [`slice`], and for [`text`] what is in it.
pub(crate) unsafe fn snapshot_names(
    name: &str,
    first: *const *const c_char,
    count: usize,
) -> Result<Vec<SnapshotName>, Failure> {
    // SAFETY: the caller's promise.
    let given = unsafe { slice(name, first, count) }?.iter();
    given
        // SAFETY: the caller's promise.
        .map(|&given| unsafe { snapshot_name(name, given) })
        .collect()
}

/// An instant, given in seconds since 1970.
pub(crate) fn time(name: &str, seconds: i64) -> Result<DateTime<Utc>, Failure> {
    DateTime::from_timestamp(seconds, 0)
        .ok_or_else(|| Failure::argument(format!("{name}: {seconds} is beyond the calendar")))
}

/// One of the values that a number may have.
pub(crate) fn one_of<T: Copy>(name: &str, number: i32, values: &[(i32, T)]) -> Result<T, Failure> {
    values
        .iter()
        .find(|(known, _)| *known == number)
        .map(|(_, value)| *value)
        .ok_or_else(|| Failure::argument(format!("{name}: {number} means nothing")))
}

/// The place where a result goes. It is written only if all went well.
pub(crate) struct Out<T>(*mut *mut T);

impl<T> Out<T> {
    /// # Safety
    ///
    /// `place` is NULL or can be written.
    pub(crate) unsafe fn new(name: &str, place: *mut *mut T) -> Result<Out<T>, Failure> {
        if place.is_null() {
            return Err(Failure::null(name));
        }
        Ok(Out(place))
    }

    /// Hands over a value, which its free function takes back.
    pub(crate) fn put(self, value: T) {
        self.put_or_null(Some(value));
    }

    /// Hands over a value, or NULL where there is none.
    pub(crate) fn put_or_null(self, value: Option<T>) {
        let value = value.map_or(ptr::null_mut(), |value| Box::into_raw(Box::new(value)));
        // SAFETY: not NULL, and writable by the promise given to `new`.
        unsafe { self.0.write(value) };
    }
}

/// The place where something goes that is lent. It is written only if all went
/// well.
pub(crate) struct Lent<T>(*mut *const T);

impl<T> Lent<T> {
    /// # Safety
    ///
    /// `place` is NULL or can be written.
    pub(crate) unsafe fn new(name: &str, place: *mut *const T) -> Result<Lent<T>, Failure> {
        if place.is_null() {
            return Err(Failure::null(name));
        }
        Ok(Lent(place))
    }

    /// Lends a value, or NULL where there is none.
    pub(crate) fn put(self, value: Option<&T>) {
        let value = value.map_or(ptr::null(), ptr::from_ref);
        // SAFETY: not NULL, and writable by the promise given to `new`.
        unsafe { self.0.write(value) };
    }
}

/// Takes back a handle and drops it.
///
/// # Safety
///
/// It is NULL, or came from [`Out::put`] and is used no more.
pub(crate) unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(handle) });
    }
}
