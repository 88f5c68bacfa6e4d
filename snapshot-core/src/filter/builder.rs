//! Putting a filter together, rule by rule.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::error::{FilterError, PatternTrouble};
use super::marker::Marker;
use super::pattern::{FilterPattern, PatternOrigin};
use super::size::ByteSize;
use super::{Filter, Rules};

/// A matcher's room has a limit, which patterns of the usual length reach when
/// they are some thousands.
const MATCHED_TOGETHER: usize = 1_000;

/// Collects the rules of a [`Filter`].
///
/// The order of patterns decides, of those given one by one and of those in
/// texts together: the last that matches an entry is the one that counts. The
/// order of all else does not matter.
#[derive(Clone, Debug)]
#[must_use]
pub struct FilterBuilder {
    /// Each with its line for the matcher.
    patterns: Vec<(FilterPattern, String)>,
    markers: BTreeSet<Marker>,
    wants_nodump: bool,
    larger_than: Option<ByteSize>,
    /// The first thing that is wrong.
    error: Option<FilterError>,
}

impl FilterBuilder {
    pub(super) fn new() -> FilterBuilder {
        FilterBuilder {
            patterns: Vec::new(),
            markers: BTreeSet::new(),
            wants_nodump: false,
            larger_than: None,
            error: None,
        }
    }

    /// Adds a pattern of what is left out, or with a leading `!`, of what is
    /// taken after all.
    ///
    /// It is taken to the letter: a leading `#` is no comment, and a space at
    /// the end counts.
    pub fn exclude(self, pattern: &str) -> FilterBuilder {
        self.add(pattern, PatternOrigin::Exclude)
    }

    /// Adds a pattern of what is taken although an earlier one leaves it out.
    ///
    /// Nothing below a directory that is left out can be taken: such a
    /// directory is not read. Leave out what is in it instead (`/cache/*`),
    /// and then include what is wanted (`/cache/keep`).
    pub fn include(self, pattern: &str) -> FilterBuilder {
        self.add(pattern, PatternOrigin::Include)
    }

    /// Adds the patterns of a text in the syntax of `.gitignore`: one a line,
    /// comments with `#`, and `!` to take something in again. `file` names the
    /// text in messages; it is not read.
    pub fn patterns_from(
        mut self,
        file: impl Into<PathBuf>,
        text: impl AsRef<[u8]>,
    ) -> FilterBuilder {
        let (file, text) = (file.into(), text.as_ref());
        // Editors of other systems put a mark in front.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let origin = PatternOrigin::File {
                file: file.clone(),
                line: index + 1,
            };
            match String::from_utf8_lossy(line) {
                line if line.starts_with('#') => {}
                Cow::Borrowed(line) => match without_trailing_spaces(line) {
                    "" => {}
                    pattern => self = self.add(pattern, origin),
                },
                Cow::Owned(lossy) => self.fail(FilterError::Pattern {
                    pattern: lossy,
                    origin,
                    trouble: PatternTrouble::NotUtf8,
                }),
            }
        }
        self
    }

    /// Leaves out the content of each directory that holds an entry of this
    /// name, except for that entry.
    pub fn exclude_if_present(mut self, name: &str) -> FilterBuilder {
        match Marker::named(name) {
            Ok(marker) => drop(self.markers.insert(marker)),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Leaves out the content of each directory that is tagged as a cache,
    /// except for the tag: a file `CACHEDIR.TAG` that begins as the Cache
    /// Directory Tagging Specification says.
    pub fn exclude_caches(mut self) -> FilterBuilder {
        self.markers.insert(Marker::cache_tag());
        self
    }

    /// Leaves out what has the attribute `nodump` (`chattr +d`).
    pub fn exclude_nodump(mut self) -> FilterBuilder {
        self.wants_nodump = true;
        self
    }

    /// Leaves out regular files that are larger than this; of several limits
    /// the last one counts.
    pub fn exclude_larger_than(mut self, limit: ByteSize) -> FilterBuilder {
        if limit.bytes() == 0 {
            self.fail(FilterError::Limit { limit });
        }
        self.larger_than = Some(limit);
        self
    }

    /// Makes the filter.
    ///
    /// # Errors
    ///
    /// The first rule that cannot be used.
    pub fn build(self) -> Result<Filter, FilterError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut matchers = Vec::new();
        for patterns in self.patterns.chunks(MATCHED_TOGETHER) {
            let first = matchers.len() * MATCHED_TOGETHER;
            matchers.push(matcher(patterns, first)?);
        }
        Ok(Filter(Arc::new(Rules {
            patterns: self
                .patterns
                .into_iter()
                .map(|(pattern, _)| pattern)
                .collect(),
            matchers,
            markers: self.markers.into_iter().collect(),
            wants_nodump: self.wants_nodump,
            larger_than: self.larger_than,
        })))
    }

    fn add(mut self, text: &str, origin: PatternOrigin) -> FilterBuilder {
        match FilterPattern::read(text, origin) {
            Ok(pattern) => self.patterns.push(pattern),
            Err(error) => self.fail(error),
        }
        self
    }

    fn fail(&mut self, error: FilterError) {
        self.error.get_or_insert(error);
    }
}

/// Makes a matcher of patterns of which the first has the place `first` in the
/// whole list.
fn matcher(patterns: &[(FilterPattern, String)], first: usize) -> Result<Gitignore, FilterError> {
    // Paths are relative to the source's root already.
    let mut builder = GitignoreBuilder::new(".");
    for (place, (pattern, line)) in (first..).zip(patterns) {
        // All that a match is known by later is where its line came from.
        let place = PathBuf::from(place.to_string());
        if builder.add_line(Some(place), line).is_err() {
            return Err(pattern.refused(PatternTrouble::Unmatchable));
        }
    }
    // Each by itself could be read; what is left is the limit of room.
    builder.build().map_err(|_| FilterError::TooLarge)
}

/// Cuts off spaces at the end, up to one that is escaped.
fn without_trailing_spaces(line: &str) -> &str {
    let mut end = 0;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        let last = match c {
            ' ' => continue,
            '\\' => chars.next().unwrap_or((at, c)),
            _ => (at, c),
        };
        end = last.0 + last.1.len_utf8();
    }
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_at_the_end_are_cut_off_up_to_one_that_is_escaped() {
        for (line, pattern) in [
            ("", ""),
            ("  ", ""),
            ("a", "a"),
            ("a b  ", "a b"),
            (r"a\ ", r"a\ "),
            (r"a\  ", r"a\ "),
            (r"a\\ ", r"a\\"),
            (r"a \ b ", r"a \ b"),
            ("a\t", "a\t"),
            ("ä ", "ä"),
            (r"a\", r"a\"),
        ] {
            assert_eq!(without_trailing_spaces(line), pattern, "{line:?}");
        }
    }
}
