//! Which snapshots the ranges of rows stand for. Pure.

use std::ops::Range;

use crate::catalog::query::CatalogSnapshot;

/// The snapshots that there are, in the order in which they were made. Numbers
/// between theirs are those of snapshots that were removed.
#[derive(Clone, Debug)]
pub(super) struct Living(Vec<CatalogSnapshot>);

impl Living {
    pub(super) fn new(snapshots: Vec<CatalogSnapshot>) -> Living {
        Living(snapshots)
    }

    pub(super) fn all(&self) -> &[CatalogSnapshot] {
        &self.0
    }

    /// The places of those that have what began with `first` and ended with
    /// `until`.
    pub(super) fn places(&self, first: u64, until: Option<u64>) -> Range<usize> {
        let before = |end: u64| self.0.partition_point(|snapshot| snapshot.sequence < end);
        let start = before(first);
        start..until.map_or(self.0.len(), before).max(start)
    }
}
