//! `hardsnap tree` does what `rsync -a -H --link-dest` does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use filetime::FileTime;
use hardsnap_tests::{
    Canary, Clock, Scratch, TreeImage, apply, assert_same, assert_unchanged, cases, day_of_edits,
    have, noon, skip_unless, snapshot_name,
};
use proptest::prelude::proptest;

use crate::trees::{everything, simple};

fn rsync(source: &Path, basis: Option<&Path>, target: &Path) {
    let mut command = Command::new("rsync");
    // Rsync compares whole seconds unless told otherwise.
    command.args(["-aH", "--modify-window=-1"]);
    if let Some(basis) = basis {
        command.arg("--link-dest").arg(basis);
    }
    let status = command
        .arg(source.join(""))
        .arg(target.join(""))
        .status()
        .unwrap();
    assert!(status.success());
}

/// Returns the names that stand for the same inode in both trees, readable.
fn shared(basis: &Path, target: &Path) -> BTreeSet<String> {
    let paths = TreeImage::of(basis).shared_with(&TreeImage::of(target));
    paths
        .iter()
        .map(|path| path.escape_ascii().to_string())
        .collect()
}

fn tree(scratch: &Scratch, source: &Path, basis: Option<&Path>, target: &Path) {
    let mut command = scratch.hardsnap("tree");
    if let Some(basis) = basis {
        command = command.arg("--link-dest").arg(basis);
    }
    command.arg(source).arg(target).run().expect(0);
}

#[test]
fn a_tree_lands_in_its_target() {
    let scratch = Scratch::new();
    let source = everything(&scratch, "source").build();
    let empty = scratch.join("empty");
    fs::create_dir(&empty).unwrap();
    for target in [scratch.join("new"), empty] {
        tree(&scratch, &source, None, &target);
        assert_same(&TreeImage::of(&source), &TreeImage::of(&target));
    }
}

#[test]
fn link_dest_shares_what_rsync_shares() {
    if !skip_unless(have("rsync"), "rsync is not installed") {
        return;
    }
    let scratch = Scratch::new();
    let source = everything(&scratch, "source").build();
    let [theirs, ours] = ["rsync 0", "hardsnap 0"].map(|name| scratch.join(name));
    rsync(&source, None, &theirs);
    tree(&scratch, &source, None, &ours);
    assert_same(&TreeImage::of(&theirs), &TreeImage::of(&ours));

    fs::write(source.join("empty"), b"filled").unwrap();
    fs::remove_file(source.join("setuid")).unwrap();
    fs::rename(source.join("files"), source.join("renamed files")).unwrap();
    fs::write(source.join("new"), b"new").unwrap();
    filetime::set_file_mtime(source.join("large"), FileTime::from_unix_time(1, 2)).unwrap();
    fs::remove_file(source.join("one byte")).unwrap();
    fs::create_dir(source.join("one byte")).unwrap();
    let [theirs_next, ours_next] = ["rsync 1", "hardsnap 1"].map(|name| scratch.join(name));
    rsync(&source, Some(&theirs), &theirs_next);
    tree(&scratch, &source, Some(&ours), &ours_next);
    assert_same(&TreeImage::of(&theirs_next), &TreeImage::of(&ours_next));
    let expected = shared(&theirs, &theirs_next);
    assert_eq!(expected, shared(&ours, &ours_next));

    // Each may take what the other made for its basis.
    let mixed = scratch.join("mixed");
    tree(&scratch, &source, Some(&theirs), &mixed);
    assert_eq!(expected, shared(&theirs, &mixed));
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn random_changes_give_the_tree_that_rsync_gives(first in day_of_edits(), second in day_of_edits()) {
        if !skip_unless(have("rsync"), "rsync is not installed") {
            return Ok(());
        }
        let scratch = Scratch::new();
        let source = simple(&scratch, "source").build();
        let mut clock = Clock::default();
        first.iter().for_each(|edit| apply(edit, &source, &mut clock));
        let [theirs, ours] = ["rsync 0", "hardsnap 0"].map(|name| scratch.join(name));
        rsync(&source, None, &theirs);
        tree(&scratch, &source, None, &ours);
        let basis = TreeImage::of(&ours);
        second.iter().for_each(|edit| apply(edit, &source, &mut clock));
        let [theirs_next, ours_next] = ["rsync 1", "hardsnap 1"].map(|name| scratch.join(name));
        rsync(&source, Some(&theirs), &theirs_next);
        tree(&scratch, &source, Some(&ours), &ours_next);
        // Rsync links two files to one of the basis when they were linked to
        // each other there and are no longer; a snapshot follows the source.
        let mut differences = TreeImage::of(&theirs_next).differences(&TreeImage::of(&ours_next));
        differences.retain(|one| one.field != "link group");
        assert!(differences.is_empty(), "{differences:?}");
        assert_same(&TreeImage::of(&source), &TreeImage::of(&ours_next));
        assert_unchanged(&basis, &TreeImage::of(&ours));
    }
}

#[test]
fn a_snapshot_may_be_the_basis_of_a_tree() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    let basis = store
        .join(snapshot_name(&noon(0)))
        .join(source.strip_prefix("/").unwrap());
    let before = TreeImage::of(&basis);
    let target = scratch.join("target");
    tree(&scratch, &source, Some(&basis), &target);
    let made = TreeImage::of(&target);
    assert_same(&TreeImage::of(&source), &made);
    assert!(before.shared_with(&made).is_superset(&made.files()));
    assert_unchanged(&before, &TreeImage::of(&basis));
    canary.assert_untouched();
}
