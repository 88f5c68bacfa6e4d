//! The calculator decides what the golden cases say.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use hardsnap::retention::{Every, Pick, Plan, Policy, Reason, Rule, Snapshot, Span, plan};
use serde_json::Value;

const MODEL: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/fixtures/retention_model_cases.jsonl"
));
const COUNTS: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/fixtures/retention_count_cases.jsonl"
));

fn cases(text: &str) -> Vec<Value> {
    let cases: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect();
    assert_eq!(cases.len(), 60);
    cases
}

fn instant(value: &Value) -> DateTime<Utc> {
    let text = value.as_str().expect("an instant");
    text.parse().expect("an RFC 3339 instant")
}

/// The snapshots of a case, each with its place in the case's list as id.
fn snapshots(case: &Value) -> Vec<Snapshot<usize>> {
    let times = case["snapshots"].as_array().expect("a list");
    let numbered = times.iter().map(instant).enumerate();
    numbered.map(|(id, time)| Snapshot::new(id, time)).collect()
}

fn expected_keep(case: &Value) -> Vec<bool> {
    let keep = case["keep"].as_array().expect("a list");
    keep.iter()
        .map(|one| one.as_bool().expect("a bool"))
        .collect()
}

fn kept_ids(plan: &Plan<usize>) -> Vec<usize> {
    let mut ids: Vec<usize> = plan.keep.iter().map(|kept| kept.id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn the_model_cases_keep_the_same_for_the_same_reasons() {
    for case in cases(MODEL) {
        let name = case["id"].as_str().expect("a name");
        let rules = case["policy"]["rules"].as_array().expect("rules");
        let zone = case["tz"].as_str().expect("a zone");
        let policy = Policy::new(rules.iter().map(model_rule))
            .expect("a policy")
            .with_zone(zone.parse().expect("a zone"));
        let snapshots = snapshots(&case);
        let plan = plan(&snapshots, &policy, instant(&case["now"]));

        let mut kept = vec![false; snapshots.len()];
        let mut reasons = vec![Vec::new(); snapshots.len()];
        for one in &plan.keep {
            kept[one.id] = true;
            reasons[one.id] = one.reasons.iter().map(reason_word).collect();
        }
        let expected: Vec<Vec<&str>> = case["reasons"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|words| {
                let words = words.as_array().expect("a list").iter();
                words.map(|word| word.as_str().expect("a word")).collect()
            })
            .collect();
        assert_eq!(reasons, expected, "reasons of {name}");
        assert_eq!(kept, expected_keep(&case), "kept of {name}");
        assert_eq!(plan.keep.len() + plan.remove.len(), snapshots.len());
    }
}

fn model_rule(rule: &Value) -> Rule {
    let every = match rule["every"].as_str() {
        Some("day") => Every::Day,
        Some("week") => Every::Week,
        Some("month") => Every::Month,
        other => panic!("unknown period {other:?}"),
    };
    let base = match rule["keep"].as_str().expect("a window") {
        "forever" => Rule::forever(every),
        span => Rule::within(every, span.parse::<Span>().expect("a span")),
    };
    let floor = rule["at_least"].as_u64().unwrap_or(0);
    base.with_at_least(u32::try_from(floor).expect("a small count"))
}

fn reason_word(reason: &Reason) -> &'static str {
    match reason {
        Reason::Newest => "newest",
        Reason::Future => "future",
        Reason::Rule(rule) => rule.rule.every.noun(),
        other => panic!("no case has {other}"),
    }
}

#[test]
fn the_count_cases_keep_as_many_of_each_instant() {
    for case in cases(COUNTS) {
        let name = case["id"].as_str().expect("a name");
        let counts = [
            ("last", Every::Snapshot),
            ("hourly", Every::Hour),
            ("daily", Every::Day),
            ("weekly", Every::Week),
            ("monthly", Every::Month),
            ("yearly", Every::Year),
        ];
        let rules = counts.map(|(key, every)| {
            let count = case["policy"][key].as_u64().expect("a count");
            let count = u32::try_from(count).expect("a small count");
            Rule::count(every, count).with_pick(Pick::Last)
        });
        let policy = Policy::new(rules).expect("a policy");
        let snapshots = snapshots(&case);
        // The peer knows no now: a snapshot dated later than the clock counts like any other.
        let newest = snapshots.iter().map(|snapshot| snapshot.time).max();
        let now = newest.unwrap_or_default().max(instant(&case["now"]));
        let kept = kept_ids(&plan(&snapshots, &policy, now));

        let expected = expected_keep(&case);
        let tally = |is_kept: &dyn Fn(usize) -> bool| {
            let mut tally = BTreeMap::new();
            for snapshot in &snapshots {
                *tally.entry(snapshot.time).or_insert(0) += usize::from(is_kept(snapshot.id));
            }
            tally
        };
        assert_eq!(
            tally(&|id| kept.binary_search(&id).is_ok()),
            tally(&|id| expected[id]),
            "kept of {name}"
        );
    }
}
