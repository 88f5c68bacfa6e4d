//! Entries of a snapshot, as the catalog tells them.

use std::ffi::c_char;
use std::path::Path;
use std::ptr;

use engine::{CatalogEntry, Entries, EntryKind};

use crate::answers::Answers;
use crate::argument::{Lent, free, handle_mut};
use crate::error::hardsnap_error;
use crate::guard::{guard, look};
use crate::status::hardsnap_status;
use crate::text::{Json, Text, lend, lend_path};

/// A regular file.
pub const HARDSNAP_KIND_FILE: i32 = 1;
/// A directory.
pub const HARDSNAP_KIND_DIRECTORY: i32 = 2;
/// A symbolic link.
pub const HARDSNAP_KIND_SYMLINK: i32 = 3;
/// A named pipe.
pub const HARDSNAP_KIND_FIFO: i32 = 4;
/// A Unix domain socket.
pub const HARDSNAP_KIND_SOCKET: i32 = 5;
/// A character device.
pub const HARDSNAP_KIND_CHAR_DEVICE: i32 = 6;
/// A block device.
pub const HARDSNAP_KIND_BLOCK_DEVICE: i32 = 7;

/// An entry of a snapshot, as it was in the source, also where the destination
/// could not hold all of it.
#[derive(Debug)]
pub struct hardsnap_entry {
    path: Text,
    link_target: Option<Text>,
    xattrs: Vec<Xattr>,
    json: Json<CatalogEntry>,
}

#[derive(Debug)]
struct Xattr {
    name: Text,
    /// With a NUL behind it.
    value: Vec<u8>,
}

impl hardsnap_entry {
    fn entry(&self) -> &CatalogEntry {
        self.json.told()
    }
}

impl From<CatalogEntry> for hardsnap_entry {
    fn from(entry: CatalogEntry) -> hardsnap_entry {
        let xattrs = entry.xattrs.iter().map(|(name, value)| Xattr {
            name: Path::new(name).into(),
            value: value.iter().copied().chain([0]).collect(),
        });
        hardsnap_entry {
            path: entry.path.as_path().into(),
            link_target: entry.link_target.as_deref().map(Text::from),
            xattrs: xattrs.collect(),
            json: Json::new("entry", entry),
        }
    }
}

/// The entries of a snapshot, in the order of their paths: names in the order
/// of their bytes, and a directory before what is in it.
pub struct hardsnap_entries(pub(crate) Answers<Entries, hardsnap_entry>);

/// Frees them, and with them the one that is lent. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entries_free(entries: *mut hardsnap_entries) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(entries) });
}

/// Lends the next entry, or NULL when there is no more, also after an error.
///
/// Errors: HARDSNAP_UNKNOWN_SNAPSHOT if the snapshot was removed meanwhile;
/// HARDSNAP_CATALOG_UNUSABLE, HARDSNAP_STORE_LOCKED, HARDSNAP_CANCELLED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entries_next(
    entries: *mut hardsnap_entries,
    entry: *mut *const hardsnap_entry,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let lent = Lent::new("entry", entry)?;
            lent.put(handle_mut("entries", entries)?.0.next()?);
            Ok(())
        })
    }
}

/// Frees an entry that hardsnap_catalog_entry() made; never one that is lent.
/// NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_free(entry: *mut hardsnap_entry) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(entry) });
}

/// Its absolute path in the source, which is the one below the snapshot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_path(
    entry: *const hardsnap_entry,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe { lend_path(entry.as_ref().map(|entry| &entry.path), length) }
}

/// What it is, HARDSNAP_KIND_FILE and so on; 0 for NULL. Others may be added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_kind(entry: *const hardsnap_entry) -> i32 {
    // SAFETY: stated in the header.
    unsafe { entry.as_ref() }.map_or(0, |entry| kind(entry.entry().kind))
}

fn kind(kind: EntryKind) -> i32 {
    match kind {
        EntryKind::File => HARDSNAP_KIND_FILE,
        EntryKind::Directory => HARDSNAP_KIND_DIRECTORY,
        EntryKind::Symlink => HARDSNAP_KIND_SYMLINK,
        EntryKind::Fifo => HARDSNAP_KIND_FIFO,
        EntryKind::Socket => HARDSNAP_KIND_SOCKET,
        EntryKind::CharDevice => HARDSNAP_KIND_CHAR_DEVICE,
        EntryKind::BlockDevice => HARDSNAP_KIND_BLOCK_DEVICE,
        _ => 0,
    }
}

/// Permission bits with setuid, setgid and sticky: 12 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_mode(entry: *const hardsnap_entry) -> u32 {
    // SAFETY: stated in the header.
    unsafe { entry.as_ref() }.map_or(0, |entry| entry.entry().mode)
}

/// Number of the owner.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_uid(entry: *const hardsnap_entry) -> u32 {
    // SAFETY: stated in the header.
    unsafe { entry.as_ref() }.map_or(0, |entry| entry.entry().uid)
}

/// Number of the group.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_gid(entry: *const hardsnap_entry) -> u32 {
    // SAFETY: stated in the header.
    unsafe { entry.as_ref() }.map_or(0, |entry| entry.entry().gid)
}

/// The size of a file, in bytes; of other kinds what the source told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_size_bytes(entry: *const hardsnap_entry) -> u64 {
    // SAFETY: stated in the header.
    unsafe { entry.as_ref() }.map_or(0, |entry| entry.entry().size_bytes)
}

/// What it takes in the store, in bytes; names of one file take it once. 0 for
/// directories, of which each snapshot has its own: hardsnap_catalog_sizes()
/// counts them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_allocated_bytes(entry: *const hardsnap_entry) -> u64 {
    // SAFETY: stated in the header.
    unsafe { entry.as_ref() }.map_or(0, |entry| entry.entry().allocated_bytes)
}

/// When it was last modified, in whole seconds since 1970, rounded down.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_mtime_seconds(entry: *const hardsnap_entry) -> i64 {
    // SAFETY: stated in the header.
    unsafe { entry.as_ref() }.map_or(0, |entry| entry.entry().mtime.seconds())
}

/// The nanoseconds after these seconds, below 1,000,000,000.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_mtime_nanoseconds(entry: *const hardsnap_entry) -> u32 {
    // SAFETY: stated in the header.
    unsafe { entry.as_ref() }.map_or(0, |entry| entry.entry().mtime.nanoseconds())
}

/// What a symlink points to; NULL for other kinds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_link_target(
    entry: *const hardsnap_entry,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe {
        let target = entry.as_ref().and_then(|entry| entry.link_target.as_ref());
        lend_path(target, length)
    }
}

/// Number of the device that it is, as `stat` has it in `st_rdev`; 0 for other
/// kinds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_device_number(entry: *const hardsnap_entry) -> u64 {
    // SAFETY: stated in the header.
    unsafe { entry.as_ref() }.map_or(0, |entry| entry.entry().device_number)
}

/// How many extended attributes it has, ACLs among them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_xattr_count(entry: *const hardsnap_entry) -> usize {
    // SAFETY: stated in the header.
    unsafe { entry.as_ref() }.map_or(0, |entry| entry.xattrs.len())
}

/// The full name of one of them, such as "user.comment", in the order of names
/// and in bytes as a path; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_xattr_name(
    entry: *const hardsnap_entry,
    index: usize,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    unsafe {
        let xattr = entry.as_ref().and_then(|entry| entry.xattrs.get(index));
        lend_path(xattr.map(|xattr| &xattr.name), length)
    }
}

/// The value of one of them, `length` bytes of any kind; NULL beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_xattr_value(
    entry: *const hardsnap_entry,
    index: usize,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: stated in the header.
    let xattr = unsafe { entry.as_ref() }.and_then(|entry| entry.xattrs.get(index));
    if !length.is_null() {
        let bytes = xattr.map_or(0, |xattr| xattr.value.len() - 1);
        // SAFETY: not NULL; the rest is stated in the header.
        unsafe { length.write(bytes) };
    }
    xattr.map_or(ptr::null(), |xattr| xattr.value.as_ptr().cast())
}

/// BLAKE3 of a file's content, 32 bytes; NULL if it was not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_blake3(entry: *const hardsnap_entry) -> *const u8 {
    // SAFETY: stated in the header.
    let hash = unsafe { entry.as_ref() }.and_then(|entry| entry.entry().blake3.as_ref());
    hash.map_or(ptr::null(), |hash| hash.as_ptr())
}

/// Whether the snapshot's tree has it, and not the catalog alone: some
/// destinations hold no devices or symlinks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_is_stored(entry: *const hardsnap_entry) -> bool {
    // SAFETY: stated in the header.
    unsafe { entry.as_ref() }.is_some_and(|entry| entry.entry().is_stored())
}

/// Its inode in the store: entries of one snapshot with the same one are names
/// of one file. 0 for directories, of which each snapshot has its own, and for
/// what the destination could not hold.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_stored_inode(entry: *const hardsnap_entry) -> u64 {
    // SAFETY: stated in the header.
    unsafe { entry.as_ref() }.map_or(0, |entry| entry.entry().stored_inode.unwrap_or(0))
}

/// All of it as a line of JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_entry_json(entry: *const hardsnap_entry) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { entry.as_ref() }.map(|entry| entry.json.text()))
}
