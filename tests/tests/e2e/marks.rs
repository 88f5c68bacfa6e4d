//! What the user says about a snapshot: held, released, accepted.

use std::fs;
use std::path::{Path, PathBuf};

use hardsnap_tests::{
    Canary, Hardsnap, Invariant, Outcome, Scratch, StoreView, TreeImage, assert_unchanged,
    assert_untouched, can_trace, noon, skip_unless, snapshot_name,
};
use serde_json::Value;

use crate::trees::{history, names_of, simple};

fn run(scratch: &Scratch, command: &str, store: &Path, snapshot: &str) -> Hardsnap {
    scratch.hardsnap(command).arg(store).arg(snapshot)
}

fn record_of(store: &Path, day: u64) -> PathBuf {
    let name = snapshot_name(&noon(day));
    store.join(format!(".hardsnap/snapshots/{name}.json"))
}

fn read(record: &Path) -> Value {
    serde_json::from_slice(&fs::read(record).unwrap()).unwrap()
}

#[test]
fn a_held_snapshot_survives_every_prune_until_it_is_released() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = history(&scratch, 6);
    let view = StoreView::new(&store);
    let invariant = Invariant::new(&store, &canary);
    let name = snapshot_name(&noon(1));
    let command = run(&scratch, "hold", &store, "2024-01-02");
    let held = command.args(["--note", "before the move"]).json().expect(0);
    assert_eq!(
        ["snapshot", "status", "note"].map(|key| held.text(key)),
        [name.as_str(), "complete", "before the move"]
    );
    assert_eq!(held.summary()["held"], true);
    assert_eq!(held.summary()["changed"], true);
    assert_eq!(held.text("latest"), snapshot_name(&noon(5)));
    let prune = |day: u64| {
        let command = scratch.hardsnap("prune").arg(&store);
        command
            .args(["--keep-last", "1", "--now", &noon(day)])
            .json()
            .expect(0)
    };
    prune(5);
    assert_eq!(view.names(), names_of([1, 5]));
    let time = noon(6);
    let backup = scratch
        .hardsnap("backup")
        .args(["--keep-last", "1", "--time", &time]);
    backup.arg(&source).arg(&store).run().expect(0);
    assert_eq!(view.names(), names_of([1, 6]));
    invariant.check_without(&names_of([0, 2, 3, 4, 5]).into_iter().collect());
    let list = scratch
        .hardsnap("list")
        .arg(&store)
        .run()
        .expect(0)
        .stdout();
    assert!(
        list.contains("held") && list.contains("before the move"),
        "{list}"
    );
    // Deleting by name is not enough either.
    let delete = run(&scratch, "delete", &store, &name).args(["--yes", "--yes"]);
    let refused = delete.run().expect(1);
    assert!(refused.stderr().contains("release"), "{refused}");
    assert_eq!(view.names(), names_of([1, 6]));
    let released = run(&scratch, "release", &store, &name).json().expect(0);
    assert_eq!(released.summary()["held"], false);
    assert_eq!(released.text("note"), "before the move");
    prune(6);
    assert_eq!(view.names(), names_of([6]));
    view.assert_tidy();
}

#[test]
fn marking_twice_changes_nothing_and_says_so() {
    let scratch = Scratch::new();
    let (_, store) = history(&scratch, 2);
    let record = record_of(&store, 1);
    let mark = |command: &str, arguments: &[&str], changed: bool| {
        let before = fs::read(&record).unwrap();
        let command = run(&scratch, command, &store, "latest").args(arguments);
        let outcome = command.json().expect(0);
        assert_eq!(outcome.summary()["changed"], changed, "{outcome}");
        assert_eq!(fs::read(&record).unwrap() != before, changed);
    };
    mark("release", &[], false);
    mark("accept", &[], false);
    mark("hold", &[], true);
    mark("hold", &[], false);
    mark("hold", &["--note", "a\n\u{1b}[31mnote"], true);
    mark("hold", &["--note", "a\n\u{1b}[31mnote"], false);
    mark("hold", &[], false);
    mark("hold", &["--note", "another"], true);
    mark("release", &[], true);
    mark("release", &[], false);
    let outcome = run(&scratch, "hold", &store, "latest")
        .arg("-v")
        .run()
        .expect(0);
    assert!(outcome.stdout().starts_with("held "), "{outcome}");
    let outcome = run(&scratch, "hold", &store, "latest")
        .arg("-v")
        .run()
        .expect(0);
    assert!(outcome.stdout().contains("nothing to change"), "{outcome}");
    // To cron, silence is success.
    let outcome = run(&scratch, "release", &store, "latest").run().expect(0);
    assert_eq!(
        (outcome.stdout(), outcome.stderr()),
        (String::new(), String::new())
    );
}

#[test]
fn only_snapshots_can_be_marked() {
    let scratch = Scratch::new();
    let (_, store) = history(&scratch, 3);
    fs::create_dir(store.join("2023-01-01T12-00-00Z")).unwrap();
    let before = TreeImage::of(&store).without(".hardsnap/lock");
    for command in ["hold", "release", "accept"] {
        for snapshot in ["2023", "2024-01-0", "latest~3", "nonsense", ""] {
            let outcome = run(&scratch, command, &store, snapshot).run().expect(1);
            assert!(!outcome.stderr.is_empty());
        }
        run(&scratch, command, &scratch.join("nowhere"), "latest")
            .run()
            .expect(10);
        scratch.hardsnap(command).arg(&store).run().expect(2);
        let many = run(&scratch, command, &store, "latest").arg("latest~1");
        many.run().expect(2);
    }
    assert_untouched(&before, &TreeImage::of(&store).without(".hardsnap/lock"));
}

#[test]
fn what_a_newer_version_wrote_into_a_record_stays() {
    let scratch = Scratch::new();
    let (_, store) = history(&scratch, 1);
    let record = record_of(&store, 0);
    let mut fields = read(&record);
    fields["from_the_future"] = serde_json::json!({"a": [1, 2.5, null], "b": "ü"});
    fields["suspicions"] = serde_json::json!([{"reason": "unheard-of", "b": 1}]);
    fs::write(&record, serde_json::to_vec(&fields).unwrap()).unwrap();
    run(&scratch, "hold", &store, "latest").run().expect(0);
    let after = read(&record);
    assert_eq!(after["held"], true);
    assert_eq!(after["from_the_future"], fields["from_the_future"]);
    for field in [
        "store", "name", "sequence", "counts", "extents", "sources", "host",
    ] {
        assert_eq!(after[field], fields[field], "{field}");
    }
}

/// Kills `command` at each of its calls in turn, and checks that the record is
/// the old one or the new one, and that nothing else happened.
fn killed_at_each_call(command: &str, ready: impl Fn(&Scratch) -> PathBuf) {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let scratch = Scratch::new();
    let store = ready(&scratch);
    let view = StoreView::new(&store);
    let name = view.names().pop().unwrap();
    let record = store.join(format!(".hardsnap/snapshots/{name}.json"));
    let old = fs::read(&record).unwrap();
    let trees = || {
        let image = TreeImage::of(&store).without(".hardsnap").without("latest");
        // The store's own directory changes when `latest` does.
        image.map(|path, entry| {
            if path.is_empty() {
                entry.mtime = (0, 0);
            }
        })
    };
    let before = trees();
    let mut new = None;
    let calls = [
        "openat,openat2",
        "write",
        "fsync,fdatasync",
        "rename,renameat,renameat2",
        "symlinkat",
        "unlinkat,unlink",
        "close",
    ];
    let mut killed = 0;
    for call in calls {
        for count in 1.. {
            fs::write(&record, &old).unwrap();
            let injection = format!("{call}:signal=KILL:when={count}");
            let outcome = run(&scratch, command, &store, &name)
                .injecting(&injection)
                .run();
            let ended = ended_by_itself(&outcome, &injection);
            let found = fs::read(&record).unwrap();
            if found != old {
                assert_eq!(
                    &found,
                    new.get_or_insert_with(|| found.clone()),
                    "{injection}"
                );
                read(&record);
            }
            assert!(view.latest().is_some(), "{injection}");
            // The next one ends well, whatever is left.
            fs::write(&record, &old).unwrap();
            let outcome = run(&scratch, command, &store, &name).json().expect(0);
            assert_eq!(outcome.summary()["changed"], true);
            let written = fs::read(&record).unwrap();
            assert_eq!(&written, new.get_or_insert_with(|| written.clone()));
            assert_unchanged(&before, &trees());
            if ended {
                break;
            }
            killed += 1;
        }
    }
    assert!(killed > 10, "killed {killed} times only");
    // What was left of drafts goes with the next run that tidies.
    scratch
        .hardsnap("prune")
        .arg(&store)
        .args(["--keep-last", "9", "--now", &noon(9)])
        .run()
        .expect(0);
    let records = fs::read_dir(store.join(".hardsnap/snapshots")).unwrap();
    let left = records.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(
        left.into_iter()
            .all(|name| name.ends_with("Z.json") && !name.starts_with('.'))
    );
}

fn ended_by_itself(outcome: &Outcome, injection: &str) -> bool {
    match (outcome.signal(), outcome.code()) {
        (Some(9), None) | (None, Some(137)) => false,
        (None, Some(0)) => true,
        _ => panic!("{injection}: {outcome}"),
    }
}

#[test]
fn kill_9_at_any_call_of_hold_leaves_the_old_record_or_the_new() {
    killed_at_each_call("hold", |scratch| history(scratch, 2).1);
}

#[test]
fn kill_9_at_any_call_of_accept_leaves_the_old_record_or_the_new() {
    killed_at_each_call("accept", |scratch| {
        let source = simple(scratch, "source").build();
        let store = scratch.join("store");
        scratch.snapshot(&source, &store, &noon(0));
        for name in ["file", "link"] {
            fs::remove_file(source.join(name)).unwrap();
        }
        fs::remove_dir_all(source.join("directory")).unwrap();
        let command = scratch.hardsnap("backup").args(["--time", &noon(1)]);
        command.arg(&source).arg(&store).run().expect(4);
        store
    });
}

#[test]
fn a_record_that_cannot_be_written_stays_as_it_was() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let scratch = Scratch::new();
    let (_, store) = history(&scratch, 2);
    let record = record_of(&store, 1);
    let before = fs::read(&record).unwrap();
    for injection in ["fsync:error=EIO:when=1", "renameat:error=EIO:when=1"] {
        let command = run(&scratch, "hold", &store, "latest");
        let outcome = command.injecting(injection).run().expect(1);
        assert!(outcome.stderr().contains(".json"), "{outcome}");
        assert_eq!(fs::read(&record).unwrap(), before);
    }
    run(&scratch, "hold", &store, "latest").run().expect(0);
}
