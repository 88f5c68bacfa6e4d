//! `--repair`: good copies in the place of what is damaged.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use filetime::FileTime;
use hardsnap_tests::{Outcome, Scratch, TreeImage, assert_same, is_root, noon, skip_unless};

use super::{Kept, damage, flip, name_of, quietly};
use crate::catalog::Agreement;
use crate::trees::{everything, simple};

/// The trees of all snapshots.
pub(crate) fn images(kept: &Kept<'_>) -> Vec<TreeImage> {
    let names = kept.view.names();
    let image = |name: &String| TreeImage::of(kept.view.snapshot(name));
    names.iter().map(image).collect()
}

#[track_caller]
pub(crate) fn assert_images(before: &[TreeImage], kept: &Kept<'_>) {
    for (before, after) in before.iter().zip(images(kept)) {
        assert_same(before, &after);
    }
}

/// Repairs; all that is damaged has to be good afterwards.
#[track_caller]
pub(super) fn repair(kept: &Kept<'_>) -> Outcome {
    let outcome = kept.verify().args(["--full", "--repair"]).json().expect(5);
    assert_eq!(outcome.number("unrepaired_entries"), 0, "{outcome}");
    kept.assert_sound();
    kept.view.assert_tidy();
    Agreement::new(&kept.store).check();
    outcome
}

pub(super) fn kept_aside(kept: &Kept<'_>) -> Vec<String> {
    let listed = fs::read_dir(kept.store.join(".hardsnap/damaged"));
    let names = listed.into_iter().flatten();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn good_copies(outcome: &Outcome) -> Vec<String> {
    let summary = outcome.summary();
    let damaged = summary["damaged"].as_array().unwrap().clone();
    damaged
        .iter()
        .map(|one| one["good_copy"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_is_damaged_comes_back_from_the_source() {
    let scratch = Scratch::new();
    let mut kept = Kept::new(&scratch, &everything(&scratch, "source"), 3);
    let before = images(&kept);
    // A link group, whose names lie in several directories.
    let file = kept.stored(1, "one page");
    flip(&file, 77);
    let inode = file.metadata().unwrap().ino();
    let outcome = repair(&kept);
    assert_eq!(good_copies(&outcome), vec!["source"; 9], "{outcome}");
    assert_images(&before, &kept);
    let after = file.metadata().unwrap();
    assert_ne!(after.ino(), inode);
    // All nine names are those of one inode again.
    assert_eq!(after.nlink(), 9);
    assert_eq!(kept_aside(&kept).len(), 1);
    let aside = kept
        .store
        .join(".hardsnap/damaged")
        .join(&kept_aside(&kept)[0]);
    assert_eq!(aside.metadata().unwrap().ino(), inode);
    assert_eq!(fs::read(&aside).unwrap()[77], b'p' ^ 0x10);
    // And the next backup links it.
    kept.backup();
    assert_eq!(file.metadata().unwrap().nlink(), 12);
}

#[test]
fn what_is_damaged_comes_back_from_another_stored_file() {
    let scratch = Scratch::new();
    let tree = simple(&scratch, "source")
        .file("twin", b"the same content")
        .mode(0o600)
        .file("other", b"the same content")
        .mode(0o640)
        .mtime(1_500_000_000, 5);
    let mut kept = Kept::new(&scratch, &tree, 2);
    fs::write(kept.source.join("other"), b"altered in the source").unwrap();
    kept.backup();
    let before = images(&kept);
    let twin = kept.stored(0, "twin").metadata().unwrap();
    flip(&kept.stored(0, "other"), 3);
    let outcome = kept.verify().arg("--full").json().expect(5);
    assert_eq!(
        damage(&outcome, &kept.source),
        kept.of(&[0, 1], &["other"], "content")
    );
    assert_eq!(good_copies(&outcome), ["stored"; 2], "{outcome}");
    repair(&kept);
    assert_images(&before, &kept);
    // What it was taken from is as it was.
    let after = kept.stored(0, "twin").metadata().unwrap();
    assert_eq!(
        (twin.ino(), twin.nlink(), twin.ctime()),
        (after.ino(), after.nlink(), after.ctime())
    );
}

#[test]
fn without_a_good_copy_nothing_is_touched() {
    let scratch = Scratch::new();
    let mut kept = Kept::new(&scratch, &simple(&scratch, "source"), 2);
    let file = kept.source.join("file");
    let mtime = FileTime::from_last_modification_time(&file.metadata().unwrap());
    // It looks the same, and is not.
    fs::write(&file, b"CONTENT").unwrap();
    filetime::set_file_mtime(&file, mtime).unwrap();
    flip(&kept.stored(0, "file"), 3);
    let before = images(&kept);
    let expected = kept.of(&[0, 1], &["file"], "content");
    for _ in 0..2 {
        let outcome = kept.verify().args(["--full", "--repair"]).json().expect(5);
        assert_eq!(damage(&outcome, &kept.source), expected);
        assert_eq!(outcome.number("unrepaired_entries"), 2 / 2, "{outcome}");
        let summary = outcome.summary();
        assert_eq!(summary["damaged"][0]["good_copy"], serde_json::Value::Null);
        assert_eq!(summary["damaged"][0]["repaired"], false);
        assert!(
            summary["damaged"][0]["reason"]
                .as_str()
                .unwrap()
                .contains("no good copy")
        );
    }
    assert_images(&before, &kept);
    assert_eq!(kept_aside(&kept), [""; 0]);
    // A stored inode that it has no copy of is not linked onward for ever.
    kept.backup();
    kept.view.assert_tidy();
}

/// Does damage of every kind that can be repaired, to days 0 to 2.
pub(crate) fn damage_all_kinds(kept: &Kept<'_>) {
    flip(&kept.stored(1, "file"), 2);
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    quietly(&kept.stored(0, "directory/other"), remove);
    // Nothing is left of these but what is recorded.
    for day in 0..3 {
        quietly(&kept.stored(day, "link"), remove);
        quietly(&kept.stored(day, "fifo"), |path| {
            fs::remove_file(path).unwrap();
            fs::write(path, b"no pipe").unwrap();
        });
    }
    let attributed = kept.stored(2, "attributed");
    fs::set_permissions(&attributed, PermissionsExt::from_mode(0o604)).unwrap();
    quietly(&kept.stored(1, "copied"), |path| {
        let content = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        fs::write(path, content).unwrap();
    });
    for (day, name) in [(2, "lost"), (0, "lost/below")] {
        quietly(&kept.stored(day, name), |path| {
            fs::remove_dir_all(path).unwrap();
        });
    }
    let directory = kept.stored(0, "directory");
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o711)).unwrap();
    filetime::set_file_mtime(&directory, FileTime::from_unix_time(5, 5)).unwrap();
}

pub(crate) fn of_all_kinds(scratch: &Scratch) -> Kept<'_> {
    let tree = simple(scratch, "source")
        .fifo("fifo")
        .mode(0o620)
        .file("attributed", b"attributed")
        .xattr("user.kept", b"value")
        .hard_link("directory/linked", "attributed")
        .file("copied", b"copied")
        .mode(0o444)
        .file("lost/file", b"lost")
        .file("lost/below/file", b"lost as well")
        .symlink("lost/below/link", "../file");
    Kept::new(scratch, &tree, 3)
}

#[test]
fn damage_of_every_kind_is_repaired() {
    let scratch = Scratch::new();
    let kept = of_all_kinds(&scratch);
    let before = images(&kept);
    damage_all_kinds(&kept);
    let outcome = kept.verify().arg("--full").json().expect(5);
    let found = outcome.number("damaged_entries");
    assert!(
        outcome.summary()["damaged"][0].get("repaired").is_none(),
        "{outcome}"
    );
    let outcome = repair(&kept);
    assert_eq!(outcome.number("damaged_entries"), found);
    assert_images(&before, &kept);
    // What was linked is linked again.
    for name in [
        "file",
        "directory/other",
        "link",
        "fifo",
        "attributed",
        "copied",
    ] {
        let inodes = [0, 1, 2].map(|day| kept.stored(day, name).symlink_metadata().unwrap().ino());
        assert!(
            inodes.iter().all(|inode| *inode == inodes[0]),
            "{name}: {inodes:?}"
        );
    }
    let linked = kept.stored(0, "attributed").metadata().unwrap();
    assert_eq!(
        linked.ino(),
        kept.stored(0, "directory/linked").metadata().unwrap().ino()
    );
}

#[test]
fn what_was_never_recorded_stays() {
    let scratch = Scratch::new();
    let kept = Kept::new(&scratch, &simple(&scratch, "source"), 2);
    quietly(&kept.stored(0, "foreign"), |path| {
        fs::write(path, b"foreign").unwrap();
    });
    let outcome = kept.verify().arg("--repair").json().expect(5);
    assert_eq!(outcome.number("unrepaired_entries"), 1, "{outcome}");
    assert_eq!(fs::read(kept.stored(0, "foreign")).unwrap(), b"foreign");
    let shown = kept.verify().arg("--repair").run().expect(5);
    assert!(shown.stdout().contains("1 damaged entry\n"), "{shown}");
    assert!(shown.stderr().contains("by hand"), "{shown}");
}

#[test]
fn an_ordinary_user_repairs_what_is_his() {
    if !skip_unless(is_root(), "there is another user for root alone") {
        return;
    }
    let scratch = Scratch::new();
    let folder = scratch.ordinary_folder("theirs");
    let source = scratch
        .tree("source")
        .file("closed/file", b"content")
        .mode(0o644);
    let source = source.directory("closed").mode(0o555).build();
    fs::set_permissions(&source, PermissionsExt::from_mode(0o755)).unwrap();
    let store = folder.join("store");
    for day in 0..2 {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        command
            .arg(&source)
            .arg(&store)
            .as_ordinary_user()
            .run()
            .expect(0);
    }
    let tree = |day| {
        let name = store.join(name_of(day));
        TreeImage::of(name)
    };
    let before = [tree(0), tree(1)];
    let path = store
        .join(name_of(0))
        .join(source.strip_prefix("/").unwrap());
    flip(&path.join("closed/file"), 0);
    let verify = |arguments: &[&str]| {
        let command = scratch.hardsnap("verify").arg(&store).args(arguments);
        command.as_ordinary_user().json()
    };
    let outcome = verify(&["--full", "--repair"]).expect(5);
    assert_eq!(outcome.number("unrepaired_entries"), 0, "{outcome}");
    verify(&["--full"]).expect(0);
    for (day, before) in (0..).zip(&before) {
        assert_same(before, &tree(day));
    }
}
