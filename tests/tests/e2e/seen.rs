//! What a person sees of `list`, `versions`, `find`, `du` and `diff`: times,
//! sizes, colours, and words that do not frighten.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use hardsnap_tests::{Scratch, hardsnap_binary, have, noon, skip, snapshot_name};

fn place() -> (Scratch, PathBuf, PathBuf) {
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("file", vec![b'x'; 3000])
        .build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    fs::write(source.join("file"), vec![b'y'; 3 << 20]).unwrap();
    scratch.snapshot(&source, &store, &noon(1));
    (scratch, source, store)
}

#[test]
fn times_are_those_of_the_clocks_here_beside_the_names_in_utc() {
    let (scratch, source, store) = place();
    let file = source.join("file");
    let name = snapshot_name(&noon(1));
    let day = noon(1)[..10].to_owned();
    for (command, word) in [
        ("list", None),
        ("du", None),
        ("versions", Some(file.as_path())),
        ("find", Some(Path::new("file"))),
    ] {
        for (zone, clock) in [
            ("Asia/Kathmandu", "17:45:00"),
            (":America/New_York", "07:00:00"),
        ] {
            let run = scratch.hardsnap(command).arg(&store).args(word);
            let run = run.within(["env", &format!("TZ={zone}")]).run().expect(0);
            let expected = format!("{name}  {day} {clock}");
            assert!(run.stdout().contains(&expected), "{command}: {run}");
        }
    }
}

#[test]
fn sizes_are_in_binary_units_and_columns_line_up() {
    let (scratch, source, store) = place();
    let file = source.join("file");
    for (command, word) in [
        ("list", None),
        ("versions", Some(file.as_path())),
        ("du", None),
    ] {
        let run = scratch.hardsnap(command).arg(&store).args(word);
        let text = run.run().expect(0).stdout();
        let ends: Vec<usize> = ["KiB", "MiB"]
            .into_iter()
            .filter_map(|unit| text.lines().find_map(|line| line.find(unit)))
            .collect();
        assert_eq!(ends.len(), 2, "{text}");
        assert_eq!(ends[0], ends[1], "{text}");
    }
    let diff = scratch.hardsnap("diff").arg(&store);
    let diff = diff.args(["latest~1", "latest"]).run().expect(0).stdout();
    assert!(diff.contains("(2.9 KiB -> 3.0 MiB, mtime)"), "{diff}");
}

#[test]
fn colours_are_for_terminals_alone() {
    if !have("script") {
        return skip("script, to have a terminal");
    }
    let (scratch, source, store) = place();
    let file = source.join("file");
    let questions = [
        "list \"$STORE\"",
        "du \"$STORE\"",
        "versions \"$STORE\" \"$FILE\"",
        "find \"$STORE\" file",
        "diff \"$STORE\" latest~1 latest",
        "diff \"$STORE\" latest~1 latest --patch \"$FILE\"",
    ];
    let ask = |question: &str, refusal: &str, term: &str| {
        let mut shell = Command::new("script");
        shell.args(["-qec", &format!("\"$BIN\" {question}"), "/dev/null"]);
        shell.env("STORE", &store).env("FILE", &file);
        shell.env("BIN", hardsnap_binary());
        shell.env("NO_COLOR", refusal).env("TERM", term);
        let outcome = shell.current_dir(scratch.path()).output().unwrap();
        let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
        assert!(outcome.status.success(), "{question}: {text}");
        text
    };
    for question in questions {
        let text = ask(question, "", "xterm");
        assert!(text.contains("\x1b["), "{question}: {text:?}");
        for (refusal, term) in [("1", "xterm"), ("", "dumb")] {
            let text = ask(question, refusal, term);
            assert!(!text.contains('\x1b'), "{question}: {text:?}");
        }
    }
    let list = scratch.hardsnap("list").arg(&store).run().expect(0);
    assert!(!list.stdout().contains('\x1b'), "{list}");
}

#[test]
fn du_names_what_the_next_prune_would_remove() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").file("file", b"first").build();
    let store = scratch.join("store");
    let init = scratch.hardsnap("init").args(["--keep-last", "1"]);
    init.arg(&store).run().expect(0);
    for day in 0..3 {
        fs::write(source.join("file"), format!("content of day {day}")).unwrap();
        let backup = scratch.hardsnap("backup").arg("--no-prune");
        let backup = backup.args(["--time", &noon(day)]);
        backup.arg(&source).arg(&store).run().expect(0);
    }
    let text = scratch.hardsnap("du").arg(&store).run().expect(0).stdout();
    let names = [0, 1].map(|day| snapshot_name(&noon(day))).join(", ");
    assert!(
        text.contains("the next prune would remove 2 snapshots and free ")
            && text.contains(&format!("\n    {names}\n"))
            && text.contains("may be kept as the spare"),
        "{text}"
    );
    // And nothing went.
    for day in 0..3 {
        assert!(store.join(snapshot_name(&noon(day))).exists());
    }
}

#[test]
fn du_tells_of_the_spare_that_a_deletion_takes_along() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").file("file", b"first").build();
    let store = scratch.join("store");
    let init = scratch.hardsnap("init").args(["--keep-last", "1"]);
    init.arg(&store).run().expect(0);
    for day in 0..2 {
        fs::write(source.join("file"), format!("content of day {day}")).unwrap();
        scratch.snapshot(&source, &store, &noon(day));
    }
    let spare = snapshot_name(&noon(0));
    let du = |words: &[&str]| scratch.hardsnap("du").arg(&store).args(words);
    if du(&[]).json().expect(0).summary()["spare"].is_null() {
        return skip("a disk on which a spare is kept");
    }
    let all = du(&[]).run().expect(0).stdout();
    assert!(all.contains(&format!("the expired {spare} ")), "{all}");
    assert!(!all.contains("`delete`"), "{all}");
    let some = du(&["latest"]).run().expect(0).stdout();
    assert!(some.contains(&format!("the expired {spare} ")), "{some}");
    assert!(some.ends_with("; `delete` removes it as well\n"), "{some}");
    let some = du(&["latest"]).json().expect(0).summary();
    assert_eq!(some["spare"]["name"], spare);
}

#[test]
fn where_a_symlink_points_to_is_told_of_both() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").symlink("link", "old").build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    fs::remove_file(source.join("link")).unwrap();
    symlink("new", source.join("link")).unwrap();
    scratch.snapshot(&source, &store, &noon(1));
    let diff = scratch.hardsnap("diff").arg(&store);
    let diff = diff.args(["latest~1", "latest"]).run().expect(0).stdout();
    let line = format!(
        "modified  {}  (to old -> new, mtime)\n",
        source.join("link").display()
    );
    assert!(diff.contains(&line), "{diff}");
    let versions = scratch.hardsnap("versions").arg(&store);
    let versions = versions.arg(source.join("link")).run().expect(0).stdout();
    assert!(
        versions.contains("\n    -> old\n") && versions.contains("\n    -> new\n"),
        "{versions}"
    );
}
