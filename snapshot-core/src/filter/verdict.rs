//! What a filter says of an entry.

use std::fmt;

use super::pattern::FilterPattern;
use super::size::ByteSize;

/// Whether an entry is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict<'filter> {
    /// It is taken.
    Take,
    /// It is left out, and if it is a directory, all below it.
    LeaveOut(LeftOutBy<'filter>),
}

/// The rule that leaves something out.
///
/// As text it is what was asked for: `--exclude *.o`, `FILE:12: *.o`,
/// `--exclude-larger-than 10M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftOutBy<'filter> {
    /// A pattern: the last of those that match.
    Pattern(&'filter FilterPattern),
    /// The file is larger.
    LargerThan(ByteSize),
    /// The directory holds an entry of this name, which empties it.
    Marker {
        /// The marker's name; it is taken.
        name: &'filter str,
    },
    /// The directory is tagged as a cache, which empties it.
    CacheTag {
        /// The tag's name; it is taken.
        name: &'filter str,
    },
    /// The entry has the attribute `nodump`.
    Nodump,
}

impl<'filter> Verdict<'filter> {
    /// The rule that leaves the entry out, if one does.
    #[must_use]
    pub fn left_out_by(self) -> Option<LeftOutBy<'filter>> {
        match self {
            Verdict::Take => None,
            Verdict::LeaveOut(by) => Some(by),
        }
    }
}

impl<'filter> LeftOutBy<'filter> {
    /// The one entry that stays, where the rule empties a directory and does
    /// not leave it out.
    #[must_use]
    pub fn all_but(self) -> Option<&'filter str> {
        match self {
            LeftOutBy::Marker { name } | LeftOutBy::CacheTag { name } => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for LeftOutBy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeftOutBy::Pattern(pattern) => pattern.fmt(f),
            LeftOutBy::LargerThan(limit) => write!(f, "--exclude-larger-than {limit}"),
            LeftOutBy::Marker { name } => write!(f, "--exclude-if-present {name}"),
            LeftOutBy::CacheTag { .. } => f.write_str("--exclude-caches"),
            LeftOutBy::Nodump => f.write_str("--exclude-nodump"),
        }
    }
}
