//! A copy of the catalog on a local disk. Over a network reading it all would
//! take longer than all else; what is there is asked for in a few calls.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::catalog::open::{JOURNAL, Numbers, Open, Outcome, Trouble, connect};
use crate::fs::dir::{Access, Boundary, Dir, is_reached_safely, stat_handle};
use crate::fs::publish::InodeNumbers;
use crate::fs::smallfile::{self, Flush};
use crate::layout;
use crate::store::{Store, c_name};

/// SQLite's header: it counts how often the file was written.
const HEADER_BYTES: usize = 100;

/// What the copy is a copy of. Whatever writes to the catalog changes it.
const SEAL: &str = "catalog.seal";

/// The folder of a store's copy.
pub(crate) struct CatalogCopy {
    dir: Dir,
    path: PathBuf,
}

/// What tells one state of the catalog from all others. Made only while no
/// connection to it is open: closing the file would take the locks of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    store: String,
    inode: u64,
    size_bytes: u64,
    /// Seconds and nanoseconds.
    mtime: (i64, u32),
    header: Vec<u8>,
}

impl CatalogCopy {
    /// Finds the folder of this store below `cache`, or makes it. None where
    /// the store is on a disk of this machine, or where others could write what
    /// is in the folder.
    pub(crate) fn of(store: &Store, cache: &Path) -> Option<CatalogCopy> {
        if store.inode_numbers() != InodeNumbers::Told {
            return None;
        }
        CatalogCopy::below(store, cache).ok().flatten()
    }

    fn below(store: &Store, cache: &Path) -> io::Result<Option<CatalogCopy>> {
        #[allow(
            clippy::disallowed_methods,
            reason = "an argument of the user's: symlinks in it are followed"
        )]
        let cache = std::fs::create_dir_all(cache).and_then(|()| std::fs::canonicalize(cache))?;
        let ours = rustix::process::geteuid().as_raw();
        let at = Dir::open(&cache)?;
        match fs::mkdirat(&at, store.id(), Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let name = CString::new(store.id())?;
        let dir = at.open_dir(&name, Access::Read, Boundary::Stay)?;
        let path = cache.join(store.id());
        let found = dir.stat_self()?;
        let is_ours = found.uid == ours && found.mode & 0o077 == 0;
        Ok((is_ours && is_reached_safely(&path, ours)?).then_some(CatalogCopy { dir, path }))
    }

    /// Opens the copy, which is brought up to date if need be. Under the store's
    /// lock.
    pub(super) fn open(&self, store: &Store) -> Outcome<(Connection, Numbers)> {
        let failed = |error: io::Error| Trouble::of_io(&error);
        let now = Seal::of(store).map_err(failed)?;
        let kept = smallfile::read(&self.dir, SEAL).ok();
        let kept = kept.and_then(|text| serde_json::from_slice::<Seal>(&text).ok());
        if kept.as_ref() != Some(&now) {
            self.fetch(store, &now).map_err(failed)?;
        }
        store.checked(self.connect(Open::Hold)?)
    }

    /// Opens it once more.
    pub(super) fn connect(&self, how: Open) -> Outcome<Connection> {
        connect(&self.path.join(layout::CATALOG), how)
    }

    /// Copies the catalog.
    fn fetch(&self, store: &Store, now: &Seal) -> io::Result<()> {
        // With something in it, the file alone is not the catalog.
        let journal = store.control.stat(&c_name(JOURNAL));
        if journal.is_ok_and(|journal| journal.size_bytes > 0) {
            return Err(io::Error::other("a run was stopped while it wrote to it"));
        }
        self.forget()?;
        for name in [layout::CATALOG, JOURNAL] {
            smallfile::remove(&self.dir, name)?;
        }
        let mut from = File::from(open(store)?);
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let mut to = File::from(fs::openat(&self.dir, layout::CATALOG, flags, mode)?);
        io::copy(&mut from, &mut to)?;
        to.sync_all()?;
        self.keep(now)
    }

    /// The copy is none any more.
    pub(super) fn forget(&self) -> io::Result<()> {
        smallfile::remove(&self.dir, SEAL)
    }

    /// Has what was done to the catalog done to the copy.
    pub(super) fn follow(
        &self,
        store: &Store,
        change: impl FnOnce(&mut Connection) -> Outcome<()>,
    ) -> Outcome<()> {
        let failed = |error: io::Error| Trouble::of_io(&error);
        let mut connection = self.connect(Open::Copy)?;
        change(&mut connection)?;
        drop(connection);
        let now = Seal::of(store).map_err(failed)?;
        self.keep(&now).map_err(failed)
    }

    fn keep(&self, seal: &Seal) -> io::Result<()> {
        let text = serde_json::to_vec(seal).map_err(io::Error::other)?;
        smallfile::replace(&self.dir, SEAL, &text, Flush::Now)
    }
}

impl Seal {
    fn of(store: &Store) -> io::Result<Seal> {
        let file = open(store)?;
        // The header, and not what the system thinks will be read next.
        let _ = fs::fadvise(&file, 0, None, fs::Advice::Random);
        let found = stat_handle(file.as_fd())?;
        let mut header = vec![0; HEADER_BYTES];
        File::from(file).read_exact(&mut header)?;
        Ok(Seal {
            store: store.id().to_owned(),
            inode: found.id.inode,
            size_bytes: found.size_bytes,
            mtime: (found.mtime.seconds, found.mtime.nanoseconds),
            header,
        })
    }
}

fn open(store: &Store) -> io::Result<OwnedFd> {
    store
        .control
        .open_file(&c_name(layout::CATALOG), Boundary::Stay)
}
