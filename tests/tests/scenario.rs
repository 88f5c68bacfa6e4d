//! One story, told by `tests/scenario/days.txt`, through every way to use
//! hardsnap: the same trees, the same plans, the same JSON.
//!
//! Rust and the command line are always there. HARDSNAP_SCENARIO names other
//! programs, `NAME=PROGRAM ARGUMENTS…` each, one a line. A program does one act
//! (`tests/scenario/README.md`) and prints its JSON.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use chrono::{DateTime, SecondsFormat, Utc};
use filetime::FileTime;
use hardsnap::json::Line;
use hardsnap::retention::Policy;
use hardsnap::{BackupOptions, CancelToken, Deletion, Error, InitOptions, Store};
use hardsnap_tests::{Scratch, TreeImage, assert_same, hardsnap_binary};
use serde_json::Value;

/// One act on a store.
struct Act<'a> {
    store: &'a Path,
    source: &'a Path,
    now: DateTime<Utc>,
    verb: &'a str,
    /// The rest of the line.
    words: &'a str,
}

/// What came of it: JSON, or the word for the error.
type Said = Result<Value, String>;

trait Teller {
    fn act(&self, act: &Act<'_>) -> Said;
}

struct Rust;

impl Teller for Rust {
    fn act(&self, act: &Act<'_>) -> Said {
        let done = rust(act);
        done.map_err(|error| error.kind().as_str().to_owned())
    }
}

fn rust(act: &Act<'_>) -> Result<Value, Error> {
    let none = CancelToken::new();
    if act.verb == "init" {
        let policy: Policy = act.words.parse().unwrap();
        Store::init(act.store, &InitOptions::new().policy(policy), &())?;
        return Ok(Value::Null);
    }
    let store = Store::open(act.store)?;
    let name = |text: &str| store.resolve(text).map(|snapshot| snapshot.name);
    Ok(match act.verb {
        "backup" => {
            let options = BackupOptions::new([act.source], act.now).time(act.now);
            json(store.backup(&options, &(), &none)?)
        }
        "plan" => json(store.plan_prune(None, act.now)?),
        "prune" => {
            let plan = store.plan_prune(None, act.now)?;
            json(store.prune(&plan, &(), &none)?)
        }
        "hold" => {
            let (snapshot, note) = act.words.split_once(' ').unwrap();
            json(store.hold(name(snapshot)?, Some(note))?.snapshot)
        }
        "release" => json(store.release(name(act.words)?)?.snapshot),
        "accept" => json(store.accept(name(act.words)?)?.snapshot),
        "delete" => {
            let names = [name(act.words)?];
            json(store.delete(&names, Deletion::SparingTheLast, &(), &none)?)
        }
        "list" => json(BTreeMap::from([("snapshots", store.snapshots()?)])),
        "find" => answers(store.catalog()?.find(act.words)?)?,
        "versions" => {
            let versions = store.catalog()?.versions(act.source.join(act.words))?;
            answers(versions.into_iter().map(Ok))?
        }
        "changes" => {
            let (a, b) = act.words.split_once(' ').unwrap();
            answers(store.catalog()?.changes(name(a)?, name(b)?)?)?
        }
        "sizes" => json(store.catalog()?.sizes(&[name(act.words)?])?),
        other => panic!("{other}: no such act"),
    })
}

fn answers<T: serde::Serialize>(
    told: impl Iterator<Item = Result<T, Error>>,
) -> Result<Value, Error> {
    let told = told.collect::<Result<Vec<T>, Error>>()?;
    Ok(json(BTreeMap::from([("answers", told)])))
}

fn json(body: impl serde::Serialize) -> Value {
    serde_json::to_value(Line::summary(body)).unwrap()
}

struct CommandLine;

impl Teller for CommandLine {
    fn act(&self, act: &Act<'_>) -> Said {
        let now = act.now.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut command = Command::new(hardsnap_binary());
        command.arg("--json");
        match act.verb {
            "init" => command
                .args(["init", "--keep-zone", "UTC", "--keep", act.words])
                .arg(act.store),
            "backup" => command
                .args(["backup", "--time", &now])
                .args([act.source, act.store]),
            "plan" => command
                .args(["prune", "--dry-run", "--now", &now])
                .arg(act.store),
            "prune" => command.args(["prune", "--now", &now]).arg(act.store),
            "hold" => {
                let (snapshot, note) = act.words.split_once(' ').unwrap();
                command
                    .arg("hold")
                    .arg(act.store)
                    .args([snapshot, "--note", note])
            }
            "delete" => command
                .args(["delete", "--yes"])
                .arg(act.store)
                .arg(act.words),
            "list" => command.arg("list").arg(act.store),
            "versions" => command
                .arg("versions")
                .arg(act.store)
                .arg(act.source.join(act.words)),
            "changes" => command
                .arg("diff")
                .arg(act.store)
                .args(act.words.split(' ')),
            "sizes" => command.arg("du").arg(act.store).arg(act.words),
            verb => command.arg(verb).arg(act.store).arg(act.words),
        };
        let lines = run(command)?;
        Ok(match act.verb {
            "find" | "versions" | "changes" => {
                let (_, answers) = lines.split_last().unwrap();
                serde_json::json!({ "answers": answers })
            }
            "sizes" => lines.last().unwrap()["together"].clone(),
            _ => lines.last().unwrap().clone(),
        })
    }
}

struct Program(Vec<String>);

impl Teller for Program {
    fn act(&self, act: &Act<'_>) -> Said {
        let mut command = Command::new(&self.0[0]);
        command
            .args(&self.0[1..])
            .arg(act.verb)
            .args([act.store, act.source])
            .arg(act.now.timestamp().to_string());
        let has_two = matches!(act.verb, "hold" | "changes");
        match act.words.split_once(' ').filter(|_| has_two) {
            Some((first, second)) => command.args([first, second]),
            None => command.arg(act.words),
        };
        Ok(run(command)?.remove(0))
    }
}

/// Runs a program and reads its lines. The last one is a summary, or an error
/// with a code.
fn run(mut command: Command) -> Result<Vec<Value>, String> {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |line| serde_json::from_str(line).unwrap();
    let lines: Vec<Value> = text.lines().map(line).collect();
    let last = lines.last().unwrap_or_else(|| {
        panic!(
            "{command:?} said nothing: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    match last["code"].as_str() {
        Some(code) => Err(code.to_owned()),
        None => Ok(lines),
    }
}

/// What one teller said, and what it left.
struct Told {
    lines: Vec<(String, Said)>,
    store: TreeImage,
}

/// Tells the story in a folder, which is the same for all of them: its path is
/// part of each snapshot.
fn tell(teller: &dyn Teller, folder: &Path) -> Told {
    let (store, source) = (folder.join("store"), folder.join("source"));
    fs::create_dir_all(&source).unwrap();
    let mut now = DateTime::UNIX_EPOCH;
    let mut lines = Vec::new();
    let story = include_str!("../scenario/days.txt");
    let steps = story
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in steps {
        let (fails, step) = match line.strip_prefix("fails ") {
            Some(rest) => rest
                .split_once(' ')
                .map(|(status, step)| (Some(status), step))
                .unwrap(),
            None => (None, line),
        };
        let (verb, words) = step.split_once(' ').unwrap_or((step, ""));
        if verb == "at" {
            now = words.parse().unwrap();
            continue;
        }
        if edit(&source, verb, words, now) {
            continue;
        }
        let act = Act {
            store: &store,
            source: &source,
            now,
            verb,
            words,
        };
        let said = teller.act(&act);
        match (&said, fails) {
            (Ok(_), None) => {}
            (Err(status), Some(expected)) => assert_eq!(status, expected, "{line}"),
            (Err(status), None) => panic!("{line}: failed: {status}"),
            (Ok(_), Some(_)) => panic!("{line}: was done"),
        }
        let said = said.map(|json| comparable(json, verb));
        lines.push((line.to_owned(), said));
    }
    let left = image(&store);
    fs::remove_dir_all(folder).unwrap();
    Told { lines, store: left }
}

/// All snapshots as one tree, so that what they share shows. The times of the
/// folders above the source are not the story's.
fn image(store: &Path) -> TreeImage {
    TreeImage::of(store)
        .without(".hardsnap")
        .map(|path, entry| {
            let is_in_source = path
                .windows(b"/source".len())
                .any(|part| part == b"/source");
            if !is_in_source {
                entry.mtime = (0, 0);
            }
        })
}

/// Edits the source; false if that is none.
fn edit(source: &Path, verb: &str, words: &str, now: DateTime<Utc>) -> bool {
    let (path, rest) = words.split_once(' ').unwrap_or((words, ""));
    let path = source.join(path);
    match verb {
        "mkdir" => fs::create_dir(&path).unwrap(),
        "write" => fs::write(&path, rest).unwrap(),
        "link" => fs::hard_link(&path, source.join(rest)).unwrap(),
        "rename" => fs::rename(&path, source.join(rest)).unwrap(),
        "symlink" => std::os::unix::fs::symlink(rest, &path).unwrap(),
        "remove" if path.is_dir() => fs::remove_dir_all(&path).unwrap(),
        "remove" => fs::remove_file(&path).unwrap(),
        _ => return false,
    }
    let time = FileTime::from_unix_time(now.timestamp(), 0);
    let new = matches!(verb, "link" | "rename").then(|| source.join(rest));
    for changed in [Some(path), new].into_iter().flatten() {
        if changed.symlink_metadata().is_ok() {
            filetime::set_symlink_file_times(&changed, time, time).unwrap();
        }
        let mut above = changed.parent();
        while let Some(folder) = above.filter(|folder| folder.starts_with(source)) {
            filetime::set_file_mtime(folder, time).unwrap();
            above = folder.parent();
        }
    }
    true
}

/// Leaves out what differs from run to run, and what only a command knows.
fn comparable(mut json: Value, verb: &str) -> Value {
    if verb == "init" {
        return Value::Null;
    }
    // The folders above the source are not the story's.
    if let Some(answers) = json.get_mut("answers").and_then(Value::as_array_mut) {
        answers.retain(|answer| answer["path"].as_str().unwrap().contains("/source"));
        answers.iter_mut().for_each(forget_inodes);
    }
    // Marks are told by what became of the snapshot.
    if matches!(verb, "hold" | "release" | "accept") {
        let fields = ["name", "snapshot", "status", "held", "note"];
        let name = [&json["name"], &json["snapshot"]]
            .into_iter()
            .find_map(Value::as_str)
            .map(str::to_owned);
        let object = json.as_object_mut().unwrap();
        object.retain(|key, _| fields.contains(&key.as_str()));
        object.remove("snapshot");
        object.insert("name".into(), name.into());
    }
    if let Some(object) = json.as_object_mut() {
        for key in [
            "elapsed_seconds",
            "dry_run",
            "message_type",
            "schema_version",
        ] {
            object.remove(key);
        }
        // The command tells the plan and what came of it in one; a plan alone
        // tells its pause by itself.
        match verb {
            "prune" => {
                for key in ["keep", "remove", "why"] {
                    object.remove(key);
                }
            }
            "plan" => {
                object.remove("prune_paused");
            }
            // The command tells what they are of.
            "sizes" => {
                object.remove("snapshots");
            }
            _ => {}
        }
    }
    json
}

/// Leaves out of an answer what hangs on the store that was made for it.
fn forget_inodes(answer: &mut Value) {
    if let Some(object) = answer.as_object_mut() {
        let of_a_line = ["message_type", "schema_version", "stored_inode"];
        // These the command line alone tells, for people.
        let of_the_command = ["appeared", "restore_command"];
        for key in of_a_line.iter().chain(&of_the_command) {
            object.remove(*key);
        }
        object.values_mut().for_each(forget_inodes);
    }
}

fn others() -> BTreeMap<String, Vec<String>> {
    let programs = std::env::var("HARDSNAP_SCENARIO").unwrap_or_default();
    let program = |line: &str| {
        let (name, command) = line.split_once('=').expect("NAME=PROGRAM");
        let words = command.split(' ').map(str::to_owned).collect();
        (name.to_owned(), words)
    };
    programs.lines().map(program).collect()
}

#[test]
fn every_way_to_use_it_gives_the_same_trees_plans_and_json() {
    let scratch = Scratch::new();
    let folder = scratch.join("story");
    let rust = tell(&Rust, &folder);
    assert!(rust.lines.len() > 20);
    let mut tellers: Vec<(String, Box<dyn Teller>)> =
        vec![("the command line".to_owned(), Box::new(CommandLine))];
    let others = others();
    for name in ["C", "Python"] {
        if !others.contains_key(name) {
            eprintln!("skipped: the scenario in {name}: HARDSNAP_SCENARIO names no program for it");
        }
    }
    tellers.extend(
        others
            .into_iter()
            .map(|(name, words)| (name, Box::new(Program(words)) as Box<dyn Teller>)),
    );
    for (name, teller) in tellers {
        let told = tell(teller.as_ref(), &folder);
        for ((line, expected), (_, said)) in rust.lines.iter().zip(&told.lines) {
            assert_eq!(said, expected, "{name}: {line}");
        }
        assert_eq!(told.lines.len(), rust.lines.len(), "{name}");
        assert_same(&rust.store, &told.store);
    }
    let inode = |path: &str| {
        let source = folder.join("source").join(path);
        let below = source.strip_prefix("/").unwrap().to_str().unwrap();
        ["2026-01-02", "2026-01-03"].map(|day| {
            let path = format!("{day}T02-00-00Z/{below}");
            rust.store.find(&path).map(|_| rust.store.inode(&path))
        })
    };
    let [second, third] = inode("docs/letter");
    assert!(second.is_none() || second == third);
    assert!(third.is_some());
}
