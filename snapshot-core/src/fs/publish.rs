//! The last steps of a run: flush, rename, `latest`.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{self, AtFlags, RenameFlags};
use rustix::io::Errno;

use crate::capabilities::FreeSpace;
use crate::fs::dir::{Access, Boundary, Dir};
use crate::layout;
use crate::name::SnapshotName;

/// Flushes the whole filesystem that the handle is on.
///
/// The handle has to be open since before the first write: an error of the
/// writeback is told to the handles that were open when it happened, once.
pub(crate) fn flush(handle: &Dir) -> io::Result<()> {
    Ok(fs::syncfs(handle)?)
}

/// A filesystem: which one it is, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filesystem {
    /// The number by which the kernel knows its type.
    pub(crate) kind: i64,
    /// 0 where it has none, as on NFS and FUSE.
    pub(crate) id: u64,
    pub(crate) free: FreeSpace,
    /// What ordinary users may still take.
    pub(crate) available_bytes: u64,
    /// Its size, whoever may use it.
    pub(crate) total_bytes: u64,
    /// What is taken of it, by whomever.
    pub(crate) used_bytes: u64,
    /// None where inodes are made as they are needed, as on btrfs.
    pub(crate) used_inodes: Option<u64>,
    /// The least that a directory takes.
    pub(crate) block_bytes: u64,
}

/// What the numbers of inodes are worth on a filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InodeNumbers {
    /// They stay, and a listing of a directory tells them.
    Listed,
    /// They stay, but a server has to be asked.
    Told,
    /// They may be others after the next mount, or in a listing.
    Passing,
}

impl InodeNumbers {
    /// Tells whether an inode can be recognised later.
    pub(crate) fn are_lasting(self) -> bool {
        self != InodeNumbers::Passing
    }

    /// What they are worth on a type of filesystem.
    pub(crate) fn on(kind: i64) -> InodeNumbers {
        const LOCAL: [i64; 9] = [
            0xef53,      // ext4
            0x5846_5342, // xfs
            0x9123_683e, // btrfs
            0x0102_1994, // tmpfs
            0xf2f5_2010, // f2fs
            0x2fc1_2fc1, // zfs
            0xca45_1a4e, // bcachefs
            0x3153_464a, // jfs
            0x3434,      // nilfs
        ];
        const REMOTE: [i64; 4] = [
            0x6969,      // NFS
            0xff53_4d42, // CIFS
            0xfe53_4d42, // SMB 2
            0x00c3_6400, // Ceph
        ];
        if LOCAL.contains(&kind) {
            InodeNumbers::Listed
        } else if REMOTE.contains(&kind) {
            InodeNumbers::Told
        } else {
            InodeNumbers::Passing
        }
    }
}

impl Filesystem {
    /// Asks for the filesystem of what is open. A file server is asked twice.
    pub(crate) fn of(dir: &impl AsFd) -> io::Result<Filesystem> {
        Filesystem::of_kind(Filesystem::kind_of(dir)?, dir)
    }

    /// The same, where the type is known.
    pub(crate) fn of_kind(kind: i64, dir: &impl AsFd) -> io::Result<Filesystem> {
        let stat = fs::fstatvfs(dir)?;
        // ext4 keeps some blocks for root.
        let free = if rustix::process::geteuid().is_root() {
            stat.f_bfree
        } else {
            stat.f_bavail
        };
        Ok(Filesystem {
            kind,
            id: stat.f_fsid,
            free: FreeSpace {
                bytes: free.saturating_mul(stat.f_frsize),
                inodes: (stat.f_files > 0).then_some(stat.f_favail),
            },
            available_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
            total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
            used_bytes: stat
                .f_blocks
                .saturating_sub(stat.f_bfree)
                .saturating_mul(stat.f_frsize),
            used_inodes: (stat.f_files > 0).then_some(stat.f_files.saturating_sub(stat.f_ffree)),
            block_bytes: stat.f_frsize,
        })
    }

    /// Asks for the type alone.
    pub(crate) fn kind_of(dir: &impl AsFd) -> io::Result<i64> {
        #[allow(
            clippy::useless_conversion,
            reason = "the field's type differs between machines"
        )]
        Ok(i64::from(fs::fstatfs(dir)?.f_type))
    }

    /// What the numbers of inodes are worth where this is open.
    pub(crate) fn numbers_of(dir: &impl AsFd) -> io::Result<InodeNumbers> {
        Filesystem::kind_of(dir).map(InodeNumbers::on)
    }

    /// Tells whether it is served by FUSE, where flushing the whole does not
    /// reach the server.
    pub(crate) fn is_fuse(&self) -> bool {
        const FUSE_SUPER_MAGIC: i64 = 0x6573_5546;
        self.kind == FUSE_SUPER_MAGIC
    }

    /// How the inodes of stored files can be recognised later.
    pub(crate) fn inode_numbers(&self) -> InodeNumbers {
        InodeNumbers::on(self.kind)
    }

    /// Tells whether a byte that is written takes a byte. Others compress, or
    /// are a server's that does.
    pub(crate) fn takes_what_is_written(&self) -> bool {
        const EXT4: i64 = 0xef53;
        const XFS: i64 = 0x5846_5342;
        const TMPFS: i64 = 0x0102_1994;
        [EXT4, XFS, TMPFS].contains(&self.kind)
    }
}

/// Moves a directory without ever replacing another.
pub(crate) fn rename(from: &Dir, name: &CStr, to: &Dir, new_name: &CStr) -> io::Result<()> {
    match fs::renameat_with(from, name, to, new_name, RenameFlags::NOREPLACE) {
        // NFS and some FUSE servers know no flags.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match to.stat(new_name) {
            Ok(_) => Err(Errno::EXIST.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(fs::renameat(from, name, to, new_name)?)
            }
            Err(error) => Err(error),
        },
        other => Ok(other?),
    }
}

/// Renames a directory over an empty one.
pub(crate) fn rename_over(from: &Dir, name: &CStr, to: &Dir, empty: &CStr) -> io::Result<()> {
    Ok(fs::renameat(from, name, to, empty)?)
}

/// What `latest` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Latest {
    /// There is none.
    Missing,
    /// A symlink with this target.
    Link(CString),
    /// Something that is not ours.
    Occupied,
}

/// Looks at `latest`.
pub(crate) fn latest(store: &Dir) -> io::Result<Latest> {
    match fs::readlinkat(store, layout::LATEST, Vec::new()) {
        Ok(target) => Ok(Latest::Link(target)),
        Err(Errno::NOENT) => Ok(Latest::Missing),
        Err(Errno::INVAL) => Ok(Latest::Occupied),
        Err(error) => Err(error.into()),
    }
}

/// Lets `latest` name a snapshot, atomically.
pub(crate) fn set_latest(store: &Dir, control: &Dir, name: SnapshotName) -> io::Result<()> {
    const DRAFT: &CStr = c".latest.new";
    let target = layout::tree(name);
    if latest(store)? == Latest::Link(target.clone()) {
        return Ok(());
    }
    match fs::symlinkat(&target, control, DRAFT) {
        // Left by a run that was killed in between.
        Err(Errno::EXIST) => {
            fs::unlinkat(control, DRAFT, AtFlags::empty())?;
            fs::symlinkat(&target, control, DRAFT)?;
        }
        // A destination without symlinks, which the probe tells.
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
        other => other?,
    }
    Ok(fs::renameat(control, DRAFT, store, layout::LATEST)?)
}

/// Removes `latest`: there is no snapshot that it could name.
pub(crate) fn unset_latest(store: &Dir) -> io::Result<()> {
    match latest(store)? {
        Latest::Link(_) => Ok(fs::unlinkat(store, layout::LATEST, AtFlags::empty())?),
        Latest::Missing | Latest::Occupied => Ok(()),
    }
}

/// Looks up the inode of what lies at a path below a directory; none if the
/// way there is not one of plain directories.
pub(crate) fn inode_below(dir: &Dir, path: &std::path::Path) -> Option<u64> {
    let mut components = path.components().filter_map(|component| match component {
        std::path::Component::Normal(name) => CString::new(name.as_bytes()).ok(),
        _ => None,
    });
    let mut name = components.next()?;
    let mut reached: Option<Dir> = None;
    for next in components {
        let from = reached.as_ref().unwrap_or(dir);
        reached = Some(from.open_dir(&name, Access::Search, Boundary::Stay).ok()?);
        name = next;
    }
    reached
        .as_ref()
        .unwrap_or(dir)
        .stat(&name)
        .ok()
        .map(|metadata| metadata.id.inode)
}
