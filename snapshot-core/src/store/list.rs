//! The snapshots of a store, as their records tell them.

use std::io;

use crate::entry::EntryKind;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::scan::Batch;
use crate::fs::smallfile;
use crate::layout;
use crate::name::SnapshotName;
use crate::record::{Record, SnapshotInfo};
use crate::store::{Store, newest};

impl Store {
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
            let newest = newest(&snapshots)
                .ok_or_else(|| unknown("there is none yet"))?
                .name;
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

    /// The names of all records, whether or not there is a tree to them.
    pub(crate) fn recorded_names(&self) -> Result<Vec<SnapshotName>> {
        let mut names = self.in_records(layout::snapshot_of_record)?;
        names.sort();
        Ok(names)
    }

    /// The files beside the records that a run left which was killed while it
    /// wrote one.
    pub(crate) fn drafts(&self) -> Result<Vec<String>> {
        self.in_records(|name| layout::is_draft_of_record(name).then(|| name.to_owned()))
    }

    fn in_records<T>(&self, pick: impl Fn(&str) -> Option<T>) -> Result<Vec<T>> {
        let failed = |error| self.failed("list", layout::RECORDS, error);
        let handle = self.records.reopen().map_err(failed)?;
        let mut picked = Vec::new();
        while let Some(batch) = Batch::read(&handle).map_err(failed)? {
            let found = batch
                .iter()
                .filter_map(|(name, _)| name.to_str().ok().and_then(&pick));
            picked.extend(found);
        }
        Ok(picked)
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
}
