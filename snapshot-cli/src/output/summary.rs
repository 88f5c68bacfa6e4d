//! The summaries of the commands, as the fields of a JSON line.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use chrono::SecondsFormat;
use hardsnap::retention::{Kept, Removed, Status};
use hardsnap::{
    BackupReport, Counts, Problem, PrunePlan, RemovalReport, SnapshotInfo, SnapshotName, Store,
    TreeReport, Warning,
};
use serde::Serialize;

use super::Told;
use super::json::{PathFields, base64};

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
    pub(crate) fn new(report: &BackupReport, told: &Told, dry_run: bool) -> Backup {
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
            left_behind: skipped(&told.left_behind),
            warnings: warnings(&told.warnings),
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
            status: status(if complete {
                Status::Complete
            } else {
                Status::Partial
            }),
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
        List {
            snapshots: snapshots.iter().map(ListedSnapshot::from).collect(),
        }
    }
}

impl From<&SnapshotInfo> for ListedSnapshot {
    fn from(snapshot: &SnapshotInfo) -> ListedSnapshot {
        let sources = &snapshot.sources;
        let exact = sources.iter().any(|source| source.to_str().is_none());
        let encoded = |source: &PathBuf| base64(source.as_os_str().as_bytes());
        ListedSnapshot {
            name: snapshot.name.to_string(),
            time: snapshot
                .name
                .time()
                .to_rfc3339_opts(SecondsFormat::Secs, true),
            status: status(snapshot.status),
            held: snapshot.held,
            note: snapshot.note.clone(),
            sources: sources
                .iter()
                .map(|source| source.to_string_lossy().into_owned())
                .collect(),
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
            remove: plan
                .remove()
                .iter()
                .map(|removed| removed.id.to_string())
                .collect(),
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
