//! What a run of the program gave.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde_json::Value;

/// The end of a run: its status and what it printed.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(crate) command: String,
    pub(crate) status: ExitStatus,
    /// What the program wrote to stdout.
    pub stdout: Vec<u8>,
    /// What the program wrote to stderr.
    pub stderr: Vec<u8>,
}

impl Outcome {
    /// Returns the exit code, or `None` when a signal ended the run.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns the signal that ended the run.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Returns stderr as text.
    #[must_use]
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Returns stdout as text.
    #[must_use]
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Checks the exit code.
    ///
    /// # Panics
    ///
    /// With all that the run printed, if the code is another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }

    /// Returns the JSON lines of stdout, each checked to be of a kind and of
    /// schema version 1.
    ///
    /// # Panics
    ///
    /// If a line is anything else.
    #[must_use]
    #[track_caller]
    pub fn messages(&self) -> Vec<Value> {
        let text =
            std::str::from_utf8(&self.stdout).unwrap_or_else(|_| panic!("not UTF-8: {self}"));
        let message = |line| {
            let message: Value =
                serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {self}"));
            assert!(
                message["message_type"].is_string(),
                "without a message type: {self}"
            );
            assert_eq!(message["schema_version"], 1, "{self}");
            message
        };
        text.lines().map(message).collect()
    }

    /// Returns the summary, which is the last JSON line.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn summary(&self) -> Value {
        let summary = self
            .messages()
            .pop()
            .unwrap_or_else(|| panic!("no summary: {self}"));
        assert_eq!(summary["message_type"], "summary", "{self}");
        summary
    }

    /// Returns the number at `key` of the summary.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn number(&self, key: &str) -> u64 {
        let number = self.summary()[key].as_u64();
        number.unwrap_or_else(|| panic!("no number {key}: {self}"))
    }

    /// Returns the text at `key` of the summary.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn text(&self, key: &str) -> String {
        let summary = self.summary();
        let text = summary[key].as_str();
        text.unwrap_or_else(|| panic!("no text {key}: {self}"))
            .to_owned()
    }

    /// Returns the texts in the list at `key` of the summary.
    ///
    /// # Panics
    ///
    /// If there is no such list.
    #[must_use]
    #[track_caller]
    pub fn texts(&self, key: &str) -> Vec<String> {
        let summary = self.summary();
        let list = summary[key]
            .as_array()
            .unwrap_or_else(|| panic!("no list {key}: {self}"));
        list.iter()
            .map(|text| text.as_str().expect("a text").to_owned())
            .collect()
    }

    /// Returns what the warnings in the summary have at `key`.
    ///
    /// # Panics
    ///
    /// If there is no list of them, or no text at `key`.
    #[must_use]
    #[track_caller]
    pub fn warnings(&self, key: &str) -> Vec<String> {
        let summary = self.summary();
        let list = summary["warnings"].as_array();
        let list = list.unwrap_or_else(|| panic!("no warnings: {self}"));
        let text = |warning: &Value| warning[key].as_str().map(str::to_owned);
        list.iter()
            .map(|warning| text(warning).unwrap_or_else(|| panic!("no {key}: {self}")))
            .collect()
    }

    /// Returns the codes of the warnings, apart from what every ordinary user is
    /// told: that owners are not kept.
    ///
    /// # Panics
    ///
    /// If there is no list of them.
    #[must_use]
    #[track_caller]
    pub fn surprises(&self) -> Vec<String> {
        let mut codes = self.warnings("code");
        codes.retain(|code| crate::is_root() || code != "owners_not_kept");
        codes
    }

    /// Returns the exact bytes of the paths in `skipped` of the summary,
    /// sorted.
    ///
    /// # Panics
    ///
    /// If the list is not there or an element is not what it should be.
    #[must_use]
    #[track_caller]
    pub fn skipped(&self) -> Vec<Vec<u8>> {
        let summary = self.summary();
        let list = summary["skipped"]
            .as_array()
            .unwrap_or_else(|| panic!("nothing skipped: {self}"));
        let path = |element: &Value| {
            for key in ["path", "operation", "error"] {
                assert!(element[key].is_string(), "skipped without {key}: {self}");
            }
            match element["path_base64"].as_str() {
                Some(encoded) => decode(encoded),
                None => element["path"].as_str().expect("a path").into(),
            }
        };
        let mut paths: Vec<Vec<u8>> = list.iter().map(path).collect();
        paths.sort();
        paths
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            command, status, ..
        } = self;
        write!(
            out,
            "{command}: {status}\nstdout: {}\nstderr: {}",
            self.stdout(),
            self.stderr()
        )
    }
}

/// Decodes standard base64, padded or not.
fn decode(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut length) = (0_u32, 0);
    for digit in text.bytes().filter(|digit| *digit != b'=') {
        let value = ALPHABET
            .iter()
            .position(|known| *known == digit)
            .expect("a base64 digit");
        bits = (bits << 6) | u32::try_from(value).expect("six bits");
        length += 6;
        if length >= 8 {
            length -= 8;
            bytes.push(u8::try_from((bits >> length) & 0xff).expect("eight bits"));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn base64_is_decoded_with_and_without_padding() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("AA==", b"\0"),
            ("/w", b"\xff"),
            ("aGkK", b"hi\n"),
        ] {
            assert_eq!(decode(text), bytes);
        }
    }
}
