//! Options that matter to a tree that is reused, and what else is done to a
//! store that has one.

use std::fs;
use std::path::Path;
use std::process::Command;

use hardsnap_tests::{
    Mount, Scratch, TreeImage, assert_same, is_root, noon, skip_unless, snapshot_name,
};

use super::Steady;
use crate::catalog::Agreement;
use crate::trees::{everything, many, simple};

#[test]
fn every_way_of_looking_for_changes_goes_with_it() {
    let scratch = Scratch::new();
    let source = many(everything(&scratch, "source"), 30).build();
    let mut steady = Steady::new(scratch, source).settled();
    for options in [
        &["--checksum"][..],
        &["--check-basis"],
        &["--no-hash"],
        &["--jobs", "7"],
    ] {
        fs::write(steady.source.join("empty"), options[0]).unwrap();
        fs::write(steady.source.join("many/000/3"), options[0]).unwrap();
        steady.recycles(|command| command.args(options));
    }
}

#[test]
fn what_is_left_out_from_now_on_is_taken_out() {
    let scratch = Scratch::new();
    let source = many(simple(&scratch, "source"), 300)
        .file(
            "cache/CACHEDIR.TAG",
            b"Signature: 8a477f597d28d172789f06886806bc55",
        )
        .file("cache/cached", b"cached")
        .build();
    let mut steady = Steady::new(scratch, source).settled();
    let command = steady
        .command()
        .args(["--exclude", "00?/", "--exclude", "link"]);
    let command = command.args(["--exclude-caches"]);
    let outcome = command.arg(&steady.source).arg(&steady.store).json();
    assert_eq!(outcome.text("recycled"), snapshot_name(&noon(1)));
    let expected = ["many/000", "many/001", "many/002", "link", "cache/cached"]
        .into_iter()
        .fold(TreeImage::of(&steady.source), TreeImage::without);
    assert_same(&expected, &steady.newest());
    steady.agreement.check();
    // And back in.
    steady.recycles(|command| command);
}

#[test]
fn other_sources_and_one_in_another_go_with_it() {
    let scratch = Scratch::new();
    let source = many(simple(&scratch, "source"), 200).build();
    let other = simple(&scratch, "other").build();
    let below = source.join("many/001");
    let mut steady = Steady::new(scratch, source).settled();
    let mut with = |sources: &[&Path]| {
        let command = steady.command().arg("--change-sources").args(sources);
        let outcome = command.arg(&steady.store).json().expect(0);
        let made = snapshot_name(&noon(steady.day));
        for source in sources {
            assert_same(&TreeImage::of(source), &steady.view.image(&made, source));
        }
        let all = [&steady.source, &other, &below];
        for absent in all.iter().filter(|path| {
            let is_covered = |source: &&Path| path.starts_with(source) || source.starts_with(path);
            !sources.iter().any(is_covered)
        }) {
            assert!(!steady.view.tree(&made, absent).exists(), "{absent:?}");
        }
        steady.agreement.check();
        (outcome.text("recycled"), steady.day)
    };
    let source = below.parent().unwrap().parent().unwrap().to_path_buf();
    for sources in [
        &[source.as_path(), &below][..],
        &[&other],
        &[&below],
        &[&other, &below],
        &[&source],
        &[&source, &other],
    ] {
        let (recycled, day) = with(sources);
        assert_eq!(recycled, snapshot_name(&noon(day - 3)));
    }
}

#[test]
fn a_mount_point_that_is_left_empty_is_made_anew() {
    if !skip_unless(is_root(), "mounting takes root") {
        return;
    }
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .file("place/below", b"below")
        .build();
    let mut steady = Steady::new(scratch, source).settled();
    let place = steady.source.join("place");
    let Some(mount) = Mount::proc(&place) else {
        return;
    };
    let command = steady.command().arg(&steady.source).arg(&steady.store);
    let outcome = command.json().expect(0);
    assert_eq!(outcome.text("recycled"), snapshot_name(&noon(1)));
    drop(mount);
    let made = steady.newest();
    assert!(made.get("place").is_some() && made.get("place/below").is_none());
    steady.recycles(|command| command);
    steady.recycles(|command| command);
}

/// Its inodes are others, and what was not copied as links is not taken for
/// them.
#[test]
fn a_store_may_be_moved_with_its_spare() {
    for how in [&["-a"][..], &["-a", "--no-preserve=links"]] {
        let scratch = Scratch::new();
        let source = many(simple(&scratch, "source"), 30).build();
        let mut steady = Steady::new(scratch, source).settled();
        let moved = steady.scratch.join("moved");
        let mut copy = Command::new("cp");
        let copied = copy.args(how).arg(&steady.store).arg(&moved).status();
        assert!(copied.unwrap().success());
        fs::remove_dir_all(&steady.store).unwrap();
        fs::rename(&moved, &steady.store).unwrap();
        steady.agreement = Agreement::new(&steady.store);
        fs::write(steady.source.join("file"), b"changed").unwrap();
        let outcome = steady.back_up(|command| command);
        assert_eq!(outcome.text("recycled"), snapshot_name(&noon(1)));
        steady.view.assert_tidy();
        steady.recycles(|command| command);
    }
}

#[test]
fn a_new_catalog_knows_nothing_of_the_spare_and_that_will_do() {
    let scratch = Scratch::new();
    let source = many(simple(&scratch, "source"), 30).build();
    let mut steady = Steady::new(scratch, source).settled();
    let reindex = steady.scratch.hardsnap("reindex");
    reindex.arg(&steady.store).run().expect(0);
    assert_eq!(steady.view.spares().len(), 1);
    steady.recycles(|command| command);
    steady.recycles(|command| command);
}

#[test]
fn no_command_takes_the_spare_for_a_snapshot() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").file("was", b"once").build();
    let mut steady = Steady::new(scratch, source);
    steady.back_up(|command| command);
    fs::remove_file(steady.source.join("was")).unwrap();
    for _ in 0..2 {
        steady.back_up(|command| command);
    }
    let spare = snapshot_name(&noon(1));
    assert!(steady.view.spares()[0].starts_with(&spare));
    let run = |command: &str, arguments: &[&str]| {
        let command = steady.scratch.hardsnap(command).arg(&steady.store);
        command.args(arguments).run()
    };
    let was = steady.source.join("was");
    for outcome in [
        run("list", &[]),
        run("versions", &[was.to_str().unwrap()]),
        run("find", &["was"]),
    ] {
        assert!(!outcome.stdout().contains(&spare), "{outcome}");
        assert!(!outcome.stdout().contains("2024-01-02"), "{outcome}");
    }
    for command in ["diff", "du", "hold", "accept", "delete"] {
        let arguments = match command {
            "diff" => vec![&*spare, "latest"],
            "delete" => vec![&*spare, "--yes"],
            _ => vec![&*spare],
        };
        assert_eq!(run(command, &arguments).code(), Some(1), "{command}");
    }
    assert_eq!(steady.view.spares().len(), 1);
}

/// Of the spare and of the oldest snapshot each is removed by hand, so that the
/// room that it took can be measured.
#[test]
fn what_du_says_of_the_spare_and_beside_it_is_what_becomes_free() {
    for of_spare in [true, false] {
        let Some(disk) = Mount::ext4(64) else { return };
        let scratch = Scratch::new();
        let source = many(everything(&scratch, "source"), 400).build();
        let mut steady = Steady::with(scratch, source, disk.join("store"));
        for day in 0..5 {
            let write = |name: &str, kibibytes: usize| {
                fs::write(steady.source.join(name), vec![day; kibibytes << 10]).unwrap();
            };
            write(&format!("only {day}"), 100);
            write(&format!("two {}", day / 2), 60);
            write("many/001/101", 3);
            if day > 0 {
                fs::remove_file(steady.source.join(format!("only {}", day - 1))).unwrap();
            }
            let outcome = steady.back_up(|command| command);
            assert_eq!(outcome.summary()["recycled"].is_null(), day < 3);
        }
        let oldest = steady.view.names().remove(0);
        let [spare] = steady.view.spares().try_into().unwrap();
        let du = |snapshots: &[&str]| {
            let command = steady.scratch.hardsnap("du").arg(&steady.store);
            command.args(snapshots).json().expect(0).summary()
        };
        let (told, path) = match of_spare {
            true => (
                du(&[])["spare"]["freed_bytes"].clone(),
                steady.store.join(".hardsnap/trash").join(spare),
            ),
            false => (
                du(&[&oldest])["together"]["freed_bytes"].clone(),
                steady.view.snapshot(&oldest),
            ),
        };
        let free = || {
            let root = fs::File::open(disk.path()).unwrap();
            rustix::fs::syncfs(&root).unwrap();
            let found = rustix::fs::fstatvfs(&root).unwrap();
            found.f_bfree * found.f_frsize
        };
        let before = free();
        fs::remove_dir_all(path).unwrap();
        assert_eq!(told, free() - before);
        assert!(told.as_u64() > Some(100 << 10), "{told}");
    }
}

#[test]
fn a_snapshot_that_is_held_or_suspect_is_no_spare() {
    let scratch = Scratch::new();
    let source = many(simple(&scratch, "source"), 40).build();
    let mut steady = Steady::new(scratch, source).settled();
    let day = steady.day;
    // The next one to go stays, and the one before the spare has none to follow.
    let hold = |steady: &Steady, command: &str| {
        let command = steady.scratch.hardsnap(command).arg(&steady.store);
        command.arg(snapshot_name(&noon(day - 1))).run().expect(0);
    };
    hold(&steady, "hold");
    let outcome = steady.back_up(|command| command);
    assert_eq!(outcome.texts("removed_snapshots"), [""; 0]);
    assert_eq!(steady.view.spares(), [""; 0]);
    hold(&steady, "release");
    steady.back_up(|command| command);
    let spare = steady.view.spares();
    // A suspect one may be made of the spare, and nothing expires by it.
    let saved = steady.scratch.join("saved");
    fs::rename(steady.source.join("many"), &saved).unwrap();
    let command = steady.command().arg(&steady.source).arg(&steady.store);
    let outcome = command.json().expect(4);
    assert_eq!(outcome.text("status"), "suspect");
    assert!(
        spare[0].starts_with(&outcome.text("recycled")),
        "{spare:?} {outcome}"
    );
    assert_same(&TreeImage::of(&steady.source), &steady.newest());
    assert_eq!(steady.view.spares(), [""; 0]);
    fs::rename(&saved, steady.source.join("many")).unwrap();
    let command = steady.command().arg(&steady.source).arg(&steady.store);
    let outcome = command.json().expect(0);
    assert_same(&TreeImage::of(&steady.source), &steady.newest());
    // It goes with the others, and there is a better one than it.
    let gone = [4, 6].map(|day| snapshot_name(&noon(day)));
    assert_eq!(outcome.texts("removed_snapshots"), gone);
    assert!(steady.view.spares()[0].starts_with(&gone[0]));
    steady.recycles(|command| command);
}
