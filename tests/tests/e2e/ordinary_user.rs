//! Snapshots made by who cannot set owners.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use hardsnap_tests::{
    Mount, NOBODY, Outcome, Scratch, StoreView, TreeImage, assert_same, assert_unchanged,
    has_ordinary_user, is_root, noon, skip_unless, snapshot_name,
};

use crate::trees::simple;

fn backup(scratch: &Scratch, source: &Path, store: &Path, day: u64) -> Outcome {
    let command = scratch
        .hardsnap("backup")
        .args(["--init", "--time", &noon(day)]);
    command.arg(source).arg(store).as_ordinary_user().json()
}

/// A source of several owners, all of it readable.
fn owned_by_others(scratch: &Scratch) -> PathBuf {
    simple(scratch, "source")
        .file("theirs", b"t")
        .owner(1234, 5678)
        .hard_link("theirs too", "theirs")
        .file("their group", b"g")
        .owner(NOBODY, 5678)
        .fifo("their fifo")
        .owner(1, 1)
        .symlink("their link", "theirs")
        .owner(2, 2)
        .file("their directory/file", b"f")
        .directory("their directory")
        .owner(1234, 5678)
        .build()
}

#[test]
fn unchanged_files_are_linked_although_their_owner_cannot_be_kept() {
    if !skip_unless(is_root(), "owners take root") || !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let source = owned_by_others(&scratch);
    let (store, view) = (
        scratch.ordinary_folder("store"),
        StoreView::new(scratch.join("store")),
    );
    let first = backup(&scratch, &source, &store, 0).expect(0);
    // Said once, and no reason to call the snapshot partial.
    assert_eq!(first.text("status"), "complete");
    let second = backup(&scratch, &source, &store, 1).expect(0);
    let [one, two] = [0, 1].map(|day| view.image(&snapshot_name(&noon(day)), &source));
    let expected = TreeImage::of(&source).without_owners();
    assert_same(&expected, &one.clone().without_owners());
    assert_same(&expected, &two.clone().without_owners());
    assert_eq!(second.number("files_copied"), 0);
    assert!(one.shared_with(&two).is_superset(&one.files()));
    assert!(
        one.entries()
            .all(|(_, entry)| (entry.uid, entry.gid) == (NOBODY, NOBODY))
    );
}

#[test]
fn setuid_is_not_given_to_the_wrong_owner() {
    if !skip_unless(is_root(), "owners take root") || !has_ordinary_user() {
        return;
    }
    // A copy of somebody else's setuid program that belongs to the ordinary
    // user runs as that user; its mode is kept, since nobody else reaches it.
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("program", b"p")
        .owner(0, 0)
        .mode(0o4755)
        .build();
    let store = scratch.ordinary_folder("store");
    let view = StoreView::new(&store);
    for day in 0..2 {
        backup(&scratch, &source, &store, day).expect(0);
    }
    let [one, two] = [0, 1].map(|day| view.image(&snapshot_name(&noon(day)), &source));
    assert_eq!(one.shared_with(&two), one.files());
    assert_eq!(store.metadata().unwrap().permissions().mode() & 0o077, 0);
}

#[test]
fn a_snapshot_of_an_ordinary_user_s_own_files_is_exact() {
    if !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let tree = simple(&scratch, "source")
        .fifo("fifo")
        .hard_link("linked", "file")
        .file("private", b"p")
        .mode(0o600);
    let source = tree.build();
    if is_root() {
        for path in [
            "file",
            "directory",
            "directory/other",
            "fifo",
            "private",
            "",
        ] {
            chown(source.join(path), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        std::os::unix::fs::lchown(source.join("link"), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let (store, view) = (
        scratch.ordinary_folder("store"),
        StoreView::new(scratch.join("store")),
    );
    let expected = TreeImage::of(&source);
    for day in 0..2 {
        backup(&scratch, &source, &store, day).expect(0);
        assert_same(&expected, &view.image(&snapshot_name(&noon(day)), &source));
    }
    let [one, two] = [0, 1].map(|day| view.image(&snapshot_name(&noon(day)), &source));
    assert!(one.shared_with(&two).is_superset(&one.files()));
}

#[test]
fn a_store_is_its_owner_s_alone() {
    if !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let folder = scratch.ordinary_folder("folder");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    // Made anew, and made of a folder that was open.
    let open = scratch.ordinary_folder("open");
    fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    for store in [folder.join("store"), open] {
        // What the user lets others do by default makes no difference.
        scratch
            .hardsnap("init")
            .arg(&store)
            .as_ordinary_user()
            .with_umask("0")
            .run()
            .expect(0);
        assert_eq!(mode(&store), 0o700);
        assert_eq!(mode(&store.join(".hardsnap")) & 0o077, 0);
        backup(&scratch, &source, &store, 0).expect(0);
        assert_eq!(mode(&store), 0o700);
    }
}

#[test]
fn root_and_an_ordinary_user_may_take_turns() {
    // A store on a disk that a new owner took over: what the ordinary user
    // made has other owners than the source, so root makes it anew.
    if !skip_unless(is_root(), "owners take root") || !has_ordinary_user() {
        return;
    }
    let Some(disk) = Mount::ext4(32) else { return };
    let scratch = Scratch::new();
    let source = owned_by_others(&scratch);
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    fs::create_dir(&store).unwrap();
    chown(&store, Some(NOBODY), Some(NOBODY)).unwrap();
    backup(&scratch, &source, &store, 0).expect(0);
    let before = view.image(&snapshot_name(&noon(0)), &source);
    let command = scratch
        .hardsnap("backup")
        .args(["--time", &noon(1)])
        .arg(&source)
        .arg(&store)
        .run();
    // A store of another user may be refused; if it is not, all must be right.
    if command.code() == Some(0) {
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&noon(1)), &source),
        );
    }
    assert_unchanged(&before, &view.image(&snapshot_name(&noon(0)), &source));
}
