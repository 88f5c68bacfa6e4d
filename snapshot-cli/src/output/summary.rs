//! The summaries of the commands, as the fields of a JSON line.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use chrono::SecondsFormat;
use hardsnap::retention::{Kept, Removed, Status};
use hardsnap::{
    BackupReport, Counts, MarkReport, Problem, PrunePlan, RemovalReport, Room, SnapshotInfo,
    SnapshotName, Store, Suspicion, TreeReport, Warning,
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
            Warning::StoreTightened { .. } => "store_tightened",
            Warning::DatedInFuture { .. } => "dated_in_future",
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

fn texts(suspicions: &[Suspicion]) -> Vec<String> {
    suspicions.iter().map(Suspicion::to_string).collect()
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
    suspicions: Vec<String>,
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
            prune_paused: report.prune_paused.as_ref().map(ToString::to_string),
            elapsed_seconds: report.elapsed.as_secs_f64(),
            left_behind: skipped(&told.left_behind),
            warnings: warnings(&told.warnings),
            dry_run,
            suspicions: texts(&report.suspicions),
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
    /// Why it is suspect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suspicions: Vec<String>,
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
            suspicions: texts(&snapshot.suspicions),
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
    prune_paused: Option<String>,
    /// Only with `--min-free`: in a dry run what is free now, else what is free
    /// if that is too little.
    #[serde(flatten)]
    room: Option<RoomFields>,
    #[serde(flatten)]
    removal: Option<Removal>,
}

#[derive(Debug, Serialize)]
struct RoomFields {
    free_bytes: u64,
    min_free_bytes: u64,
    /// What may go to make room, oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates_for_room: Option<Vec<String>>,
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
    pub(crate) fn new(
        plan: &PrunePlan,
        room: Option<Room>,
        report: Option<&RemovalReport>,
    ) -> Prune {
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
            prune_paused: report
                .map_or(plan.pause(), |report| report.prune_paused.as_ref())
                .map(ToString::to_string),
            room: room.map(|room| RoomFields {
                free_bytes: room.free_bytes,
                min_free_bytes: room.wanted_bytes,
                candidates_for_room: match report {
                    None if room.is_enough() => Some(Vec::new()),
                    None => Some(names(plan.candidates_for_room())),
                    Some(_) => None,
                },
            }),
            removal: report.map(Removal::from),
        }
    }
}

/// What `delete` did, and what `prune` did.
#[derive(Debug, Serialize)]
pub(crate) struct Removal {
    removed_snapshots: Vec<String>,
    /// Those of them that went to make room.
    removed_for_room: Vec<String>,
    left_behind: Vec<Skipped>,
    elapsed_seconds: f64,
}

impl From<&RemovalReport> for Removal {
    fn from(report: &RemovalReport) -> Removal {
        Removal {
            removed_snapshots: names(&report.removed),
            removed_for_room: names(&report.removed_for_room),
            left_behind: skipped(&report.left_behind),
            elapsed_seconds: report.elapsed.as_secs_f64(),
        }
    }
}

/// What `hold`, `release` and `accept` did.
#[derive(Debug, Serialize)]
pub(crate) struct Mark {
    snapshot: String,
    status: &'static str,
    held: bool,
    note: Option<String>,
    changed: bool,
    latest: Option<String>,
}

impl From<&MarkReport> for Mark {
    fn from(report: &MarkReport) -> Mark {
        let snapshot = &report.snapshot;
        Mark {
            snapshot: snapshot.name.to_string(),
            status: status(snapshot.status),
            held: snapshot.held,
            note: snapshot.note.clone(),
            changed: report.changed,
            latest: report.latest.map(|name| name.to_string()),
        }
    }
}
