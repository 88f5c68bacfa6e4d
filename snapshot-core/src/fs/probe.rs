//! Finding out what a destination can hold.
//!
//! Only trying tells: the filesystem, its mount options, the server behind it,
//! user namespaces and the caller's capabilities all have a say.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{self, AtFlags, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use crate::capabilities::Capabilities;
use crate::fs::dir::{Dir, stat_handle};
use crate::fs::make::{self, Linked};
use crate::xattr::{Namespaces, XattrNamespace};

const PROBE: &CStr = c".hardsnap-probe";
const OTHER_CASE: &CStr = c".HARDSNAP-PROBE";
const LINK: &CStr = c".hardsnap-probe-link";
const SYMLINK: &CStr = c".hardsnap-probe-symlink";

/// Tries everything on files of its own in `at`, and removes them.
pub(crate) fn probe(at: &Dir) -> io::Result<Capabilities> {
    let file = match make::file(at, PROBE, 0o600) {
        // Left by a run that was killed in between.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::unlinkat(at, PROBE, AtFlags::empty())?;
            make::file(at, PROBE, 0o600)?
        }
        other => other?,
    };
    let tried = try_all(at, file.as_fd());
    let mut removed = Ok(());
    for name in [SYMLINK, LINK, PROBE] {
        match fs::unlinkat(at, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => removed = Err(error),
        }
    }
    let capabilities = tried?;
    removed?;
    Ok(capabilities)
}

fn try_all(at: &Dir, file: BorrowedFd<'_>) -> io::Result<Capabilities> {
    let made = stat_handle(file)?;
    let owners = try_owners(file, (made.uid, made.gid))?;
    let xattrs = try_xattrs(file)?;
    let modes = try_modes(file)?;
    let mtime_granularity_nanoseconds = try_mtime(file)?;
    let case_sensitive = match at.stat(OTHER_CASE) {
        Ok(_) => false,
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error),
    };
    // A filesystem that has no hard links may still say yes and copy.
    let hard_links = match make::link(at, PROBE, at, LINK)? {
        Linked::Done => at.stat(LINK)?.id == made.id,
        _ => false,
    };
    let symlinks = allowed(fs::symlinkat(c"nowhere", at, SYMLINK))?;
    Ok(Capabilities {
        hard_links,
        symlinks,
        owners,
        made_as: (made.uid, made.gid),
        modes,
        xattrs: xattrs.iter().collect(),
        mtime_granularity_nanoseconds,
        case_sensitive,
    })
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
        Err(Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
