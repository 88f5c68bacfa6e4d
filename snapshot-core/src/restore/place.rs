//! Where a restore begins on both sides: the target's directory, and the paths
//! in the snapshot.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode as Bits};
use rustix::io::Errno;

use crate::catalog::query::{Catalog, resolve_path};
use crate::entry::FileId;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::dir::Dir;
use crate::fs::scan;
use crate::options::Mode;
use crate::restore::below;
use crate::restore::options::RestoreTarget;
use crate::store::reading::Reading;
use crate::store::{Store, absolute};

/// The directory below which everything is put.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// None if it is missing, and only looked for.
    dir: Option<Dir>,
    is_made: bool,
    is_empty: bool,
    /// The store's directory and all above it.
    above_store: Vec<FileId>,
}

impl Place {
    pub(super) fn open(target: &RestoreTarget, mode: Mode, store: &Store) -> Result<Place> {
        let above_store = store
            .path()
            .ancestors()
            .filter_map(|path| Some(Dir::open(path).ok()?.stat_self().ok()?.id))
            .collect();
        let RestoreTarget::Into(given) = target else {
            let path = PathBuf::from("/");
            let dir = Dir::open(&path).map_err(|error| Error::io("open", &path, error))?;
            return Ok(Place {
                path,
                dir: Some(dir),
                is_made: false,
                is_empty: false,
                above_store,
            });
        };
        let failed = |error: io::Error| Error::io("restore to", given, error);
        let path = absolute(given).map_err(failed)?;
        refuse_store(&path, store)?;
        let is_made = match mode {
            Mode::DryRun => false,
            Mode::Act => match fs::mkdir(&path, Bits::RWXU) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(error) => return Err(failed(error.into())),
            },
        };
        let dir = match Dir::open(&path) {
            Ok(dir) => Some(dir),
            Err(error) if error.kind() == io::ErrorKind::NotFound && mode == Mode::DryRun => None,
            Err(error) => return Err(failed(error)),
        };
        let is_empty = match &dir {
            Some(dir) => dir
                .reopen()
                .and_then(|listing| scan::is_empty(&listing))
                .map_err(failed)?,
            None => true,
        };
        Ok(Place {
            path,
            dir,
            is_made,
            is_empty,
            above_store,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn dir(&self) -> Option<&Dir> {
        self.dir.as_ref()
    }

    /// Nothing can be in the way.
    pub(super) fn is_fresh(&self) -> bool {
        self.is_empty
    }

    pub(super) fn above_store(&self) -> &[FileId] {
        &self.above_store
    }

    /// Where a path of the source is put.
    pub(super) fn path_of(&self, source: &Path) -> PathBuf {
        self.path.join(source.strip_prefix("/").unwrap_or(source))
    }

    /// Removes the directory again, if it was made and nothing came into it.
    pub(super) fn give_up(&self) {
        if self.is_made {
            let _ = fs::rmdir(&self.path);
        }
    }
}

/// Nothing is ever restored into a store: its trees share their files.
fn refuse_store(path: &Path, store: &Store) -> Result<()> {
    for above in path.ancestors() {
        let is_store = Dir::open(above)
            .and_then(|dir| dir.stat_self())
            .is_ok_and(|found| found.id == store.file_id);
        if is_store {
            let message = format!("{} lies in the store", path.display());
            return Err(Error::new(ErrorKind::TargetIsStore, message)
                .with_path(path)
                .with_second_path(store.path())
                .with_hint("name a directory elsewhere"));
        }
    }
    Ok(())
}

impl Store {
    /// The paths in a snapshot that a user means; all of it without any.
    pub(super) fn restored_paths(
        &self,
        reading: &Reading,
        catalog: Option<&Catalog>,
        given: &[PathBuf],
    ) -> Result<Vec<PathBuf>> {
        if given.is_empty() {
            return Ok(vec![PathBuf::from("/")]);
        }
        let name = reading.snapshot.name;
        let is_known = |path: &Path| {
            if is_in(&reading.tree, path) {
                return Ok(true);
            }
            match catalog.map(|catalog| catalog.entry(name, path)) {
                Some(Ok(entry)) => Ok(entry.is_some()),
                Some(Err(error)) if error.kind() == ErrorKind::Cancelled => Err(error),
                // What the tree does not have, then.
                Some(Err(_)) | None => Ok(false),
            }
        };
        let find = |path: &PathBuf| {
            let path = resolve_path(path, is_known)?;
            if is_known(&path)? {
                return Ok(path);
            }
            let message = format!("{} is not in the snapshot {name}", path.display());
            Err(Error::new(ErrorKind::NotInSnapshot, message)
                .with_path(path)
                .with_hint("`hardsnap versions STORE PATH` tells which snapshots have it, `hardsnap find STORE NAME` where it is"))
        };
        given.iter().map(find).collect()
    }
}

/// Tells whether the tree has a path.
fn is_in(tree: &Dir, path: &Path) -> bool {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return path == Path::new("/");
    };
    let Ok(name) = CString::new(name.as_bytes()) else {
        return false;
    };
    below(tree, above).is_some_and(|dir| dir.stat(&name).is_ok())
}
