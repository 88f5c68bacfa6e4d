//! What pruning and deleting take away, and what they never touch.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::{Datelike, Days, Months, NaiveDate};
use hardsnap_tests::{
    Canary, Invariant, Mount, Scratch, StoreView, TreeImage, assert_same, assert_unchanged, has_ordinary_user,
    naive_copy, noon, snapshot_name,
};

use crate::trees::{everything, simple};

/// A store with snapshots of days 0 to `count` − 1, none pruned.
fn history(scratch: &Scratch, count: u64) -> (PathBuf, PathBuf) {
    let source = simple(scratch, "source").build();
    let store = scratch.join("store");
    scratch.hardsnap("init").arg(&store).run().expect(0);
    for day in 0..count {
        fs::write(source.join("file"), day.to_string()).unwrap();
        let time = noon(day);
        let command = scratch.hardsnap("backup").args(["--no-prune", "--time", &time]);
        command.arg(&source).arg(&store).run().expect(0);
    }
    (source, store)
}

fn names_of(days: impl IntoIterator<Item = u64>) -> Vec<String> {
    days.into_iter().map(|day| snapshot_name(&noon(day))).collect()
}

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
    assert_same(&TreeImage::of(&source), &view.image(&snapshot_name(&noon(365)), &source));
    view.assert_tidy();
    // To prune what is pruned does nothing.
    let again = scratch.hardsnap("prune").arg(&store).args(["--now", &noon(365)]).json().expect(0);
    assert_eq!(again.texts("remove"), [""; 0]);
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
        let command = || scratch.hardsnap("prune").arg(&store).args(["--now", &noon(40)]).args(options);
        let kept = names_of(kept);
        let removed: BTreeSet<String> = names_of(0..40).into_iter().filter(|name| !kept.contains(name)).collect();

        let preview = command().arg("--dry-run").json().expect(0);
        assert_eq!(view.names().len(), 40);
        let explained = command().args(["--dry-run", "--explain"]).run().expect(0).stdout();
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
            let names: Vec<&str> = keep.iter().map(|one| one["name"].as_str().unwrap()).collect();
            assert_eq!(BTreeSet::from_iter(names), kept.iter().map(String::as_str).collect());
            assert!(keep.iter().all(|one| !one["reasons"].as_array().unwrap().is_empty()), "{summary}");
        }
        assert_eq!(outcome.texts("remove").into_iter().collect::<BTreeSet<_>>(), removed);
        assert_eq!(preview.texts("remove"), outcome.texts("remove"));
    }
}

#[test]
fn a_store_remembers_its_policy() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch.hardsnap("init").arg(&store).args(["--keep-last", "3"]).run().expect(0);
    for day in 0..6 {
        scratch.snapshot(&source, &store, &noon(day));
    }
    assert_eq!(view.names(), names_of(3..6));
    // An option holds for one run.
    let time = noon(6);
    let command = scratch.hardsnap("backup").args(["--keep-last", "9", "--time", &time]);
    command.arg(&source).arg(&store).run().expect(0);
    assert_eq!(view.names(), names_of(3..7));
    let command = scratch.hardsnap("backup").args(["--no-prune", "--time", &noon(7)]);
    command.arg(&source).arg(&store).run().expect(0);
    assert_eq!(view.names(), names_of(3..8));
    scratch.hardsnap("prune").arg(&store).args(["--now", &noon(7)]).run().expect(0);
    assert_eq!(view.names(), names_of(5..8));
    view.assert_tidy();
}

#[test]
fn only_our_own_snapshots_are_ever_removed() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = history(&scratch, 5);
    let view = StoreView::new(&store);
    // A directory that looks like a snapshot, others that nearly do, files,
    // symlinks, and a snapshot of another store with its record.
    let strangers = ["2023-01-01T12-00-00Z", "2023-01-01T12-00-00Z.old", "2023-02-30T12-00-00Z", "lost+found"];
    for name in strangers {
        scratch.tree(&format!("store/{name}")).file("keep/me", name).build();
    }
    fs::write(store.join("2023-01-02T12-00-00Z"), b"a file").unwrap();
    symlink(canary.path(), store.join("2023-01-03T12-00-00Z")).unwrap();
    let foreign = scratch.join("foreign");
    scratch.snapshot(&source, &foreign, "2023-01-04T12:00:00Z");
    naive_copy(foreign.join("2023-01-04T12-00-00Z"), store.join("2023-01-04T12-00-00Z"));
    let record = ".hardsnap/snapshots/2023-01-04T12-00-00Z.json";
    fs::copy(foreign.join(record), store.join(record)).unwrap();

    let strangers = strangers.into_iter().chain([
        "2023-01-02T12-00-00Z",
        "2023-01-03T12-00-00Z",
        "2023-01-04T12-00-00Z",
    ]);
    let look = || {
        let image = TreeImage::of(&store);
        let changing = names_of(0..5).into_iter().chain(["latest".into(), ".hardsnap".into()]);
        // The store's own directory changes with the snapshots in it.
        changing.fold(image, |image, name| image.without(name)).map(|path, entry| {
            if path.is_empty() {
                entry.mtime = (0, 0);
            }
        })
    };
    let before = look();
    for name in strangers {
        assert!(before.find(name).is_some(), "{name} is not looked at");
        let outcome = scratch.hardsnap("delete").arg(&store).args([name, "--yes"]).run();
        assert_eq!(outcome.code(), Some(1), "{outcome}");
    }
    assert_unchanged(&before, &look());
    let outcome = scratch.hardsnap("prune").arg(&store).args(["--keep-last", "1", "--now", &noon(5)]).run();
    assert!([Some(0), Some(4)].contains(&outcome.code()), "{outcome}");
    assert_unchanged(&before, &look());
    for name in names_of(0..4) {
        assert!(!view.snapshot(&name).exists(), "{name} was to go");
    }
    scratch.snapshot(&source, &store, &noon(6));
    assert_unchanged(&before, &look());
    assert!(store.join(record).exists());
    canary.assert_untouched();
}

#[test]
fn a_snapshot_replaced_by_a_symlink_is_not_followed() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = history(&scratch, 4);
    let name = snapshot_name(&noon(1));
    fs::rename(store.join(&name), scratch.join("moved away")).unwrap();
    symlink(canary.path(), store.join(&name)).unwrap();
    let outcome = scratch.hardsnap("prune").arg(&store).args(["--keep-last", "1", "--now", &noon(5)]).run();
    assert!([Some(0), Some(4)].contains(&outcome.code()), "{outcome}");
    canary.assert_untouched();
    assert!(fs::symlink_metadata(store.join(&name)).unwrap().is_symlink(), "it is not ours to remove");
    scratch.snapshot(&source, &store, &noon(6));
    canary.assert_untouched();
}

#[test]
fn symlinks_inside_a_snapshot_are_removed_and_not_followed() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = (scratch.join("source"), scratch.join("store"));
    let target = canary.path().as_os_str().as_encoded_bytes();
    scratch.tree("source").symlink("link", target).symlink("d/link", b"../../canary/below").file("f", b"x").build();
    scratch.snapshot(&source, &store, &noon(0));
    scratch.snapshot(&source, &store, &noon(1));
    scratch.hardsnap("prune").arg(&store).args(["--keep-last", "1", "--now", &noon(1)]).run().expect(0);
    assert_eq!(StoreView::new(&store).names(), names_of([1]));
    StoreView::new(&store).assert_tidy();
    canary.assert_untouched();
}

#[test]
fn delete_removes_what_is_named_and_latest_stays_valid() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = history(&scratch, 6);
    let view = StoreView::new(&store);
    let invariant = Invariant::new(&store, &canary);
    let delete = |names: &[&str]| scratch.hardsnap("delete").arg(&store).args(names).args(["--yes"]).run();
    let [zero, one, two, three] = [0, 1, 2, 3].map(|day| snapshot_name(&noon(day)));
    delete(&[&one, &three]).expect(0);
    assert_eq!(view.names(), names_of([0, 2, 4, 5]));
    // A unique prefix, and counting back from the newest.
    delete(&["2024-01-01"]).expect(0);
    delete(&["latest~2"]).expect(0);
    assert_eq!(view.names(), names_of([4, 5]));
    invariant.check_without(&[zero, one, two, three].into());
    view.assert_tidy();
    // A prefix of several names none.
    delete(&["2024-01-0"]).expect(1);
    assert_eq!(view.names(), names_of([4, 5]));
    // Either the newest is refused, or `latest` goes back to the one before.
    let newest = delete(&["latest"]);
    assert!([Some(0), Some(1)].contains(&newest.code()), "{newest}");
    assert_eq!(view.latest(), view.names().pop());
    scratch.snapshot(&source, &store, &noon(9));
    view.assert_tidy();
}

#[test]
fn sequence_and_not_time_says_what_is_latest() {
    let scratch = Scratch::new();
    let (source, store) = history(&scratch, 3);
    let view = StoreView::new(&store);
    let earlier = "2023-06-01T12:00:00Z";
    let command = scratch.hardsnap("backup").args(["--time", earlier]).arg(&source).arg(&store).json();
    assert!([Some(0), Some(4)].contains(&command.code()), "{command}");
    assert_eq!(command.text("basis"), snapshot_name(&noon(2)));
    assert_eq!(view.latest(), Some(snapshot_name(earlier)));
    // What lies in the future then is kept.
    assert_eq!(view.names().len(), 4);
    let next = scratch.hardsnap("backup").args(["--time", &noon(3)]).arg(&source).arg(&store).json();
    assert!([Some(0), Some(4)].contains(&next.code()), "{next}");
    assert_eq!(next.text("basis"), snapshot_name(earlier));
    assert_eq!(view.latest(), Some(snapshot_name(&noon(3))));
}

#[test]
fn trees_of_every_kind_and_mode_can_be_removed() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = everything(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for day in 0..3 {
        scratch.snapshot(&source, &store, &noon(day));
    }
    let invariant = Invariant::new(&store, &canary);
    scratch.hardsnap("prune").arg(&store).args(["--keep-last", "1", "--now", &noon(2)]).run().expect(0);
    assert_eq!(view.names(), names_of([2]));
    invariant.check_without(&names_of(0..2).into_iter().collect());
    assert_same(&TreeImage::of(&source), &view.image(&snapshot_name(&noon(2)), &source));
    view.assert_tidy();
}

#[test]
fn an_ordinary_user_removes_trees_that_it_may_not_write() {
    if !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("a/b/file", b"x")
        .directory("a/b")
        .mode(0o555)
        .directory("a")
        .mode(0o555)
        .build();
    let store = scratch.ordinary_folder("store");
    let backup = |day: u64| {
        let command = scratch.hardsnap("backup").args(["--init", "--time", &noon(day), "--keep-last", "1"]);
        command.arg(&source).arg(&store).as_ordinary_user().run().expect(0);
    };
    (0..3).for_each(backup);
    let view = StoreView::new(&store);
    assert_eq!(view.names(), names_of([2]));
    assert_same(&TreeImage::of(&source).without_owners(), &view.image(&snapshot_name(&noon(2)), &source).without_owners());
    view.assert_tidy();
}

#[test]
fn a_mount_inside_a_tree_that_is_removed_is_not_crossed() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = history(&scratch, 3);
    let view = StoreView::new(&store);
    let name = snapshot_name(&noon(0));
    let point = view.tree(&name, &source).join("directory");
    let Some(mount) = Mount::bind(canary.path(), &point) else { return };
    let prune = || scratch.hardsnap("prune").arg(&store).args(["--keep-last", "1", "--now", &noon(3)]).run();
    prune().expect(4);
    canary.assert_untouched();
    // The mount went along into the trash, or holds its snapshot in place.
    let in_trash = view.trash();
    assert_eq!(in_trash.len() + usize::from(view.snapshot(&name).exists()), 1);
    if let [given_up] = in_trash.as_slice() {
        let below = Path::new(given_up).join(source.strip_prefix("/").unwrap()).join("directory");
        assert!(Command::new("umount").arg(store.join(".hardsnap/trash").join(below)).status().unwrap().success());
    }
    drop(mount);
    prune().expect(0);
    assert_eq!(view.names(), names_of([2]));
    view.assert_tidy();
    canary.assert_untouched();
}

#[test]
fn what_cannot_be_removed_waits_in_the_trash() {
    let Some(disk) = Mount::ext4(32) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    for day in 0..2 {
        scratch.snapshot(&source, &store, &noon(day));
        fs::write(source.join("file"), b"changed").unwrap();
    }
    let file = view.tree(&snapshot_name(&noon(0)), &source).join("file");
    let chattr = |option: &str, path: &Path| Command::new("chattr").arg(option).arg(path).status().unwrap().success();
    if !hardsnap_tests::skip_unless(chattr("+i", &file), "chattr +i is refused here") {
        return;
    }
    let prune = || scratch.hardsnap("prune").arg(&store).args(["--keep-last", "1", "--now", &noon(1)]).run();
    prune().expect(4);
    assert_eq!(view.names(), names_of([1]));
    assert_eq!(view.records(), names_of([1]));
    let [left] = view.trash().try_into().unwrap();
    let file = store.join(".hardsnap/trash").join(left).join(source.strip_prefix("/").unwrap()).join("file");
    assert!(chattr("-i", &file));
    scratch.snapshot(&source, &store, &noon(2));
    view.assert_tidy();
    assert_eq!(view.names(), names_of([1, 2]));
}
