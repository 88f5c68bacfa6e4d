//! Spares that somebody did something to, or that are not fit to be reused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use hardsnap_tests::{
    Mount, Scratch, TreeImage, assert_same, is_root, noon, skip_unless, snapshot_name,
};

use super::Steady;
use crate::trees::{many, simple};

#[test]
fn what_somebody_did_to_the_spare_is_not_in_the_next_snapshot() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let mut steady = Steady::new(scratch, source).settled();
    let spare = steady.spare();
    fs::remove_file(spare.join("file")).unwrap();
    fs::write(spare.join("file"), b"another").unwrap();
    fs::write(spare.join("directory/planted"), b"planted").unwrap();
    fs::remove_file(spare.join("link")).unwrap();
    fs::create_dir(spare.join("link")).unwrap();
    fs::write(spare.join("link/planted"), b"planted").unwrap();
    let outcome = steady.back_up(|command| command);
    assert_eq!(outcome.text("recycled"), snapshot_name(&noon(1)));
    assert_eq!(outcome.surprises(), [""; 0]);
}

/// A run of an ordinary user gets into each of them all the same.
#[test]
fn directories_of_the_spare_may_be_closed() {
    let scratch = Scratch::new();
    let source = many(simple(&scratch, "source"), 500)
        .file(
            "locked/inside/file",
            b"in a directory that its owner cannot write",
        )
        .directory("locked/inside")
        .mode(0o500)
        .directory("locked")
        .mode(0o555)
        .build();
    let mut steady = Steady::new(scratch, source).settled();
    for (number, mode) in [0o555, 0o500, 0o300, 0o100, 0].into_iter().enumerate() {
        let path = steady.spare().join(format!("many/{number:03}"));
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    // One is changed, one goes, and one becomes a file.
    fs::write(steady.source.join("many/002/new"), b"new").unwrap();
    fs::remove_dir_all(steady.source.join("many/003")).unwrap();
    fs::remove_dir_all(steady.source.join("many/004")).unwrap();
    fs::write(steady.source.join("many/004"), b"a file now").unwrap();
    steady.recycles(|command| command);
    // One that nobody may write goes whole, with all that is in it.
    let open = fs::Permissions::from_mode(0o755);
    for path in ["locked", "locked/inside"] {
        fs::set_permissions(steady.source.join(path), open.clone()).unwrap();
    }
    fs::remove_dir_all(steady.source.join("locked")).unwrap();
    steady.recycles(|command| command);
    steady.recycles(|command| command);
}

/// While a directory is taken out, others are not waited for that wait for it.
#[test]
fn names_of_one_file_may_stand_where_directories_were() {
    let scratch = Scratch::new();
    let mut tree = many(scratch.tree("source"), 800).file("name", b"content");
    for place in 0..60 {
        for file in 0..8 {
            tree = tree.file(format!("{place}/directory/{}/{file}", file % 4), b"");
        }
    }
    let mut steady = Steady::new(scratch, tree.build()).settled();
    for place in 0..60 {
        let path = steady.source.join(format!("{place}/directory"));
        fs::remove_dir_all(&path).unwrap();
        fs::hard_link(steady.source.join("name"), path).unwrap();
    }
    steady.recycles(|command| command.args(["--jobs", "2"]));
    steady.recycles(|command| command.args(["--jobs", "4"]));
}

#[test]
fn a_spare_that_cannot_be_had_is_done_without() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let mut steady = Steady::new(scratch, source).settled();
    let [spare] = steady.view.spares().try_into().unwrap();
    let path = steady.store.join(".hardsnap/trash").join(spare);
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, b"no directory").unwrap();
    let outcome = steady.back_up(|command| command);
    assert!(outcome.summary()["recycled"].is_null());
    assert_eq!(outcome.surprises(), ["not_recycled"]);
    // The next one takes its place.
    steady.recycles(|command| command);
}

#[test]
fn of_several_spares_the_newest_is_taken_and_the_others_go() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let mut steady = Steady::new(scratch, source).settled();
    // As a crash between two renames leaves them, one of the same name.
    let trash = steady.store.join(".hardsnap/trash");
    for name in [
        format!("{}.7000.spare", snapshot_name(&noon(1))),
        format!("{}.0.spare", snapshot_name(&noon(1))),
        format!("{}.01.spare", snapshot_name(&noon(1))),
        format!("{}.5.spare", snapshot_name(&noon(90))),
    ] {
        fs::create_dir(trash.join(&name)).unwrap();
        fs::write(trash.join(&name).join("planted"), b"planted").unwrap();
    }
    let outcome = steady.back_up(|command| command);
    assert_eq!(outcome.text("recycled"), snapshot_name(&noon(1)));
    let newest = steady.view.snapshot(&snapshot_name(&noon(steady.day)));
    assert!(!newest.join("planted").exists());
    steady.view.assert_tidy();
    steady.recycles(|command| command);
}

#[test]
fn what_cannot_be_taken_out_of_the_spare_makes_it_useless_and_no_more() {
    let Some(disk) = Mount::ext4(64) else { return };
    let scratch = Scratch::new();
    let source = many(simple(&scratch, "source"), 30).build();
    let store = disk.join("store");
    let mut steady = Steady::with(scratch, source, store);
    steady.back_up(|command| command);
    fs::write(steady.source.join("file"), b"changed").unwrap();
    for _ in 0..2 {
        steady.back_up(|command| command);
    }
    let chattr = |option: &str, path: &Path| {
        let status = Command::new("chattr").arg(option).arg(path).status();
        status.unwrap().success()
    };
    if !skip_unless(
        chattr("+i", &steady.spare().join("file")),
        "chattr +i is refused here",
    ) {
        return;
    }
    let outcome = steady.back_up(|command| command);
    assert!(outcome.summary()["recycled"].is_null());
    assert_eq!(outcome.surprises(), ["not_recycled"]);
    let [left] = steady.view.trash().try_into().unwrap();
    let left = steady.store.join(".hardsnap/trash").join(left);
    let left = left.join(steady.source.strip_prefix("/").unwrap());
    assert!(chattr("-i", &left.join("file")));
    steady.back_up(|command| command);
    steady.view.assert_tidy();
}

#[test]
fn nothing_that_is_mounted_in_the_spare_is_touched() {
    let Some(disk) = Mount::ext4(32) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let mut steady = Steady::new(scratch, source).settled();
    fs::write(disk.join("precious"), b"precious").unwrap();
    let at = steady.spare().join("directory");
    let mut mount = Command::new("mount");
    let mount = mount.arg("--bind").arg(disk.path()).arg(&at).status();
    if !skip_unless(mount.unwrap().success(), "no bind mounts here") {
        return;
    }
    let command = steady.command().arg(&steady.source).arg(&steady.store);
    let outcome = command.json();
    let mut found = Command::new("findmnt");
    let found = found.args(["-n", "-o", "TARGET"]).output().unwrap().stdout;
    let below = String::from_utf8(found).unwrap();
    for line in below.lines().filter(|line| line.contains(".hardsnap")) {
        let at = line.trim_start_matches([' ', '│', '├', '─', '└', '|', '`', '-']);
        assert!(Command::new("umount").arg(at).status().unwrap().success());
    }
    assert!([Some(0), Some(4)].contains(&outcome.code()), "{outcome}");
    assert_eq!(fs::read(disk.join("precious")).unwrap(), b"precious");
    assert_same(&TreeImage::of(&steady.source), &steady.newest());
}

/// A new file must not get the group or the ACL of a directory that an older
/// snapshot had.
#[test]
fn what_is_made_in_a_directory_that_is_reused_inherits_nothing() {
    let scratch = Scratch::new();
    let mut tree = simple(&scratch, "source")
        .file("shared/file", b"content")
        .directory("shared");
    if is_root() {
        tree = tree.owner(1234, 5678);
    }
    let source = tree.mode(0o2775).build();
    let shared = source.join("shared");
    let acl = Command::new("setfacl")
        .args(["-d", "-m", "u:4321:rwx,o::rwx"])
        .arg(&shared)
        .status();
    let _ = skip_unless(
        acl.is_ok_and(|status| status.success()),
        "setfacl is not there",
    );
    let mut steady = Steady::new(scratch, source).settled();
    fs::write(shared.join("new"), b"secret").unwrap();
    fs::create_dir(shared.join("below")).unwrap();
    let _ = Command::new("setfacl")
        .arg("-b")
        .arg(shared.join("new"))
        .status();
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(shared.join("new"), private).unwrap();
    std::os::unix::fs::chown(
        shared.join("new"),
        None,
        Some(rustix::process::getegid().as_raw()),
    )
    .unwrap();
    let outcome = steady.back_up(|command| command);
    assert_eq!(outcome.text("recycled"), snapshot_name(&noon(1)));
}

/// More than is held in memory of one.
#[test]
fn a_directory_of_the_spare_may_be_huge() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let huge = source.join("huge");
    fs::create_dir(&huge).unwrap();
    let name = |number: usize| format!("{number:0200}");
    for number in 0..20_000 {
        let path = huge.join(name(number));
        match number % 1000 {
            0 => fs::create_dir_all(path.join("below/below")).unwrap(),
            _ => drop(fs::File::create(path).unwrap()),
        }
    }
    let mut steady = Steady::new(scratch, source);
    steady.back_up(|command| command);
    for number in (0..20_000).step_by(5) {
        let path = huge.join(name(number));
        match number % 1000 {
            0 => fs::remove_dir_all(path).unwrap(),
            _ => fs::remove_file(path).unwrap(),
        }
    }
    for _ in 0..2 {
        steady.back_up(|command| command);
    }
    steady.recycles(|command| command);
}
