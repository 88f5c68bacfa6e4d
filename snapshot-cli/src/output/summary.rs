//! The summaries of the commands, as the fields of a JSON line: what the core
//! makes of its reports, and what only a command knows.

use std::path::Path;

use chrono::SecondsFormat;
use hardsnap::json::PathFields;
use hardsnap::retention::Status;
use hardsnap::{
    BackupReport, Catalog, ChangeKind, EntryChange, EntryVersion, Pause, PrunePlan, RemovalReport,
    RestoreReport, Room, Sizes, SnapshotInfo, SnapshotName, Store, TreeReport, Warning,
};
use serde::Serialize;

/// What a snapshot counts for, in one word.
pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Complete => "complete",
        Status::Partial => "partial",
        Status::Suspect => "suspect",
        _ => "unknown",
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Init<'a> {
    #[serde(flatten)]
    path: PathFields,
    store_id: &'a str,
    policy: String,
    zone: &'static str,
    warnings: &'a [Warning],
}

impl<'a> Init<'a> {
    pub(crate) fn new(store: &'a Store, warnings: &'a [Warning]) -> Init<'a> {
        Init {
            path: store.path().into(),
            store_id: store.id(),
            policy: store.policy().to_string(),
            zone: store.policy().zone().name(),
            warnings,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Backup<'a> {
    #[serde(flatten)]
    pub(crate) report: &'a BackupReport,
    pub(crate) dry_run: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Tree<'a> {
    #[serde(flatten)]
    pub(crate) report: &'a TreeReport,
    pub(crate) dry_run: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Restore<'a> {
    #[serde(flatten)]
    pub(crate) report: &'a RestoreReport,
    pub(crate) dry_run: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct List<'a> {
    pub(crate) snapshots: &'a [SnapshotInfo],
}

#[derive(Debug, Serialize)]
pub(crate) struct Prune<'a> {
    #[serde(flatten)]
    plan: &'a PrunePlan,
    dry_run: bool,
    /// Only with `--min-free`: in a dry run what is free now, else what is free
    /// if that is too little.
    #[serde(flatten)]
    room: Option<RoomFields<'a>>,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome<'a> {
    Done(&'a RemovalReport),
    Planned { prune_paused: Option<String> },
}

#[derive(Debug, Serialize)]
struct RoomFields<'a> {
    free_bytes: u64,
    min_free_bytes: u64,
    /// What may go to make room, oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates_for_room: Option<&'a [SnapshotName]>,
}

impl<'a> Prune<'a> {
    /// The plan, and what came of it unless nothing was to be done.
    pub(crate) fn new(
        plan: &'a PrunePlan,
        room: Option<Room>,
        report: Option<&'a RemovalReport>,
    ) -> Prune<'a> {
        Prune {
            plan,
            dry_run: report.is_none(),
            room: room.map(|room| RoomFields {
                free_bytes: room.free_bytes,
                min_free_bytes: room.wanted_bytes,
                candidates_for_room: match report {
                    None if room.is_enough() => Some(&[]),
                    None => Some(plan.candidates_for_room()),
                    Some(_) => None,
                },
            }),
            outcome: match report {
                Some(report) => Outcome::Done(report),
                None => Outcome::Planned {
                    prune_paused: plan.pause().map(ToString::to_string),
                },
            },
        }
    }
}

/// How many changes there are of each kind.
#[derive(Debug, Serialize)]
pub(crate) struct Diff {
    before: SnapshotName,
    after: SnapshotName,
    pub(crate) added: u64,
    pub(crate) removed: u64,
    pub(crate) modified: u64,
    pub(crate) metadata: u64,
    pub(crate) moved: u64,
}

impl Diff {
    pub(crate) fn new(before: SnapshotName, after: SnapshotName) -> Diff {
        Diff {
            before,
            after,
            added: 0,
            removed: 0,
            modified: 0,
            metadata: 0,
            moved: 0,
        }
    }

    pub(crate) fn add(&mut self, change: &EntryChange) {
        match change.kind {
            ChangeKind::Added => self.added += 1,
            ChangeKind::Removed => self.removed += 1,
            ChangeKind::Modified => self.modified += 1,
            ChangeKind::Metadata => self.metadata += 1,
            ChangeKind::Moved => self.moved += 1,
            _ => {}
        }
    }
}

/// One version of a path.
#[derive(Debug, Serialize)]
pub(crate) struct Version<'a> {
    #[serde(flatten)]
    version: &'a EntryVersion,
    appeared: String,
    restore_command: Option<String>,
}

impl<'a> Version<'a> {
    pub(crate) fn new(version: &'a EntryVersion, restore_command: Option<String>) -> Version<'a> {
        let appeared = version.first.time();
        Version {
            version,
            appeared: appeared.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            restore_command,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Versions<'a> {
    #[serde(flatten)]
    path: PathFields,
    versions: usize,
    unknown_snapshots: &'a [SnapshotName],
}

impl<'a> Versions<'a> {
    pub(crate) fn new(path: &Path, versions: usize, catalog: &'a Catalog) -> Versions<'a> {
        Versions {
            path: path.into(),
            versions,
            unknown_snapshots: catalog.unknown_snapshots(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Find<'a> {
    found: u64,
    unknown_snapshots: &'a [SnapshotName],
}

impl<'a> Find<'a> {
    pub(crate) fn new(found: u64, catalog: &'a Catalog) -> Find<'a> {
        Find {
            found,
            unknown_snapshots: catalog.unknown_snapshots(),
        }
    }
}

/// What snapshots hold.
#[derive(Debug, Serialize)]
pub(crate) struct Usage {
    /// What each of them alone would free.
    pub(crate) snapshots: Vec<Alone>,
    /// What those that were named would free if all of them went.
    pub(crate) together: Option<Set>,
    /// The same of those that the next prune would remove, if none was named.
    pub(crate) next_prune: Option<NextPrune>,
    /// What only the tree takes that is kept for the next snapshot.
    pub(crate) spare: Option<Alone>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Alone {
    pub(crate) name: SnapshotName,
    #[serde(flatten)]
    pub(crate) sizes: Sizes,
}

#[derive(Debug, Serialize)]
pub(crate) struct Set {
    pub(crate) snapshots: Vec<SnapshotName>,
    #[serde(flatten)]
    pub(crate) sizes: Sizes,
}

#[derive(Debug, Serialize)]
pub(crate) struct NextPrune {
    #[serde(flatten)]
    pub(crate) set: Set,
    pub(crate) prune_paused: Option<String>,
}

impl Alone {
    pub(crate) fn new(name: SnapshotName, sizes: Sizes) -> Alone {
        Alone { name, sizes }
    }
}

impl Usage {
    pub(crate) fn of_some(
        snapshots: Vec<Alone>,
        set: Vec<SnapshotName>,
        sizes: Sizes,
        spare: Option<Alone>,
    ) -> Usage {
        Usage {
            snapshots,
            together: Some(Set {
                snapshots: set,
                sizes,
            }),
            next_prune: None,
            spare,
        }
    }

    pub(crate) fn of_all(
        snapshots: Vec<Alone>,
        expired: Vec<SnapshotName>,
        sizes: Sizes,
        pause: Option<&Pause>,
        spare: Option<Alone>,
    ) -> Usage {
        Usage {
            snapshots,
            together: None,
            next_prune: Some(NextPrune {
                set: Set {
                    snapshots: expired,
                    sizes,
                },
                prune_paused: pause.map(ToString::to_string),
            }),
            spare,
        }
    }
}
