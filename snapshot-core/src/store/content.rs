//! A file's content as a snapshot has it.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use crate::catalog::query::names_of;
use crate::entry::EntryKind;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::dir::{Access, Boundary, Dir, is_absence, stat_handle};
use crate::name::SnapshotName;
use crate::node::open_chain;
use crate::store::Store;
use crate::store::reading::Reading;

/// A file of a snapshot, open for reading. While it is, the snapshot is not
/// removed.
///
/// What is read is what the store's disk has: [`Store::verify`] tells whether
/// that is what was stored.
#[derive(Debug)]
pub struct StoredFile {
    file: File,
    size_bytes: u64,
    _reading: Reading,
}

impl StoredFile {
    /// Its size in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

impl Read for StoredFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Store {
    /// Opens a file of a snapshot by its absolute path in the source. Symlinks
    /// are never followed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownSnapshot`]; [`ErrorKind::NotInSnapshot`] if its tree
    /// has nothing at the path, or no file; [`ErrorKind::InvalidOption`] if the
    /// path is not an absolute one; [`ErrorKind::SnapshotInUse`] if it is being
    /// removed; [`ErrorKind::Io`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Read;
    ///
    /// let store = hardsnap::Store::open("/mnt/backup")?;
    /// let newest = store.resolve("latest")?.name;
    /// let mut letter = String::new();
    /// store.open_file(newest, "/home/alice/letter")?.read_to_string(&mut letter)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn open_file(&self, snapshot: SnapshotName, path: impl AsRef<Path>) -> Result<StoredFile> {
        let path = path.as_ref();
        let names = names_of(path)?;
        let reading = self.read(snapshot)?;
        let names: io::Result<Vec<CString>> = names
            .into_iter()
            .map(|name| Ok(CString::new(name)?))
            .collect();
        let opened = names.and_then(|names| open(&reading.tree, &names));
        match opened {
            Ok(Ok((file, size_bytes))) => Ok(StoredFile {
                file,
                size_bytes,
                _reading: reading,
            }),
            Ok(Err(kind)) => {
                let kind = kind.as_str();
                let message = format!(
                    "{} is a {kind}, and no file, in the snapshot {snapshot}",
                    path.display()
                );
                Err(Error::new(ErrorKind::NotInSnapshot, message).with_path(path))
            }
            Err(error) if is_absence(&error) => {
                let message = format!("{} is not in the snapshot {snapshot}", path.display());
                Err(Error::new(ErrorKind::NotInSnapshot, message).with_path(path))
            }
            Err(error) => Err(Error::io("open", path, error)),
        }
    }
}

/// Opens a file and tells its size, or tells what is there instead.
fn open(tree: &Dir, names: &[CString]) -> io::Result<std::result::Result<(File, u64), EntryKind>> {
    let Some((name, above)) = names.split_last() else {
        return Ok(Err(EntryKind::Directory));
    };
    let steps = above
        .iter()
        .map(|name| -> (&CStr, _) { (name, Boundary::Stay) });
    let at = open_chain(tree, steps, Access::Search)?;
    // A device would do something at being opened.
    let seen = at.stat(name)?;
    if seen.kind != EntryKind::File {
        return Ok(Err(seen.kind));
    }
    let handle = at.open_file(name, Boundary::Stay)?;
    let found = stat_handle(handle.as_fd())?;
    if found.kind != EntryKind::File {
        return Ok(Err(found.kind));
    }
    Ok(Ok((File::from(handle), found.size_bytes)))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a fixture lies at a path")]
mod tests;
