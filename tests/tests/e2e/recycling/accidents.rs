//! Runs that reuse a tree and are cut short, or meet trouble.

use std::fs;
use std::process::Command;

use hardsnap_tests::{
    Hardsnap, Mount, Scratch, StoreView, TreeImage, assert_same, can_trace, noon, skip_unless,
    snapshot_name,
};

use super::{Steady, inode};
use crate::survivor::Survivor;
use crate::trees::{many, simple};

#[test]
fn a_run_that_was_cut_short_is_gone_on_with() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let scratch = Scratch::new();
    let source = many(simple(&scratch, "source"), 500).build();
    let mut steady = Steady::new(scratch, source);
    steady.back_up(|command| command);
    for number in 0..40 {
        let path = steady.source.join(format!("many/000/{number}"));
        fs::write(path, b"changed meanwhile").unwrap();
    }
    // It is killed before anything is flushed, and what it wrote last is lost.
    let command = steady.command().args(["--jobs", "1"]);
    let command = command.arg(&steady.source).arg(&steady.store);
    command.injecting("syncfs:signal=KILL:when=1").run();
    let [work] = steady.view.work().try_into().unwrap();
    let work = steady.store.join(".hardsnap/work").join(work);
    let tree = work.join(steady.source.strip_prefix("/").unwrap());
    let torn = tree.join("many/000/7");
    let mtime = filetime::FileTime::from_last_modification_time(&torn.metadata().unwrap());
    fs::write(&torn, b"changed \0\0\0\0\0\0\0\0\0").unwrap();
    filetime::set_file_mtime(&torn, mtime).unwrap();
    let kept = inode(&tree);
    let outcome = steady.back_up(|command| command.injecting("linkat:signal=KILL:when=90"));
    assert_eq!(outcome.surprises(), ["tidied_up"]);
    let made = steady
        .view
        .tree(&snapshot_name(&noon(steady.day)), &steady.source);
    assert_eq!(inode(&made), kept, "the very directory");
    steady.view.assert_tidy();
}

/// Kills a run at each of these calls, and the one that goes on with its tree at
/// the same.
#[test]
fn a_run_that_goes_on_may_be_killed_again() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let mut survivor = Survivor::new(4);
    let mut killed = 0;
    for call in ["linkat", "unlinkat,unlink,rmdir", "fchmod", "mkdirat"] {
        for count in [1, 2, 3, 5, 8, 13] {
            let injection = format!("{call}:signal=KILL:when={count}");
            let kill = |command: Hardsnap| command.args(["--jobs", "2"]).injecting(&injection);
            for _ in 0..2 {
                let (outcome, _) = survivor.endure_again(|command| kill(command).run());
                killed += usize::from(outcome.code() != Some(0));
            }
            survivor.recover();
        }
    }
    assert!(killed > 24, "killed {killed} times only");
}

#[test]
fn what_nothing_can_be_made_of_takes_no_room() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let Some(disk) = Mount::ext4(32) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    for number in 0..16 {
        fs::write(source.join(number.to_string()), vec![7; 1 << 20]).unwrap();
    }
    // The first snapshot, which would not fit twice, is killed at its end.
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    let backup = |day: u64| {
        let backup = scratch.hardsnap("backup").args(["--init", "--time"]);
        backup.arg(noon(day)).arg(&source).arg(&store)
    };
    backup(1).injecting("syncfs:signal=KILL:when=1").run();
    assert_eq!(view.work(), [snapshot_name(&noon(1))]);
    backup(2).json().expect(0);
    view.assert_tidy();
}

#[test]
fn where_room_is_short_the_spare_is_given_up() {
    let Some(disk) = Mount::ext4(64) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = disk.join("store");
    let mut steady = Steady::with(scratch, source, store);
    let write = |steady: &Steady, name: &str, mebibytes: usize| {
        let directory = steady.source.join(name);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("large"), vec![7; mebibytes << 20]).unwrap();
    };
    write(&steady, "stays", 15);
    write(&steady, "only in the spare", 13);
    steady.back_up(|command| command);
    fs::remove_dir_all(steady.source.join("only in the spare")).unwrap();
    for _ in 0..2 {
        steady.back_up(|command| command);
    }
    assert_eq!(steady.view.spares().len(), 1);
    for number in 0..4 {
        write(&steady, &format!("new {number}"), 7);
    }
    let outcome = steady.back_up(|command| command);
    assert!(outcome.summary()["recycled"].is_null());
    assert_eq!(outcome.surprises(), ["not_recycled"]);
    steady.view.assert_tidy();
}

#[test]
fn what_a_dead_run_left_and_resists_is_in_nobodys_way() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let Some(disk) = Mount::ext4(32) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = disk.join("store");
    let mut steady = Steady::with(scratch, source, store);
    steady.back_up(|command| command);
    for _ in 0..3 {
        fs::write(steady.source.join("new"), steady.day.to_string()).unwrap();
        let command = steady.command().arg(&steady.source).arg(&steady.store);
        command.injecting("syncfs:signal=KILL:when=1").run();
        let [work] = steady.view.work().try_into().unwrap();
        let tree = steady.store.join(".hardsnap/work").join(work);
        let file = tree
            .join(steady.source.strip_prefix("/").unwrap())
            .join("new");
        let status = Command::new("chattr").arg("+i").arg(&file).status();
        let is_set = status.is_ok_and(|status| status.success());
        if !skip_unless(is_set, "chattr +i is refused here") {
            return;
        }
        // Another run dies before this one's tree is put to use.
        let command = steady.command().arg(&steady.source).arg(&steady.store);
        command.injecting("mkdirat:signal=KILL:when=1").run();
    }
    let command = steady.command().arg(&steady.source).arg(&steady.store);
    let outcome = command.json();
    assert!([Some(0), Some(4)].contains(&outcome.code()), "{outcome}");
    // It complains of what has no such mark.
    let mut chattr = Command::new("chattr");
    let _ = chattr.args(["-R", "-f", "-i"]).arg(&steady.store).status();
    steady.back_up(|command| command);
    steady.view.assert_tidy();
}

/// What has the name of a spare is believed to be the snapshot that it was.
#[test]
fn a_spare_that_is_half_removed_is_none_any_more() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let scratch = Scratch::new();
    let source = many(simple(&scratch, "source"), 60).build();
    let mut steady = Steady::new(scratch, source).settled();
    let image = TreeImage::of(&steady.source);
    let mut killed = 0;
    for count in [3, 10, 20, 40, 60] {
        // A newer one takes its place.
        let command = steady.command().args(["--no-recycle", "--jobs", "1"]);
        let command = command.arg(&steady.source).arg(&steady.store);
        let injection = format!("unlinkat:signal=KILL:when={count}");
        killed += usize::from(command.injecting(&injection).run().code() != Some(0));
        for spare in steady.view.spares() {
            let tree = steady.store.join(".hardsnap/trash").join(spare);
            let tree = tree.join(steady.source.strip_prefix("/").unwrap());
            assert_same(&image, &TreeImage::of(tree));
        }
        steady.back_up(|command| command.arg("--no-recycle"));
        steady.view.assert_tidy();
    }
    assert!(killed >= 3, "killed {killed} times only");
}
