//! What is said where, and what happens when nobody can be told.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use super::{Room, hardsnap, ran, snapshots, text};

pub(super) fn full() -> Stdio {
    fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

/// A pipe that nobody reads any more.
pub(super) fn closed() -> Stdio {
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(ours);
    OwnedFd::from(theirs).into()
}

#[test]
fn success_is_silent_without_a_terminal() {
    let room = Room::new();
    // The first snapshot may have something to say that is not repeated.
    let store = room.store_with(&["2026-11-20T01:00:00Z"]);
    let output = ran(hardsnap(["init"]).arg(room.path("another")), 0);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("", ""));
    for mut command in [
        hardsnap(["backup"]),
        hardsnap(["backup", "--keep-last", "1"]),
        hardsnap(["prune"]),
    ] {
        if command.get_args().next() == Some(OsStr::new("backup")) {
            command.arg(room.source());
        }
        let output = ran(command.arg(&store), 0);
        assert_eq!(
            (text(&output.stdout), text(&output.stderr)),
            ("", ""),
            "{command:?}"
        );
    }
    let mut verbose = hardsnap(["backup", "--verbose"]);
    let output = ran(verbose.arg(room.source()).arg(&store), 0);
    assert!(
        text(&output.stdout).contains("2 files linked, 0 copied"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn results_that_were_asked_for_are_printed_even_when_quiet() {
    let room = Room::new();
    let store = room.store_with(&["2026-11-20T01:00:00Z"]);
    for command in [
        &["list", "-q"][..],
        &["prune", "-q", "--dry-run"],
        &["prune", "-q", "--explain"],
    ] {
        let output = ran(hardsnap(command).arg(&store), 0);
        assert!(
            text(&output.stdout).contains("2026-11-20T01-00-00Z"),
            "{command:?}"
        );
    }
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let room = Room::new();
    let store = room.store_with(&["2026-11-20T01:00:00Z", "2026-11-21T01:00:00Z"]);
    for command in [
        &["list"][..],
        &["list", "--json"],
        &["prune", "--dry-run"],
        &["prune", "--dry-run", "--json"],
        &["prune", "--explain", "--keep-last", "1"],
        &["--help"],
    ] {
        let mut command = hardsnap(command);
        command.stdout(full());
        if command.get_args().next() != Some(OsStr::new("--help")) {
            command.arg(&store);
        }
        ran(&mut command, 1);
    }
    assert_eq!(
        snapshots(&store).len(),
        2,
        "pruned although the explanation was lost"
    );
}

#[test]
fn what_was_published_is_a_success_whoever_hears_of_it() {
    let room = Room::new();
    let store = room.store_with(&[]);
    for (count, arguments) in [&["--json"][..], &["--verbose"], &[]].iter().enumerate() {
        let mut backup = hardsnap(["backup"]);
        backup.args(*arguments).arg(room.source()).arg(&store);
        let output = ran(backup.stdout(full()), 0);
        assert_eq!(snapshots(&store).len(), 2 * count + 1);
        let told = text(&output.stderr).contains("No space left on device");
        assert_eq!(told, !arguments.is_empty(), "{}", text(&output.stderr));
        let output = ran(backup.stdout(closed()), 0);
        assert!(
            !text(&output.stderr).contains("cannot write"),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let room = Room::new();
    let store = room.store_with(&["2026-11-20T01:00:00Z", "2026-11-21T01:00:00Z"]);
    for command in [
        &["list"][..],
        &["list", "--json"],
        &["prune", "--dry-run"],
        &["prune", "--explain", "--keep-last", "1"],
    ] {
        let output = ran(hardsnap(command).arg(&store).stdout(closed()), 0);
        assert_eq!(text(&output.stderr), "", "{command:?}");
    }
    assert_eq!(snapshots(&store), ["2026-11-21T01-00-00Z"]);
}

#[test]
fn names_cannot_command_the_terminal() {
    let room = Room::new();
    let store = room.store_with(&[]);
    let name = OsStr::from_bytes(b"\x1b[31m\n\xff");
    fs::write(room.source().join(name), "").unwrap();
    let mut backup = hardsnap(["backup", "--verbose", "--note", "a\x1b[2Jb"]);
    let output = ran(backup.arg(room.source()).arg(&store), 0);
    assert!(
        text(&output.stdout).contains("source/\\x1b[31m\\n\\xff\n"),
        "{}",
        text(&output.stdout)
    );
    let output = ran(hardsnap(["list"]).arg(&store), 0);
    assert!(
        text(&output.stdout).contains("a\\x1b[2Jb"),
        "{}",
        text(&output.stdout)
    );
    let missing = room.path("source").join(OsStr::from_bytes(b"gone\x07\xff"));
    let output = ran(hardsnap(["backup"]).arg(missing).arg(&store), 1);
    assert!(
        text(&output.stderr).contains("gone\\x07\\xff: No such file"),
        "{}",
        text(&output.stderr)
    );
}
