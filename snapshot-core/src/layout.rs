//! Every name inside a store. Everything is reached relative to a handle, so
//! these are single components.

use std::ffi::CString;

use crate::name::SnapshotName;

pub(crate) const CONTROL: &str = ".hardsnap";
pub(crate) const MARKER: &str = "store.toml";
pub(crate) const LOCK: &str = "lock";
pub(crate) const STATE: &str = "state.json";
pub(crate) const CATALOG: &str = "catalog.db";
/// What the catalog is to be told of a snapshot.
pub(crate) const CHANGES: &str = "catalog.changes";
pub(crate) const CATALOG_DRAFT: &str = "catalog.db.new";
pub(crate) const RECORDS: &str = "snapshots";
pub(crate) const WORK: &str = "work";
pub(crate) const TRASH: &str = "trash";
pub(crate) const LATEST: &str = "latest";

const RECORD_SUFFIX: &str = ".json";

/// The directory of a snapshot, in the store, in `work` and in `trash`.
pub(crate) fn tree(name: SnapshotName) -> CString {
    // A name is digits, dashes and letters: there is no NUL to trip over.
    CString::new(name.to_string()).unwrap_or_default()
}

/// The file name of a snapshot's record.
pub(crate) fn record(name: SnapshotName) -> String {
    format!("{name}{RECORD_SUFFIX}")
}

/// Tells whether a file of the records' directory is a record that was not
/// written to its end.
pub(crate) fn is_draft_of_record(file_name: &str) -> bool {
    let name = file_name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(".new"));
    name.and_then(snapshot_of_record).is_some()
}

/// The snapshot that a file of the records' directory is the record of.
pub(crate) fn snapshot_of_record(file_name: &str) -> Option<SnapshotName> {
    file_name.strip_suffix(RECORD_SUFFIX)?.parse().ok()
}
