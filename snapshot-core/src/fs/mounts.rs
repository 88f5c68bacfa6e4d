//! What is mounted, as the kernel's mountinfo tells it: the type of a mount is
//! known before anything of it is touched, so a FUSE server that hangs does
//! not hang the walk.

use std::collections::HashSet;
use std::ffi::{CStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::fs::dir::Dir;
use crate::fs::smallfile::read_system;

/// How a filesystem type is treated below a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MountClass {
    /// On this machine: entered.
    Local,
    /// Served by somebody who may not answer: entered only when asked for.
    Remote,
    /// Made up by the kernel: never entered.
    Pseudo,
}

/// Finds the type of the mount at `name`, without touching the mount.
pub(crate) fn type_at(at: &Dir, name: &CStr) -> io::Result<String> {
    Ok(of_handle(at.open_reference(name)?.as_fd())?.kind)
}

/// Describes the mount that a directory is on: its options, type and source,
/// and the options of the filesystem.
pub(crate) fn description(dir: &Dir) -> io::Result<String> {
    Ok(of_handle(dir.as_fd())?.description)
}

fn of_handle(handle: BorrowedFd<'_>) -> io::Result<Mount> {
    let info = read_system(&format!("/proc/self/fdinfo/{}", handle.as_raw_fd()))?;
    let info = String::from_utf8_lossy(&info);
    let id = info
        .lines()
        .find_map(|line| line.strip_prefix("mnt_id:"))
        .map(str::trim)
        .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "no mount id in fdinfo"))?;
    table()?
        .into_iter()
        .find(|mount| mount.id == id)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "not in mountinfo"))
}

/// Lists the mount points below a directory, with their types.
pub(crate) fn below(root: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let mounts = table()?
        .into_iter()
        .filter(|mount| mount.point != root && mount.point.starts_with(root));
    Ok(mounts.map(|mount| (mount.point, mount.kind)).collect())
}

/// Lists all mount points.
pub(crate) fn points() -> io::Result<HashSet<PathBuf>> {
    Ok(table()?.into_iter().map(|mount| mount.point).collect())
}

/// Tells how mounts of a type are treated.
pub(crate) fn classify(kind: &str) -> MountClass {
    const PSEUDO: [&str; 22] = [
        "binder",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "devtmpfs",
        "efivarfs",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nsfs",
        "proc",
        "pstore",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "sysfs",
        "tracefs",
        "resctrl",
    ];
    const REMOTE: [&str; 18] = [
        "9p",
        "afs",
        "autofs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "fuse",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
        "virtiofs",
    ];
    if PSEUDO.contains(&kind) {
        MountClass::Pseudo
    } else if REMOTE.contains(&kind) || kind.starts_with("fuse.") {
        MountClass::Remote
    } else {
        // fuseblk is among these: a local disk behind a driver of root's.
        MountClass::Local
    }
}

/// Finds the mount point named in fstab, at or above `path`, that is not
/// mounted: what is written there would land on the wrong disk.
pub(crate) fn unmounted_above(path: &Path) -> io::Result<Option<PathBuf>> {
    let fstab = match read_system("/etc/fstab") {
        Ok(fstab) => fstab,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mounted = table()?;
    Ok(mount_points_of_fstab(&fstab).into_iter().find(|point| {
        path.starts_with(point) && !mounted.iter().any(|mount| &mount.point == point)
    }))
}

struct Mount {
    id: String,
    point: PathBuf,
    kind: String,
    description: String,
}

fn table() -> io::Result<Vec<Mount>> {
    Ok(read_system("/proc/self/mountinfo")?
        .split(|&byte| byte == b'\n')
        .filter_map(parse_mount)
        .collect())
}

/// Reads one line of mountinfo: id, ids, device, root, mount point, options,
/// any number of optional fields up to a dash, type, source, options.
fn parse_mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let id = fields.next()?;
    let point = fields.nth(3)?;
    let options = fields.next()?;
    let rest: Vec<_> = fields.skip_while(|field| field != b"-").skip(1).collect();
    let kind = rest.first()?;
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    Some(Mount {
        id: text(id),
        point: unescape(point),
        kind: text(kind),
        description: text(&[options, &rest.join(&b' ')].join(&b' ')),
    })
}

fn mount_points_of_fstab(fstab: &[u8]) -> Vec<PathBuf> {
    fstab
        .split(|&byte| byte == b'\n')
        .filter_map(|line| {
            let mut fields = line
                .split(u8::is_ascii_whitespace)
                .filter(|field| !field.is_empty());
            let device = fields.next().filter(|device| !device.starts_with(b"#"));
            device.and(fields.next()).map(unescape)
        })
        .filter(|point| point.is_absolute())
        .collect()
}

/// Undoes the octal escapes of blanks and backslashes.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = after
            .get(..3)
            .filter(|digits| byte == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        if let Some(digits) = octal {
            bytes.push(digits.iter().fold(0u8, |value, digit| {
                value.wrapping_mul(8).wrapping_add(digit - b'0')
            }));
            rest = &after[3..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_read_with_and_without_optional_fields() {
        let mount = parse_mount(br"36 35 98:0 /mnt1 /mnt/my\040disk rw,noatime master:1 shared:7 - fuse.sshfs host:/ rw").unwrap();
        assert_eq!(
            (mount.id.as_str(), mount.kind.as_str()),
            ("36", "fuse.sshfs")
        );
        assert_eq!(mount.point, Path::new("/mnt/my disk"));
        assert_eq!(mount.description, "rw,noatime fuse.sshfs host:/ rw");
        let plain = parse_mount(b"22 1 8:1 / / rw - ext4 /dev/sda1 rw").unwrap();
        assert_eq!(
            (plain.point.as_path(), plain.kind.as_str()),
            (Path::new("/"), "ext4")
        );
        assert!(parse_mount(b"").is_none());
    }

    #[test]
    fn fstab_names_its_mount_points() {
        let fstab = b"# /dev/sdz /not ext4\n\nUUID=1 / ext4\t\n/dev/sdb1\t/mnt/b\\040c  xfs defaults 0 2\n/dev/sdc none swap\n";
        assert_eq!(
            mount_points_of_fstab(fstab),
            [PathBuf::from("/"), PathBuf::from("/mnt/b c")]
        );
    }

    #[test]
    fn only_what_somebody_else_serves_counts_as_remote() {
        assert_eq!(classify("ext4"), MountClass::Local);
        assert_eq!(classify("fuseblk"), MountClass::Local);
        assert_eq!(classify("fuse.sshfs"), MountClass::Remote);
        assert_eq!(classify("nfs4"), MountClass::Remote);
        assert_eq!(classify("proc"), MountClass::Pseudo);
        assert_eq!(classify("fusectl"), MountClass::Pseudo);
    }
}
