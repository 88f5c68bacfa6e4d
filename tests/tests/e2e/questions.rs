//! Questions about the snapshots: `diff`, `versions`, `find` and `du`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use hardsnap_tests::{
    Clock, Edit, Outcome, Scratch, StoreView, TreeImage, apply, cases, day_of_edits,
    hardsnap_binary, is_root, noon, snapshot_name,
};
use proptest::prelude::proptest;
use serde_json::Value;
use walkdir::WalkDir;

use crate::trees::{AWKWARD, history, names_of, simple};

fn ask(scratch: &Scratch, command: &str, store: &Path, words: &[&str]) -> Outcome {
    let command = scratch.hardsnap(command).arg(store).args(words);
    command.json().expect(0)
}

/// The lines of a type.
fn lines(outcome: &Outcome, message_type: &str) -> Vec<Value> {
    let mut messages = outcome.messages();
    messages.retain(|message| message["message_type"] == message_type);
    messages
}

/// The text that a person gets.
fn told(scratch: &Scratch, command: &str, store: &Path, words: &[&str]) -> String {
    let command = scratch.hardsnap(command).arg(store).args(words);
    command.run().expect(0).stdout()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    let text = value[key].as_str();
    text.unwrap_or_else(|| panic!("no text {key}: {value}"))
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn answers_about_random_days_are_those_of_the_trees(days in proptest::collection::vec(day_of_edits(), 4)) {
        random_days(&days);
    }
}

fn random_days(days: &[Vec<Edit>]) {
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("a", b"first")
        .file("b/a", vec![b'2'; 5000])
        .hard_link("b/c/a", "a")
        .file("b/c/longer name.txt", b"third")
        .symlink("b/-dash", "a")
        .file("d/e/f/g", b"fourth")
        .build();
    let store = scratch.join("store");
    scratch.hardsnap("init").arg(&store).run().expect(0);
    let view = StoreView::new(&store);
    let mut clock = Clock::default();
    let mut images = Vec::new();
    for (day, edits) in (0..).zip(days) {
        edits
            .iter()
            .for_each(|edit| apply(edit, &source, &mut clock));
        let command = scratch
            .hardsnap("backup")
            .args(["--no-prune", "--time", &noon(day)]);
        let outcome = command.arg(&source).arg(&store).json();
        if outcome.code() == Some(4) {
            let accept = scratch.hardsnap("accept").arg(&store);
            accept.arg(outcome.text("snapshot")).run().expect(0);
        } else {
            outcome.expect(0);
        }
        images.push(view.image(&snapshot_name(&noon(day)), &source));
    }
    let names = names_of(0..images.len() as u64);
    for (a, before) in names.iter().zip(&images) {
        for (b, after) in names.iter().zip(&images) {
            let diff = ask(&scratch, "diff", &store, &[a, b]);
            check_changes(&diff, &source, before, after);
        }
    }
    let sets: [&[usize]; 6] = [&[0], &[1], &[3], &[0, 1], &[1, 3], &[0, 1, 2, 3]];
    for set in sets {
        let set: Vec<&str> = set.iter().map(|place| names[*place].as_str()).collect();
        let du = ask(&scratch, "du", &store, &set).summary();
        let expected = freed(&store, &names, &set);
        assert_eq!(du["together"]["freed_bytes"], expected, "{set:?}: {du}");
    }
}

/// Compares what `diff` says with two trees.
fn check_changes(diff: &Outcome, source: &Path, before: &TreeImage, after: &TreeImage) {
    let entries = |image: &TreeImage| -> BTreeMap<PathBuf, _> {
        let path = |path: Vec<u8>| source.join(String::from_utf8(path).unwrap());
        let entries = image.entries();
        entries
            .map(|(name, entry)| (path(name), entry.clone()))
            .collect()
    };
    let (old, new) = (entries(before), entries(after));
    let (mut gone, mut come) = (BTreeSet::new(), BTreeSet::new());
    let mut altered = BTreeMap::new();
    let mut last = PathBuf::new();
    for change in lines(diff, "change") {
        let path = PathBuf::from(text(&change, "path"));
        assert!(
            last < path,
            "{} comes before {}",
            last.display(),
            path.display()
        );
        last.clone_from(&path);
        // Directories above the source, and the source itself, have times too.
        if path == source || !path.starts_with(source) {
            continue;
        }
        match text(&change, "change") {
            "added" => assert!(come.insert(path)),
            "removed" => assert!(gone.insert(path)),
            "moved" => {
                let from = PathBuf::from(text(&change, "from"));
                if change["differs"].as_array().unwrap().is_empty() {
                    assert_eq!(old[&from], new[&path], "{diff}");
                }
                assert!(gone.insert(from) && come.insert(path), "{diff}");
            }
            kind => drop(altered.insert(path, kind.to_owned())),
        }
    }
    let only = |one: &BTreeMap<PathBuf, _>, other: &BTreeMap<PathBuf, _>| -> BTreeSet<PathBuf> {
        one.keys()
            .filter(|path| !other.contains_key(*path))
            .cloned()
            .collect()
    };
    assert_eq!(gone, only(&old, &new), "{diff}");
    assert_eq!(come, only(&new, &old), "{diff}");
    for (path, before) in &old {
        let Some(after) = new.get(path) else {
            continue;
        };
        let content = |entry: &hardsnap_tests::Entry| {
            (entry.kind, entry.content, entry.target.clone(), entry.rdev)
        };
        let expected = if content(before) != content(after) {
            Some("modified")
        } else if before != after {
            Some("metadata")
        } else {
            None
        };
        let found = altered.get(path).map(String::as_str);
        assert_eq!(found, expected, "{}: {diff}", path.display());
    }
}

/// What only snapshots of a set have, in the blocks that it takes.
fn freed(store: &Path, names: &[String], set: &[&str]) -> u64 {
    let mut taken: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
    for name in names {
        for entry in WalkDir::new(store.join(name)) {
            let found = entry.unwrap().path().symlink_metadata().unwrap();
            let (_, is_kept) = taken
                .entry(found.ino())
                .or_insert((found.blocks() * 512, false));
            *is_kept |= !set.contains(&name.as_str());
        }
    }
    let freed = taken.values().filter(|(_, is_kept)| !is_kept);
    freed.map(|(bytes, _)| bytes).sum()
}

#[test]
fn a_difference_is_told_a_line_an_entry_and_then_summed_up() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    fs::write(source.join("file"), "other content").unwrap();
    fs::set_permissions(
        source.join("directory/other"),
        PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    fs::rename(source.join("directory"), source.join("folder")).unwrap();
    fs::remove_file(source.join("link")).unwrap();
    fs::create_dir(source.join("new")).unwrap();
    scratch.snapshot(&source, &store, &noon(1));
    let outcome = ask(&scratch, "diff", &store, &["latest~1", "latest"]);
    let path = |name: &str| source.join(name).to_str().unwrap().to_owned();
    let told_of = |name: &str| {
        let changes = lines(&outcome, "change");
        let found = changes
            .into_iter()
            .find(|change| change["path"] == path(name).as_str());
        found.unwrap_or_else(|| panic!("{name}: {outcome}"))
    };
    let file = told_of("file");
    assert_eq!(file["change"], "modified");
    assert_eq!(file["differs"], serde_json::json!(["content", "mtime"]));
    assert_eq!(
        (&file["before"]["bytes"], &file["after"]["bytes"]),
        (&7.into(), &13.into())
    );
    assert_eq!(file["after"]["kind"], "file");
    assert_eq!(text(&file["after"], "blake3").len(), 64);
    let folder = told_of("folder");
    assert_eq!(
        (text(&folder, "change"), text(&folder, "from")),
        ("moved", &*path("directory"))
    );
    let other = told_of("folder/other");
    assert_eq!(
        (text(&other, "change"), text(&other, "from")),
        ("moved", &*path("directory/other"))
    );
    assert_eq!(other["differs"], serde_json::json!(["mode"]));
    assert_eq!(other["after"]["mode"], "0600");
    let link = told_of("link");
    assert_eq!(
        (text(&link, "change"), &link["after"]),
        ("removed", &Value::Null)
    );
    assert_eq!(
        (text(&link["before"], "target"), &link["from"]),
        ("directory/other", &Value::Null)
    );
    assert_eq!(told_of("new")["change"], "added");
    let summary = outcome.summary();
    let numbers = ["added", "removed", "modified", "moved"].map(|key| summary[key].as_u64());
    assert_eq!(numbers, [1, 1, 1, 2].map(Some));
    assert_eq!(summary["before"], snapshot_name(&noon(0)));
    assert_eq!(summary["after"], snapshot_name(&noon(1)));

    let lines = told(&scratch, "diff", &store, &["latest~1", "latest"]);
    let expected = [
        format!("modified  {}  (7 B -> 13 B, mtime)", path("file")),
        format!(
            "moved     {}/  (from {}/)",
            path("folder"),
            path("directory")
        ),
        format!(
            "moved     {}  (from {}, mode 0644 -> 0600)",
            path("folder/other"),
            path("directory/other")
        ),
        format!("removed   {}", path("link")),
        format!("added     {}/", path("new")),
    ];
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
    let all = told(&scratch, "diff", &store, &["latest~1", "latest", "-v"]);
    assert!(
        all.contains(&format!("metadata  {}/  (mtime)\n", source.display())),
        "{all}"
    );
    assert!(all.ends_with(" moved\n"), "{all}");
    let same = ask(&scratch, "diff", &store, &["latest", "latest"]);
    assert_eq!(same.messages().len(), 1);
}

#[test]
fn a_path_has_its_versions_oldest_first() {
    let scratch = Scratch::new();
    let (source, store) = history(&scratch, 5);
    let file = source.join("file");
    fs::write(&file, "nearly the last").unwrap();
    scratch.snapshot(&source, &store, &noon(5));
    scratch.snapshot(&source, &store, &noon(6));
    fs::remove_file(&file).unwrap();
    scratch.snapshot(&source, &store, &noon(7));
    // Relative paths start where the command does.
    for path in [
        file.to_str().unwrap(),
        "source/file",
        "./source/../source//file",
    ] {
        let outcome = ask(&scratch, "versions", &store, &[path]);
        let versions = lines(&outcome, "version");
        assert_eq!(versions.len(), 6, "{outcome}");
        assert_eq!(outcome.text("path"), file.to_str().unwrap());
        assert_eq!(outcome.number("versions"), 6);
        let last = &versions[5];
        assert_eq!(
            (last["bytes"].as_u64(), last["snapshots"].as_u64()),
            (Some(15), Some(2))
        );
        assert_eq!(text(last, "first"), snapshot_name(&noon(5)));
        assert_eq!(text(last, "last"), snapshot_name(&noon(6)));
    }
    let table = told(&scratch, "versions", &store, &["source/file"]);
    // A line of heads, then two lines a version.
    assert_eq!(table.lines().count(), 13, "{table}");
    let line = table.lines().nth_back(1).unwrap();
    assert!(line.starts_with(&snapshot_name(&noon(5))), "{line}");
    assert!(line.contains("-rw-") && line.contains("15 B"), "{line}");
    let all = told(&scratch, "versions", &store, &["source/file", "-v"]);
    let copy = all.lines().nth_back(1).unwrap().trim();
    assert_eq!(fs::read(copy).unwrap(), b"nearly the last", "{all}");

    let missing = scratch.hardsnap("versions").arg(&store).arg("source/fil");
    let missing = missing.json().expect(1);
    assert_eq!(missing.messages()[0]["code"], "not_found", "{missing}");
    assert_eq!(
        missing.messages()[0]["path"],
        source.join("fil").to_str().unwrap()
    );
}

#[test]
fn the_command_that_is_told_of_a_version_brings_it_back() {
    let scratch = Scratch::new();
    let mut tree = scratch.tree("it's a source").symlink("link", "$HOME");
    for name in AWKWARD {
        tree = tree.file(name, b"first");
    }
    let source = tree.build();
    let store = scratch.join("the $store");
    scratch.snapshot(&source, &store, &noon(0));
    for name in AWKWARD {
        fs::write(source.join(OsStr::from_bytes(name)), "second, longer").unwrap();
    }
    scratch.snapshot(&source, &store, &noon(1));
    for (number, name) in AWKWARD.iter().enumerate() {
        let path = source.join(OsStr::from_bytes(name));
        let asked = scratch.hardsnap("versions").arg(&store).arg(&path).json();
        let versions = lines(&asked.expect(0), "version");
        let contents = ["first", "second, longer"];
        assert_eq!(versions.len(), contents.len(), "{}", path.display());
        for (version, content) in versions.iter().zip(contents) {
            let directory = format!("back {number} {}", content.len());
            let back = follow(&scratch, text(version, "restore_command"), &directory);
            let below = path.strip_prefix("/").unwrap();
            assert_eq!(fs::read_to_string(back.join(below)).unwrap(), content);
        }
    }
    let asked = ask(
        &scratch,
        "versions",
        &store,
        &[source.join("link").to_str().unwrap()],
    );
    let version = &lines(&asked, "version")[0];
    assert_eq!(version["appeared"], noon(0));
    let back = follow(&scratch, text(version, "restore_command"), "link back");
    let link = back.join(source.strip_prefix("/").unwrap()).join("link");
    assert_eq!(fs::read_link(link).unwrap(), Path::new("$HOME"));
}

/// Lets a shell do what a command that was printed says, with a directory in
/// the place of `DIR`.
fn follow(scratch: &Scratch, command: &str, directory: &str) -> PathBuf {
    let words = command.strip_prefix("hardsnap restore ").unwrap();
    let words = words.strip_suffix("--to DIR").unwrap();
    let program = hardsnap_binary();
    let script = format!("exec \"$0\" restore {words} --to \"$1\"");
    let back = scratch.join(directory);
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(script).arg(program).arg(&back);
    let outcome = shell.output().unwrap();
    let code = outcome.status.code();
    // An ordinary user cannot give away the directories above.
    let is_done = code == Some(0) || (code == Some(3) && !is_root());
    assert!(is_done, "{command}: {outcome:?}");
    back
}

#[test]
fn a_symlink_on_the_way_leads_to_where_the_versions_are() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .symlink("way", "directory")
        .build();
    let store = scratch.join("store");
    symlink(&source, scratch.join("entrance")).unwrap();
    scratch.snapshot(&source, &store, &noon(0));
    for (given, found) in [
        ("entrance/file", "file"),
        ("entrance/way/other", "directory/other"),
        // It has versions itself.
        ("source/way", "way"),
    ] {
        let outcome = ask(&scratch, "versions", &store, &[given]);
        assert_eq!(outcome.text("path"), source.join(found).to_str().unwrap());
    }
    let way = ask(&scratch, "versions", &store, &["source/way"]);
    assert_eq!(text(&lines(&way, "version")[0], "target"), "directory");
}

#[test]
fn what_is_looked_for_is_found_in_every_snapshot_that_has_it() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    fs::rename(source.join("directory/other"), source.join("other.txt")).unwrap();
    scratch.snapshot(&source, &store, &noon(1));
    scratch.snapshot(&source, &store, &noon(2));
    let found = |pattern: &str| -> Vec<(String, u64)> {
        let outcome = ask(&scratch, "find", &store, &[pattern]);
        let found = lines(&outcome, "found");
        assert_eq!(outcome.number("found"), found.len() as u64);
        let found = found.iter().map(|found| {
            let path = Path::new(text(found, "path"))
                .strip_prefix(&source)
                .unwrap();
            (
                path.to_str().unwrap().to_owned(),
                found["snapshots"].as_u64().unwrap(),
            )
        });
        found.collect()
    };
    let one = |path: &str, snapshots| vec![(path.to_owned(), snapshots)];
    assert_eq!(found("other"), one("directory/other", 1));
    assert_eq!(found("*.txt"), one("other.txt", 2));
    assert_eq!(found("directory/"), one("directory", 3));
    assert_eq!(found("nothing"), []);
    let whole = format!("{}/*/other", source.display());
    assert_eq!(found(&whole), one("directory/other", 1));
    let all = format!("{}/**", source.display());
    let paths: Vec<String> = found(&all).into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        ["directory", "directory/other", "file", "link", "other.txt"]
    );
    let table = told(&scratch, "find", &store, &["other*"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    let place = lines[0].find("PATH").unwrap();
    assert_eq!(
        lines[2][place..],
        *source.join("other.txt").to_str().unwrap()
    );
    assert!(told(&scratch, "find", &store, &["nothing"]).is_empty());
}

#[test]
fn names_that_break_careless_programs_are_found_and_told_exactly() {
    let scratch = Scratch::new();
    let mut tree = scratch.tree("source");
    for name in AWKWARD {
        tree = tree.file(name, b"x");
    }
    let source = tree.build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    let pattern = format!("{}/*", source.display());
    let outcome = ask(&scratch, "find", &store, &[&pattern]);
    assert_eq!(lines(&outcome, "found").len(), AWKWARD.len());
    assert_eq!(outcome.stdout().matches("path_base64").count(), 1);
    let text = told(&scratch, "find", &store, &[&pattern]);
    assert_eq!(text.lines().count(), AWKWARD.len() + 1);
    assert!(
        !text.contains('\x1b') && text.contains("\\x1b[31mred"),
        "{text}"
    );
    assert!(text.contains("\\xff\\xfe not UTF-8"), "{text}");
    for name in AWKWARD {
        let path = source.join(OsStr::from_bytes(name));
        let command = scratch.hardsnap("versions").arg(&store).arg(path);
        command.json().expect(0);
    }
}

#[test]
fn du_tells_what_each_snapshot_alone_holds_and_what_the_next_prune_would_free() {
    let scratch = Scratch::new();
    let (_, store) = history(&scratch, 4);
    let names = names_of(0..4);
    let summary = ask(&scratch, "du", &store, &[]).summary();
    let alone = summary["snapshots"].as_array().unwrap();
    assert_eq!(alone.len(), 4);
    for (name, alone) in names.iter().zip(alone) {
        assert_eq!(text(alone, "name"), name);
        let bytes = freed(&store, &names, &[name]);
        assert_eq!(alone["freed_bytes"], bytes, "{summary}");
        assert_eq!(alone["files"], 1, "{summary}");
    }
    assert_eq!(summary["together"], Value::Null);
    // The default policy keeps one a day.
    assert_eq!(summary["next_prune"]["snapshots"], serde_json::json!([]));
    let text = told(&scratch, "du", &store, &[]);
    assert_eq!(text.lines().count(), 6, "{text}");
    assert!(
        text.ends_with("the next prune would remove nothing\n"),
        "{text}"
    );
    let both = ask(&scratch, "du", &store, &["latest", "latest~1", "latest"]).summary();
    let bytes = freed(&store, &names, &[&names[2], &names[3]]);
    assert_eq!(both["together"]["freed_bytes"], bytes, "{both}");
    assert_eq!(both["next_prune"], Value::Null);
    let text = told(&scratch, "du", &store, &["latest", "latest~1"]);
    assert!(text.contains("deleting 2 snapshots would free "), "{text}");
}

#[test]
fn an_empty_store_holds_nothing() {
    let scratch = Scratch::new();
    let store = scratch.join("store");
    scratch.hardsnap("init").arg(&store).run().expect(0);
    assert_eq!(told(&scratch, "du", &store, &[]), "no snapshots\n");
    let summary = ask(&scratch, "du", &store, &[]).summary();
    assert_eq!(summary["snapshots"], serde_json::json!([]));
}

#[test]
fn questions_that_have_no_answer_are_told_why() {
    let scratch = Scratch::new();
    let (source, store) = history(&scratch, 2);
    let questions: [(&str, &[&str]); 4] = [
        ("diff", &["latest~1", "latest"]),
        ("versions", &["source/file"]),
        ("find", &["file"]),
        ("du", &[]),
    ];
    let codes = |store: &Path, code: i32, word: &str| {
        for (command, words) in questions {
            let command = scratch.hardsnap(command).arg(store).args(words);
            let outcome = command.json().expect(code);
            assert_eq!(outcome.messages()[0]["code"], word, "{outcome}");
            assert_eq!(outcome.messages()[0]["exit_code"], code, "{outcome}");
        }
    };
    codes(&source, 10, "not_a_store");
    let catalog = store.join(".hardsnap/catalog.db");
    let good = fs::read(&catalog).unwrap();
    fs::write(&catalog, "nothing of the kind, and more of it").unwrap();
    codes(&store, 1, "catalog_unusable");
    fs::remove_file(&catalog).unwrap();
    codes(&store, 1, "catalog_unusable");
    let text = scratch
        .hardsnap("find")
        .arg(&store)
        .arg("file")
        .run()
        .expect(1);
    assert!(text.stderr().contains("hardsnap reindex STORE"), "{text}");
    fs::write(&catalog, good).unwrap();
    for (code, command, words) in [
        (1, "diff", &["latest", "1999"][..]),
        (1, "du", &["latest~9"]),
        (2, "diff", &["latest"]),
        (2, "versions", &[]),
        (2, "find", &["a//b"]),
        (2, "find", &["["]),
        (2, "find", &["../a"]),
    ] {
        let command = scratch.hardsnap(command).arg(&store).args(words);
        command.run().expect(code);
    }
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let unheard = scratch.hardsnap("find").arg(&store).arg("file");
    unheard.stdout_to(full).run().expect(1);
}

#[test]
fn snapshots_that_the_catalog_does_not_tell_of_are_named() {
    let scratch = Scratch::new();
    let (source, store) = history(&scratch, 1);
    fs::remove_file(store.join(".hardsnap/catalog.db")).unwrap();
    scratch.snapshot(&source, &store, &noon(1));
    let oldest = snapshot_name(&noon(0));
    let find = ask(&scratch, "find", &store, &["file"]);
    assert_eq!(
        find.summary()["unknown_snapshots"],
        serde_json::json!([oldest])
    );
    let text = scratch.hardsnap("versions").arg(&store).arg("source/file");
    let text = text.run().expect(0);
    assert!(text.stderr().contains(&oldest), "{text}");
    assert!(text.stderr().contains("hardsnap reindex STORE"), "{text}");
    // What they share is not known.
    let du = scratch.hardsnap("du").arg(&store).json().expect(1);
    assert_eq!(du.messages()[0]["code"], "catalog_unusable", "{du}");
    let diff = scratch
        .hardsnap("diff")
        .arg(&store)
        .args([&oldest, "latest"]);
    assert_eq!(
        diff.json().expect(1).messages()[0]["code"],
        "catalog_unusable"
    );
}
