//! The calculator: snapshots and a policy in, what to keep and what to remove out.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::bucket::{Bucket, day_number};
use super::groups::Groups;
use super::order::{Line, Point, newest_first, oldest_first};
use super::policy::{Anchor, Every, Policy, Rule};
use super::reach::Reach;
use super::reason::{Reason, RuleReason, Until, Why};
use super::snapshot::Snapshot;
use super::zone::ZoneClock;

/// Says what a policy keeps and what it removes, each oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan<Id> {
    /// What stays, with every reason for it.
    pub keep: Vec<Kept<Id>>,
    /// What goes, with its cause.
    pub remove: Vec<Removed<Id>>,
}

/// Names a snapshot that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kept<Id> {
    /// What the caller knows it by.
    pub id: Id,
    /// When it was made.
    pub time: DateTime<Utc>,
    /// Why it stays; never empty.
    pub reasons: Vec<Reason>,
}

/// Names a snapshot that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed<Id> {
    /// What the caller knows it by.
    pub id: Id,
    /// When it was made.
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
    let (live, mut reasons) = standing(&points, now);
    let anchor = match (policy.anchor(), live.first()) {
        (Anchor::Newest, Some(newest)) => snapshots[newest.index()].time,
        _ => now,
    };
    let mut clock = ZoneClock::new(policy.zone());
    let by_time = Line::new(&live, &mut clock);
    let by_day = by_time.by_day();
    let asked: Vec<Asked<'_>> = policy
        .rules()
        .iter()
        .map(|rule| Asked {
            reach: Reach::new(*rule, anchor, policy.zone()),
            line: match rule.every {
                Every::Snapshot | Every::Hour => &by_time,
                _ => &by_day,
            },
        })
        .collect();
    for one in &asked {
        one.keep(&mut reasons, |index| snapshots[index].time);
    }
    // Stable, so that the reasons of one snapshot stay in the order of the rules.
    reasons.sort_by_key(|(index, _)| *index);
    let reasons: Vec<&[Placed]> = reasons.chunk_by(|a, b| a.0 == b.0).collect();

    let mut fates = vec![Fate::Unexplained; snapshots.len()];
    for (number, own) in reasons.iter().enumerate() {
        fates[own[0].0] = Fate::Kept(number);
    }
    let stand_ins = stand_ins(&asked, &mut fates);
    let farthest = asked.iter().max_by_key(|one| {
        let rule = &one.reach.rule;
        (rule.reach_seconds(), rule.every)
    });

    let mut keep = Vec::with_capacity(reasons.len());
    let mut remove = Vec::with_capacity(snapshots.len() - reasons.len());
    for point in oldest_first(&points) {
        let Snapshot { id, time, .. } = &snapshots[point.index()];
        let why = match (fates[point.index()], live.first(), farthest) {
            (Fate::Kept(number), ..) => {
                keep.push(Kept {
                    id: id.clone(),
                    time: *time,
                    reasons: reasons[number].iter().map(|(_, reason)| *reason).collect(),
                });
                continue;
            }
            (Fate::Represented(number), ..) => {
                let stand_in = &stand_ins[number];
                Why::Represented {
                    rule: stand_in.rule,
                    bucket: stand_in.bucket,
                    represented_by: snapshots[stand_in.index].id.clone(),
                }
            }
            (Fate::Unexplained, Some(newest), _) if point.is_suspect() => Why::Superseded {
                newer: snapshots[newest.index()].id.clone(),
            },
            (Fate::Unexplained, _, Some(one)) => {
                let day = day_number(clock.wall_seconds(point.seconds()));
                one.reach.expired(point, day, *time)
            }
            // Cannot be: a policy has a rule.
            (Fate::Unexplained, _, None) => continue,
        };
        remove.push(Removed {
            id: id.clone(),
            time: *time,
            why,
        });
    }
    Plan { keep, remove }
}

/// A reason to keep the snapshot at this place in the caller's slice.
type Placed = (usize, Reason);

/// What becomes of a snapshot.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It stays, for the reasons with this number.
    Kept(usize),
    /// It goes; the stand-in with this number stays.
    Represented(usize),
    /// It goes, and nothing that stays stands for it.
    Unexplained,
}

/// A kept snapshot that stands for others of its period.
struct StandIn {
    rule: Rule,
    bucket: Bucket,
    index: usize,
}

/// Tells the live snapshots from the rest, and gives the reasons that no rule gives.
fn standing(points: &[Point], now: DateTime<Utc>) -> (Cow<'_, [Point]>, Vec<Placed>) {
    let is_live = |point: &&Point| !point.is_suspect() && !point.is_later_than(now);
    let live: Cow<'_, [Point]> = if points.iter().all(|point| is_live(&point)) {
        Cow::Borrowed(points)
    } else {
        points.iter().filter(is_live).copied().collect()
    };

    let mut reasons = Vec::new();
    let newest = live.first();
    let newest_complete = live.iter().find(|point| point.is_complete());
    if let Some(point) = newest {
        reasons.push((point.index(), Reason::Newest));
    }
    match newest_complete {
        Some(point) if newest != Some(point) => reasons.push((point.index(), Reason::Newest)),
        _ => {}
    }
    for point in points {
        if point.is_later_than(now) {
            reasons.push((point.index(), Reason::Future));
        } else if point.is_suspect() && newest.is_none_or(|newest| newest.time() <= point.time()) {
            reasons.push((point.index(), Reason::Suspect));
        }
        if point.is_held() {
            reasons.push((point.index(), Reason::Held));
        }
    }
    (live, reasons)
}

/// A rule and the live snapshots in its order.
struct Asked<'a> {
    reach: Reach,
    line: &'a Line<'a>,
}

impl Asked<'_> {
    fn groups(&self) -> Groups<'_> {
        Groups::new(self.reach.rule.every, self.line)
    }

    /// Adds the rule's reasons.
    fn keep(&self, reasons: &mut Vec<Placed>, time_of: impl Fn(usize) -> DateTime<Utc>) {
        let reach = &self.reach;
        for (rank, group) in self.groups().enumerate() {
            if !reach.keeps(&group, rank) {
                // From new to old: what follows is neither younger nor higher in rank.
                break;
            }
            let index = group.representative(reach.rule.pick).index();
            let time = time_of(index);
            let until = if reach.is_young(&group) {
                reach.until(group.start, time)
            } else {
                Until::Count
            };
            let reason = RuleReason {
                rule: reach.rule,
                bucket: reach.bucket(group.start, time),
                rank,
                until,
            };
            reasons.push((index, Reason::Rule(reason)));
        }
    }
}

/// Finds for each removed snapshot the finest period of which another one is kept.
fn stand_ins(asked: &[Asked<'_>], fates: &mut [Fate]) -> Vec<StandIn> {
    let mut stand_ins = Vec::new();
    let mut order: Vec<&Asked<'_>> = asked.iter().collect();
    order.sort_by_key(|one| one.reach.rule.every);
    for one in order {
        let rule = one.reach.rule;
        if rule.every == Every::Snapshot {
            continue;
        }
        for group in one.groups().filter(|group| group.points.len() > 1) {
            let index = group.representative(rule.pick).index();
            if !matches!(fates[index], Fate::Kept(_)) {
                continue;
            }
            for point in group.points {
                let fate = &mut fates[point.index()];
                if matches!(fate, Fate::Unexplained) {
                    *fate = Fate::Represented(stand_ins.len());
                }
            }
            stand_ins.push(StandIn {
                rule,
                // Its own instant would name a single snapshot, which no group of two is.
                bucket: one.reach.bucket(group.start, DateTime::UNIX_EPOCH),
                index,
            });
        }
    }
    stand_ins
}
