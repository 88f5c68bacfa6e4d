//! The periods that hold a snapshot, and who stands for each.

use std::ops::Range;

use super::bucket::{HOUR_SECONDS, first_day};
use super::order::{Line, Point};
use super::policy::{Every, Pick};

/// One period and the live snapshots in it.
pub(super) struct Group<'a> {
    /// The period's start: a second for hours and single snapshots, else the number of its first
    /// day.
    pub(super) start: i64,
    line: &'a Line<'a>,
    /// Which of the line; never empty.
    range: Range<usize>,
}

impl Group<'_> {
    /// Returns the snapshots, newest first.
    pub(super) fn points(&self) -> &[Point] {
        &self.line.points[self.range.clone()]
    }

    /// Yields the places of the snapshots among all.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.range.clone().map(|index| self.line.place(index))
    }

    /// Returns the snapshot that stands for the period, and its place among all.
    pub(super) fn representative(&self, pick: Pick) -> (Point, usize) {
        let index = self.representative_index(pick);
        let place = self.line.place(self.range.start + index);
        (self.points()[index], place)
    }

    fn representative_index(&self, pick: Pick) -> usize {
        let points = self.points();
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
    pub(super) every: Every,
    pub(super) line: &'a Line<'a>,
    /// How many snapshots have been passed.
    pub(super) passed: usize,
}

impl<'a> Iterator for Groups<'a> {
    type Item = Group<'a>;

    fn next(&mut self) -> Option<Group<'a>> {
        let points = &self.line.points[self.passed..];
        let days = &self.line.days[self.passed..];
        let start = period_start(self.every, points.first()?.seconds(), *days.first()?);
        let length = match self.every {
            Every::Snapshot => Some(1),
            Every::Hour => points.iter().position(|point| point.seconds() < start),
            _ => days.iter().position(|day| i64::from(*day) < start),
        };
        let end = self.passed + length.unwrap_or(points.len());
        let range = self.passed..end;
        self.passed = end;
        Some(Group {
            start,
            line: self.line,
            range,
        })
    }
}

/// Returns the start of the period, as [`Group::start`] has it.
pub(super) fn period_start(every: Every, seconds: i64, day: i32) -> i64 {
    match every {
        Every::Snapshot => seconds,
        Every::Hour => seconds.div_euclid(HOUR_SECONDS) * HOUR_SECONDS,
        every => first_day(every, day.into()),
    }
}
