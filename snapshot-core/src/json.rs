//! The JSON that the command line prints, for programs that want the same.
//!
//! Reports are written as the fields of the command line's `summary` lines;
//! fields are only ever added. Sizes are in bytes, durations in seconds,
//! instants in RFC 3339. A path that is not UTF-8 is there lossily as `path` and
//! exactly as `path_base64`.

mod catalog;
mod restore;
mod verify;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use chrono::SecondsFormat;
use serde::{Serialize, Serializer};

use crate::guard::Pause;
use crate::name::SnapshotName;
use crate::prune::PrunePlan;
use crate::record::SnapshotInfo;
use crate::reindex::ReindexReport;
use crate::report::{BackupReport, Counts, Problem, RemovalReport, TreeReport, Warning};
use crate::retention::{Kept, Removed, Status};
use crate::store::MarkReport;

/// The version of the lines' fields.
pub const SCHEMA_VERSION: u32 = 1;

/// One line: what kind of message it is, then its fields.
///
/// # Examples
///
/// ```
/// use hardsnap::json::Line;
/// use hardsnap::retention::{Policy, Snapshot, plan};
///
/// let snapshots = [Snapshot::new("a", "2026-11-22T19:20:00Z".parse()?)];
/// let plan = plan(&snapshots, &Policy::default(), "2026-11-22T20:00:00Z".parse()?);
/// let line = serde_json::to_string(&Line::summary(plan))?;
/// assert!(line.starts_with(r#"{"message_type":"summary","schema_version":1,"keep":[{"id":"a""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Line<T> {
    message_type: &'static str,
    schema_version: u32,
    /// The fields.
    #[serde(flatten)]
    pub body: T,
}

impl<T: Serialize> Line<T> {
    /// A line of a type.
    pub fn new(message_type: &'static str, body: T) -> Line<T> {
        Line {
            message_type,
            schema_version: SCHEMA_VERSION,
            body,
        }
    }

    /// The last line of a command.
    pub fn summary(body: T) -> Line<T> {
        Line::new("summary", body)
    }
}

/// A path: lossily as text, and exactly where that is not enough.
#[derive(Clone, Debug, Serialize)]
pub struct PathFields {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
}

impl From<&Path> for PathFields {
    fn from(path: &Path) -> PathFields {
        PathFields {
            path: path.to_string_lossy().into_owned(),
            path_base64: path
                .to_str()
                .is_none()
                .then(|| base64(path.as_os_str().as_bytes())),
        }
    }
}

/// The totals in the order of a summary; `excluded` has its place after
/// `skipped`.
#[derive(Debug, Serialize)]
struct CountFields {
    files_linked: u64,
    files_copied: u64,
    files_moved: u64,
    bytes_linked: u64,
    bytes_copied: u64,
    directories: u64,
    symlinks: u64,
    specials: u64,
}

impl From<&Counts> for CountFields {
    fn from(counts: &Counts) -> CountFields {
        CountFields {
            files_linked: counts.files_linked,
            files_copied: counts.files_copied,
            files_moved: counts.files_moved,
            bytes_linked: counts.bytes_linked,
            bytes_copied: counts.bytes_copied,
            directories: counts.directories,
            symlinks: counts.symlinks,
            specials: counts.specials,
        }
    }
}

#[derive(Serialize)]
struct ProblemFields {
    #[serde(flatten)]
    path: PathFields,
    operation: String,
    error: String,
}

impl From<&Problem> for ProblemFields {
    fn from(problem: &Problem) -> ProblemFields {
        ProblemFields {
            path: problem.path.as_path().into(),
            operation: problem.operation.to_string(),
            error: problem.error.clone(),
        }
    }
}

#[derive(Serialize)]
struct WarningFields {
    code: &'static str,
    message: String,
}

impl From<&Warning> for WarningFields {
    fn from(warning: &Warning) -> WarningFields {
        WarningFields {
            code: code_of(warning),
            message: warning.to_string(),
        }
    }
}

fn code_of(warning: &Warning) -> &'static str {
    match warning {
        Warning::OwnersNotKept => "owners_not_kept",
        Warning::ModesNotKept => "modes_not_kept",
        Warning::NoSymlinks => "no_symlinks",
        Warning::CaseInsensitive => "case_insensitive",
        Warning::NormalizationInsensitive => "normalization_insensitive",
        Warning::CoarseMtimes { .. } => "coarse_mtimes",
        Warning::XattrsNotKept { .. } => "xattrs_not_kept",
        Warning::StoreLeftOut { .. } => "store_left_out",
        Warning::PatternAboveSource { .. } => "pattern_above_source",
        Warning::SourceLeftOut { .. } => "source_left_out",
        Warning::LinksRefused { .. } => "links_refused",
        Warning::LinkLimit { .. } => "link_limit",
        Warning::MountsLeftOut { .. } => "mounts_left_out",
        Warning::RecordsUnreadable { .. } => "records_unreadable",
        Warning::StoreTightened { .. } => "store_tightened",
        Warning::DatedInFuture { .. } => "dated_in_future",
        Warning::CatalogUnusable { .. } => "catalog_unusable",
        Warning::CatalogNotWritten { .. } => "catalog_not_written",
        Warning::CatalogNotCarriedOver { .. } => "catalog_not_carried_over",
        Warning::StoreMoved { .. } => "store_moved",
        Warning::EntriesUnrecorded { .. } => "entries_unrecorded",
        Warning::CatalogDamaged { .. } => "catalog_damaged",
        Warning::SourcesMoved { .. } => "sources_moved",
        Warning::StoredFilesReplaced { .. } => "stored_files_replaced",
        Warning::NotRecycled { .. } => "not_recycled",
        Warning::RestoredFromTreeAlone { .. } => "restored_from_tree_alone",
        Warning::EntriesFromTreeAlone { .. } => "entries_from_tree_alone",
        Warning::VerificationNotNoted { .. } => "verification_not_noted",
        Warning::TidiedUp { .. } => "tidied_up",
    }
}

fn texts<T: ToString>(things: &[T]) -> Vec<String> {
    things.iter().map(T::to_string).collect()
}

fn pause(pause: Option<&Pause>) -> Option<String> {
    pause.map(Pause::to_string)
}

#[derive(Serialize)]
struct BackupFields<'a> {
    snapshot: SnapshotName,
    status: Status,
    basis: Option<SnapshotName>,
    recycled: Option<SnapshotName>,
    #[serde(flatten)]
    counts: CountFields,
    skipped: &'a [Problem],
    excluded: u64,
    removed_snapshots: &'a [SnapshotName],
    prune_paused: Option<String>,
    elapsed_seconds: f64,
    left_behind: &'a [Problem],
    warnings: &'a [Warning],
    suspicions: Vec<String>,
}

impl<'a> From<&'a BackupReport> for BackupFields<'a> {
    fn from(report: &'a BackupReport) -> BackupFields<'a> {
        BackupFields {
            snapshot: report.snapshot,
            status: report.status,
            basis: report.basis,
            recycled: report.recycled,
            counts: (&report.counts).into(),
            skipped: &report.skipped,
            excluded: report.counts.excluded,
            removed_snapshots: &report.removed,
            prune_paused: pause(report.prune_paused.as_ref()),
            elapsed_seconds: report.elapsed.as_secs_f64(),
            left_behind: &report.left_behind,
            warnings: &report.warnings,
            suspicions: texts(&report.suspicions),
        }
    }
}

#[derive(Serialize)]
struct TreeFields<'a> {
    status: Status,
    #[serde(flatten)]
    counts: CountFields,
    skipped: &'a [Problem],
    excluded: u64,
    elapsed_seconds: f64,
    warnings: &'a [Warning],
}

impl<'a> From<&'a TreeReport> for TreeFields<'a> {
    fn from(report: &'a TreeReport) -> TreeFields<'a> {
        TreeFields {
            status: if report.skipped.is_empty() {
                Status::Complete
            } else {
                Status::Partial
            },
            counts: (&report.counts).into(),
            skipped: &report.skipped,
            excluded: report.counts.excluded,
            elapsed_seconds: report.elapsed.as_secs_f64(),
            warnings: &report.warnings,
        }
    }
}

#[derive(Serialize)]
struct RemovalFields<'a> {
    removed_snapshots: &'a [SnapshotName],
    /// Those of them that went to make room.
    removed_for_room: &'a [SnapshotName],
    left_behind: &'a [Problem],
    /// Snapshots in `left_behind` that stay because they are being read.
    being_read: &'a [SnapshotName],
    prune_paused: Option<String>,
    elapsed_seconds: f64,
}

impl<'a> From<&'a RemovalReport> for RemovalFields<'a> {
    fn from(report: &'a RemovalReport) -> RemovalFields<'a> {
        RemovalFields {
            removed_snapshots: &report.removed,
            removed_for_room: &report.removed_for_room,
            left_behind: &report.left_behind,
            being_read: &report.being_read,
            prune_paused: pause(report.prune_paused.as_ref()),
            elapsed_seconds: report.elapsed.as_secs_f64(),
        }
    }
}

#[derive(Serialize)]
struct ReindexFields<'a> {
    snapshots: &'a [SnapshotName],
    left_out: &'a [SnapshotName],
    entries: u64,
    versions: u64,
    versions_without_ctime: u64,
    versions_without_hash: u64,
    skipped: &'a [Problem],
    warnings: &'a [Warning],
    elapsed_seconds: f64,
}

impl<'a> From<&'a ReindexReport> for ReindexFields<'a> {
    fn from(report: &'a ReindexReport) -> ReindexFields<'a> {
        ReindexFields {
            snapshots: &report.snapshots,
            left_out: &report.left_out,
            entries: report.entries,
            versions: report.versions,
            versions_without_ctime: report.versions_without_ctime,
            versions_without_hash: report.versions_without_hash,
            skipped: &report.skipped,
            warnings: &report.warnings,
            elapsed_seconds: report.elapsed.as_secs_f64(),
        }
    }
}

#[derive(Serialize)]
struct PlanFields {
    keep: Vec<KeptFields>,
    remove: Vec<SnapshotName>,
    /// Why each one in `remove` is there.
    why: Vec<RemovedFields>,
}

#[derive(Serialize)]
struct KeptFields {
    name: SnapshotName,
    reasons: Vec<String>,
}

#[derive(Serialize)]
struct RemovedFields {
    name: SnapshotName,
    why: String,
}

impl From<&PrunePlan> for PlanFields {
    fn from(plan: &PrunePlan) -> PlanFields {
        let kept = |kept: &Kept<SnapshotName>| KeptFields {
            name: kept.id,
            reasons: texts(&kept.reasons),
        };
        let removed = |removed: &Removed<SnapshotName>| RemovedFields {
            name: removed.id,
            why: removed.why.to_string(),
        };
        PlanFields {
            keep: plan.keep().iter().map(kept).collect(),
            remove: plan.remove().iter().map(|removed| removed.id).collect(),
            why: plan.remove().iter().map(removed).collect(),
        }
    }
}

#[derive(Serialize)]
struct SnapshotFields<'a> {
    name: SnapshotName,
    time: String,
    status: Status,
    held: bool,
    note: Option<&'a str>,
    sources: Vec<String>,
    /// All sources exactly, where one of them is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    sources_base64: Option<Vec<String>>,
    files: u64,
    bytes: u64,
    new_bytes: u64,
    /// Why it is suspect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suspicions: Vec<String>,
    /// What the destination could not hold of the sources.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    lacks: &'a [String],
}

impl<'a> From<&'a SnapshotInfo> for SnapshotFields<'a> {
    fn from(snapshot: &'a SnapshotInfo) -> SnapshotFields<'a> {
        let sources = &snapshot.sources;
        let exact = sources.iter().any(|source| source.to_str().is_none());
        let encoded = |source: &PathBuf| base64(source.as_os_str().as_bytes());
        let time = snapshot.name.time();
        SnapshotFields {
            name: snapshot.name,
            time: time.to_rfc3339_opts(SecondsFormat::Secs, true),
            status: snapshot.status,
            held: snapshot.held,
            note: snapshot.note.as_deref(),
            sources: sources
                .iter()
                .map(|source| source.to_string_lossy().into_owned())
                .collect(),
            sources_base64: exact.then(|| sources.iter().map(encoded).collect()),
            files: snapshot.counts.files(),
            bytes: snapshot.counts.bytes(),
            new_bytes: snapshot.counts.bytes_copied,
            suspicions: texts(&snapshot.suspicions),
            lacks: &snapshot.lacks,
        }
    }
}

#[derive(Serialize)]
struct MarkFields<'a> {
    snapshot: SnapshotName,
    status: Status,
    held: bool,
    note: Option<&'a str>,
    changed: bool,
    latest: Option<SnapshotName>,
}

impl<'a> From<&'a MarkReport> for MarkFields<'a> {
    fn from(report: &'a MarkReport) -> MarkFields<'a> {
        let snapshot = &report.snapshot;
        MarkFields {
            snapshot: snapshot.name,
            status: snapshot.status,
            held: snapshot.held,
            note: snapshot.note.as_deref(),
            changed: report.changed,
            latest: report.latest,
        }
    }
}

/// Has a type written as other fields than its own.
macro_rules! serialize_as {
    ($($type:ty => $fields:ident),* $(,)?) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $fields::from(self).serialize(serializer)
            }
        }
    )*};
}
pub(crate) use serialize_as;

serialize_as! {
    BackupReport => BackupFields,
    MarkReport => MarkFields,
    Problem => ProblemFields,
    PrunePlan => PlanFields,
    ReindexReport => ReindexFields,
    RemovalReport => RemovalFields,
    SnapshotInfo => SnapshotFields,
    TreeReport => TreeFields,
    Warning => WarningFields,
}

impl Serialize for SnapshotName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The bytes of a path that is not UTF-8.
fn exactly(path: &Path) -> Option<String> {
    let bytes = || base64(path.as_os_str().as_bytes());
    path.to_str().is_none().then(bytes)
}

/// Base64 as RFC 4648 section 4 has it, with padding: what the fields hold
/// whose names end in `_base64`.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for digit in 0..4 {
            if digit <= chunk.len() {
                let index = (bits >> (18 - 6 * digit)) & 63;
                text.push(char::from(ALPHABET[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd, 0x00]), "//79AA==");
    }

    #[test]
    fn a_summary_has_the_moved_files_apart_from_the_linked_ones() {
        let mut report = TreeReport::default();
        report.counts.files_linked = 5;
        report.counts.files_moved = 2;
        let summary = serde_json::to_value(&report).unwrap();
        assert_eq!(summary["files_linked"], 5);
        assert_eq!(summary["files_moved"], 2);
    }

    #[test]
    fn a_path_that_is_not_utf_8_is_also_there_exactly() {
        let plain: PathFields = Path::new("/a/Grüße").into();
        assert_eq!(
            serde_json::to_string(&plain).unwrap(),
            r#"{"path":"/a/Grüße"}"#
        );
        let raw: PathFields = Path::new(OsStr::from_bytes(b"/a/\xff")).into();
        let expected = "{\"path\":\"/a/\u{fffd}\",\"path_base64\":\"L2Ev/w==\"}";
        assert_eq!(serde_json::to_string(&raw).unwrap(), expected);
    }
}
