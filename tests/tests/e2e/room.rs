//! Making room: more than the policy gives up goes only when it was asked for.

use std::fs;
use std::path::{Path, PathBuf};

use hardsnap_tests::{
    Canary, Hardsnap, Invariant, Mount, Scratch, StoreView, TreeImage, assert_untouched, noon,
    snapshot_name,
};

use crate::trees::{names_of, simple};

const MIB: u64 = 1 << 20;

/// A store on a disk of its own, with snapshots of days 0 to 7 of which each
/// has 3 MiB that no other has.
fn filled(scratch: &Scratch, disk: &Mount) -> (PathBuf, StoreView) {
    let source = simple(scratch, "source").build();
    let store = disk.join("store");
    for day in 0..8_u8 {
        let path = source.join("large");
        fs::write(path, vec![day; usize::try_from(3 * MIB).unwrap()]).unwrap();
        scratch.snapshot(&source, &store, &noon(day.into()));
    }
    let view = StoreView::new(&store);
    assert_eq!(view.names(), names_of(0..8));
    (store, view)
}

fn free(disk: &Mount) -> u64 {
    let stat = rustix::fs::statvfs(disk.path()).unwrap();
    stat.f_bavail * stat.f_frsize
}

fn prune(scratch: &Scratch, store: &Path, min_free: u64) -> Hardsnap {
    let command = scratch.hardsnap("prune").arg(store);
    command.args(["--now", &noon(8), "--min-free", &min_free.to_string()])
}

fn makes_room(disk: &Mount) {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (store, view) = filled(&scratch, disk);
    let hold = scratch.hardsnap("hold").arg(&store);
    hold.arg(snapshot_name(&noon(1))).run().expect(0);
    let mut invariant = Invariant::new(&store, &canary);
    // What is free already needs nothing.
    let outcome = prune(&scratch, &store, 1).json().expect(0);
    assert_eq!(outcome.texts("removed_snapshots"), [""; 0]);
    let wanted = free(disk) + 5 * MIB;
    let before = TreeImage::of(&store);
    let outcome = prune(&scratch, &store, wanted)
        .arg("--dry-run")
        .json()
        .expect(0);
    assert_eq!(outcome.texts("candidates_for_room"), names_of([0, 2, 3, 4]));
    assert_eq!(outcome.number("min_free_bytes"), wanted);
    let told = prune(&scratch, &store, wanted)
        .arg("--dry-run")
        .run()
        .expect(0);
    assert!(told.stdout().contains("oldest first"), "{told}");
    assert_untouched(&before, &TreeImage::of(&store));
    // Two snapshots have it: the oldest, passing over the one that is held.
    let outcome = prune(&scratch, &store, wanted).json().expect(0);
    assert_eq!(outcome.texts("removed_for_room"), names_of([0, 2]));
    assert_eq!(outcome.texts("removed_snapshots"), names_of([0, 2]));
    assert!(free(disk) >= wanted);
    invariant.check_without(&names_of([0, 2]).into_iter().collect());
    assert_eq!(view.names(), names_of([1, 3, 4, 5, 6, 7]));
    // The policy's own removals come first, and may be enough.
    let command = prune(&scratch, &store, free(disk) + MIB).args(["--keep-last", "4"]);
    let outcome = command.json().expect(0);
    assert_eq!(outcome.texts("removed_snapshots"), names_of([3]));
    assert_eq!(outcome.texts("removed_for_room"), [""; 0]);
    // There is a floor, whatever is wanted.
    let outcome = scratch.hardsnap("prune").arg(&store);
    let outcome = outcome
        .args(["--now", &noon(8), "--min-free", "99%"])
        .json()
        .expect(4);
    assert_eq!(outcome.texts("removed_for_room"), names_of([4]));
    assert!(outcome.number("free_bytes") < outcome.number("min_free_bytes"));
    let again = scratch.hardsnap("prune").arg(&store);
    let again = again
        .args(["--now", &noon(8), "--min-free", "99%"])
        .run()
        .expect(4);
    assert!(again.stderr().contains("nothing more may go"), "{again}");
    assert_eq!(view.names(), names_of([1, 5, 6, 7]));
    assert_eq!(view.latest(), Some(snapshot_name(&noon(7))));
    invariant.remember();
    view.assert_tidy();
}

#[test]
fn snapshots_go_oldest_first_until_enough_is_free_on_ext4() {
    let Some(disk) = Mount::ext4(64) else { return };
    makes_room(&disk);
}

#[test]
fn snapshots_go_oldest_first_until_enough_is_free_on_xfs() {
    let Some(disk) = Mount::xfs(300) else { return };
    makes_room(&disk);
}

#[test]
fn snapshots_go_oldest_first_until_enough_is_free_on_btrfs() {
    let Some(disk) = Mount::btrfs(128) else {
        return;
    };
    makes_room(&disk);
}

#[test]
fn nothing_goes_to_make_room_while_pruning_is_paused_or_unless_asked() {
    let Some(disk) = Mount::ext4(64) else { return };
    let scratch = Scratch::new();
    let (store, view) = filled(&scratch, &disk);
    let command = scratch.hardsnap("prune").arg(&store);
    let outcome = command
        .args(["--now", &noon(3), "--min-free", "99%"])
        .json()
        .expect(4);
    assert!(outcome.text("prune_paused").contains("clock"), "{outcome}");
    assert_eq!(outcome.texts("removed_snapshots"), [""; 0]);
    let command = scratch.hardsnap("prune").arg(&store);
    command.args(["--now", &noon(8)]).run().expect(0);
    assert_eq!(view.names(), names_of(0..8));
    for wrong in ["0", "100%", "10MB", "-1", "some", ""] {
        let command = scratch.hardsnap("prune").arg(&store);
        command.arg(format!("--min-free={wrong}")).run().expect(2);
    }
}
