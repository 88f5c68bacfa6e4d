//! Runs that are killed or asked to stop.

use std::fs;
use std::time::Duration;

use hardsnap_tests::{Hardsnap, can_trace, is_ignored, skip_unless, wait_until};
use rustix::process::Signal;

use crate::survivor::Survivor;
use crate::trees::many;

/// Kills at each of these calls in turn: at the first that a backup makes, at
/// the second, and so on until it makes no more.
fn killed_at(calls: &[&str]) {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let mut survivor = Survivor::new(4);
    let mut killed = 0;
    // Strace counts for each thread; with nothing to do for the workers, the
    // main thread comes to more of its calls.
    for (idle, call) in [false, true]
        .iter()
        .flat_map(|idle| calls.iter().map(move |call| (idle, call)))
    {
        survivor.idle = *idle;
        for count in 1.. {
            let injection = format!("{call}:signal=KILL:when={count}");
            // With one worker the calls come in the same order each time.
            let accident =
                |command: Hardsnap| command.args(["--jobs", "1"]).injecting(&injection).run();
            let outcome = survivor.survive(accident);
            // Strace ends as the program did; a run without that many calls
            // comes to its own end.
            match (outcome.signal(), outcome.code()) {
                (Some(9), None) | (None, Some(137)) => killed += 1,
                (None, Some(0)) => break,
                _ => panic!("{injection}: {outcome}"),
            }
        }
    }
    assert!(killed >= 3 * calls.len(), "killed {killed} times only");
}

#[test]
fn kill_9_at_any_call_that_makes_something_harms_nothing() {
    killed_at(&[
        "mkdirat",
        "linkat",
        "symlinkat",
        "mknodat",
        "openat,openat2",
    ]);
}

#[test]
fn kill_9_at_any_call_that_finishes_something_harms_nothing() {
    killed_at(&[
        "fchmod,fchmodat,?fchmodat2",
        "utimensat",
        "write,copy_file_range,pwrite64",
        "ftruncate",
        "close",
    ]);
}

#[test]
fn kill_9_at_any_call_that_publishes_or_removes_harms_nothing() {
    killed_at(&[
        "rename,renameat,renameat2",
        "fsync,fdatasync,syncfs",
        "unlinkat,unlink,rmdir",
    ]);
}

#[test]
fn kill_9_at_any_moment_harms_nothing() {
    let mut survivor = Survivor::new(300);
    let mut killed = 0;
    for round in 0..16_u64 {
        let outcome = survivor.survive(|command| {
            let running = command.spawn();
            std::thread::sleep(Duration::from_micros(500 * (1 << (round / 2))));
            running.send(Signal::KILL);
            running.wait()
        });
        killed += usize::from(outcome.signal() == Some(9));
    }
    assert!(killed >= 3, "killed {killed} times only");
}

/// Asks a backup that is at work to stop, and checks that it does as told.
fn stops_on(signal: Signal) {
    if !skip_unless(!is_ignored(signal), "the signal is ignored here") {
        return;
    }
    let mut survivor = Survivor::new(5_000);
    for _ in 0..20 {
        // Everything is new again, so that there is something to do.
        fs::rename(
            survivor.source.join("many"),
            survivor.source.join(format!("{} many", survivor.day)),
        )
        .unwrap();
        many(survivor.scratch.tree("source"), 5_000).build();
        let view = survivor.view.clone();
        let outcome = survivor.survive(|command| {
            let mut running = command.spawn();
            let at_work = wait_until("the backup is at work", || {
                let ended = running.has_ended();
                (ended || !view.work().is_empty()).then_some(!ended)
            });
            if at_work {
                running.send(signal);
            }
            running.wait()
        });
        if outcome.signal() == Some(signal.as_raw()) {
            return;
        }
        // It was quicker than the signal.
        outcome.expect(0);
    }
    panic!("no backup was stopped by {signal:?}");
}

#[test]
fn sigterm_stops_a_run() {
    stops_on(Signal::TERM);
}

#[test]
fn ctrl_c_stops_a_run() {
    stops_on(Signal::INT);
}

#[test]
fn a_hangup_stops_a_run() {
    stops_on(Signal::HUP);
}

#[test]
fn what_dead_runs_left_is_tidied_away() {
    let mut survivor = Survivor::new(10);
    let hidden = survivor.store.join(".hardsnap");
    survivor.survive(|command| {
        let outcome = command.run().expect(0);
        // A tree in the making, one given up half deleted, and a record whose
        // tree never came.
        for tree in [
            "work/2023-05-05T12-00-00Z/home",
            "trash/2023-05-06T12-00-00Z/home",
        ] {
            fs::create_dir_all(hidden.join(tree).join("below")).unwrap();
            fs::write(hidden.join(tree).join("file"), b"half").unwrap();
        }
        let records = hidden.join("snapshots");
        let record = fs::read_dir(&records)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let name = record.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&record)
            .unwrap()
            .replace(name, "2023-05-07T12-00-00Z");
        fs::write(records.join("2023-05-07T12-00-00Z.json"), text).unwrap();
        outcome
    });
}

#[test]
fn latest_is_repaired_after_a_crash_before_it_moved() {
    let mut survivor = Survivor::new(10);
    let link = survivor.store.join("latest");
    survivor.survive(|command| {
        let before = fs::read_link(&link).unwrap();
        let outcome = command.args(["--keep-daily", "9"]).run().expect(0);
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(before, &link).unwrap();
        outcome
    });
    survivor.survive(|command| {
        let outcome = command.run().expect(0);
        fs::remove_file(&link).unwrap();
        outcome
    });
}
