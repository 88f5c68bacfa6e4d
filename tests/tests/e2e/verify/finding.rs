//! Damage of all kinds is found, and nothing else is taken for it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use filetime::FileTime;
use hardsnap_tests::{Kind, Scratch, TreeImage, is_root, noon, skip_unless};
use rustix::fs::XattrFlags;

use super::{Damage, Kept, damage, flip, name_of, quietly};
use crate::catalog::forget;
use crate::trees::{everything, many, simple};

#[test]
fn a_sound_store_of_everything_has_no_damage() {
    let scratch = Scratch::new();
    let mut kept = Kept::new(&scratch, &everything(&scratch, "source"), 2);
    fs::rename(kept.source.join("large"), kept.source.join("moved")).unwrap();
    fs::remove_file(kept.source.join("one byte")).unwrap();
    fs::write(kept.source.join("added"), b"new").unwrap();
    kept.backup();
    let outcome = kept.assert_sound();
    let image = TreeImage::of(&kept.source);
    // And what is gone.
    let expected = stored_files(&image) + 1;
    assert_eq!(outcome.number("checked_files"), expected, "{outcome}");
    assert_eq!(outcome.number("unhashed_files"), 0);
    assert_eq!(outcome.texts("snapshots"), kept.view.names());
    let counted = |day| {
        let tree = kept.view.snapshot(&name_of(day));
        // And the top.
        TreeImage::of(tree).entries().count() as u64 + 1
    };
    assert_eq!(
        outcome.number("checked_entries"),
        counted(0) + counted(1) + counted(2)
    );
    // The same, without a word.
    let silent = kept.verify().run().expect(0);
    assert_eq!(silent.stdout(), "");
    assert_eq!(silent.stderr(), "");
}

/// The number of files, several names of one counted once.
fn stored_files(image: &TreeImage) -> u64 {
    let files = image
        .entries()
        .filter(|(_, entry)| entry.kind == Kind::File);
    let inodes: BTreeSet<_> = files.map(|(path, _)| image.inode(path)).collect();
    inodes.len() as u64
}

#[test]
fn what_the_destination_could_not_hold_is_no_damage() {
    if !skip_unless(is_root(), "only root can give files away") {
        return;
    }
    let scratch = Scratch::new();
    let folder = scratch.ordinary_folder("theirs");
    let source = scratch
        .tree("source")
        .file("of another", b"text")
        .mode(0o4755)
        .owner(7, 8)
        .xattr("trusted.seen", b"by root alone")
        .character_device("null", 1, 3)
        .mode(0o666)
        .file("plain", b"text")
        .mode(0o644)
        .build();
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
            .expect(3);
    }
    for by_root in [false, true] {
        let command = scratch.hardsnap("verify").arg(&store).arg("--full");
        let command = match by_root {
            true => command,
            false => command.as_ordinary_user(),
        };
        let outcome = command.json().expect(0);
        assert_eq!(outcome.number("checked_files"), 2, "{outcome}");
    }
}

#[test]
fn altered_metadata_are_told_in_all_snapshots_that_share_them() {
    let scratch = Scratch::new();
    let tree = simple(&scratch, "source")
        .file("attributed", b"content")
        .xattr("user.kept", b"value")
        .fifo("fifo")
        .hard_link("linked", "attributed");
    let kept = Kept::new(&scratch, &tree, 3);
    kept.assert_sound();
    let both = ["attributed", "linked"];
    let file = kept.stored(1, "attributed");
    let before = file.metadata().unwrap();

    fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    assert_eq!(kept.damage(&[]), kept.of(&[0, 1, 2], &both, "mode"));
    fs::set_permissions(&file, before.permissions()).unwrap();

    filetime::set_file_mtime(&file, FileTime::from_unix_time(1, 0)).unwrap();
    assert_eq!(kept.damage(&[]), kept.of(&[0, 1, 2], &both, "mtime"));
    let mtime = FileTime::from_last_modification_time(&before);
    filetime::set_file_mtime(&file, mtime).unwrap();

    let set = |name: &str, value: &[u8]| {
        rustix::fs::setxattr(&file, name, value, XattrFlags::empty()).unwrap();
    };
    set("user.kept", b"other");
    assert_eq!(kept.damage(&[]), kept.of(&[0, 1, 2], &both, "xattrs"));
    set("user.kept", b"value");
    set("user.new", b"value");
    assert_eq!(kept.damage(&[]), kept.of(&[0, 1, 2], &both, "xattrs"));
    rustix::fs::removexattr(&file, "user.new").unwrap();

    let fifo = kept.stored(2, "fifo");
    let mode = fifo.metadata().unwrap().permissions();
    fs::set_permissions(&fifo, PermissionsExt::from_mode(0o400)).unwrap();
    assert_eq!(kept.damage(&[]), kept.of(&[0, 1, 2], &["fifo"], "mode"));
    fs::set_permissions(&fifo, mode).unwrap();

    // A directory is of one snapshot alone.
    let directory = kept.stored(1, "directory");
    let mode = directory.metadata().unwrap().permissions();
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(kept.damage(&[]), kept.of(&[1], &["directory"], "mode"));
    fs::set_permissions(&directory, mode).unwrap();
    if is_root() {
        std::os::unix::fs::chown(&file, Some(7), None).unwrap();
        assert_eq!(kept.damage(&[]), kept.of(&[0, 1, 2], &both, "owner"));
        std::os::unix::fs::chown(&file, Some(0), None).unwrap();
    }
    kept.assert_sound();
}

#[test]
fn entries_that_are_missing_foreign_or_others_are_told_where_they_are() {
    let scratch = Scratch::new();
    let tree = simple(&scratch, "source")
        .directory("empty")
        .file("directory/below/a", b"a");
    let kept = Kept::new(&scratch, &tree, 3);
    let mut expected = Damage::new();

    quietly(&kept.stored(0, "file"), |path| {
        fs::remove_file(path).unwrap();
    });
    expected.extend(kept.of(&[0], &["file"], "missing"));
    // One line for a directory, whatever was in it.
    quietly(&kept.stored(1, "directory"), |path| {
        fs::remove_dir_all(path).unwrap();
    });
    expected.extend(kept.of(&[1], &["directory"], "missing"));
    quietly(&kept.stored(2, "directory/foreign"), |path| {
        fs::write(path, b"new").unwrap();
    });
    expected.extend(kept.of(&[2], &["directory/foreign"], "unexpected"));
    quietly(&kept.stored(0, "empty/foreign"), |path| {
        fs::create_dir(path).unwrap();
    });
    expected.extend(kept.of(&[0], &["empty/foreign"], "unexpected"));
    quietly(&kept.stored(1, "link"), |path| {
        fs::remove_file(path).unwrap();
        symlink("elsewhere", path).unwrap();
    });
    let now = kept.stored(0, "link").symlink_metadata().unwrap();
    let mtime = FileTime::from_last_modification_time(&now);
    filetime::set_symlink_file_times(kept.stored(1, "link"), mtime, mtime).unwrap();
    expected.extend(kept.of(&[1], &["link"], "content"));
    quietly(&kept.stored(2, "empty"), |path| {
        fs::remove_dir(path).unwrap();
        fs::write(path, b"").unwrap();
    });
    expected.extend(kept.of(&[2], &["empty"], "kind"));
    assert_eq!(kept.damage(&[]), expected);
    assert_eq!(kept.damage(&["--full"]), expected);
    // What is not asked for is not looked at.
    let asked: Damage = expected
        .into_iter()
        .filter(|(name, ..)| *name == name_of(1))
        .collect();
    assert_eq!(kept.damage(&[&name_of(1)]), asked);
}

#[test]
fn an_equal_file_in_the_place_of_a_stored_one_is_told() {
    let scratch = Scratch::new();
    let kept = Kept::new(&scratch, &simple(&scratch, "source"), 2);
    let file = kept.stored(1, "file");
    let replace = |content: &[u8]| {
        quietly(&file, |path| {
            let before = path.metadata().unwrap();
            fs::remove_file(path).unwrap();
            fs::write(path, content).unwrap();
            fs::set_permissions(path, before.permissions()).unwrap();
            let mtime = FileTime::from_last_modification_time(&before);
            filetime::set_file_mtime(path, mtime).unwrap();
        });
    };
    replace(b"content");
    assert_eq!(kept.damage(&[]), kept.of(&[1], &["file"], "replaced"));
    // It was never compared, so its content is read without being asked for.
    replace(b"c0ntent");
    assert_eq!(kept.damage(&[]), kept.of(&[1], &["file"], "content"));
}

#[test]
fn a_snapshot_that_the_catalog_does_not_know_is_counted() {
    let scratch = Scratch::new();
    let mut kept = Kept::new(&scratch, &everything(&scratch, "source"), 1);
    forget(&kept.store);
    kept.backup();
    let outcome = kept.assert_sound();
    assert_eq!(outcome.texts("snapshots"), [name_of(1)]);
    assert_eq!(outcome.texts("counted_only"), [name_of(0)]);
    let shown = kept.verify().arg("--verbose").run().expect(0);
    assert!(
        shown.stdout().contains("1 snapshot was only counted"),
        "{shown}"
    );
    assert!(shown.stderr().contains("reindex"), "{shown}");
    quietly(&kept.stored(0, "fifo"), |path| {
        fs::remove_file(path).unwrap();
    });
    let outcome = kept.verify().json().expect(5);
    let found = damage(&outcome, &kept.source);
    let expected = (name_of(0), "/".to_owned(), "miscounted".to_owned());
    assert_eq!(found, Damage::from([expected]), "{outcome}");
}

#[test]
fn in_a_directory_of_thousands_each_is_compared() {
    let scratch = Scratch::new();
    let mut tree = scratch.tree("source").file("beside", b"file");
    for number in 0..5_000 {
        tree = tree.file(format!("many/{number:05}"), number.to_string());
    }
    let kept = Kept::new(&scratch, &tree, 2);
    assert_eq!(kept.assert_sound().number("checked_files"), 5_001);
    let mut expected = Damage::new();
    flip(&kept.stored(0, "many/04999"), 1);
    expected.extend(kept.of(&[0, 1], &["many/04999"], "content"));
    quietly(&kept.stored(0, "many/02500"), |path| {
        fs::remove_file(path).unwrap();
    });
    expected.extend(kept.of(&[0], &["many/02500"], "missing"));
    quietly(&kept.stored(1, "many/03000 foreign"), |path| {
        fs::write(path, b"").unwrap();
    });
    expected.extend(kept.of(&[1], &["many/03000 foreign"], "unexpected"));
    assert_eq!(kept.damage(&["--full"]), expected);
    // Far more than was recorded is found by another way, too.
    quietly(&kept.stored(0, "beside"), |beside| {
        for number in 0..30_000 {
            fs::write(beside.with_file_name(format!("{number:064} foreign")), b"").unwrap();
        }
    });
    let outcome = kept.verify().json().expect(5);
    assert_eq!(outcome.number("damaged_entries"), 30_003);
    let listed = outcome.summary()["damaged"].as_array().unwrap().len();
    assert!((10_000..10_010).contains(&listed), "{listed}");
}

#[test]
fn without_a_catalog_it_says_what_to_do() {
    let scratch = Scratch::new();
    let kept = Kept::new(&scratch, &many(simple(&scratch, "source"), 10), 1);
    let file = crate::catalog::file(&kept.store);
    let catalog = fs::read(&file).unwrap();
    forget(&kept.store);
    let outcome = kept.verify().run().expect(1);
    assert!(outcome.stderr().contains("reindex"), "{outcome}");
    // Each row has a checksum.
    let mut damaged = catalog;
    let at = damaged.len() / 2;
    damaged[at..].fill(0x55);
    fs::write(&file, damaged).unwrap();
    let outcome = kept.verify().arg("--full").run().expect(1);
    assert!(outcome.stderr().contains("reindex"), "{outcome}");
    // A store without snapshots needs none.
    let empty = scratch.join("empty");
    scratch.hardsnap("init").arg(&empty).run().expect(0);
    let outcome = scratch.hardsnap("verify").arg(&empty).json().expect(0);
    assert_eq!(outcome.number("checked_entries"), 0);
}
