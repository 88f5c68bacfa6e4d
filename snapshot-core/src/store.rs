//! A store: a directory with a marker, snapshots and their records.

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode};
use rustix::io::Errno;

use crate::capabilities::Capabilities;
use crate::entry::{EntryKind, FileId};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer};
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::lock::{self, Lock, Locking};
use crate::fs::scan::Batch;
use crate::fs::smallfile::{self, Flush};
use crate::fs::{mounts, probe, publish};
use crate::layout;
use crate::name::SnapshotName;
use crate::options::InitOptions;
use crate::record::{FORMAT, Marker, Record, SnapshotInfo};
use crate::report::Warning;
use crate::retention::{Policy, Status};

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
    pub(crate) file_id: FileId,
    pub(crate) root: Dir,
    pub(crate) control: Dir,
    pub(crate) records: Dir,
}

/// Bits by which others than the owner could change a directory.
const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

impl Store {
    /// Makes a store in the directory `path`, which is made too if it is
    /// missing (but not the directories above it).
    ///
    /// A directory that exists becomes its owner's alone (mode 0700), since
    /// snapshots hold what users must not read of each other; the observer is
    /// told. What else is in it is left alone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlreadyAStore`]; [`ErrorKind::NotMounted`] if fstab names
    /// `path`, or a directory above it, as a mount point and nothing is mounted
    /// there; [`ErrorKind::UnsafeStore`] if the directory cannot be made
    /// private or is a shared one like `/tmp`; [`ErrorKind::Io`].
    pub fn init(
        path: impl AsRef<Path>,
        options: &InitOptions,
        observer: &dyn Observer,
    ) -> Result<Store> {
        let path = path.as_ref();
        let absolute = absolute(path).map_err(|error| Error::io("make a store at", path, error))?;
        let unmounted = mounts::unmounted_above(&absolute);
        if let Some(point) =
            unmounted.map_err(|error| Error::io("read the mounts of", path, error))?
        {
            let message = format!(
                "{} is a mount point of /etc/fstab and is not mounted",
                point.display()
            );
            return Err(Error::new(ErrorKind::NotMounted, message)
                .with_path(point)
                .with_hint("mount it first"));
        }
        let failed = |error: io::Error| Error::io("make a store at", path, error);
        let made = match fs::mkdir(path, Mode::RWXU) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(failed(error.into())),
        };
        let result = Store::init_in(path, options, made, observer);
        if made && result.is_err() {
            // Goes only if it is empty: what was refused leaves nothing.
            let _ = fs::rmdir(path);
        }
        result
    }

    fn init_in(
        path: &Path,
        options: &InitOptions,
        made: bool,
        observer: &dyn Observer,
    ) -> Result<Store> {
        let failed = |error: io::Error| Error::io("make a store at", path, error);
        let root = Dir::open(path).map_err(failed)?;
        if exists(&root, layout::CONTROL).map_err(failed)? {
            let control = root
                .open_dir(&c_name(layout::CONTROL), Access::Read, Boundary::Stay)
                .map_err(failed)?;
            if exists(&control, layout::MARKER).map_err(failed)? {
                let message = format!("there is a store at {} already", path.display());
                return Err(Error::new(ErrorKind::AlreadyAStore, message).with_path(path));
            }
        }
        make_private(&root, path, made, observer)?;
        let destination = probe::probe(&root).map_err(failed)?;
        destination.refuse_without_links(options.full_copies, path)?;
        for warning in destination.warnings() {
            observer.on_event(&Event::Warning(&warning));
        }
        let control = make_directory(&root, layout::CONTROL).map_err(failed)?;
        for name in [layout::RECORDS, layout::WORK, layout::TRASH] {
            make_directory(&control, name).map_err(failed)?;
        }
        let marker = Marker::new(
            random_uuid().map_err(failed)?,
            &options.policy,
            Some(destination),
        );
        let text = toml::to_string(&marker).map_err(|error| failed(io::Error::other(error)))?;
        let text = format!(
            "# This directory is a hardsnap store. Without this file nothing is written to it.\n{text}"
        );
        // The marker comes last: half a store is none.
        smallfile::replace(&control, layout::MARKER, text.as_bytes(), Flush::Now)
            .map_err(failed)?;
        root.sync().map_err(failed)?;
        Store::open(path)
    }

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
        let (id, policy) = read_marker(&marker).map_err(|what| {
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
            id,
            policy,
            file_id: metadata.id,
            root,
            control,
            records,
        })
    }

    /// Finds out, by trying, what the destination can hold.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreLocked`], [`ErrorKind::NoSpace`], [`ErrorKind::Io`].
    pub fn probe(&self) -> Result<Capabilities> {
        let _lock = self.lock()?;
        let work = self.open_control(layout::WORK)?;
        probe::probe(&work).map_err(|error| self.failed("write", layout::WORK, error))
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

    /// The published snapshots, in the order in which they were made.
    ///
    /// A snapshot is a directory with a valid name and a record of this store;
    /// anything else is passed over.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the records cannot be read.
    pub fn snapshots(&self) -> Result<Vec<SnapshotInfo>> {
        Ok(self.sorted_out()?.0)
    }

    /// The published snapshots, and the names of those whose records say
    /// nothing that this version understands.
    pub(crate) fn sorted_out(&self) -> Result<(Vec<SnapshotInfo>, Vec<SnapshotName>)> {
        let (mut snapshots, mut unreadable) = (Vec::new(), Vec::new());
        for name in self.recorded_names()? {
            if !self.has_tree(name)? {
                continue;
            }
            match self.read_record(name)? {
                Some(snapshot) => snapshots.push(snapshot),
                None => unreadable.push(name),
            }
        }
        snapshots.sort_by_key(|snapshot| snapshot.sequence);
        Ok((snapshots, unreadable))
    }

    /// Finds a snapshot by its full name, by a beginning of one that no other
    /// has, by `latest`, or by `latest~N`, the N-th before it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownSnapshot`], [`ErrorKind::AmbiguousSnapshot`],
    /// [`ErrorKind::Io`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> hardsnap::Result<()> {
    /// let store = hardsnap::Store::open("/mnt/backup")?;
    /// let yesterday = store.resolve("latest~1")?;
    /// println!("{} holds {} files", yesterday.name, yesterday.counts.files_copied);
    /// # Ok(())
    /// # }
    /// ```
    pub fn resolve(&self, text: &str) -> Result<SnapshotInfo> {
        let mut snapshots = self.snapshots()?;
        let unknown = |why: &str| {
            Error::new(
                ErrorKind::UnknownSnapshot,
                format!("there is no snapshot {text:?} in {}", self.path.display()),
            )
            .with_hint(why)
        };
        let back = match text.strip_prefix("latest") {
            Some("") => Some(0),
            Some(rest) => rest.strip_prefix('~').and_then(|back| back.parse().ok()),
            None => None,
        };
        if let Some(back) = back {
            let newest = newest(&snapshots).ok_or_else(|| unknown("there is none yet"))?;
            let place = snapshots
                .iter()
                .position(|snapshot| snapshot.name == newest)
                .unwrap_or_default();
            let place = place
                .checked_sub(back)
                .ok_or_else(|| unknown("there are not so many"))?;
            return Ok(snapshots.swap_remove(place));
        }
        snapshots
            .retain(|snapshot| !text.is_empty() && snapshot.name.to_string().starts_with(text));
        match snapshots.len() {
            0 => Err(unknown("`list` shows those there are")),
            1 => Ok(snapshots.swap_remove(0)),
            many => {
                let message = format!(
                    "{many} snapshots in {} begin with {text:?}",
                    self.path.display()
                );
                Err(Error::new(ErrorKind::AmbiguousSnapshot, message)
                    .with_hint("give more of the name"))
            }
        }
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
                let unsupported = matches!(
                    Errno::from_io_error(&error),
                    Some(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP)
                );
                let error = Error::io("lock the store", &self.path, error);
                Err(if unsupported {
                    error
                        .with_kind(ErrorKind::LockUnsupported)
                        .with_hint("the destination has to support flock; on NFS 3 its lock service has to run")
                } else {
                    error
                })
            }
        }
    }

    /// Opens `work` or `trash`, making it if somebody tidied it away.
    pub(crate) fn open_control(&self, name: &str) -> Result<Dir> {
        open_control(&self.control, name).map_err(|error| self.failed("open", name, error))
    }

    /// An error on something below the store's control directory.
    pub(crate) fn failed(&self, operation: &str, name: &str, error: io::Error) -> Error {
        Error::io(operation, self.path.join(layout::CONTROL).join(name), error)
    }

    /// The names of all records, whether or not there is a tree to them.
    pub(crate) fn recorded_names(&self) -> Result<Vec<SnapshotName>> {
        let failed = |error| self.failed("list", layout::RECORDS, error);
        let handle = self.records.reopen().map_err(failed)?;
        let mut names = Vec::new();
        while let Some(batch) = Batch::read(&handle).map_err(failed)? {
            let found = batch
                .iter()
                .filter_map(|(name, _)| name.to_str().ok().and_then(layout::snapshot_of_record));
            names.extend(found);
        }
        names.sort();
        Ok(names)
    }

    /// Tells whether the store has a directory of that name. An error is no
    /// answer: on it hangs whether a record is removed.
    pub(crate) fn has_tree(&self, name: SnapshotName) -> Result<bool> {
        match self.root.stat(&layout::tree(name)) {
            Ok(found) => Ok(found.kind == EntryKind::Directory),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io(
                "look for",
                self.path.join(name.to_string()),
                error,
            )),
        }
    }

    /// Reads a record; none if it is not a valid one of this store.
    pub(crate) fn read_record(&self, name: SnapshotName) -> Result<Option<SnapshotInfo>> {
        let file = layout::record(name);
        match smallfile::read(&self.records, &file) {
            Ok(content) => {
                let record = serde_json::from_slice::<Record>(&content).ok();
                Ok(record.and_then(|record| SnapshotInfo::of_record(&record, name, &self.id)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", &format!("{}/{file}", layout::RECORDS), error)),
        }
    }

    /// Lets `latest` name the newest snapshot, or removes it if there is none.
    pub(crate) fn repair_latest(&self, snapshots: &[SnapshotInfo]) -> Result<()> {
        let done = match newest(snapshots) {
            Some(name) => publish::set_latest(&self.root, &self.control, name),
            None => publish::unset_latest(&self.root),
        };
        done.map_err(|error| Error::io("set", self.path.join(layout::LATEST), error))
    }
}

/// The snapshot that `latest` names and that the next one is compared with:
/// the last one, by sequence, that is not suspect.
pub(crate) fn newest(snapshots: &[SnapshotInfo]) -> Option<SnapshotName> {
    snapshots
        .iter()
        .rev()
        .find(|snapshot| snapshot.status != Status::Suspect)
        .map(|snapshot| snapshot.name)
}

fn read_marker(content: &[u8]) -> Result<(String, Policy), String> {
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
    Ok((marker.id, policy))
}

/// Makes a directory its owner's alone.
fn make_private(root: &Dir, path: &Path, made: bool, observer: &dyn Observer) -> Result<()> {
    let failed =
        |error: io::Error| Error::io("make private", path, error).with_kind(ErrorKind::UnsafeStore);
    let metadata = root.stat_self().map_err(failed)?;
    let is_system_root = Dir::open_root()
        .and_then(|dir| dir.stat_self())
        .is_ok_and(|found| found.id == metadata.id);
    if is_system_root || metadata.mode & STICKY != 0 {
        let message = format!(
            "{} is shared with others and cannot be a store",
            path.display()
        );
        return Err(Error::new(ErrorKind::UnsafeStore, message)
            .with_path(path)
            .with_hint("name a directory in it"));
    }
    if metadata.mode == 0o700 {
        return Ok(());
    }
    fs::fchmod(root, Mode::RWXU).map_err(|error| failed(error.into()))?;
    let now = root.stat_self().map_err(failed)?.mode;
    if now & 0o077 != 0 {
        return Err(failed(io::Error::other(format!(
            "its mode stays {now:04o}"
        ))));
    }
    if !made {
        observer.on_event(&Event::Warning(&Warning::StoreTightened {
            from_mode: metadata.mode,
        }));
    }
    Ok(())
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

fn exists(at: &Dir, name: &str) -> io::Result<bool> {
    match at.stat(&c_name(name)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn c_name(name: &str) -> CString {
    // The names of the layout have no NUL.
    CString::new(name).unwrap_or_default()
}

/// The path from the root, symlinks followed as far as it exists.
fn absolute(path: &Path) -> io::Result<PathBuf> {
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

/// A random UUID, version 4, as RFC 9562 writes it.
fn random_uuid() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    ))
}
