//! Questions to the catalog: entries of a snapshot, versions of a path, what
//! differs between snapshots, what removing some would free.

mod changes;
mod copies;
mod difference;
mod entries;
mod entry;
mod find;
mod glob;
mod living;
mod moves;
mod names;
mod open;
mod place;
mod reading;
mod sizes;
mod slices;
mod tally;
pub(crate) mod telling;
mod tour;
mod versions;

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "tests make stores and break them"
)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cancel::CancelToken;
use crate::catalog::open::Numbers;
use crate::catalog::query::reading::{Handle, REINDEX, WAIT};
use crate::catalog::row::DirId;
use crate::catalog::small::told;
use crate::entry::Hash;
use crate::error::{Error, ErrorKind, Result};
use crate::name::SnapshotName;

pub(crate) use copies::{Copies, Sharer};
pub(crate) use place::{names_of, resolve as resolve_path};
pub(crate) use slices::{Row, Slice, Slices};
pub(crate) use tally::Weight;

pub use changes::{ChangeKind, Changes, EntryChange};
pub use difference::Aspect;
pub use entries::Entries;
pub use entry::CatalogEntry;
pub use find::{Found, FoundPath};
pub use sizes::Sizes;
pub use versions::EntryVersion;

/// What a store remembers of all its snapshots: every version of every entry,
/// with the snapshots that have it.
///
/// Questions are answered from the catalog alone, without a look at a tree. It
/// tells of the snapshots that there were when it was opened by
/// [`Store::catalog`](crate::Store::catalog). A backup may run meanwhile: the
/// catalog is held still only for as long as it takes to read some thousand
/// rows, whatever the caller does with the answers.
///
/// The iterators don't borrow the catalog. If a snapshot that they tell of is
/// removed meanwhile, they end with an error.
///
/// # Examples
///
/// Which files of a directory were changed since yesterday?
///
/// ```no_run
/// # fn main() -> hardsnap::Result<()> {
/// let store = hardsnap::Store::open("/mnt/backup")?;
/// let catalog = store.catalog()?;
/// let (yesterday, today) = (store.resolve("latest~1")?, store.resolve("latest")?);
/// for change in catalog.changes(yesterday.name, today.name)? {
///     let change = change?;
///     if change.path.starts_with("/home/alice") {
///         println!("{} {}", change.kind.as_str(), change.path.display());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Catalog {
    handle: Arc<Handle>,
    numbers: Numbers,
    /// Snapshots of the store that the catalog does not tell of.
    unknown: Vec<SnapshotName>,
    /// The snapshot that it is going to be told of.
    untold: Option<SnapshotName>,
}

/// A snapshot that the catalog tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogSnapshot {
    /// Its name.
    pub name: SnapshotName,
    /// Its place in the order in which the store's snapshots were made.
    pub sequence: u64,
}

impl Catalog {
    /// The snapshots that the catalog tells of, in the order in which they were
    /// made.
    #[must_use]
    pub fn snapshots(&self) -> &[CatalogSnapshot] {
        &self.handle.known
    }

    /// Snapshots of the store that the catalog does not tell of: they were made
    /// before there was one, or the run that makes the newest is not done.
    #[must_use]
    pub fn unknown_snapshots(&self) -> &[SnapshotName] {
        &self.unknown
    }

    /// What the user can do about [`Catalog::unknown_snapshots`], as one
    /// sentence without a full stop; none if there are none.
    #[must_use]
    pub fn unknown_hint(&self) -> Option<&'static str> {
        let first = self.unknown.first()?;
        let is_untold = self.unknown.len() == 1 && self.untold == Some(*first);
        Some(if is_untold { WAIT } else { REINDEX })
    }

    /// The same catalog, which a switch stops: once it is on, each question and
    /// each iterator that came of one fails with [`ErrorKind::Cancelled`], within
    /// some hundredths of a second.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> hardsnap::Result<()> {
    /// let store = hardsnap::Store::open("/mnt/backup")?;
    /// let cancel = hardsnap::CancelToken::new();
    /// let catalog = store.catalog()?.with_cancel(&cancel);
    /// std::thread::spawn(move || {
    ///     std::thread::sleep(std::time::Duration::from_secs(10));
    ///     cancel.cancel();
    /// });
    /// for found in catalog.find("*.odt")? {
    ///     println!("{}", found?.entry.path.display());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_cancel(&self, cancel: &CancelToken) -> Catalog {
        Catalog {
            handle: Arc::new(self.handle.with_cancel(cancel)),
            numbers: self.numbers,
            unknown: self.unknown.clone(),
            untold: self.untold,
        }
    }

    /// The entry that a snapshot has at a path; none if it has none there.
    ///
    /// # Errors
    ///
    /// As [`Catalog::entries`].
    pub fn entry(
        &self,
        snapshot: SnapshotName,
        path: impl AsRef<Path>,
    ) -> Result<Option<CatalogEntry>> {
        entries::entry(&self.handle, self.known(snapshot)?, path.as_ref())
    }

    /// The entries of a snapshot: the one at the path `below`, then all that is
    /// below it, in the order of their paths. There is nothing if the snapshot
    /// does not have the path; `/` stands for all of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownSnapshot`]; [`ErrorKind::InvalidOption`] if the path
    /// is not an absolute one; [`ErrorKind::CatalogUnusable`] if the catalog is
    /// damaged or does not tell of the snapshot;
    /// [`ErrorKind::StoreLocked`] if a run writes to it all the time. The
    /// iterator's items may be these, too, and the first one ends it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> hardsnap::Result<()> {
    /// let store = hardsnap::Store::open("/mnt/backup")?;
    /// let newest = store.resolve("latest")?.name;
    /// let mut bytes = 0;
    /// for entry in store.catalog()?.entries(newest, "/home/alice")? {
    ///     bytes += entry?.size_bytes;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn entries(&self, snapshot: SnapshotName, below: impl AsRef<Path>) -> Result<Entries> {
        Entries::new(&self.handle, self.known(snapshot)?, below.as_ref())
    }

    /// The versions of a path, oldest first. Neighbouring snapshots between
    /// which nothing changed that a user could see have the same version; there
    /// are several equal ones if the path was gone in between. There is none if
    /// no snapshot has the path.
    ///
    /// # Errors
    ///
    /// As [`Catalog::entries`].
    pub fn versions(&self, path: impl AsRef<Path>) -> Result<Vec<EntryVersion>> {
        versions::versions(&self.handle, path.as_ref())
    }

    /// Finds the paths that match a pattern, in any snapshot, in their order.
    ///
    /// Patterns have the syntax of `.gitignore`: one without a slash is matched
    /// with names, wherever they are; one with a slash with whole paths, from
    /// `/` on; one that ends with a slash with directories only. `*` does not
    /// match a slash, `**` does. They match bytes, as those of a
    /// [`Filter`](crate::Filter) do.
    ///
    /// If snapshots are removed meanwhile, what was only in them may be missing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidOption`] if the pattern cannot be read or could never
    /// match anything; as [`Catalog::entries`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> hardsnap::Result<()> {
    /// let store = hardsnap::Store::open("/mnt/backup")?;
    /// for found in store.catalog()?.find("*.odt")? {
    ///     let found = found?;
    ///     println!("{} (last in {})", found.entry.path.display(), found.last);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn find(&self, pattern: &str) -> Result<Found> {
        Found::new(&self.handle, pattern)
    }

    /// What differs between two snapshots, the changes that lead from `a` to
    /// `b`, in the order of the paths. Either may be the older one.
    ///
    /// - An entry is [modified](ChangeKind::Modified) if it is of another kind
    ///   or has other content, and if only its mode, owner, mtime or extended
    ///   attributes differ, its [metadata](ChangeKind::Metadata) are. Content is
    ///   compared by BLAKE3 where that is known. Where it is not, a file was
    ///   modified if its size or mtime differs, or if it was copied anew with
    ///   no other metadata.
    /// - The mtime of a directory changes with every name that comes or goes in
    ///   it, and so do its metadata.
    /// - A new path is [moved](ChangeKind::Moved), and not added, if it has the
    ///   stored file of a path that is gone; that path is then not told of as
    ///   removed. With several names of one file those of the same name belong
    ///   together.
    /// - A directory is moved if it has the inode, in the source, of one that is
    ///   gone, and its mtime or something in it is the same. All that came along
    ///   is told of too, each entry by itself. What is not a directory is known
    ///   by its name there, whatever else of it [differs](EntryChange::differs);
    ///   elsewhere, what was moved and altered as well is removed at one path
    ///   and added at another.
    ///
    /// # Errors
    ///
    /// As [`Catalog::entries`].
    pub fn changes(&self, a: SnapshotName, b: SnapshotName) -> Result<Changes> {
        let (a, b) = (self.known(a)?, self.known(b)?);
        Ok(Changes::new(&self.handle, a, b))
    }

    /// What deleting exactly these snapshots would free. A name that is given
    /// twice counts once. What the [spare](Catalog::spare_sizes) has as well is
    /// not counted: it is free once the spare is reused or removed, as
    /// [`Store::delete`](crate::Store::delete) does.
    ///
    /// # Errors
    ///
    /// As [`Catalog::entries`]; also [`ErrorKind::CatalogUnusable`] if there is
    /// any snapshot that the catalog does not tell of, or if the store was moved
    /// to another disk since it was written: then nobody knows what they share.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> hardsnap::Result<()> {
    /// let store = hardsnap::Store::open("/mnt/backup")?;
    /// let oldest = store.snapshots()?[0].name;
    /// let sizes = store.catalog()?.sizes(&[oldest])?;
    /// println!("{oldest} alone holds {} bytes", sizes.freed_bytes);
    /// # Ok(())
    /// # }
    /// ```
    pub fn sizes(&self, snapshots: &[SnapshotName]) -> Result<Sizes> {
        self.refuse_to_size()?;
        let mut set = Vec::new();
        for name in snapshots {
            let snapshot = self.known(*name)?;
            if !set.contains(&snapshot) {
                set.push(snapshot);
            }
        }
        sizes::sizes(&self.handle, &set)
    }

    /// Refuses to tell what is shared where that is not known of all.
    fn refuse_to_size(&self) -> Result<()> {
        if let (Some(unknown), Some(hint)) = (self.unknown.first(), self.unknown_hint()) {
            let message = format!(
                "the catalog does not tell of {unknown}, and so not what it shares with others"
            );
            return Err(self.handle.cannot_tell(message, hint));
        }
        if self.numbers == Numbers::OfAnotherDisk {
            let message = "the store was moved to another disk, and the catalog does not know yet what is shared there";
            return Err(self.handle.cannot_tell(message, REINDEX));
        }
        Ok(())
    }

    /// What only the spare takes: the tree of an expired snapshot that is kept
    /// for the next one to be made of it. None if there is none, or if the
    /// catalog does not tell of it.
    ///
    /// # Errors
    ///
    /// As [`Catalog::sizes`].
    pub fn spare_sizes(&self) -> Result<Option<(SnapshotName, Sizes)>> {
        let Some(spare) = self.handle.spare else {
            return Ok(None);
        };
        self.refuse_to_size()?;
        let sizes = sizes::sizes(&self.handle, &[spare])?;
        Ok(Some((spare.name, sizes)))
    }

    /// Finds the path that the snapshots have for one that a user gives. A path
    /// that is in any snapshot just as it is given, is that. Any other is taken
    /// from the current directory if it is relative, and symlinks on the way to
    /// it are followed, and if it is itself one that no snapshot has, that too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the current directory is needed and is gone; as
    /// [`Catalog::entries`].
    pub fn resolve(&self, given: impl AsRef<Path>) -> Result<PathBuf> {
        place::resolve(given.as_ref(), |path| {
            versions::is_known(&self.handle, path)
        })
    }

    /// All that some snapshots have, which are given in their order.
    pub(crate) fn slices(&self, snapshots: &[CatalogSnapshot]) -> Slices {
        Slices::new(&self.handle, snapshots)
    }

    /// The paths that share what is stored of a row, that of the row first.
    pub(crate) fn sharers(&self, dir: DirId, name: &[u8], row: &Row) -> Result<Vec<Sharer>> {
        copies::sharers(&self.handle, dir, name, row)
    }

    /// The stored files whose content has one of some hashes.
    pub(crate) fn copies(&self, hashes: impl IntoIterator<Item = Hash>) -> Copies {
        Copies::new(&self.handle, hashes)
    }

    /// How many rows were lost to damage since the catalog was made.
    pub(crate) fn lost_rows(&self) -> Result<u64> {
        self.handle
            .read(|reading| crate::catalog::prepared::damaged(reading.connection))
    }

    /// Shows how much each row is, whatever snapshots have it.
    pub(crate) fn weigh(&self, add: impl FnMut(&Weight)) -> Result<()> {
        tally::each(&self.handle, add)
    }

    /// Tells whether a snapshot's tree has a name in a directory.
    pub(crate) fn has_name(&self, dir: DirId, name: &[u8], sequence: u64) -> Result<bool> {
        self.handle.read(|reading| {
            let named = names::lookup(reading, dir, name)?;
            let version = named.as_ref().and_then(|named| named.at(sequence));
            Ok(version.is_some_and(|version| version.facts.stored.is_some()))
        })
    }

    /// What was kept and compared in each snapshot, by its sequence.
    pub(crate) fn rules(&self) -> Result<HashMap<u64, String>> {
        let told = self.handle.read(|reading| told(reading.connection))?;
        Ok(told
            .into_iter()
            .map(|told| (told.sequence, told.rules))
            .collect())
    }

    /// Tells whether the stored inodes that the catalog tells are those of this
    /// disk.
    pub(crate) fn has_numbers(&self) -> bool {
        self.numbers == Numbers::Valid
    }

    pub(crate) fn known(&self, name: SnapshotName) -> Result<CatalogSnapshot> {
        let found = self.handle.known.iter().find(|known| known.name == name);
        match found {
            Some(known) => Ok(*known),
            None if self.unknown.contains(&name) => {
                let is_untold = self.untold == Some(name);
                let hint = if is_untold { WAIT } else { REINDEX };
                let message = format!("the catalog does not tell of {name}");
                Err(self.handle.cannot_tell(message, hint))
            }
            None => Err(Error::new(
                ErrorKind::UnknownSnapshot,
                format!("there is no snapshot {name}"),
            )),
        }
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog")
            .field("snapshots", &self.snapshots())
            .finish_non_exhaustive()
    }
}
