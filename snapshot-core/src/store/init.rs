//! Making a store.

use std::io;
use std::path::Path;

use rustix::fs::{self, Mode};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer};
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::smallfile::{self, Flush};
use crate::fs::{mounts, probe};
use crate::layout;
use crate::options::{InitOptions, Spare};
use crate::record::Marker;
use crate::report::Warning;
use crate::store::{Store, absolute, c_name, make_directory};

/// Set on directories that everybody may write, like `/tmp`.
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
        let probed = probe::probe(&root).map_err(failed)?;
        probed.capabilities.refuse_without_locks(path)?;
        probed
            .capabilities
            .refuse_without_links(options.full_copies, path)?;
        for warning in probed.capabilities.warnings() {
            observer.on_event(&Event::Warning(&warning));
        }
        let control = make_directory(&root, layout::CONTROL).map_err(failed)?;
        for name in [layout::RECORDS, layout::WORK, layout::TRASH] {
            make_directory(&control, name).map_err(failed)?;
        }
        let marker = Marker::new(
            random_uuid().map_err(failed)?,
            &options.policy,
            options.spare == Spare::Kept,
            Some(&probed),
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

fn exists(at: &Dir, name: &str) -> io::Result<bool> {
    match at.stat(&c_name(name)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
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
