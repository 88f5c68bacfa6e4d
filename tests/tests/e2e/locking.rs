//! One run at a time.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hardsnap_tests::{
    Repeating, Running, Scratch, StoreView, TreeImage, assert_same, assert_unchanged, noon,
    wait_until,
};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;

use crate::trees::{many, simple};

/// Starts a backup and stops it (as Ctrl-Z does) while it is at work.
fn stopped_backup(scratch: &Scratch, source: &Path, store: &Path) -> Running {
    let view = StoreView::new(store);
    for _ in 0..20 {
        let mut running = scratch
            .hardsnap("backup")
            .arg(source)
            .arg(store)
            .arg("--json")
            .spawn();
        let at_work = wait_until("the backup is at work", || {
            let ended = running.has_ended();
            (ended || !view.work().is_empty()).then_some(!ended)
        });
        if at_work {
            running.send(Signal::STOP);
            // The signal takes a moment to stop all threads.
            std::thread::sleep(Duration::from_millis(50));
            if !running.has_ended() && !view.work().is_empty() {
                return running;
            }
            running.send(Signal::CONT);
        }
        running.wait().expect(0);
    }
    panic!("no backup could be stopped at work");
}

#[test]
fn a_second_run_is_told_who_holds_the_lock() {
    let scratch = Scratch::new();
    let store = scratch.join("store");
    scratch.snapshot(&scratch.tree("source").build(), &store, &noon(0));
    let source = many(scratch.tree("source"), 5_000).build();
    let first = stopped_backup(&scratch, &source, &store);
    let view = StoreView::new(&store);
    let names = view.names();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let others = [
        scratch.hardsnap("backup").arg(&source).arg(&store),
        scratch.hardsnap("prune").arg(&store),
        scratch
            .hardsnap("delete")
            .arg(&store)
            .args(["latest", "--yes"]),
    ];
    for other in others {
        let outcome = other.run().expect(11);
        assert!(
            outcome.stderr().contains(&first.pid().to_string()),
            "{outcome}"
        );
        assert!(outcome.stderr().contains(host.trim()), "{outcome}");
    }
    // Looking takes no lock.
    for words in [
        &["list"][..],
        &["du"],
        &["find", "file"],
        &["diff", "latest", "latest"],
    ] {
        let command = scratch.hardsnap(words[0]).arg(&store).args(&words[1..]);
        command.json().expect(0);
    }
    assert_eq!(view.names(), names);
    assert_eq!(view.work().len(), 1);
    first.send(Signal::CONT);
    let made = first.wait().expect(0).text("snapshot");
    assert_same(&TreeImage::of(&source), &view.image(&made, &source));
    scratch
        .hardsnap("backup")
        .arg(&source)
        .arg(&store)
        .run()
        .expect(0);
    view.assert_tidy();
}

#[test]
fn the_lock_is_the_kernel_s_and_not_the_file_s() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch.snapshot(&source, &store, &noon(0));
    let path = store.join(".hardsnap/lock");
    let lock = fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let before = TreeImage::of(&store);
    scratch
        .hardsnap("backup")
        .arg(&source)
        .arg(&store)
        .run()
        .expect(11);
    assert_unchanged(&before, &TreeImage::of(&store));
    drop(lock);
    scratch
        .hardsnap("backup")
        .arg(&source)
        .arg(&store)
        .run()
        .expect(0);
    // What a run that died left in the file is no obstacle, nor is nonsense.
    for text in [
        "",
        "\0\0\0",
        "{\"pid\": 1, \"host\": \"elsewhere\"}",
        "pid 4194304\nhost nowhere\n",
    ] {
        fs::write(&path, text).unwrap();
        scratch
            .hardsnap("backup")
            .arg(&source)
            .arg(&store)
            .run()
            .expect(0);
    }
    assert_eq!(view.names().len(), 6);
    view.assert_tidy();
}

#[test]
fn of_runs_at_once_each_makes_its_snapshot_or_is_refused() {
    let scratch = Scratch::new();
    let source = many(scratch.tree("source"), 300).build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch.hardsnap("init").arg(&store).run().expect(0);
    let start = || {
        scratch
            .hardsnap("backup")
            .arg(&source)
            .arg(&store)
            .arg("--json")
            .spawn()
    };
    let runs: Vec<Running> = (0..4).map(|_| start()).collect();
    let outcomes: Vec<_> = runs.into_iter().map(Running::wait).collect();
    let mut made = Vec::new();
    for outcome in outcomes {
        match outcome.code() {
            Some(0) => made.push(outcome.text("snapshot")),
            Some(11) => {}
            _ => panic!("{outcome}"),
        }
    }
    made.sort();
    assert!(!made.is_empty());
    assert_eq!(view.names(), made);
    for name in made {
        assert_same(&TreeImage::of(&source), &view.image(&name, &source));
    }
    view.assert_tidy();
}

#[test]
fn latest_is_a_whole_snapshot_at_every_moment() {
    let scratch = Scratch::new();
    let source = many(scratch.tree("source"), 300).build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch.snapshot(&source, &store, &noon(0));
    let count = TreeImage::of(&source).len();
    let (seen, tree) = (StoreView::new(&store), source.clone());
    let reader = Repeating::start(move |_| {
        // Every name that can be seen is whole; only pruning, which is off
        // here, could take one away meanwhile.
        let latest = seen.latest().expect("latest is there");
        let newest = seen.names().pop().unwrap();
        for name in [latest, newest] {
            assert_eq!(seen.image(&name, &tree).len(), count, "{name}");
        }
    });
    for day in 1..20 {
        let time = noon(day);
        let command = scratch
            .hardsnap("backup")
            .args(["--no-prune", "--time", &time]);
        command.arg(&source).arg(&store).run().expect(0);
    }
    let looks = reader.stop();
    assert!(looks > 5, "the reader looked {looks} times only");
    assert_eq!(view.names().len(), 20);
}
