//! Patterns, and what the matcher is given for them.
//!
//! The matcher's dialect differs from gitignore's: it reads braces as
//! alternatives, an unclosed `[` as itself, any line that begins with `#` as a
//! comment, and cuts any white space off the end. A pattern is therefore read
//! here, and written so that the matcher reads what gitignore means.

use std::fmt;
use std::path::PathBuf;

use super::class;
use super::error::{FilterError, PatternTrouble};

/// A pattern of a filter, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterPattern {
    text: String,
    origin: PatternOrigin,
    effect: Effect,
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

/// What a match does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    LeaveOut,
    WinBack,
}

impl FilterPattern {
    /// Reads a pattern, and writes the matcher's line for it.
    pub(super) fn read(
        text: &str,
        origin: PatternOrigin,
    ) -> Result<(FilterPattern, String), FilterError> {
        let (effect, body) = match (&origin, text.strip_prefix('!')) {
            (PatternOrigin::Include, None) => (Effect::WinBack, Ok(text)),
            (PatternOrigin::Include, Some(_)) => {
                (Effect::WinBack, Err(PatternTrouble::TwiceNegated))
            }
            (_, Some(body)) => (Effect::WinBack, Ok(body)),
            (_, None) => (Effect::LeaveOut, Ok(text)),
        };
        let text = text.to_owned();
        let pattern = FilterPattern {
            text,
            origin,
            effect,
        };
        let sign = if pattern.wins_back() { "!" } else { "" };
        match body.and_then(translate) {
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
        self.effect == Effect::WinBack
    }

    /// What it does, wherever it came from: `exclude *.o`, `include keep.o`.
    pub(super) fn rule(&self) -> String {
        match (self.effect, &self.origin) {
            (Effect::LeaveOut, _) => format!("exclude {}", self.text),
            (Effect::WinBack, PatternOrigin::Include) => format!("include {}", self.text),
            (Effect::WinBack, _) => format!("include {}", &self.text[1..]),
        }
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
fn translate(body: &str) -> Result<String, PatternTrouble> {
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
    let has_meaning = |text: &str| text.contains(['*', '?', '[', '\\']);
    let path = path.strip_prefix("**/").unwrap_or(path);
    match path.strip_prefix("*.") {
        Some(ending) if !is_anchored => !has_meaning(ending) && !ending.contains('.'),
        _ => !has_meaning(path),
    }
}

/// Writes a character that means nothing but itself.
pub(super) fn literal(c: char) -> impl Iterator<Item = char> {
    let has_meaning = matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\');
    has_meaning.then_some('\\').into_iter().chain([c])
}

#[cfg(test)]
mod tests {
    use super::*;
}
