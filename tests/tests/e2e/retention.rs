//! What the retention policy leaves.

use std::collections::BTreeSet;
use std::fs;
use std::thread;

use chrono::{Datelike, Days, Months, NaiveDate};
use hardsnap_tests::{
    Canary, Invariant, Scratch, StoreView, TreeImage, assert_same, noon, snapshot_name,
};

use crate::trees::{history, names_of, simple};

/// Reads the default policy by its words, for one snapshot a day without a
/// gap, from day 0 to day `last`.
fn kept_by_default(last: u64) -> BTreeSet<String> {
    let date = |day: u64| NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + Days::new(day);
    let newest = date(last);
    let monday = |date: NaiveDate| date - Days::new(date.weekday().num_days_from_monday().into());
    let weeks: BTreeSet<NaiveDate> = (0..=last).map(|day| monday(date(day))).collect();
    let weeks_from = monday(newest - Months::new(6));
    let week_is_kept = |week: NaiveDate| week > weeks_from || weeks.range(week..).count() <= 26;
    (0..=last)
        .filter(|day| {
            let this = date(*day);
            let first = *day == 0;
            let daily = last - *day < 14;
            let weekly = (first || monday(this) == this) && week_is_kept(monday(this));
            let monthly = first || this.day() == 1;
            daily || weekly || monthly
        })
        .map(|day| snapshot_name(&noon(day)))
        .collect()
}

#[test]
fn a_year_of_daily_backups_leaves_what_the_default_policy_says() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = simple(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let mut invariant = Invariant::new(&store, &canary);
    let mut removed = BTreeSet::new();
    for day in 0..366 {
        if day % 10 == 0 {
            fs::write(source.join("file"), day.to_string()).unwrap();
        }
        let outcome = scratch.snapshot(&source, &store, &noon(day));
        assert_eq!(view.latest(), Some(snapshot_name(&noon(day))));
        removed.extend(outcome.texts("removed_snapshots"));
        let found: BTreeSet<String> = view.names().into_iter().collect();
        assert_eq!(found, kept_by_default(day), "on day {day}");
        invariant.remember();
    }
    invariant.check_without(&removed);
    assert_eq!(view.names().len() + removed.len(), 366);
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(365)), &source),
    );
    view.assert_tidy();
    // To prune what is pruned does nothing.
    let again = scratch
        .hardsnap("prune")
        .arg(&store)
        .args(["--now", &noon(365)])
        .json()
        .expect(0);
    assert_eq!(again.texts("remove"), [""; 0]);
}

#[test]
fn three_years_pruned_daily_or_once_at_the_end_leave_the_same_73() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").file("file", b"small").build();
    let first = NaiveDate::from_ymd_opt(2022, 10, 2).unwrap();
    let last = first + Months::new(36);
    let time = |day: NaiveDate| format!("{day}T12:30:00Z");
    let days = || first.iter_days().take_while(|day| *day <= last);
    let keep = "daily for 2 weeks, weekly for 6 months, all monthly";
    let kept = |name: &str, options: &[&str]| {
        let store = scratch.join(name);
        let init = scratch.hardsnap("init").args(["--keep", keep]);
        let init = init.args(["--keep-zone", "UTC"]).arg(&store);
        init.run().expect(0);
        for day in days() {
            let backup = scratch.hardsnap("backup").args(options);
            let backup = backup.args(["--jobs", "1", "--time", &time(day)]);
            backup.arg(&source).arg(&store).run().expect(0);
        }
        let prune = scratch.hardsnap("prune").args(["--now", &time(last)]);
        prune.arg(&store).run().expect(0);
        StoreView::new(&store).names()
    };
    let (daily, once) = thread::scope(|scope| {
        let daily = scope.spawn(|| kept("daily", &[]));
        let once = kept("once", &["--no-prune"]);
        (daily.join().unwrap(), once)
    });
    assert_eq!(days().count(), 1097);
    assert_eq!(daily.len(), 73);
    assert_eq!(daily, once);

    // Told beforehand, and with each rule's share.
    let keep = ["--keep", keep, "--keep-zone", "UTC"];
    let bounds = [
        "--every",
        "day",
        "--from",
        &time(first),
        "--to",
        &time(last),
    ];
    let preview = scratch.hardsnap("retention").arg("preview");
    let told = preview.args(keep).args(bounds).json().expect(0);
    let told = told.summary()["keep"].as_array().unwrap().clone();
    let names: Vec<String> = told
        .iter()
        .map(|one| snapshot_name(one["time"].as_str().unwrap()))
        .collect();
    assert_eq!(names, daily);
    let by = |every: &str| {
        let reasons = told
            .iter()
            .flat_map(|one| one["reasons"].as_array().unwrap());
        reasons.filter(|reason| reason["every"] == every).count()
    };
    assert_eq!(["day", "week", "month"].map(by), [14, 26, 37]);
}

#[test]
fn prune_keeps_what_it_is_told_and_says_why() {
    let rules: [(&[&str], Vec<u64>); 6] = [
        (&["--keep-last", "3"], vec![37, 38, 39]),
        (&["--keep-daily", "2"], vec![38, 39]),
        (&["--keep-daily", "4d"], vec![36, 37, 38, 39]),
        // Days 0, 7, 14, … are Mondays; day 31 is 1 February.
        (&["--keep-weekly", "2"], vec![28, 35, 39]),
        (&["--keep-monthly", "all"], vec![0, 31, 39]),
        (&["--keep-yearly", "1", "--keep-last", "1"], vec![0, 39]),
    ];
    for (options, kept) in rules {
        let scratch = Scratch::new();
        let canary = Canary::new(&scratch);
        let (_, store) = history(&scratch, 40);
        let view = StoreView::new(&store);
        let invariant = Invariant::new(&store, &canary);
        let command = || {
            scratch
                .hardsnap("prune")
                .arg(&store)
                .args(["--now", &noon(40)])
                .args(options)
        };
        let kept = names_of(kept);
        let removed: BTreeSet<String> = names_of(0..40)
            .into_iter()
            .filter(|name| !kept.contains(name))
            .collect();

        let preview = command().arg("--dry-run").json().expect(0);
        assert_eq!(view.names().len(), 40);
        let explained = command()
            .args(["--dry-run", "--explain"])
            .run()
            .expect(0)
            .stdout();
        for name in names_of(0..40) {
            assert!(explained.contains(&name), "{options:?}: {explained}");
        }
        let outcome = command().json().expect(0);
        assert_eq!(view.names(), kept, "{options:?}");
        invariant.check_without(&removed);
        view.assert_tidy();
        assert_eq!(view.latest().as_ref(), kept.last());
        for summary in [preview.summary(), outcome.summary()] {
            let keep = summary["keep"].as_array().unwrap();
            let names: Vec<&str> = keep
                .iter()
                .map(|one| one["name"].as_str().unwrap())
                .collect();
            assert_eq!(
                BTreeSet::from_iter(names),
                kept.iter().map(String::as_str).collect()
            );
            assert!(
                keep.iter()
                    .all(|one| !one["reasons"].as_array().unwrap().is_empty()),
                "{summary}"
            );
        }
        assert_eq!(
            outcome.texts("remove").into_iter().collect::<BTreeSet<_>>(),
            removed
        );
        assert_eq!(preview.texts("remove"), outcome.texts("remove"));
    }
}

#[test]
fn a_store_remembers_its_policy() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch
        .hardsnap("init")
        .arg(&store)
        .args(["--keep-last", "3"])
        .run()
        .expect(0);
    for day in 0..6 {
        scratch.snapshot(&source, &store, &noon(day));
    }
    assert_eq!(view.names(), names_of(3..6));
    // An option holds for one run.
    let time = noon(6);
    let command = scratch
        .hardsnap("backup")
        .args(["--keep-last", "9", "--time", &time]);
    command.arg(&source).arg(&store).run().expect(0);
    assert_eq!(view.names(), names_of(3..7));
    let command = scratch
        .hardsnap("backup")
        .args(["--no-prune", "--time", &noon(7)]);
    command.arg(&source).arg(&store).run().expect(0);
    assert_eq!(view.names(), names_of(3..8));
    scratch
        .hardsnap("prune")
        .arg(&store)
        .args(["--now", &noon(7)])
        .run()
        .expect(0);
    assert_eq!(view.names(), names_of(5..8));
    view.assert_tidy();
}

#[test]
fn sequence_and_not_time_says_what_is_latest() {
    let scratch = Scratch::new();
    let (source, store) = history(&scratch, 3);
    let view = StoreView::new(&store);
    let earlier = "2023-06-01T12:00:00Z";
    let command = scratch
        .hardsnap("backup")
        .args(["--time", earlier])
        .arg(&source)
        .arg(&store)
        .json();
    assert!([Some(0), Some(4)].contains(&command.code()), "{command}");
    assert_eq!(command.text("basis"), snapshot_name(&noon(2)));
    assert_eq!(view.latest(), Some(snapshot_name(earlier)));
    // What lies in the future then is kept.
    assert_eq!(view.names().len(), 4);
    let next = scratch
        .hardsnap("backup")
        .args(["--time", &noon(3)])
        .arg(&source)
        .arg(&store)
        .json();
    assert!([Some(0), Some(4)].contains(&next.code()), "{next}");
    assert_eq!(next.text("basis"), snapshot_name(earlier));
    assert_eq!(view.latest(), Some(snapshot_name(&noon(3))));
}
