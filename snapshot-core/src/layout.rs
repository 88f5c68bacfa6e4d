//! Every name inside a store. Everything is reached relative to a handle, so
//! these are single components.

use std::ffi::{CStr, CString};

use crate::name::SnapshotName;
use crate::store::Spare;

pub(crate) const CONTROL: &str = ".hardsnap";
pub(crate) const MARKER: &str = "store.toml";
pub(crate) const LOCK: &str = "lock";
pub(crate) const STATE: &str = "state.json";
pub(crate) const CATALOG: &str = "catalog.db";
/// What the catalog is to be told of a snapshot.
pub(crate) const CHANGES: &str = "catalog.changes";
pub(crate) const CATALOG_DRAFT: &str = "catalog.db.new";
/// How far the snapshots were verified.
pub(crate) const VERIFIED: &str = "verified.json";
pub(crate) const VERIFY_LOCK: &str = "verify.lock";
/// Damaged files that were replaced.
pub(crate) const DAMAGED: &str = "damaged";
pub(crate) const RECORDS: &str = "snapshots";
pub(crate) const WORK: &str = "work";
pub(crate) const TRASH: &str = "trash";
/// In `trash`, the tree of a run that was cut short.
pub(crate) const UNFINISHED: &CStr = c"unfinished";
pub(crate) const LATEST: &str = "latest";

const RECORD_SUFFIX: &str = ".json";
const SPARE_SUFFIX: &str = ".spare";

/// The directory of a snapshot, in the store, in `work` and in `trash`.
pub(crate) fn tree(name: SnapshotName) -> CString {
    // A name is digits, dashes and letters: there is no NUL to trip over.
    CString::new(name.to_string()).unwrap_or_default()
}

/// The directory of the spare in `trash`: `NAME.SEQUENCE.spare`.
pub(crate) fn spare(name: SnapshotName, sequence: u64) -> CString {
    CString::new(format!("{name}.{sequence}{SPARE_SUFFIX}")).unwrap_or_default()
}

/// The spare that a directory of `trash` is.
pub(crate) fn spare_of(file_name: &CStr) -> Option<Spare> {
    let file = file_name.to_str().ok()?.strip_suffix(SPARE_SUFFIX)?;
    let (name, sequence) = file.split_once('.')?;
    let spare = Spare {
        name: name.parse().ok()?,
        sequence: sequence.parse().ok()?,
    };
    (spare.file().as_c_str() == file_name).then_some(spare)
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
