//! Where the trees are that the programs read and make.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{At, Result};

/// The trees that the programs read and make.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The tree that is copied.
    pub(crate) source: PathBuf,
    /// An older copy of it.
    pub(crate) basis: PathBuf,
    /// A hardsnap store with older snapshots of it.
    pub(crate) store: PathBuf,
    /// The copy that a program makes, removed after each run.
    pub(crate) target: PathBuf,
    /// A script's trees of links, one a day.
    pub(crate) days: PathBuf,
}

impl Places {
    /// Names the places below the directories for source and destination.
    pub(crate) fn below(source: &Path, destination: &Path, tree: &str) -> Self {
        // Both may be the same directory.
        let destination = destination.join(format!("of-{tree}"));
        Self {
            source: source.join(tree),
            basis: destination.join("basis"),
            store: destination.join("store"),
            target: destination.join("target"),
            days: destination.join("days"),
        }
    }

    /// Makes the directory that all but the source is in.
    pub(crate) fn make(&self) -> Result<()> {
        let above = self.store.parent().unwrap_or(&self.store);
        fs::create_dir(above).at("make", above)
    }

    /// Returns a script's tree of a day.
    pub(crate) fn day(&self, number: usize) -> PathBuf {
        self.days.join(format!("day-{number:04}"))
    }

    /// Returns the size of the store's catalog.
    ///
    /// # Errors
    ///
    /// Fails where there is none.
    pub(crate) fn catalog_bytes(&self) -> Result<u64> {
        let catalog = self.store.join(".hardsnap/catalog.db");
        Ok(fs::metadata(&catalog).at("read", &catalog)?.len())
    }

    /// Returns the name of the store's newest snapshot.
    ///
    /// # Errors
    ///
    /// Fails where there is no `latest` to read.
    pub(crate) fn latest(&self) -> Result<OsString> {
        let latest = self.store.join("latest");
        Ok(fs::read_link(&latest).at("read", &latest)?.into_os_string())
    }

    /// Returns the source's tree in the store's newest snapshot.
    ///
    /// # Errors
    ///
    /// Fails where there is no `latest` to read.
    pub(crate) fn in_latest(&self) -> Result<PathBuf> {
        let inside = self.source.strip_prefix("/").unwrap_or(&self.source);
        Ok(self.store.join(self.latest()?).join(inside))
    }

    /// Counts the store's snapshots, which are all directories that are not
    /// hidden.
    ///
    /// # Errors
    ///
    /// Fails where the store cannot be listed.
    pub(crate) fn snapshot_count(&self) -> Result<usize> {
        let mut count = 0;
        for entry in fs::read_dir(&self.store).at("list", &self.store)? {
            let entry = entry.at("list", &self.store)?;
            let is_directory = entry.file_type().at("look at", &entry.path())?.is_dir();
            count += usize::from(
                is_directory && !entry.file_name().as_encoded_bytes().starts_with(b"."),
            );
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_snapshot_holds_the_source_at_its_absolute_path() {
        let temp = tempfile::tempdir().unwrap();
        let places = Places::below(Path::new("/home"), temp.path(), "tree");
        places.make().unwrap();
        fs::create_dir(&places.store).unwrap();
        assert!(places.in_latest().is_err());
        symlink("NAME", places.store.join("latest")).unwrap();
        let expected = temp.path().join("of-tree/store/NAME/home/tree");
        assert_eq!(places.in_latest().unwrap(), expected);
    }

    #[test]
    fn snapshots_are_counted_and_nothing_else() {
        let temp = tempfile::tempdir().unwrap();
        let places = Places::below(Path::new("/home"), temp.path(), "tree");
        fs::create_dir_all(places.store.join(".hardsnap")).unwrap();
        fs::create_dir(places.store.join("2026-01-01T00-00-00Z")).unwrap();
        symlink("2026-01-01T00-00-00Z", places.store.join("latest")).unwrap();
        assert_eq!(places.snapshot_count().unwrap(), 1);
    }
}
