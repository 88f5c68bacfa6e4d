//! The calendar's periods: which one an instant is in, where it starts, how it is written.

use std::fmt;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, Utc};

use super::policy::Every;
use super::serial::utc_text;

/// Names one period of the calendar, in the policy's zone.
///
/// Printed as `2026-03-03`, `2026-W10`, `2026-03`, `2026`; hours with their offset from UTC, as
/// `2026-03-03T14:00+01:00`; a single snapshot's as its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Bucket {
    /// One snapshot alone, by its instant.
    Snapshot(DateTime<Utc>),
    /// The hour that starts then.
    Hour(DateTime<FixedOffset>),
    /// A day.
    Day(NaiveDate),
    /// The week that starts on this Monday.
    Week(NaiveDate),
    /// The month that starts on this day.
    Month(NaiveDate),
    /// A year.
    Year(i32),
}

impl Bucket {
    /// Returns the kind of period.
    #[must_use]
    pub const fn every(&self) -> Every {
        match self {
            Self::Snapshot(_) => Every::Snapshot,
            Self::Hour(_) => Every::Hour,
            Self::Day(_) => Every::Day,
            Self::Week(_) => Every::Week,
            Self::Month(_) => Every::Month,
            Self::Year(_) => Every::Year,
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(time) => f.write_str(&utc_text(time)),
            Self::Hour(start) => {
                let offset = start.offset().local_minus_utc() / 60;
                write!(f, "{}", start.format("%Y-%m-%dT%H:%M"))?;
                if offset == 0 {
                    return f.write_str("Z");
                }
                let sign = if offset < 0 { '-' } else { '+' };
                let minutes = offset.abs();
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
            Self::Day(date) => write!(f, "{date}"),
            Self::Week(monday) => {
                let week = monday.iso_week();
                write!(f, "{:04}-W{:02}", week.year(), week.week())
            }
            Self::Month(first) => write!(f, "{:04}-{:02}", first.year(), first.month()),
            Self::Year(year) => write!(f, "{year:04}"),
        }
    }
}

/// Seconds of an hour.
pub(super) const HOUR_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 86_400;
/// Days from 0001-01-01 (number 1) to 1970-01-01.
const EPOCH_FROM_CE_DAYS: i64 = 719_163;

/// Returns the number of the civil day, from 1970-01-01, of a wall time in seconds.
pub(super) fn day_number(wall_seconds: i64) -> i32 {
    let day = wall_seconds.div_euclid(DAY_SECONDS);
    // The calendar ends long before the number does.
    i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX })
}

/// Returns the number of the first day of the period that holds the day.
///
/// Periods of one kind are told apart and ordered by it. Only for periods of whole days.
pub(super) fn first_day(every: Every, day: i64) -> i64 {
    match every {
        Every::Snapshot | Every::Hour | Every::Day => day,
        // Day 0 was a Thursday, the Monday before it number -3.
        Every::Week => (day + 3).div_euclid(7) * 7 - 3,
        Every::Month => day - i64::from(date(day).day0()),
        Every::Year => day - i64::from(date(day).ordinal0()),
    }
}

/// Returns the date of a day's number; the calendar's last beyond its end.
pub(super) fn date(day: i64) -> NaiveDate {
    i32::try_from(day + EPOCH_FROM_CE_DAYS)
        .ok()
        .and_then(NaiveDate::from_num_days_from_ce_opt)
        .unwrap_or(if day < 0 {
            NaiveDate::MIN
        } else {
            NaiveDate::MAX
        })
}

/// Returns the day's number of a wall time.
pub(super) fn day_of(wall: NaiveDateTime) -> i64 {
    day_number(wall.and_utc().timestamp()).into()
}
