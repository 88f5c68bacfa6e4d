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
}

impl Group<'_> {
    /// Returns the snapshot that stands for the period.
    pub(super) fn representative(&self, pick: Pick) -> Point {
        let points = self.points;
        match pick {
            Pick::Last => {
                let complete = points.iter().find(|point| point.is_complete());
                *complete.unwrap_or(&points[0])
            }
            Pick::First => {
                let complete = points.iter().rposition(|point| point.is_complete());
                let earliest = complete.unwrap_or(points.len() - 1);
                // Of the same instant, the smallest id stands first.
                let tied = |point: &&Point| {
                    point.is_tied_with(&points[earliest])
                        && point.is_complete() == points[earliest].is_complete()
                };
                let before = points[..earliest].iter().rev();
                *before
                    .take_while(|point| point.is_tied_with(&points[earliest]))
                    .filter(tied)
                    .last()
                    .unwrap_or(&points[earliest])
            }
        }
    }
}

/// Yields the periods that hold a snapshot, newest first.
pub(super) struct Groups<'a> {
    every: Every,
    points: &'a [Point],
    days: &'a [i64],
}

impl<'a> Groups<'a> {
    pub(super) fn new(every: Every, line: &'a Line<'_>) -> Self {
        Self {
            every,
            points: &line.points,
            days: &line.days,
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
        let (points, rest) = self.points.split_at(end.unwrap_or(self.points.len()));
        self.points = rest;
        self.days = &self.days[points.len()..];
        Some(Group { start, points })
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
