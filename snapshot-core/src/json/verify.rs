//! What a verification found.

use serde::{Serialize, Serializer};

use super::{PathFields, exactly};
use crate::catalog::query::Aspect;
use crate::name::SnapshotName;
use crate::report::Warning;
use crate::verify::{DamageKind, Damaged, GoodCopy, Mending, VerifyReport};

#[derive(Serialize)]
struct VerifyFields<'a> {
    checked_files: u64,
    checked_bytes: u64,
    damaged: Vec<DamagedFields<'a>>,
    damaged_entries: u64,
    unrepaired_entries: u64,
    unhashed_files: u64,
    checked_entries: u64,
    snapshots: &'a [SnapshotName],
    counted_only: &'a [SnapshotName],
    continued: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_aside: Option<String>,
    warnings: &'a [Warning],
    elapsed_seconds: f64,
}

/// A damaged entry in one snapshot.
#[derive(Serialize)]
struct DamagedFields<'a> {
    snapshot: SnapshotName,
    #[serde(flatten)]
    path: PathFields,
    problem: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differs: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    good_copy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    good_copy_snapshot: Option<SnapshotName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    good_copy_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    good_copy_path_base64: Option<String>,
    /// None unless a repair was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired: Option<bool>,
    /// Why it could not be repaired.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> DamagedFields<'a> {
    fn new(damaged: &'a Damaged, snapshot: SnapshotName) -> DamagedFields<'a> {
        let differs = match &damaged.kind {
            DamageKind::Altered { differs } => {
                differs.iter().copied().map(Aspect::as_str).collect()
            }
            _ => Vec::new(),
        };
        let detail = match &damaged.kind {
            DamageKind::Unreadable { error } => Some(error.as_str()),
            DamageKind::Miscounted { what } => Some(what.as_str()),
            _ => None,
        };
        let good_copy = damaged.good_copy.as_ref().map(|copy| match copy {
            GoodCopy::Source => "source",
            GoodCopy::Stored { .. } => "stored",
            GoodCopy::Catalog => "catalog",
        });
        let place = match &damaged.good_copy {
            Some(GoodCopy::Stored { snapshot, path }) => Some((*snapshot, path.as_path())),
            _ => None,
        };
        DamagedFields {
            snapshot,
            path: damaged.path.as_path().into(),
            problem: damaged.kind.as_str(),
            differs,
            detail,
            good_copy,
            good_copy_snapshot: place.map(|(snapshot, _)| snapshot),
            good_copy_path: place.map(|(_, path)| path.to_string_lossy().into_owned()),
            good_copy_path_base64: place.and_then(|(_, path)| exactly(path)),
            repaired: damaged.mending.as_ref().map(|_| damaged.is_repaired()),
            reason: match &damaged.mending {
                Some(Mending::Failed { reason }) => Some(reason),
                _ => None,
            },
        }
    }
}

impl<'a> From<&'a VerifyReport> for VerifyFields<'a> {
    fn from(report: &'a VerifyReport) -> VerifyFields<'a> {
        let damaged = report.damaged.iter().flat_map(|damaged| {
            let snapshots = damaged.snapshots.iter();
            snapshots.map(|snapshot| DamagedFields::new(damaged, *snapshot))
        });
        VerifyFields {
            checked_files: report.checked_files,
            checked_bytes: report.checked_bytes,
            damaged: damaged.collect(),
            damaged_entries: report.damaged_entries,
            unrepaired_entries: report.unrepaired_entries(),
            unhashed_files: report.unhashed_files,
            checked_entries: report.checked_entries,
            snapshots: &report.snapshots,
            counted_only: &report.counted_only,
            continued: report.continued,
            kept_aside: report
                .kept_aside
                .as_ref()
                .map(|path| path.to_string_lossy().into_owned()),
            warnings: &report.warnings,
            elapsed_seconds: report.elapsed.as_secs_f64(),
        }
    }
}

super::serialize_as! {
    VerifyReport => VerifyFields,
}
