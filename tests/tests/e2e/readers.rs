//! What is being read stays: the locks of `docs/format.md`, held from outside.

use std::fs::File;
use std::path::Path;

use hardsnap_tests::{Scratch, StoreView, noon, snapshot_name};
use rustix::fs::{FlockOperation, flock};

use crate::trees::{history, names_of};

/// Reads a snapshot as another program would, until this is dropped.
fn reader(store: &Path, day: u64) -> File {
    let tree = File::open(store.join(snapshot_name(&noon(day)))).unwrap();
    flock(&tree, FlockOperation::NonBlockingLockShared).unwrap();
    tree
}

#[test]
fn pruning_leaves_behind_what_is_being_read_and_says_so() {
    let scratch = Scratch::new();
    let (source, store) = history(&scratch, 4);
    let view = StoreView::new(&store);
    let reading = reader(&store, 1);
    let prune = |now| {
        let command = scratch.hardsnap("prune").arg(&store);
        command.args(["--keep-last", "1", "--now", &noon(now)])
    };
    let outcome = prune(4).json().expect(4);
    assert_eq!(outcome.texts("removed_snapshots"), names_of([0, 2]));
    let left = &outcome.summary()["left_behind"][0];
    assert!(left["path"].as_str().unwrap().ends_with(&names_of([1])[0]));
    assert_eq!(left["error"], "it is being read");
    assert_eq!(outcome.texts("being_read"), names_of([1]));
    assert_eq!(view.names(), names_of([1, 3]));
    let told = prune(4).run().expect(4);
    assert!(told.stderr().contains("it is being read"), "{told}");
    // A backup goes by the same rule.
    let command = scratch.hardsnap("backup").arg(&source).arg(&store);
    let command = command.args(["--keep-last", "1", "--time", &noon(5)]);
    let outcome = command.json().expect(4);
    assert_eq!(outcome.texts("removed_snapshots"), names_of([3]));
    assert_eq!(view.names(), names_of([1, 5]));
    drop(reading);
    let outcome = prune(6).json().expect(0);
    assert_eq!(outcome.texts("removed_snapshots"), names_of([1]));
    view.assert_tidy();
}

#[test]
fn deleting_what_is_being_read_is_refused_and_nothing_else_goes() {
    let scratch = Scratch::new();
    let (_, store) = history(&scratch, 3);
    let view = StoreView::new(&store);
    let reading = reader(&store, 0);
    let delete = || {
        let command = scratch.hardsnap("delete").arg(&store).arg("--yes");
        command.args(names_of([0, 1]))
    };
    let refused = delete().run().expect(1);
    assert!(refused.stderr().contains("is being read"), "{refused}");
    assert_eq!(view.names(), names_of(0..3));
    drop(reading);
    delete().run().expect(0);
    assert_eq!(view.names(), names_of([2]));
}
