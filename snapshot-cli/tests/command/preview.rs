//! `retention preview`: instants or a schedule in, what is kept and why out.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::streams::{closed, full};
use super::{Room, hardsnap, ran, text};

/// The command, with these instants on stdin.
fn preview(room: &Room, stdin: &[u8], arguments: &[&str]) -> Command {
    let path = room.path("instants");
    fs::write(&path, stdin).unwrap();
    let mut command = hardsnap(["retention", "preview", "--keep-zone", "UTC"]);
    command.args(arguments).stdin(File::open(path).unwrap());
    command
}

/// The command, of imagined backups.
fn imagined(arguments: &[&str]) -> Command {
    let mut command = hardsnap(["retention", "preview", "--keep-zone", "UTC"]);
    command.args(arguments);
    command
}

#[track_caller]
fn summary(command: &mut Command) -> Value {
    let output = ran(command.arg("--json"), 0);
    assert_eq!(text(&output.stdout).lines().count(), 1);
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["message_type"], "summary");
    assert_eq!(summary["schema_version"], 1);
    summary
}

fn ids(list: &Value) -> Vec<Value> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| one["id"].clone()).collect()
}

const THREE: &[u8] = b"2026-03-03T02:00:00Z\r\n\n  2026-03-03T14:00:00+00:00\n\
                       2026-03-04T02:00:00+01:00";
const DAILY: [&str; 4] = [
    "--keep",
    "daily for 2 weeks",
    "--now",
    "2026-03-05T00:00:00Z",
];

#[test]
fn instants_on_stdin_are_named_by_their_line() {
    let room = Room::new();
    let plan = summary(&mut preview(&room, THREE, &DAILY));
    let expected = json!({
        "message_type": "summary",
        "schema_version": 1,
        "keep": [
            {"id": 0, "time": "2026-03-03T02:00:00Z", "reasons": [
                {"kind": "rule", "rule": "daily for 2 weeks", "every": "day",
                 "bucket": "2026-03-03", "rank": 1, "until": "2026-03-17T00:00:00Z"},
            ]},
            {"id": 3, "time": "2026-03-04T01:00:00Z", "reasons": [
                {"kind": "newest"},
                {"kind": "rule", "rule": "daily for 2 weeks", "every": "day",
                 "bucket": "2026-03-04", "rank": 0, "until": "2026-03-18T00:00:00Z"},
            ]},
        ],
        "remove": [
            {"id": 2, "time": "2026-03-03T14:00:00Z",
             "why": {"kind": "represented", "bucket": "2026-03-03", "represented_by": 0}},
        ],
    });
    assert_eq!(plan, expected);
}

#[test]
fn a_table_has_a_line_for_each_oldest_first() {
    let room = Room::new();
    let output = ran(&mut preview(&room, THREE, &DAILY), 0);
    let expected = "\
LINE  TIME                  PLAN    WHY
0     2026-03-03T02:00:00Z  keep    daily (first of 2026-03-03, until 2026-03-17)
2     2026-03-03T14:00:00Z  remove  2026-03-03 is represented by 0
3     2026-03-04T01:00:00Z  keep    newest; daily (first of 2026-03-04, until 2026-03-18)
2 of 3 kept by: daily for 2 weeks (in the days of UTC)
";
    assert_eq!(text(&output.stdout), expected);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_schedule_is_drawn_as_a_calendar() {
    let mut command = imagined(&[
        "--every",
        "day",
        "--from",
        "2026-01-28",
        "--to",
        "2026-03-03",
        "--keep",
        "3 daily, weekly for 2 weeks, all monthly",
    ]);
    let output = ran(&mut command, 0);
    let expected = "         \
         1       5         10        15        20        25        30
2026-01                                                        m . . .
2026-02  m . . . . . . . . . . . . . . . . . . . . . w . . . . .
2026-03  m w d

m monthly   w weekly   d daily   . removed
6 of 35 kept by: 3 daily, weekly for 2 weeks, all monthly (in the days of UTC)
";
    assert_eq!(text(&output.stdout), expected);

    let table = ran(command.arg("--table"), 0);
    let rows: Vec<&str> = text(&table.stdout).lines().collect();
    assert_eq!(rows.len(), 37);
    assert!(rows[1].starts_with("2026-01-28T00:00:00Z  keep    monthly (first of 2026-01"));
}

#[test]
fn days_are_those_of_the_zone_and_not_of_the_environment() {
    let bounds = [
        "--every",
        "12h",
        "--from",
        "2026-03-29",
        "--to",
        "2026-03-29",
    ];
    let times = |zone: &str| {
        let mut command = hardsnap(["retention", "preview", "--keep", "all", "--keep-zone", zone]);
        let plan = summary(command.args(bounds).env("TZ", "Asia/Tokyo"));
        ids(&plan["keep"])
    };
    // The day on which the clock is put forward has 23 hours.
    assert_eq!(
        times("Europe/Berlin"),
        ["2026-03-28T23:00:00Z", "2026-03-29T11:00:00Z"]
    );
    assert_eq!(
        times("UTC"),
        ["2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z"]
    );
    let default = |tz: &str| {
        let mut command = hardsnap(["retention", "preview"]);
        ran(command.args(bounds).env("TZ", tz), 0).stdout
    };
    assert_eq!(default("Asia/Tokyo"), default("America/St_Johns"));
}

#[test]
fn three_years_of_daily_backups_leave_73() {
    let plan = summary(&mut imagined(&[
        "--every",
        "day",
        "--from",
        "2022-10-02T12:30:00Z",
        "--to",
        "2025-10-02",
        "--keep",
        "daily for 2 weeks, weekly for 6 months, all monthly",
    ]));
    assert_eq!(plan["keep"].as_array().unwrap().len(), 73);
    assert_eq!(plan["remove"].as_array().unwrap().len(), 1097 - 73);
}

#[test]
fn what_is_imagined_later_than_now_is_left_out() {
    let arguments = [
        "--every",
        "day",
        "--from",
        "2026-01-01",
        "--to",
        "2026-01-31",
    ];
    let plan = summary(imagined(&arguments).args(["--now", "2026-01-03T12:00:00Z"]));
    assert_eq!(
        ids(&plan["keep"]),
        [
            "2026-01-01T00:00:00Z",
            "2026-01-02T00:00:00Z",
            "2026-01-03T00:00:00Z"
        ]
    );
}

#[test]
fn a_schedule_goes_on_where_a_store_is_now() {
    let room = Room::new();
    let store = room.store_with(&["2026-11-20T01:00:00Z", "2026-11-21T01:00:00Z"]);
    let before = fs::read_dir(&store).unwrap().count();
    let mut command = imagined(&["--every", "day", "--to", "2026-11-23", "--keep-last", "3"]);
    let plan = summary(command.arg("--store").arg(&store));
    assert_eq!(
        ids(&plan["keep"]),
        [
            "2026-11-21T01-00-00Z",
            "2026-11-22T01:00:00Z",
            "2026-11-23T01:00:00Z"
        ]
    );
    assert_eq!(ids(&plan["remove"]), ["2026-11-20T01-00-00Z"]);
    // Without a schedule, what is there; without options, by the store's policy.
    let mut command = hardsnap(["retention", "preview", "--now", "2026-11-22T00:00:00Z"]);
    let output = ran(command.arg("--store").arg(&store), 0);
    assert_eq!(text(&output.stdout).matches("  keep  ").count(), 2);
    assert!(text(&output.stdout).contains("all for 1 day, daily for 2 weeks"));
    assert_eq!(fs::read_dir(&store).unwrap().count(), before);
    let mut command = imagined(&["--store"]);
    ran(command.arg(room.path("missing")), 10);
}

#[test]
fn what_is_no_instant_is_named_with_its_line() {
    let room = Room::new();
    let cases: [(&[u8], &str); 5] = [
        (
            b"2026-03-03T02:00:00Z\n\nyesterday\n",
            "line 3: `yesterday` is no instant such as 2026-11-22T19:20:00Z",
        ),
        (b"2026-03-03", "line 1: `2026-03-03` is no instant"),
        (
            b"2026-02-30T00:00:00Z",
            "line 1: `2026-02-30T00:00:00Z` is no instant",
        ),
        (b"\xff\x1b[31m", "line 1: `\\x1b[31m` is no instant"),
        (&[b'0'; 100_000], "000…` is no instant"),
    ];
    for (stdin, message) in cases {
        let output = ran(&mut preview(&room, stdin, &[]), 1);
        assert_eq!(text(&output.stdout), "");
        let said = text(&output.stderr).replace('\u{fffd}', "");
        assert!(said.starts_with("hardsnap: stdin, line "), "{said}");
        assert!(said.contains(message), "{said}");
    }
    let failed = ran(&mut preview(&room, b"x", &["--json"]), 1);
    let line: Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert_eq!(
        (&line["code"], &line["exit_code"]),
        (&json!("invalid_input"), &json!(1))
    );
    let nothing = summary(&mut preview(&room, b"\n \n", &[]));
    assert_eq!(
        (&nothing["keep"], &nothing["remove"]),
        (&json!([]), &json!([]))
    );
}

#[test]
fn arguments_that_do_not_go_together_are_refused() {
    let bounds = ["--from", "2026-01-01", "--to", "2026-02-01"];
    let cases: &[&[&str]] = &[
        &["--every", "day"],
        &["--every", "day", "--to", "2026-02-01"],
        &bounds,
        &["--every", "m", bounds[0], bounds[1], bounds[2], bounds[3]],
        &["--every", "0d", bounds[0], bounds[1], bounds[2], bounds[3]],
        &["--every", "14", bounds[0], bounds[1], bounds[2], bounds[3]],
        &[
            "--every",
            "day",
            "--from",
            "2026-02-01",
            "--to",
            "2026-01-01",
        ],
        &["--every", "day", "--from", "2026-2-1", "--to", "2027-01-01"],
        &[
            "--every",
            "hour",
            "--from",
            "0000-01-01",
            "--to",
            "9999-01-01",
        ],
        &["--calendar", "--table"],
        &["--calendar", "--json"],
        &["--now", "2026-01-01"],
        &["--keep-daily", "3m"],
        &["--keep", "3 daily", "--keep-weekly", "3"],
        &["store"],
    ];
    for arguments in cases {
        let output = ran(imagined(arguments).stdin(Stdio::null()), 2);
        assert!(!output.stderr.is_empty(), "{arguments:?} says nothing");
    }
}

#[test]
fn a_rule_that_does_nothing_of_use_is_pointed_at() {
    let room = Room::new();
    let line = "daily for 1 month, weekly for 2 weeks";
    let message = "hardsnap: `weekly for 2 weeks` adds next to nothing: \
                   it reaches no farther back than `daily for 1 month`\n";
    let output = ran(&mut preview(&room, THREE, &["--keep", line]), 0);
    assert_eq!(text(&output.stderr), message);
    let mut init = hardsnap(["init", "--keep", line]);
    assert_eq!(text(&ran(init.arg(room.store()), 0).stderr), message);
}

#[test]
fn many_lines_meet_a_reader_that_is_gone_or_full() {
    let room = Room::new();
    let line = |second: u32| {
        let (minute, hour) = (second / 60 % 60, second / 3600 % 24);
        let day = second / 86_400 + 1;
        format!(
            "2026-01-{day:02}T{hour:02}:{minute:02}:{:02}Z\n",
            second % 60
        )
    };
    let instants: String = (0..50_000).map(line).collect();
    for arguments in [&[][..], &["--json"], &["--calendar"]] {
        let mut command = preview(&room, instants.as_bytes(), arguments);
        let output = ran(command.stdout(closed()), 0);
        assert_eq!(text(&output.stderr), "");
        let mut command = preview(&room, instants.as_bytes(), arguments);
        ran(command.stdout(full()), 1);
    }
    let plan = summary(&mut preview(
        &room,
        instants.as_bytes(),
        &["--keep", "last 7"],
    ));
    assert_eq!(ids(&plan["keep"]), (49_993..50_000).collect::<Vec<u64>>());
    assert_eq!(plan["remove"].as_array().unwrap().len(), 49_993);
}
