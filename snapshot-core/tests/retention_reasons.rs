//! The words and the data in which a plan explains itself.

mod retention_support;

use hardsnap::retention::{Snapshot, plan};
use retention_support::{at, newest, policy, snapshots};
use serde_json::json;

fn named(names: &[&'static str]) -> Vec<Snapshot<&'static str>> {
    let snapshots = names.iter().map(|name| {
        let (date, time) = name.split_once('T').expect("a name");
        let instant = at(&format!("{date}T{}", time.replace('-', ":")));
        Snapshot::new(*name, instant)
    });
    snapshots.collect()
}

#[test]
fn the_phrases_are_those_that_are_documented() {
    let snapshots = named(&[
        "2026-03-03T02-00-01Z",
        "2026-03-03T14-00-01Z",
        "2026-03-04T02-00-01Z",
    ]);
    let now = at("2026-03-04T02:00:01Z");
    let plan = plan(&snapshots, &policy("daily for 2 weeks, all monthly"), now);
    assert_eq!(
        plan.keep[0].explain(),
        "daily (first of 2026-03-03, until 2026-03-17); monthly (first of 2026-03, for ever)"
    );
    assert_eq!(
        plan.remove[0].why.to_string(),
        "2026-03-03 is represented by 2026-03-03T02-00-01Z"
    );
}

#[test]
fn each_kind_of_rule_has_its_words() {
    let cases = [
        ("14 daily", "daily (one of the 14 newest days)"),
        (
            "daily for 2 days min 14",
            "daily (one of the 14 newest days)",
        ),
        ("last 10", "last (one of the 10 newest snapshots)"),
        ("all for 1 month", "all (until 2026-04-03T02:00:01Z)"),
        ("all", "all (for ever)"),
        (
            "hourly for 1 month",
            "hourly (first of 2026-03-03T02:00Z, until 2026-04-03T02:00:00Z)",
        ),
        (
            "last of weekly for 1 month",
            "weekly (last of 2026-W10, until 2026-04-02)",
        ),
        (
            "daily for 1 month max 9",
            "daily (first of 2026-03-03, until 2026-04-03 while one of the 9 newest days)",
        ),
        ("all yearly", "yearly (first of 2026, for ever)"),
    ];
    let snapshots = snapshots(&["2026-03-03T02:00:01Z", "2026-03-20T02:00:01Z"]);
    for (line, text) in cases {
        let plan = plan(&snapshots, &policy(line), newest(&snapshots));
        assert_eq!(plan.keep[0].explain(), text, "{line}");
    }
}

#[test]
fn what_nothing_represents_has_expired_or_is_outnumbered() {
    let cases = [
        ("daily for 2 days", "2026-03-03 expired 2026-03-05"),
        (
            "daily for 2 days, weekly for 2 weeks",
            "2026-W10 expired 2026-03-16",
        ),
        (
            "all for 1 day",
            "2026-03-03T02:00:01Z expired 2026-03-04T02:00:01Z",
        ),
        ("1 daily", "2026-03-03 is not the newest day"),
        ("last 1", "2026-03-03T02:00:01Z is not the newest snapshot"),
        ("all daily max 1", "2026-03-03 is not the newest day"),
        ("3 daily max 1", "2026-03-03 is not the newest day"),
    ];
    let snapshots = snapshots(&["2026-03-03T02:00:01Z", "2026-03-20T02:00:01Z"]);
    for (line, text) in cases {
        let plan = plan(&snapshots, &policy(line), newest(&snapshots));
        assert_eq!(plan.remove[0].why.to_string(), text, "{line}");
    }
}

#[test]
fn the_finest_period_explains_a_removal() {
    let snapshots = snapshots(&[
        "2026-03-02T02:00:00Z",
        "2026-03-03T02:00:00Z",
        "2026-03-03T14:00:00Z",
        "2026-03-20T02:00:00Z",
    ]);
    let why = |line: &str| {
        let plan = plan(&snapshots, &policy(line), newest(&snapshots));
        let removed = plan.remove.iter().find(|one| one.id == 2);
        removed.expect("it goes").why.to_string()
    };
    assert_eq!(
        why("all daily, all weekly"),
        "2026-03-03 is represented by 1"
    );
    assert_eq!(
        why("all weekly, all daily"),
        "2026-03-03 is represented by 1"
    );
    assert_eq!(
        why("daily for 2 days, all weekly"),
        "2026-W10 is represented by 0"
    );
}

#[test]
fn a_plan_is_stable_data() {
    let mut snapshots = snapshots(&[
        "2026-01-05T02:00:00Z",
        "2026-03-03T02:00:00Z",
        "2026-03-03T14:00:00.5Z",
        "2026-03-04T02:00:00Z",
        "2026-03-05T02:00:00Z",
    ]);
    snapshots[2].held = true;
    let line = "daily for 2 days min 2, all monthly, 1 weekly";
    let policy = policy(line).with_zone(retention_support::zone("Europe/Berlin"));
    let plan = plan(&snapshots[..4], &policy, newest(&snapshots));
    let berlin = json!("2026-03-04T23:00:00Z");
    assert_eq!(
        serde_json::to_value(&plan).expect("JSON"),
        json!({
            "keep": [
                {"id": 0, "time": "2026-01-05T02:00:00Z", "reasons": [
                    {"kind": "rule", "rule": "all monthly", "every": "month",
                     "bucket": "2026-01", "rank": 1, "until": "forever"},
                ]},
                {"id": 1, "time": "2026-03-03T02:00:00Z", "reasons": [
                    {"kind": "rule", "rule": "daily for 2 days min 2", "every": "day",
                     "bucket": "2026-03-03", "rank": 1, "until": berlin},
                    {"kind": "rule", "rule": "all monthly", "every": "month",
                     "bucket": "2026-03", "rank": 0, "until": "forever"},
                    {"kind": "rule", "rule": "1 weekly", "every": "week",
                     "bucket": "2026-W10", "rank": 0, "until": null},
                ]},
                {"id": 2, "time": "2026-03-03T14:00:00.500Z", "reasons": [{"kind": "held"}]},
                {"id": 3, "time": "2026-03-04T02:00:00Z", "reasons": [
                    {"kind": "newest"},
                    {"kind": "rule", "rule": "daily for 2 days min 2", "every": "day",
                     "bucket": "2026-03-04", "rank": 0, "until": "2026-03-05T23:00:00Z"},
                ]},
            ],
            "remove": [],
        })
    );
}

#[test]
fn causes_are_stable_data() {
    let snapshots = snapshots(&[
        "2026-01-05T02:00:00Z",
        "2026-03-03T02:00:00Z",
        "2026-03-03T14:00:00Z",
    ]);
    let cases = [
        (
            "2 daily",
            json!({"kind": "represented", "bucket": "2026-03-03",
                   "represented_by": 1}),
        ),
        (
            "daily for 2 days",
            json!({"kind": "expired", "bucket": "2026-01-05",
                   "since": "2026-01-07T00:00:00Z"}),
        ),
        (
            "1 daily",
            json!({"kind": "outnumbered", "bucket": "2026-01-05", "count": 1}),
        ),
    ];
    for (line, expected) in cases {
        let mut snapshots = snapshots.clone();
        snapshots.push(Snapshot::new(9, at("2026-03-04T00:00:00Z")));
        let snapshots = if line == "2 daily" {
            &snapshots[..]
        } else {
            &snapshots[..3]
        };
        let plan = plan(snapshots, &policy(line), newest(snapshots));
        let causes = serde_json::to_value(&plan.remove).expect("JSON");
        let causes = causes.as_array().expect("a list");
        assert!(
            causes.iter().any(|one| one["why"] == expected),
            "{line}: {causes:?}"
        );
    }
}
