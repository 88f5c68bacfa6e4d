//! The summaries of the commands, as the fields of a JSON line: what the core
//! makes of its reports, and what only a command knows.

use hardsnap::json::PathFields;
use hardsnap::retention::Status;
use hardsnap::{
    BackupReport, PrunePlan, RemovalReport, Room, SnapshotInfo, SnapshotName, Store, TreeReport,
    Warning,
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
