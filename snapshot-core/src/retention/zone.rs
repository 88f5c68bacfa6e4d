//! Instants to wall time and back, fast for instants that come in order.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

/// Blocks of this length, in seconds, in which a zone's offset changes at most once.
///
/// The shortest time between two changes in the time zone database is just under seven days.
const BLOCK_SECONDS: i64 = 3 * 86_400;

/// Tells a zone's offset, remembering it over a block of time.
pub(super) struct ZoneClock {
    zone: Tz,
    block: Option<Block>,
}

#[derive(Clone, Copy)]
struct Block {
    number: i64,
    /// The offset in seconds, unless it changes within the block.
    offset: Option<i64>,
}

impl ZoneClock {
    pub(super) fn new(zone: Tz) -> Self {
        Self { zone, block: None }
    }

    /// Returns the wall time at an instant, both as seconds since 1970.
    pub(super) fn wall_seconds(&mut self, instant_seconds: i64) -> i64 {
        instant_seconds + self.offset_seconds(instant_seconds)
    }

    fn offset_seconds(&mut self, instant_seconds: i64) -> i64 {
        if self.zone == Tz::UTC {
            return 0;
        }
        let number = instant_seconds.div_euclid(BLOCK_SECONDS);
        let block = match self.block {
            Some(block) if block.number == number => block,
            _ => {
                let first = look_up(self.zone, number * BLOCK_SECONDS);
                let last = look_up(self.zone, (number + 1) * BLOCK_SECONDS);
                let block = Block {
                    number,
                    offset: (first == last).then_some(first),
                };
                self.block = Some(block);
                block
            }
        };
        block
            .offset
            .unwrap_or_else(|| look_up(self.zone, instant_seconds))
    }
}

fn look_up(zone: Tz, instant_seconds: i64) -> i64 {
    let instant = DateTime::from_timestamp(instant_seconds, 0).unwrap_or_else(|| {
        if instant_seconds < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        }
    });
    let offset = zone.offset_from_utc_datetime(&instant.naive_utc());
    i64::from(offset.fix().local_minus_utc())
}

/// Returns the first instant at which the zone's wall time is `wall` or later.
///
/// `None` beyond the calendar's end.
pub(super) fn first_instant(zone: Tz, wall: NaiveDateTime) -> Option<DateTime<Tz>> {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => Some(instant),
        // A clock that is put forward never shows this time; it shows a later one at once.
        LocalResult::None => GapInfo::new(&wall, &zone)?.end,
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use chrono_tz::TZ_VARIANTS;

    use super::*;

    #[test]
    fn no_zone_changes_its_offset_twice_within_two_blocks() {
        let step = 6 * 3_600;
        for zone in TZ_VARIANTS {
            let mut last_change = None;
            let mut instant = -2_208_988_800;
            let mut offset = look_up(zone, instant);
            while instant < 4_133_980_800 {
                instant += step;
                let next = look_up(zone, instant);
                if next != offset {
                    if let Some(last) = last_change {
                        assert!(instant - last > 2 * BLOCK_SECONDS, "{zone} at {instant}");
                    }
                    last_change = Some(instant);
                    offset = next;
                }
            }
        }
    }

    #[test]
    fn the_remembered_offset_is_the_looked_up_one() {
        for zone in TZ_VARIANTS {
            let mut clock = ZoneClock::new(zone);
            // A step that is prime and odd meets every part of a block.
            let mut instant = 946_684_800;
            while instant < 1_893_456_000 {
                assert_eq!(
                    clock.offset_seconds(instant),
                    look_up(zone, instant),
                    "{zone} at {instant}"
                );
                instant += 86_413 * 2;
            }
        }
    }

    #[test]
    fn a_skipped_day_begins_with_the_next() {
        let date = NaiveDate::from_ymd_opt(2011, 12, 30).expect("a date");
        let start = first_instant(Tz::Pacific__Apia, date.and_time(chrono::NaiveTime::MIN));
        assert_eq!(
            start.expect("in range").to_rfc3339(),
            "2011-12-31T00:00:00+14:00"
        );
    }
}
