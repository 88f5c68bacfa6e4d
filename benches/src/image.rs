//! An ext4 filesystem in memory.
//!
//! It is mounted in a mount namespace of this program's own and its image has
//! no name once it is mounted, so the kernel takes both away even after a
//! SIGKILL.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::error::{At, Error, Result};
use crate::measure::run;

/// Where Linux keeps files in memory.
pub(crate) const MEMORY: &str = "/dev/shm";

const BLOCK_BYTES: u64 = 4096;
const INODE_BYTES: u64 = 256;
const MEBIBYTE: u64 = 1024 * 1024;
/// What the system must have left over when the images are full.
const SPARE_MEMORY_BYTES: u64 = 512 * MEBIBYTE;

/// What an image must have room for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Room {
    /// File contents in bytes, rounded up to blocks, and directories.
    pub(crate) bytes: u64,
    /// Files, directories and symlinks.
    pub(crate) inodes: u64,
}

impl Room {
    /// Returns the room for both.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            inodes: self.inodes + other.inodes,
        }
    }

    /// Returns the room for so many of these.
    pub(crate) fn times(self, number: u64) -> Self {
        Self {
            bytes: self.bytes * number,
            inodes: self.inodes * number,
        }
    }

    fn journal_mebibytes(self) -> u64 {
        (self.bytes / MEBIBYTE / 16).clamp(8, 64)
    }

    /// Returns the size of an image that has the room, in bytes.
    fn image_bytes(self) -> u64 {
        let net = self.bytes + self.inodes * INODE_BYTES + self.journal_mebibytes() * MEBIBYTE;
        (net + net / 10 + 32 * MEBIBYTE).next_multiple_of(MEBIBYTE)
    }
}

/// Starts this program anew in a mount namespace of its own.
///
/// # Errors
///
/// Returns only where that is impossible, with the reason.
pub(crate) fn enter_private_mounts(flag: &str) -> Result<()> {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "--"]);
        command
    };
    run(unshare().arg("true"))?;
    let this = std::env::current_exe().at("find", Path::new("this program"))?;
    let error = unshare()
        .arg(&this)
        .args(std::env::args_os().skip(1))
        .arg(flag)
        .exec();
    Err(error).at("start", &this)
}

/// Fails where the memory has no room for images of these sizes.
pub(crate) fn check_memory(rooms: &[Room]) -> Result<()> {
    let needed: u64 = rooms.iter().map(|room| room.image_bytes()).sum();
    let memory = Path::new(MEMORY);
    let space = statvfs(memory).at("look at", memory)?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let available = available_memory_bytes()?;
    if free < needed || available < needed + SPARE_MEMORY_BYTES {
        return Err(Error::Missing(format!(
            "the images need {} MiB; {MEMORY} has {} MiB free, the machine {} MiB",
            needed / MEBIBYTE,
            free / MEBIBYTE,
            available / MEBIBYTE
        )));
    }
    Ok(())
}

fn available_memory_bytes() -> Result<u64> {
    let path = Path::new("/proc/meminfo");
    let text = fs::read_to_string(path).at("read", path)?;
    text.lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|value| value.trim().strip_suffix(" kB"))
        .and_then(|kibibytes| kibibytes.trim().parse::<u64>().ok())
        .map(|kibibytes| kibibytes * 1024)
        .ok_or_else(|| Error::Missing("the kernel does not say how much memory is free".into()))
}

/// Keeps a mounted image; unmounts it when dropped.
#[derive(Debug)]
pub(crate) struct Image {
    mounted_at: PathBuf,
}

impl Image {
    /// Makes an ext4 image and mounts it on a new directory below `folder`.
    ///
    /// # Errors
    ///
    /// Fails where the memory, the loop devices or the tools are missing.
    pub(crate) fn mount(folder: &Path, name: &str, room: Room) -> Result<Self> {
        let file = folder.join(format!("{name}.img"));
        let mounted_at = folder.join(name);
        fs::create_dir(&mounted_at).at("make", &mounted_at)?;
        let mounted = format(&file, room).and_then(|()| {
            run(Command::new("mount")
                .args(["-t", "ext4", "-o", "loop,noatime"])
                .args([&file, &mounted_at]))
        });
        let image = mounted.map(|()| Self { mounted_at });
        // The loop device holds the file; without a name it goes with it.
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).at("remove", &file);
            }
            _ => {}
        }
        image
    }

    /// Returns the filesystem's root.
    pub(crate) fn path(&self) -> &Path {
        &self.mounted_at
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let unmount =
            |flags: &[&str]| run(Command::new("umount").args(flags).arg(&self.mounted_at));
        // After a signal, `run` reports the interruption, not umount's failure.
        match unmount(&[]) {
            Ok(()) | Err(Error::Interrupted) => {}
            Err(error) => {
                eprintln!("note: {}", error.chain());
                let _ = unmount(&["--lazy"]);
            }
        }
    }
}

fn format(file: &Path, room: Room) -> Result<()> {
    let handle = File::create_new(file).at("make", file)?;
    // Memory that is given out during a run would be charged to that run.
    fallocate(&handle, FallocateFlags::empty(), 0, room.image_bytes()).at("allocate", file)?;
    run(Command::new("mkfs.ext4")
        .args(["-q", "-F", "-m", "0"])
        .args([
            "-b",
            &BLOCK_BYTES.to_string(),
            "-I",
            &INODE_BYTES.to_string(),
        ])
        .args(["-N", &(room.inodes + room.inodes / 10 + 1_000).to_string()])
        .args(["-J", &format!("size={}", room.journal_mebibytes())])
        // No kernel thread may write tables later, and no discard may give
        // the memory back.
        .args(["-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"])
        .arg(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_larger_than_what_it_must_hold() {
        for bytes in [0, 5_000_000, 3_000_000_000] {
            let room = Room {
                bytes,
                inodes: 200_000,
            };
            assert!(room.image_bytes() > bytes + 200_000 * INODE_BYTES + 40 * MEBIBYTE);
        }
    }

    #[test]
    fn a_machine_without_the_memory_is_refused() {
        let room = Room {
            bytes: 1 << 50,
            inodes: 1,
        };
        assert!(check_memory(&[room]).is_err());
    }
}
