//! The VALUE of `--keep-daily VALUE` and its siblings.

use std::fmt;
use std::str::FromStr;

use super::error::{PolicyError, Trouble};
use super::span::Span;
use super::words::Words;

/// Says how much of one kind of period is kept.
///
/// Read from `14` (a count), `2w`, `14d`, `6mo`, `1y` or `6 months` (a span), `2w:min=14` (a span
/// with a floor), `all` or `forever`.
///
/// # Examples
///
/// ```
/// use hardsnap::retention::{Every, KeepValue, Policy, Rule};
///
/// let daily: KeepValue = "2w:min=14".parse()?;
/// let monthly: KeepValue = "all".parse()?;
/// let policy = Policy::new([
///     Rule::from_keep(Every::Day, daily),
///     Rule::from_keep(Every::Month, monthly),
/// ])?;
/// assert_eq!(policy.to_string(), "daily for 2 weeks min 14, all monthly");
/// # Ok::<(), hardsnap::retention::PolicyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeepValue {
    /// The newest ones, whatever their age.
    Count(u32),
    /// Those younger than a span, and at least some.
    Span {
        /// How far back it reaches.
        span: Span,
        /// How many of the newest are kept whatever their age.
        at_least: u32,
    },
    /// All, for ever.
    All,
}

const VALUE: &str = "a number, a span such as `2w` or `6 months`, `all`, or `SPAN:min=N`";

impl FromStr for KeepValue {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        if let Some((span, floor)) = text.split_once(':') {
            return Ok(Self::Span {
                span: span.parse()?,
                at_least: min(floor).map_err(|error| error.moved(span.len() + 1))?,
            });
        }
        let mut words = Words::new(text);
        if words.accept("all") || words.accept("forever") {
            words.end("nothing more after `all`")?;
            return Ok(Self::All);
        }
        let mut number = words.clone();
        let word = number.next(VALUE)?;
        if number.peek().is_none() && word.text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self::Count(words.count()?));
        }
        if !word
            .text
            .starts_with(|c: char| c == '-' || c.is_ascii_digit())
        {
            return Err(word.refuse(Trouble::Expected(VALUE)));
        }
        text.parse().map(|span| Self::Span { span, at_least: 0 })
    }
}

/// Reads `min=N`.
fn min(text: &str) -> Result<u32, PolicyError> {
    let refuse = || {
        let start = text.len() - text.trim_start().len();
        PolicyError::word(text.trim(), start, Trouble::Expected("`min=N`"))
    };
    let (name, number) = text.split_once('=').ok_or_else(refuse)?;
    if !name.trim().eq_ignore_ascii_case("min") {
        return Err(refuse());
    }
    let mut words = Words::new(number);
    let moved = |error: PolicyError| error.moved(name.len() + 1);
    let count = words.count().map_err(moved)?;
    words.end("nothing more after the number").map_err(moved)?;
    Ok(count)
}

/// Writes the value so that it reads as itself.
impl fmt::Display for KeepValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Span { span, at_least: 0 } => span.fmt(f),
            Self::Span { span, at_least } => write!(f, "{span}:min={at_least}"),
            Self::All => f.write_str("all"),
        }
    }
}
