//! What is wrong with a policy, pointing at the word.

use thiserror::Error;

/// Says why a policy, or a part of one, is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// There is no rule.
    #[error("a policy needs at least one rule")]
    Empty,
    /// There are rules, and all of them say zero.
    #[error("the policy keeps nothing: every rule says zero")]
    KeepsNothing,
    /// A word cannot be read.
    #[error("`{word}`: {trouble}")]
    Word {
        /// The word; what the user wrote there.
        word: String,
        /// Where it begins in the text, in bytes.
        position_bytes: usize,
        /// What is wrong with it.
        trouble: Trouble,
    },
    /// The text ends too early.
    #[error("expected {expected} {}", after(text))]
    Unfinished {
        /// The text so far.
        text: String,
        /// What should follow.
        expected: &'static str,
    },
    /// Two settings exclude each other.
    #[error("`{first}` and `{second}` cannot be given together")]
    Conflict {
        /// The one setting.
        first: &'static str,
        /// The other setting.
        second: &'static str,
    },
}

/// Says what is wrong with a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Trouble {
    /// Something else has to stand here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A bare `m`.
    #[error("minute or month? Write `mo` for months; the smallest unit is the hour (`h`)")]
    MinuteOrMonth,
    /// A minus sign.
    #[error("must not be negative")]
    Negative,
    /// More than fits.
    #[error("the number is too large")]
    TooLarge,
    /// No such unit of time.
    #[error("unknown unit of time: use hours, days, weeks, months or years (h, d, w, mo, y)")]
    UnknownUnit,
    /// A number without a unit where a span has to stand.
    #[error("a unit of time is missing: hours, days, weeks, months or years (h, d, w, mo, y)")]
    MissingUnit,
    /// No such time zone.
    #[error("unknown time zone: use an IANA name such as `Europe/Berlin`")]
    UnknownZone,
    /// The same part for the second time.
    #[error("given twice")]
    Twice,
}

impl PolicyError {
    pub(super) fn word(word: &str, position_bytes: usize, trouble: Trouble) -> Self {
        Self::Word {
            word: word.to_owned(),
            position_bytes,
            trouble,
        }
    }

    /// Moves the word's place, for a text that is part of a longer one.
    pub(super) fn moved(self, by_bytes: usize) -> Self {
        match self {
            Self::Word {
                word,
                position_bytes,
                trouble,
            } => Self::Word {
                word,
                position_bytes: position_bytes + by_bytes,
                trouble,
            },
            other => other,
        }
    }
}

fn after(text: &str) -> String {
    if text.is_empty() {
        "and found nothing".to_owned()
    } else {
        format!("after `{text}`")
    }
}
