//! Files that the basis lacks and an older snapshot has: linked to that one.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use filetime::FileTime;
use hardsnap_tests::{
    Outcome, Scratch, StoreView, TreeImage, assert_same, has_ordinary_user, noon, snapshot_name,
};

use crate::catalog::{Days, can_age, edit_quietly};

/// Moves an entry out of the source for one backup, and back in.
fn is_away_for_a_day(days: &mut Days<'_>, name: &str) {
    let (inside, outside) = (days.path(name), days.scratch.join("away"));
    fs::rename(&inside, &outside).unwrap();
    days.next();
    fs::rename(&outside, &inside).unwrap();
}

/// Writes a file anew, with the mtime that it had.
fn put_back(path: &Path, content: &[u8], mtime: FileTime) {
    fs::write(path, content).unwrap();
    filetime::set_file_mtime(path, mtime).unwrap();
}

fn taken_out(path: &Path) -> FileTime {
    let mtime = FileTime::from_last_modification_time(&path.metadata().unwrap());
    fs::remove_file(path).unwrap();
    mtime
}

#[test]
fn what_could_not_be_read_once_is_linked_to_the_snapshot_before() {
    if !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("secret", b"secret")
        .file("closed/inside", b"inside")
        .hard_link("closed/another name", "closed/inside")
        .file("open", b"open")
        .build();
    let folder = scratch.ordinary_folder("folder");
    let (store, view) = (folder.join("store"), StoreView::new(folder.join("store")));
    let backup = |day: u64| -> Outcome {
        let command = scratch.hardsnap("backup").args(["--init", "--no-prune"]);
        let command = command.args(["--time", &noon(day)]).arg(&source);
        command.arg(&store).as_ordinary_user().json()
    };
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(source.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let stored = |day: u64, name: &str| {
        let tree = view.tree(&snapshot_name(&noon(day)), &source);
        tree.join(name).metadata().unwrap().ino()
    };
    backup(0).expect(0);
    mode("secret", 0);
    mode("closed", 0);
    let partial = backup(1).expect(3);
    assert_eq!(partial.skipped().len(), 2, "{partial}");
    mode("secret", 0o644);
    mode("closed", 0o755);
    let whole = backup(2).expect(0);
    assert_eq!(whole.text("basis"), snapshot_name(&noon(1)));
    assert_eq!(whole.number("files_copied"), 0, "{whole}");
    assert_eq!(whole.number("files_moved"), 0, "{whole}");
    assert_eq!(whole.number("bytes_linked"), 6 + 6 + 6 + 4, "{whole}");
    for name in ["secret", "closed/inside", "closed/another name", "open"] {
        assert_eq!(stored(2, name), stored(0, name), "{name}");
    }
    let made = view.image(&snapshot_name(&noon(2)), &source);
    assert_same(
        &TreeImage::of(&source).without_owners(),
        &made.without_owners(),
    );
    view.assert_tidy();
}

#[test]
fn a_directory_that_was_away_for_a_day_is_linked_unread() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let tree = scratch.tree("source").file("stays", b"stays");
    let tree = tree.file("kept/a", b"a").file("kept/below/b", b"b");
    let mut days = Days::begin(&scratch, tree.build());
    // Of a file without a hash the content tells nothing.
    for name in ["kept/a", "kept/below/b"] {
        fs::write(days.path(name), format!("{name} again")).unwrap();
    }
    days.run(|command| command.arg("--no-hash"));
    is_away_for_a_day(&mut days, "kept");
    let outcome = days.next();
    assert_eq!(outcome.surprises(), [""; 0], "{outcome}");
    assert_eq!(outcome.number("files_copied"), 0, "{outcome}");
    assert_eq!(outcome.number("files_linked"), 3, "{outcome}");
    assert_eq!(days.stored(0, "kept/a"), days.stored(2, "kept/a"));
    // From now on it is like any other.
    let outcome = days.next();
    assert_eq!(outcome.number("files_linked"), 3, "{outcome}");

    // What was done to it while it was away shows in its ctime.
    is_away_for_a_day(&mut days, "kept");
    edit_quietly(&days.path("kept/below/b"));
    let outcome = days.next();
    assert_eq!(outcome.number("files_copied"), 1, "{outcome}");
}

#[test]
fn a_file_that_was_put_back_is_linked_if_its_content_is_the_same() {
    let scratch = Scratch::new();
    let mut tree = scratch.tree("source").file("stays", b"stays");
    for name in ["same", "other content", "other mode", "other mtime"] {
        tree = tree.file(name, b"content");
    }
    let mut days = Days::begin(&scratch, tree.build());
    let names = ["same", "other content", "other mode", "other mtime"];
    let mtimes = names.map(|name| taken_out(&days.path(name)));
    days.next();
    days.next();
    for (name, mtime) in names.into_iter().zip(mtimes) {
        put_back(&days.path(name), b"content", mtime);
    }
    put_back(&days.path("other content"), b"CONTENT", mtimes[1]);
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(days.path("other mode"), private).unwrap();
    filetime::set_file_mtime(days.path("other mtime"), FileTime::from_unix_time(7, 7)).unwrap();
    let outcome = days.next();
    assert_eq!(outcome.number("files_copied"), 3, "{outcome}");
    assert_eq!(outcome.number("files_linked"), 2, "{outcome}");
    assert_eq!(days.stored(0, "same"), days.stored(3, "same"));
    for name in &names[1..] {
        assert_ne!(days.stored(0, name), days.stored(3, name), "{name}");
    }
}

#[test]
fn of_several_older_versions_the_newest_that_fits_is_taken() {
    let scratch = Scratch::new();
    let tree = scratch.tree("source").file("stays", b"stays");
    let mut days = Days::begin(&scratch, tree.file("file", b"first").build());
    let path = days.path("file");
    let first = FileTime::from_last_modification_time(&path.metadata().unwrap());
    put_back(&path, b"other", FileTime::from_unix_time(1_000, 0));
    days.next();
    put_back(&path, b"first", first);
    days.next();
    fs::remove_file(&path).unwrap();
    days.next();
    put_back(&path, b"other", FileTime::from_unix_time(1_000, 0));
    days.next();
    assert_eq!(days.stored(0, "file"), days.stored(3, "file"));
    fs::remove_file(&path).unwrap();
    days.next();
    put_back(&path, b"first", first);
    days.next();
    assert_eq!(days.stored(0, "file"), days.stored(4, "file"));
    assert_ne!(days.stored(0, "file"), days.stored(6, "file"));
}

#[test]
fn what_an_older_snapshot_does_not_have_any_more_is_copied() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").file("stays", b"stays");
    let source = source.file("replaced", b"replaced").file("gone", b"gone");
    let source = source.file("deleted", b"deleted").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let backup = |day: u64| {
        let command = scratch.hardsnap("backup").args(["--init", "--no-prune"]);
        let command = command.args(["--time", &noon(day)]).arg(&source);
        command.arg(&store).json().expect(0)
    };
    backup(0);
    let names = ["replaced", "gone", "deleted"];
    let mtimes = names.map(|name| taken_out(&source.join(name)));
    backup(1);
    let old = view.tree(&snapshot_name(&noon(0)), &source);
    put_back(&old.join("aside"), b"REPLACED", mtimes[0]);
    fs::rename(old.join("aside"), old.join("replaced")).unwrap();
    fs::remove_file(old.join("gone")).unwrap();
    for (name, mtime) in names.into_iter().zip(mtimes) {
        put_back(&source.join(name), name.as_bytes(), mtime);
    }
    let outcome = backup(2);
    assert_eq!(outcome.number("files_copied"), 2, "{outcome}");
    let made = view.image(&snapshot_name(&noon(2)), &source);
    assert_same(&TreeImage::of(&source), &made);

    let mtime = taken_out(&source.join("deleted"));
    backup(3);
    let delete = scratch.hardsnap("delete").arg("--yes").arg(&store);
    let older = [0, 2].map(|day| snapshot_name(&noon(day)));
    delete.args(older.each_ref()).run().expect(0);
    put_back(&source.join("deleted"), b"deleted", mtime);
    assert_eq!(backup(4).number("files_copied"), 1);
    view.assert_tidy();
}
