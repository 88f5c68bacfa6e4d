//! Listing a directory, a buffer at a time.

use std::cell::RefCell;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::fs::RawDir;

use crate::entry::EntryKind;
use crate::fs::dir;

/// Room for what one `getdents` returns: some 2,000 entries of usual names.
const BUFFER_BYTES: usize = 64 * 1024;
/// The largest entry: its head, 255 bytes of name, a NUL and the alignment.
const LARGEST_ENTRY_BYTES: usize = 280;
/// Most directories have no more entries, and shorter names.
pub(crate) const USUAL_ENTRIES: usize = 32;
pub(crate) const USUAL_NAME_BYTES: usize = 32;

thread_local! {
    static BUFFER: RefCell<Vec<MaybeUninit<u8>>> = RefCell::new(vec![MaybeUninit::uninit(); BUFFER_BYTES]);
}

/// Entries of one directory, as one system call returned them.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    names: Vec<u8>,
    entries: Vec<(u32, Option<EntryKind>, u64)>,
    reads_full: bool,
}

impl Batch {
    /// Reads the next entries from the handle's position; none at the end.
    pub(crate) fn read(handle: impl AsFd) -> io::Result<Option<Batch>> {
        BUFFER.with_borrow_mut(|buffer| {
            let mut raw = RawDir::new(handle, buffer);
            let mut batch = Batch::default();
            let mut used = 0;
            // The first `next` makes the system call; one more, once the
            // buffer is empty, would make another.
            while let Some(entry) = raw.next() {
                let entry = entry?;
                let name = entry.file_name();
                used += (19 + name.count_bytes() + 1).next_multiple_of(8);
                if name != c"." && name != c".." {
                    batch.push(name, dir::kind(entry.file_type()), entry.ino());
                }
                if raw.is_buffer_empty() {
                    batch.reads_full = used + LARGEST_ENTRY_BYTES > BUFFER_BYTES;
                    return Ok(Some(batch));
                }
            }
            Ok(None)
        })
    }

    fn push(&mut self, name: &CStr, kind: Option<EntryKind>, inode: u64) {
        if self.entries.is_empty() {
            // Room for a usual directory.
            self.entries.reserve(USUAL_ENTRIES);
            self.names.reserve(USUAL_ENTRIES * USUAL_NAME_BYTES);
        }
        // The names of one buffer are far shorter than 4 GiB.
        self.entries.push((self.names.len() as u32, kind, inode));
        self.names.extend_from_slice(name.to_bytes_with_nul());
    }

    /// Puts the entries in the order of their inodes, which is about the order
    /// in which they and their data lie on the disk. ext4 lists names in the
    /// order of their hashes.
    pub(crate) fn sort_by_inode(&mut self) {
        self.entries.sort_unstable_by_key(|&(_, _, inode)| inode);
    }

    /// Tells whether the buffer was filled, so that more is likely to come.
    pub(crate) fn is_full(&self) -> bool {
        self.reads_full
    }

    /// The names and, where the filesystem tells them, the kinds.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&CStr, Option<EntryKind>)> {
        self.entries
            .iter()
            .map(|&(start, kind, _)| (self.name(start), kind))
    }

    /// The names and the numbers of their inodes; of a mount point that of the
    /// directory below it.
    pub(crate) fn inodes(&self) -> impl Iterator<Item = (&CStr, u64)> {
        self.entries
            .iter()
            .map(|&(start, _, inode)| (self.name(start), inode))
    }

    /// All that one look at a directory tells of its entries.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&CStr, Option<EntryKind>, u64)> {
        self.entries
            .iter()
            .map(|&(start, kind, inode)| (self.name(start), kind, inode))
    }

    fn name(&self, start: u32) -> &CStr {
        // Every name was put in with its NUL.
        CStr::from_bytes_until_nul(&self.names[start as usize..]).unwrap_or_default()
    }
}

/// Tells whether a directory that was just opened has no entries.
pub(crate) fn is_empty(handle: impl AsFd) -> io::Result<bool> {
    while let Some(batch) = Batch::read(handle.as_fd())? {
        if batch.iter().next().is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}
