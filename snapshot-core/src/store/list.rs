//! The snapshots of a store, as their records tell them.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::entry::EntryKind;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::dir::Dir;
use crate::fs::scan::Batch;
use crate::fs::smallfile;
use crate::layout;
use crate::name::SnapshotName;
use crate::record::{Record, SnapshotInfo};
use crate::retention::Status;
use crate::store::{Store, names_in, newest};

/// What there is in a store.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// The published snapshots, in the order in which they were made.
    pub(crate) snapshots: Vec<SnapshotInfo>,
    /// Those whose records say nothing that this version understands.
    pub(crate) unreadable: Vec<SnapshotName>,
    /// Records without a tree.
    pub(crate) treeless: Vec<SnapshotName>,
    /// Files beside the records that a run left which was killed while it wrote
    /// one.
    pub(crate) drafts: Vec<String>,
}

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
        let inventory = self.take_inventory()?;
        Ok((inventory.snapshots, inventory.unreadable))
    }

    /// Looks at all records, and at what there are trees to.
    pub(crate) fn take_inventory(&self) -> Result<Inventory> {
        let mut inventory = Inventory::default();
        let mut names = Vec::new();
        for file in self.listed(&self.records, layout::RECORDS)? {
            let Ok(file) = file.to_str() else {
                continue;
            };
            names.extend(layout::snapshot_of_record(file));
            if layout::is_draft_of_record(file) {
                inventory.drafts.push(file.to_owned());
            }
        }
        names.sort();
        // After the records: what was removed meanwhile has no tree.
        let trees = self.trees()?;
        for name in names {
            if !trees.contains(&name) {
                inventory.treeless.push(name);
                continue;
            }
            match self.read_record(name)? {
                Some(snapshot) => inventory.snapshots.push(snapshot),
                None => inventory.unreadable.push(name),
            }
        }
        let by_sequence = |snapshot: &SnapshotInfo| snapshot.sequence;
        inventory.snapshots.sort_by_key(by_sequence);
        Ok(inventory)
    }

    /// The directories that may be snapshots. One listing takes the place of a
    /// question for each, which a file server would be asked.
    fn trees(&self) -> Result<HashSet<SnapshotName>> {
        let failed = |error| Error::io("list", self.path(), error);
        let handle = self.root.reopen().map_err(failed)?;
        let mut trees = HashSet::new();
        while let Some(batch) = Batch::read(&handle).map_err(failed)? {
            for (file, kind) in batch.iter() {
                let Some(name) = file.to_str().ok().and_then(|name| name.parse().ok()) else {
                    continue;
                };
                let is_tree = match kind {
                    Some(kind) => kind == EntryKind::Directory,
                    None => self.has_tree(name)?,
                };
                if is_tree {
                    trees.insert(name);
                }
            }
        }
        Ok(trees)
    }

    fn listed(&self, dir: &Dir, place: &str) -> Result<Vec<CString>> {
        // A listing of its own: the handle is everybody's.
        let names = dir.reopen().and_then(|handle| names_in(&handle));
        names.map_err(|error| self.failed("list", place, error))
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

    /// Finds the newest snapshot, by its time, that is not later than an
    /// instant. As for `latest`, one that is suspect does not count.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownSnapshot`] if all are later, [`ErrorKind::Io`].
    pub fn resolve_before(&self, instant: DateTime<Utc>) -> Result<SnapshotInfo> {
        let candidates = self.snapshots()?.into_iter().filter(|snapshot| {
            snapshot.name.time() <= instant && snapshot.status != Status::Suspect
        });
        candidates
            .max_by_key(|snapshot| snapshot.name)
            .ok_or_else(|| {
                let at = instant.to_rfc3339_opts(SecondsFormat::Secs, true);
                let path = self.path.display();
                let message = format!("there is no snapshot in {path} that is not later than {at}");
                Error::new(ErrorKind::UnknownSnapshot, message)
                    .with_hint("`list` shows those there are")
            })
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
