//! Nothing is removed when the clock looks wrong or most would go at once.

use std::fs;
use std::path::{Path, PathBuf};

use hardsnap_tests::{
    Canary, Hardsnap, Invariant, Scratch, StoreView, TreeImage, assert_untouched, noon,
    snapshot_name,
};
use serde_json::Value;

use crate::trees::{history, names_of, simple};

fn backup(scratch: &Scratch, source: &Path, store: &Path, time: &str) -> Hardsnap {
    let command = scratch.hardsnap("backup").args(["--time", time]);
    command.arg(source).arg(store)
}

fn prune(scratch: &Scratch, store: &Path, time: &str) -> Hardsnap {
    scratch.hardsnap("prune").arg(store).args(["--now", time])
}

/// A store by the policy, with snapshots of days 0 to `count` − 1.
fn kept_by(scratch: &Scratch, policy: &str, count: u64) -> (PathBuf, PathBuf) {
    let source = simple(scratch, "source").build();
    let store = scratch.join("store");
    let init = scratch.hardsnap("init").arg(&store);
    init.args(["--keep", policy]).run().expect(0);
    for day in 0..count {
        backup(scratch, &source, &store, &noon(day)).run().expect(0);
    }
    (source, store)
}

#[test]
fn a_clock_behind_the_snapshot_before_pauses_pruning_once() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = kept_by(&scratch, "last 3", 6);
    let view = StoreView::new(&store);
    assert_eq!(view.names(), names_of(3..6));
    let mut invariant = Invariant::new(&store, &canary);
    // By hand: the clock is behind the newest one.
    let outcome = prune(&scratch, &store, &noon(4)).args(["--keep-last", "1"]);
    let outcome = outcome.json().expect(4);
    assert!(outcome.text("prune_paused").contains("clock"), "{outcome}");
    assert_eq!(outcome.texts("removed_snapshots"), [""; 0]);
    let outcome = prune(&scratch, &store, &noon(4)).run().expect(4);
    assert!(
        outcome.stderr().contains("pruning is paused: the clock"),
        "{outcome}"
    );
    // A backup is made all the same.
    let earlier = "2024-01-03T08:00:00Z";
    let before = TreeImage::of(&store);
    let dry = backup(&scratch, &source, &store, earlier)
        .arg("--dry-run")
        .json()
        .expect(4);
    assert!(dry.text("prune_paused").contains("clock"), "{dry}");
    assert_untouched(&before, &TreeImage::of(&store));
    let outcome = backup(&scratch, &source, &store, earlier).json().expect(4);
    assert!(
        outcome
            .text("prune_paused")
            .contains(&snapshot_name(&noon(5))),
        "{outcome}"
    );
    assert_eq!(outcome.text("status"), "complete");
    assert_eq!(view.latest(), Some(snapshot_name(earlier)));
    assert_eq!(view.names().len(), 4);
    invariant.check();
    invariant.remember();
    // Once: what is dated in the future is kept, and counts for nothing.
    for hour in ["09", "10", "11", "12"] {
        let time = format!("2024-01-03T{hour}:00:00Z");
        backup(&scratch, &source, &store, &time).run().expect(0);
    }
    let mut expected = names_of(3..6);
    expected.extend(["10", "11", "12"].map(|hour| format!("2024-01-03T{hour}-00-00Z")));
    expected.sort();
    assert_eq!(view.names(), expected);
    invariant.check_without(&[snapshot_name(earlier)].into());
    view.assert_tidy();
}

#[test]
fn a_clock_set_years_ahead_and_back_costs_no_snapshot() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = kept_by(&scratch, "daily for 2 weeks", 14);
    let view = StoreView::new(&store);
    let invariant = Invariant::new(&store, &canary);
    for ahead in ["2034-05-05T12:00:00Z", "2034-05-06T12:00:00Z"] {
        let outcome = backup(&scratch, &source, &store, ahead).json().expect(4);
        assert!(
            outcome.text("prune_paused").contains("at once"),
            "{outcome}"
        );
        assert_eq!(outcome.texts("removed_snapshots"), [""; 0]);
    }
    invariant.check();
    // The clock is right again. What is dated ahead stays, and harms nobody.
    let outcome = backup(&scratch, &source, &store, &noon(14))
        .json()
        .expect(4);
    assert!(outcome.text("prune_paused").contains("clock"), "{outcome}");
    invariant.check();
    let outcome = backup(&scratch, &source, &store, &noon(15))
        .json()
        .expect(0);
    assert_eq!(outcome.texts("removed_snapshots"), names_of(0..2));
    let mut expected = names_of(2..16);
    expected.extend(["2034-05-05T12-00-00Z", "2034-05-06T12-00-00Z"].map(str::to_owned));
    assert_eq!(view.names(), expected);
    view.assert_tidy();
}

#[test]
fn a_mass_removal_after_a_gap_waits_until_somebody_forces_it() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = kept_by(&scratch, "daily for 2 weeks", 14);
    let view = StoreView::new(&store);
    let mut invariant = Invariant::new(&store, &canary);
    let state = store.join(".hardsnap/state.json");
    let jump = || -> Value {
        let state: Value = serde_json::from_slice(&fs::read(&state).unwrap()).unwrap();
        state["jump"].clone()
    };
    // It stays paused from run to run, though only the first lies far away.
    for day in 300..303 {
        let outcome = backup(&scratch, &source, &store, &noon(day))
            .json()
            .expect(4);
        assert!(outcome.text("prune_paused").contains("14 of"), "{outcome}");
        assert_eq!(jump()["sequence"], 15);
        invariant.check();
        invariant.remember();
    }
    let plan = prune(&scratch, &store, &noon(302));
    let outcome = plan.args(["--dry-run", "--explain"]).run().expect(4);
    assert!(
        outcome
            .stdout()
            .contains("paused; otherwise it would prune 14, keep 3"),
        "{outcome}"
    );
    assert!(outcome.stderr().contains("--force"), "{outcome}");
    let before = TreeImage::of(&store);
    let outcome = prune(&scratch, &store, &noon(302))
        .args(["--dry-run"])
        .json()
        .expect(4);
    assert_eq!(outcome.texts("remove"), names_of(0..14));
    assert_untouched(&before, &TreeImage::of(&store));
    prune(&scratch, &store, &noon(302)).run().expect(4);
    // A plan by another policy removes what it may, and lifts nothing.
    let other = prune(&scratch, &store, &noon(302)).args(["--keep-last", "15"]);
    let other = other.json().expect(0);
    assert_eq!(other.texts("removed_snapshots"), names_of(0..2));
    prune(&scratch, &store, &noon(302)).run().expect(4);
    invariant.check_without(&names_of(0..2).into_iter().collect());
    let forced = prune(&scratch, &store, &noon(302)).arg("--force");
    let dry = prune(&scratch, &store, &noon(302))
        .args(["--force", "--dry-run"])
        .json()
        .expect(0);
    assert_eq!(dry.summary()["prune_paused"], Value::Null);
    let outcome = forced.json().expect(0);
    assert_eq!(outcome.texts("removed_snapshots"), names_of(2..14));
    assert_eq!(jump(), Value::Null);
    assert_eq!(view.names(), names_of(300..303));
    backup(&scratch, &source, &store, &noon(303))
        .run()
        .expect(0);
    view.assert_tidy();
}

#[test]
fn a_mass_removal_is_lifted_once_the_plan_is_harmless_again() {
    let scratch = Scratch::new();
    let (source, store) = kept_by(&scratch, "daily for 1 week", 7);
    let view = StoreView::new(&store);
    for day in 100..106 {
        let outcome = backup(&scratch, &source, &store, &noon(day))
            .run()
            .expect(4);
        assert!(outcome.stderr().contains("7 of"), "{outcome}");
    }
    // Seven of fourteen are not more than half.
    let outcome = backup(&scratch, &source, &store, &noon(106))
        .json()
        .expect(0);
    assert_eq!(outcome.texts("removed_snapshots"), names_of(0..7));
    assert_eq!(view.names(), names_of(100..107));
}

#[test]
fn a_jump_in_a_run_that_does_not_prune_is_remembered() {
    let scratch = Scratch::new();
    let (source, store) = history(&scratch, 20);
    let view = StoreView::new(&store);
    for day in 300..303 {
        let command = backup(&scratch, &source, &store, &noon(day)).arg("--no-prune");
        command.run().expect(0);
    }
    let by_age = || prune(&scratch, &store, &noon(302)).args(["--keep-daily", "14d"]);
    by_age().run().expect(4);
    assert_eq!(view.names().len(), 23);
    // Lost state is no reason to stop; the jump is forgotten then.
    fs::write(store.join(".hardsnap/state.json"), b"{ nonsense").unwrap();
    by_age().run().expect(0);
    assert_eq!(view.names(), names_of(300..303));
}

#[test]
fn a_long_pause_is_no_reason_to_stop_where_floors_keep_enough() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for day in 0..60 {
        scratch.snapshot(&source, &store, &noon(day));
    }
    let before = view.names().len();
    let outcome = scratch.snapshot(&source, &store, &noon(360));
    assert_eq!(outcome.summary()["prune_paused"], Value::Null);
    assert!(view.names().len() > before / 2, "{outcome}");
}

#[test]
fn a_number_is_never_given_twice() {
    let scratch = Scratch::new();
    let (source, store) = kept_by(&scratch, "last 9", 3);
    let view = StoreView::new(&store);
    let sequence = |name: &str| {
        let record = store.join(format!(".hardsnap/snapshots/{name}.json"));
        let record: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
        record["sequence"].as_u64().unwrap()
    };
    let newest = || view.latest().unwrap();
    assert_eq!(sequence(&newest()), 3);
    let delete = |snapshot: &str| {
        let command = scratch.hardsnap("delete").arg(&store).arg(snapshot);
        command.arg("--yes").run().expect(0);
    };
    delete("latest");
    backup(&scratch, &source, &store, &noon(5)).run().expect(0);
    assert_eq!(sequence(&newest()), 4);
    // A store that is older than the counter begins it before it deletes.
    let state = store.join(".hardsnap/state.json");
    fs::remove_file(&state).unwrap();
    delete("latest");
    backup(&scratch, &source, &store, &noon(6)).run().expect(0);
    assert_eq!(sequence(&newest()), 5);
    // A counter that is lost, damaged or behind gives way to the records.
    let damages: [&[u8]; 4] = [
        b"",
        b"{\"format\": 1, \"next_sequence\": 2}",
        b"{\"format\": 2, \"next_sequence\": 99}",
        b"\0\xff",
    ];
    for (next, damage) in (6..).zip(damages) {
        fs::write(&state, damage).unwrap();
        backup(&scratch, &source, &store, &noon(next + 1))
            .run()
            .expect(0);
        assert_eq!(sequence(&newest()), next);
    }
    view.assert_tidy();
}

#[test]
fn the_last_complete_snapshot_goes_only_when_that_is_said_twice() {
    let scratch = Scratch::new();
    let (source, store) = history(&scratch, 2);
    let view = StoreView::new(&store);
    let delete = |arguments: &[&str]| scratch.hardsnap("delete").arg(&store).args(arguments).run();
    let both = ["2024-01-01", "2024-01-02"];
    let outcome = delete(&[&both[..], &["--yes"]].concat()).expect(1);
    assert!(outcome.stderr().contains("--yes --yes"), "{outcome}");
    delete(&both).expect(2);
    assert_eq!(view.names(), names_of(0..2));
    delete(&[&both[..], &["--yes", "--yes"]].concat()).expect(0);
    assert_eq!(view.names(), [""; 0]);
    view.assert_tidy();
    backup(&scratch, &source, &store, &noon(2)).run().expect(0);
    view.assert_tidy();
}
