//! Small files of the store itself: read whole, written whole or not at all.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::entry::EntryKind;
use crate::fs::dir::{Boundary, Dir, stat_handle};

/// A record, a marker or a table of the kernel is never near this.
const LIMIT_BYTES: u64 = 1 << 30;

/// Reads a file whole. Anything but a regular file is refused.
pub(crate) fn read(at: &Dir, name: &str) -> io::Result<Vec<u8>> {
    let handle = at.open_file(&CString::new(name)?, Boundary::Stay)?;
    let stat = stat_handle(handle.as_fd())?;
    if stat.kind != EntryKind::File {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "not a regular file",
        ));
    }
    // The limited reader does not tell its size, and begins with 32 bytes: a
    // store's records took seven reads each.
    let expected_bytes = usize::try_from(stat.size_bytes.min(LIMIT_BYTES)).unwrap_or(0);
    let mut content = Vec::with_capacity(expected_bytes);
    File::from(handle)
        .take(LIMIT_BYTES)
        .read_to_end(&mut content)?;
    Ok(content)
}

/// Reads a file by its absolute path: tables of the kernel and the system.
pub(crate) fn read_system(path: &str) -> io::Result<Vec<u8>> {
    let handle = fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut content = Vec::new();
    File::from(handle)
        .take(LIMIT_BYTES)
        .read_to_end(&mut content)?;
    Ok(content)
}

/// Whether a file is flushed as soon as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// File and directory are on the disk when the call returns.
    Now,
    /// A later flush of the filesystem takes care of it.
    Later,
}

/// Puts a file in place: whoever looks sees the old content or the new.
pub(crate) fn replace(at: &Dir, name: &str, content: &[u8], flush: Flush) -> io::Result<()> {
    let draft = CString::new(format!(".{name}.new"))?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let handle = match fs::openat(at, &draft, flags, mode) {
        // Left by a run that was killed in between.
        Err(Errno::EXIST) => {
            fs::unlinkat(at, &draft, AtFlags::empty())?;
            fs::openat(at, &draft, flags, mode)?
        }
        other => other?,
    };
    let mut file = File::from(handle);
    let written = file.write_all(content).and_then(|()| match flush {
        Flush::Now => file.sync_all(),
        Flush::Later => Ok(()),
    });
    if let Err(error) = written {
        // The first error is the one that counts.
        let _ = fs::unlinkat(at, &draft, AtFlags::empty());
        return Err(error);
    }
    fs::renameat(at, &draft, at, name)?;
    if flush == Flush::Now {
        at.sync()?;
    }
    Ok(())
}

/// Removes a file; one that is not there is no error.
pub(crate) fn remove(at: &Dir, name: &str) -> io::Result<()> {
    match fs::unlinkat(at, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
