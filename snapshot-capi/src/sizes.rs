//! What deleting some snapshots would free.

use std::ffi::c_char;

use engine::{Sizes, SnapshotName};

use crate::argument::free;
use crate::guard::look;
use crate::text::{Text, lend};

/// What deleting a set of snapshots would free.
#[derive(Debug)]
pub struct hardsnap_sizes {
    sizes: Sizes,
    spare: Option<Text>,
    json: Text,
}

impl From<Sizes> for hardsnap_sizes {
    fn from(sizes: Sizes) -> hardsnap_sizes {
        hardsnap_sizes {
            json: Text::json(sizes),
            spare: None,
            sizes,
        }
    }
}

impl hardsnap_sizes {
    /// Those of the spare, which was the snapshot of this name.
    pub(crate) fn of_spare(name: SnapshotName, sizes: Sizes) -> hardsnap_sizes {
        hardsnap_sizes {
            spare: Some(Text::new(name)),
            ..sizes.into()
        }
    }
}

/// Frees sizes. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_sizes_free(sizes: *mut hardsnap_sizes) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(sizes) });
}

/// The name that the spare had as a snapshot, if hardsnap_catalog_spare_sizes()
/// told its sizes; otherwise NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_sizes_spare(sizes: *const hardsnap_sizes) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { sizes.as_ref() }.and_then(|sizes| sizes.spare.as_ref()))
}

/// All that would be free, in bytes: what files and other entries take that no
/// other snapshot has, and the directories. The records, a few KiB each, are
/// not counted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_sizes_freed_bytes(sizes: *const hardsnap_sizes) -> u64 {
    // SAFETY: stated in the header.
    unsafe { sizes.as_ref() }.map_or(0, |sizes| sizes.sizes.freed_bytes)
}

/// What of this the directories take, in bytes. Every snapshot has its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_sizes_directory_bytes(sizes: *const hardsnap_sizes) -> u64 {
    // SAFETY: stated in the header.
    unsafe { sizes.as_ref() }.map_or(0, |sizes| sizes.sizes.directory_bytes)
}

/// The number of files and other entries that would be gone, directories left
/// out. Several names of one file count once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_sizes_entries(sizes: *const hardsnap_sizes) -> u64 {
    // SAFETY: stated in the header.
    unsafe { sizes.as_ref() }.map_or(0, |sizes| sizes.sizes.entries)
}

/// The number of regular files among them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_sizes_files(sizes: *const hardsnap_sizes) -> u64 {
    // SAFETY: stated in the header.
    unsafe { sizes.as_ref() }.map_or(0, |sizes| sizes.sizes.files)
}

/// The sizes of these files, in bytes. They may take less, if they have holes,
/// or more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_sizes_apparent_bytes(sizes: *const hardsnap_sizes) -> u64 {
    // SAFETY: stated in the header.
    unsafe { sizes.as_ref() }.map_or(0, |sizes| sizes.sizes.apparent_bytes)
}

/// All of them as a line of JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_sizes_json(sizes: *const hardsnap_sizes) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { sizes.as_ref() }.map(|sizes| &sizes.json))
}
