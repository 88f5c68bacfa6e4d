//! The snapshots in the order that rules read them: newest first.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};

use super::bucket::day_number;
use super::snapshot::{Snapshot, Status};
use super::zone::ZoneClock;

/// What the rules have to know of one snapshot, in one integer.
///
/// A million integers sort several times faster than a million dates, and are read in order where
/// the caller's slice would be read at random. From the top: the time, turned round so that the
/// newest comes first; the flags; the place in the caller's slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point(u128);

const INDEX_BITS: u32 = 40;
const SUSPECT: u128 = 1 << INDEX_BITS;
const COMPLETE: u128 = 1 << (INDEX_BITS + 1);
const HELD: u128 = 1 << (INDEX_BITS + 2);
const NANOS_SHIFT: u32 = INDEX_BITS + 3;
/// A leap second has nanoseconds beyond 1,000,000,000.
const NANOS_BITS: u32 = 31;
const SECONDS_SHIFT: u32 = NANOS_SHIFT + NANOS_BITS;
/// More than the seconds of chrono's calendar, to either side of 1970.
const SECONDS_BIAS: i64 = 1 << 43;

impl Point {
    fn new<Id>(snapshot: &Snapshot<Id>, index: usize) -> Self {
        // Both differences are positive and fit by the bounds above.
        let seconds = (SECONDS_BIAS - snapshot.time.timestamp()).unsigned_abs();
        let nanos = (1 << NANOS_BITS) - 1 - snapshot.time.timestamp_subsec_nanos();
        let mut bits = u128::from(seconds) << SECONDS_SHIFT;
        bits |= u128::from(nanos) << NANOS_SHIFT;
        bits |= index as u128;
        match snapshot.status {
            Status::Complete => bits |= COMPLETE,
            Status::Partial => {}
            Status::Suspect => bits |= SUSPECT,
        }
        if snapshot.held {
            bits |= HELD;
        }
        Self(bits)
    }

    /// Returns whole seconds since 1970.
    pub(super) fn seconds(self) -> i64 {
        SECONDS_BIAS - (self.0 >> SECONDS_SHIFT) as i64
    }

    /// Returns seconds since 1970 and nanoseconds.
    pub(super) fn time(self) -> (i64, u32) {
        let mask = (1 << NANOS_BITS) - 1;
        let nanos = mask - ((self.0 >> NANOS_SHIFT) as u32 & mask);
        (self.seconds(), nanos)
    }

    pub(super) fn instant(self) -> DateTime<Utc> {
        let (seconds, nanos) = self.time();
        DateTime::from_timestamp(seconds, nanos).unwrap_or_default()
    }

    /// Returns the place in the caller's slice.
    pub(super) fn index(self) -> usize {
        (self.0 & ((1 << INDEX_BITS) - 1)) as usize
    }

    pub(super) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }

    pub(super) fn is_suspect(self) -> bool {
        self.0 & SUSPECT != 0
    }

    pub(super) fn is_held(self) -> bool {
        self.0 & HELD != 0
    }

    pub(super) fn is_later_than(self, time: DateTime<Utc>) -> bool {
        self.time() > (time.timestamp(), time.timestamp_subsec_nanos())
    }

    /// Returns whether both were made at the same instant.
    pub(super) fn is_tied_with(&self, other: &Self) -> bool {
        self.0 >> NANOS_SHIFT == other.0 >> NANOS_SHIFT
    }
}

/// Lines the snapshots up, newest first; those of the same instant by id.
pub(super) fn newest_first<Id: Ord>(snapshots: &[Snapshot<Id>]) -> Vec<Point> {
    let mut points: Vec<Point> = snapshots
        .iter()
        .enumerate()
        .map(|(index, snapshot)| Point::new(snapshot, index))
        .collect();
    points.sort_unstable();
    for tied in points.chunk_by_mut(Point::is_tied_with) {
        if tied.len() > 1 {
            tied.sort_by(|a, b| snapshots[a.index()].id.cmp(&snapshots[b.index()].id));
        }
    }
    points
}

/// Yields what [`newest_first`] made, oldest first; those of the same instant by id.
pub(super) fn oldest_first(points: &[Point]) -> impl Iterator<Item = Point> {
    let ties = points.chunk_by(Point::is_tied_with);
    ties.rev().flatten().copied()
}

/// Live snapshots in the order of a rule.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) points: Vec<Point>,
    /// The number of each one's civil day.
    pub(super) days: Vec<i64>,
    /// Each one's place in the order of [`oldest_first`] among all snapshots.
    pub(super) places: Vec<usize>,
}

impl Line {
    /// Picks the live snapshots of those that stand newest first.
    pub(super) fn of_live(points: &[Point], now: DateTime<Utc>, clock: &mut ZoneClock) -> Self {
        let future = points.partition_point(|point| point.is_later_than(now));
        let mut line = Self {
            points: Vec::with_capacity(points.len() - future),
            days: Vec::with_capacity(points.len() - future),
            places: Vec::with_capacity(points.len() - future),
        };
        let mut left = points.len() - future;
        for tied in points[future..].chunk_by(Point::is_tied_with) {
            left -= tied.len();
            for (place, point) in (left..).zip(tied) {
                if !point.is_suspect() {
                    line.points.push(*point);
                    line.days
                        .push(day_number(clock.wall_seconds(point.seconds())));
                    line.places.push(place);
                }
            }
        }
        line
    }

    /// Returns the same snapshots, newest day first, if that is another order.
    ///
    /// A clock that is put back over midnight, as St John's was until 2011, shows a day again
    /// after the next has begun: then the order of time is not the order of days.
    pub(super) fn by_day(&self) -> Option<Self> {
        if self.days.is_sorted_by(|newer, older| newer >= older) {
            return None;
        }
        let mut order: Vec<usize> = (0..self.days.len()).collect();
        order.sort_by_key(|index| Reverse(self.days[*index]));
        let mut line = Self::default();
        for index in order {
            line.points.push(self.points[index]);
            line.days.push(self.days[index]);
            line.places.push(self.places[index]);
        }
        Some(line)
    }
}
