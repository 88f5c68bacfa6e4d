//! A day or an instant, as a person names the bounds of a schedule.

use std::str::FromStr;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::error::{PolicyError, Trouble};
use super::zone::Zone;

/// Names a civil day, or an instant.
///
/// Read from `2026-11-22`, or from an instant as RFC 3339 has it.
///
/// # Examples
///
/// ```
/// use hardsnap::retention::{When, Zone};
///
/// let berlin: Zone = "Europe/Berlin".parse()?;
/// let day: When = "2026-11-22".parse()?;
/// assert_eq!(day.start(berlin).to_rfc3339(), "2026-11-21T23:00:00+00:00");
/// assert_eq!(day.end(berlin).to_rfc3339(), "2026-11-22T22:59:59.999999999+00:00");
///
/// let instant: When = "2026-11-22T19:20:00+01:00".parse()?;
/// assert_eq!(instant.start(berlin), instant.end(berlin));
/// # Ok::<(), hardsnap::retention::PolicyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum When {
    /// All of a civil day.
    Day(NaiveDate),
    /// An instant.
    Instant(DateTime<Utc>),
}

impl When {
    /// Returns the first instant of the day in `zone`, or the instant itself.
    #[must_use]
    pub fn start(self, zone: Zone) -> DateTime<Utc> {
        match self {
            Self::Day(date) => midnight(zone, date).unwrap_or(DateTime::<Utc>::MIN_UTC),
            Self::Instant(instant) => instant,
        }
    }

    /// Returns the last instant of the day in `zone`, to the nanosecond, or the instant itself.
    #[must_use]
    pub fn end(self, zone: Zone) -> DateTime<Utc> {
        match self {
            Self::Day(date) => date
                .checked_add_days(Days::new(1))
                .and_then(|next| midnight(zone, next))
                .map_or(DateTime::<Utc>::MAX_UTC, |next| {
                    next - TimeDelta::nanoseconds(1)
                }),
            Self::Instant(instant) => instant,
        }
    }
}

fn midnight(zone: Zone, date: NaiveDate) -> Option<DateTime<Utc>> {
    zone.instant(date.and_time(NaiveTime::MIN))
}

impl FromStr for When {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let word = text.trim();
        let expected = "a day such as `2026-11-22`, or an instant such as `2026-11-22T19:20:00Z`";
        let instant =
            DateTime::parse_from_rfc3339(word).map(|instant| Self::Instant(instant.to_utc()));
        // Four digits: chrono's calendar goes on to where RFC 3339 has no form any more.
        let is_day = word.len() == 10 && word.starts_with(|first: char| first.is_ascii_digit());
        instant
            .ok()
            .or_else(|| word.parse().ok().filter(|_| is_day).map(Self::Day))
            .ok_or_else(|| PolicyError::word(word, 0, Trouble::Expected(expected)))
    }
}
