//! Signals: the run stops, the shell sees the signal, the store is free.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Room, hardsnap, program, ran, snapshots};

/// A source that takes one worker a second or so.
fn large_source(room: &Room) -> PathBuf {
    let source = room.path("large");
    for directory in 0..300 {
        let directory = source.join(directory.to_string());
        fs::create_dir_all(&directory).unwrap();
        for file in 0..100 {
            fs::write(directory.join(file.to_string()), "some content").unwrap();
        }
    }
    source
}

/// Waits until the run writes its tree.
fn wait_for_work(store: &Path) {
    let work = store.join(".hardsnap/work");
    let deadline = Instant::now() + Duration::from_secs(20);
    while fs::read_dir(&work).map_or(0, Iterator::count) == 0 {
        assert!(Instant::now() < deadline, "the backup does not begin");
        thread::sleep(Duration::from_millis(1));
    }
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_child(child);
    kill_process(pid, signal).unwrap();
}

#[test]
fn a_signal_stops_the_run_and_frees_the_store() {
    let room = Room::new();
    let source = large_source(&room);
    // A hangup may be ignored where the tests run, as under nohup.
    for signal in [Signal::INT, Signal::TERM] {
        let store = room.path(&format!("store-{}", signal.as_raw()));
        ran(hardsnap(["init"]).arg(&store), 0);
        let mut backup = hardsnap(["backup", "--jobs", "1"]);
        backup.arg(&source).arg(&store).stderr(Stdio::piped());
        let child = backup.spawn().unwrap();
        wait_for_work(&store);
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(signal.as_raw()), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("hardsnap: stopped by SIG"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(snapshots(&store).is_empty());
        ran(hardsnap(["backup", "-q"]).arg(room.source()).arg(&store), 0);
        assert_eq!(snapshots(&store).len(), 1);
    }
}

#[test]
fn a_hangup_that_was_ignored_at_the_start_stays_ignored() {
    let room = Room::new();
    let source = large_source(&room);
    let store = room.store_with(&[]);
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "trap '' HUP; exec \"$0\" backup --jobs 1 \"$1\" \"$2\"",
    ]);
    shell.arg(program()).arg(&source).arg(&store);
    let mut child = shell.spawn().unwrap();
    wait_for_work(&store);
    send(&child, Signal::HUP);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(snapshots(&store).len(), 1);
}
