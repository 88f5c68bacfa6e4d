//! How the text of a file was changed, in the form of `diff -u`.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use hardsnap::json::{PathFields, base64};
use hardsnap::{CatalogEntry, SnapshotName};
use serde::Serialize;
use similar::{ChangeTag, TextDiff, TextDiffConfig};

use super::columns::{Colour, Paint};
use super::shell;
use super::text::{Escaped, local_zone, plural, size};

/// Unchanged lines around those that were changed.
const CONTEXT_LINES: usize = 3;

/// After this the patch may be longer than it has to be, but is not less right.
const PATIENCE: Duration = Duration::from_secs(10);

/// A file in one of the snapshots, if it has it.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) snapshot: SnapshotName,
    pub(crate) entry: Option<CatalogEntry>,
}

impl Side {
    pub(crate) fn size_bytes(&self) -> Option<u64> {
        self.entry.as_ref().map(|entry| entry.size_bytes)
    }

    fn size(&self) -> String {
        match self.size_bytes() {
            Some(bytes) => format!("{} in {}", size(bytes), self.snapshot),
            None => format!("missing in {}", self.snapshot),
        }
    }

    /// What stands over the patch: the path in the store, and the mtime.
    fn label(&self) -> Vec<u8> {
        let Some(entry) = &self.entry else {
            return b"/dev/null".to_vec();
        };
        let mut name = self.snapshot.to_string().into_bytes();
        name.extend_from_slice(entry.path.as_os_str().as_bytes());
        let is_plain = Escaped::new(OsStr::from_bytes(&name))
            .to_string()
            .as_bytes()
            == name;
        if !is_plain || name.contains(&b'"') || name.contains(&b'\\') {
            // As git writes names, and `patch` reads them.
            name = shell::numbered(&name, '"').into_bytes();
        }
        if let Some(time) = entry.mtime.to_utc() {
            let time = local_zone().wall_time(time);
            let time = time.format("\t%Y-%m-%d %H:%M:%S%.9f %z").to_string();
            name.extend_from_slice(time.as_bytes());
        }
        name
    }
}

/// What became of one file's content.
#[derive(Debug)]
pub(crate) struct Patch<'a> {
    pub(crate) path: &'a Path,
    pub(crate) old: Side,
    pub(crate) new: Side,
    pub(crate) comparison: Comparison,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Same,
    /// It differs, and is no text.
    Binary,
    /// It is too large to be compared line by line.
    Large,
    /// The lines of the patch, without the two over it.
    Text(Vec<Line>),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// `@@ -1,3 +1,4 @@`
    Hunk(String),
    Kept(Vec<u8>),
    Removed(Vec<u8>),
    Added(Vec<u8>),
    /// The line before is the last of its file and has no end.
    Endless,
}

/// Compares two contents line by line.
pub(crate) fn compare(old: &[u8], new: &[u8]) -> Comparison {
    if old == new {
        return Comparison::Same;
    }
    if old.contains(&0) || new.contains(&0) {
        return Comparison::Binary;
    }
    // Not at a carriage return, as the crate would: `patch` does not either.
    let split = |text| <[u8]>::split_inclusive(text, |byte| *byte == b'\n').collect();
    let (old, new): (Vec<&[u8]>, Vec<&[u8]>) = (split(old), split(new));
    let diff: TextDiff<'_, '_, [u8]> = TextDiffConfig::default()
        .timeout(PATIENCE)
        .newline_terminated(true)
        .diff_slices(&old, &new);
    let mut lines = Vec::new();
    for hunk in diff
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .iter_hunks()
    {
        lines.push(Line::Hunk(hunk.header().to_string()));
        for change in hunk.iter_changes() {
            let text = change.value();
            let (text, has_end) = match text.strip_suffix(b"\n") {
                Some(text) => (text.to_vec(), true),
                None => (text.to_vec(), false),
            };
            lines.push(match change.tag() {
                ChangeTag::Equal => Line::Kept(text),
                ChangeTag::Delete => Line::Removed(text),
                ChangeTag::Insert => Line::Added(text),
            });
            if !has_end {
                lines.push(Line::Endless);
            }
        }
    }
    Comparison::Text(lines)
}

/// The patch: for a program byte by byte, for a person with nothing in it that
/// could command the terminal.
pub(crate) fn shown(patch: &Patch<'_>, paint: Paint, is_looked_at: bool) -> Vec<u8> {
    let lines = match &patch.comparison {
        Comparison::Same => return Vec::new(),
        Comparison::Binary => return sizes(patch, "a binary file").into_bytes(),
        Comparison::Large => return sizes(patch, "too large to show as text").into_bytes(),
        Comparison::Text(lines) => lines,
    };
    let mut out = Vec::new();
    for (sign, side) in [("--- ", &patch.old), ("+++ ", &patch.new)] {
        put(&mut out, sign, &side.label(), Some(Colour::BOLD), paint);
    }
    for line in lines {
        let (sign, text, colour) = match line {
            Line::Hunk(head) => ("", head.as_bytes(), Some(Colour::CYAN)),
            Line::Kept(text) => (" ", text.as_slice(), None),
            Line::Removed(text) => ("-", text.as_slice(), Some(Colour::RED)),
            Line::Added(text) => ("+", text.as_slice(), Some(Colour::GREEN)),
            Line::Endless => ("\\", b" No newline at end of file".as_slice(), None),
        };
        let text = if is_looked_at {
            harmless(text)
        } else {
            text.into()
        };
        put(&mut out, sign, &text, colour, paint);
    }
    out
}

fn put(out: &mut Vec<u8>, sign: &str, text: &[u8], colour: Option<Colour>, paint: Paint) {
    let line = [sign.as_bytes(), text].concat();
    match (colour, std::str::from_utf8(&line)) {
        (Some(colour), Ok(line)) => out.extend_from_slice(paint.text(colour, line).as_bytes()),
        // With colours it was made harmless before, and that is UTF-8.
        _ => out.extend_from_slice(&line),
    }
    out.push(b'\n');
}

/// A line for a terminal; tabs stay.
fn harmless(text: &[u8]) -> Cow<'_, [u8]> {
    let parts: Vec<String> = text
        .split(|byte| *byte == b'\t')
        .map(|part| Escaped::new(OsStr::from_bytes(part)).to_string())
        .collect();
    parts.join("\t").into_bytes().into()
}

fn sizes(patch: &Patch<'_>, what: &str) -> String {
    format!(
        "{} is {what}: {}, {}\n",
        Escaped::new(patch.path),
        patch.old.size(),
        patch.new.size()
    )
}

/// The numbers of lines that were added and removed.
fn counts(comparison: &Comparison) -> Option<(u64, u64)> {
    let Comparison::Text(lines) = comparison else {
        return None;
    };
    let count = |is: fn(&Line) -> bool| lines.iter().filter(|line| is(line)).count() as u64;
    let added = count(|line| matches!(line, Line::Added(_)));
    Some((added, count(|line| matches!(line, Line::Removed(_)))))
}

/// A last word for a person.
pub(crate) fn remark(patch: &Patch<'_>) -> String {
    match (&patch.comparison, counts(&patch.comparison)) {
        (Comparison::Same, _) => match patch.moved_from() {
            Some(from) => format!("moved from {}, with the same content\n", Escaped::new(from)),
            None => "no differences in the content\n".to_owned(),
        },
        (_, Some((added, removed))) => {
            let added = plural(added, "line", "lines");
            format!("{added} added, {removed} removed\n")
        }
        (_, None) => String::new(),
    }
}

impl Patch<'_> {
    fn moved_from(&self) -> Option<&Path> {
        match (&self.old.entry, &self.new.entry) {
            (Some(old), Some(new)) if old.path != new.path => Some(&old.path),
            _ => None,
        }
    }
}

/// The fields of the JSON line.
#[derive(Debug, Serialize)]
pub(crate) struct Fields {
    before: SnapshotName,
    after: SnapshotName,
    #[serde(flatten)]
    path: PathFields,
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_base64: Option<String>,
    content: &'static str,
    before_bytes: Option<u64>,
    after_bytes: Option<u64>,
    added_lines: Option<u64>,
    removed_lines: Option<u64>,
    patch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_base64: Option<String>,
}

impl Fields {
    pub(crate) fn new(patch: &Patch<'_>) -> Fields {
        let counts = counts(&patch.comparison);
        let text = counts.map(|_| shown(patch, Paint::Plain, false));
        let from = patch.moved_from().map(|from| from.as_os_str().as_bytes());
        let exactly = |bytes: &[u8]| std::str::from_utf8(bytes).is_err().then(|| base64(bytes));
        let lossily = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let path = patch.new.entry.as_ref().or(patch.old.entry.as_ref());
        Fields {
            before: patch.old.snapshot,
            after: patch.new.snapshot,
            path: path.map_or(patch.path, |entry| &entry.path).into(),
            from: from.map(lossily),
            from_base64: from.and_then(exactly),
            content: match patch.comparison {
                Comparison::Same => "same",
                Comparison::Binary => "binary",
                Comparison::Large => "large",
                Comparison::Text(_) => "text",
            },
            before_bytes: patch.old.size_bytes(),
            after_bytes: patch.new.size_bytes(),
            added_lines: counts.map(|(added, _)| added),
            removed_lines: counts.map(|(_, removed)| removed),
            patch: text.as_deref().map(lossily),
            patch_base64: text.as_deref().and_then(exactly),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_makes_a_file_binary_and_nothing_else_does() {
        assert_eq!(compare(b"a\0", b"a"), Comparison::Binary);
        assert_eq!(compare(b"", b"\0"), Comparison::Binary);
        assert_eq!(compare(b"\0", b"\0"), Comparison::Same);
        let Comparison::Text(lines) = compare(b"\xff\r\n", b"\xfe\rx\n") else {
            panic!("no text")
        };
        let expected = [
            Line::Hunk("@@ -1 +1 @@".to_owned()),
            Line::Removed(b"\xff\r".to_vec()),
            Line::Added(b"\xfe\rx".to_vec()),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_last_line_without_an_end_is_told() {
        let Comparison::Text(lines) = compare(b"a\nb", b"a\nb\n") else {
            panic!("no text")
        };
        let expected = [
            Line::Hunk("@@ -1,2 +1,2 @@".to_owned()),
            Line::Kept(b"a".to_vec()),
            Line::Removed(b"b".to_vec()),
            Line::Endless,
            Line::Added(b"b".to_vec()),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_line_cannot_command_the_terminal() {
        assert_eq!(
            &*harmless(b"\ta\x1b[31m\tb\r\xff"),
            b"\ta\\x1b[31m\tb\\r\\xff"
        );
    }
}
