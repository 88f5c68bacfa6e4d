//! The lock of a store, and those of who reads its snapshots.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{self, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::entry::{EntryKind, FileId};
use crate::fs::dir::{Dir, stat_handle};
use crate::fs::smallfile;
use crate::layout;

/// The lock, held until this is dropped.
///
/// It is an flock: the kernel frees it however the process ends, so that
/// nothing stale can remain. The handle is close-on-exec, so that no program
/// that is started takes it along.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A child that another thread forked meanwhile, as Python's
        // multiprocessing does, has the handle too, and an flock lasts until
        // the last copy of its handle is closed, unless it is given up.
        let _ = fs::flock(&self.file, FlockOperation::Unlock);
    }
}

/// What came of trying to lock.
#[derive(Debug)]
pub(crate) enum Locking {
    /// The lock is ours.
    Held(Lock),
    /// Another run holds it; this is what it wrote of itself.
    Busy(String),
}

/// Tries to take the lock without waiting.
pub(crate) fn acquire(control: &Dir) -> io::Result<Locking> {
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let handle = fs::openat(control, layout::LOCK, flags, Mode::RUSR | Mode::WUSR)?;
    if stat_handle(handle.as_fd())?.kind != EntryKind::File {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "not a regular file",
        ));
    }
    let mut file = File::from(handle);
    match fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            // The text only serves the message, so a strange one is no error.
            let _ = (&file).take(1024).read_to_string(&mut holder);
            return Ok(Locking::Busy(holder.trim_end().replace('\n', ", ")));
        }
        Err(error) => return Err(error.into()),
    }
    // All of it is written at once: cutting off what an earlier holder wrote
    // would be a call more.
    let text = format!("{:<DESCRIPTION_BYTES$}\n", describe().trim_end());
    let written = file.rewind().and_then(|()| file.write_all(text.as_bytes()));
    match written {
        // A full disk must not keep expired snapshots from being removed.
        Err(error)
            if error.kind() != io::ErrorKind::StorageFull
                && error.kind() != io::ErrorKind::QuotaExceeded =>
        {
            Err(error)
        }
        _ => Ok(Locking::Held(Lock { file })),
    }
}

/// An flock on something that is read or removed, held until this is dropped.
#[derive(Debug)]
pub(crate) struct Claim(OwnedFd);

impl Drop for Claim {
    fn drop(&mut self) {
        // As that of the store, for the sake of forked children.
        let _ = fs::flock(&self.0, FlockOperation::Unlock);
    }
}

impl Claim {
    /// Tells what is locked.
    pub(crate) fn id(&self) -> io::Result<FileId> {
        Ok(stat_handle(self.0.as_fd())?.id)
    }
}

/// Locks what is open together with others, without waiting; none if somebody
/// has it for himself.
pub(crate) fn shared(handle: OwnedFd) -> io::Result<Option<Claim>> {
    claim(handle, FlockOperation::NonBlockingLockShared)
}

/// Locks what is open for itself, without waiting; none if others have it.
pub(crate) fn exclusive(handle: OwnedFd) -> io::Result<Option<Claim>> {
    claim(handle, FlockOperation::NonBlockingLockExclusive)
}

fn claim(handle: OwnedFd, operation: FlockOperation) -> io::Result<Option<Claim>> {
    match fs::flock(&handle, operation) {
        Ok(()) => Ok(Some(Claim(handle))),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Opens a file so that it can be locked for itself: NFS takes flocks for locks
/// of bytes, which have to be open for writing then.
pub(crate) fn open_to_claim(at: &Dir, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match fs::openat(at, name, flags | OFlags::RDWR, Mode::empty()) {
        // Whoever may remove a file need not be able to write it.
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
            Ok(fs::openat(at, name, flags | OFlags::RDONLY, Mode::empty())?)
        }
        other => Ok(other?),
    }
}

/// Opens a file that is there to be locked, making it if need be.
pub(crate) fn make_to_claim(at: &Dir, name: &str) -> io::Result<OwnedFd> {
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(fs::openat(at, name, flags, Mode::RUSR | Mode::WUSR)?)
}

/// Tells a filesystem that has no locks from other trouble with them.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP)
    )
}

/// A description is filled up with spaces to so much.
const DESCRIPTION_BYTES: usize = 255;

/// Tells who we are, for whoever finds the store locked.
fn describe() -> String {
    let system = rustix::system::uname();
    let read = |path| {
        smallfile::read_system(path).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    let boot = read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    // Field 22 of stat, counted behind the command's name in parentheses, is
    // the start in clock ticks since the boot.
    let start = read("/proc/self/stat").unwrap_or_default();
    let start = start
        .rsplit(')')
        .next()
        .and_then(|fields| fields.split_whitespace().nth(19))
        .unwrap_or_default();
    let host = system.nodename().to_string_lossy();
    let process = rustix::process::getpid().as_raw_nonzero();
    format!("host {host}\npid {process}\nboot {boot}\nstart {start}\n")
}
