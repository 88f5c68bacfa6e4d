//! Folders for one test, removed whatever the test left in them.

use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rustix::fs::{AtFlags, FileType, Mode};

use crate::builder::TreeBuilder;
use crate::cursor::Cursor;
use crate::program::NOBODY;
use crate::skip::is_root;

/// A folder of its own for a test, in memory where that can be had.
///
/// It lies in `HARDSNAP_TEST_DIR`, else in `/dev/shm` if that can be written
/// and holds hard links, else in the system's folder for temporary files. It
/// is searchable by everybody, so that a test can run as another user in it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes a new folder.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    #[must_use]
    #[allow(clippy::new_without_default)] // It makes a folder: nothing to be had by default.
    pub fn new() -> Self {
        let path = tempfile::Builder::new()
            .prefix("hardsnap-test-")
            .permissions(PermissionsExt::from_mode(0o755))
            .tempdir_in(base())
            .expect("a folder for the test")
            .keep();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755))
            .expect("a folder that others can search");
        Self { path }
    }

    /// Returns the folder's absolute path, free of symlinks.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of `name` in the folder.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Makes the folder `name`, which belongs to the user that
    /// [`as_ordinary_user`](crate::Hardsnap::as_ordinary_user) runs as.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    #[must_use]
    pub fn ordinary_folder(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir(&path).expect("a folder");
        if is_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("its owner");
        }
        path
    }

    /// Starts the description of a tree at `name` in the folder.
    pub fn tree(&self, name: &str) -> TreeBuilder {
        TreeBuilder::new(self.join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        unmount_below(&self.path);
        let removed = remove_tree(&self.path);
        // A second panic while unwinding would end the whole test program.
        if !std::thread::panicking() {
            removed
                .unwrap_or_else(|error| panic!("cannot remove {}: {error}", self.path.display()));
        }
    }
}

/// Returns where scratch folders are made.
fn base() -> &'static Path {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    BASE.get_or_init(|| {
        let chosen = std::env::var_os("HARDSNAP_TEST_DIR").map_or_else(
            || {
                let memory = PathBuf::from("/dev/shm");
                if holds_hard_links(&memory) {
                    memory
                } else {
                    std::env::temp_dir()
                }
            },
            PathBuf::from,
        );
        chosen
            .canonicalize()
            .unwrap_or_else(|error| panic!("{}: {error}", chosen.display()))
    })
}

/// Tries whether hard links can be made in `folder`.
fn holds_hard_links(folder: &Path) -> bool {
    tempfile::tempdir_in(folder).is_ok_and(|probe| {
        let first = probe.path().join("first");
        std::fs::write(&first, b"x").is_ok()
            && std::fs::hard_link(&first, probe.path().join("second")).is_ok()
    })
}

/// Unmounts what a test that failed left mounted in `folder`, perhaps moved
/// since then.
fn unmount_below(folder: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for point in points.filter(|point| Path::new(point).starts_with(folder)) {
        // What cannot be unmounted cannot be removed, which is told then.
        drop(Command::new("umount").arg("--lazy").arg(point).status());
    }
}

/// Removes the tree at `path`, of any depth and whatever its modes.
///
/// # Errors
///
/// What the system refuses to remove.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let mut cursor = Cursor::open(path).or_else(|_| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o700))?;
        Cursor::open(path)
    })?;
    let mut trail: Vec<Vec<u8>> = Vec::new();
    let mut pending: Vec<Vec<Vec<u8>>> = vec![cursor.names()?];
    while let Some(names) = pending.last_mut() {
        let Some(name) = names.pop() else {
            pending.pop();
            if let Some(finished) = trail.pop() {
                cursor.up()?;
                rustix::fs::unlinkat(&cursor, finished, AtFlags::REMOVEDIR)?;
            }
            continue;
        };
        if FileType::from_raw_mode(cursor.stat(&name)?.st_mode) == FileType::Directory {
            rustix::fs::chmodat(&cursor, name.as_slice(), Mode::RWXU, AtFlags::empty())?;
            cursor.down(&name)?;
            trail.push(name);
            pending.push(cursor.names()?);
        } else {
            rustix::fs::unlinkat(&cursor, name, AtFlags::empty())?;
        }
    }
    std::fs::remove_dir(path)
}
