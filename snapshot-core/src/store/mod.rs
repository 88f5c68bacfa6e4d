//! A store: a directory with a marker, snapshots and their records.

mod content;
mod destination;
mod init;
mod list;
mod mark;
pub(crate) mod reading;
mod spare;
mod state;

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{self, Mode};
use rustix::io::Errno;

use crate::capabilities::{LOCKS_HINT, Probed};
use crate::entry::FileId;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::lock::{self, Lock, Locking};
use crate::fs::publish::{self, Filesystem, InodeNumbers};
use crate::fs::smallfile::{self};
use crate::layout;
use crate::record::{FORMAT, Marker, SnapshotInfo};
use crate::retention::{Policy, Status};
pub use crate::store::content::StoredFile;
pub(crate) use crate::store::list::Inventory;
pub use crate::store::mark::MarkReport;
pub(crate) use crate::store::spare::{Spare, Spares, disown, names_in, newest_spare};
pub(crate) use crate::store::state::State;

/// A store, the destination of backups.
///
/// A store is any directory with the marker `.hardsnap/store.toml`. Everything
/// is done relative to handles that are opened here, so nothing can be put in
/// the store's place afterwards.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    id: String,
    policy: Policy,
    /// What the destination could hold when it was last probed.
    probed: Option<Probed>,
    /// Whether the newest tree that retention gives up is kept to be reused.
    pub(crate) keeps_spare: bool,
    /// The type of its filesystem, once that was asked.
    filesystem_kind: OnceLock<i64>,
    pub(crate) file_id: FileId,
    pub(crate) root: Dir,
    pub(crate) control: Dir,
    pub(crate) records: Dir,
}

/// Bits by which others than the owner could change a directory.
const WRITABLE_BY_OTHERS: u32 = 0o022;

impl Store {
    /// Opens a store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotAStore`] without a marker;
    /// [`ErrorKind::UnsupportedFormat`] if a newer version made it or the
    /// marker is damaged; [`ErrorKind::UnsafeStore`] if its group or others may
    /// write it; [`ErrorKind::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::new(
                ErrorKind::NotAStore,
                format!("there is no store at {}", path.display()),
            )
            .with_path(path)
            .with_hint("is the disk mounted? `init`, or `backup --init`, makes a new store"),
            _ => Error::io("open the store", path, error),
        };
        let absolute = absolute(path).map_err(failed)?;
        let root = Dir::open(path).map_err(failed)?;
        let control = root
            .open_dir(&c_name(layout::CONTROL), Access::Read, Boundary::Stay)
            .map_err(failed)?;
        let marker = smallfile::read(&control, layout::MARKER).map_err(failed)?;
        let (marker, policy) = read_marker(&marker).map_err(|what| {
            let message = format!(
                "the marker {}/.hardsnap/store.toml is not one this version reads",
                path.display()
            );
            Error::new(ErrorKind::UnsupportedFormat, message)
                .with_path(path)
                .with_hint(what)
        })?;
        let metadata = root.stat_self().map_err(failed)?;
        let control_mode = control.stat_self().map_err(failed)?.mode;
        if (metadata.mode | control_mode) & WRITABLE_BY_OTHERS != 0 {
            let message = format!(
                "others may write the store {}, so nothing in it can be trusted",
                path.display()
            );
            return Err(Error::new(ErrorKind::UnsafeStore, message)
                .with_path(path)
                .with_hint("look who wrote there, then take the right away: chmod go-w on it and on .hardsnap"));
        }
        let records = open_control(&control, layout::RECORDS).map_err(failed)?;
        Ok(Store {
            path: absolute,
            probed: marker.probed(),
            keeps_spare: marker.spare,
            filesystem_kind: OnceLock::new(),
            id: marker.id,
            policy,
            file_id: metadata.id,
            root,
            control,
            records,
        })
    }

    /// The absolute path that the store was opened at.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store's own id, a UUID that its snapshots' records carry.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The retention policy that the store keeps.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Takes the lock or tells who has it.
    pub(crate) fn lock(&self) -> Result<Lock> {
        match lock::acquire(&self.control) {
            Ok(Locking::Held(lock)) => Ok(lock),
            Ok(Locking::Busy(holder)) => {
                let message = format!(
                    "the store {} is locked by another run: {holder}",
                    self.path.display()
                );
                Err(Error::new(ErrorKind::StoreLocked, message).with_path(&self.path))
            }
            Err(error) => {
                let unsupported = lock::is_unsupported(&error);
                let error = Error::io("lock the store", &self.path, error);
                Err(if unsupported {
                    error
                        .with_kind(ErrorKind::LockUnsupported)
                        .with_hint(LOCKS_HINT)
                } else {
                    error
                })
            }
        }
    }

    /// What inode numbers are worth on the store's filesystem.
    pub(crate) fn inode_numbers(&self) -> InodeNumbers {
        let kind = self.filesystem_kind();
        kind.map_or(InodeNumbers::Passing, InodeNumbers::on)
    }

    /// Asks for the store's filesystem.
    pub(crate) fn filesystem(&self, dir: &Dir) -> io::Result<Filesystem> {
        Filesystem::of_kind(self.filesystem_kind()?, dir)
    }

    /// The type does not change under an open directory.
    fn filesystem_kind(&self) -> io::Result<i64> {
        if let Some(kind) = self.filesystem_kind.get() {
            return Ok(*kind);
        }
        let kind = Filesystem::kind_of(&self.root)?;
        Ok(*self.filesystem_kind.get_or_init(|| kind))
    }

    /// Opens `work` or `trash`, making it if somebody tidied it away.
    pub(crate) fn open_control(&self, name: &str) -> Result<Dir> {
        open_control(&self.control, name).map_err(|error| self.failed("open", name, error))
    }

    /// The path of something below the store's control directory, for messages.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(layout::CONTROL).join(name)
    }

    /// An error on something below the store's control directory.
    pub(crate) fn failed(&self, operation: &str, name: &str, error: io::Error) -> Error {
        Error::io(operation, self.path_of(name), error)
    }

    /// Lets `latest` name the newest snapshot, or removes it if there is none.
    pub(crate) fn repair_latest(&self, snapshots: &[SnapshotInfo]) -> Result<()> {
        let done = match newest(snapshots) {
            Some(newest) => publish::set_latest(&self.root, &self.control, newest.name),
            None => publish::unset_latest(&self.root),
        };
        done.map_err(|error| Error::io("set", self.path.join(layout::LATEST), error))
    }
}

/// The snapshot that `latest` names and that the next one is compared with:
/// the last one, by sequence, that is not suspect.
pub(crate) fn newest(snapshots: &[SnapshotInfo]) -> Option<&SnapshotInfo> {
    snapshots
        .iter()
        .rev()
        .find(|snapshot| snapshot.status != Status::Suspect)
}

fn read_marker(content: &[u8]) -> Result<(Marker, Policy), String> {
    let text = std::str::from_utf8(content).map_err(|error| error.to_string())?;
    let format = toml::from_str::<toml::Table>(text).map_err(|error| error.message().to_owned())?;
    match format.get("format").and_then(toml::Value::as_integer) {
        Some(version) if version == i64::from(FORMAT) => {}
        Some(version) => {
            return Err(format!(
                "its format is {version}, and this version of hardsnap reads {FORMAT}"
            ));
        }
        None => return Err("it has no format".to_owned()),
    }
    let marker: Marker = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let policy = marker.policy()?;
    Ok((marker, policy))
}

fn open_control(control: &Dir, name: &str) -> io::Result<Dir> {
    match control.open_dir(&c_name(name), Access::Read, Boundary::Stay) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_directory(control, name),
        other => other,
    }
}

fn make_directory(at: &Dir, name: &str) -> io::Result<Dir> {
    match fs::mkdirat(at, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => at.open_dir(&c_name(name), Access::Read, Boundary::Stay),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn c_name(name: &str) -> CString {
    // The names of the layout have no NUL.
    CString::new(name).unwrap_or_default()
}

/// The path from the root, symlinks followed as far as it exists.
pub(crate) fn absolute(path: &Path) -> io::Result<PathBuf> {
    #[allow(
        clippy::disallowed_methods,
        reason = "an argument of the user's: symlinks in it are followed"
    )]
    let resolve = |path: &Path| std::fs::canonicalize(path);
    match resolve(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = path
                .parent()
                .filter(|above| !above.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            let name = path.file_name().ok_or(error)?;
            Ok(resolve(above)?.join(name))
        }
        other => other,
    }
}

/// Compares two paths' directories, for callers that have no store yet.
pub(crate) fn directory_id(path: &Path) -> io::Result<FileId> {
    Ok(Dir::open(path)?.stat_self()?.id)
}
