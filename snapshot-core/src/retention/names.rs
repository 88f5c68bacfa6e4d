//! The short names of choices: `day`, `last`, `newest`, `Europe/Berlin`.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use super::error::{PolicyError, Trouble};
use super::policy::{Anchor, Every, Pick, Rule};
use super::zone::Zone;

impl Every {
    const ALL: [Self; 6] = [
        Self::Snapshot,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Year,
    ];

    /// Returns the word for rules of this period: `all`, `hourly`, `daily`, …
    #[must_use]
    pub const fn adjective(self) -> &'static str {
        match self {
            Self::Snapshot => "all",
            Self::Hour => "hourly",
            Self::Day => "daily",
            Self::Week => "weekly",
            Self::Month => "monthly",
            Self::Year => "yearly",
        }
    }

    /// Returns the period's name: `snapshot`, `hour`, `day`, …
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Reads `hourly` to `yearly`.
    pub(super) fn from_adjective(word: &str) -> Option<Self> {
        let mut periods = Self::ALL.into_iter().skip(1);
        periods.find(|every| every.adjective().eq_ignore_ascii_case(word))
    }
}

impl Pick {
    const ALL: [Self; 2] = [Self::First, Self::Last];

    const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
        }
    }
}

impl Anchor {
    const ALL: [Self; 2] = [Self::Newest, Self::Now];

    const fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Now => "now",
        }
    }
}

fn choose<T: Copy, const N: usize>(
    text: &str,
    choices: [T; N],
    name: impl Fn(T) -> &'static str,
    expected: &'static str,
) -> Result<T, PolicyError> {
    let word = text.trim();
    let mut choices = choices.into_iter();
    choices
        .find(|choice| name(*choice).eq_ignore_ascii_case(word))
        .ok_or_else(|| PolicyError::word(word, 0, Trouble::Expected(expected)))
}

/// Reads an IANA name such as `Europe/Berlin`.
impl FromStr for Zone {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let zone = text.trim().parse();
        zone.map(Zone)
            .map_err(|_| PolicyError::word(text, 0, Trouble::UnknownZone))
    }
}

/// Reads `snapshot`, `hour`, `day`, `week`, `month` or `year`.
impl FromStr for Every {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let expected = "snapshot, hour, day, week, month or year";
        choose(text, Self::ALL, Self::noun, expected)
    }
}

/// Reads `first` or `last`.
impl FromStr for Pick {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        choose(text, Self::ALL, Self::name, "`first` or `last`")
    }
}

/// Reads `newest` or `now`.
impl FromStr for Anchor {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        choose(text, Self::ALL, Self::name, "`newest` or `now`")
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun())
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Makes a type read from, and written as, its text.
macro_rules! serialize_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

serialize_as_text!(Anchor, Every, Pick, Rule, Zone, super::span::Span);
