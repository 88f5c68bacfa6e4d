//! The calculator: snapshots and a policy in, what to keep and what to remove out.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::decide::Decided;
use super::order::{Line, newest_first, oldest_first};
use super::policy::Policy;
use super::reason::{Reason, Why};
use super::serial::utc;
use super::snapshot::Snapshot;
use super::zone::ZoneClock;

/// Says what a policy keeps and what it removes, each oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan<Id> {
    /// What stays, with every reason for it.
    pub keep: Vec<Kept<Id>>,
    /// What goes, with its cause.
    pub remove: Vec<Removed<Id>>,
}

/// Names a snapshot that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Kept<Id> {
    /// What the caller knows it by.
    pub id: Id,
    /// When it was made.
    #[serde(serialize_with = "utc")]
    pub time: DateTime<Utc>,
    /// Why it stays; never empty.
    pub reasons: Vec<Reason>,
}

/// Names a snapshot that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Removed<Id> {
    /// What the caller knows it by.
    pub id: Id,
    /// When it was made.
    #[serde(serialize_with = "utc")]
    pub time: DateTime<Utc>,
    /// Why it goes.
    pub why: Why<Id>,
}

impl<Id> Kept<Id> {
    /// Keeps what no rule would, because the next snapshot builds on it.
    pub(crate) fn basis(id: Id, time: DateTime<Utc>) -> Self {
        Self {
            id,
            time,
            reasons: vec![Reason::Basis],
        }
    }

    /// Writes all reasons in one line, as `daily (first of 2026-03-03, until 2026-03-17); held`.
    #[must_use]
    pub fn explain(&self) -> String {
        let texts: Vec<String> = self.reasons.iter().map(ToString::to_string).collect();
        texts.join("; ")
    }
}

/// Decides what to keep and what to remove at the instant `now`.
///
/// A pure function: it reads no clock and no environment, and the order of `snapshots` does not
/// matter. It never fails, and neither the newest live nor the newest complete snapshot is ever
/// removed.
///
/// # Examples
///
/// ```
/// use hardsnap::retention::{Policy, Snapshot, plan};
///
/// let policy: Policy = "daily for 2 weeks".parse()?;
/// let snapshots = [
///     Snapshot::new(1, "2026-03-03T02:00:00Z".parse()?),
///     Snapshot::new(2, "2026-03-03T14:00:00Z".parse()?),
///     Snapshot::new(3, "2026-03-04T02:00:00Z".parse()?),
/// ];
/// let plan = plan(&snapshots, &policy, "2026-03-04T03:00:00Z".parse()?);
/// assert_eq!(plan.keep.iter().map(|kept| kept.id).collect::<Vec<_>>(), [1, 3]);
/// assert_eq!(plan.remove[0].why.to_string(), "2026-03-03 is represented by 1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn plan<Id: Ord + Clone>(
    snapshots: &[Snapshot<Id>],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Plan<Id> {
    let points = newest_first(snapshots);
    let mut clock = ZoneClock::new(policy.zone());
    let live = Line::of_live(&points, now, &mut clock);
    let by_day = live.by_day();
    let decided = Decided::new(
        &points,
        &live,
        by_day.as_ref().unwrap_or(&live),
        policy,
        now,
    );

    let mut keep = Vec::with_capacity(decided.kept_count());
    let mut remove = Vec::with_capacity(points.len() - decided.kept_count());
    let id_at = |index: usize| snapshots[index].id.clone();
    let mut order = oldest_first(&points);
    // They lie anywhere in the caller's slice. Fetched by the hundred, with nothing else in
    // between, they do not each wait for memory in turn.
    let mut batch = Vec::with_capacity(256);
    loop {
        let next = order.by_ref().take(batch.capacity());
        batch.extend(next.map(|(place, point)| {
            let Snapshot { id, time, .. } = &snapshots[point.index()];
            (place, point, id.clone(), *time)
        }));
        if batch.is_empty() {
            return Plan { keep, remove };
        }
        for (place, point, id, time) in batch.drain(..) {
            if decided.is_kept(place) {
                let reasons = decided.reasons(place);
                keep.push(Kept { id, time, reasons });
            } else {
                let why = decided.why(place, point, id_at, &mut clock);
                remove.push(Removed { id, time, why });
            }
        }
    }
}
