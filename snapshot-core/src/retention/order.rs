//! The snapshots in the order that rules read them: newest first.

use std::borrow::Cow;
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

/// Yields what [`newest_first`] made, oldest first, with the places there; those of the same
/// instant by id.
pub(super) fn oldest_first(points: &[Point]) -> impl Iterator<Item = (usize, Point)> {
    let mut place = points.len();
    let ties = points.chunk_by(Point::is_tied_with).rev();
    ties.flat_map(move |tied| {
        place -= tied.len();
        (place..).zip(tied.iter().copied())
    })
}

/// Live snapshots in the order of a rule.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) points: Cow<'a, [Point]>,
    /// The number of each one's civil day.
    pub(super) days: Vec<i32>,
    places: Places,
}

/// Where snapshots stand among all, newest first.
#[derive(Debug)]
enum Places {
    /// One behind the other from this place on.
    From(usize),
    Listed(Vec<usize>),
}

impl<'a> Line<'a> {
    /// Picks the live snapshots of those that stand newest first.
    pub(super) fn of_live(points: &'a [Point], now: DateTime<Utc>, clock: &mut ZoneClock) -> Self {
        let future = points.partition_point(|point| point.is_later_than(now));
        let mut line = Self {
            points: Cow::Borrowed(&points[future..]),
            days: Vec::new(),
            places: Places::From(future),
        };
        if line.points.iter().any(|point| point.is_suspect()) {
            let places = (future..points.len()).filter(|place| !points[*place].is_suspect());
            let places: Vec<usize> = places.collect();
            line.points = places.iter().map(|place| points[*place]).collect();
            line.places = Places::Listed(places);
        }
        let day = |point: &Point| day_number(clock.wall_seconds(point.seconds()));
        line.days = line.points.iter().map(day).collect();
        line
    }

    /// Returns where the snapshot with this index stands among all, newest first.
    pub(super) fn place(&self, index: usize) -> usize {
        match &self.places {
            Places::From(first) => first + index,
            Places::Listed(places) => places[index],
        }
    }

    /// Returns the same snapshots, newest day first, if that is another order.
    ///
    /// A clock that is put back over midnight, as St John's was until 2011, shows a day again
    /// after the next has begun: then the order of time is not the order of days.
    pub(super) fn by_day(&self) -> Option<Line<'static>> {
        if self.days.is_sorted_by(|newer, older| newer >= older) {
            return None;
        }
        let mut order: Vec<usize> = (0..self.days.len()).collect();
        order.sort_by_key(|index| Reverse(self.days[*index]));
        Some(Line {
            points: order.iter().map(|index| self.points[*index]).collect(),
            days: order.iter().map(|index| self.days[*index]).collect(),
            places: Places::Listed(order.iter().map(|index| self.place(*index)).collect()),
        })
    }
}
