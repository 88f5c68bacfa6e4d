//! Parts of a store that are lost or damaged: no snapshot suffers by it.

use std::fs;
use std::path::Path;

use hardsnap_tests::{
    Canary, Invariant, Outcome, Scratch, StoreView, TreeImage, assert_same, noon, snapshot_name,
};

use crate::trees::{history, names_of};

/// Makes a store with four snapshots, does damage to it, and runs a backup
/// that would prune all but two; every tree must be as it was or, if its
/// record was whole, be gone. Gives the end of the run.
fn after(what: &str, damage: impl Fn(&Path), damaged: &[u64]) -> Outcome {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let (source, store) = history(&scratch, 4);
    let view = StoreView::new(&store);
    let invariant = Invariant::new(&store, &canary);
    damage(&store);
    let command = scratch
        .hardsnap("backup")
        .args(["--keep-last", "2", "--time", &noon(4)]);
    let outcome = command.arg(&source).arg(&store).run();
    let gone = names_of(0..4)
        .into_iter()
        .filter(|name| !view.names().contains(name));
    let gone = gone.collect();
    for name in names_of(damaged.iter().copied()) {
        assert!(
            view.names().contains(&name),
            "{what}: {name} is gone, {outcome}"
        );
    }
    invariant.check_without(&gone);
    match outcome.code() {
        Some(0 | 4) => {
            assert_same(
                &TreeImage::of(&source),
                &view.image(&snapshot_name(&noon(4)), &source),
            );
            assert_eq!(view.latest(), Some(snapshot_name(&noon(4))), "{what}");
        }
        Some(1 | 10) => {
            assert!(!outcome.stderr.is_empty(), "{what}: no reason given");
            assert_eq!(view.names(), names_of(0..4), "{what}");
        }
        _ => panic!("{what}: {outcome}"),
    }
    outcome
}

/// What may have happened to a file.
const DAMAGES: [(&str, Option<&[u8]>); 5] = [
    ("deleted", None),
    ("emptied", Some(b"")),
    ("cut", Some(b"{\"format\": 1, \"st")),
    ("zeros", Some(&[0; 500])),
    ("other", Some(b"format = 99\n")),
];

fn harm(file: &Path, content: Option<&[u8]>) {
    match content {
        None => fs::remove_file(file).unwrap(),
        Some(content) => fs::write(file, content).unwrap(),
    }
}

#[test]
fn without_its_marker_a_store_is_not_written() {
    for (damage, content) in DAMAGES {
        let outcome = after(
            damage,
            |store| harm(&store.join(".hardsnap/store.toml"), content),
            &[],
        );
        outcome.expect(if damage == "deleted" { 10 } else { 1 });
    }
}

#[test]
fn a_snapshot_whose_record_is_damaged_is_not_removed() {
    for day in 0..4 {
        for (damage, content) in DAMAGES {
            let record = format!(".hardsnap/snapshots/{}.json", snapshot_name(&noon(day)));
            let what = format!("{record} {damage}");
            let outcome = after(&what, |store| harm(&store.join(&record), content), &[day]);
            assert!(
                [Some(0), Some(4)].contains(&outcome.code()),
                "{what}: {outcome}"
            );
        }
    }
}

#[test]
fn a_store_survives_the_loss_of_its_folders() {
    for folder in ["work", "trash", "snapshots"] {
        let damaged: &[u64] = if folder == "snapshots" {
            &[0, 1, 2, 3]
        } else {
            &[]
        };
        after(
            folder,
            |store| fs::remove_dir_all(store.join(".hardsnap").join(folder)).unwrap(),
            damaged,
        );
    }
    after(
        "lock",
        |store| fs::remove_file(store.join(".hardsnap/lock")).unwrap(),
        &[],
    )
    .expect(0);
}

#[test]
fn latest_is_put_right_whatever_it_was() {
    after(
        "missing",
        |store| fs::remove_file(store.join("latest")).unwrap(),
        &[],
    )
    .expect(0);
    let dangling = |store: &Path| {
        fs::remove_file(store.join("latest")).unwrap();
        std::os::unix::fs::symlink("nowhere", store.join("latest")).unwrap();
    };
    after("dangling", dangling, &[]).expect(0);
}

#[test]
fn what_is_in_the_place_of_latest_is_not_removed() {
    let scratch = Scratch::new();
    let (source, store) = history(&scratch, 2);
    fs::remove_file(store.join("latest")).unwrap();
    fs::create_dir(store.join("latest")).unwrap();
    fs::write(store.join("latest/file"), b"somebody put it here").unwrap();
    let outcome = scratch
        .hardsnap("backup")
        .arg(&source)
        .arg(&store)
        .run()
        .expect(1);
    assert!(outcome.stderr().contains("latest"), "{outcome}");
    assert_eq!(StoreView::new(&store).names(), names_of(0..2));
    assert_eq!(
        fs::read(store.join("latest/file")).unwrap(),
        b"somebody put it here"
    );
}
