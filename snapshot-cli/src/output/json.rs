//! JSON lines. Fields may be added, never renamed, moved or removed.

use std::path::Path;

pub(crate) use hardsnap::json::Line;
use hardsnap::json::PathFields;
use hardsnap::{LeftOutBy, Obstacle, Outcome, Problem};
use serde::Serialize;

/// `status`: how far a run is.
#[derive(Debug, Serialize)]
pub(crate) struct Progress {
    pub(crate) phase: &'static str,
    pub(crate) files_done: u64,
    pub(crate) bytes_done: u64,
    pub(crate) entries_done: u64,
    pub(crate) files_linked: u64,
    pub(crate) files_copied: u64,
    pub(crate) files_moved: u64,
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
    /// The rule that left it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// What stays of a directory whose content is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    all_but: Option<String>,
}

impl Entry {
    pub(crate) fn line(path: &Path, outcome: Outcome) -> Line<Entry> {
        let outcome = match outcome {
            Outcome::Linked => "linked",
            Outcome::LinkedWithin => "linked-within",
            Outcome::Moved => "moved",
            Outcome::Copied => "copied",
            Outcome::Made => "made",
            Outcome::LeftOut => "left-out",
            Outcome::Written => "written",
            Outcome::Replaced => "replaced",
            Outcome::Left => "left",
            Outcome::Deleted => "deleted",
            _ => "other",
        };
        Line::new(
            "entry",
            Entry {
                path: path.into(),
                outcome,
                by: None,
                all_but: None,
            },
        )
    }

    pub(crate) fn left_out(path: &Path, by: LeftOutBy<'_>) -> Line<Entry> {
        let mut line = Entry::line(path, Outcome::LeftOut);
        line.body.by = Some(by.to_string());
        line.body.all_but = by.all_but().map(str::to_owned);
        line
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

    pub(crate) fn of_obstacle(obstacle: &Obstacle) -> ErrorFields {
        ErrorFields {
            message: obstacle.to_string(),
            path: Some(obstacle.path.as_path().into()),
            code: "in_the_way",
            operation: None,
            error: Some(obstacle.reason.as_str().to_owned()),
            os_error: None,
            hint: None,
            exit_code: None,
        }
    }

    pub(crate) fn line(self) -> Line<ErrorFields> {
        Line::new("error", self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_a_filter_leaves_out_comes_with_the_rule() {
        let filter = hardsnap::Filter::builder().exclude_caches().build();
        let by = filter.as_ref().unwrap().markers()[0].left_out_by();
        let line = serde_json::to_string(&Entry::left_out(Path::new("/a"), by)).unwrap();
        assert_eq!(
            line,
            r#"{"message_type":"entry","schema_version":1,"path":"/a","outcome":"left-out","by":"--exclude-caches","all_but":"CACHEDIR.TAG"}"#
        );
        let line = serde_json::to_string(&Entry::line(Path::new("/a"), Outcome::Made)).unwrap();
        assert!(line.ends_with(r#""outcome":"made"}"#), "{line}");
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
