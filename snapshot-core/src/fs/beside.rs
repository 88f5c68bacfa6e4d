//! Entries that are made under a name of their own beside their place, and take
//! it when they are whole.
//!
//! Others may write the directory that they are made in. So nothing is done to
//! an entry by its name once it is made, but through a handle that was checked
//! to be of what was made.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::entry::{EntryKind, FileId, Metadata};
use crate::fs::dir::{Access, Boundary, Dir, stat_handle};
use crate::fs::{lock, make, publish};

/// The names have this beginning, and then 16 hexadecimal digits.
pub(crate) const PREFIX: &str = ".hardsnap-restore-";

/// The mode of a directory that is not finished. The sticky bit, which means
/// nothing where nobody else may write, tells it from all others: whoever goes
/// on after an interruption knows that it is to be finished.
pub(crate) const UNFINISHED: u32 = 0o1700;

/// What an entry's place is to be like when the entry takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Free; what came there meanwhile stays.
    Free,
    /// Free, or taken by something that goes.
    Replaced,
}

/// An entry beside its place; it goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Beside<'d> {
    at: &'d Dir,
    name: CString,
    is_placed: bool,
}

/// The name beside `name`: always the same, so that whoever makes the entry
/// again finds what was left when the one before was killed.
fn beside(name: &CStr) -> CString {
    let hash = blake3::hash(name.to_bytes()).to_hex();
    // Digits have no NUL.
    CString::new(format!("{PREFIX}{}", &hash[..16])).unwrap_or_default()
}

impl<'d> Beside<'d> {
    fn make<T>(
        at: &'d Dir,
        name: &CStr,
        make: impl Fn(&CStr) -> io::Result<T>,
    ) -> io::Result<(Beside<'d>, T)> {
        let name = beside(name);
        let made = match make(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                clear(at, &name)?;
                make(&name)?
            }
            other => other?,
        };
        let beside = Beside {
            at,
            name,
            is_placed: false,
        };
        Ok((beside, made))
    }

    /// Makes a file, open for writing and to nobody else.
    pub(crate) fn file(at: &'d Dir, name: &CStr, mode: u32) -> io::Result<(Beside<'d>, OwnedFd)> {
        let (beside, file) = Beside::make(at, name, |name| make::file(at, name, mode))?;
        // For as long as the handle lives: whoever comes meanwhile leaves it
        // alone. Where there are no locks, nobody can tell.
        let _ = fs::flock(&file, fs::FlockOperation::NonBlockingLockExclusive);
        Ok((beside, file))
    }

    /// Makes a symlink, FIFO, socket or device, and refers to it.
    pub(crate) fn unopened(
        at: &'d Dir,
        name: &CStr,
        wanted: &Metadata,
        link_target: Option<&CStr>,
    ) -> io::Result<(Beside<'d>, OwnedFd)> {
        let (beside, ()) = Beside::make(at, name, |name| match link_target {
            Some(target) => Ok(fs::symlinkat(target, at, name)?),
            None => {
                let kind = match wanted.kind {
                    EntryKind::Fifo => FileType::Fifo,
                    EntryKind::Socket => FileType::Socket,
                    EntryKind::CharDevice => FileType::CharacterDevice,
                    EntryKind::BlockDevice => FileType::BlockDevice,
                    _ => return Err(Errno::INVAL.into()),
                };
                let device = wanted.device_number;
                Ok(fs::mknodat(at, name, kind, Mode::empty(), device)?)
            }
        })?;
        let reference = at.open_reference(&beside.name)?;
        let found = stat_handle(reference.as_fd())?;
        let is_it = found.kind == wanted.kind
            && found.links == 1
            && found.device_number == wanted.device_number
            && link_target.is_none_or(|target| found.size_bytes == target.count_bytes() as u64);
        if !is_it {
            return Err(exchanged());
        }
        Ok((beside, reference))
    }

    /// Makes another name of the file `from/from_name`, which has to be `id`.
    pub(crate) fn link(
        at: &'d Dir,
        name: &CStr,
        from: &Dir,
        from_name: &CStr,
        id: FileId,
    ) -> io::Result<Beside<'d>> {
        let (beside, ()) = Beside::make(at, name, |name| {
            Ok(fs::linkat(from, from_name, at, name, AtFlags::empty())?)
        })?;
        if at.stat(&beside.name)?.id != id {
            return Err(exchanged());
        }
        Ok(beside)
    }

    /// Lets the entry take its place. A directory has to be gone before.
    pub(crate) fn take(mut self, name: &CStr, place: Place) -> io::Result<()> {
        match place {
            Place::Free => publish::rename(self.at, &self.name, self.at, name)?,
            Place::Replaced => fs::renameat(self.at, &self.name, self.at, name)?,
        }
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            // What cannot be removed is found by whoever makes the entry again.
            let _ = fs::unlinkat(self.at, &self.name, AtFlags::empty());
        }
    }
}

/// Makes a directory, unfinished and open to nobody else.
///
/// What is made there belongs to `made_as`, which tells it from what somebody
/// else puts in its place.
pub(crate) fn directory(at: &Dir, name: &CStr, place: Place, made_as: u32) -> io::Result<Dir> {
    let mode = Mode::from_raw_mode(UNFINISHED);
    match place {
        Place::Free => fs::mkdirat(at, name, mode)?,
        Place::Replaced => {
            let beside = beside(name);
            match fs::mkdirat(at, &beside, mode) {
                Err(Errno::EXIST) => {
                    clear(at, &beside)?;
                    fs::mkdirat(at, &beside, mode)?;
                }
                other => other?,
            }
            match fs::renameat_with(at, &beside, at, name, RenameFlags::EXCHANGE) {
                Ok(()) => {}
                // NFS and some FUSE servers know no flags.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    fs::unlinkat(at, name, AtFlags::empty())?;
                    fs::renameat(at, &beside, at, name)?;
                }
                Err(error) => {
                    let _ = fs::unlinkat(at, &beside, AtFlags::REMOVEDIR);
                    return Err(error.into());
                }
            }
            match fs::unlinkat(at, &beside, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    let made = at.open_dir(name, Access::Read, Boundary::Stay)?;
    if made.stat_self()?.uid == made_as {
        Ok(made)
    } else {
        Err(exchanged())
    }
}

/// Tells whom it belongs to what is made in a directory: a server may have its
/// own mind about that.
pub(crate) fn made_as(at: &Dir) -> io::Result<u32> {
    let (_beside, file) = Beside::file(at, c"", 0)?;
    Ok(stat_handle(file.as_fd())?.uid)
}

/// Tells whether a directory was made by a restore that did not come to its end.
pub(crate) fn is_unfinished(found: &Metadata, made_as: u32) -> bool {
    // A directory that is made in one with setgid has it too.
    let is_marked = found.mode & !0o2000 == UNFINISHED;
    found.kind == EntryKind::Directory && is_marked && found.uid == made_as
}

/// Removes what a restore left that was killed; not what another one is at.
fn clear(at: &Dir, name: &CStr) -> io::Result<()> {
    let found = at.stat(name)?;
    let flags = match found.kind {
        EntryKind::Directory => AtFlags::REMOVEDIR,
        _ => AtFlags::empty(),
    };
    if found.kind == EntryKind::File {
        let how = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let handle = fs::openat(at, name, how, Mode::empty())?;
        if matches!(lock::exclusive(handle), Ok(None)) {
            let what = "another restore is writing it";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, what));
        }
    }
    Ok(fs::unlinkat(at, name, flags)?)
}

fn exchanged() -> io::Error {
    io::Error::other("somebody else exchanged it while it was made")
}
