//! JSON lines. Fields may be added, never renamed, moved or removed.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hardsnap::{LeftOutBy, Outcome, Problem};
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
        Line {
            message_type,
            schema_version: SCHEMA_VERSION,
            body,
        }
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
            path_base64: path
                .to_str()
                .is_none()
                .then(|| base64(path.as_os_str().as_bytes())),
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
            Outcome::Copied => "copied",
            Outcome::Made => "made",
            Outcome::LeftOut => "left-out",
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

    pub(crate) fn line(self) -> Line<ErrorFields> {
        Line::new("error", self)
    }
}

/// Base64 as RFC 4648 section 4 has it, with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
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
        assert_eq!(
            serde_json::to_string(&plain).unwrap(),
            r#"{"path":"/a/Grüße"}"#
        );
        let raw: PathFields = Path::new(OsStr::from_bytes(b"/a/\xff")).into();
        let expected = "{\"path\":\"/a/\u{fffd}\",\"path_base64\":\"L2Ev/w==\"}";
        assert_eq!(serde_json::to_string(&raw).unwrap(), expected);
    }

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
