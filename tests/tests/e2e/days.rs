//! Days of random changes against naive copies.

use std::collections::BTreeSet;
use std::path::Path;

use hardsnap_tests::{
    Canary, Clock, Edit, Invariant, Outcome, Scratch, StoreView, TreeImage, apply, assert_same,
    cases, day_of_edits, naive_copy, noon, snapshot_name,
};
use proptest::prelude::proptest;

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn five_days_of_random_changes_equal_naive_copies(days in proptest::collection::vec(day_of_edits(), 5)) {
        five_days(&days);
    }
}

fn five_days(days: &[Vec<Edit>]) {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = scratch
        .tree("source")
        .file("a", b"first")
        .file("b/a", vec![b'2'; 5000])
        .hard_link("b/c/a", "a")
        .file("b/c/longer name.txt", b"third")
        .symlink("b/-dash", "a")
        .fifo("b/c/b")
        .file("untouched/by/most", b"fourth")
        .build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let mut invariant = Invariant::new(&store, &canary);
    let mut clock = Clock::default();
    let mut before: Option<(TreeImage, TreeImage)> = None;
    for (day, edits) in (0..).zip(days) {
        edits
            .iter()
            .for_each(|edit| apply(edit, &source, &mut clock));
        let copy = scratch.join(format!("copy {day}"));
        naive_copy(&source, &copy);
        let outcome = backup(&scratch, &source, &store, &noon(day));
        let name = snapshot_name(&noon(day));
        assert_eq!(outcome.text("snapshot"), name);
        invariant.check();
        invariant.remember();
        view.assert_tidy();
        assert_eq!(view.latest(), Some(name.clone()));
        let (copied, made) = (TreeImage::of(&copy), view.image(&name, &source));
        assert_same(&copied, &made);
        if let Some((copied_before, made_before)) = &before {
            // A name that the file got for good, when its own was given to a
            // copy, may have taken what is stored along.
            let stored: BTreeSet<_> = made.files().iter().map(|path| made.inode(path)).collect();
            let missing: BTreeSet<_> = unchanged(copied_before, &copied)
                .difference(&made_before.shared_with(&made))
                .filter(|path| !stored.contains(&made_before.inode(path)))
                .map(|path| path.escape_ascii().to_string())
                .collect();
            assert_eq!(missing, BTreeSet::new(), "unchanged, but not linked");
        }
        before = Some((copied, made));
    }
    // What is changed is never shared: all old snapshots and all copies are
    // still equal.
    for day in 0..u64::try_from(days.len()).unwrap() {
        let copy = TreeImage::of(scratch.join(format!("copy {day}")));
        assert_same(&copy, &view.image(&snapshot_name(&noon(day)), &source));
    }
}

/// Makes a snapshot. The changes may have left less than half of the source,
/// which somebody has to accept.
fn backup(scratch: &Scratch, source: &Path, store: &Path, time: &str) -> Outcome {
    let command = scratch.hardsnap("backup").args(["--init", "--time", time]);
    let outcome = command.arg(source).arg(store).json();
    if outcome.code() != Some(4) {
        return outcome.expect(0);
    }
    assert_eq!(outcome.text("status"), "suspect", "{outcome}");
    let accept = scratch.hardsnap("accept").arg(store);
    accept.arg(outcome.text("snapshot")).run().expect(0);
    outcome
}

/// Returns the files that are the same on both days, with the same other
/// names.
fn unchanged(before: &TreeImage, after: &TreeImage) -> BTreeSet<Vec<u8>> {
    let (groups_before, groups_after) = (before.link_groups(), after.link_groups());
    after
        .files()
        .into_iter()
        .filter(|path| before.get(path) == after.get(path))
        .filter(|path| groups_before.get(path) == groups_after.get(path))
        // Another name of the group may be new or changed only with this one.
        .filter(|path| {
            groups_after[path]
                .iter()
                .all(|other| before.get(other) == after.get(other))
        })
        .collect()
}
