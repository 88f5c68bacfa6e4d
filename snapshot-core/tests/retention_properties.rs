//! What holds for every history and every policy.

mod retention_support;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use hardsnap::retention::{
    Anchor, Every, Pick, Plan, Policy, Reason, Rule, Schedule, Snapshot, Span, Status, Until, Why,
    Window, plan,
};
use proptest::prelude::*;
use retention_support::brute::{self, Word, decide};
use retention_support::{anchor, cases, enlarged, history, kept, period, rules, zone as named};

fn policy_of(rules: Vec<Rule>, zone: Tz, anchor: Anchor) -> Policy {
    let policy = Policy::new(rules).expect("a policy");
    policy.with_zone(named(zone.name())).with_anchor(anchor)
}

/// The newest instant, moved by some days; or that of a clock, where there is no snapshot.
fn now_near(snapshots: &[Snapshot<usize>], days: i64) -> DateTime<Utc> {
    let newest = snapshots.iter().map(|snapshot| snapshot.time).max();
    newest.unwrap_or_default() + TimeDelta::days(days)
}

fn words(plan: &Plan<usize>, policy: &Policy) -> BTreeMap<usize, BTreeSet<Word>> {
    let mut all = BTreeMap::new();
    for one in &plan.keep {
        // Equal rules give equal reasons; each number is used once.
        let mut used = BTreeSet::new();
        let words = one.reasons.iter().map(|reason| match reason {
            Reason::Newest => Word::Newest,
            Reason::Future => Word::Future,
            Reason::Held => Word::Held,
            Reason::Suspect => Word::Suspect,
            Reason::Rule(own) => {
                let mut numbers = policy.rules().iter().enumerate();
                let number = numbers
                    .find(|(number, rule)| **rule == own.rule && !used.contains(number))
                    .expect("a rule of the policy")
                    .0;
                used.insert(number);
                Word::Rule(number, own.rank)
            }
            other => panic!("unexpected reason {other}"),
        });
        assert!(
            all.insert(one.id, words.collect::<BTreeSet<Word>>())
                .is_none(),
            "{} is kept twice",
            one.id
        );
    }
    all
}

/// The reasons without ranks, which count what else is there.
fn reasons_without_rank(plan: &Plan<usize>) -> Vec<(usize, Vec<String>)> {
    let keep = plan.keep.iter();
    let texts = keep.map(|one| {
        (
            one.id,
            one.reasons.iter().map(ToString::to_string).collect(),
        )
    });
    texts.collect()
}

/// Zones in which the date never goes back, so that what has expired stays so.
fn is_steady(zone: Tz) -> bool {
    zone != Tz::America__St_Johns
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn it_decides_as_the_literal_reading(
        (zone, snapshots) in history(40),
        rules in rules(),
        picks in prop::collection::vec(prop::bool::weighted(0.3), 5),
        anchor in anchor(),
        days in -30_i64..100,
    ) {
        let picked = rules.into_iter().zip(picks).map(|(rule, last)| {
            rule.with_pick(if last { Pick::Last } else { Pick::First })
        });
        let policy = policy_of(picked.collect(), zone, anchor);
        let now = now_near(&snapshots, days);
        let plan = plan(&snapshots, &policy, now);
        prop_assert_eq!(words(&plan, &policy), decide(&snapshots, &policy, now));
        prop_assert_eq!(plan.keep.len() + plan.remove.len(), snapshots.len());
        prop_assert!(plan.keep.is_sorted_by_key(|one| (one.time, one.id)));
        prop_assert!(plan.remove.is_sorted_by_key(|one| (one.time, one.id)));
    }

    #[test]
    fn newest_future_and_held_are_kept(
        (zone, snapshots) in history(30),
        rules in rules(),
        anchor in anchor(),
        days in -60_i64..60,
    ) {
        let now = now_near(&snapshots, days);
        let kept = kept(&plan(&snapshots, &policy_of(rules, zone, anchor), now));
        let live = snapshots.iter().filter(|one| one.time <= now && one.status != Status::Suspect);
        let newest = live.clone().map(|one| one.time).max();
        let complete = live.clone().filter(|one| one.status == Status::Complete);
        let newest_complete = complete.clone().map(|one| one.time).max();
        if let Some(time) = newest {
            prop_assert!(live.clone().any(|one| one.time == time && kept.contains(&one.id)));
        }
        if let Some(time) = newest_complete {
            prop_assert!(complete.clone().any(|one| one.time == time && kept.contains(&one.id)));
        }
        for one in &snapshots {
            prop_assert!(!(one.held || one.time > now) || kept.contains(&one.id));
        }
    }

    #[test]
    fn adding_a_rule_never_removes_more(
        (zone, snapshots) in history(40),
        rules in rules(),
        added in rules(),
        anchor in anchor(),
        days in -30_i64..100,
    ) {
        let now = now_near(&snapshots, days);
        let all = rules.iter().chain(&added).copied().collect();
        let before = kept(&plan(&snapshots, &policy_of(rules, zone, anchor), now));
        let after = kept(&plan(&snapshots, &policy_of(all, zone, anchor), now));
        prop_assert!(before.iter().all(|id| after.contains(id)), "{before:?} {after:?}");
    }

    #[test]
    fn enlarging_a_rule_never_removes_more(
        (zone, snapshots) in history(40),
        rules in rules(),
        which in any::<prop::sample::Index>(),
        way in 0_usize..4,
        by in 1_u32..40,
        anchor in anchor(),
        days in -30_i64..100,
    ) {
        let now = now_near(&snapshots, days);
        let mut larger = rules.clone();
        let which = which.index(larger.len());
        larger[which] = enlarged(larger[which], way, by);
        let before = kept(&plan(&snapshots, &policy_of(rules, zone, anchor), now));
        let after = kept(&plan(&snapshots, &policy_of(larger, zone, anchor), now));
        prop_assert!(before.iter().all(|id| after.contains(id)), "{before:?} {after:?}");
    }

    #[test]
    fn a_second_time_removes_nothing(
        (zone, mut snapshots) in history(40),
        rules in rules(),
        last in any::<bool>(),
        anchor in anchor(),
        days in -30_i64..100,
    ) {
        let mut policy = policy_of(rules, zone, anchor);
        if last {
            policy = policy.with_pick(Pick::Last);
        }
        let now = now_near(&snapshots, days);
        let once = kept(&plan(&snapshots, &policy, now));
        snapshots.retain(|one| once.contains(&one.id));
        prop_assert_eq!(kept(&plan(&snapshots, &policy, now)), once);
    }

    #[test]
    fn pruning_often_leaves_what_pruning_once_leaves(
        (zone, snapshots) in history(50),
        rules in rules(),
        prunes in prop::collection::vec(prop::bool::weighted(0.4), 50),
        anchor in anchor(),
        wait_seconds in 0_i64..2_000_000,
    ) {
        prop_assume!(is_steady(zone));
        let policy = policy_of(rules, zone, anchor);
        let mut often: Vec<Snapshot<usize>> = Vec::new();
        for (number, snapshot) in snapshots.iter().enumerate() {
            often.push(snapshot.clone());
            // Not between two of the same instant: the later one may have the smaller id.
            let next = snapshots.get(number + 1);
            if prunes[number] && next.is_none_or(|next| next.time > snapshot.time) {
                let left = kept(&plan(&often, &policy, snapshot.time));
                often.retain(|one| left.contains(&one.id));
            }
        }
        let now = now_near(&snapshots, 0) + TimeDelta::seconds(wait_seconds);
        let often = kept(&plan(&often, &policy, now));
        prop_assert_eq!(often, kept(&plan(&snapshots, &policy, now)));
    }

    #[test]
    fn a_complete_first_one_stays_until_the_time_that_was_told(
        (zone, snapshots) in history(50),
        rules in rules(),
        cut in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!snapshots.is_empty());
        let policy = policy_of(rules, zone, Anchor::Newest);
        let (early, _) = snapshots.split_at(cut.index(snapshots.len()) + 1);
        let told = plan(early, &policy, now_near(early, 0));
        // None made at the same instant afterwards, with a smaller id.
        let later = snapshots.iter().filter(|one| one.time > now_near(early, 0));
        let all: Vec<Snapshot<usize>> = early.iter().chain(later).cloned().collect();
        let end = now_near(&all, 0);
        let then = plan(&all, &policy, end);
        let live = all.iter().filter(|one| one.status != Status::Suspect);
        let newest = live.map(|one| one.time).max().unwrap_or(end);

        for one in &told.keep {
            let own = early.iter().find(|other| other.id == one.id).expect("it is there");
            if own.status != Status::Complete {
                continue;
            }
            for reason in &one.reasons {
                let Reason::Rule(told) = reason else { continue };
                let is_due = match told.until {
                    Until::Time(until) => newest >= until,
                    Until::Forever => false,
                    _ => true,
                };
                if is_due || told.rule.at_most.is_some() {
                    continue;
                }
                let still = then.keep.iter().find(|other| other.id == one.id);
                let reasons = still.map(|still| still.reasons.as_slice()).unwrap_or_default();
                let same = reasons.iter().any(|reason| match reason {
                    Reason::Rule(now) => {
                        now.rule == told.rule && now.bucket == told.bucket && now.until == told.until
                    }
                    _ => false,
                });
                prop_assert!(same, "{} lost {told:?}, has {reasons:?}", one.id);
            }
        }
    }

    #[test]
    fn the_time_that_was_told_is_when_it_expires(
        (zone, snapshots) in history(30),
        every in period(),
        span in retention_support::span(),
    ) {
        prop_assume!(is_steady(zone) && !span.is_zero());
        let policy = policy_of(vec![Rule::within(every, span)], zone, Anchor::Now);
        let now = now_near(&snapshots, 0);
        for one in &plan(&snapshots, &policy, now).keep {
            for reason in &one.reasons {
                let Reason::Rule(own) = reason else { continue };
                let Until::Time(until) = own.until else { panic!("{own:?}") };
                prop_assert!(until > now);
                let by_rule = |at: DateTime<Utc>| {
                    let plan = plan(&snapshots, &policy, at);
                    let still = plan.keep.into_iter().find(|other| other.id == one.id);
                    let mut reasons = still.map(|still| still.reasons).unwrap_or_default().into_iter();
                    reasons.any(|reason| matches!(reason, Reason::Rule(_)))
                };
                let until = until.to_utc();
                prop_assert!(by_rule((until - TimeDelta::nanoseconds(1)).max(now)));
                prop_assert!(!by_rule(until));
            }
        }
    }

    #[test]
    fn the_order_of_input_does_not_matter(
        (zone, snapshots) in history(40),
        rules in rules(),
        seed in any::<u64>(),
        days in -30_i64..100,
    ) {
        let policy = policy_of(rules, zone, Anchor::Newest);
        let now = now_near(&snapshots, days);
        let mut shuffled = snapshots.clone();
        shuffled.sort_by_key(|one| (one.id as u64).wrapping_add(1).wrapping_mul(seed | 1));
        prop_assert_eq!(plan(&snapshots, &policy, now), plan(&shuffled, &policy, now));
    }

    #[test]
    fn naming_does_not_matter(
        (zone, mut snapshots) in history(40),
        rules in rules(),
        days in -30_i64..100,
    ) {
        snapshots.dedup_by_key(|one| one.time);
        let policy = policy_of(rules, zone, Anchor::Newest);
        let now = now_near(&snapshots, days);
        let named: Vec<Snapshot<String>> = snapshots
            .iter()
            .map(|one| {
                Snapshot::new(format!("{:x}", one.id * 7_919 % 1_000), one.time)
                    .with_status(one.status)
                    .with_held(one.held)
            })
            .collect();
        let numbers = plan(&snapshots, &policy, now).keep;
        let names = plan(&named, &policy, now).keep;
        prop_assert_eq!(
            numbers.iter().map(|one| one.time).collect::<Vec<_>>(),
            names.iter().map(|one| one.time).collect::<Vec<_>>()
        );
        prop_assert!(numbers.iter().zip(&names).all(|(a, b)| a.reasons == b.reasons));
    }

    #[test]
    fn holding_one_changes_only_that_one(
        (zone, snapshots) in history(40),
        rules in rules(),
        which in any::<prop::sample::Index>(),
        days in -30_i64..100,
    ) {
        prop_assume!(!snapshots.is_empty());
        let policy = policy_of(rules, zone, Anchor::Newest);
        let now = now_near(&snapshots, days);
        let which = which.index(snapshots.len());
        let mut with_hold = snapshots.clone();
        with_hold[which].held = true;
        let others = |plan: Plan<usize>| {
            let keep = plan.keep.into_iter();
            keep.filter(|one| one.id != snapshots[which].id).collect::<Vec<_>>()
        };
        let before = plan(&snapshots, &policy, now);
        let after = plan(&with_hold, &policy, now);
        prop_assert!(kept(&after).contains(&snapshots[which].id));
        prop_assert_eq!(others(before), others(after));
    }

    #[test]
    fn taking_away_what_was_not_kept_changes_nothing(
        (zone, mut snapshots) in history(40),
        rules in rules(),
        last in any::<bool>(),
        which in any::<prop::sample::Index>(),
        days in -30_i64..100,
    ) {
        let mut policy = policy_of(rules, zone, Anchor::Newest);
        if last {
            policy = policy.with_pick(Pick::Last);
        }
        let now = now_near(&snapshots, days);
        let before = plan(&snapshots, &policy, now);
        prop_assume!(!before.remove.is_empty());
        let gone = before.remove[which.index(before.remove.len())].id;
        snapshots.retain(|one| one.id != gone);
        let after = plan(&snapshots, &policy, now);
        prop_assert_eq!(kept(&after), kept(&before));
        // A count may keep by number what it kept by age; the reason itself may not go.
        for (before, after) in reasons_without_rank(&before).iter().zip(&reasons_without_rank(&after)) {
            prop_assert!(before.1.iter().all(|text| after.1.contains(text)), "{before:?} {after:?}");
        }
    }

    #[test]
    fn with_anchor_newest_waiting_removes_nothing(
        (zone, snapshots) in history(40),
        rules in rules(),
        days in 0_i64..=900,
    ) {
        let policy = policy_of(rules, zone, Anchor::Newest);
        let today = plan(&snapshots, &policy, now_near(&snapshots, 0));
        prop_assert_eq!(plan(&snapshots, &policy, now_near(&snapshots, days)), today);
    }

    #[test]
    fn the_cause_of_a_removal_is_true(
        (zone, snapshots) in history(40),
        rules in rules(),
        anchor in anchor(),
        days in 0_i64..100,
    ) {
        let policy = policy_of(rules, zone, anchor);
        let now = now_near(&snapshots, days);
        let plan = plan(&snapshots, &policy, now);
        let kept = kept(&plan);
        let of = |id: usize| snapshots.iter().find(|one| one.id == id).expect("it is there");
        for one in &plan.remove {
            match one.why {
                Why::Represented { bucket, represented_by } => {
                    prop_assert!(kept.contains(&represented_by) && represented_by != one.id);
                    let period = |id| brute::bucket(bucket.every(), of(id).time, zone);
                    prop_assert_eq!(period(one.id), period(represented_by));
                }
                Why::Expired { bucket, since } => {
                    let mut rules = policy.rules().iter().filter(|rule| rule.every == bucket.every());
                    prop_assert!(rules.any(|rule| matches!(rule.within, Window::Span(_))));
                    prop_assert!(since <= now || !is_steady(zone), "{one:?}");
                }
                Why::Outnumbered { bucket, count } => {
                    let mut rules = policy.rules().iter().filter(|rule| rule.every == bucket.every());
                    let has_count = |rule: &Rule| {
                        rule.at_least == count || rule.at_most == Some(count)
                    };
                    prop_assert!(rules.any(has_count));
                }
                Why::Superseded { newer } => {
                    prop_assert_eq!(of(one.id).status, Status::Suspect);
                    prop_assert!(of(newer).time > one.time && of(newer).status != Status::Suspect);
                }
                ref other => panic!("unexpected cause {other:?}"),
            }
        }
    }

    #[test]
    fn counts_are_ages_on_gap_free_data(
        (zone, _) in history(2),
        hour in 0_i64..24,
        (every, count, span, period_days) in prop_oneof![
            (1_u32..60).prop_map(|days| (Every::Day, days, Span::days(days), 1)),
            (1_u32..40).prop_map(|weeks| (Every::Week, weeks, Span::weeks(weeks), 7)),
            (1_u32..30).prop_map(|months| (Every::Month, months, Span::months(months), 31)),
            (1_u32..4).prop_map(|years| (Every::Year, years, Span::years(years), 366)),
        ],
        more_days in 0_i64..400,
    ) {
        let from = retention_support::at("2021-01-01T00:10:00Z") + TimeDelta::hours(hour);
        // Longer than the rule reaches back.
        let to = from + TimeDelta::days(i64::from(count + 1) * period_days + more_days);
        // By the clock on the wall: by real days, the change to summer time may skip a date.
        let daily = Schedule::new(Span::days(1), from, to).instants(named(zone.name()));
        let snapshots: Vec<_> = daily.enumerate().map(|(id, time)| Snapshot::new(id, time)).collect();
        let now = now_near(&snapshots, 0);
        let by_count = policy_of(vec![Rule::count(every, count)], zone, Anchor::Newest);
        let by_age = policy_of(vec![Rule::within(every, span)], zone, Anchor::Newest);
        prop_assert_eq!(
            kept(&plan(&snapshots, &by_count, now)),
            kept(&plan(&snapshots, &by_age, now)),
            "{} against {}", by_count, by_age
        );
    }
}
