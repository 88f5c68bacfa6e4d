//! Partial, suspect, held and future snapshots.

mod retention_support;

use chrono::TimeDelta;
use hardsnap::retention::{Snapshot, Status, Why, plan};
use retention_support::{at, explained, kept, newest, policy, snapshots};

#[test]
fn a_complete_one_represents_a_day_before_an_earlier_partial_one() {
    let mut days = snapshots(&[
        "2026-03-03T01:00:00Z",
        "2026-03-03T02:00:00Z",
        "2026-03-03T03:00:00Z",
        "2026-03-04T01:00:00Z",
    ]);
    days[0].status = Status::Partial;
    assert_eq!(
        kept(&plan(&days, &policy("all daily"), newest(&days))),
        [1, 3]
    );
    days[1].status = Status::Partial;
    days[2].status = Status::Partial;
    assert_eq!(
        kept(&plan(&days, &policy("all daily"), newest(&days))),
        [0, 3]
    );
    assert_eq!(
        kept(&plan(&days, &policy("last of all daily"), newest(&days))),
        [2, 3]
    );
}

#[test]
fn the_newest_complete_one_stays_behind_newer_partial_ones() {
    let mut days = snapshots(&[
        "2026-01-01T01:00:00Z",
        "2026-03-03T01:00:00Z",
        "2026-03-04T01:00:00Z",
    ]);
    days[1].status = Status::Partial;
    days[2].status = Status::Partial;
    let plan = plan(&days, &policy("last 1"), newest(&days));
    assert_eq!(kept(&plan), [0, 2]);
    assert_eq!(plan.keep[0].explain(), "newest");
}

#[test]
fn a_suspect_one_counts_for_nothing_and_stays_while_it_is_the_newest() {
    let mut days = snapshots(&[
        "2026-03-01T01:00:00Z",
        "2026-03-02T01:00:00Z",
        "2026-03-20T01:00:00Z",
    ]);
    days[2].status = Status::Suspect;
    let daily = policy("daily for 7 days");
    let now = newest(&days);
    let before = plan(&days, &daily, now);
    // Ages count from the second, as if the suspect one were not there.
    assert_eq!(kept(&before), [0, 1, 2]);
    assert_eq!(before.keep[2].explain(), "suspect, and none is newer");

    days.push(Snapshot::new(3, now + TimeDelta::hours(1)));
    let after = plan(&days, &daily, newest(&days));
    assert_eq!(kept(&after), [3]);
    let why = &after.remove[2].why;
    assert_eq!(*why, Why::Superseded { newer: 3 });
    assert_eq!(why.to_string(), "suspect, and 3 is newer");

    days[2].status = Status::Complete;
    assert_eq!(kept(&plan(&days, &daily, newest(&days))), [2, 3]);
}

#[test]
fn where_all_are_suspect_all_stay() {
    let mut days = snapshots(&["2026-03-01T01:00:00Z", "2026-03-02T01:00:00Z"]);
    for one in &mut days {
        one.status = Status::Suspect;
    }
    assert_eq!(kept(&plan(&days, &policy("last 1"), newest(&days))), [0, 1]);
}

#[test]
fn a_future_one_stays_and_moves_no_age() {
    let days = snapshots(&[
        "2026-03-01T01:00:00Z",
        "2026-03-02T01:00:00Z",
        "2036-03-02T01:00:00Z",
    ]);
    let plan = plan(
        &days,
        &policy("daily for 2 days"),
        at("2026-03-02T02:00:00Z"),
    );
    let texts = explained(&plan);
    assert_eq!(
        texts,
        [
            "daily (first of 2026-03-01, until 2026-03-03)",
            "newest; daily (first of 2026-03-02, until 2026-03-04)",
            "dated in the future",
        ]
    );
}

#[test]
fn a_snapshot_of_this_very_instant_is_not_in_the_future() {
    let days = snapshots(&["2026-03-02T01:00:00Z"]);
    let plan = plan(&days, &policy("last 1"), newest(&days));
    assert_eq!(plan.keep[0].explain(), "newest; last (the newest snapshot)");
}

#[test]
fn a_held_one_stays_and_still_represents_its_day() {
    let mut days = snapshots(&[
        "2026-03-01T01:00:00Z",
        "2026-03-01T02:00:00Z",
        "2026-03-20T01:00:00Z",
    ]);
    days[1].held = true;
    let plan = plan(&days, &policy("all daily"), newest(&days));
    let texts = explained(&plan);
    assert_eq!(
        texts,
        [
            "daily (first of 2026-03-01, for ever)",
            "held",
            "newest; daily (first of 2026-03-20, for ever)",
        ]
    );
}
