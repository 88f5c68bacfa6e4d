//! A file of a snapshot, open for reading.

use std::ffi::{c_char, c_void};
use std::io::{self, Read};
use std::path::PathBuf;

use engine::StoredFile;

use crate::argument::{Out, free, handle, handle_mut, path, room, snapshot_name};
use crate::error::{Failure, hardsnap_error};
use crate::guard::{guard, look};
use crate::status::hardsnap_status;
use crate::store::hardsnap_store;

/// One call reads no more: a buffer is filled with zeros first, and a large one
/// would be for a small file, too.
const MOST_BYTES: usize = 1 << 20;

/// A file of a snapshot, open for reading. As long as it is, its snapshot is not
/// removed. It does not need the store any more.
#[derive(Debug)]
pub struct hardsnap_stored_file {
    file: StoredFile,
    path: PathBuf,
}

/// Opens a file of a snapshot, given by its full name, by its absolute path in
/// the source. Symlinks are never followed. What is read is what the store's
/// disk has: hardsnap_store_verify() tells whether that is what was stored.
///
/// Errors: HARDSNAP_UNKNOWN_SNAPSHOT; HARDSNAP_NOT_IN_SNAPSHOT if it has nothing
/// at the path, or no file; HARDSNAP_INVALID_OPTION if the path is not an
/// absolute one; HARDSNAP_SNAPSHOT_IN_USE if the snapshot is being removed;
/// HARDSNAP_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_open_file(
    store: *const hardsnap_store,
    snapshot: *const c_char,
    entry_path: *const c_char,
    length: usize,
    file: *mut *mut hardsnap_stored_file,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("file", file)?;
            let store = &handle("store", store)?.store;
            let snapshot = snapshot_name("snapshot", snapshot)?;
            let path = path("entry_path", entry_path, length)?;
            out.put(hardsnap_stored_file {
                file: store.open_file(snapshot, path)?,
                path: path.to_owned(),
            });
            Ok(())
        })
    }
}

/// Closes a file. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_stored_file_free(file: *mut hardsnap_stored_file) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(file) });
}

/// Its size in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_stored_file_size_bytes(file: *const hardsnap_stored_file) -> u64 {
    // SAFETY: stated in the header.
    unsafe { file.as_ref() }.map_or(0, |file| file.file.size_bytes())
}

/// Reads the bytes that come next into `buffer`, which has room for `capacity`,
/// and writes to `read_bytes` how many there were: perhaps fewer than there is
/// room for, and 0 only at the end of the file, or if `capacity` is 0. What of
/// the buffer is behind them is of no value.
///
/// Errors: HARDSNAP_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_stored_file_read(
    file: *mut hardsnap_stored_file,
    buffer: *mut c_void,
    capacity: usize,
    read_bytes: *mut usize,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            if read_bytes.is_null() {
                return Err(Failure::null("read_bytes"));
            }
            let file = handle_mut("file", file)?;
            let buffer = room("buffer", buffer, capacity, MOST_BYTES)?;
            let bytes = loop {
                match file.file.read(buffer) {
                    Ok(bytes) => break bytes,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(Failure::unreadable(&file.path, &error)),
                }
            };
            read_bytes.write(bytes);
            Ok(())
        })
    }
}
