//! The periods that hold a snapshot, and who stands for each.

use super::bucket::{HOUR_SECONDS, first_day};
use super::order::{Line, Point};
use super::policy::{Every, Pick};

/// One period and the live snapshots in it, newest first.
pub(super) struct Group<'a> {
    /// The period's start: a second for hours and single snapshots, else the number of its first
    /// day.
    pub(super) start: i64,
    /// Never empty.
    pub(super) points: &'a [Point],
    /// Each one's place in time.
    pub(super) places: &'a [usize],
}

impl Group<'_> {
    /// Returns which of [`Group::points`] stands for the period.
    pub(super) fn representative(&self, pick: Pick) -> usize {
        let points = self.points;
        let complete = |point: &Point| point.is_complete();
        match pick {
            Pick::Last => points.iter().position(complete).unwrap_or(0),
            Pick::First => {
                let complete = points.iter().rposition(complete);
                let earliest = complete.unwrap_or(points.len() - 1);
                let mut best = earliest;
                // Of the same instant, the smallest id stands first.
                for index in (0..earliest).rev() {
                    if !points[index].is_tied_with(&points[earliest]) {
                        break;
                    }
                    if points[index].is_complete() == points[earliest].is_complete() {
                        best = index;
                    }
                }
                best
            }
        }
    }
}

/// Yields the periods that hold a snapshot, newest first.
pub(super) struct Groups<'a> {
    every: Every,
    points: &'a [Point],
    days: &'a [i64],
    places: &'a [usize],
}

impl<'a> Groups<'a> {
    pub(super) fn new(every: Every, line: &'a Line) -> Self {
        Self {
            every,
            points: &line.points,
            days: &line.days,
            places: &line.places,
        }
    }
}

impl<'a> Iterator for Groups<'a> {
    type Item = Group<'a>;

    fn next(&mut self) -> Option<Group<'a>> {
        let newest = self.points.first()?;
        let start = period_start(self.every, newest.seconds(), *self.days.first()?);
        let end = match self.every {
            Every::Snapshot => Some(1),
            Every::Hour => self.points.iter().position(|point| point.seconds() < start),
            _ => self.days.iter().position(|day| *day < start),
        };
        let end = end.unwrap_or(self.points.len());
        let group = Group {
            start,
            points: &self.points[..end],
            places: &self.places[..end],
        };
        self.points = &self.points[end..];
        self.days = &self.days[end..];
        self.places = &self.places[end..];
        Some(group)
    }
}

/// Returns the start of the period, as [`Group::start`] has it.
pub(super) fn period_start(every: Every, seconds: i64, day: i64) -> i64 {
    match every {
        Every::Snapshot => seconds,
        Every::Hour => seconds.div_euclid(HOUR_SECONDS) * HOUR_SECONDS,
        every => first_day(every, day),
    }
}
