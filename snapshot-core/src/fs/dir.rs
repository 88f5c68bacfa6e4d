//! Open directories, and opening below them.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    self, AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx, StatxAttributes, StatxFlags,
    StatxTimestamp,
};
use rustix::io::Errno;

use crate::entry::{EntryKind, FileId, FileTime, Metadata, RootId};

/// An open directory.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd);

/// Whether a look-up may enter another mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boundary {
    /// A mount point ends in `EXDEV`, before anything of it is touched.
    Stay,
    /// Mount points are entered.
    Cross,
}

/// For what a directory is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// For reading its entries and setting its metadata.
    Read,
    /// Only as a place to look up names below, which needs no read permission.
    Search,
}

/// Set once the kernel (before 5.6) or a sandbox turned out not to know openat2.
static OPENAT2_MISSING: AtomicBool = AtomicBool::new(false);

impl Dir {
    /// Opens a directory named by the user, following symlinks.
    pub(crate) fn open(path: &Path) -> io::Result<Dir> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Dir(fs::open(path, flags, Mode::empty())?))
    }

    /// Opens the root directory as a place to look up names below.
    pub(crate) fn open_root() -> io::Result<Dir> {
        Ok(Dir(fs::open(
            c"/",
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?))
    }

    /// Opens a directory below this one. `below` may have several components,
    /// none of them `..`, and none may be a symlink.
    pub(crate) fn open_dir(
        &self,
        below: &CStr,
        access: Access,
        boundary: Boundary,
    ) -> io::Result<Dir> {
        let how = match access {
            Access::Read => OFlags::RDONLY,
            Access::Search => OFlags::PATH,
        };
        Ok(Dir(self.open_below(
            below,
            how | OFlags::DIRECTORY,
            boundary,
        )?))
    }

    /// Opens whatever is there as a mere reference: nothing of it is touched,
    /// no automount is triggered and no FUSE server is asked.
    pub(crate) fn open_reference(&self, name: &CStr) -> io::Result<OwnedFd> {
        self.open_below(name, OFlags::PATH, Boundary::Cross)
    }

    /// Opens a file for reading. Never blocks, whatever may have taken its
    /// place; what was opened is for the caller to check.
    pub(crate) fn open_file(&self, name: &CStr, boundary: Boundary) -> io::Result<OwnedFd> {
        self.open_below(
            name,
            OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY,
            boundary,
        )
    }

    fn open_below(&self, below: &CStr, flags: OFlags, boundary: Boundary) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if flags.contains(OFlags::PATH) {
            return self.open_resolved(below, flags, boundary);
        }
        // Only its owner and root may read a file without a trace in its atime.
        match self.open_resolved(below, flags | OFlags::NOATIME, boundary) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::PERM) => {
                self.open_resolved(below, flags, boundary)
            }
            other => other,
        }
    }

    fn open_resolved(
        &self,
        below: &CStr,
        flags: OFlags,
        boundary: Boundary,
    ) -> io::Result<OwnedFd> {
        if !OPENAT2_MISSING.load(Ordering::Relaxed) {
            let mut resolve =
                ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            if boundary == Boundary::Stay {
                resolve |= ResolveFlags::NO_XDEV;
            }
            match fs::openat2(&self.0, below, flags, Mode::empty(), resolve) {
                // The caller comes again without it.
                Err(Errno::PERM) if flags.contains(OFlags::NOATIME) => {
                    return Err(Errno::PERM.into());
                }
                // EPERM: seccomp filters older than the call answer so.
                Err(Errno::NOSYS | Errno::PERM) if self.lacks_openat2() => {
                    OPENAT2_MISSING.store(true, Ordering::Relaxed);
                }
                other => return Ok(other?),
            }
        }
        self.open_stepwise(below, flags, boundary)
    }

    /// Tells a missing openat2 from a refusal that concerns the entry.
    fn lacks_openat2(&self) -> bool {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let probe = fs::openat2(&self.0, c".", flags, Mode::empty(), ResolveFlags::BENEATH);
        matches!(probe, Err(Errno::NOSYS | Errno::PERM))
    }

    /// The way of kernels before 5.6: one component at a time, and mount points
    /// are known by their device number, which is after they were opened.
    fn open_stepwise(
        &self,
        below: &CStr,
        flags: OFlags,
        boundary: Boundary,
    ) -> io::Result<OwnedFd> {
        let through = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut components = below
            .to_bytes()
            .split(|&byte| byte == b'/')
            .filter(|part| !part.is_empty())
            .peekable();
        let mut opened: Option<OwnedFd> = None;
        while let Some(component) = components.next() {
            let from = opened.as_ref().map_or(self.0.as_fd(), AsFd::as_fd);
            let flags = if components.peek().is_some() {
                through
            } else {
                flags
            };
            let next = fs::openat(from, CString::new(component)?, flags, Mode::empty())?;
            if boundary == Boundary::Stay && device_of(from)? != device_of(next.as_fd())? {
                return Err(Errno::XDEV.into());
            }
            opened = Some(next);
        }
        opened.ok_or_else(|| Errno::NOENT.into())
    }

    /// Reads the metadata of an entry, not following it and not mounting it.
    pub(crate) fn stat(&self, name: &CStr) -> io::Result<Metadata> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        Ok(metadata(&fs::statx(&self.0, name, flags, WANTED)?))
    }

    /// Reads the directory's own metadata.
    pub(crate) fn stat_self(&self) -> io::Result<Metadata> {
        stat_handle(self.0.as_fd())
    }

    /// Reads what tells the filesystem that has this directory as its root.
    pub(crate) fn root_id(&self) -> io::Result<RootId> {
        let wanted = StatxFlags::INO | StatxFlags::BTIME;
        let statx = fs::statx(&self.0, c"", AtFlags::EMPTY_PATH, wanted)?;
        let born = (statx.stx_mask & StatxFlags::BTIME.bits() != 0).then(|| time(&statx.stx_btime));
        Ok(RootId {
            inode: statx.stx_ino,
            born,
        })
    }

    /// Opens the directory once more, for a listing with a position of its own.
    pub(crate) fn reopen(&self) -> io::Result<Dir> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Dir(fs::openat(&self.0, c".", flags, Mode::empty())?))
    }

    /// The same open directory once more, for looking up names: listings would
    /// go on where the other's stand. A file server is not asked.
    pub(crate) fn duplicate(&self) -> io::Result<Dir> {
        Ok(Dir(self.0.try_clone()?))
    }

    /// Gives up the directory for its handle.
    pub(crate) fn into_handle(self) -> OwnedFd {
        self.0
    }

    /// Flushes the directory's entries.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(fs::fsync(&self.0)?)
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

const WANTED: StatxFlags = StatxFlags::BASIC_STATS;

/// Tells whether only root, the caller and `owner` can change what a path leads
/// to.
///
/// Whoever may rename a directory on the way can put another in its place. That
/// matters where something is reached by its path and not by a handle.
pub(crate) fn is_reached_safely(path: &Path, owner: u32) -> io::Result<bool> {
    let ours = rustix::process::geteuid().as_raw();
    let mut at = Dir::open_root()?;
    let mut names = path.components().skip(1).peekable();
    loop {
        let found = at.stat_self()?;
        let writable_by_others = found.mode & 0o022 != 0 && found.mode & 0o1000 == 0;
        if writable_by_others || ![0, ours, owner].contains(&found.uid) {
            return Ok(false);
        }
        let Some(name) = names.next() else {
            return Ok(true);
        };
        let name = CString::new(name.as_os_str().as_bytes())?;
        at = at.open_dir(&name, Access::Search, Boundary::Cross)?;
    }
}

/// Reads the metadata of what is open.
pub(crate) fn stat_handle(handle: BorrowedFd<'_>) -> io::Result<Metadata> {
    Ok(metadata(&fs::statx(
        handle,
        c"",
        AtFlags::EMPTY_PATH,
        WANTED,
    )?))
}

fn device_of(handle: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(stat_handle(handle)?.id.device)
}

/// Tells whether there is nothing at a place, or a step to it is no directory.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    let number = Errno::from_io_error(error);
    number.is_some_and(|number| [Errno::NOENT, Errno::NOTDIR, Errno::LOOP].contains(&number))
}

/// The bytes of a path as the system takes them; a NUL in it is refused.
pub(crate) fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

/// The kind of an entry, unless the filesystem does not tell it in a listing.
pub(crate) fn kind(file_type: FileType) -> Option<EntryKind> {
    match file_type {
        FileType::RegularFile => Some(EntryKind::File),
        FileType::Directory => Some(EntryKind::Directory),
        FileType::Symlink => Some(EntryKind::Symlink),
        FileType::Fifo => Some(EntryKind::Fifo),
        FileType::Socket => Some(EntryKind::Socket),
        FileType::CharacterDevice => Some(EntryKind::CharDevice),
        FileType::BlockDevice => Some(EntryKind::BlockDevice),
        _ => None,
    }
}

fn time(time: &StatxTimestamp) -> FileTime {
    FileTime {
        seconds: time.tv_sec,
        nanoseconds: time.tv_nsec,
    }
}

fn metadata(statx: &Statx) -> Metadata {
    let mode = u32::from(statx.stx_mode);
    // `stat` has no other kinds than these seven.
    let kind = kind(FileType::from_raw_mode(mode)).unwrap_or(EntryKind::File);
    let device_number = match kind {
        EntryKind::CharDevice | EntryKind::BlockDevice => {
            fs::makedev(statx.stx_rdev_major, statx.stx_rdev_minor)
        }
        _ => 0,
    };
    Metadata {
        kind,
        id: FileId {
            device: fs::makedev(statx.stx_dev_major, statx.stx_dev_minor),
            inode: statx.stx_ino,
        },
        mode: mode & 0o7777,
        uid: statx.stx_uid,
        gid: statx.stx_gid,
        size_bytes: statx.stx_size,
        allocated_bytes: statx.stx_blocks * 512,
        links: statx.stx_nlink,
        mtime: time(&statx.stx_mtime),
        ctime: time(&statx.stx_ctime),
        nodump: statx.stx_attributes.contains(StatxAttributes::NODUMP),
        device_number,
    }
}
