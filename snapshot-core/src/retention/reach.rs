//! How far back one rule reaches, and until when it keeps a period.

use chrono::{DateTime, Datelike, FixedOffset, NaiveTime, Offset, TimeZone, Utc};

use super::bucket::{Bucket, HOUR_SECONDS, date, day_of, first_day};
use super::groups::period_start;
use super::order::Point;
use super::policy::{Every, Rule, Window};
use super::reason::{Until, Why};
use super::zone::{Zone, first_instant, wall_time};

/// A rule, ready to be asked about periods.
pub(super) struct Reach {
    pub(super) rule: Rule,
    zone: Zone,
    cutoff: Cutoff,
}

/// What is younger than the window.
enum Cutoff {
    Nothing,
    Everything,
    /// Periods that start later than this: a day's number, or for hours the second.
    Start(i64),
    /// Snapshots made later than this, in seconds and nanoseconds.
    Time((i64, u32)),
}

impl Reach {
    /// Takes the measure of a rule, its ages counted from `anchor`.
    pub(super) fn new(rule: Rule, anchor: DateTime<Utc>, zone: Zone) -> Self {
        let cutoff = match rule.within {
            Window::None => Cutoff::Nothing,
            Window::Forever => Cutoff::Everything,
            Window::Span(span) => match rule.every {
                // Hours and instants are real time, which no change of a clock disturbs.
                Every::Snapshot => {
                    let limit = span.before(anchor.naive_utc()).and_utc();
                    Cutoff::Time((limit.timestamp(), limit.timestamp_subsec_nanos()))
                }
                Every::Hour => {
                    let limit = span.before(anchor.naive_utc()).and_utc();
                    Cutoff::Start(limit.timestamp().div_euclid(HOUR_SECONDS) * HOUR_SECONDS)
                }
                every => {
                    let wall = wall_time(zone, anchor);
                    Cutoff::Start(first_day(every, day_of(span.before(wall))))
                }
            },
        };
        Self { rule, zone, cutoff }
    }

    /// Returns whether the period is younger than the rule's window; `time` is that of its newest
    /// snapshot.
    pub(super) fn is_young(&self, start: i64, time: (i64, u32)) -> bool {
        match self.cutoff {
            Cutoff::Nothing => false,
            Cutoff::Everything => true,
            Cutoff::Start(limit) => start > limit,
            Cutoff::Time(limit) => time > limit,
        }
    }

    /// Returns whether the rule keeps a period of this age at this rank.
    pub(super) fn keeps(&self, is_young: bool, rank: usize) -> bool {
        let below = |limit: u32| rank < usize::try_from(limit).unwrap_or(usize::MAX);
        (is_young || below(self.rule.at_least)) && self.rule.at_most.is_none_or(below)
    }

    /// Names the period that starts there; `time` is the instant of the snapshot in question.
    pub(super) fn bucket(&self, start: i64, time: DateTime<Utc>) -> Bucket {
        match self.rule.every {
            Every::Snapshot => Bucket::Snapshot(time),
            Every::Hour => Bucket::Hour(self.local(from_seconds(start))),
            Every::Day => Bucket::Day(date(start)),
            Every::Week => Bucket::Week(date(start)),
            Every::Month => Bucket::Month(date(start)),
            Every::Year => Bucket::Year(date(start).year()),
        }
    }

    /// Returns when the period leaves the window.
    pub(super) fn until(&self, start: i64, time: DateTime<Utc>) -> Until {
        let Window::Span(span) = self.rule.within else {
            return Until::Forever;
        };
        let end = match self.rule.every {
            Every::Snapshot => span.after(time.naive_utc()).map(|end| end.and_utc()),
            Every::Hour => {
                let start = from_seconds(start).naive_utc();
                span.after(start).map(|end| end.and_utc())
            }
            _ => span
                .after(date(start).and_time(NaiveTime::MIN))
                .and_then(|end| first_instant(self.zone, end))
                .map(|end| end.with_timezone(&Utc)),
        };
        end.map_or(Until::Forever, |end| Until::Time(self.local(end)))
    }

    /// Says why the rule does not keep the period of a snapshot that nothing represents.
    pub(super) fn expired<Id>(&self, point: Point, day: i32, time: DateTime<Utc>) -> Why<Id> {
        let rule = self.rule;
        let start = period_start(rule.every, point.seconds(), day);
        let bucket = self.bucket(start, time);
        let is_young = self.is_young(start, point.time());
        match (is_young, self.until(start, time)) {
            (false, Until::Time(since)) => Why::Expired { bucket, since },
            _ => Why::Outnumbered {
                bucket,
                count: match rule.at_most {
                    Some(limit) if is_young || limit < rule.at_least => limit,
                    _ => rule.at_least,
                },
            },
        }
    }

    fn local(&self, instant: DateTime<Utc>) -> DateTime<FixedOffset> {
        let offset = self.zone.0.offset_from_utc_datetime(&instant.naive_utc());
        instant.with_timezone(&offset.fix())
    }
}

fn from_seconds(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MIN_UTC)
}
