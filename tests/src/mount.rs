//! Filesystems of a test's own, which only root can mount.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scratch::Scratch;
use crate::skip::{is_root, skip};

/// A mounted filesystem, unmounted at the end.
#[derive(Debug)]
pub struct Mount {
    path: PathBuf,
    /// The connection of a FUSE filesystem; without it, nobody hangs.
    server: Option<std::fs::File>,
    // Removed after the unmount: fields are dropped after `drop` has run.
    _scratch: Option<Scratch>,
}

impl Mount {
    /// Mounts a new ext4 of so many MiB, in an image in memory.
    ///
    /// Says that the test is skipped and gives `None` where that cannot be had.
    #[must_use]
    pub fn ext4(mebibytes: u64) -> Option<Self> {
        // Inodes of 128 bytes, which mkfs gives a small image in some releases,
        // hold whole seconds only; blocks of 1 KiB hold no long symlinks.
        Self::image(mebibytes, "mkfs.ext4", &["-q", "-b", "4096", "-I", "256"])
    }

    /// Mounts a new ext4 of so many MiB, whose times are whole seconds, in an
    /// image in memory.
    ///
    /// Says that the test is skipped and gives `None` where that cannot be had.
    #[must_use]
    pub fn ext4_of_whole_seconds(mebibytes: u64) -> Option<Self> {
        Self::image(mebibytes, "mkfs.ext4", &["-q", "-b", "4096", "-I", "128"])
    }

    /// Mounts a new xfs of so many MiB, at least 300, in an image in memory.
    ///
    /// Says that the test is skipped and gives `None` where that cannot be had.
    #[must_use]
    pub fn xfs(mebibytes: u64) -> Option<Self> {
        Self::image(mebibytes, "mkfs.xfs", &["-q", "-m", "reflink=1"])
    }

    /// Mounts a new btrfs of so many MiB, at least 120, in an image in memory.
    ///
    /// Says that the test is skipped and gives `None` where that cannot be had.
    #[must_use]
    pub fn btrfs(mebibytes: u64) -> Option<Self> {
        Self::image(mebibytes, "mkfs.btrfs", &["-q"])
    }

    fn image(mebibytes: u64, make: &str, options: &[&str]) -> Option<Self> {
        if !is_root() {
            skip("mounting takes root");
            return None;
        }
        let scratch = Scratch::new();
        let image = scratch.join("image");
        let file = std::fs::File::create(&image).expect("an image");
        file.set_len(mebibytes << 20)
            .expect("the size of the image");
        let options = options.iter().map(OsStr::new);
        if let Err(reason) = run(make, options.chain([image.as_os_str()])) {
            skip(&reason);
            return None;
        }
        Self::mounted(scratch, ["-o", "loop"].map(OsStr::new), image.as_os_str())
    }

    /// Mounts a tmpfs of so many KiB, and of so many inodes.
    ///
    /// Says that the test is skipped and gives `None` where that cannot be had.
    #[must_use]
    pub fn tmpfs(kibibytes: u64, inodes: u64) -> Option<Self> {
        if !is_root() {
            skip("mounting takes root");
            return None;
        }
        let options = format!("size={kibibytes}k,nr_inodes={inodes},mode=755");
        let arguments = ["-t", "tmpfs", "-o", &options].map(OsStr::new);
        Self::mounted(Scratch::new(), arguments, OsStr::new("hardsnap-test"))
    }

    /// Shows the tree at `source` at `path` as well.
    ///
    /// Says that the test is skipped and gives `None` where that cannot be had.
    #[must_use]
    pub fn bind(source: &Path, path: &Path) -> Option<Self> {
        Self::over(path, [OsStr::new("--bind"), source.as_os_str()])
    }

    /// Mounts an overlay of two trees at `path`.
    ///
    /// Says that the test is skipped and gives `None` where that cannot be had.
    #[must_use]
    pub fn overlay(lower: &Path, upper: &Path, work: &Path, path: &Path) -> Option<Self> {
        let [lower, upper, work] = [lower, upper, work].map(Path::display);
        let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        Self::over(
            path,
            ["-t", "overlay", "-o", &options, "hardsnap-test"].map(OsStr::new),
        )
    }

    /// Mounts the kernel's table of processes at `path`.
    ///
    /// Says that the test is skipped and gives `None` where that cannot be had.
    #[must_use]
    pub fn proc(path: &Path) -> Option<Self> {
        Self::over(path, ["-t", "proc", "proc"].map(OsStr::new))
    }

    /// Mounts a tmpfs at `path`.
    ///
    /// Says that the test is skipped and gives `None` where that cannot be had.
    #[must_use]
    pub fn tmpfs_over(path: &Path) -> Option<Self> {
        Self::over(path, ["-t", "tmpfs", "hardsnap-test"].map(OsStr::new))
    }

    /// Mounts a FUSE filesystem at `path`, a directory or a file, whose server
    /// never answers: whoever touches it hangs until it is unmounted.
    ///
    /// Says that the test is skipped and gives `None` where that cannot be had.
    #[must_use]
    pub fn silent_fuse(path: &Path) -> Option<Self> {
        if !is_root() {
            skip("mounting takes root");
            return None;
        }
        let device = std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/fuse");
        let server = match device {
            Ok(server) => server,
            Err(error) => {
                skip(&format!("/dev/fuse: {error}"));
                return None;
            }
        };
        let rootmode = if path.is_dir() { "40000" } else { "100000" };
        let options = format!("fd=0,rootmode={rootmode},user_id=0,group_id=0,allow_other");
        // The mount program leaves its stdin to the kernel as the connection.
        let output = Command::new("mount")
            .args(["-i", "-t", "fuse", "-o", &options, "hardsnap-test"])
            .arg(path)
            .stdin(server.try_clone().expect("a second handle"))
            .output();
        if output.is_ok_and(|output| output.status.success()) {
            return Some(Self {
                path: path.to_path_buf(),
                server: Some(server),
                _scratch: None,
            });
        }
        skip("FUSE cannot be mounted");
        None
    }

    fn over<const N: usize>(path: &Path, what: [&OsStr; N]) -> Option<Self> {
        if !is_root() {
            skip("mounting takes root");
            return None;
        }
        match run("mount", what.into_iter().chain([path.as_os_str()])) {
            Ok(()) => Some(Self {
                path: path.to_path_buf(),
                server: None,
                _scratch: None,
            }),
            Err(reason) => {
                skip(&reason);
                None
            }
        }
    }

    fn mounted<const N: usize>(
        scratch: Scratch,
        options: [&OsStr; N],
        what: &OsStr,
    ) -> Option<Self> {
        let path = scratch.join("mount");
        std::fs::create_dir(&path).expect("a mount point");
        let ends = [what, path.as_os_str()];
        match run("mount", options.into_iter().chain(ends)) {
            Ok(()) => Some(Self {
                path,
                server: None,
                _scratch: Some(scratch),
            }),
            Err(reason) => {
                skip(&reason);
                None
            }
        }
    }

    /// Has the image changed where the kernel sees nothing of it: unmounted.
    ///
    /// # Panics
    ///
    /// If it is no image, or cannot be unmounted, or mounted again.
    pub fn change_image(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let image = self._scratch.as_ref().expect("an image").join("image");
        let (path, image_path) = (self.path.as_os_str(), image.as_os_str());
        run("umount", [path]).expect("an unmounted image");
        let mut bytes = std::fs::read(&image).expect("the image");
        change(&mut bytes);
        std::fs::write(&image, bytes).expect("the changed image");
        run(
            "mount",
            [OsStr::new("-o"), OsStr::new("loop"), image_path, path],
        )
        .expect("the image mounted again");
    }

    /// Returns the mount point.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of `name` in the filesystem.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(self.server.take());
        // A handle that a failed test still holds keeps the mount busy; it
        // goes with the process then.
        let path = self.path.as_os_str();
        drop(run("umount", [path]).or_else(|_| run("umount", [OsStr::new("--lazy"), path])));
    }
}

fn run<'a>(program: &str, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{program}: {}",
        stderr.trim().lines().next().unwrap_or("failed")
    ))
}
