//! What a destination can hold.

use std::ffi::c_char;

use engine::{Capabilities, XattrNamespace};

use crate::argument::{Out, free, handle};
use crate::error::hardsnap_error;
use crate::guard::{guard, look};
use crate::status::hardsnap_status;
use crate::store::hardsnap_store;
use crate::text::{Text, lend};

/// Files can have several names.
pub const HARDSNAP_HARD_LINKS: i32 = 0;
/// Symlinks can have several names too.
pub const HARDSNAP_SYMLINK_LINKS: i32 = 1;
/// The most names a file can have; 0 where nothing tells.
pub const HARDSNAP_LINK_LIMIT: i32 = 2;
/// There are symlinks.
pub const HARDSNAP_HAS_SYMLINKS: i32 = 3;
/// Files can be given to other owners, by this caller.
pub const HARDSNAP_OWNERS: i32 = 4;
/// Permission bits stay as they were set.
pub const HARDSNAP_MODES: i32 = 5;
/// Attributes of the namespace `user` can be set, by this caller.
pub const HARDSNAP_XATTRS_USER: i32 = 6;
/// Attributes of the namespace `trusted` can be set, by this caller.
pub const HARDSNAP_XATTRS_TRUSTED: i32 = 7;
/// Attributes of the namespace `security` can be set, by this caller.
pub const HARDSNAP_XATTRS_SECURITY: i32 = 8;
/// POSIX ACLs can be set, by this caller.
pub const HARDSNAP_ACLS: i32 = 9;
/// How fine mtimes are, in nanoseconds.
pub const HARDSNAP_MTIME_NANOSECONDS: i32 = 10;
/// Names that differ in upper and lower case are different names.
pub const HARDSNAP_CASE_SENSITIVE: i32 = 11;
/// Names that differ in how accents are encoded are different names.
pub const HARDSNAP_NORMALIZATION_SENSITIVE: i32 = 12;
/// Data can be shared between files.
pub const HARDSNAP_REFLINKS: i32 = 13;
/// A rename can be told not to replace anything.
pub const HARDSNAP_EXCLUSIVE_RENAME: i32 = 14;
/// A rename can exchange two names.
pub const HARDSNAP_EXCHANGING_RENAME: i32 = 15;
/// Files can be locked.
pub const HARDSNAP_LOCKS: i32 = 16;
/// One flush of the whole filesystem reaches the disk.
pub const HARDSNAP_WHOLE_FLUSH: i32 = 17;
/// What is free for the caller, in bytes.
pub const HARDSNAP_FREE_BYTES: i32 = 18;
/// How many files can still be made; the largest number where they are made as
/// they are needed.
pub const HARDSNAP_FREE_INODES: i32 = 19;

/// What a destination can hold, found out by trying.
#[derive(Debug)]
pub struct hardsnap_capabilities {
    found: Capabilities,
    json: Text,
}

/// Finds out anew, by trying, what the destination of a store can hold.
///
/// Errors: HARDSNAP_STORE_LOCKED, HARDSNAP_NO_SPACE, HARDSNAP_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_store_probe(
    store: *const hardsnap_store,
    capabilities: *mut *mut hardsnap_capabilities,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("capabilities", capabilities)?;
            let found = handle("store", store)?.store.probe()?;
            out.put(hardsnap_capabilities {
                json: Text::json(&found),
                found,
            });
            Ok(())
        })
    }
}

/// Frees capabilities. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_capabilities_free(capabilities: *mut hardsnap_capabilities) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(capabilities) });
}

/// One of them, HARDSNAP_HARD_LINKS and so on: 1 or 0 for what is there or not,
/// else a number. 0 for what is none of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_capabilities_get(
    capabilities: *const hardsnap_capabilities,
    which: i32,
) -> u64 {
    // SAFETY: stated in the header.
    unsafe { capabilities.as_ref() }.map_or(0, |capabilities| number(&capabilities.found, which))
}

fn number(found: &Capabilities, which: i32) -> u64 {
    let xattrs = |namespace| found.xattrs.contains(&namespace);
    let is = match which {
        HARDSNAP_LINK_LIMIT => return found.link_limit.unwrap_or(0),
        HARDSNAP_MTIME_NANOSECONDS => return found.mtime_granularity_nanoseconds,
        HARDSNAP_FREE_BYTES => return found.free.bytes,
        HARDSNAP_FREE_INODES => return found.free.inodes.unwrap_or(u64::MAX),
        HARDSNAP_HARD_LINKS => found.hard_links,
        HARDSNAP_SYMLINK_LINKS => found.symlink_links,
        HARDSNAP_HAS_SYMLINKS => found.symlinks,
        HARDSNAP_OWNERS => found.owners,
        HARDSNAP_MODES => found.modes,
        HARDSNAP_XATTRS_USER => xattrs(XattrNamespace::User),
        HARDSNAP_XATTRS_TRUSTED => xattrs(XattrNamespace::Trusted),
        HARDSNAP_XATTRS_SECURITY => xattrs(XattrNamespace::Security),
        HARDSNAP_ACLS => xattrs(XattrNamespace::Acl),
        HARDSNAP_CASE_SENSITIVE => found.case_sensitive,
        HARDSNAP_NORMALIZATION_SENSITIVE => found.normalization_sensitive,
        HARDSNAP_REFLINKS => found.reflinks,
        HARDSNAP_EXCLUSIVE_RENAME => found.exclusive_rename,
        HARDSNAP_EXCHANGING_RENAME => found.exchanging_rename,
        HARDSNAP_LOCKS => found.locks,
        HARDSNAP_WHOLE_FLUSH => found.whole_flush,
        _ => false,
    };
    u64::from(is)
}

/// All of them as a line of JSON, but for what is free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_capabilities_json(
    capabilities: *const hardsnap_capabilities,
) -> *const c_char {
    // SAFETY: stated in the header.
    lend(unsafe { capabilities.as_ref() }.map(|capabilities| &capabilities.json))
}
