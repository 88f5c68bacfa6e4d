//! The calculator: snapshots and a policy in, what to keep and what to remove out.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::bucket::{Bucket, day_number};
use super::groups::Groups;
use super::order::{Line, Point, newest_first, oldest_first};
use super::policy::{Anchor, Every, Policy};
use super::reach::Reach;
use super::reason::{Reason, RuleReason, Until, Why};
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
    let anchor = match (policy.anchor(), live.points.first()) {
        (Anchor::Newest, Some(newest)) => newest.instant(),
        _ => now,
    };
    let by_day = live.by_day();
    let asked: Vec<Asked<'_>> = policy
        .rules()
        .iter()
        .map(|rule| Asked {
            reach: Reach::new(*rule, anchor, policy.zone()),
            line: match rule.every {
                Every::Snapshot | Every::Hour => &live,
                _ => by_day.as_ref().unwrap_or(&live),
            },
        })
        .collect();

    let mut reasons = standing(&points, &live, now);
    for one in &asked {
        one.keep(&mut reasons);
    }
    // Stable, so that the reasons of one snapshot stay in the order of the rules.
    reasons.sort_by_key(|(place, _)| *place);
    let mut kept = vec![false; points.len()];
    for (place, _) in &reasons {
        kept[*place] = true;
    }
    let explained = Explained::new(&asked, &kept);
    let farthest = asked.iter().max_by_key(|one| {
        let rule = &one.reach.rule;
        (rule.reach_seconds(), rule.every)
    });

    let keeps = kept.iter().filter(|kept| **kept).count();
    let mut keep = Vec::with_capacity(keeps);
    let mut remove = Vec::with_capacity(points.len() - keeps);
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
            if kept[place] {
                keep.push(Kept {
                    id,
                    time,
                    reasons: reasons_of(place, &reasons),
                });
                continue;
            }
            let why = match (explained.stand_in(place), live.points.first(), farthest) {
                (Some(stand_in), ..) => Why::Represented {
                    bucket: stand_in.bucket,
                    represented_by: id_at(stand_in.index),
                },
                (None, Some(newest), _) if point.is_suspect() => Why::Superseded {
                    newer: id_at(newest.index()),
                },
                (None, _, Some(one)) => {
                    let day = day_number(clock.wall_seconds(point.seconds()));
                    one.reach.expired(point, day, time)
                }
                // Cannot be: a policy has a rule.
                (None, _, None) => continue,
            };
            remove.push(Removed { id, time, why });
        }
    }
}

/// A reason to keep the snapshot at this place, 0 for the newest.
type Placed = (usize, Reason);

/// Gives the reasons that no rule gives.
fn standing(points: &[Point], live: &Line<'_>, now: DateTime<Utc>) -> Vec<Placed> {
    let mut reasons = Vec::new();
    let newest = live.points.first();
    let newest_complete = live.points.iter().position(|point| point.is_complete());
    // The newest one is the newest complete one, as a rule.
    let index = newest.map(|_| 0);
    for index in index
        .into_iter()
        .chain(newest_complete.filter(|index| *index > 0))
    {
        reasons.push((live.place(index), Reason::Newest));
    }
    for (place, point) in points.iter().enumerate() {
        if point.is_later_than(now) {
            reasons.push((place, Reason::Future));
        } else if point.is_suspect() && newest.is_none_or(|newest| newest.time() <= point.time()) {
            reasons.push((place, Reason::Suspect));
        }
        if point.is_held() {
            reasons.push((place, Reason::Held));
        }
    }
    reasons
}

/// Finds the reasons for one place among those of all, which are in the order of places.
fn reasons_of(place: usize, reasons: &[Placed]) -> Vec<Reason> {
    let start = reasons.partition_point(|(other, _)| *other < place);
    let own = reasons[start..]
        .iter()
        .take_while(|(other, _)| *other == place);
    own.map(|(_, reason)| *reason).collect()
}

/// A rule and the live snapshots in its order.
struct Asked<'a> {
    reach: Reach,
    line: &'a Line<'a>,
}

impl Asked<'_> {
    fn groups(&self) -> Groups<'_> {
        Groups {
            every: self.reach.rule.every,
            line: self.line,
            passed: 0,
        }
    }

    /// Adds the rule's reasons.
    fn keep(&self, reasons: &mut Vec<Placed>) {
        let reach = &self.reach;
        for (rank, group) in self.groups().enumerate() {
            let is_young = reach.is_young(group.start, group.points()[0].time());
            if !reach.keeps(is_young, rank) {
                // From new to old: what follows is neither younger nor higher in rank.
                break;
            }
            let (point, place) = group.representative(reach.rule.pick);
            let time = point.instant();
            let reason = RuleReason {
                rule: reach.rule,
                bucket: reach.bucket(group.start, time),
                rank,
                until: if is_young {
                    reach.until(group.start, time)
                } else {
                    Until::Count
                },
            };
            reasons.push((place, Reason::Rule(reason)));
        }
    }
}

/// A kept snapshot that stands for others of its period.
struct StandIn {
    bucket: Bucket,
    /// Its place in the caller's slice.
    index: usize,
}

/// Who stands for the snapshots that go.
struct Explained {
    stand_ins: Vec<StandIn>,
    /// For each place one more than the stand-in's number.
    numbers: Vec<Option<NonZeroU32>>,
}

impl Explained {
    /// Finds for each removed snapshot the finest period of which another one is kept.
    fn new(asked: &[Asked<'_>], kept: &[bool]) -> Self {
        let mut explained = Self {
            stand_ins: Vec::new(),
            numbers: vec![None; kept.len()],
        };
        let mut order: Vec<&Asked<'_>> = asked.iter().collect();
        order.sort_by_key(|one| one.reach.rule.every);
        for one in order {
            for group in one.groups() {
                if group.points().len() == 1 {
                    continue;
                }
                let (point, place) = group.representative(one.reach.rule.pick);
                if !kept[place] {
                    continue;
                }
                explained.stand_ins.push(StandIn {
                    bucket: one.reach.bucket(group.start, point.instant()),
                    index: point.index(),
                });
                let number = u32::try_from(explained.stand_ins.len());
                let number = number.ok().and_then(NonZeroU32::new);
                for place in group.places() {
                    let own = &mut explained.numbers[place];
                    *own = own.or(number);
                }
            }
        }
        explained
    }

    fn stand_in(&self, place: usize) -> Option<&StandIn> {
        let number = self.numbers[place]?.get();
        self.stand_ins.get(number as usize - 1)
    }
}
