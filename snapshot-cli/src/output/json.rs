//! Reports as JSON lines. Fields may be added, never renamed, moved or removed.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use chrono::SecondsFormat;
use hardsnap::retention::{Kept, Removed, Status};
use hardsnap::{
    BackupReport, Counts, Outcome, Problem, PrunePlan, RemovalReport, SnapshotInfo, SnapshotName,
    Store, TreeReport, Warning,
};
use serde::Serialize;

const SCHEMA_VERSION: u32 = 1;

/// One line: what kind of message it is, then its fields.
#[derive(Debug, Serialize)]
pub(crate) struct Line<T> {
    message_type: &'static str,
    schema_version: u32,
    #[serde(flatten)]
    body: T,
}

impl<T: Serialize> Line<T> {
    fn new(message_type: &'static str, body: T) -> Line<T> {
        Line { message_type, schema_version: SCHEMA_VERSION, body }
    }

    pub(crate) fn summary(body: T) -> Line<T> {
        Line::new("summary", body)
    }
}

/// A path: lossily as text, and exactly where that is not enough.
#[derive(Debug, Serialize)]
pub(crate) struct PathFields {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
}

impl From<&Path> for PathFields {
    fn from(path: &Path) -> PathFields {
        PathFields {
            path: path.to_string_lossy().into_owned(),
            path_base64: path.to_str().is_none().then(|| base64(path.as_os_str().as_bytes())),
        }
    }
}

/// `status`: how far a run is.
#[derive(Debug, Serialize)]
pub(crate) struct Progress {
    pub(crate) phase: &'static str,
    pub(crate) files_done: u64,
    pub(crate) bytes_done: u64,
    pub(crate) entries_done: u64,
    pub(crate) files_linked: u64,
    pub(crate) files_copied: u64,
    pub(crate) bytes_copied: u64,
    /// From the snapshot before.
    pub(crate) entries_expected: Option<u64>,
    pub(crate) bytes_expected: Option<u64>,
    pub(crate) elapsed_seconds: f64,
}

impl Progress {
    pub(crate) fn line(self) -> Line<Progress> {
        Line::new("status", self)
    }
}

/// `entry`: what was done with one entry; only with `--verbose`.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    #[serde(flatten)]
    path: PathFields,
    outcome: &'static str,
}

impl Entry {
    pub(crate) fn line(path: &Path, outcome: Outcome) -> Line<Entry> {
        let outcome = match outcome {
            Outcome::Linked => "linked",
            Outcome::LinkedWithin => "linked-within",
            Outcome::Copied => "copied",
            Outcome::Made => "made",
            Outcome::LeftOut => "left-out",
            _ => "other",
        };
        Line::new("entry", Entry { path: path.into(), outcome })
    }
}

/// `error`: trouble with one entry, or what stopped the run.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorFields {
    pub(crate) message: String,
    #[serde(flatten)]
    pub(crate) path: Option<PathFields>,
    pub(crate) code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) os_error: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Only of what ends the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code: Option<u8>,
}

impl ErrorFields {
    pub(crate) fn of_entry(code: &'static str, problem: &Problem) -> ErrorFields {
        ErrorFields {
            message: problem.to_string(),
            path: Some(problem.path.as_path().into()),
            code,
            operation: Some(problem.operation.to_string()),
            error: Some(problem.error.clone()),
            os_error: problem.raw_os_error,
            hint: None,
            exit_code: None,
        }
    }

    pub(crate) fn line(self) -> Line<ErrorFields> {
        Line::new("error", self)
    }
}

#[derive(Debug, Serialize)]
struct Skipped {
    #[serde(flatten)]
    path: PathFields,
    operation: String,
    error: String,
}

fn skipped(problems: &[Problem]) -> Vec<Skipped> {
    let one = |problem: &Problem| Skipped {
        path: problem.path.as_path().into(),
        operation: problem.operation.to_string(),
        error: problem.error.clone(),
    };
    problems.iter().map(one).collect()
}

#[derive(Debug, Serialize)]
struct WarningFields {
    code: &'static str,
    message: String,
}

fn warnings(warnings: &[Warning]) -> Vec<WarningFields> {
    let one = |warning: &Warning| WarningFields {
        code: match warning {
            Warning::OwnersNotKept => "owners_not_kept",
            Warning::StoreLeftOut { .. } => "store_left_out",
            Warning::LinksRefused { .. } => "links_refused",
            Warning::LinkLimit { .. } => "link_limit",
            Warning::MountsLeftOut { .. } => "mounts_left_out",
            Warning::StoreTightened { .. } => "store_tightened",
            Warning::TidiedUp { .. } => "tidied_up",
            _ => "other",
        },
        message: warning.to_string(),
    };
    warnings.iter().map(one).collect()
}

fn names(names: &[SnapshotName]) -> Vec<String> {
    names.iter().map(SnapshotName::to_string).collect()
}

/// What a snapshot counts for, in one word.
pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Complete => "complete",
        Status::Partial => "partial",
        Status::Suspect => "suspect",
        _ => "unknown",
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
            files_moved: 0,
            bytes_linked: counts.bytes_linked,
            bytes_copied: counts.bytes_copied,
            directories: counts.directories,
            symlinks: counts.symlinks,
            specials: counts.specials,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Init {
    #[serde(flatten)]
    path: PathFields,
    store_id: String,
    policy: String,
    zone: &'static str,
    warnings: Vec<WarningFields>,
}

impl Init {
    pub(crate) fn new(store: &Store, seen: &[Warning]) -> Init {
        Init {
            path: store.path().into(),
            store_id: store.id().to_owned(),
            policy: store.policy().to_string(),
            zone: store.policy().zone().name(),
            warnings: warnings(seen),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Backup {
    snapshot: String,
    status: &'static str,
    basis: Option<String>,
    recycled: Option<String>,
    #[serde(flatten)]
    counts: CountFields,
    skipped: Vec<Skipped>,
    excluded: u64,
    removed_snapshots: Vec<String>,
    prune_paused: Option<String>,
    elapsed_seconds: f64,
    left_behind: Vec<Skipped>,
    warnings: Vec<WarningFields>,
    dry_run: bool,
}

impl Backup {
    pub(crate) fn new(report: &BackupReport, seen: &[Warning], dry_run: bool) -> Backup {
        Backup {
            snapshot: report.snapshot.to_string(),
            status: status(report.status),
            basis: report.basis.map(|name| name.to_string()),
            recycled: None,
            counts: (&report.counts).into(),
            skipped: skipped(&report.skipped),
            excluded: report.counts.excluded,
            removed_snapshots: names(&report.removed),
            prune_paused: report.prune_paused.clone(),
            elapsed_seconds: report.elapsed.as_secs_f64(),
            left_behind: skipped(&report.left_behind),
            warnings: warnings(seen),
            dry_run,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Tree {
    status: &'static str,
    #[serde(flatten)]
    counts: CountFields,
    skipped: Vec<Skipped>,
    excluded: u64,
    elapsed_seconds: f64,
    warnings: Vec<WarningFields>,
    dry_run: bool,
}

impl Tree {
    pub(crate) fn new(report: &TreeReport, seen: &[Warning], dry_run: bool) -> Tree {
        let complete = report.skipped.is_empty();
        Tree {
            status: status(if complete { Status::Complete } else { Status::Partial }),
            counts: (&report.counts).into(),
            skipped: skipped(&report.skipped),
            excluded: report.counts.excluded,
            elapsed_seconds: report.elapsed.as_secs_f64(),
            warnings: warnings(seen),
            dry_run,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct List {
    snapshots: Vec<ListedSnapshot>,
}

#[derive(Debug, Serialize)]
struct ListedSnapshot {
    name: String,
    time: String,
    status: &'static str,
    held: bool,
    note: Option<String>,
    sources: Vec<String>,
    /// All sources exactly, where one of them is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    sources_base64: Option<Vec<String>>,
    files: u64,
    bytes: u64,
    new_bytes: u64,
}

impl List {
    pub(crate) fn new(snapshots: &[SnapshotInfo]) -> List {
        List { snapshots: snapshots.iter().map(ListedSnapshot::from).collect() }
    }
}

impl From<&SnapshotInfo> for ListedSnapshot {
    fn from(snapshot: &SnapshotInfo) -> ListedSnapshot {
        let sources = &snapshot.sources;
        let exact = sources.iter().any(|source| source.to_str().is_none());
        let encoded = |source: &PathBuf| base64(source.as_os_str().as_bytes());
        ListedSnapshot {
            name: snapshot.name.to_string(),
            time: snapshot.name.time().to_rfc3339_opts(SecondsFormat::Secs, true),
            status: status(snapshot.status),
            held: snapshot.held,
            note: snapshot.note.clone(),
            sources: sources.iter().map(|source| source.to_string_lossy().into_owned()).collect(),
            sources_base64: exact.then(|| sources.iter().map(encoded).collect()),
            files: snapshot.counts.files_linked + snapshot.counts.files_copied,
            bytes: snapshot.counts.bytes(),
            new_bytes: snapshot.counts.bytes_copied,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Prune {
    keep: Vec<KeptSnapshot>,
    remove: Vec<String>,
    /// Why each one in `remove` is there.
    why: Vec<RemovedSnapshot>,
    dry_run: bool,
    #[serde(flatten)]
    removal: Option<Removal>,
}

#[derive(Debug, Serialize)]
struct KeptSnapshot {
    name: String,
    reasons: Vec<String>,
}

#[derive(Debug, Serialize)]
struct RemovedSnapshot {
    name: String,
    why: String,
}

impl Prune {
    /// The plan, and what came of it unless nothing was to be done.
    pub(crate) fn new(plan: &PrunePlan, report: Option<&RemovalReport>) -> Prune {
        let kept = |kept: &Kept<SnapshotName>| KeptSnapshot {
            name: kept.id.to_string(),
            reasons: kept.reasons.iter().map(ToString::to_string).collect(),
        };
        let removed = |removed: &Removed<SnapshotName>| RemovedSnapshot {
            name: removed.id.to_string(),
            why: removed.why.to_string(),
        };
        Prune {
            keep: plan.keep().iter().map(kept).collect(),
            remove: plan.remove().iter().map(|removed| removed.id.to_string()).collect(),
            why: plan.remove().iter().map(removed).collect(),
            dry_run: report.is_none(),
            removal: report.map(Removal::from),
        }
    }
}

/// What `delete` did, and what `prune` did.
#[derive(Debug, Serialize)]
pub(crate) struct Removal {
    removed_snapshots: Vec<String>,
    left_behind: Vec<Skipped>,
    elapsed_seconds: f64,
}

impl From<&RemovalReport> for Removal {
    fn from(report: &RemovalReport) -> Removal {
        Removal {
            removed_snapshots: names(&report.removed),
            left_behind: skipped(&report.left_behind),
            elapsed_seconds: report.elapsed.as_secs_f64(),
        }
    }
}

/// Base64 as RFC 4648 section 4 has it, with padding.
fn base64(bytes: &[u8]) -> String {
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
    fn a_path_that_is_not_utf_8_is_also_there_exactly() {
        let plain: PathFields = Path::new("/a/Grüße").into();
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"path":"/a/Grüße"}"#);
        let raw: PathFields = Path::new(OsStr::from_bytes(b"/a/\xff")).into();
        let expected = "{\"path\":\"/a/\u{fffd}\",\"path_base64\":\"L2Ev/w==\"}";
        assert_eq!(serde_json::to_string(&raw).unwrap(), expected);
    }

    #[test]
    fn a_line_begins_with_its_type_and_version() {
        let error = ErrorFields {
            message: "no\nstore".to_owned(),
            path: Some(Path::new("/mnt").into()),
            code: "not_a_store",
            operation: None,
            error: None,
            os_error: None,
            hint: None,
            exit_code: Some(10),
        };
        assert_eq!(
            serde_json::to_string(&error.line()).unwrap(),
            r#"{"message_type":"error","schema_version":1,"message":"no\nstore","path":"/mnt","code":"not_a_store","exit_code":10}"#
        );
    }
}
