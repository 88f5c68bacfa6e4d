//! The course of a verification: beside other runs, stopped and gone on with,
//! within bounds.

use std::fs::{self, File};

use hardsnap_tests::{Chain, Scratch, can_trace, is_root, noon, skip_unless, wait_until};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;

use super::{Damage, Kept, flip, name_of};
use crate::trees::{many, simple};

#[test]
fn it_runs_beside_a_backup_but_repairs_alone() {
    let scratch = Scratch::new();
    let kept = Kept::new(&scratch, &simple(&scratch, "source"), 2);
    let lock = File::open(kept.store.join(".hardsnap/lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    kept.assert_sound();
    kept.verify().arg("--repair").json().expect(11);
    flock(&lock, FlockOperation::Unlock).unwrap();
    kept.verify().arg("--repair").json().expect(0);
    // Two of them would only be in each other's way.
    let lock = File::open(kept.store.join(".hardsnap/verify.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let outcome = kept.verify().run().expect(11);
    assert!(
        outcome.stderr().contains("another verification"),
        "{outcome}"
    );
}

#[test]
fn what_is_asked_for_has_to_be_there() {
    let scratch = Scratch::new();
    let kept = Kept::new(&scratch, &simple(&scratch, "source"), 2);
    kept.verify().arg("2031").json().expect(1);
    kept.verify().args(["--sample", "0%"]).run().expect(2);
    kept.verify()
        .args(["--sample", "5%", "--full"])
        .run()
        .expect(2);
    kept.verify()
        .args(["--since-last", "--full"])
        .run()
        .expect(2);
    scratch
        .hardsnap("verify")
        .arg(scratch.path())
        .run()
        .expect(10);
    let outcome = kept
        .verify()
        .args(["latest", "latest", "latest~1"])
        .json()
        .expect(0);
    assert_eq!(outcome.texts("snapshots"), [name_of(0), name_of(1)]);
}

/// A store with so many files that they are not read at once.
fn large(scratch: &Scratch) -> Kept<'_> {
    Kept::new(scratch, &many(simple(scratch, "source"), 12_000), 1)
}

#[test]
fn a_run_that_was_stopped_is_gone_on_with() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let scratch = Scratch::new();
    let mut kept = large(&scratch);
    let damaged = kept.stored(0, "many/000/7");
    flip(&damaged, 0);
    let stop = |command: hardsnap_tests::Hardsnap| {
        let command = command.args(["--full", "--jobs", "1", "--json"]);
        // One worker reads one file after the other.
        command.injecting("pread64:signal=TERM:when=9500").run()
    };
    let outcome = stop(kept.verify());
    assert!(matches!(
        (outcome.signal(), outcome.code()),
        (Some(15), _) | (_, Some(143))
    ));
    // What is new meanwhile is read as well.
    fs::write(kept.source.join("new"), b"new").unwrap();
    kept.backup();
    let expected = kept.of(&[0, 1], &["many/000/7"], "content");
    // Another choice is another run.
    let outcome = kept.verify().args(["--sample", "1%"]).json().expect(5);
    assert_eq!(outcome.summary()["continued"], false, "{outcome}");
    let outcome = kept.verify().args(["--full"]).json().expect(5);
    assert_eq!(outcome.summary()["continued"], true, "{outcome}");
    // The damaged one was read in both.
    assert_eq!(super::damage(&outcome, &kept.source), expected);
    let read = outcome.number("checked_files");
    assert!((2_000..6_000).contains(&read), "{outcome}");
    let outcome = kept.verify().args(["--full"]).json().expect(5);
    assert_eq!(outcome.number("checked_files"), 12_003, "{outcome}");
}

#[test]
fn it_stops_when_it_is_told_to() {
    if !skip_unless(
        !hardsnap_tests::is_ignored(Signal::INT),
        "the signal is ignored here",
    ) {
        return;
    }
    let scratch = Scratch::new();
    let kept = large(&scratch);
    for _ in 0..20 {
        let mut running = kept.verify().arg("--full").spawn();
        let lock = kept.store.join(".hardsnap/verify.lock");
        let at_work = wait_until("it is at work", || {
            let ended = running.has_ended();
            (ended || lock.exists()).then_some(!ended)
        });
        if at_work {
            running.send(Signal::INT);
        }
        let outcome = running.wait();
        if outcome.signal() == Some(Signal::INT.as_raw()) {
            kept.assert_sound();
            return;
        }
        // It was quicker than the signal.
        outcome.expect(0);
        fs::remove_file(lock).unwrap();
    }
    panic!("no verification was stopped");
}

#[test]
fn a_snapshot_may_be_removed_meanwhile_unless_it_was_named() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let scratch = Scratch::new();
    let kept = Kept::new(&scratch, &many(simple(&scratch, "source"), 300), 3);
    let delete = || {
        let command = scratch.hardsnap("delete").arg(&kept.store);
        command.arg(name_of(1)).arg("--yes").run()
    };
    let verify = |named: &[String]| {
        let command = kept
            .verify()
            .args(["--full", "--jobs", "1", "--json"])
            .args(named);
        // A moment for each file.
        let running = command.injecting("pread64:delay_enter=10000").spawn();
        let state = kept.store.join(".hardsnap/verify.lock");
        wait_until("it is at work", || state.exists().then_some(()));
        running
    };
    let running = verify(&[name_of(1)]);
    let tree = File::open(kept.view.snapshot(&name_of(1))).unwrap();
    wait_until("it is being read", || {
        let is_free = flock(&tree, FlockOperation::NonBlockingLockExclusive).is_ok();
        flock(&tree, FlockOperation::Unlock).unwrap();
        (!is_free).then_some(())
    });
    let refused = delete().expect(1);
    assert!(refused.stderr().contains("being read"), "{refused}");
    running.wait().expect(0);
    let running = verify(&[]);
    delete().expect(0);
    let outcome = running.wait().expect(0);
    assert_eq!(
        super::damage(&outcome, &kept.source),
        Damage::new(),
        "{outcome}"
    );
    kept.assert_sound();
}

#[test]
fn ten_thousand_levels_take_few_open_files() {
    let scratch = Scratch::new();
    Chain::new(10_000).build(scratch.join("source"));
    let store = scratch.join("store");
    for day in 0..2 {
        let command = scratch.hardsnap("backup").args(["--init", "--no-prune"]);
        let command = command.args(["--time", &noon(day)]);
        command
            .arg(scratch.join("source"))
            .arg(&store)
            .run()
            .expect(0);
    }
    let command = scratch.hardsnap("verify").arg(&store).arg("--full");
    let outcome = command.with_open_files(256).json().expect(0);
    assert_eq!(outcome.number("checked_files"), 10_000, "{outcome}");
}

#[test]
fn a_store_that_cannot_be_written_is_verified_all_the_same() {
    if !skip_unless(is_root(), "only root can mount for reading alone") {
        return;
    }
    let scratch = Scratch::new();
    let kept = Kept::new(&scratch, &simple(&scratch, "source"), 2);
    let flipped = kept.stored(0, "file");
    flip(&flipped, 0);
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    let store = kept.store.to_str().unwrap().to_owned();
    let command = kept.verify().args(["--full", "--json"]);
    let outcome = command
        .within(["unshare", "--mount", "sh", "-c", script, &store])
        .run();
    let outcome = outcome.expect(5);
    let expected = kept.of(&[0, 1], &["file"], "content");
    assert_eq!(super::damage(&outcome, &kept.source), expected);
    assert_eq!(outcome.surprises(), ["verification_not_noted"], "{outcome}");
}
