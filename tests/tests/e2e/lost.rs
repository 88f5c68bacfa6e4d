//! A catalog that is lost, or not what it was.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use hardsnap_tests::{
    Scratch, TreeBuilder, TreeImage, assert_same, assert_unchanged, assert_untouched, can_trace,
    noon, skip_unless, snapshot_name,
};
use rusqlite::Connection;

use crate::attributes::set;
use crate::catalog::{Agreement, Days, aged, edit_quietly, file, forget};

fn tree(scratch: &Scratch) -> TreeBuilder {
    let mut tree = scratch
        .tree("source")
        .file("changing", b"changing")
        .file("kept", b"kept")
        .xattr("user.a", b"1")
        .symlink("link", "kept");
    for number in 0..60 {
        tree = tree.file(format!("many/{number}"), format!("{number}"));
    }
    tree
}

/// Does harm to the catalog of a store with four snapshots: the next run notices,
/// says `reason`, and is right, and so is the one after, which has nothing to
/// say.
fn is_noticed(reason: &str, harm: impl Fn(&Days<'_>)) {
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, tree(&scratch).build());
    for round in 0..3 {
        fs::write(days.path("changing"), format!("round {round}")).unwrap();
        if round == 1 {
            fs::copy(file(&days.store), scratch.join("older")).unwrap();
        }
        days.next();
    }
    harm(&days);
    fs::write(days.path("changing"), b"after the harm").unwrap();
    set(&days.path("kept"), "user.a", b"2");
    let outcome = days.run(|command| command);
    assert_eq!(outcome.surprises(), ["catalog_unusable"], "{outcome}");
    let messages = outcome.warnings("message");
    assert!(
        messages.iter().any(|message| message.contains(reason)),
        "{outcome}"
    );
    assert_eq!(outcome.number("files_copied"), 2, "{outcome}");
    assert_eq!(outcome.number("files_linked"), 60, "{outcome}");
    let ledger = days.agreement.check_told();
    for name in ["changing", "kept"] {
        assert!(ledger.newest(&days.path(name)).blake3.is_some(), "{name}");
    }
    fs::write(days.path("changing"), b"some time after the harm").unwrap();
    let outcome = days.run(|command| command);
    assert_eq!(outcome.surprises(), [""; 0], "{outcome}");
    assert_eq!(outcome.number("files_copied"), 1, "{outcome}");
    days.view.assert_tidy();
}

#[test]
fn a_lost_catalog_is_noticed() {
    is_noticed("there is none", |days| forget(&days.store));
}

#[test]
fn an_emptied_catalog_is_noticed() {
    is_noticed("there is none", |days| {
        fs::write(file(&days.store), b"").unwrap();
    });
}

#[test]
fn an_older_catalog_is_noticed() {
    is_noticed(
        "it does not tell of the snapshot 2024-01-04T12-00-00Z",
        |days| {
            fs::copy(days.scratch.join("older"), file(&days.store)).unwrap();
        },
    );
}

#[test]
fn a_file_that_is_no_catalog_is_noticed() {
    is_noticed("file is not a database", |days| {
        fs::write(file(&days.store), vec![b'x'; 20_000]).unwrap();
    });
    is_noticed("it is no catalog", |days| {
        forget(&days.store);
        let other = Connection::open(file(&days.store)).unwrap();
        other
            .execute_batch("CREATE TABLE recipe (name TEXT)")
            .unwrap();
    });
}

#[test]
fn a_catalog_without_its_tables_is_noticed() {
    for table in ["store", "snapshot", "mount", "directory"] {
        is_noticed(&format!("no such table: {table}"), |days| {
            let catalog = Connection::open(file(&days.store)).unwrap();
            let drop = format!("DROP VIEW IF EXISTS version; DROP TABLE {table}");
            catalog.execute_batch(&drop).unwrap();
        });
    }
}

#[test]
fn the_catalog_of_another_store_is_noticed() {
    is_noticed("it is that of the store ", |days| {
        let other = days.scratch.join("other");
        days.scratch.snapshot(&days.source, &other, &noon(0));
        fs::copy(file(&other), file(&days.store)).unwrap();
    });
}

/// Puts the store into a directory of its own making: the numbers of the stored
/// inodes are learnt, and nothing else of the catalog is lost.
fn is_learnt(how: impl Fn(&Path, &Path)) {
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, tree(&scratch).build());
    for round in 0..2 {
        fs::rename(days.path("many"), days.path("more")).unwrap();
        fs::write(days.path("many"), format!("round {round}")).unwrap();
        days.next();
        fs::remove_file(days.path("many")).unwrap();
        fs::rename(days.path("more"), days.path("many")).unwrap();
        days.next();
    }
    let away = scratch.join("away");
    fs::rename(&days.store, &away).unwrap();
    how(&away, &days.store);
    days.agreement = Agreement::new(&days.store);
    // What only a ctime tells is seen all the same.
    edit_quietly(&days.path("kept"));
    let outcome = days.run(|command| command);
    assert_eq!(outcome.surprises(), ["store_moved"], "{outcome}");
    assert_eq!(outcome.number("files_copied"), 1, "{outcome}");
    assert_eq!(outcome.number("files_linked"), 61, "{outcome}");
    days.agreement.check();
    let outcome = days.next();
    assert_eq!(outcome.surprises(), [""; 0], "{outcome}");
    assert_eq!(outcome.number("files_linked"), 62, "{outcome}");
}

#[test]
fn a_store_in_another_directory_is_learnt_anew() {
    is_learnt(|from, to| {
        fs::create_dir(to).unwrap();
        for found in fs::read_dir(from).unwrap() {
            let path = found.unwrap().path();
            fs::rename(&path, to.join(path.file_name().unwrap())).unwrap();
        }
        fs::set_permissions(to, from.metadata().unwrap().permissions()).unwrap();
    });
}

#[test]
fn a_copied_store_is_learnt_anew() {
    is_learnt(|from, to| {
        let copied = Command::new("cp").arg("-a").args([from, to]).status();
        assert!(copied.unwrap().success());
    });
}

#[test]
fn a_store_that_was_copied_without_its_links_is_learnt_anew() {
    is_learnt(|from, to| {
        let options = "--archive --no-preserve=links".split(' ');
        let copied = Command::new("cp").args(options).args([from, to]).status();
        assert!(copied.unwrap().success());
    });
}

#[test]
fn a_newer_catalog_is_refused() {
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, tree(&scratch).build());
    days.next();
    let catalog = Connection::open(file(&days.store)).unwrap();
    catalog.pragma_update(None, "user_version", 2).unwrap();
    drop(catalog);
    let image = || TreeImage::of(&days.store).without(".hardsnap/lock");
    let before = image();
    let at = ["--time", &noon(9)];
    let backup = || scratch.hardsnap("backup").args(at).arg(&days.source);
    let commands = [
        backup().arg(&days.store),
        backup().arg("--dry-run").arg(&days.store),
        scratch
            .hardsnap("prune")
            .args(["--keep-last", "1"])
            .arg(&days.store),
        scratch
            .hardsnap("delete")
            .arg(&days.store)
            .args(["latest", "--yes"]),
    ];
    for command in commands {
        let outcome = command.run().expect(1);
        let stderr = outcome.stderr();
        assert!(
            stderr.contains("its schema is 2, and this version of hardsnap reads 1"),
            "{outcome}"
        );
        assert_unchanged(&before, &image());
    }
    // What does not need it goes on.
    scratch.hardsnap("list").arg(&days.store).run().expect(0);
}

/// Puts something in the place of the catalog that cannot be one: backups go on
/// without, say so each time, and do nothing to it.
fn is_left_alone(place: impl Fn(&Path)) {
    let scratch = Scratch::new();
    let days = Days::begin(&scratch, tree(&scratch).build());
    let catalog = file(&days.store);
    fs::remove_file(&catalog).unwrap();
    place(&catalog);
    let before = TreeImage::of(catalog.parent().unwrap()).at("catalog.db");
    for day in 7..9 {
        fs::write(days.path("changing"), format!("day {day}")).unwrap();
        let command = scratch.hardsnap("backup").args(["--time", &noon(day)]);
        let outcome = aged(command.arg(&days.source).arg(&days.store))
            .json()
            .expect(0);
        let codes = outcome.surprises();
        assert!(codes.contains(&"catalog_unusable".to_owned()), "{outcome}");
        assert_eq!(outcome.number("files_copied"), 1, "{outcome}");
        days.view.assert_tidy();
        let made = days.view.image(&snapshot_name(&noon(day)), &days.source);
        assert_same(&TreeImage::of(&days.source), &made);
        days.canary.assert_untouched();
        assert_untouched(
            &before,
            &TreeImage::of(catalog.parent().unwrap()).at("catalog.db"),
        );
    }
}

#[test]
fn a_directory_in_the_place_of_the_catalog_is_left_alone() {
    is_left_alone(|catalog| fs::create_dir(catalog).unwrap());
}

#[test]
fn a_symlink_in_the_place_of_the_catalog_is_not_followed() {
    is_left_alone(|catalog| {
        let canary = catalog.join("../../../canary/secret");
        symlink(canary, catalog).unwrap();
    });
}

/// Kills a run between the publication of its snapshot and the catalog's being
/// told, does harm, and checks the next two runs. Gives what the first of them
/// says of the catalog.
fn after_a_kill(harm: impl Fn(&Days<'_>)) -> Vec<String> {
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, tree(&scratch).build());
    fs::copy(file(&days.store), scratch.join("older")).unwrap();
    fs::write(days.path("changing"), b"before the kill").unwrap();
    days.next();
    fs::rename(days.path("many"), days.path("more")).unwrap();
    // Where `latest` is made anew.
    let command = scratch.hardsnap("backup").args(["--time", &noon(days.day)]);
    let command = command.arg(&days.source).arg(&days.store);
    let outcome = command.injecting("symlinkat:signal=KILL:when=1").run();
    assert_ne!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(days.view.names().len(), 3);
    assert!(days.store.join(CHANGES).exists());
    days.day += 1;
    harm(&days);
    fs::write(days.path("changing"), b"after the kill").unwrap();
    let outcome = days.run(|command| command);
    assert_eq!(outcome.number("files_copied"), 1, "{outcome}");
    let codes = outcome.surprises().into_iter();
    let said = codes.filter(|code| code.starts_with("catalog")).collect();
    assert!(!days.store.join(CHANGES).exists());
    let outcome = days.run(|command| command);
    assert_eq!(outcome.surprises(), [""; 0], "{outcome}");
    assert_eq!(outcome.number("files_linked"), 62, "{outcome}");
    said
}

const CHANGES: &str = ".hardsnap/catalog.changes";

fn may_trace() -> bool {
    skip_unless(can_trace(), "strace is not there, or may not trace")
}

#[test]
fn what_a_killed_run_left_for_the_catalog_gets_into_it() {
    if may_trace() {
        assert_eq!(after_a_kill(|_| {}), [""; 0]);
    }
}

#[test]
fn what_a_killed_run_left_gets_into_no_other_catalog() {
    if !may_trace() {
        return;
    }
    let lost = after_a_kill(|days| forget(&days.store));
    assert_eq!(lost, ["catalog_unusable"]);
    let older = after_a_kill(|days| {
        fs::copy(days.scratch.join("older"), file(&days.store)).unwrap();
    });
    assert_eq!(older, ["catalog_unusable"]);
    let damaged = after_a_kill(|days| fs::write(file(&days.store), b"damaged").unwrap());
    assert_eq!(damaged, ["catalog_unusable"]);
}

#[test]
fn what_a_killed_run_left_is_of_no_use_if_it_is_damaged() {
    if !may_trace() {
        return;
    }
    let harms: [fn(&mut Vec<u8>); 6] = [
        |bytes| bytes.clear(),
        |bytes| bytes.truncate(bytes.len() - 1),
        |bytes| bytes[20] ^= 1,
        |bytes| bytes[4105] ^= 1,
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        |bytes| bytes.push(0),
    ];
    for harm in harms {
        let said = after_a_kill(|days| {
            let mut bytes = fs::read(days.store.join(CHANGES)).unwrap();
            harm(&mut bytes);
            fs::write(days.store.join(CHANGES), bytes).unwrap();
        });
        assert_eq!(said, ["catalog_unusable"]);
    }
}
