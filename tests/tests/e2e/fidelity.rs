//! A snapshot equals its source, and shares with the one before what did not
//! change.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use filetime::FileTime;
use hardsnap_tests::{
    Mount, Scratch, StoreView, TreeImage, assert_same, assert_unchanged, have, is_root, naive_copy,
    noon, skip_unless, snapshot_name,
};

use crate::trees::{everything, simple};

#[test]
fn a_tree_of_every_kind_equals_its_snapshot() {
    let scratch = Scratch::new();
    let source = everything(&scratch, "source").build();
    let before = TreeImage::of(&source);
    let store = scratch.join("store");
    let outcome = scratch
        .hardsnap("backup")
        .arg("--init")
        .arg(&source)
        .arg(&store)
        .json()
        .expect(0);
    let view = StoreView::new(&store);
    assert_eq!(view.names(), [outcome.text("snapshot")]);
    assert_same(&before, &view.image(&outcome.text("snapshot"), &source));
    assert_unchanged(&before, &TreeImage::of(&source));
    view.assert_tidy();
}

#[test]
fn the_umask_makes_no_difference() {
    let scratch = Scratch::new();
    let source = everything(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for (day, umask) in [(0, "0077"), (1, "0")] {
        fs::write(source.join("empty"), umask).unwrap();
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        command
            .arg(&source)
            .arg(&store)
            .with_umask(umask)
            .run()
            .expect(0);
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&noon(day)), &source),
        );
    }
    view.assert_tidy();
}

#[test]
fn a_second_snapshot_of_an_unchanged_tree_links_every_file() {
    let scratch = Scratch::new();
    let source = everything(&scratch, "source").build();
    let (store, image) = (scratch.join("store"), TreeImage::of(&source));
    let view = StoreView::new(&store);
    scratch.snapshot(&source, &store, &noon(0));
    let first = view.image(&snapshot_name(&noon(0)), &source);
    let outcome = scratch.snapshot(&source, &store, &noon(1));
    let second = view.image(&snapshot_name(&noon(1)), &source);
    assert_same(&image, &second);
    assert_unchanged(&first, &view.image(&snapshot_name(&noon(0)), &source));
    let unshared: BTreeSet<_> = image
        .files()
        .difference(&first.shared_with(&second))
        .cloned()
        .collect();
    assert_eq!(unshared, BTreeSet::new());
    assert_eq!(outcome.text("basis"), snapshot_name(&noon(0)));
    assert_eq!(outcome.number("files_copied"), 0);
    assert_eq!(outcome.number("bytes_copied"), 0);
}

#[test]
fn the_summary_counts_what_was_done() {
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("a", b"12345")
        .file("b/c", b"678")
        .symlink("s", "a")
        .fifo("p")
        .build();
    let store = scratch.join("store");
    let first = scratch.snapshot(&source, &store, &noon(0));
    let counts = [
        "files_copied",
        "bytes_copied",
        "files_linked",
        "bytes_linked",
        "symlinks",
        "specials",
    ];
    assert_eq!(counts.map(|key| first.number(key)), [2, 8, 0, 0, 1, 1]);
    assert_eq!(first.text("status"), "complete");
    assert!(first.summary()["basis"].is_null());
    fs::write(source.join("b/c"), b"changed!").unwrap();
    let second = scratch.snapshot(&source, &store, &noon(1));
    assert_eq!(counts.map(|key| second.number(key))[..4], [1, 8, 1, 5]);
}

#[test]
fn any_difference_makes_a_new_file_and_leaves_the_old_one_alone() {
    type Change = (&'static str, fn(&Path));
    let mut changes: Vec<Change> = vec![
        ("content of the same size", |file| {
            fs::write(file, b"CONTENT").unwrap();
        }),
        ("size", |file| fs::write(file, b"longer content").unwrap()),
        ("mode", |file| {
            fs::set_permissions(file, PermissionsExt::from_mode(0o640)).unwrap();
        }),
        ("setuid", |file| {
            fs::set_permissions(file, PermissionsExt::from_mode(0o4644)).unwrap();
        }),
        ("a nanosecond", |file| {
            let time = FileTime::from_last_modification_time(&file.metadata().unwrap());
            let next = FileTime::from_unix_time(time.unix_seconds(), time.nanoseconds() + 1);
            filetime::set_file_mtime(file, next).unwrap();
        }),
        ("an older time", |file| {
            filetime::set_file_mtime(file, FileTime::from_unix_time(1, 0)).unwrap();
        }),
    ];
    if is_root() {
        changes.push(("owner", |file| chown(file, Some(77), None).unwrap()));
        changes.push(("group", |file| chown(file, None, Some(77)).unwrap()));
    }
    for (what, change) in changes {
        let scratch = Scratch::new();
        let source = simple(&scratch, "source").build();
        let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
        scratch.snapshot(&source, &store, &noon(0));
        let first = view.image(&snapshot_name(&noon(0)), &source);
        change(&source.join("file"));
        scratch.snapshot(&source, &store, &noon(1));
        let second = view.image(&snapshot_name(&noon(1)), &source);
        assert_unchanged(&first, &view.image(&snapshot_name(&noon(0)), &source));
        assert_same(&TreeImage::of(&source), &second);
        let shared = first.shared_with(&second);
        assert!(!shared.contains(&b"file"[..]), "{what}: {shared:?}");
        assert!(
            shared.contains(&b"directory/other"[..]),
            "{what}: {shared:?}"
        );
    }
}

#[test]
fn a_difference_is_seen_with_the_time_put_back() {
    let scratch = Scratch::new();
    let described = |name: &str, size: usize, target: &str, minor: u32| {
        let time = 1_555_555_555;
        let mut tree = scratch
            .tree(name)
            .file("file", vec![b'x'; size])
            .mtime(time, 1);
        tree = tree.symlink("link", target).mtime(time, 2);
        tree = if minor == 3 {
            tree.fifo("special")
        } else {
            tree.socket("special")
        }
        .mtime(time, 3);
        if is_root() {
            tree = tree.character_device("device", 1, minor).mtime(time, 4);
        }
        tree
    };
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let source = described("source", 10, "one", 3).build();
    scratch.snapshot(&source, &store, &noon(0));
    let before = view.image(&snapshot_name(&noon(0)), &source);
    fs::remove_dir_all(&source).unwrap();
    described("source", 11, "two", 5).build();
    scratch.snapshot(&source, &store, &noon(1));
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(1)), &source),
    );
    assert_unchanged(&before, &view.image(&snapshot_name(&noon(0)), &source));
}

#[test]
fn each_kind_may_take_the_place_of_each_other() {
    let scratch = Scratch::new();
    let kinds = ["file", "directory", "symlink", "fifo", "socket"];
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let source = scratch.join("source");
    // In these rounds each name goes from each kind to each other.
    for round in 0..kinds.len() * kinds.len() {
        if source.exists() {
            fs::remove_dir_all(&source).unwrap();
        }
        let mut tree = scratch.tree("source");
        for (position, _) in kinds.iter().enumerate() {
            let step = 1 + round / kinds.len();
            let name = format!("name {position}");
            tree = match kinds[(position + round * step) % kinds.len()] {
                "file" => tree.file(name, b"f"),
                "directory" => tree.file(name + "/below", b"d"),
                "symlink" => tree.symlink(name, "s"),
                "fifo" => tree.fifo(name),
                _ => tree.socket(name),
            };
        }
        tree.build();
        let time = noon(u64::try_from(round).unwrap());
        scratch.snapshot(&source, &store, &time);
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&time), &source),
        );
    }
}

#[test]
fn hard_link_groups_follow_the_source_when_they_change() {
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("a", b"one")
        .hard_link("d/b", "a")
        .hard_link("d/c", "a")
        .file("e", b"two")
        .file("f", b"two")
        .mtime(1_600_000_000, 5)
        .build();
    filetime::set_file_mtime(source.join("e"), FileTime::from_unix_time(1_600_000_000, 5)).unwrap();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch.snapshot(&source, &store, &noon(0));
    // One name leaves the group with all attributes kept; two equal files
    // become one.
    naive_copy(source.join("d/b"), source.join("copy"));
    fs::rename(source.join("copy"), source.join("d/b")).unwrap();
    fs::remove_file(source.join("f")).unwrap();
    fs::hard_link(source.join("e"), source.join("f")).unwrap();
    let first = view.image(&snapshot_name(&noon(0)), &source);
    scratch.snapshot(&source, &store, &noon(1));
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(1)), &source),
    );
    assert_unchanged(&first, &view.image(&snapshot_name(&noon(0)), &source));
    scratch.snapshot(&source, &store, &noon(2));
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(2)), &source),
    );
}

#[test]
fn an_empty_source_makes_an_empty_snapshot() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").mode(0o710).build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch.snapshot(&source, &store, &noon(0));
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(0)), &source),
    );
}

#[test]
fn rsync_finds_no_difference() {
    if !skip_unless(have("rsync"), "rsync is not installed") {
        return;
    }
    let scratch = Scratch::new();
    let source = everything(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for day in 0..2 {
        scratch.snapshot(&source, &store, &noon(day));
        let output = Command::new("rsync")
            .args(["-naHi", "--checksum", "--delete", "--modify-window=-1"])
            .arg(source.join(""))
            .arg(view.tree(&snapshot_name(&noon(day)), &source).join(""))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        fs::write(source.join("empty"), b"no longer").unwrap();
    }
}

#[test]
fn holes_stay_holes() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").file("sparse", b"start").build();
    let file = fs::File::options()
        .write(true)
        .open(source.join("sparse"))
        .unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"middle", 1 << 28).unwrap();
    file.set_len(1 << 29).unwrap();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch.snapshot(&source, &store, &noon(0));
    let stored = view
        .tree(&snapshot_name(&noon(0)), &source)
        .join("sparse")
        .metadata()
        .unwrap();
    assert_eq!(stored.len(), 1 << 29);
    assert!(
        stored.blocks() * 512 < 1 << 22,
        "{} blocks of 512 bytes",
        stored.blocks()
    );
    let mut start = [0; 6];
    let copy = fs::File::open(view.tree(&snapshot_name(&noon(0)), &source).join("sparse")).unwrap();
    std::os::unix::fs::FileExt::read_exact_at(&copy, &mut start, 1 << 28).unwrap();
    assert_eq!(&start, b"middle");
}

#[test]
fn a_store_on_another_filesystem_equals_the_source_as_well() {
    let Some(disk) = Mount::ext4(64) else { return };
    let scratch = Scratch::new();
    let source = everything(&scratch, "source").build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    // From memory to ext4, and from ext4 to itself.
    let near = disk.join("near");
    naive_copy(&source, &near);
    for day in 0..2 {
        let time = noon(day);
        let outcome = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &time])
            .args([&source, &near, &store])
            .json()
            .expect(0);
        for tree in [&source, &near] {
            assert_same(
                &TreeImage::of(tree),
                &view.image(&snapshot_name(&time), tree),
            );
        }
        assert_eq!(outcome.number("files_copied") == 0, day == 1);
    }
    view.assert_tidy();
}
