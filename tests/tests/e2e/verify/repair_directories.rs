//! `--repair` of directories that are gone with all that was in them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use filetime::FileTime;
use hardsnap_tests::{Scratch, TreeBuilder};
use serde_json::Value;

use super::repair::{assert_images, images, kept_aside, repair};
use super::{Kept, damage, name_of, quietly};
use crate::trees::simple;

/// A directory with everything that one can have below it; `directory` has
/// another name of one of its files.
fn tree(scratch: &Scratch) -> TreeBuilder {
    simple(scratch, "source")
        .file("lost/file", b"lost")
        .mode(0o640)
        .mtime(1_600_000_000, 7)
        .file("lost/closed/file", b"in a closed one")
        .symlink("lost/link", "nowhere")
        .fifo("lost/fifo")
        .file("lost/attributed", b"attributed")
        .xattr("user.kept", b"value")
        .hard_link("directory/linked", "lost/file")
        .hard_link("lost/deep/er/linked", "lost/file")
        .directory("lost/deep/empty")
        .mtime(1_300_000_000, 1)
        .directory("lost/deep/er")
        .mtime(1_200_000_000, 2)
        .directory("lost/deep")
        .mtime(1_100_000_000, 3)
        .directory("lost/closed")
        .mode(0o555)
        .mtime(1_000_000_000, 4)
        .directory("lost")
        .mode(0o751)
        .mtime(900_000_000, 5)
        .xattr("user.own", b"its own")
}

/// Takes a directory out of a published tree, as a slip of the hand does.
fn move_away(kept: &Kept<'_>, day: u64, name: &str) -> PathBuf {
    let away = kept.scratch.join(format!("away-{day}"));
    quietly(&kept.stored(day, name), |path| {
        fs::rename(path, &away).unwrap();
    });
    away
}

/// What became of an entry.
fn mending<'s>(summary: &'s Value, path: &Path) -> &'s Value {
    let damaged = summary["damaged"].as_array().unwrap();
    let of = |one: &&Value| one["path"] == path.to_str().unwrap();
    damaged.iter().find(of).unwrap()
}

#[test]
fn a_directory_that_is_gone_comes_back_with_all_that_was_in_it() {
    let scratch = Scratch::new();
    let kept = Kept::new(&scratch, &tree(&scratch), 3);
    let before = images(&kept);
    let inode = |day, name| kept.stored(day, name).symlink_metadata().unwrap().ino();
    let expected = inode(0, "lost/file");
    move_away(&kept, 1, "lost");
    assert_eq!(
        kept.damage(&["--full"]),
        kept.of(&[1], &["lost"], "missing")
    );
    let outcome = repair(&kept);
    assert_eq!(
        damage(&outcome, &kept.source),
        kept.of(&[1], &["lost"], "missing")
    );
    assert_images(&before, &kept);
    // It is linked to what the other snapshots have, which nobody touched.
    assert_eq!(inode(1, "directory/linked"), expected);
    assert_eq!(inode(1, "lost/deep/er/linked"), expected);
    for name in [
        "lost/file",
        "lost/closed/file",
        "lost/link",
        "lost/fifo",
        "lost/attributed",
    ] {
        assert_eq!(inode(0, name), inode(1, name), "{name}");
        assert_eq!(inode(1, name), inode(2, name), "{name}");
    }
    assert_eq!(kept_aside(&kept), [""; 0]);
}

#[test]
fn a_directory_that_is_gone_everywhere_comes_back_from_the_source() {
    let scratch = Scratch::new();
    let mut kept = Kept::new(&scratch, &tree(&scratch), 3);
    let before = images(&kept);
    for day in 0..3 {
        move_away(&kept, day, "lost");
    }
    let outcome = repair(&kept);
    assert_eq!(outcome.number("damaged_entries"), 3, "{outcome}");
    assert_images(&before, &kept);
    // One inode again, and the next backup links it.
    kept.backup();
    let links = |name| kept.stored(3, name).metadata().unwrap().nlink();
    assert_eq!(links("lost/closed/file"), 4);
    // This one has a name elsewhere, and so its inode was never lost: it has the
    // names that were moved away, too.
    assert_eq!(links("lost/file"), 4 * 3 + 3 * 2);
}

#[test]
fn what_of_a_lost_directory_has_no_copy_is_named_and_the_rest_is_back() {
    let scratch = Scratch::new();
    let mut kept = Kept::new(&scratch, &tree(&scratch), 1);
    let only = kept.source.join("lost/deep/only");
    fs::write(&only, b"of one day").unwrap();
    kept.backup();
    fs::write(&only, b"of another day").unwrap();
    kept.backup();
    let away = move_away(&kept, 1, "lost");
    let outcome = kept.verify().args(["--full", "--repair"]).json().expect(5);
    let told = damage(&outcome, &kept.source);
    let expected = kept.of(&[1], &["lost", "lost/deep/only"], "missing");
    assert_eq!(told, expected, "{outcome}");
    assert_eq!(outcome.number("damaged_entries"), 2, "{outcome}");
    assert_eq!(outcome.number("unrepaired_entries"), 1, "{outcome}");
    let summary = outcome.summary();
    let directory = mending(&summary, &kept.source.join("lost"));
    assert_eq!(directory["repaired"], true, "{outcome}");
    let file = mending(&summary, &only);
    assert_eq!(file["repaired"], false, "{outcome}");
    assert_eq!(file["reason"], "there is no good copy", "{outcome}");
    assert_eq!(file["snapshot"], name_of(1), "{outcome}");
    // Nothing else is missing or altered.
    let expected = kept.of(&[1], &["lost/deep/only"], "missing");
    assert_eq!(kept.damage(&["--full"]), expected);
    for name in ["", "deep", "deep/er", "closed"] {
        let mtime =
            |path: PathBuf| FileTime::from_last_modification_time(&path.metadata().unwrap());
        let back = mtime(kept.stored(1, "lost").join(name));
        assert_eq!(back, mtime(away.join(name)), "{name:?}");
    }
    // Once it can be had again, it is put where it was.
    let recorded =
        FileTime::from_last_modification_time(&away.join("deep/only").metadata().unwrap());
    fs::copy(away.join("deep/only"), &only).unwrap();
    filetime::set_file_mtime(&only, recorded).unwrap();
    repair(&kept);
    assert_eq!(
        fs::read(kept.stored(1, "lost/deep/only")).unwrap(),
        b"of one day"
    );
}

#[test]
fn what_is_in_the_place_of_a_lost_directory_is_kept_aside() {
    let scratch = Scratch::new();
    let kept = Kept::new(&scratch, &tree(&scratch), 2);
    let before = images(&kept);
    move_away(&kept, 0, "lost");
    quietly(&kept.stored(0, "lost"), |path| {
        fs::write(path, b"no directory").unwrap();
    });
    let expected = kept.of(&[0], &["lost"], "kind");
    assert_eq!(kept.damage(&["--full"]), expected);
    repair(&kept);
    assert_images(&before, &kept);
    let names = kept_aside(&kept);
    assert_eq!(names.len(), 1, "{names:?}");
    let aside = kept.store.join(".hardsnap/damaged").join(&names[0]);
    assert_eq!(fs::read(aside).unwrap(), b"no directory");
}

#[test]
fn a_large_directory_that_is_gone_comes_back() {
    let scratch = Scratch::new();
    let mut tree = simple(&scratch, "source");
    // More than is read of a directory at once.
    for number in 0..4_500 {
        tree = tree.file(format!("lost/{number}"), format!("{}", number % 50));
    }
    let kept = Kept::new(&scratch, &tree.directory("lost").mtime(900_000_000, 5), 2);
    let before = images(&kept);
    move_away(&kept, 1, "lost");
    repair(&kept);
    assert_images(&before, &kept);
}
