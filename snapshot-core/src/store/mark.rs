//! What the user says about a snapshot: held, released, accepted.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Result;
use crate::fs::smallfile::{self, Flush};
use crate::layout;
use crate::name::SnapshotName;
use crate::record::{Record, RecordedStatus, SnapshotInfo};
use crate::store::{Store, newest};

/// A record whose other fields, which a newer version may have written, stay.
#[derive(Serialize, Deserialize)]
struct Whole {
    #[serde(flatten)]
    record: Record,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// What came of marking a snapshot.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MarkReport {
    /// The snapshot as it is now.
    pub snapshot: SnapshotInfo,
    /// Whether that is news.
    pub changed: bool,
    /// The snapshot that `latest` names now.
    pub latest: Option<SnapshotName>,
}

impl Store {
    /// Holds a snapshot: no policy and no lack of room removes it, and
    /// [`Store::delete`] refuses to. A `note` replaces the one that it has.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownSnapshot`](crate::ErrorKind::UnknownSnapshot),
    /// [`ErrorKind::StoreLocked`](crate::ErrorKind::StoreLocked),
    /// [`ErrorKind::NoSpace`](crate::ErrorKind::NoSpace),
    /// [`ErrorKind::Io`](crate::ErrorKind::Io). The record is as it was then.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> hardsnap::Result<()> {
    /// let store = hardsnap::Store::open("/mnt/backup")?;
    /// let name = store.resolve("latest")?.name;
    /// store.hold(name, Some("before the move"))?;
    /// assert!(store.resolve("latest")?.held);
    /// # Ok(())
    /// # }
    /// ```
    pub fn hold(&self, name: SnapshotName, note: Option<&str>) -> Result<MarkReport> {
        self.mark(name, |record| {
            let note = note.map(str::to_owned).or(record.note.clone());
            let changed = !record.held || record.note != note;
            record.held = true;
            record.note = note;
            changed
        })
    }

    /// Lets a held snapshot go the way of all others. Its note stays.
    ///
    /// # Errors
    ///
    /// As [`Store::hold`].
    pub fn release(&self, name: SnapshotName) -> Result<MarkReport> {
        self.mark(name, |record| std::mem::replace(&mut record.held, false))
    }

    /// Lets a suspect snapshot count: it becomes complete, or partial if
    /// entries are missing in it, and if it is the newest, `latest` and the
    /// next basis.
    ///
    /// # Errors
    ///
    /// As [`Store::hold`].
    pub fn accept(&self, name: SnapshotName) -> Result<MarkReport> {
        self.mark(name, |record| {
            if !matches!(record.status, RecordedStatus::Suspect) {
                return false;
            }
            record.status = if record.skipped.is_empty() {
                RecordedStatus::Complete
            } else {
                RecordedStatus::Partial
            };
            record.suspicions.clear();
            true
        })
    }

    /// Rewrites a record if `change` tells that there is something new: whoever
    /// looks sees the old one or the new one.
    fn mark(
        &self,
        name: SnapshotName,
        change: impl FnOnce(&mut Record) -> bool,
    ) -> Result<MarkReport> {
        let _lock = self.lock()?;
        let file = layout::record(name);
        let place = format!("{}/{file}", layout::RECORDS);
        let failed = |error| self.failed("write", &place, error);
        let unknown = || self.unknown(name);
        let old = smallfile::read(&self.records, &file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => unknown(),
            _ => self.failed("read", &place, error),
        })?;
        let mut whole: Whole = serde_json::from_slice(&old).map_err(|_| unknown())?;
        let is_ours = SnapshotInfo::of_record(&whole.record, name, self.id()).is_some();
        if !is_ours || !self.has_tree(name)? {
            return Err(unknown());
        }
        let changed = change(&mut whole.record);
        if changed {
            let text = serde_json::to_string_pretty(&whole)
                .map_err(|error| failed(io::Error::other(error)))?;
            smallfile::replace(&self.records, &file, text.as_bytes(), Flush::Now)
                .map_err(failed)?;
        }
        let snapshot =
            SnapshotInfo::of_record(&whole.record, name, self.id()).ok_or_else(unknown)?;
        let snapshots = self.snapshots()?;
        self.repair_latest(&snapshots)?;
        Ok(MarkReport {
            snapshot,
            changed,
            latest: newest(&snapshots).map(|newest| newest.name),
        })
    }
}
