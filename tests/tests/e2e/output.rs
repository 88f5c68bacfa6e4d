//! What is printed, and that exit codes tell the truth whatever becomes of it.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use hardsnap_tests::{
    Scratch, StoreView, TreeImage, assert_same, has_ordinary_user, noon, snapshot_name,
};

use crate::trees::simple;

fn place() -> (Scratch, PathBuf, PathBuf) {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    (scratch, source, store)
}

#[test]
fn the_summary_of_a_backup_has_all_its_fields() {
    let (scratch, source, store) = place();
    let summary = scratch.snapshot(&source, &store, &noon(0)).summary();
    let numbers = [
        "files_linked",
        "files_copied",
        "files_moved",
        "bytes_linked",
        "bytes_copied",
        "directories",
        "symlinks",
        "specials",
        "excluded",
    ];
    for key in numbers {
        assert!(summary[key].is_u64(), "{key}: {summary}");
    }
    assert_eq!(summary["snapshot"], snapshot_name(&noon(0)));
    assert_eq!(summary["status"], "complete");
    for key in ["basis", "recycled", "prune_paused"] {
        assert!(
            summary.as_object().unwrap().contains_key(key) && summary[key].is_null(),
            "{key}: {summary}"
        );
    }
    for key in ["skipped", "removed_snapshots"] {
        assert_eq!(
            summary[key].as_array().unwrap().len(),
            0,
            "{key}: {summary}"
        );
    }
    assert!(
        summary["elapsed_seconds"].as_f64().unwrap() >= 0.0,
        "{summary}"
    );
}

#[test]
fn list_shows_each_snapshot_oldest_first() {
    let (scratch, source, store) = place();
    scratch.snapshot(&source, &store, &noon(0));
    fs::write(source.join("file"), b"changed!").unwrap();
    let command =
        scratch
            .hardsnap("backup")
            .args(["--note", "before the move", "--time", &noon(1)]);
    command.arg(&source).arg(&store).run().expect(0);
    let summary = scratch
        .hardsnap("list")
        .arg(&store)
        .json()
        .expect(0)
        .summary();
    let snapshots = summary["snapshots"].as_array().unwrap();
    assert_eq!(snapshots.len(), 2);
    for (day, snapshot) in (0..).zip(snapshots) {
        assert_eq!(snapshot["name"], snapshot_name(&noon(day)));
        assert_eq!(snapshot["time"], noon(day));
        assert_eq!(snapshot["status"], "complete");
        assert_eq!(snapshot["held"], false);
        assert_eq!(snapshot["sources"][0], source.to_str().unwrap());
        assert_eq!(snapshot["files"], 2);
        assert_eq!(
            snapshot["bytes"],
            12 + [7, 8][usize::try_from(day).unwrap()]
        );
        assert_eq!(
            snapshot["new_bytes"],
            [19, 8][usize::try_from(day).unwrap()]
        );
    }
    assert!(snapshots[0]["note"].is_null());
    assert_eq!(snapshots[1]["note"], "before the move");
    let text = scratch
        .hardsnap("list")
        .arg(&store)
        .run()
        .expect(0)
        .stdout();
    let positions = [0, 1].map(|day| text.find(&snapshot_name(&noon(day))).unwrap());
    assert!(positions[0] < positions[1], "{text}");
}

#[test]
fn an_empty_store_has_an_empty_list() {
    let (scratch, _, store) = place();
    scratch.hardsnap("init").arg(&store).run().expect(0);
    let summary = scratch
        .hardsnap("list")
        .arg(&store)
        .json()
        .expect(0)
        .summary();
    assert_eq!(summary["snapshots"].as_array().unwrap().len(), 0);
    scratch.hardsnap("list").arg(&store).run().expect(0);
    StoreView::new(&store).assert_tidy();
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    let (scratch, source, store) = place();
    // An ordinary user is told once that owners are not kept.
    scratch.snapshot(&source, &store, &noon(0));
    let backup = |option: &[&str]| {
        scratch
            .hardsnap("backup")
            .args(option)
            .arg(&source)
            .arg(&store)
            .run()
            .expect(0)
    };
    let outcome = backup(&["--quiet"]);
    assert_eq!(
        [outcome.stdout(), outcome.stderr()],
        [String::new(), String::new()]
    );
    let outcome = backup(&[]);
    // Without a terminal there is no bar and no colour.
    assert!(
        !outcome.stdout.contains(&b'\x1b') && !outcome.stdout.contains(&b'\r'),
        "{outcome}"
    );
    assert_eq!(outcome.stderr(), "");
}

#[test]
fn the_exit_code_is_right_when_stdout_is_full() {
    let (scratch, source, store) = place();
    let view = StoreView::new(&store);
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    for (day, options) in [(0, &["--json"][..]), (1, &["--verbose"]), (2, &[])] {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)])
            .args(options);
        let outcome = command.arg(&source).arg(&store).stdout_to(full()).run();
        // It was published, so no other code may be given.
        let outcome = outcome.expect(0);
        assert!(!outcome.stderr().contains("panicked"), "{outcome}");
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&noon(day)), &source),
        );
    }
    // The list that nobody got was not done.
    for options in [&["--json"][..], &[]] {
        let outcome = scratch
            .hardsnap("list")
            .arg(&store)
            .args(options)
            .stdout_to(full())
            .run()
            .expect(1);
        assert!(!outcome.stderr().contains("panicked"), "{outcome}");
    }
    view.assert_tidy();
}

#[test]
fn a_reader_that_goes_away_stops_no_backup() {
    let (scratch, source, store) = place();
    for (day, options) in [(0, &["--json"][..]), (1, &["--verbose"])] {
        let (reader, writer) = UnixStream::pair().unwrap();
        drop(reader);
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)])
            .args(options);
        let file = fs::File::from(std::os::fd::OwnedFd::from(writer));
        let outcome = command
            .arg(&source)
            .arg(&store)
            .stdout_to(file)
            .run()
            .expect(0);
        assert!(!outcome.stderr().contains("panicked"), "{outcome}");
    }
    StoreView::new(&store).assert_tidy();
}

#[test]
fn closed_streams_harm_nothing() {
    let (scratch, source, store) = place();
    let view = StoreView::new(&store);
    for (day, option) in [(0, "--json"), (1, "--verbose")] {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", option, "--time", &noon(day)]);
        // A file of the store opened as stdout would be written to.
        command
            .arg(&source)
            .arg(&store)
            .without_streams()
            .run()
            .expect(0);
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&noon(day)), &source),
        );
        fs::write(source.join("file"), b"changed").unwrap();
    }
    view.assert_tidy();
    scratch.hardsnap("list").arg(&store).json().expect(0);
}

#[test]
fn names_are_escaped_for_people_and_exact_for_programs() {
    if !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let name = b"\x1b[2Jcleared\nand \xff";
    let source = scratch
        .tree("source")
        .file(name, b"unreadable")
        .mode(0)
        .build();
    let store = scratch.ordinary_folder("store");
    let command = || {
        scratch
            .hardsnap("backup")
            .arg("--init")
            .arg(&source)
            .arg(&store)
            .as_ordinary_user()
    };
    let text = command().run().expect(3);
    for printed in [&text.stdout, &text.stderr] {
        assert!(!printed.contains(&b'\x1b'), "{text}");
        assert!(
            !printed
                .windows(8)
                .any(|part| part == b"\nand \xff\x0a\x0a" || part == b"cleared\n"),
            "{text}"
        );
    }
    assert!(
        text.stderr().contains("cleared"),
        "the entry is named: {text}"
    );
    let json = command().json().expect(3);
    assert_eq!(
        json.skipped(),
        [[source.as_os_str().as_encoded_bytes(), b"/", name].concat()]
    );
    let errors = json
        .messages()
        .into_iter()
        .filter(|message| message["message_type"] == "error");
    assert_eq!(errors.count(), 1);
}

#[test]
fn help_and_version_go_to_stdout() {
    let scratch = Scratch::new();
    for option in ["--help", "--version"] {
        let outcome = scratch.hardsnap(option).run().expect(0);
        assert!(outcome.stdout().contains("hardsnap"), "{outcome}");
        assert_eq!(outcome.stderr(), "");
    }
    let outcome = scratch.hardsnap("backup").arg("--help").run().expect(0);
    for option in [
        "--init",
        "--time",
        "--jobs",
        "--dry-run",
        "--no-prune",
        "--keep-daily",
        "--note",
        "--json",
    ] {
        assert!(outcome.stdout().contains(option), "{option}");
    }
}

#[test]
fn reasons_name_the_path_and_the_cause() {
    let (scratch, source, store) = place();
    let missing = scratch.join("no such place");
    scratch.hardsnap("init").arg(&store).run().expect(0);
    let outcome = scratch
        .hardsnap("backup")
        .arg(&missing)
        .arg(&store)
        .run()
        .expect(1);
    assert!(outcome.stderr().contains("no such place"), "{outcome}");
    let outcome = scratch
        .hardsnap("backup")
        .arg(&source)
        .arg(&missing)
        .run()
        .expect(10);
    assert!(outcome.stderr().contains("no such place"), "{outcome}");
    assert!(
        outcome.stderr().contains("--init") || outcome.stderr().contains("hardsnap init"),
        "{outcome}"
    );
}
