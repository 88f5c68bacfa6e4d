//! A source that looks lost: the snapshot is made, but counts for nothing
//! until somebody accepts it, and nothing is removed meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

use hardsnap_tests::{
    Canary, Hardsnap, Invariant, Mount, Outcome, Scratch, StoreView, TreeImage, assert_same,
    assert_untouched, can_trace, noon, skip_unless, snapshot_name,
};
use serde_json::Value;

use crate::survivor::Survivor;
use crate::trees::{many, names_of, simple};

/// A source of some size, and a store with snapshots of days 0 to 3 of which
/// the policy keeps three.
struct Place {
    scratch: Scratch,
    source: PathBuf,
    store: PathBuf,
    view: StoreView,
}

impl Place {
    fn new() -> Place {
        let scratch = Scratch::new();
        let source = many(simple(&scratch, "source"), 40).build();
        Place::with(scratch, source)
    }

    fn with(scratch: Scratch, source: PathBuf) -> Place {
        let store = scratch.join("store");
        let init = scratch.hardsnap("init").arg(&store);
        init.args(["--keep-last", "3"]).run().expect(0);
        let view = StoreView::new(&store);
        let place = Place {
            scratch,
            source,
            store,
            view,
        };
        for day in 0..3 {
            place.backup(day).run().expect(0);
        }
        assert_eq!(place.view.names(), names_of(0..3));
        place
    }

    fn backup(&self, day: u64) -> Hardsnap {
        let command = self.scratch.hardsnap("backup");
        let command = command.args(["--time", &noon(day)]);
        command.arg(&self.source).arg(&self.store)
    }

    fn prune(&self) -> Hardsnap {
        let command = self.scratch.hardsnap("prune").arg(&self.store);
        command.args(["--now", &noon(20), "--keep-last", "1"])
    }

    fn accept(&self, snapshot: &str) -> Outcome {
        let command = self.scratch.hardsnap("accept").arg(&self.store);
        command.arg(snapshot).json().expect(0)
    }

    fn listed(&self, name: &str) -> Value {
        let list = self.scratch.hardsnap("list").arg(&self.store).json();
        let summary = list.expect(0).summary();
        let snapshots = summary["snapshots"].as_array().unwrap();
        let listed = snapshots.iter().find(|snapshot| snapshot["name"] == name);
        listed
            .unwrap_or_else(|| panic!("{name} is not listed"))
            .clone()
    }

    /// Makes a snapshot that must be suspect, and checks that nothing else
    /// changed. Its reason has to hold `why`.
    #[track_caller]
    fn suspect(&self, day: u64, why: &str) {
        let canary = Canary::new(&self.scratch);
        let invariant = Invariant::new(&self.store, &canary);
        let (before, latest) = (self.view.names(), self.view.latest());
        let outcome = self.backup(day).json().expect(4);
        let name = snapshot_name(&noon(day));
        assert_eq!(outcome.text("status"), "suspect");
        let paused = outcome.text("prune_paused");
        assert!(paused.contains(&name) && paused.contains(why), "{paused}");
        assert_eq!(outcome.texts("removed_snapshots"), [""; 0]);
        let is_why = |suspicion: &String| suspicion.contains(why);
        assert!(outcome.texts("suspicions").iter().any(is_why), "{outcome}");
        assert_same(
            &TreeImage::of(&self.source),
            &self.view.image(&name, &self.source),
        );
        assert_eq!(self.view.latest(), latest, "latest moved");
        // Nothing goes by hand either, and each command says why.
        let outcome = self.prune().run().expect(4);
        assert!(outcome.stderr().contains(why), "{outcome}");
        let outcome = self.prune().json().expect(4);
        assert_eq!(outcome.text("prune_paused"), paused);
        assert_eq!(outcome.texts("removed_snapshots"), [""; 0]);
        let outcome = self.prune().arg("--dry-run").json().expect(4);
        assert_eq!(outcome.text("prune_paused"), paused);
        let after = self.view.names();
        assert_eq!(after.len(), before.len() + 1);
        assert!(before.iter().all(|name| after.contains(name)));
        invariant.check();
        let listed = self.listed(&name);
        assert_eq!(listed["status"], "suspect");
        assert!(listed["suspicions"].to_string().contains(why), "{listed}");
        let list = self
            .scratch
            .hardsnap("list")
            .arg(&self.store)
            .run()
            .expect(0);
        assert!(list.stdout().contains(why), "{list}");
        fs::remove_dir_all(canary.path()).unwrap();
    }
}

fn empty(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn an_emptied_source_is_suspect_however_small_it_was() {
    let place = Place::new();
    empty(&place.source);
    place.suspect(3, "is empty");

    let scratch = Scratch::new();
    let source = scratch.tree("source").file("only", b"one").build();
    let place = Place::with(scratch, source);
    empty(&place.source);
    place.suspect(3, "is empty");
}

#[test]
fn a_source_whose_files_were_all_emptied_is_suspect() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let place = Place::with(scratch, source);
    for file in ["file", "directory/other"] {
        fs::write(place.source.join(file), b"").unwrap();
    }
    place.suspect(3, "is empty");
}

#[test]
fn a_source_that_lost_more_than_half_of_its_entries_is_suspect() {
    let place = Place::new();
    for number in 0..25 {
        fs::remove_file(place.source.join(format!("many/000/{number}"))).unwrap();
    }
    place.suspect(3, "shrank");
}

#[test]
fn a_source_that_lost_more_than_half_of_its_bytes_is_suspect() {
    let scratch = Scratch::new();
    let source = many(simple(&scratch, "source"), 40)
        .file("large", vec![7; 3 << 20])
        .build();
    let place = Place::with(scratch, source);
    fs::write(place.source.join("large"), b"short").unwrap();
    place.suspect(3, "shrank");
}

#[test]
fn a_source_that_lost_less_than_half_is_as_it_should_be() {
    let place = Place::new();
    for number in 0..20 {
        fs::remove_file(place.source.join(format!("many/000/{number}"))).unwrap();
    }
    let outcome = place.backup(3).json().expect(0);
    assert_eq!(outcome.text("status"), "complete");
    assert_eq!(outcome.summary()["prune_paused"], Value::Null);
    assert_eq!(place.view.names(), names_of(1..4));
    // It counts from then on: slowly, a source may become small.
    for number in 20..32 {
        fs::remove_file(place.source.join(format!("many/000/{number}"))).unwrap();
    }
    place.backup(4).run().expect(0);
}

#[test]
fn each_source_is_compared_with_itself() {
    let scratch = Scratch::new();
    let (one, two) = (
        scratch.tree("one").file("a", b"1").build(),
        many(scratch.tree("two"), 100).build(),
    );
    let store = scratch.join("store");
    let backup = |day: u64| {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        command.arg(&one).arg(&two).arg(&store)
    };
    backup(0).run().expect(0);
    // Small beside the other, but all of it.
    fs::remove_file(one.join("a")).unwrap();
    let outcome = backup(1).json().expect(4);
    let suspicions = outcome.texts("suspicions");
    assert_eq!(suspicions.len(), 1, "{outcome}");
    assert!(
        suspicions[0].starts_with(one.to_str().unwrap()),
        "{outcome}"
    );
    // A source that is new is not compared with anything.
    let command = scratch.hardsnap("backup").args(["--time", &noon(2)]);
    let command = command.arg("--change-sources").arg(&two);
    let command = command.arg(scratch.tree("three").build()).arg(&store);
    command.run().expect(0);
}

#[test]
fn a_source_that_is_a_file_is_judged_by_its_bytes() {
    let scratch = Scratch::new();
    let file = scratch
        .tree("source")
        .file("disk", vec![1; 5000])
        .build()
        .join("disk");
    let store = scratch.join("store");
    scratch.snapshot(&file, &store, &noon(0));
    fs::write(&file, b"").unwrap();
    let command = scratch.hardsnap("backup").args(["--time", &noon(1)]);
    let outcome = command.arg(&file).arg(&store).json().expect(4);
    assert!(
        outcome.text("prune_paused").contains("is empty"),
        "{outcome}"
    );
}

#[test]
fn a_source_that_is_no_longer_mounted_is_suspect_whatever_is_there() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let apart = simple(&scratch, "apart").build();
    let Some(mount) = Mount::bind(&apart, &source) else {
        return;
    };
    let place = Place::with(scratch, source);
    drop(mount);
    // All of it seems to be there.
    assert_same(&TreeImage::of(&apart), &TreeImage::of(&place.source));
    place.suspect(3, "no mount point");
    // Not even other filters make that right.
    let outcome = place.backup(4).args(["--exclude", "*.o"]).json().expect(4);
    assert_eq!(outcome.text("status"), "suspect");
    // Mounted again, everything goes on by itself.
    let Some(_mount) = Mount::bind(&apart, &place.source) else {
        return;
    };
    let outcome = place.backup(5).json().expect(0);
    assert_eq!(outcome.text("basis"), snapshot_name(&noon(2)));
    assert_eq!(place.view.latest(), Some(snapshot_name(&noon(5))));
    assert_eq!(place.view.names(), names_of([1, 2, 5]));
    place.view.assert_tidy();
}

#[test]
fn an_unmounted_disk_leaves_an_empty_source_that_is_suspect() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").build();
    let Some(mount) = Mount::tmpfs_over(&source) else {
        return;
    };
    many(scratch.tree("source"), 10).build();
    let place = Place::with(scratch, source);
    drop(mount);
    place.suspect(3, "is empty");
    assert_eq!(
        place.listed(&snapshot_name(&noon(3)))["suspicions"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn accepting_a_snapshot_makes_it_count_and_moves_latest() {
    let place = Place::new();
    empty(&place.source);
    place.suspect(3, "is empty");
    let name = snapshot_name(&noon(3));
    let accepted = place.accept("2024-01-04");
    assert_eq!(
        ["snapshot", "status", "latest"].map(|key| accepted.text(key)),
        [name.as_str(), "complete", &name]
    );
    assert_eq!(accepted.summary()["changed"], true);
    assert_eq!(place.view.latest(), Some(name.clone()));
    assert_eq!(place.listed(&name)["status"], "complete");
    // Once more changes nothing.
    let again = place.accept("latest");
    assert_eq!(again.summary()["changed"], false);
    // It is the basis, and pruning goes on.
    let outcome = place.backup(4).json().expect(0);
    assert_eq!(outcome.text("basis"), name);
    assert_eq!(place.view.names(), names_of(2..5));
    place.view.assert_tidy();
}

#[test]
fn a_suspect_snapshot_is_never_a_basis_and_goes_once_a_right_one_is_there() {
    let place = Place::new();
    let aside = place.scratch.join("aside");
    fs::rename(place.source.join("many"), &aside).unwrap();
    place.suspect(3, "shrank");
    place.suspect(4, "shrank");
    fs::rename(&aside, place.source.join("many")).unwrap();
    let outcome = place.backup(5).json().expect(0);
    assert_eq!(outcome.text("basis"), snapshot_name(&noon(2)));
    assert_eq!(outcome.number("files_copied"), 0, "{outcome}");
    assert_eq!(place.view.names(), names_of([1, 2, 5]));
    assert_eq!(place.view.latest(), Some(snapshot_name(&noon(5))));
    place.view.assert_tidy();
}

#[test]
fn a_suspect_snapshot_that_is_deleted_pauses_nothing() {
    let place = Place::new();
    empty(&place.source);
    place.suspect(3, "is empty");
    let delete = place.scratch.hardsnap("delete").arg(&place.store);
    delete.args(["2024-01-04", "--yes"]).run().expect(0);
    place.prune().run().expect(0);
    assert_eq!(place.view.names(), names_of([2]));
    place.view.assert_tidy();
}

#[test]
fn force_prunes_beside_a_suspect_snapshot() {
    let place = Place::new();
    empty(&place.source);
    place.suspect(3, "is empty");
    let outcome = place.prune().arg("--force").json().expect(0);
    assert_eq!(outcome.texts("removed_snapshots"), names_of(0..2));
    // The suspect one stays, and the one that counts.
    assert_eq!(place.view.names(), names_of(2..4));
    assert_eq!(place.view.latest(), Some(snapshot_name(&noon(2))));
}

#[test]
fn other_filters_or_mounts_are_no_reason_for_suspicion() {
    for option in [
        &["--exclude", "many/"][..],
        &["--exclude-larger-than", "1k", "--exclude", "many/**"],
    ] {
        let place = Place::new();
        let outcome = place.backup(3).args(option).json().expect(0);
        assert_eq!(outcome.text("status"), "complete", "{option:?}");
        // By the same filters, what is there is compared.
        empty(&place.source);
        let outcome = place.backup(4).args(option).json().expect(4);
        assert_eq!(outcome.text("status"), "suspect", "{option:?}");
    }
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").directory("disk").build();
    let Some(_mount) = Mount::tmpfs_over(&source.join("disk")) else {
        return;
    };
    many(scratch.tree("source/disk"), 40).build();
    let place = Place::with(scratch, source);
    place.backup(3).arg("--one-file-system").run().expect(0);
}

#[test]
fn records_without_extents_are_no_reason_for_suspicion() {
    let place = Place::new();
    let record = place.store.join(format!(
        ".hardsnap/snapshots/{}.json",
        snapshot_name(&noon(2))
    ));
    let text = fs::read_to_string(&record).unwrap();
    let mut fields: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    for field in ["mounts", "extents", "suspicions"] {
        fields.remove(field).unwrap();
    }
    fs::write(&record, serde_json::to_vec(&fields).unwrap()).unwrap();
    empty(&place.source);
    let outcome = place.backup(3).json().expect(0);
    assert_eq!(outcome.text("status"), "complete");
}

#[test]
fn a_dry_run_tells_that_a_snapshot_would_be_suspect_and_writes_nothing() {
    let place = Place::new();
    empty(&place.source);
    let before = TreeImage::of(&place.store);
    let outcome = place.backup(3).arg("--dry-run").json().expect(4);
    assert_eq!(outcome.text("status"), "suspect");
    assert!(outcome.text("prune_paused").contains("is empty"));
    assert_eq!(outcome.texts("removed_snapshots"), [""; 0]);
    assert_untouched(&before, &TreeImage::of(&place.store));
}

#[test]
fn what_is_missing_goes_before_what_is_suspect() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let place = Place::new();
    fs::remove_dir_all(place.source.join("many")).unwrap();
    place.scratch.tree("source").fifo("fifo").build();
    let backup = place.backup(3).arg("--json");
    let outcome = backup.injecting("mknodat:error=EPERM").run().expect(3);
    assert_eq!(outcome.text("status"), "suspect");
    assert_eq!(outcome.skipped().len(), 1);
    assert!(outcome.text("prune_paused").contains("shrank"), "{outcome}");
    assert_eq!(place.view.latest(), Some(snapshot_name(&noon(2))));
    assert_eq!(place.view.names(), names_of(0..4));
    // Accepted, it is still not all that it should be.
    assert_eq!(place.accept("2024-01-04").text("status"), "partial");
    assert_eq!(place.view.latest(), Some(snapshot_name(&noon(3))));
}

#[test]
fn a_directory_that_a_failing_disk_keeps_back_pauses_pruning() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let mut survivor = Survivor::new(4);
    let mut lost = 0;
    for count in 1.. {
        let injection = format!("getdents64:error=EIO:when={count}");
        let before = survivor.view.names();
        let accident = |command: Hardsnap| {
            let command = command.args(["--jobs", "1", "--json"]);
            command.injecting(&injection).run()
        };
        let (outcome, made) = survivor.endure(accident);
        if outcome.code() == Some(3) {
            lost += 1;
            assert!(outcome.summary()["prune_paused"].is_string(), "{outcome}");
            assert_eq!(outcome.texts("removed_snapshots"), [""; 0]);
            let mut expected = before;
            expected.extend(made);
            assert_eq!(survivor.view.names(), expected);
        }
        let injected = survivor.scratch.was_injected();
        survivor.recover();
        if !injected {
            break;
        }
    }
    assert!(lost > 0, "no directory was lost");
}
