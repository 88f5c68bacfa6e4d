//! A matcher of patterns that is written to be obvious, for the part of the
//! syntax that is names, `*`, `?`, `**`, slashes and `!`; and a walk.

use std::path::Path;

use hardsnap::{EntryKind, Filter, Verdict};
use proptest::prelude::*;

/// Patterns, each tried on each path.
pub(crate) struct Naive<'p>(&'p [String]);

impl<'p> Naive<'p> {
    pub(crate) fn new(patterns: &'p [String]) -> Naive<'p> {
        Naive(patterns)
    }

    /// The pattern that leaves a path out: the last that matches, unless it
    /// takes the path in again.
    pub(crate) fn rule(&self, path: &[u8], is_directory: bool) -> Option<&'p str> {
        let last = self.0.iter().rev().find(|pattern| {
            let body = pattern.strip_prefix('!').unwrap_or(pattern);
            matches(body, path, is_directory)
        });
        last.map(String::as_str)
            .filter(|pattern| !pattern.starts_with('!'))
    }
}

fn matches(pattern: &str, path: &[u8], is_directory: bool) -> bool {
    let (pattern, only_directories) = match pattern.strip_suffix('/') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    if only_directories && !is_directory {
        return false;
    }
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    if !pattern.contains('/') {
        return names
            .last()
            .is_some_and(|last| name(pattern.as_bytes(), last));
    }
    let parts: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
    all_names(&parts, &names)
}

fn all_names(parts: &[&str], names: &[&[u8]]) -> bool {
    match parts {
        [] => names.is_empty(),
        // Everything inside, and that is at least one name.
        ["**"] => !names.is_empty(),
        ["**", rest @ ..] => (0..=names.len()).any(|skip| all_names(rest, &names[skip..])),
        [part, rest @ ..] => match names {
            [first, names @ ..] => name(part.as_bytes(), first) && all_names(rest, names),
            [] => false,
        },
    }
}

fn name(part: &[u8], text: &[u8]) -> bool {
    match part {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|skip| name(rest, &text[skip..])),
        [b'?', rest @ ..] => text.split_first().is_some_and(|(_, text)| name(rest, text)),
        [byte, rest @ ..] => text
            .split_first()
            .is_some_and(|(first, text)| first == byte && name(rest, text)),
    }
}

/// Patterns of the part of the syntax that is known here.
pub(crate) fn pattern() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[ab.*?]{1,4}".prop_filter("no such name", |part| {
            !matches!(part.as_str(), "." | "..") && !part.contains("**")
        }),
        1 => Just("**".to_owned()),
        1 => Just("*.b".to_owned()),
    ];
    let parts = prop::collection::vec(part, 1..4);
    let sign = prop_oneof![3 => Just(""), 1 => Just("!")];
    let lead = prop_oneof![2 => Just(""), 1 => Just("/")];
    let tail = prop_oneof![3 => Just(""), 1 => Just("/")];
    (sign, lead, parts, tail)
        .prop_map(|(sign, lead, parts, tail)| format!("{sign}{lead}{}{tail}", parts.join("/")))
}

/// Paths that such patterns are likely to match, some not UTF-8.
pub(crate) fn path() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => Just(b'a'), 3 => Just(b'b'), 2 => Just(b'.'), 1 => Just(0xff), 1 => Just(b'\n')
    ];
    let name = prop::collection::vec(byte, 1..4)
        .prop_filter("no such name", |name| name != b"." && name != b"..");
    prop::collection::vec(name, 1..5).prop_map(|names| names.join(&b'/'))
}

/// The paths that a walk from the top comes to and takes.
pub(crate) fn walk<'t>(filter: &Filter, tree: &[(&'t str, EntryKind)]) -> Vec<&'t str> {
    let mut taken: Vec<&str> = Vec::new();
    for (path, kind) in tree {
        let above = path.rsplit_once('/').map(|(above, _)| above);
        let is_reached = above.is_none_or(|above| taken.contains(&above));
        if is_reached && filter.verdict(Path::new(path), *kind, 0) == Verdict::Take {
            taken.push(path);
        }
    }
    taken
}
