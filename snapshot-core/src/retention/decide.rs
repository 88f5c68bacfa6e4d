//! The model applied: who stays for which reasons, and who stands for those that go.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};

use super::bucket::{Bucket, day_number};
use super::groups::Groups;
use super::order::{Line, Point};
use super::policy::{Anchor, Every, Policy};
use super::reach::Reach;
use super::reason::{Reason, RuleReason, Until, Why};
use super::zone::ZoneClock;

/// What becomes of each snapshot, by its place among all, 0 for the newest.
pub(super) struct Decided<'a> {
    rules: Vec<Asked<'a>>,
    newest_live: Option<Point>,
    /// In the order of places; those of one snapshot in the order of the rules.
    reasons: Vec<Placed>,
    kept: Vec<bool>,
    kept_count: usize,
    explained: Explained,
}

impl<'a> Decided<'a> {
    /// Decides on all `points`, of which the live ones are given by time and by civil day.
    pub(super) fn new(
        points: &[Point],
        live: &'a Line<'a>,
        by_day: &'a Line<'a>,
        policy: &Policy,
        now: DateTime<Utc>,
    ) -> Self {
        let newest_live = live.points.first().copied();
        let anchor = match (policy.anchor(), newest_live) {
            (Anchor::Newest, Some(newest)) => newest.instant(),
            _ => now,
        };
        let rules = policy.rules().iter().map(|rule| Asked {
            reach: Reach::new(*rule, anchor, policy.zone()),
            line: match rule.every {
                Every::Snapshot | Every::Hour => live,
                _ => by_day,
            },
        });
        let rules: Vec<Asked<'a>> = rules.collect();
        let mut reasons = standing(points, live, now);
        for rule in &rules {
            rule.keep(&mut reasons);
        }
        // Stable, so that the reasons of one snapshot stay in the order of the rules.
        reasons.sort_by_key(|(place, _)| *place);
        let mut kept = vec![false; points.len()];
        for (place, _) in &reasons {
            kept[*place] = true;
        }
        Self {
            explained: Explained::new(&rules, &kept),
            kept_count: kept.iter().filter(|kept| **kept).count(),
            rules,
            newest_live,
            reasons,
            kept,
        }
    }

    pub(super) fn kept_count(&self) -> usize {
        self.kept_count
    }

    pub(super) fn is_kept(&self, place: usize) -> bool {
        self.kept[place]
    }

    /// Returns every reason to keep the snapshot at the place.
    pub(super) fn reasons(&self, place: usize) -> Vec<Reason> {
        let start = self.reasons.partition_point(|(other, _)| *other < place);
        let own = self.reasons[start..].iter();
        let own = own.take_while(|(other, _)| *other == place);
        own.map(|(_, reason)| *reason).collect()
    }

    /// Returns why the snapshot at the place is not kept; `id_at` knows ids by their index.
    pub(super) fn why<Id>(
        &self,
        place: usize,
        point: Point,
        id_at: impl Fn(usize) -> Id,
        clock: &mut ZoneClock,
    ) -> Why<Id> {
        if let Some(stand_in) = self.explained.stand_in(place) {
            return Why::Represented {
                bucket: stand_in.bucket,
                represented_by: id_at(stand_in.index),
            };
        }
        let farthest = self.rules.iter().max_by_key(|asked| {
            let rule = &asked.reach.rule;
            (rule.reach_seconds(), rule.every)
        });
        match (farthest, self.newest_live) {
            (Some(asked), _) if !point.is_suspect() => {
                let day = day_number(clock.wall_seconds(point.seconds()));
                asked.reach.expired(point, day, point.instant())
            }
            // No suspect one goes unless a live one is newer, and no policy is without a rule.
            (_, newest) => Why::Superseded {
                newer: id_at(newest.unwrap_or(point).index()),
            },
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
    if newest.is_some() {
        reasons.push((live.place(0), Reason::Newest));
    }
    match newest_complete {
        // Else it is the newest of all.
        Some(index) if index > 0 => reasons.push((live.place(index), Reason::Newest)),
        _ => {}
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
