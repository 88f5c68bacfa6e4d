//! What pruning and deleting take away, and what they never touch.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use hardsnap_tests::{
    Canary, Invariant, Mount, Scratch, StoreView, TreeImage, assert_same, assert_unchanged,
    has_ordinary_user, naive_copy, noon, skip_unless, snapshot_name,
};

use crate::trees::{everything, history, names_of, simple};

#[test]
fn only_our_own_snapshots_are_ever_removed() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = history(&scratch, 5);
    let view = StoreView::new(&store);
    // A directory that looks like a snapshot, others that nearly do, files,
    // symlinks, and a snapshot of another store with its record.
    let strangers = [
        "2023-01-01T12-00-00Z",
        "2023-01-01T12-00-00Z.old",
        "2023-02-30T12-00-00Z",
        "lost+found",
    ];
    for name in strangers {
        scratch
            .tree(&format!("store/{name}"))
            .file("keep/me", name)
            .build();
    }
    fs::write(store.join("2023-01-02T12-00-00Z"), b"a file").unwrap();
    symlink(canary.path(), store.join("2023-01-03T12-00-00Z")).unwrap();
    let foreign = scratch.join("foreign");
    scratch.snapshot(&source, &foreign, "2023-01-04T12:00:00Z");
    naive_copy(
        foreign.join("2023-01-04T12-00-00Z"),
        store.join("2023-01-04T12-00-00Z"),
    );
    let record = ".hardsnap/snapshots/2023-01-04T12-00-00Z.json";
    fs::copy(foreign.join(record), store.join(record)).unwrap();

    let strangers = strangers.into_iter().chain([
        "2023-01-02T12-00-00Z",
        "2023-01-03T12-00-00Z",
        "2023-01-04T12-00-00Z",
    ]);
    let look = || {
        let image = TreeImage::of(&store);
        let changing = names_of(0..5).into_iter().chain([
            snapshot_name(&noon(6)),
            "latest".into(),
            ".hardsnap".into(),
        ]);
        // The store's own directory changes with the snapshots in it.
        changing.fold(image, TreeImage::without).map(|path, entry| {
            if path.is_empty() {
                entry.mtime = (0, 0);
            }
        })
    };
    let before = look();
    for name in strangers {
        assert!(before.find(name).is_some(), "{name} is not looked at");
        let outcome = scratch
            .hardsnap("delete")
            .arg(&store)
            .args([name, "--yes"])
            .run();
        assert_eq!(outcome.code(), Some(1), "{outcome}");
    }
    assert_unchanged(&before, &look());
    let outcome = scratch
        .hardsnap("prune")
        .arg(&store)
        .args(["--keep-last", "1", "--now", &noon(5)])
        .run();
    assert!([Some(0), Some(4)].contains(&outcome.code()), "{outcome}");
    assert_unchanged(&before, &look());
    for name in names_of(0..4) {
        assert!(!view.snapshot(&name).exists(), "{name} was to go");
    }
    scratch.snapshot(&source, &store, &noon(6));
    assert_unchanged(&before, &look());
    assert!(store.join(record).exists());
    canary.assert_untouched();
}

#[test]
fn a_snapshot_replaced_by_a_symlink_is_not_followed() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = history(&scratch, 4);
    let name = snapshot_name(&noon(1));
    fs::rename(store.join(&name), scratch.join("moved away")).unwrap();
    symlink(canary.path(), store.join(&name)).unwrap();
    let outcome = scratch
        .hardsnap("prune")
        .arg(&store)
        .args(["--keep-last", "1", "--now", &noon(5)])
        .run();
    assert!([Some(0), Some(4)].contains(&outcome.code()), "{outcome}");
    canary.assert_untouched();
    assert!(
        fs::symlink_metadata(store.join(&name))
            .unwrap()
            .is_symlink(),
        "it is not ours to remove"
    );
    scratch.snapshot(&source, &store, &noon(6));
    canary.assert_untouched();
}

#[test]
fn symlinks_inside_a_snapshot_are_removed_and_not_followed() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = (scratch.join("source"), scratch.join("store"));
    let target = canary.path().as_os_str().as_encoded_bytes();
    scratch
        .tree("source")
        .symlink("link", target)
        .symlink("d/link", b"../../canary/below")
        .file("f", b"x")
        .build();
    scratch.snapshot(&source, &store, &noon(0));
    scratch.snapshot(&source, &store, &noon(1));
    scratch
        .hardsnap("prune")
        .arg(&store)
        .args(["--keep-last", "1", "--now", &noon(1)])
        .run()
        .expect(0);
    assert_eq!(StoreView::new(&store).names(), names_of([1]));
    StoreView::new(&store).assert_tidy();
    canary.assert_untouched();
}

#[test]
fn delete_removes_what_is_named_and_latest_stays_valid() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = history(&scratch, 6);
    let view = StoreView::new(&store);
    let invariant = Invariant::new(&store, &canary);
    let delete = |names: &[&str]| {
        scratch
            .hardsnap("delete")
            .arg(&store)
            .args(names)
            .args(["--yes"])
            .run()
    };
    let [zero, one, two, three] = [0, 1, 2, 3].map(|day| snapshot_name(&noon(day)));
    delete(&[&one, &three]).expect(0);
    assert_eq!(view.names(), names_of([0, 2, 4, 5]));
    // A unique prefix, and counting back from the newest.
    delete(&["2024-01-01"]).expect(0);
    delete(&["latest~2"]).expect(0);
    assert_eq!(view.names(), names_of([4, 5]));
    invariant.check_without(&[zero, one, two, three].into());
    view.assert_tidy();
    // A prefix of several names none.
    delete(&["2024-01-0"]).expect(1);
    assert_eq!(view.names(), names_of([4, 5]));
    // Either the newest is refused, or `latest` goes back to the one before.
    let newest = delete(&["latest"]);
    assert!([Some(0), Some(1)].contains(&newest.code()), "{newest}");
    assert_eq!(view.latest(), view.names().pop());
    scratch.snapshot(&source, &store, &noon(9));
    view.assert_tidy();
}

#[test]
fn trees_of_every_kind_and_mode_can_be_removed() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = everything(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for day in 0..3 {
        scratch.snapshot(&source, &store, &noon(day));
    }
    let invariant = Invariant::new(&store, &canary);
    scratch
        .hardsnap("prune")
        .arg(&store)
        .args(["--keep-last", "1", "--now", &noon(2)])
        .run()
        .expect(0);
    assert_eq!(view.names(), names_of([2]));
    invariant.check_without(&names_of(0..2).into_iter().collect());
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(2)), &source),
    );
    view.assert_tidy();
}

#[test]
fn an_ordinary_user_removes_trees_that_it_may_not_write() {
    if !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("a/b/file", b"x")
        .directory("a/b")
        .mode(0o555)
        .directory("a")
        .mode(0o555)
        .build();
    let store = scratch.ordinary_folder("store");
    let backup = |day: u64| {
        let command =
            scratch
                .hardsnap("backup")
                .args(["--init", "--time", &noon(day), "--keep-last", "1"]);
        command
            .arg(&source)
            .arg(&store)
            .as_ordinary_user()
            .run()
            .expect(0);
    };
    (0..3).for_each(backup);
    let view = StoreView::new(&store);
    assert_eq!(view.names(), names_of([2]));
    assert_same(
        &TreeImage::of(&source).without_owners(),
        &view
            .image(&snapshot_name(&noon(2)), &source)
            .without_owners(),
    );
    view.assert_tidy();
}

#[test]
fn a_mount_inside_a_tree_that_is_removed_is_not_crossed() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = history(&scratch, 3);
    let view = StoreView::new(&store);
    let name = snapshot_name(&noon(0));
    let point = view.tree(&name, &source).join("directory");
    let Some(mount) = Mount::bind(canary.path(), &point) else {
        return;
    };
    let prune = || {
        scratch
            .hardsnap("prune")
            .arg(&store)
            .args(["--keep-last", "1", "--now", &noon(3)])
            .run()
    };
    prune().expect(1);
    canary.assert_untouched();
    // The mount went along into the trash, or holds its snapshot in place.
    let in_trash = view.trash();
    assert_eq!(
        in_trash.len() + usize::from(view.snapshot(&name).exists()),
        1
    );
    if let [given_up] = in_trash.as_slice() {
        let below = Path::new(given_up)
            .join(source.strip_prefix("/").unwrap())
            .join("directory");
        assert!(
            Command::new("umount")
                .arg(store.join(".hardsnap/trash").join(below))
                .status()
                .unwrap()
                .success()
        );
    }
    drop(mount);
    prune().expect(0);
    assert_eq!(view.names(), names_of([2]));
    view.assert_tidy();
    canary.assert_untouched();
}

#[test]
fn what_cannot_be_removed_waits_in_the_trash() {
    let Some(disk) = Mount::ext4(32) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    for day in 0..2 {
        scratch.snapshot(&source, &store, &noon(day));
        fs::write(source.join("file"), b"changed").unwrap();
    }
    // What is not kept as the spare is removed at once.
    let marker = store.join(".hardsnap/store.toml");
    let text = fs::read_to_string(&marker).unwrap();
    fs::write(
        &marker,
        text.replacen("format = 1", "format = 1\nspare = false", 1),
    )
    .unwrap();
    let file = view.tree(&snapshot_name(&noon(0)), &source).join("file");
    let chattr = |option: &str, path: &Path| {
        Command::new("chattr")
            .arg(option)
            .arg(path)
            .status()
            .unwrap()
            .success()
    };
    if !skip_unless(chattr("+i", &file), "chattr +i is refused here") {
        return;
    }
    let prune = || {
        scratch
            .hardsnap("prune")
            .arg(&store)
            .args(["--keep-last", "1", "--now", &noon(1)])
            .run()
    };
    prune().expect(1);
    assert_eq!(view.names(), names_of([1]));
    assert_eq!(view.records(), names_of([1]));
    let [left] = view.trash().try_into().unwrap();
    let file = store
        .join(".hardsnap/trash")
        .join(left)
        .join(source.strip_prefix("/").unwrap())
        .join("file");
    assert!(chattr("-i", &file));
    scratch.snapshot(&source, &store, &noon(2));
    view.assert_tidy();
    assert_eq!(view.names(), names_of([1, 2]));
}

#[test]
fn every_command_lists_what_it_cannot_remove_and_the_next_one_tries_again() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = history(&scratch, 4);
    let view = StoreView::new(&store);
    // A mount in a snapshot stands for all that resists, as what a server
    // keeps of files that somebody has open.
    let point = view
        .tree(&snapshot_name(&noon(0)), &source)
        .join("directory");
    let Some(mount) = Mount::bind(canary.path(), &point) else {
        return;
    };
    let delete = scratch.hardsnap("delete").arg(&store).arg("2024-01-01");
    let outcome = delete.arg("--yes").json().expect(1);
    let left = |outcome: &hardsnap_tests::Outcome| {
        let summary = outcome.summary();
        let left = summary["left_behind"].as_array().unwrap();
        assert!(!left.is_empty(), "{outcome}");
        assert!(
            left.iter()
                .all(|one| one["error"].as_str().is_some_and(|why| !why.is_empty())),
            "{outcome}"
        );
    };
    left(&outcome);
    assert_eq!(view.names(), names_of(1..4));
    let prune = || {
        let command = scratch.hardsnap("prune").arg(&store);
        command.args(["--keep-last", "9", "--now", &noon(4)]).json()
    };
    left(&prune().expect(1));
    let time = noon(4);
    let backup = || {
        let command = scratch
            .hardsnap("backup")
            .args(["--keep-last", "9", "--time", &time]);
        command.arg(&source).arg(&store).json()
    };
    left(&backup().expect(4));
    canary.assert_untouched();
    assert_eq!(view.names(), names_of(1..5));
    let below = Path::new(&view.trash()[0]).join(source.strip_prefix("/").unwrap());
    let moved = store.join(".hardsnap/trash").join(below).join("directory");
    assert!(
        Command::new("umount")
            .arg(moved)
            .status()
            .unwrap()
            .success()
    );
    drop(mount);
    prune().expect(0);
    view.assert_tidy();
}
