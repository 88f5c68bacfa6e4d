//! What the snapshot does not have goes only when it is asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use hardsnap_tests::{
    Canary, Mount, Outcome, Scratch, TreeImage, assert_same, assert_untouched, noon,
};

use super::restore_in_place;
use crate::trees::simple;

/// A source with a snapshot, in which something came up since.
fn grown(scratch: &Scratch) -> (PathBuf, PathBuf, TreeImage) {
    let source = simple(scratch, "source").build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    let before = TreeImage::of(&source);
    fs::write(source.join("new"), "n").unwrap();
    fs::create_dir_all(source.join("directory/new too/below")).unwrap();
    fs::write(source.join("directory/new too/below/file"), "n").unwrap();
    (source, store, before)
}

fn deleted(outcome: &Outcome) -> BTreeSet<String> {
    let summary = outcome.summary();
    let list = summary["deleted"].as_array().unwrap();
    let path = |one: &serde_json::Value| one["path"].as_str().unwrap().to_owned();
    list.iter().map(path).collect()
}

#[test]
fn nothing_is_deleted_without_the_word_and_a_look() {
    let scratch = Scratch::new();
    let (source, store, _) = grown(&scratch);
    let now = TreeImage::of(&source);
    let run = || restore_in_place(&scratch, &store, &source);
    run().run().expect(0);
    assert!(source.join("new").exists());
    // There is nobody to ask.
    let refused = run().args(["--delete", "--overwrite", "changed"]).run();
    assert!(refused.expect(2).stderr().contains("--yes"));
    // Elsewhere nothing is deleted, and no answer would change that.
    let elsewhere = scratch.hardsnap("restore").arg(&store).arg("latest");
    let refused = elsewhere.args(["--delete", "--to", "elsewhere"]).run();
    assert!(refused.expect(2).stderr().contains("cannot be used with"));
    assert_untouched(&now, &TreeImage::of(&source));
    let would = run().args(["--delete", "--dry-run"]).json().expect(0);
    let named = ["directory/new too", "new"].map(|name| source.join(name));
    let named = named.map(|path| path.to_str().unwrap().to_owned());
    assert_eq!(deleted(&would), BTreeSet::from(named.clone()));
    let told = run().args(["--delete", "--dry-run"]).run().expect(0);
    for name in &named {
        assert!(
            told.stdout().contains(&format!("would delete {name}\n")),
            "{told}"
        );
    }
    assert_untouched(&now, &TreeImage::of(&source));
}

#[test]
fn what_the_snapshot_does_not_have_goes_and_times_are_right_after() {
    let scratch = Scratch::new();
    let (source, store, before) = grown(&scratch);
    let run = || {
        let command = restore_in_place(&scratch, &store, &source);
        command.args(["--delete", "--yes", "--overwrite", "changed"])
    };
    let outcome = run().json().expect(0);
    assert_eq!(deleted(&outcome).len(), 2);
    assert_same(&before, &TreeImage::of(&source));
    assert_eq!(deleted(&run().json().expect(0)).len(), 0);
}

#[test]
fn a_directory_in_the_way_goes_with_the_others() {
    let scratch = Scratch::new();
    let (source, store, before) = grown(&scratch);
    fs::remove_file(source.join("file")).unwrap();
    fs::create_dir_all(source.join("file/below")).unwrap();
    let command = restore_in_place(&scratch, &store, &source);
    let command = command.args(["--delete", "--yes", "--overwrite", "changed"]);
    let outcome = command.json().expect(0);
    assert_eq!(deleted(&outcome).len(), 3, "{outcome}");
    assert_same(&before, &TreeImage::of(&source));
}

#[test]
fn only_what_was_asked_for_is_looked_through() {
    let scratch = Scratch::new();
    let (source, store, _) = grown(&scratch);
    let path = source.join("directory");
    let command = restore_in_place(&scratch, &store, &path);
    let outcome = command.args(["--delete", "--yes"]).json().expect(0);
    assert_eq!(deleted(&outcome).len(), 1);
    assert!(source.join("new").exists());
    assert!(!source.join("directory/new too").exists());
}

#[test]
fn the_store_mounts_and_what_could_not_be_read_are_never_deleted() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = simple(&scratch, "source").build();
    let store = source.join("later/store");
    let first = scratch.join("first");
    scratch.snapshot(&source, &first, &noon(0));
    // A store that came into the source only after its snapshot was made.
    fs::create_dir(source.join("later")).unwrap();
    fs::rename(&first, &store).unwrap();
    let before = TreeImage::of(&store);
    fs::create_dir(source.join("mounted")).unwrap();
    let mount = Mount::bind(canary.path(), &source.join("mounted"));
    fs::write(source.join("new"), "n").unwrap();
    let command = restore_in_place(&scratch, &store, &source);
    let outcome = command.args(["--delete", "--yes"]).json();
    assert!(store.join(".hardsnap/store.toml").exists(), "{outcome}");
    hardsnap_tests::assert_unchanged(&before, &TreeImage::of(&store));
    canary.assert_untouched();
    assert!(!source.join("new").exists());
    drop(mount);
}

#[test]
fn what_a_partial_snapshot_lacks_is_not_deleted() {
    if !hardsnap_tests::has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let folder = scratch.ordinary_folder("folder");
    let source = folder.join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "f").unwrap();
    fs::write(source.join("unreadable"), "u").unwrap();
    let modes = |path: &str, mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(source.join(path), mode).unwrap();
    };
    modes("unreadable", 0o000);
    for path in ["", "file", "unreadable"] {
        if hardsnap_tests::is_root() {
            let nobody = Some(hardsnap_tests::NOBODY);
            std::os::unix::fs::chown(source.join(path), nobody, nobody).unwrap();
        }
    }
    let store = folder.join("store");
    let backup = scratch.hardsnap("backup").arg("--init").arg(&source);
    backup.arg(&store).as_ordinary_user().run().expect(3);
    let command = restore_in_place(&scratch, &store, &source);
    let command = command.args(["--delete", "--yes"]).as_ordinary_user();
    let outcome = command.json();
    assert_eq!(deleted(&outcome).len(), 0, "{outcome}");
    assert!(source.join("unreadable").exists());
}
