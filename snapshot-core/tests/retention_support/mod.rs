//! What the retention tests share: short ways to write cases, and random ones.
#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod brute;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use hardsnap::retention::{
    Anchor, Every, Kept, Plan, Policy, Rule, Snapshot, Span, Status, Unit, Zone,
};
use proptest::prelude::*;

/// Reads an RFC 3339 instant.
pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an RFC 3339 instant")
}

/// Reads a policy's line, in UTC.
pub(crate) fn policy(line: &str) -> Policy {
    line.parse().expect("a policy")
}

pub(crate) fn zone(name: &str) -> Zone {
    name.parse().expect("a zone")
}

/// Complete snapshots at these instants, numbered from 0.
pub(crate) fn snapshots(instants: &[&str]) -> Vec<Snapshot<usize>> {
    let numbered = instants.iter().enumerate();
    numbered
        .map(|(id, time)| Snapshot::new(id, at(time)))
        .collect()
}

/// Complete snapshots at even distances, numbered from 0.
pub(crate) fn every(step: TimeDelta, from: DateTime<Utc>, count: usize) -> Vec<Snapshot<usize>> {
    let mut time = from;
    let mut snapshots = Vec::new();
    for id in 0..count {
        snapshots.push(Snapshot::new(id, time));
        time += step;
    }
    snapshots
}

pub(crate) fn newest(snapshots: &[Snapshot<usize>]) -> DateTime<Utc> {
    let times = snapshots.iter().map(|snapshot| snapshot.time);
    times.max().expect("at least one snapshot")
}

/// The ids that stay, in order.
pub(crate) fn kept(plan: &Plan<usize>) -> Vec<usize> {
    let mut ids: Vec<usize> = plan.keep.iter().map(|kept| kept.id).collect();
    ids.sort_unstable();
    ids
}

/// What a plan says of those that stay, oldest first.
pub(crate) fn explained(plan: &Plan<usize>) -> Vec<String> {
    plan.keep.iter().map(Kept::explain).collect()
}

/// How many cases a property gets: `PROPTEST_CASES`, or 256.
pub(crate) fn cases() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        // Some properties hold of a part of the cases only.
        max_global_rejects: u32::MAX,
        ..ProptestConfig::default()
    }
}

/// Zones with the calendar's oddities, and beginnings close before each.
const SCENES: [(Tz, &str); 14] = [
    (Tz::UTC, "2024-02-26T22:00:00Z"),
    (Tz::UTC, "2026-12-27T23:00:00Z"),
    (Tz::Europe__Berlin, "2026-03-27T20:00:00Z"),
    (Tz::Europe__Berlin, "2024-12-28T20:00:00Z"),
    (Tz::America__New_York, "2026-10-31T03:00:00Z"),
    (Tz::America__New_York, "2026-03-07T10:00:00Z"),
    (Tz::America__St_Johns, "2010-11-06T20:00:00Z"),
    (Tz::America__St_Johns, "2011-03-12T20:00:00Z"),
    (Tz::Pacific__Apia, "2011-12-28T12:00:00Z"),
    (Tz::Australia__Lord_Howe, "2026-04-04T10:00:00Z"),
    (Tz::Australia__Lord_Howe, "2026-10-03T10:00:00Z"),
    (Tz::Asia__Kathmandu, "2025-08-30T17:00:00Z"),
    (Tz::America__Sao_Paulo, "2018-02-17T12:00:00Z"),
    (Tz::Africa__Casablanca, "2025-02-21T12:00:00Z"),
];

/// A zone, and snapshots there from an interesting instant on: in order, some at the same instant,
/// in all states, ids without order.
pub(crate) fn history(longest: usize) -> impl Strategy<Value = (Tz, Vec<Snapshot<usize>>)> {
    let step_seconds = prop_oneof![
        2 => Just(0_i64),
        1 => Just(1),
        3 => 600_i64..5_000,
        3 => Just(43_200),
        4 => Just(86_400),
        2 => 80_000_i64..95_000,
        2 => 500_000_i64..700_000,
        2 => 2_500_000_i64..2_800_000,
        1 => 10_000_000_i64..40_000_000,
    ];
    let status = prop_oneof![
        7 => Just(Status::Complete),
        2 => Just(Status::Partial),
        1 => Just(Status::Suspect),
    ];
    let one = (step_seconds, status, prop::bool::weighted(0.05));
    let ids = Just((0..longest).collect::<Vec<usize>>()).prop_shuffle();
    let scene = prop::sample::select(SCENES.to_vec());
    (scene, prop::collection::vec(one, 0..longest), ids).prop_map(|((zone, from), steps, ids)| {
        let mut time = at(from);
        let mut snapshots = Vec::new();
        for ((step, status, held), id) in steps.into_iter().zip(ids) {
            time += TimeDelta::seconds(step);
            let snapshot = Snapshot::new(id, time);
            snapshots.push(snapshot.with_status(status).with_held(held));
        }
        (zone, snapshots)
    })
}

pub(crate) fn span() -> impl Strategy<Value = Span> {
    prop_oneof![
        (0_u32..60).prop_map(Span::hours),
        (0_u32..40).prop_map(Span::days),
        (0_u32..9).prop_map(Span::weeks),
        (0_u32..15).prop_map(Span::months),
        (0_u32..3).prop_map(Span::years),
    ]
}

pub(crate) fn period() -> impl Strategy<Value = Every> {
    prop::sample::select(vec![
        Every::Snapshot,
        Every::Hour,
        Every::Day,
        Every::Week,
        Every::Month,
        Every::Year,
    ])
}

/// A rule with pick first; it may keep nothing.
pub(crate) fn rule() -> impl Strategy<Value = Rule> {
    let base = prop_oneof![
        3 => (period(), span()).prop_map(|(every, span)| Rule::within(every, span)),
        2 => (period(), 0_u32..12).prop_map(|(every, count)| Rule::count(every, count)),
        1 => period().prop_map(Rule::forever),
    ];
    let floor = prop_oneof![2 => Just(None), 1 => (0_u32..12).prop_map(Some)];
    let ceiling = prop_oneof![4 => Just(None), 1 => (0_u32..20).prop_map(Some)];
    (base, floor, ceiling).prop_map(|(mut rule, floor, ceiling)| {
        if let Some(floor) = floor {
            rule = rule.with_at_least(floor);
        }
        rule.at_most = ceiling;
        rule
    })
}

/// Some rules with pick first; at least one keeps something.
pub(crate) fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let rules = prop::collection::vec(rule(), 1..5);
    rules.prop_filter("keeps nothing", |rules| {
        rules.iter().any(|rule| !rule.keeps_nothing())
    })
}

pub(crate) fn anchor() -> impl Strategy<Value = Anchor> {
    prop_oneof![3 => Just(Anchor::Newest), 1 => Just(Anchor::Now)]
}

/// The rule, reaching farther in one way.
pub(crate) fn enlarged(mut rule: Rule, way: usize, by: u32) -> Rule {
    use hardsnap::retention::Window;
    match way % 4 {
        0 => {
            rule.within = match rule.within {
                Window::Span(span) => Window::Span(Span::new(span.count() + by, span.unit())),
                Window::None => Window::Span(Span::new(by, Unit::Day)),
                other => other,
            }
        }
        1 => rule.within = Window::Forever,
        2 => rule.at_least += by,
        _ => rule.at_most = rule.at_most.map(|limit| limit + by).filter(|_| by % 2 == 0),
    }
    rule
}
