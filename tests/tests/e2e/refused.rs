//! What the destination refuses, and the catalog keeps.

use std::fs;
use std::path::Path;

use hardsnap_tests::{OddDisk, Outcome, Quirk, Scratch, noon};

use crate::catalog::{Ledger, Version};

fn backup(scratch: &Scratch, source: &Path, store: &Path, day: u64) -> Outcome {
    let command = scratch.hardsnap("backup").args(["--init", "--no-prune"]);
    let command = command.args(["--time", &noon(day)]).arg(source);
    command.arg(store).json()
}

fn kept(store: &Path, path: &Path) -> Option<Version> {
    let ledger = Ledger::of(store);
    let newest = ledger.snapshots.last().unwrap().sequence;
    ledger.find(newest, path).cloned()
}

#[track_caller]
fn assert_only_kept(store: &Path, path: &Path, target: &str) {
    let version = kept(store, path).expect("a row");
    assert_eq!(version.stored, None, "{version:?}");
    assert_eq!(version.target.as_deref(), Some(target.as_bytes()));
}

#[test]
fn a_symlink_that_is_refused_is_kept_as_long_as_it_is_there() {
    let Some(disk) = OddDisk::mount(&[Quirk::NoSymlinks]) else {
        return;
    };
    let scratch = Scratch::new();
    let source = scratch.tree("source").file("file", b"file");
    let source = source.symlink("link", "file").build();
    let (store, link) = (disk.join("store"), source.join("link"));
    for day in 0..2 {
        backup(&scratch, &source, &store, day).expect(3);
        assert_only_kept(&store, &link, "file");
    }
    scratch.hardsnap("reindex").arg(&store).run().expect(0);
    assert_only_kept(&store, &link, "file");
    fs::remove_file(&link).unwrap();
    backup(&scratch, &source, &store, 2).expect(0);
    assert!(kept(&store, &link).is_none());
    assert!(kept(&store, &source.join("file")).is_some());
}

#[test]
fn of_a_name_that_is_refused_the_catalog_has_what_needs_no_data() {
    let Some(disk) = OddDisk::mount(&[Quirk::FoldsCase]) else {
        return;
    };
    let scratch = Scratch::new();
    let source = scratch.tree("source");
    let source = source.file("file", b"one").file("FILE", b"two");
    let source = source.symlink("link", "one").symlink("LINK", "two").build();
    let store = disk.join("store");
    let outcome = backup(&scratch, &source, &store, 0).expect(3);
    assert_eq!(outcome.skipped().len(), 2, "{outcome}");
    // Which one of two comes first is not told.
    let stored = |name: &str| kept(&store, &source.join(name)).map(|row| row.stored.is_some());
    let mut files = ["file", "FILE"].map(stored);
    files.sort_unstable();
    assert_eq!(files, [None, Some(true)]);
    let links = [("link", "one"), ("LINK", "two")];
    let refused = links.map(|(name, target)| {
        let row = kept(&store, &source.join(name)).expect("a row");
        assert_eq!(row.target.as_deref(), Some(target.as_bytes()));
        row.stored.is_none()
    });
    assert_ne!(refused[0], refused[1]);
}
