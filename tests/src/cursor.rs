//! One open directory that moves up and down a tree of any depth.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, Stat};

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A position in a tree: a handle on one directory, whatever the length of
/// the path that leads there.
///
/// It climbs by `..`, so nothing may move the directories meanwhile.
#[derive(Debug)]
pub(crate) struct Cursor {
    directory: OwnedFd,
}

impl Cursor {
    /// Opens the directory at `path`, which may be reached through symlinks
    /// but must not be one.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let directory = rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty())?;
        Ok(Self { directory })
    }

    /// Goes down into the directory `name`, if it can be listed, and searched
    /// to come back.
    pub(crate) fn down(&mut self, name: &[u8]) -> io::Result<()> {
        let below = rustix::fs::openat(&self.directory, name, DIRECTORY, Mode::empty())?;
        rustix::fs::statat(&below, c"..", AtFlags::SYMLINK_NOFOLLOW)?;
        self.directory = below;
        Ok(())
    }

    /// Goes up to the directory above.
    pub(crate) fn up(&mut self) -> io::Result<()> {
        self.directory = rustix::fs::openat(&self.directory, c"..", DIRECTORY, Mode::empty())?;
        Ok(())
    }

    /// Lists the names in this directory, sorted by their bytes.
    pub(crate) fn names(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.directory)? {
            let entry = entry?;
            let name: &CStr = entry.file_name();
            if name != c"." && name != c".." {
                names.push(name.to_bytes().to_vec());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads the attributes of `name` here, of a symlink itself.
    pub(crate) fn stat(&self, name: &[u8]) -> io::Result<Stat> {
        Ok(rustix::fs::statat(
            &self.directory,
            name,
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    /// Reads the attributes of the directory itself.
    pub(crate) fn stat_self(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(&self.directory)?)
    }
}

impl AsFd for Cursor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}
