//! A filesystem in memory that lacks what it is told to lack, served by FUSE:
//! real mounts of what vfat, NFS with root_squash or a NAS do, without any of
//! these.

mod serve;
mod tree;

use std::path::{Path, PathBuf};

use fuser::{BackgroundSession, Config, MountOption, Session, SessionACL};

use crate::odd::serve::Served;
use crate::scratch::Scratch;
use crate::skip::{is_root, skip};

/// What a filesystem lacks or does in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// There are no extended attributes and no ACLs.
    NoXattrs,
    /// There are no hard links.
    NoLinks,
    /// A file has at most so many names.
    LinkLimit(u32),
    /// There are no symlinks.
    NoSymlinks,
    /// Everything belongs to nobody, and nothing can be given away.
    Squash,
    /// Everything has the mode 0700, whatever it is given.
    NoModes,
    /// Times are kept in steps of so many seconds.
    Seconds(u64),
    /// Names that differ in upper and lower case are the same.
    FoldsCase,
    /// `é` and `e` with an accent behind it are the same.
    FoldsAccents,
    /// A rename takes no flags.
    PlainRename,
    /// Files cannot be locked.
    NoLocks,
    /// There is room for so many bytes.
    Bytes(u64),
}

/// A mounted filesystem with quirks, unmounted at the end.
#[derive(Debug)]
pub struct OddDisk {
    path: PathBuf,
    session: Option<BackgroundSession>,
    _scratch: Scratch,
}

impl OddDisk {
    /// Mounts a new, empty one.
    ///
    /// Says that the test is skipped and gives `None` where that cannot be had.
    #[must_use]
    pub fn mount(quirks: &[Quirk]) -> Option<Self> {
        let scratch = Scratch::new();
        let path = scratch.join("odd");
        std::fs::create_dir(&path).expect("a mount point");
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("hardsnap-test".to_owned()),
            MountOption::DefaultPermissions,
        ];
        if is_root() {
            // Some tests run the program as an ordinary user.
            config.acl = SessionACL::All;
            config
                .mount_options
                .extend([MountOption::Dev, MountOption::Suid]);
        }
        let session = Session::new(Served::new(quirks), &path, &config).and_then(Session::spawn);
        match session {
            Ok(session) => Some(Self {
                path,
                session: Some(session),
                _scratch: scratch,
            }),
            Err(error) => {
                skip(&format!("FUSE cannot be mounted: {error}"));
                None
            }
        }
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

impl Drop for OddDisk {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // A handle that a failed test still holds goes with the process.
            drop(session.umount_and_join());
        }
    }
}
