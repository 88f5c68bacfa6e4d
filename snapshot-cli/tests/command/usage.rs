//! Arguments, and what is refused.

use std::fs;

use rustix::fs::FlockOperation;

use super::{Room, hardsnap, ran, snapshots, text};

#[test]
fn wrong_usage_exits_2() {
    let cases: &[&[&str]] = &[
        &[],
        &["--json"],
        &["frobnicate"],
        &["init"],
        &["init", ""],
        &["init", "store", "another"],
        &["backup"],
        &["backup", "store"],
        &["backup", "--init", "store"],
        &["backup", "source", "store", "--frobnicate"],
        &["backup", "source", "store", "--jobs", "0"],
        &["backup", "source", "store", "--time", "yesterday"],
        &["backup", "source", "store", "--time", "2026-11-22 19:20:00"],
        &["backup", "source", "store", "--keep-daily", "6m"],
        &["backup", "source", "store", "--keep-daily", "-1"],
        &["backup", "source", "store", "--keep-daily", "0"],
        &[
            "backup",
            "source",
            "store",
            "--keep-daily",
            "7",
            "--no-prune",
        ],
        &[
            "backup",
            "source",
            "store",
            "--keep-daily",
            "7",
            "--keep",
            "7 daily",
        ],
        &["backup", "source", "store", "--keep-pick", "middle"],
        &["backup", "source", "store", "--keep-zone", "Nowhere/At_All"],
        &["backup", "source", "store", "--quiet", "--verbose"],
        &["init", "store", "--keep", "sometimes"],
        &["prune", "store", "--now", "2026"],
        &["retention"],
        &["retention", "preview", "store"],
        &["delete", "store"],
        &["delete", "store", "latest"],
        &["tree", "source"],
        &["tree", "source", "target", "--exclude", "[a"],
        &["tree", "source", "target", "--exclude-larger-than", "10MB"],
        &["backup", "--init", "source", "store", "--exclude", ""],
        &["backup", "--init", "source", "store", "--include", "!a"],
        &[
            "backup",
            "--init",
            "source",
            "store",
            "--exclude-from",
            "bad",
        ],
        &[
            "backup",
            "--init",
            "source",
            "store",
            "--exclude-if-present",
            "a/b",
        ],
        &[
            "backup",
            "--init",
            "source",
            "store",
            "--exclude-larger-than",
            "0",
        ],
        &[
            "backup",
            "--init",
            "source",
            "store",
            "--exclude-larger-than",
            "-1",
        ],
        &[
            "backup",
            "--init",
            "source",
            "store",
            "--exclude-caches",
            "--exclude-caches",
        ],
        &["init", "store", "--exclude", "a"],
        &["list", "--yes", "store"],
    ];
    let room = Room::new();
    fs::write(room.path("bad"), "a\\\n").unwrap();
    for arguments in cases {
        let output = ran(hardsnap(*arguments).current_dir(room.dir.path()), 2);
        assert!(!output.stderr.is_empty(), "{arguments:?} says nothing");
        assert!(!room.store().exists(), "{arguments:?} made a store");
    }
}

#[test]
fn a_pattern_that_is_refused_is_named_with_its_line() {
    let room = Room::new();
    fs::write(room.path("list"), "# fine\n*.o\n[a-\n").unwrap();
    let run = |arguments: &[&str], code| {
        let mut backup = hardsnap(["backup", "--init", "source", "store"]);
        let output = ran(backup.args(arguments).current_dir(room.dir.path()), code);
        text(&output.stderr).to_owned()
    };
    let message = run(&["--exclude-from", "list"], 2);
    assert!(
        message.starts_with("hardsnap: list:3: `[a-`: "),
        "{message}"
    );
    let message = run(&["--exclude", "a\\"], 2);
    assert!(
        message.starts_with("hardsnap: --exclude: `a\\`: "),
        "{message}"
    );
    // A list that is not there is no wrong usage, but nothing is done without it.
    let message = run(&["--exclude-from", "missing"], 1);
    assert!(
        message.starts_with("hardsnap: cannot read missing: "),
        "{message}"
    );
    assert!(!room.store().exists());
}

#[test]
fn help_and_version_are_answers() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["backup", "--help"],
        &["prune", "-h"],
    ] {
        let output = ran(&mut hardsnap(arguments), 0);
        assert!(
            !output.stdout.is_empty() && output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
    let version = ran(&mut hardsnap(["--version"]), 0);
    assert_eq!(
        text(&version.stdout),
        concat!("hardsnap ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn where_there_is_no_store_every_command_exits_10_and_makes_nothing() {
    let room = Room::new();
    fs::create_dir(room.path("empty")).unwrap();
    fs::write(room.path("file"), "").unwrap();
    for store in ["missing", "missing/deep", "empty", "file", "source"] {
        let store = &room.path(store);
        ran(hardsnap(["list"]).arg(store), 10);
        ran(hardsnap(["prune"]).arg(store), 10);
        ran(hardsnap(["prune", "--dry-run"]).arg(store), 10);
        ran(hardsnap(["delete", "--yes"]).arg(store).arg("latest"), 10);
        ran(
            hardsnap(["backup", "--dry-run"])
                .arg(room.path("folder"))
                .arg(store),
            10,
        );
        let output = ran(hardsnap(["backup"]).arg(room.source()).arg(store), 10);
        let message = text(&output.stderr);
        assert!(
            message.starts_with("hardsnap: ") && message.contains("\nhint: "),
            "{message}"
        );
    }
    assert!(!room.path("missing").exists());
    assert_eq!(fs::read_dir(room.path("empty")).unwrap().count(), 0);
}

#[test]
fn a_store_is_not_made_for_a_backup_that_is_refused() {
    let room = Room::new();
    let init = || hardsnap(["backup", "--init"]);
    ran(init().arg(room.path("missing")).arg(room.store()), 1);
    ran(
        init()
            .arg(room.source())
            .arg(room.path("missing"))
            .arg(room.store()),
        1,
    );
    assert!(!room.store().exists());
    ran(init().arg(room.source()).arg(room.source()), 1);
    assert!(!room.path("source/.hardsnap").exists());
    let ours = room.path("source/folder");
    ran(
        hardsnap(["backup", "--init", "--dry-run"])
            .arg(&ours)
            .arg(&ours),
        1,
    );
}

#[test]
fn a_dry_run_of_a_first_backup_writes_nothing_and_tells_what_it_would_do() {
    let room = Room::new();
    let mut backup = hardsnap(["backup", "--init", "--dry-run"]);
    let output = ran(backup.arg(room.source()).arg(room.store()), 0);
    assert!(
        text(&output.stdout).contains("2 files copied (3 B)"),
        "{}",
        text(&output.stdout)
    );
    assert!(!room.store().exists());
}

#[test]
fn init_with_backup_makes_the_store_once_and_then_uses_it() {
    let room = Room::new();
    for _ in 0..2 {
        ran(
            hardsnap(["backup", "--init"])
                .arg(room.source())
                .arg(room.store()),
            0,
        );
    }
    assert_eq!(snapshots(&room.store()).len(), 2);
    ran(hardsnap(["init"]).arg(room.store()), 1);
}

#[test]
fn a_time_that_is_taken_is_refused() {
    let room = Room::new();
    let store = room.store_with(&["2026-11-22T19:20:00Z"]);
    let mut again = hardsnap(["backup", "--time", "2026-11-22T20:20:00.5+01:00"]);
    ran(again.arg(room.source()).arg(&store), 1);
    assert_eq!(snapshots(&store), ["2026-11-22T19-20-00Z"]);
}

#[test]
fn while_another_run_holds_the_lock_writers_exit_11_and_readers_read() {
    let room = Room::new();
    let store = room.store_with(&["2026-11-21T19:20:00Z", "2026-11-22T19:20:00Z"]);
    let lock = fs::File::open(store.join(".hardsnap/lock")).unwrap();
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).unwrap();
    ran(hardsnap(["backup"]).arg(room.source()).arg(&store), 11);
    ran(hardsnap(["prune", "--keep-last", "1"]).arg(&store), 11);
    ran(
        hardsnap(["delete", "--yes"]).arg(&store).arg("2026-11-21"),
        11,
    );
    ran(hardsnap(["list"]).arg(&store), 0);
    ran(hardsnap(["prune", "--dry-run"]).arg(&store), 0);
    drop(lock);
    ran(
        hardsnap(["delete", "--yes"]).arg(&store).arg("2026-11-21"),
        0,
    );
    assert_eq!(snapshots(&store), ["2026-11-22T19-20-00Z"]);
}

#[test]
fn snapshots_are_deleted_by_name_only_when_the_names_are_clear() {
    let room = Room::new();
    let store = room.store_with(&[
        "2026-11-20T01:00:00Z",
        "2026-11-21T01:00:00Z",
        "2026-11-21T02:00:00Z",
        "2026-11-22T01:00:00Z",
    ]);
    let delete = || {
        let mut delete = hardsnap(["delete", "--yes"]);
        delete.arg(&store);
        delete
    };
    ran(delete().arg("2026-11-21"), 1);
    ran(delete().args(["latest~1", "2027"]), 1);
    ran(delete().arg("latest~4"), 1);
    assert_eq!(snapshots(&store).len(), 4);
    ran(
        delete().args(["latest~1", "2026-11-21T02", "2026-11-20T01-00-00Z"]),
        0,
    );
    assert_eq!(
        snapshots(&store),
        ["2026-11-21T01-00-00Z", "2026-11-22T01-00-00Z"]
    );
    ran(delete().args(["latest", "latest~1"]), 1);
    assert_eq!(snapshots(&store).len(), 2);
}

#[test]
fn keep_options_replace_the_stores_policy_for_one_run_only() {
    let room = Room::new();
    let store = room.store_with(&["2026-11-20T01:00:00Z", "2026-11-21T01:00:00Z"]);
    let dry_run = |arguments: &[&str]| {
        let mut prune = hardsnap(["prune", "--dry-run"]);
        let output = ran(prune.args(arguments).arg(&store), 0);
        text(&output.stdout).to_owned()
    };
    assert!(dry_run(&["--keep-last", "1"]).contains("remove  2026-11-20T01-00-00Z"));
    assert!(dry_run(&["--keep", "last 1"]).contains("remove  2026-11-20T01-00-00Z"));
    assert!(!dry_run(&[]).contains("remove"));
    ran(hardsnap(["prune", "--keep-last", "1"]).arg(&store), 0);
    assert_eq!(snapshots(&store), ["2026-11-21T01-00-00Z"]);
}
