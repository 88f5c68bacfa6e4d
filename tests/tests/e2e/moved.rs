//! Stores that were moved to another disk, or copied.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use hardsnap_tests::{
    Chain, Mount, Scratch, TreeImage, assert_unchanged, can_trace, noon, skip_unless, snapshot_name,
};

use crate::catalog::{Agreement, Days, Ledger, aged, file};
use crate::trees::many;

/// Copies trees, each call by itself.
#[track_caller]
fn copy(options: &[&str], from: &[PathBuf], to: &Path) {
    let mut command = Command::new("cp");
    let status = command.args(options).args(from).arg(to).status().unwrap();
    assert!(status.success(), "{command:?}");
}

/// A store of three days, in which something changes each day.
fn three_days(scratch: &Scratch) -> Days<'_> {
    let source = many(scratch.tree("source"), 50)
        .file("kept/a", b"a")
        .hard_link("kept/another name", "kept/a")
        .symlink("link", "kept/a")
        .fifo("fifo")
        .file("changing", b"0")
        .build();
    let mut days = Days::begin(scratch, source);
    for day in ["1", "2"] {
        fs::write(days.path("changing"), day).unwrap();
        fs::rename(days.path("kept/a"), days.path("kept/a moment")).unwrap();
        fs::rename(days.path("kept/a moment"), days.path("kept/a")).unwrap();
        days.next();
    }
    days
}

/// Puts the store aside and another one in its place.
fn replace(days: &mut Days<'_>, by: impl FnOnce(&Path, &Path)) {
    let away = days.scratch.join("away");
    fs::rename(&days.store, &away).unwrap();
    by(&away, &days.store);
    assert_ne!(inode(&away), inode(&days.store));
    days.agreement = Agreement::new(&days.store);
}

fn inode(path: &Path) -> u64 {
    path.metadata().unwrap().ino()
}

/// What a catalog tells of the versions of files, apart from where they are
/// stored.
fn unnumbered(ledger: &Ledger) -> Vec<String> {
    let files = ledger.versions.iter().filter(|one| !one.is_directory());
    let lines = files.map(|version| {
        let mut version = version.clone();
        version.stored = None;
        // It is one of the number too.
        version.crc32 = 0;
        format!("{version:?}")
    });
    lines.collect()
}

/// Checks that the next run says that the store was moved, finds everything
/// unchanged, and that the run after has nothing to say.
#[track_caller]
fn settles(days: &mut Days<'_>) -> Ledger {
    let outcome = days.next();
    assert_eq!(outcome.surprises(), ["store_moved"], "{outcome}");
    assert_eq!(outcome.number("files_copied"), 0, "{outcome}");
    let ledger = Ledger::of(&days.store);
    let outcome = days.next();
    assert_eq!(outcome.surprises(), [""; 0], "{outcome}");
    assert_eq!(outcome.number("files_copied"), 0, "{outcome}");
    ledger
}

#[test]
fn a_copied_store_learns_its_numbers_anew() {
    let scratch = Scratch::new();
    let mut days = three_days(&scratch);
    let before = Ledger::of(&days.store);
    replace(&mut days, |away, store| {
        copy(&["-a"], &[away.to_path_buf()], store);
    });
    let after = settles(&mut days);
    assert_eq!(unnumbered(&before), unnumbered(&after));
    let numbers = |ledger: &Ledger| -> Vec<Option<u64>> {
        ledger
            .versions
            .iter()
            .map(|version| version.stored)
            .collect()
    };
    assert_ne!(numbers(&before), numbers(&after));
}

#[test]
fn a_store_on_another_disk_learns_its_numbers_anew() {
    let Some(mount) = Mount::ext4(64) else {
        return;
    };
    let scratch = Scratch::new();
    let days = three_days(&scratch);
    let store = mount.join("store");
    copy(&["-a"], std::slice::from_ref(&days.store), &store);
    let command = scratch.hardsnap("backup").args(["--time", &noon(3)]);
    let outcome = aged(command.arg(&days.source).arg(&store)).json().expect(0);
    assert_eq!(outcome.surprises(), ["store_moved"], "{outcome}");
    assert_eq!(outcome.number("files_copied"), 0, "{outcome}");
    // How much room entries take is still told of the old disk.
    let before = Ledger::of(&store);
    scratch.hardsnap("reindex").arg(&store).run().expect(0);
    let after = Agreement::new(&store).check();
    assert_eq!(before.versions.len(), after.versions.len());
}

#[test]
fn links_that_were_not_copied_are_not_believed_in() {
    let scratch = Scratch::new();
    let mut days = three_days(&scratch);
    let before = Ledger::of(&days.store);
    replace(&mut days, |away, store| {
        copy(&["-a", "--no-preserve=links"], &[away.to_path_buf()], store);
    });
    let after = settles(&mut days);
    // Of each file there is a version for each snapshot.
    assert!(after.versions.len() > before.versions.len() + 2 * 50);
    let known = |version: &&crate::catalog::Version| version.mount != 0;
    let files = after
        .versions
        .iter()
        .filter(|version| !version.is_directory());
    assert!(files.clone().count() == files.filter(known).count());
}

#[test]
fn snapshots_that_were_copied_one_by_one_are_not_believed_to_be_linked() {
    let scratch = Scratch::new();
    let mut days = three_days(&scratch);
    replace(&mut days, |away, store| {
        fs::create_dir(store).unwrap();
        let mode = away.metadata().unwrap().permissions();
        fs::set_permissions(store, mode).unwrap();
        let names = [0, 1, 2].map(|day| away.join(snapshot_name(&noon(day))));
        copy(&["-a"], &names[..2], store);
        copy(
            &["-a"],
            &[
                names[2].clone(),
                away.join(".hardsnap"),
                away.join("latest"),
            ],
            store,
        );
    });
    settles(&mut days);
}

#[test]
fn what_got_lost_on_the_way_is_copied_again() {
    let scratch = Scratch::new();
    let mut days = three_days(&scratch);
    replace(&mut days, |away, store| {
        copy(&["-a"], &[away.to_path_buf()], store);
    });
    // From all snapshots, so that the links of all others are as they were.
    for day in 0..3 {
        let tree = days.view.tree(&snapshot_name(&noon(day)), &days.source);
        fs::remove_file(tree.join("kept/a")).unwrap();
    }
    let command = scratch.hardsnap("backup").args(["--time", &noon(3)]);
    let outcome = aged(command.arg(&days.source).arg(&days.store));
    let outcome = outcome.json().expect(0);
    let codes = outcome.surprises();
    assert!(codes.contains(&"store_moved".to_owned()), "{outcome}");
    let stored = days.view.tree(&snapshot_name(&noon(3)), &days.source);
    assert_eq!(fs::read(stored.join("kept/a")).unwrap(), b"a");
}

#[test]
fn whoever_has_the_lock_next_does_it() {
    for command in ["prune", "delete", "reindex"] {
        let scratch = Scratch::new();
        let mut days = three_days(&scratch);
        replace(&mut days, |away, store| {
            copy(&["-a"], &[away.to_path_buf()], store);
        });
        let mut run = scratch.hardsnap(command).arg(&days.store);
        if command == "delete" {
            run = run.arg(snapshot_name(&noon(1))).arg("--yes");
        }
        let outcome = run.run().expect(0);
        let reason = "the store was moved to another disk";
        assert!(outcome.stderr().contains(reason), "{outcome}");
        days.agreement.check();
        let outcome = days.next();
        assert_eq!(outcome.surprises(), [""; 0], "{command}: {outcome}");
        assert_eq!(outcome.number("files_copied"), 0, "{command}: {outcome}");
    }
}

#[test]
fn a_dry_run_says_so_and_changes_nothing() {
    let scratch = Scratch::new();
    let mut days = three_days(&scratch);
    replace(&mut days, |away, store| {
        copy(&["-a"], &[away.to_path_buf()], store);
    });
    let before = TreeImage::of(&days.store);
    let command = scratch.hardsnap("backup").arg("--dry-run");
    let outcome = aged(command.arg(&days.source).arg(&days.store))
        .json()
        .expect(0);
    assert_eq!(outcome.surprises(), ["catalog_unusable"], "{outcome}");
    assert_unchanged(&before, &TreeImage::of(&days.store));
}

#[test]
fn interrupted_it_begins_again() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let scratch = Scratch::new();
    let mut days = three_days(&scratch);
    let before = Ledger::of(&days.store);
    replace(&mut days, |away, store| {
        copy(&["-a"], &[away.to_path_buf()], store);
    });
    let mut killed = 0;
    for call in ["pwrite64", "fsync,fdatasync"] {
        for count in 1.. {
            let injection = format!("{call}:signal=KILL:when={count}");
            let command = scratch.hardsnap("prune").args(["--keep-last", "9"]);
            let outcome = command.arg(&days.store).injecting(&injection).run();
            match (outcome.signal(), outcome.code()) {
                (Some(9), None) | (None, Some(137)) => killed += 1,
                (None, Some(0)) => break,
                _ => panic!("{injection}: {outcome}"),
            }
        }
        let ledger = days.agreement.check();
        assert_eq!(unnumbered(&before), unnumbered(&ledger));
        // Once more from the beginning.
        let saved = scratch.join(format!("away/{}", file(Path::new("")).display()));
        fs::copy(saved, file(&days.store)).unwrap();
    }
    assert!(killed >= 4, "killed {killed} times only");
    settles(&mut days);
}

#[test]
fn five_thousand_levels_with_few_open_files() {
    let scratch = Scratch::new();
    let source = Chain::new(5_000).build(scratch.join("source"));
    let store = scratch.join("store");
    let backup = |day| {
        let command = scratch.hardsnap("backup").args(["--init", "--time"]);
        let command = command.arg(noon(day)).arg(&source).arg(&store);
        aged(command.with_open_files(256)).json().expect(0)
    };
    backup(0);
    backup(1);
    // No program copies that; a new directory is another root all the same.
    let away = scratch.join("away");
    fs::rename(&store, &away).unwrap();
    fs::create_dir(&store).unwrap();
    for found in fs::read_dir(&away).unwrap() {
        let path = found.unwrap().path();
        fs::rename(&path, store.join(path.file_name().unwrap())).unwrap();
    }
    fs::set_permissions(&store, away.metadata().unwrap().permissions()).unwrap();
    let outcome = backup(2);
    assert_eq!(outcome.surprises(), ["store_moved"], "{outcome}");
    assert_eq!(outcome.number("files_linked"), 5_000, "{outcome}");
}
