//! JSON lines, field by field.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use serde_json::{Value, json};

use super::{Room, hardsnap, ran, text};

/// Runs a command with `--json`: every line that it prints.
#[track_caller]
fn lines(command: &mut Command, code: i32) -> Vec<Value> {
    let output = ran(command.arg("--json"), code);
    let lines: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        assert!(line["message_type"].is_string(), "{line}");
        assert_eq!(line["schema_version"], 1, "{line}");
    }
    lines
}

#[track_caller]
fn summary(command: &mut Command) -> Value {
    let last = lines(command, 0).pop().expect("a line");
    assert_eq!(last["message_type"], "summary");
    last
}

#[test]
fn a_backup_sums_up_in_the_documented_fields_and_order() {
    let room = Room::new();
    let store = room.store_with(&["2026-11-20T01:00:00Z"]);
    fs::write(room.source().join("three"), "333").unwrap();
    let mut backup = hardsnap([
        "backup",
        "--time",
        "2026-11-21T01:00:00Z",
        "--keep-last",
        "1",
    ]);
    let output = ran(backup.arg("--json").arg(room.source()).arg(&store), 0);
    let last = text(&output.stdout).lines().last().unwrap();
    let fields = [
        "message_type",
        "schema_version",
        "snapshot",
        "status",
        "basis",
        "recycled",
        "files_linked",
        "files_copied",
        "files_moved",
        "bytes_linked",
        "bytes_copied",
        "directories",
        "symlinks",
        "specials",
        "skipped",
        "excluded",
        "removed_snapshots",
        "prune_paused",
        "elapsed_seconds",
    ];
    let places: Vec<usize> = fields
        .iter()
        .map(|field| last.find(&format!("\"{field}\":")).expect(field))
        .collect();
    assert!(places.is_sorted(), "{last}");
    let summary: Value = serde_json::from_str(last).unwrap();
    for (field, value) in [
        ("snapshot", json!("2026-11-21T01-00-00Z")),
        ("status", json!("complete")),
        ("basis", json!("2026-11-20T01-00-00Z")),
        ("recycled", json!(null)),
        ("files_linked", json!(2)),
        ("files_copied", json!(1)),
        ("bytes_linked", json!(3)),
        ("bytes_copied", json!(3)),
        ("skipped", json!([])),
        ("removed_snapshots", json!(["2026-11-20T01-00-00Z"])),
        ("prune_paused", json!(null)),
    ] {
        assert_eq!(summary[field], value, "{field}");
    }
    assert!(summary["elapsed_seconds"].is_f64());
}

#[test]
fn snapshots_are_listed_oldest_first_with_their_facts() {
    let room = Room::new();
    let store = room.store_with(&["2026-11-20T01:00:00Z"]);
    let mut backup = hardsnap([
        "backup",
        "--time",
        "2026-11-21T01:00:00Z",
        "--note",
        "before",
    ]);
    ran(backup.arg(room.source()).arg(&store), 0);
    let mut list = summary(hardsnap(["list"]).arg(&store));
    for snapshot in list["snapshots"].as_array_mut().unwrap() {
        // What is lacking depends on who runs this.
        snapshot.as_object_mut().unwrap().remove("lacks");
    }
    let source = fs::canonicalize(room.source()).unwrap();
    let snapshot = |name: &str, time: &str, note: Value, new_bytes: u64| {
        json!({
            "name": name, "time": time, "status": "complete", "held": false, "note": note,
            "sources": [source], "files": 2, "bytes": 3, "new_bytes": new_bytes,
        })
    };
    let expected = json!([
        snapshot(
            "2026-11-20T01-00-00Z",
            "2026-11-20T01:00:00Z",
            json!(null),
            3
        ),
        snapshot(
            "2026-11-21T01-00-00Z",
            "2026-11-21T01:00:00Z",
            json!("before"),
            0
        ),
    ]);
    assert_eq!(list["snapshots"], expected);
}

#[test]
fn a_prune_tells_what_is_kept_why_and_what_goes() {
    let room = Room::new();
    let store = room.store_with(&["2026-11-20T01:00:00Z", "2026-11-21T01:00:00Z"]);
    let plan = |arguments: &[&str]| {
        summary(
            hardsnap(["prune", "--keep-last", "1"])
                .args(arguments)
                .arg(&store),
        )
    };
    for (arguments, dry_run) in [(&["--dry-run"][..], true), (&[], false)] {
        let prune = plan(arguments);
        assert_eq!(prune["remove"], json!(["2026-11-20T01-00-00Z"]));
        assert_eq!(prune["keep"][0]["name"], "2026-11-21T01-00-00Z");
        assert_eq!(prune["keep"][0]["reasons"][0], "newest");
        assert_eq!(prune["dry_run"], dry_run);
    }
    assert_eq!(plan(&[])["remove"], json!([]));
}

#[test]
fn the_zone_of_a_store_is_the_systems_and_not_the_environments() {
    let room = Room::new();
    let zone = |name: &str, tz: &str| {
        summary(hardsnap(["init"]).arg(room.path(name)).env("TZ", tz))["zone"].clone()
    };
    assert_eq!(zone("a", "Asia/Tokyo"), zone("b", "America/St_Johns"));
    let mut init = hardsnap(["init", "--keep-daily", "7", "--keep-zone", "Europe/Berlin"]);
    let made = summary(init.arg(room.path("c")));
    assert_eq!(
        (&made["policy"], &made["zone"]),
        (&json!("7 daily"), &json!("Europe/Berlin"))
    );
}

#[test]
fn a_tree_sums_up_and_links_to_its_basis() {
    let room = Room::new();
    let first = summary(hardsnap(["tree"]).arg(room.source()).arg(room.path("t1")));
    assert_eq!(
        (&first["files_linked"], &first["files_copied"]),
        (&json!(0), &json!(2))
    );
    let mut second = hardsnap(["tree", "--link-dest"]);
    let second = summary(
        second
            .arg(room.path("t1"))
            .arg(room.source())
            .arg(room.path("t2")),
    );
    assert_eq!(
        (&second["files_linked"], &second["files_copied"]),
        (&json!(2), &json!(0))
    );
    let mut full = hardsnap(["tree"]);
    let refused = lines(full.arg(room.source()).arg(room.path("t1")), 1);
    assert_eq!(refused[0]["code"], "target_not_empty");
}

#[test]
fn a_failure_is_an_error_line_with_its_code() {
    let room = Room::new();
    let failed = lines(hardsnap(["list"]).arg(room.path("missing")), 10);
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["message_type"], "error");
    assert_eq!(failed[0]["code"], "not_a_store");
    assert_eq!(failed[0]["exit_code"], 10);
    assert_eq!(failed[0]["path"], json!(room.path("missing")));
    let usage = lines(hardsnap(["backup"]).arg(room.store()), 2);
    assert_eq!(usage[0]["code"], "usage");
}

#[test]
fn a_path_that_is_not_utf_8_comes_exactly_as_well() {
    let room = Room::new();
    let missing = room.source().join(OsStr::from_bytes(b"\xff"));
    let store = room.store_with(&[]);
    let failed = lines(hardsnap(["backup"]).arg(missing).arg(&store), 1);
    assert!(
        failed[0]["path"]
            .as_str()
            .unwrap()
            .ends_with("/source/\u{fffd}")
    );
    // The last three bytes of a path, if they begin a group of base64.
    let exact = failed[0]["path_base64"].as_str().unwrap();
    assert_eq!(exact.len() % 4, 0);

    let plain = lines(hardsnap(["backup", "-v"]).arg(room.source()).arg(&store), 0);
    assert!(
        plain.iter().all(|line| line.get("path_base64").is_none()),
        "{plain:?}"
    );
    let entries: Vec<&Value> = plain
        .iter()
        .filter(|line| line["message_type"] == "entry")
        .collect();
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| entry["outcome"] == "copied"));
}
