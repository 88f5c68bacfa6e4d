//! Time zones: instants to wall time and back, fast for instants that come in order.

use chrono::{DateTime, FixedOffset, LocalResult, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

/// A time zone of the IANA database, which is part of the program: the system's is not looked at.
///
/// Read from its name, such as `Europe/Berlin`.
///
/// # Examples
///
/// ```
/// use hardsnap::retention::Zone;
///
/// let zone: Zone = "Asia/Kathmandu".parse()?;
/// assert_eq!(zone.name(), "Asia/Kathmandu");
/// let wall = zone.wall_time("2026-11-22T19:20:00Z".parse()?);
/// assert_eq!(wall.to_rfc3339(), "2026-11-23T01:05:00+05:45");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone(pub(super) Tz);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// Returns its IANA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Returns an instant with the zone's offset at that time.
    #[must_use]
    pub fn wall_time(self, instant: DateTime<Utc>) -> DateTime<FixedOffset> {
        instant.with_timezone(&self.0).fixed_offset()
    }

    /// Returns the first instant at which the zone's clocks show `wall` or later; `None` beyond
    /// the calendar's end.
    ///
    /// A clock that is put back shows a time twice: this is the first. A clock that is put forward
    /// skips a time: this is the instant at which it does.
    #[must_use]
    pub fn instant(self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        first_instant(self, wall).map(|instant| instant.to_utc())
    }
}

/// The length in seconds of blocks of time in which a zone's offset changes at most once.
///
/// The shortest time between two changes in the time zone database is 6.9 days (Cambridge Bay,
/// 2000).
const BLOCK_SECONDS: i64 = 6 * 86_400;

/// Tells a zone's offset, remembering it over a block of time.
pub(super) struct ZoneClock {
    zone: Zone,
    block: Option<Block>,
}

/// A block of time, with the offsets in seconds at its two ends.
#[derive(Clone, Copy)]
struct Block {
    number: i64,
    first: i64,
    last: i64,
}

impl ZoneClock {
    pub(super) fn new(zone: Zone) -> Self {
        Self { zone, block: None }
    }

    /// Returns the wall time at an instant, both as seconds since 1970.
    pub(super) fn wall_seconds(&mut self, instant_seconds: i64) -> i64 {
        instant_seconds + self.offset_seconds(instant_seconds)
    }

    fn offset_seconds(&mut self, instant_seconds: i64) -> i64 {
        if self.zone == Zone::UTC {
            return 0;
        }
        let block = self.block_of(instant_seconds);
        if block.first == block.last {
            block.first
        } else {
            look_up(self.zone, instant_seconds)
        }
    }

    fn block_of(&mut self, instant_seconds: i64) -> Block {
        let number = instant_seconds.div_euclid(BLOCK_SECONDS);
        let last = match self.block {
            Some(block) if block.number == number => return block,
            // Instants come from new to old.
            Some(block) if block.number == number + 1 => block.first,
            _ => look_up(self.zone, (number + 1) * BLOCK_SECONDS),
        };
        let first = look_up(self.zone, number * BLOCK_SECONDS);
        let block = Block {
            number,
            first,
            last,
        };
        self.block = Some(block);
        block
    }
}

fn look_up(zone: Zone, instant_seconds: i64) -> i64 {
    let end = if instant_seconds < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    };
    let instant = DateTime::from_timestamp(instant_seconds, 0).unwrap_or(end);
    let offset = zone.0.offset_from_utc_datetime(&instant.naive_utc());
    i64::from(offset.fix().local_minus_utc())
}

/// Returns the wall time at an instant; at the calendar's very ends, that of UTC.
pub(super) fn wall_time(zone: Zone, instant: DateTime<Utc>) -> NaiveDateTime {
    let utc = instant.naive_utc();
    let offset = zone.0.offset_from_utc_datetime(&utc).fix();
    utc.checked_add_offset(offset).unwrap_or(utc)
}

/// Returns the first instant at which the zone's wall time is `wall` or later.
///
/// `None` beyond the calendar's end.
pub(super) fn first_instant(zone: Zone, wall: NaiveDateTime) -> Option<DateTime<Tz>> {
    match zone.0.from_local_datetime(&wall) {
        LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => Some(instant),
        // A clock that is put forward never shows this time; it shows a later one at once.
        LocalResult::None => GapInfo::new(&wall, &zone.0)?.end,
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use chrono_tz::TZ_VARIANTS;

    use super::*;

    #[test]
    fn no_zone_changes_its_offset_twice_within_a_block() {
        let step = 86_400;
        for zone in TZ_VARIANTS.map(Zone) {
            let mut last_change = i64::MIN;
            let mut offset = look_up(zone, -2_208_988_800);
            for instant in (-2_208_988_800..4_133_980_800).step_by(step) {
                let next = look_up(zone, instant);
                if next != offset {
                    let change = change_before(zone, instant);
                    let distance = change.saturating_sub(last_change);
                    assert!(distance > BLOCK_SECONDS, "{zone} at {change}");
                    last_change = change;
                    offset = next;
                }
            }
        }
    }

    /// Finds the second of the change within the day before.
    fn change_before(zone: Zone, instant: i64) -> i64 {
        let new = look_up(zone, instant);
        let (mut before, mut after) = (instant - 86_400, instant);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if look_up(zone, middle) == new {
                after = middle;
            } else {
                before = middle;
            }
        }
        after
    }

    #[test]
    fn the_remembered_offset_is_the_looked_up_one() {
        for zone in TZ_VARIANTS.map(Zone) {
            let mut clock = ZoneClock::new(zone);
            // An odd step meets every part of a block.
            let mut instant = 1_893_456_000;
            while instant > 946_684_800 {
                assert_eq!(
                    clock.offset_seconds(instant),
                    look_up(zone, instant),
                    "{zone} at {instant}"
                );
                instant -= 172_827;
            }
        }
    }

    #[test]
    fn a_skipped_day_begins_with_the_next() {
        let date = NaiveDate::from_ymd_opt(2011, 12, 30).expect("a date");
        let start = first_instant(
            Zone(Tz::Pacific__Apia),
            date.and_time(chrono::NaiveTime::MIN),
        );
        assert_eq!(
            start.expect("in range").to_rfc3339(),
            "2011-12-31T00:00:00+14:00"
        );
    }
}
