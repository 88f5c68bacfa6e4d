//! What a restore did, as JSON.

use serde::{Serialize, Serializer};

use crate::json::{PathFields, ProblemFields, serialize_as};
use crate::name::SnapshotName;
use crate::report::Warning;
use crate::restore::{Obstacle, RestoreReport};

#[derive(Serialize)]
struct ObstacleFields {
    #[serde(flatten)]
    path: PathFields,
    reason: &'static str,
}

impl From<&Obstacle> for ObstacleFields {
    fn from(obstacle: &Obstacle) -> ObstacleFields {
        ObstacleFields {
            path: obstacle.path.as_path().into(),
            reason: obstacle.reason.as_str(),
        }
    }
}

#[derive(Serialize)]
struct RestoreFields<'a> {
    snapshot: SnapshotName,
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_base64: Option<String>,
    written: u64,
    replaced: u64,
    left: u64,
    bytes_written: u64,
    deleted: Vec<PathFields>,
    in_the_way: &'a [Obstacle],
    skipped: Vec<ProblemFields>,
    damaged: Vec<PathFields>,
    warnings: &'a [Warning],
    elapsed_seconds: f64,
}

impl<'a> From<&'a RestoreReport> for RestoreFields<'a> {
    fn from(report: &'a RestoreReport) -> RestoreFields<'a> {
        let paths = |paths: &[std::path::PathBuf]| {
            let fields = paths.iter().map(|path| path.as_path().into());
            fields.collect()
        };
        let target = PathFields::from(report.target.as_path());
        RestoreFields {
            snapshot: report.snapshot,
            target: target.path,
            target_base64: target.path_base64,
            written: report.counts.written,
            replaced: report.counts.replaced,
            left: report.counts.left,
            bytes_written: report.counts.bytes_written,
            deleted: paths(&report.deleted),
            in_the_way: &report.in_the_way,
            skipped: report.skipped.iter().map(Into::into).collect(),
            damaged: paths(&report.damaged),
            warnings: &report.warnings,
            elapsed_seconds: report.elapsed.as_secs_f64(),
        }
    }
}

serialize_as! {
    Obstacle => ObstacleFields,
    RestoreReport => RestoreFields,
}
