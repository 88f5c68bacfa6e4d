//! The numbers that the functions return and take. None is ever reused for
//! something else.

use std::ffi::{CStr, c_char};

use engine::ErrorKind;

/// What a call came to: HARDSNAP_OK, or why its work was not done. The numbers
/// from 1 are about the call itself, those from 100 about the store, from 200
/// about the sources, from 300 about the destination, from 400 about snapshots.
/// Others may be added.
pub type hardsnap_status = i32;

/// Done. What could not be read is listed in the report.
pub const HARDSNAP_OK: hardsnap_status = 0;
/// A system call failed; see hardsnap_error_os_error().
pub const HARDSNAP_IO: hardsnap_status = 1;
/// An argument is NULL where it must not be, too long, not UTF-8, or a number
/// that means nothing. Nothing was done.
pub const HARDSNAP_INVALID_ARGUMENT: hardsnap_status = 2;
/// An option, a pattern or a policy is not one that can be used.
pub const HARDSNAP_INVALID_OPTION: hardsnap_status = 3;
/// The run was stopped, by hardsnap_cancel() or by a callback.
pub const HARDSNAP_CANCELLED: hardsnap_status = 4;
/// A bug in hardsnap. Nothing was published; the store is as after a run that
/// was killed, which the next one tidies up.
pub const HARDSNAP_PANIC: hardsnap_status = 5;
/// Something that this version of the C interface has no number for.
pub const HARDSNAP_FAILED: hardsnap_status = 6;

/// The directory holds no store. Is the disk mounted?
pub const HARDSNAP_NOT_A_STORE: hardsnap_status = 100;
/// There is a store already where one was to be made.
pub const HARDSNAP_ALREADY_A_STORE: hardsnap_status = 101;
/// The store was made by a newer version, or its marker cannot be read.
pub const HARDSNAP_UNSUPPORTED_FORMAT: hardsnap_status = 102;
/// Others than its owner can write the store, so nothing in it can be trusted.
pub const HARDSNAP_UNSAFE_STORE: hardsnap_status = 103;
/// Another run holds the store's lock.
pub const HARDSNAP_STORE_LOCKED: hardsnap_status = 104;
/// `latest` exists and is not a symlink.
pub const HARDSNAP_LATEST_OCCUPIED: hardsnap_status = 105;
/// The catalog is missing or damaged, or does not tell of what was asked.
pub const HARDSNAP_CATALOG_UNUSABLE: hardsnap_status = 106;

/// No source was given.
pub const HARDSNAP_NO_SOURCES: hardsnap_status = 200;
/// A source does not exist or cannot be read at all.
pub const HARDSNAP_SOURCE_UNAVAILABLE: hardsnap_status = 201;
/// A source is the store itself, or lies inside it.
pub const HARDSNAP_SOURCE_IS_STORE: hardsnap_status = 202;
/// The sources are not those of the series that the store holds.
pub const HARDSNAP_SOURCES_CHANGED: hardsnap_status = 203;

/// The destination's filesystem cannot lock files.
pub const HARDSNAP_LOCK_UNSUPPORTED: hardsnap_status = 300;
/// The destination's filesystem has no hard links.
pub const HARDSNAP_LINKS_UNSUPPORTED: hardsnap_status = 301;
/// The destination is a mount point that is not mounted.
pub const HARDSNAP_NOT_MOUNTED: hardsnap_status = 302;
/// The destination is full: bytes, inodes or quota.
pub const HARDSNAP_NO_SPACE: hardsnap_status = 303;
/// What was written could not be flushed; nothing was published.
pub const HARDSNAP_FLUSH_FAILED: hardsnap_status = 304;
/// The target of a tree exists and is not empty.
pub const HARDSNAP_TARGET_NOT_EMPTY: hardsnap_status = 305;
/// The target of a restore lies in the store.
pub const HARDSNAP_TARGET_IS_STORE: hardsnap_status = 306;
/// Something is where an entry was to be restored; nothing was written.
pub const HARDSNAP_IN_THE_WAY: hardsnap_status = 307;

/// There is a snapshot of that time already.
pub const HARDSNAP_TIME_TAKEN: hardsnap_status = 400;
/// No snapshot matches the name that was given.
pub const HARDSNAP_UNKNOWN_SNAPSHOT: hardsnap_status = 401;
/// More than one snapshot matches the name that was given.
pub const HARDSNAP_AMBIGUOUS_SNAPSHOT: hardsnap_status = 402;
/// Removing would take the last complete snapshot.
pub const HARDSNAP_LAST_SNAPSHOT: hardsnap_status = 403;
/// A snapshot that is held was to be deleted.
pub const HARDSNAP_SNAPSHOT_HELD: hardsnap_status = 404;
/// A snapshot that is being read was to be deleted, or one that is being
/// removed was to be read.
pub const HARDSNAP_SNAPSHOT_IN_USE: hardsnap_status = 405;
/// The snapshot does not have a path that was to be restored, or has no file
/// there that could be opened.
pub const HARDSNAP_NOT_IN_SNAPSHOT: hardsnap_status = 406;

/// The version of the library, such as "0.1.0"; HARDSNAP_VERSION is that of the
/// header.
#[unsafe(no_mangle)]
pub extern "C" fn hardsnap_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// A status as a word for programs, such as "not_a_store": what the command
/// line's JSON has as `code`.
#[unsafe(no_mangle)]
pub extern "C" fn hardsnap_status_name(status: hardsnap_status) -> *const c_char {
    name(status).as_ptr()
}

fn name(status: hardsnap_status) -> &'static CStr {
    match status {
        HARDSNAP_OK => c"ok",
        HARDSNAP_INVALID_ARGUMENT => c"invalid_argument",
        HARDSNAP_PANIC => c"panic",
        HARDSNAP_IO => c"io",
        HARDSNAP_INVALID_OPTION => c"invalid_option",
        HARDSNAP_CANCELLED => c"cancelled",
        HARDSNAP_NOT_A_STORE => c"not_a_store",
        HARDSNAP_ALREADY_A_STORE => c"already_a_store",
        HARDSNAP_UNSUPPORTED_FORMAT => c"unsupported_format",
        HARDSNAP_UNSAFE_STORE => c"unsafe_store",
        HARDSNAP_STORE_LOCKED => c"store_locked",
        HARDSNAP_LATEST_OCCUPIED => c"latest_occupied",
        HARDSNAP_CATALOG_UNUSABLE => c"catalog_unusable",
        HARDSNAP_NO_SOURCES => c"no_sources",
        HARDSNAP_SOURCE_UNAVAILABLE => c"source_unavailable",
        HARDSNAP_SOURCE_IS_STORE => c"source_is_store",
        HARDSNAP_SOURCES_CHANGED => c"sources_changed",
        HARDSNAP_LOCK_UNSUPPORTED => c"lock_unsupported",
        HARDSNAP_LINKS_UNSUPPORTED => c"links_unsupported",
        HARDSNAP_NOT_MOUNTED => c"not_mounted",
        HARDSNAP_NO_SPACE => c"no_space",
        HARDSNAP_FLUSH_FAILED => c"flush_failed",
        HARDSNAP_TARGET_NOT_EMPTY => c"target_not_empty",
        HARDSNAP_TARGET_IS_STORE => c"target_is_store",
        HARDSNAP_IN_THE_WAY => c"in_the_way",
        HARDSNAP_NOT_IN_SNAPSHOT => c"not_in_snapshot",
        HARDSNAP_TIME_TAKEN => c"time_taken",
        HARDSNAP_UNKNOWN_SNAPSHOT => c"unknown_snapshot",
        HARDSNAP_AMBIGUOUS_SNAPSHOT => c"ambiguous_snapshot",
        HARDSNAP_LAST_SNAPSHOT => c"last_snapshot",
        HARDSNAP_SNAPSHOT_HELD => c"snapshot_held",
        HARDSNAP_SNAPSHOT_IN_USE => c"snapshot_in_use",
        _ => c"failed",
    }
}

pub(crate) fn of_kind(kind: ErrorKind) -> hardsnap_status {
    match kind {
        ErrorKind::Io => HARDSNAP_IO,
        ErrorKind::InvalidOption => HARDSNAP_INVALID_OPTION,
        ErrorKind::Cancelled => HARDSNAP_CANCELLED,
        ErrorKind::NotAStore => HARDSNAP_NOT_A_STORE,
        ErrorKind::AlreadyAStore => HARDSNAP_ALREADY_A_STORE,
        ErrorKind::UnsupportedFormat => HARDSNAP_UNSUPPORTED_FORMAT,
        ErrorKind::UnsafeStore => HARDSNAP_UNSAFE_STORE,
        ErrorKind::StoreLocked => HARDSNAP_STORE_LOCKED,
        ErrorKind::LatestOccupied => HARDSNAP_LATEST_OCCUPIED,
        ErrorKind::CatalogUnusable => HARDSNAP_CATALOG_UNUSABLE,
        ErrorKind::NoSources => HARDSNAP_NO_SOURCES,
        ErrorKind::SourceUnavailable => HARDSNAP_SOURCE_UNAVAILABLE,
        ErrorKind::SourceIsStore => HARDSNAP_SOURCE_IS_STORE,
        ErrorKind::SourcesChanged => HARDSNAP_SOURCES_CHANGED,
        ErrorKind::LockUnsupported => HARDSNAP_LOCK_UNSUPPORTED,
        ErrorKind::LinksUnsupported => HARDSNAP_LINKS_UNSUPPORTED,
        ErrorKind::NotMounted => HARDSNAP_NOT_MOUNTED,
        ErrorKind::NoSpace => HARDSNAP_NO_SPACE,
        ErrorKind::FlushFailed => HARDSNAP_FLUSH_FAILED,
        ErrorKind::TargetNotEmpty => HARDSNAP_TARGET_NOT_EMPTY,
        ErrorKind::TargetIsStore => HARDSNAP_TARGET_IS_STORE,
        ErrorKind::InTheWay => HARDSNAP_IN_THE_WAY,
        ErrorKind::NotInSnapshot => HARDSNAP_NOT_IN_SNAPSHOT,
        ErrorKind::TimeTaken => HARDSNAP_TIME_TAKEN,
        ErrorKind::UnknownSnapshot => HARDSNAP_UNKNOWN_SNAPSHOT,
        ErrorKind::AmbiguousSnapshot => HARDSNAP_AMBIGUOUS_SNAPSHOT,
        ErrorKind::LastSnapshot => HARDSNAP_LAST_SNAPSHOT,
        ErrorKind::SnapshotHeld => HARDSNAP_SNAPSHOT_HELD,
        ErrorKind::SnapshotInUse => HARDSNAP_SNAPSHOT_IN_USE,
        _ => HARDSNAP_FAILED,
    }
}
