//! Names of snapshots: the start of the run in UTC, to the second.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, SubsecRound, TimeDelta, Timelike, Utc};

/// The name of a snapshot: its time in UTC, in whole seconds.
///
/// As text it is `2026-11-22T19-20-00Z`, which sorts by time and has no colon,
/// so that it is a fit file name everywhere.
///
/// # Examples
///
/// ```
/// let name: hardsnap::SnapshotName = "2026-11-22T19-20-00Z".parse()?;
/// assert_eq!(name.time().to_rfc3339(), "2026-11-22T19:20:00+00:00");
/// assert_eq!(name.to_string(), "2026-11-22T19-20-00Z");
/// # Ok::<(), hardsnap::InvalidSnapshotName>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotName(DateTime<Utc>);

/// The text is not the name of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a snapshot name like 2026-11-22T19-20-00Z")]
pub struct InvalidSnapshotName(String);

impl SnapshotName {
    /// Names a snapshot by its time; fractions of a second are dropped.
    ///
    /// # Errors
    ///
    /// The year has to be from 0 to 9999: others have no name of this form.
    pub fn from_time(time: DateTime<Utc>) -> Result<SnapshotName, InvalidSnapshotName> {
        if !(0..=9999).contains(&time.year()) {
            return Err(InvalidSnapshotName(time.to_rfc3339()));
        }
        Ok(SnapshotName(time.trunc_subsecs(0)))
    }

    /// The instant that the name stands for.
    #[must_use]
    pub fn time(self) -> DateTime<Utc> {
        self.0
    }

    /// The name one second later.
    pub(crate) fn next(self) -> Result<SnapshotName, InvalidSnapshotName> {
        SnapshotName::from_time(self.0 + TimeDelta::seconds(1))
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.0;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}-{:02}-{:02}Z",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }
}

impl FromStr for SnapshotName {
    type Err = InvalidSnapshotName;

    fn from_str(text: &str) -> Result<SnapshotName, InvalidSnapshotName> {
        parse(text.as_bytes())
            .map(SnapshotName)
            .ok_or_else(|| InvalidSnapshotName(text.to_owned()))
    }
}

/// Reads exactly the form that `Display` writes: a directory with a name that
/// is merely similar must never be taken for a snapshot.
fn parse(text: &[u8]) -> Option<DateTime<Utc>> {
    const FORM: &[u8; 20] = b"0000-00-00T00-00-00Z";
    if text.len() != FORM.len() {
        return None;
    }
    for (&found, &expected) in text.iter().zip(FORM) {
        let fits = if expected == b'0' {
            found.is_ascii_digit()
        } else {
            found == expected
        };
        if !fits {
            return None;
        }
    }
    let number = |range: std::ops::Range<usize>| {
        text[range]
            .iter()
            .fold(0, |n, digit| n * 10 + u32::from(digit - b'0'))
    };
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(number(0..4)).ok()?,
        number(5..7),
        number(8..10),
    )?;
    Some(
        date.and_hms_opt(number(11..13), number(14..16), number(17..19))?
            .and_utc(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_only_in_its_exact_form() {
        for text in [
            "2026-11-22T19-20-00Z",
            "0000-01-01T00-00-00Z",
            "9999-12-31T23-59-59Z",
            "2024-02-29T00-00-00Z",
        ] {
            assert_eq!(text.parse::<SnapshotName>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T19-20-00",
            "2026-11-22T19:20:00Z",
            "2026-11-22t19-20-00z",
            "2026-11-22T19-20-00Z ",
            "2026-11-22T19-20-60Z",
            "2026-11-31T19-20-00Z",
            "2026-13-01T19-20-00Z",
            "2025-02-29T00-00-00Z",
            "+026-11-22T19-20-00Z",
            "２026-11-22T19-20-0Z",
        ] {
            assert!(text.parse::<SnapshotName>().is_err(), "{text}");
        }
    }

    #[test]
    fn fractions_are_dropped_and_the_next_second_follows() {
        let time = "2026-12-31T23:59:59.9Z".parse().unwrap();
        let name = SnapshotName::from_time(time).unwrap();
        assert_eq!(name.to_string(), "2026-12-31T23-59-59Z");
        assert_eq!(name.next().unwrap().to_string(), "2027-01-01T00-00-00Z");
    }
}
