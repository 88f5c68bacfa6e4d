//! Patterns, and what the matcher is given for them.
//!
//! The matcher's dialect differs from gitignore's: it reads braces as
//! alternatives, an unclosed `[` as itself, any line that begins with `#` as a
//! comment, and cuts any white space off the end. A pattern is therefore read
//! here, and written so that the matcher reads what gitignore means.

use std::fmt;
use std::path::{Path, PathBuf};

use super::class;
use super::error::{FilterError, PatternTrouble};

/// A pattern of a filter, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterPattern {
    text: String,
    origin: PatternOrigin,
}

/// Where a pattern came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternOrigin {
    /// [`exclude`](super::FilterBuilder::exclude).
    Exclude,
    /// [`include`](super::FilterBuilder::include).
    Include,
    /// A line of [`patterns_from`](super::FilterBuilder::patterns_from).
    File {
        /// The name that the text goes by.
        file: PathBuf,
        /// The line's number; the first is 1.
        line: usize,
    },
}

impl FilterPattern {
    /// Reads a pattern, and writes the matcher's line for it.
    pub(super) fn read(
        text: &str,
        origin: PatternOrigin,
    ) -> Result<(FilterPattern, String), FilterError> {
        let pattern = FilterPattern {
            text: text.to_owned(),
            origin,
        };
        let body = pattern.body();
        let sign = if pattern.wins_back() { "!" } else { "" };
        let glob = if pattern.origin == PatternOrigin::Include && body.starts_with('!') {
            Err(PatternTrouble::TwiceNegated)
        } else {
            translate(body)
        };
        match glob {
            Ok(glob) => Ok((pattern, format!("{sign}{glob}"))),
            Err(trouble) => Err(pattern.refused(trouble)),
        }
    }

    pub(super) fn refused(&self, trouble: PatternTrouble) -> FilterError {
        FilterError::Pattern {
            pattern: self.text.clone(),
            origin: self.origin.clone(),
            trouble,
        }
    }

    /// The pattern as it was given, with the `!` of one that wins back where
    /// it was written so.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where it came from.
    #[must_use]
    pub fn origin(&self) -> &PatternOrigin {
        &self.origin
    }

    /// Tells whether a match takes an entry in again, instead of leaving it out.
    #[must_use]
    pub fn wins_back(&self) -> bool {
        self.origin == PatternOrigin::Include || self.text.starts_with('!')
    }

    /// What the pattern would be if it was meant as an absolute path in the
    /// source at `root`, where patterns begin with the source itself.
    pub(crate) fn seen_from(&self, root: &Path) -> Option<&str> {
        let inside = self.body().strip_prefix(root.to_str()?)?;
        let is_meant = root != Path::new("/") && inside.starts_with('/') && inside != "/";
        is_meant.then_some(inside)
    }

    /// The pattern without the `!` of one that wins back.
    fn body(&self) -> &str {
        match self.origin {
            PatternOrigin::Include => &self.text,
            _ => self.text.strip_prefix('!').unwrap_or(&self.text),
        }
    }

    /// What it does, wherever it came from: `exclude *.o`, `include keep.o`.
    pub(super) fn rule(&self) -> String {
        let does = if self.wins_back() {
            "include"
        } else {
            "exclude"
        };
        format!("{does} {}", self.body())
    }
}

/// `--exclude *.o`, or `FILE:LINE: *.o`.
impl fmt::Display for FilterPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            PatternOrigin::File { .. } => write!(f, "{}: {}", self.origin, self.text),
            _ => write!(f, "{} {}", self.origin, self.text),
        }
    }
}

/// `--exclude`, `--include` or `FILE:LINE`.
impl fmt::Display for PatternOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatternOrigin::Exclude => f.write_str("--exclude"),
            PatternOrigin::Include => f.write_str("--include"),
            PatternOrigin::File { file, line } => write!(f, "{}:{line}", file.display()),
        }
    }
}

/// Writes a pattern without its `!` as the matcher reads it.
pub(crate) fn translate(body: &str) -> Result<String, PatternTrouble> {
    if body.is_empty() {
        return Err(PatternTrouble::Empty);
    }
    if body.contains('\n') {
        return Err(PatternTrouble::LineBreak);
    }
    if body.contains('\0') || body == "/" {
        return Err(PatternTrouble::NeverMatches);
    }
    let path = body.strip_suffix('/').unwrap_or(body);
    let is_anchored = path.contains('/');
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Err(PatternTrouble::NoSuchComponent);
    }
    // A slash in front keeps the matcher from reading anything into what
    // follows: not where it is anchored, nor a comment.
    let mut glob = if is_anchored { "/" } else { "/**/" }.to_owned();
    let mut last_literal = None;
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        last_literal = None;
        match c {
            // More than two of them mean what two do.
            '*' => {
                let stars = chars.as_str();
                chars = stars.trim_start_matches('*').chars();
                let has_more = chars.as_str().len() < stars.len();
                glob += if has_more { "**" } else { "*" };
            }
            '?' => glob.push(c),
            '[' => glob += &class::translate(&mut chars)?,
            c => {
                let c = match c {
                    '\\' => chars.next().ok_or(PatternTrouble::DanglingEscape)?,
                    c => c,
                };
                last_literal = Some((glob.len(), c));
                glob.extend(literal(c));
            }
        }
    }
    if let Some((at, last)) = last_literal {
        // White space at the end would be cut off. And patterns with the same
        // ending would be tried one by one on every path with that ending;
        // others with wildcards are tried all at once. One alternative alone
        // changes nothing but how it looks.
        if last.is_whitespace() || !is_looked_up(path, is_anchored) {
            glob.insert(at, '{');
            glob.push('}');
        }
    }
    if body.ends_with('/') {
        glob.push('/');
    }
    Ok(glob)
}

/// Tells whether the matcher finds all that a pattern matches by one look-up:
/// it has no wildcard, or is an ending such as `*.o`.
fn is_looked_up(path: &str, is_anchored: bool) -> bool {
    let has_wildcard = |text: &str| text.contains(['*', '?', '[']);
    let path = path.strip_prefix("**/").unwrap_or(path);
    match path.strip_prefix("*.") {
        Some(ending) if !is_anchored => !has_wildcard(ending) && !ending.contains('.'),
        _ => !has_wildcard(path),
    }
}

/// Writes a character that means nothing but itself.
pub(super) fn literal(c: char) -> impl Iterator<Item = char> {
    let has_meaning = matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | ',' | '\\');
    has_meaning.then_some('\\').into_iter().chain([c])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_is_told_from_one_that_begins_alike() {
        let seen = |text: &str, root: &str| {
            let (pattern, _) = FilterPattern::read(text, PatternOrigin::Exclude).unwrap();
            pattern.seen_from(Path::new(root)).map(str::to_owned)
        };
        let instead = Some("/.cache".to_owned());
        assert_eq!(seen("/home/alice/.cache", "/home/alice"), instead);
        assert_eq!(seen("!/home/alice/.cache", "/home/alice"), instead);
        for (text, root) in [
            ("/home/alice/.cache", "/"),
            ("/home/alice/.cache", "/home/al"),
            ("/home/alice", "/home/alice"),
            ("/home/alice/", "/home/alice"),
            ("home/alice/.cache", "/home/alice"),
            ("/.cache", "/home/alice"),
        ] {
            assert_eq!(seen(text, root), None, "{text}");
        }
    }

    #[test]
    fn patterns_are_written_as_the_matcher_reads_them() {
        for (pattern, line) in [
            ("name", "/**/name"),
            ("name/", "/**/name/"),
            ("/name", "/name"),
            ("a/b", "/a/b"),
            ("a/b/", "/a/b/"),
            ("**", "/**/**"),
            ("a/**", "/a/**"),
            ("**/a", "/**/a"),
            ("a*****b", "/**/a**{b}"),
            ("*.o", "/**/*.o"),
            // Not by the ending alone.
            ("/*.o", "/*.{o}"),
            ("a/*.o", "/a/*.{o}"),
            ("*.tar.gz", "/**/*.tar.g{z}"),
            ("#name", "/**/#name"),
            ("{a,b}", r"/**/\{a\,b\}"),
            ("*,", r"/**/*{\,}"),
            (r"\{a\}", r"/**/\{a\}"),
            (r"\!a", "/**/!a"),
            (r"\a\*", r"/**/a{\*}"),
            (r"?\*", r"/**/?{\*}"),
            ("name ", "/**/name{ }"),
            (r"name\ ", "/**/name{ }"),
            ("name\u{a0}", "/**/name{\u{a0}}"),
            ("[a]", "/**/a"),
            ("[*]", r"/**/\*"),
            ("]", r"/**/\]"),
        ] {
            assert_eq!(translate(pattern).as_deref(), Ok(line), "{pattern}");
        }
    }

    #[test]
    fn an_include_and_a_pattern_with_an_exclamation_mark_are_one_rule() {
        let read = |text, origin| FilterPattern::read(text, origin).unwrap();
        let (included, line) = read("a", PatternOrigin::Include);
        let (negated, same) = read("!a", PatternOrigin::Exclude);
        assert_eq!((line.as_str(), &line), ("!/**/a", &same));
        assert!(included.wins_back() && negated.wins_back());
        assert_eq!(included.rule(), "include a");
        assert_eq!(negated.rule(), "include a");
        assert_eq!(included.to_string(), "--include a");
        assert_eq!(negated.to_string(), "--exclude !a");
    }
}
