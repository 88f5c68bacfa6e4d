//! Times of snapshots.

use chrono::{DateTime, Days, NaiveDate, Utc};

/// Returns noon, UTC, of a day counted from 1 January 2024 (a Monday), as
/// `--time` takes it.
///
/// At noon in UTC it is the same civil day nearly everywhere, so that the zone
/// of the machine makes no difference.
///
/// # Panics
///
/// If the calendar has no such day.
#[must_use]
pub fn noon(day: u64) -> String {
    let start = NaiveDate::from_ymd_opt(2024, 1, 1).and_then(|date| date.and_hms_opt(12, 0, 0));
    let time = start.and_then(|start| start.checked_add_days(Days::new(day)));
    let time: DateTime<Utc> = time.expect("a day").and_utc();
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns the name of the snapshot that `--time TIME` makes.
#[must_use]
pub fn snapshot_name(time: &str) -> String {
    time.replace(':', "-")
}
