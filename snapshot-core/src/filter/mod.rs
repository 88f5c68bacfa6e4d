//! What of a source is taken: patterns, markers, a limit of size. Pure.
//!
//! Whatever has to be looked up (names in a directory, the first bytes of a
//! tag, attributes of an inode) is looked up by the walk, which is told here
//! what to look for.

mod builder;
mod class;
mod error;
mod marker;
mod pattern;
mod size;
mod verdict;

use std::path::Path;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::Gitignore;

use crate::entry::EntryKind;

pub use builder::FilterBuilder;
pub use error::{FilterError, PatternTrouble};
pub use marker::{Marker, MarkerSign};
pub(crate) use pattern::translate;
pub use pattern::{FilterPattern, PatternOrigin};
pub use size::{ByteSize, InvalidByteSize};
pub use verdict::{LeftOutBy, Verdict};

/// Decides what of a source is taken and what is left out.
///
/// Patterns have the syntax of `.gitignore` and are matched against the path of
/// an entry from the root of its source: `/cache` is that of the root alone,
/// `cache` is any, `cache/` is any directory. The last pattern that matches
/// counts; one with `!` takes the entry in again. A directory that is left out
/// is not read, and so nothing below it can be taken in again.
///
/// Limits of size, markers and the attribute `nodump` leave out whatever the
/// patterns say. The root of a source, and the directories above it, are always
/// taken.
///
/// Patterns match bytes: `*` matches names that are not UTF-8 too, and `?`
/// matches one byte.
///
/// Two filters are equal if they have the same rules, wherever these came from.
/// A clone costs nothing.
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use hardsnap::{EntryKind, Filter, Verdict};
///
/// let filter = Filter::builder()
///     .exclude("*.o")
///     .include("/keep.o")
///     .patterns_from("filters.txt", "# Not worth the space\nnode_modules/\n")
///     .exclude_larger_than("2G".parse()?)
///     .build()?;
///
/// let verdict = |path, kind| filter.verdict(Path::new(path), kind, 1000);
/// assert_eq!(verdict("keep.o", EntryKind::File), Verdict::Take);
/// let by = verdict("src/main.o", EntryKind::File).left_out_by().expect("a rule");
/// assert_eq!(by.to_string(), "--exclude *.o");
/// let by = verdict("web/node_modules", EntryKind::Directory).left_out_by().expect("a rule");
/// assert_eq!(by.to_string(), "filters.txt:2: node_modules/");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filter(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    patterns: Vec<FilterPattern>,
    /// Each knows a part of the patterns, by their places in the list.
    matchers: Vec<Gitignore>,
    /// In order, each once.
    markers: Vec<Marker>,
    wants_nodump: bool,
    larger_than: Option<ByteSize>,
}

impl Filter {
    /// Starts a filter without rules.
    pub fn builder() -> FilterBuilder {
        FilterBuilder::new()
    }

    /// Tells whether there are no rules, so that everything is taken and
    /// nothing has to be asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let rules = &*self.0;
        rules.patterns.is_empty()
            && rules.markers.is_empty()
            && !rules.wants_nodump
            && rules.larger_than.is_none()
    }

    /// Decides about an entry by all that is known of it from outside: its path
    /// from the root of its source, its kind and its size.
    ///
    /// Whether a directory above is left out is not asked again: a walk does
    /// not come here then. The empty path is the root itself.
    pub fn verdict(&self, relative: &Path, kind: EntryKind, size_bytes: u64) -> Verdict<'_> {
        match self.verdict_by_path(relative, kind) {
            Verdict::Take => self.verdict_by_size(kind, size_bytes),
            left_out => left_out,
        }
    }

    /// Decides by the patterns alone, for who knows an entry's kind from
    /// listing its directory and need not look further.
    pub fn verdict_by_path(&self, relative: &Path, kind: EntryKind) -> Verdict<'_> {
        let rules = &*self.0;
        if rules.patterns.is_empty() || relative.as_os_str().is_empty() {
            return Verdict::Take;
        }
        let is_directory = kind == EntryKind::Directory;
        let mut matches = rules
            .matchers
            .iter()
            .rev()
            .map(|matcher| matcher.matched(relative, is_directory));
        let Some(Match::Ignore(line)) = matches.find(|found| !found.is_none()) else {
            return Verdict::Take;
        };
        let place = line.from().and_then(|place| place.to_str()?.parse().ok());
        match place.and_then(|place: usize| rules.patterns.get(place)) {
            Some(pattern) => Verdict::LeaveOut(LeftOutBy::Pattern(pattern)),
            None => Verdict::Take,
        }
    }

    /// Decides by the limit of size alone.
    pub fn verdict_by_size(&self, kind: EntryKind, size_bytes: u64) -> Verdict<'_> {
        match self.0.larger_than {
            Some(limit) if kind == EntryKind::File && size_bytes > limit.bytes() => {
                Verdict::LeaveOut(LeftOutBy::LargerThan(limit))
            }
            _ => Verdict::Take,
        }
    }

    /// The patterns that were given as absolute paths in one of the sources,
    /// where they match nothing: the pattern, the source, and what would match.
    pub(crate) fn above_sources<'f>(
        &'f self,
        sources: impl IntoIterator<Item = &'f Path> + Clone,
    ) -> impl Iterator<Item = (&'f FilterPattern, &'f Path, &'f str)> {
        self.0.patterns.iter().filter_map(move |pattern| {
            let mut sources = sources.clone().into_iter();
            sources.find_map(|source| Some((pattern, source, pattern.seen_from(source)?)))
        })
    }

    /// Tells whether any pattern asks for paths.
    #[must_use]
    pub fn wants_paths(&self) -> bool {
        !self.0.patterns.is_empty()
    }

    /// Tells whether an entry with the attribute `nodump` is
    /// [left out](LeftOutBy::Nodump), a directory with all below it.
    #[must_use]
    pub fn wants_nodump(&self) -> bool {
        self.0.wants_nodump
    }

    /// What to look for in each directory, the root of a source included; the
    /// first one found [empties it](Marker::left_out_by).
    #[must_use]
    pub fn markers(&self) -> &[Marker] {
        &self.0.markers
    }

    /// The rules as text, one a line: the patterns in their order, then all
    /// else. Equal filters have equal descriptions and others have not.
    #[must_use]
    pub fn description(&self) -> Vec<String> {
        let rules = &*self.0;
        let mut lines: Vec<String> = rules.patterns.iter().map(FilterPattern::rule).collect();
        lines.extend(rules.markers.iter().map(|marker| match marker.sign() {
            MarkerSign::Name => format!("exclude-if-present {}", marker.text()),
            MarkerSign::FirstBytes(_) => "exclude-caches".to_owned(),
        }));
        if rules.wants_nodump {
            lines.push("exclude-nodump".to_owned());
        }
        if let Some(limit) = rules.larger_than {
            lines.push(format!("exclude-larger-than {limit}"));
        }
        lines
    }
}

impl Default for Filter {
    /// The filter without rules.
    fn default() -> Filter {
        Filter(Arc::new(Rules {
            patterns: Vec::new(),
            matchers: Vec::new(),
            markers: Vec::new(),
            wants_nodump: false,
            larger_than: None,
        }))
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Filter) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.description() == other.description()
    }
}

impl Eq for Filter {}
