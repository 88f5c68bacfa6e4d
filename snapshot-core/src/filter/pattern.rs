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
        let sign = match effect {
            Effect::LeaveOut => "",
            Effect::WinBack => "!",
        };
        match body.and_then(translate) {
            Ok(glob) => {
                let text = text.to_owned();
                let pattern = FilterPattern {
                    text,
                    origin,
                    effect,
                };
                Ok((pattern, format!("{sign}{glob}")))
            }
            Err(trouble) => Err(FilterError::Pattern {
                pattern: text.to_owned(),
                origin,
                trouble,
            }),
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
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
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
            '\\' => glob.extend(literal(chars.next().ok_or(PatternTrouble::DanglingEscape)?)),
            c => glob.extend(literal(c)),
        }
    }
    if glob.ends_with(char::is_whitespace) {
        // One alternative: nothing else keeps what is not cut off at the end.
        if let Some(last) = glob.pop() {
            glob.extend(['{', last, '}']);
        }
    }
    if body.ends_with('/') {
        glob.push('/');
    }
    Ok(glob)
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
