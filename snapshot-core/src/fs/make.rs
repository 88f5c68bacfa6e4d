//! Making entries at the destination and giving them their metadata.

use std::ffi::CStr;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{
    self, AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid,
};
use rustix::io::Errno;

use crate::compare::{Modes, Rules};
use crate::entry::{EntryKind, FileTime, Metadata};
use crate::fs::dir::{Access, Boundary, Dir};

/// What a destination said to a hard link.
#[derive(Debug)]
pub(crate) enum Linked {
    /// It was made.
    Done,
    /// The file has as many links as the filesystem allows.
    TooMany,
    /// The filesystem or the file's attributes forbid it.
    Refused(io::Error),
    /// What was to be linked is not there any more.
    Gone,
}

/// Links `from/name` to `to/new_name`.
pub(crate) fn link(from: &Dir, name: &CStr, to: &Dir, new_name: &CStr) -> io::Result<Linked> {
    match fs::linkat(from, name, to, new_name, AtFlags::empty()) {
        Ok(()) => Ok(Linked::Done),
        Err(Errno::MLINK) => Ok(Linked::TooMany),
        Err(error @ (Errno::PERM | Errno::OPNOTSUPP | Errno::XDEV | Errno::NOSYS)) => {
            Ok(Linked::Refused(error.into()))
        }
        Err(Errno::NOENT) => Ok(Linked::Gone),
        Err(error) => Err(error.into()),
    }
}

/// Makes a directory that is open to its owner alone, and opens it.
pub(crate) fn directory(at: &Dir, name: &CStr) -> io::Result<Dir> {
    fs::mkdirat(at, name, Mode::RWXU)?;
    at.open_dir(name, Access::Read, Boundary::Stay)
}

/// Makes a file, to others never more open than `mode`, and opens it for
/// writing. Its owner may write it meanwhile: without that right an ordinary
/// user could not give it attributes.
pub(crate) fn file(at: &Dir, name: &CStr, mode: u32) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::openat(
        at,
        name,
        flags,
        Mode::from_raw_mode(mode & 0o700 | 0o200),
    )?)
}

/// Makes a symlink with its owner; its mtime comes last.
pub(crate) fn symlink(
    at: &Dir,
    name: &CStr,
    target: &CStr,
    source: &Metadata,
    rules: &Rules,
) -> io::Result<()> {
    fs::symlinkat(target, at, name)?;
    set_owner_unopened(at, name, source, rules)
}

/// Makes a FIFO, socket or device with its owner and mode; its mtime comes last.
pub(crate) fn special(at: &Dir, name: &CStr, source: &Metadata, rules: &Rules) -> io::Result<()> {
    let kind = match source.kind {
        EntryKind::Fifo => FileType::Fifo,
        EntryKind::Socket => FileType::Socket,
        EntryKind::CharDevice => FileType::CharacterDevice,
        EntryKind::BlockDevice => FileType::BlockDevice,
        EntryKind::File | EntryKind::Directory | EntryKind::Symlink => {
            return Err(Errno::INVAL.into());
        }
    };
    fs::mknodat(at, name, kind, Mode::empty(), source.device_number)?;
    set_owner_unopened(at, name, source, rules)?;
    // chmod has no variant that does not follow symlinks before Linux 6.6.
    // Nothing is followed here: the entry was just made, and nobody else can
    // write the directory that it is in.
    fs::chmodat(
        at,
        name,
        Mode::from_raw_mode(rules.stored_mode(source)),
        AtFlags::empty(),
    )?;
    Ok(())
}

fn set_owner_unopened(at: &Dir, name: &CStr, source: &Metadata, rules: &Rules) -> io::Result<()> {
    if let Some((uid, gid)) = rules.owner_to_set(source) {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        fs::chownat(at, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

/// Gives an entry that is not open its mtime.
pub(crate) fn set_mtime(at: &Dir, name: &CStr, source: &Metadata) -> io::Result<()> {
    Ok(fs::utimensat(
        at,
        name,
        &mtime(source.mtime),
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}

/// Gives an open file or directory its mtime.
pub(crate) fn set_mtime_of(handle: BorrowedFd<'_>, time: FileTime) -> io::Result<()> {
    Ok(fs::futimens(handle, &mtime(time))?)
}

/// Gives an open file or directory its owner. Comes first: chown takes away
/// setuid, setgid and capabilities.
pub(crate) fn set_owner(
    handle: BorrowedFd<'_>,
    source: &Metadata,
    rules: &Rules,
) -> io::Result<()> {
    if let Some((uid, gid)) = rules.owner_to_set(source) {
        fs::fchown(handle, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    Ok(())
}

/// Gives a directory that was there before its owner.
pub(crate) fn give_away(handle: BorrowedFd<'_>, source: &Metadata) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(source.uid), Gid::from_raw(source.gid));
    Ok(fs::fchown(handle, Some(uid), Some(gid))?)
}

/// Gives an open file or directory its mode and mtime. Comes last: from then
/// on it may be closed to us.
pub(crate) fn set_mode_and_mtime(
    handle: BorrowedFd<'_>,
    source: &Metadata,
    rules: &Rules,
) -> io::Result<()> {
    if rules.modes == Modes::Kept {
        fs::fchmod(handle, Mode::from_raw_mode(rules.stored_mode(source)))?;
    }
    Ok(fs::futimens(handle, &mtime(source.mtime))?)
}

/// An mtime as the calls take it; the time of access stays.
pub(crate) fn mtime(time: FileTime) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: time.seconds,
            tv_nsec: time.nanoseconds.into(),
        },
    }
}
