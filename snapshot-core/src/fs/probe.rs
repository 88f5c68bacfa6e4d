//! Finding out what a destination can hold.
//!
//! Only trying tells: the filesystem, its mount options, the server behind it,
//! user namespaces and the caller's capabilities all have a say.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{
    self, AtFlags, FlockOperation, Gid, Mode, RenameFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

use crate::capabilities::{Capabilities, Circumstances, Probed};
use crate::entry::FileId;
use crate::fs::dir::{Boundary, Dir, stat_handle};
use crate::fs::make::{self, Linked};
use crate::fs::mounts;
use crate::fs::publish::Filesystem;
use crate::xattr::{Namespaces, XattrNamespace};

const PROBE: &CStr = c".hardsnap-probe";
const OTHER_CASE: &CStr = c".HARDSNAP-PROBE";
const LINK: &CStr = c".hardsnap-probe-link";
const SYMLINK: &CStr = c".hardsnap-probe-symlink";
const SYMLINK_LINK: &CStr = c".hardsnap-probe-symlink-link";
const CLONE: &CStr = c".hardsnap-probe-clone";
const MOVED: &CStr = c".hardsnap-probe-moved";
/// One letter, and then the same as a letter and its accent.
const COMPOSED: &CStr = c".hardsnap-probe-\u{e9}";
const DECOMPOSED: &CStr = c".hardsnap-probe-e\u{301}";

/// Asks under what circumstances something would be probed in `at`, whose
/// entries belong to `made_as`. No file server is asked.
pub(crate) fn circumstances(
    at: &Dir,
    filesystem: &Filesystem,
    made_as: (u32, u32),
) -> io::Result<Circumstances> {
    Ok(Circumstances {
        filesystem_type: filesystem.kind,
        filesystem_id: format!("{:016x}", filesystem.id),
        mount: mounts::description(at)?,
        caller: rustix::process::geteuid().as_raw(),
        caller_capabilities: format!("{:x}", rustix::thread::capabilities(None)?.effective.bits()),
        made_as,
    })
}

/// Tries everything on files of its own in `at`, and removes them.
pub(crate) fn probe(at: &Dir) -> io::Result<Probed> {
    // What is there was left by a run that was killed in between.
    clear(at)?;
    let filesystem = Filesystem::of(at)?;
    let tried =
        make::file(at, PROBE, 0o600).and_then(|file| try_all(at, file.as_fd(), &filesystem));
    let cleared = clear(at);
    let capabilities = tried?;
    cleared?;
    Ok(Probed {
        circumstances: circumstances(at, &filesystem, capabilities.made_as)?,
        capabilities,
    })
}

fn clear(at: &Dir) -> io::Result<()> {
    for name in [SYMLINK_LINK, SYMLINK, LINK, CLONE, MOVED, PROBE] {
        match fs::unlinkat(at, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match fs::unlinkat(at, COMPOSED, AtFlags::REMOVEDIR) {
        // A filesystem may not take such a name at all.
        Ok(()) | Err(Errno::NOENT | Errno::INVAL | Errno::ILSEQ) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn try_all(at: &Dir, file: BorrowedFd<'_>, filesystem: &Filesystem) -> io::Result<Capabilities> {
    let made = stat_handle(file)?;
    let locks = allowed(fs::flock(file, FlockOperation::NonBlockingLockExclusive))?;
    let reflinks = try_reflink(at, file)?;
    let owners = try_owners(file, (made.uid, made.gid))?;
    let xattrs = try_xattrs(file)?;
    let modes = try_modes(file)?;
    let mtime_granularity_nanoseconds = try_mtime(file)?;
    let case_sensitive = !exists(at, OTHER_CASE)?;
    let normalization_sensitive = try_normalization(at)?;
    let hard_links = try_link(at, PROBE, LINK, made.id)?;
    let symlinks = allowed(fs::symlinkat(c"nowhere", at, SYMLINK))?;
    let symlink_links = symlinks && {
        let made = at.stat(SYMLINK)?.id;
        try_link(at, SYMLINK, SYMLINK_LINK, made)?
    };
    // At last: the names are exchanged from here on.
    let exclusive_rename = try_rename(at, CLONE, MOVED, RenameFlags::NOREPLACE)?;
    let other = if exclusive_rename { MOVED } else { CLONE };
    let exchanging_rename = try_rename(at, PROBE, other, RenameFlags::EXCHANGE)?;
    Ok(Capabilities {
        hard_links,
        symlink_links,
        link_limit: link_limit(filesystem.kind),
        symlinks,
        owners,
        made_as: (made.uid, made.gid),
        modes,
        xattrs: xattrs.iter().collect(),
        mtime_granularity_nanoseconds,
        case_sensitive,
        normalization_sensitive,
        reflinks,
        exclusive_rename,
        exchanging_rename,
        locks,
        whole_flush: !filesystem.is_fuse(),
        free: filesystem.free,
    })
}

/// The most names of a file on the filesystems that tell theirs only by
/// refusing one more.
fn link_limit(filesystem_type: i64) -> Option<u64> {
    const EXT4: i64 = 0xef53;
    const BTRFS: i64 = 0x9123_683e;
    const XFS: i64 = 0x5846_5342;
    match filesystem_type {
        EXT4 => Some(65_000),
        BTRFS => Some(65_535),
        XFS => Some(0x7fff_ffff),
        _ => None,
    }
}

/// Makes a second name. A filesystem that has none may still say yes and copy.
fn try_link(at: &Dir, name: &CStr, new_name: &CStr, made: FileId) -> io::Result<bool> {
    match make::link(at, name, at, new_name)? {
        Linked::Done => Ok(at.stat(new_name)?.id == made),
        _ => Ok(false),
    }
}

fn try_rename(at: &Dir, from: &CStr, to: &CStr, flags: RenameFlags) -> io::Result<bool> {
    allowed(fs::renameat_with(at, from, at, to, flags))
}

/// Shares the data of the file with another one.
fn try_reflink(at: &Dir, file: BorrowedFd<'_>) -> io::Result<bool> {
    // A whole block: parts of one are not shared.
    let written = rustix::io::write(file, &[0x55; 4096])?;
    let clone = make::file(at, CLONE, 0o600)?;
    let from = at.open_file(PROBE, Boundary::Stay)?;
    match fs::ioctl_ficlone(&clone, &from) {
        Ok(()) => Ok(written == 4096),
        Err(Errno::NOTTY | Errno::XDEV) => Ok(false),
        other => allowed(other),
    }
}

fn try_normalization(at: &Dir) -> io::Result<bool> {
    match fs::mkdirat(at, COMPOSED, Mode::RWXU) {
        // Bytes that it does not take cannot be taken for others.
        Err(Errno::ILSEQ) => return Ok(true),
        other => {
            if !allowed(other)? {
                return Ok(true);
            }
        }
    }
    Ok(!exists(at, DECOMPOSED)?)
}

fn exists(at: &Dir, name: &CStr) -> io::Result<bool> {
    match at.stat(name) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn try_owners(file: BorrowedFd<'_>, made_as: (u32, u32)) -> io::Result<bool> {
    const NOBODY: u32 = 65534;
    // The owner to try has to be another one than we make files as.
    let other = if made_as.0 == NOBODY {
        NOBODY - 1
    } else {
        NOBODY
    };
    let owner = (Some(Uid::from_raw(other)), Some(Gid::from_raw(other)));
    let given = allowed(fs::fchown(file, owner.0, owner.1))?;
    let after = stat_handle(file)?;
    // Some filesystems say yes and do nothing.
    let works = given && (after.uid, after.gid) == (other, other);
    if works {
        // For the probes that follow.
        fs::fchown(
            file,
            Some(Uid::from_raw(made_as.0)),
            Some(Gid::from_raw(made_as.1)),
        )?;
    }
    Ok(works)
}

fn try_modes(file: BorrowedFd<'_>) -> io::Result<bool> {
    const UNUSUAL: u32 = 0o451;
    let given = allowed(fs::fchmod(file, Mode::from_raw_mode(UNUSUAL)))?;
    Ok(given && stat_handle(file)?.mode == UNUSUAL)
}

/// Sets an mtime and sees how much of it stays.
fn try_mtime(file: BorrowedFd<'_>) -> io::Result<u64> {
    const SECONDS: i64 = 1_234_567_891;
    const NANOSECONDS: u32 = 123_456_789;
    const SECOND: u64 = 1_000_000_000;
    let time = Timespec {
        tv_sec: SECONDS,
        tv_nsec: NANOSECONDS.into(),
    };
    fs::futimens(
        file,
        &Timestamps {
            last_access: time,
            last_modification: time,
        },
    )?;
    let mtime = stat_handle(file)?.mtime;
    let lost = (SECONDS - mtime.seconds).unsigned_abs() * SECOND + u64::from(NANOSECONDS)
        - u64::from(mtime.nanoseconds).min(u64::from(NANOSECONDS));
    // Powers of ten (ext3 and NFS on it: 1 s; NTFS: 100 ns), and FAT's 2 s.
    let steps = [1, 100, 1_000, 1_000_000, 10_000_000, SECOND, 2 * SECOND];
    Ok(steps
        .into_iter()
        .find(|step| lost < *step)
        .unwrap_or(2 * SECOND))
}

/// Sets an attribute of each namespace.
fn try_xattrs(file: BorrowedFd<'_>) -> io::Result<Namespaces> {
    // An ACL that says what mode 0600 says, with a mask: version 2, then tag,
    // permissions and id of each entry, all little-endian.
    const ACL: &[u8] = &[
        2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 4, 0, 0, 0, 255, 255, 255, 255, 16, 0, 0, 0,
        255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
    ];
    let attempts: [(XattrNamespace, &CStr, &[u8]); 4] = [
        (XattrNamespace::User, c"user.hardsnap-probe", b"1"),
        (XattrNamespace::Trusted, c"trusted.hardsnap-probe", b"1"),
        (XattrNamespace::Security, c"security.hardsnap-probe", b"1"),
        (XattrNamespace::Acl, c"system.posix_acl_access", ACL),
    ];
    let mut kept = Namespaces::default();
    for (namespace, name, value) in attempts {
        if allowed(fs::fsetxattr(file, name, value, XattrFlags::empty()))? {
            kept = kept.with(namespace);
        }
    }
    Ok(kept)
}

/// Tells a refusal, which is an answer, from an accident, which is none.
fn allowed(tried: Result<(), Errno>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(
            Errno::PERM
            | Errno::ACCESS
            | Errno::OPNOTSUPP
            | Errno::INVAL
            | Errno::NOSYS
            | Errno::NOLCK,
        ) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
