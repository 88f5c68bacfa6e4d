//! What is wrong with a filter, pointing at the pattern and its line.

use thiserror::Error;

use super::pattern::PatternOrigin;
use super::size::ByteSize;

/// Says why a filter, or a part of one, is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FilterError {
    /// A pattern cannot be read, or could never match anything.
    #[error("{origin}: `{pattern}`: {trouble}")]
    Pattern {
        /// The pattern as it was given.
        pattern: String,
        /// Where it was given.
        origin: PatternOrigin,
        /// What is wrong with it.
        trouble: PatternTrouble,
    },
    /// All patterns together take more room than a matcher may have.
    #[error("the patterns are too many or too long to be matched together")]
    TooLarge,
    /// The name of [`exclude_if_present`](super::FilterBuilder::exclude_if_present)
    /// is none that an entry of a directory can have.
    #[error("--exclude-if-present: `{name}` is not the name of an entry in a directory")]
    Name {
        /// The name as it was given.
        name: String,
    },
    /// A limit of size that would leave out every file that holds anything.
    #[error("--exclude-larger-than: {limit} would leave out every file that is not empty")]
    Limit {
        /// The limit as it was given.
        limit: ByteSize,
    },
}

/// Says what is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternTrouble {
    /// There is nothing in it.
    #[error("the pattern is empty")]
    Empty,
    /// It is not UTF-8.
    #[error("a pattern has to be UTF-8; `?` matches any one byte of a name that is not")]
    NotUtf8,
    /// It has more than one line.
    #[error("a pattern is one line; give each on its own or in a file")]
    LineBreak,
    /// It matches no name at all.
    #[error("it matches no name at all")]
    NeverMatches,
    /// A component is empty, `.` or `..`.
    #[error(
        "it never matches: a path, seen from the source's root, has no empty component, no `.` and no `..`"
    )]
    NoSuchComponent,
    /// A `!` where winning back is said already.
    #[error("`!` is said already; write `\\!` for a name that begins with it")]
    TwiceNegated,
    /// A backslash at the end.
    #[error("nothing follows the last `\\`; write `\\\\` for the character")]
    DanglingEscape,
    /// A `[` without its `]`.
    #[error("a `[` is not closed by `]`; write `\\[` for the character")]
    UnclosedClass,
    /// A range such as `[z-a]`.
    #[error("a range in `[…]` runs backwards")]
    BackwardsRange,
    /// A class holds more than ASCII.
    #[error("only ASCII characters can stand in `[…]`")]
    NotAsciiInClass,
    /// No such class.
    #[error(
        "there is no such class: use alnum, alpha, blank, cntrl, digit, graph, lower, print, punct, space, upper or xdigit"
    )]
    UnknownClass,
    /// The matcher cannot read it.
    #[error("it cannot be matched")]
    Unmatchable,
}
