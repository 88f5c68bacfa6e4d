//! Random histories: the answers are those of the trees.

use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};

use super::model::{Edit, Hashes, History, NAMES, Path, TestStore, Tree, directory_bytes, name_of};
use super::naive;
use crate::catalog::query::{Catalog, CatalogEntry, EntryChange};
use crate::catalog::row::Version;
use crate::name::SnapshotName;

fn edit() -> impl Strategy<Value = Edit> {
    let one = 0..1000_usize;
    let name = 0..NAMES.len();
    prop_oneof![
        4 => (one.clone(), name.clone(), 0..8_usize)
            .prop_map(|(within, name, kind)| Edit::Make { within, name, kind }),
        3 => (one.clone(), any::<bool>()).prop_map(|(at, back)| Edit::Write(at, back)),
        1 => one.clone().prop_map(Edit::Touch),
        1 => one.clone().prop_map(Edit::Chmod),
        1 => one.clone().prop_map(Edit::Stir),
        3 => (one.clone(), one.clone(), name.clone())
            .prop_map(|(from, within, name)| Edit::Rename { from, within, name }),
        3 => (one.clone(), one.clone(), name.clone())
            .prop_map(|(from, within, name)| Edit::RenameDirectory { from, within, name }),
        2 => (one.clone(), one.clone(), name)
            .prop_map(|(from, within, name)| Edit::Link { from, within, name }),
        1 => one.prop_map(Edit::Remove),
        3 => Just(Edit::Snapshot),
    ]
}

/// A history, of whose snapshots some are there still.
#[derive(Clone, Debug)]
struct Story {
    edits: Vec<Edit>,
    hashes: Hashes,
    removed: u32,
    leave: bool,
}

fn story() -> impl Strategy<Value = Story> {
    let hashes = prop_oneof![Just(Hashes::All), Just(Hashes::Some), Just(Hashes::None)];
    let edits = proptest::collection::vec(edit(), 0..60);
    (edits, hashes, any::<u32>(), any::<bool>()).prop_map(|(edits, hashes, removed, leave)| Story {
        edits,
        hashes,
        // Most of them stay.
        removed: removed & (removed >> 7),
        leave,
    })
}

/// Lets each of many histories be checked against the trees that it has still.
fn for_all(check: impl Fn(&History, &Catalog, &[(u64, &Tree)]) -> TestCaseResult) {
    let place = TestStore::new();
    // Each is asked about every pair of its snapshots.
    let usual = ProptestConfig::default();
    let config = ProptestConfig {
        cases: usual.cases / 4,
        failure_persistence: None,
        ..usual
    };
    TestRunner::new(config)
        .run(&story(), |story| {
            let mut history = History::new(story.hashes);
            history.edit(&Edit::Snapshot);
            story.edits.iter().for_each(|edit| history.edit(edit));
            history.edit(&Edit::Snapshot);
            let all = history.trees.keys().enumerate();
            let living: BTreeSet<u64> = all
                .filter(|(place, _)| story.removed >> (place % 32) & 1 == 0)
                .map(|(_, sequence)| *sequence)
                .collect();
            let catalog = place.catalog(&history, &living, story.leave);
            let trees: Vec<(u64, &Tree)> = living
                .iter()
                .map(|sequence| (*sequence, &history.trees[sequence]))
                .collect();
            let checked = check(&history, &catalog, &trees);
            living
                .iter()
                .for_each(|sequence| place.unpublish(*sequence));
            checked
        })
        .unwrap();
}

fn text(path: &Path) -> PathBuf {
    PathBuf::from(format!("/{}", path.join("/")))
}

fn names(trees: &[(u64, &Tree)]) -> Vec<SnapshotName> {
    trees
        .iter()
        .map(|(sequence, _)| name_of(*sequence))
        .collect()
}

fn entry(path: &Path, version: &Version) -> CatalogEntry {
    CatalogEntry::new(text(path), version).unwrap()
}

#[test]
fn every_snapshot_has_the_entries_that_its_tree_has() {
    for_all(|_, catalog, trees| {
        let known = catalog.snapshots().iter();
        let known: Vec<SnapshotName> = known.map(|known| known.name).collect();
        prop_assert_eq!(known, names(trees));
        for (sequence, tree) in trees {
            let name = name_of(*sequence);
            // Below one of its own paths and one of the last tree, and all.
            let own = tree.keys().nth(tree.len() / 2);
            let other = trees[trees.len() - 1].1.keys().last();
            for below in own.into_iter().chain(other).chain([&Vec::new()]) {
                let entries = catalog.entries(name, text(below)).unwrap();
                let entries: Vec<CatalogEntry> = entries.map(Result::unwrap).collect();
                let expected = tree.iter().filter(|(path, _)| path.starts_with(below));
                let expected: Vec<CatalogEntry> = expected
                    .map(|(path, version)| entry(path, version))
                    .collect();
                prop_assert_eq!(&entries, &expected);
                let one = catalog.entry(name, text(below)).unwrap();
                prop_assert_eq!(one.as_ref(), expected.first());
            }
        }
        Ok(())
    });
}

#[test]
fn changes_are_the_difference_of_the_trees() {
    for_all(|history, catalog, trees| {
        for (a, before) in trees {
            for (b, after) in trees {
                let changes = catalog.changes(name_of(*a), name_of(*b)).unwrap();
                let changes: Vec<EntryChange> = changes.map(Result::unwrap).collect();
                let expected = naive::changes(history, before, after);
                let expected = expected.into_iter().map(|(path, kind, from, differs)| {
                    let old = before.get(from.as_ref().unwrap_or(&path));
                    EntryChange {
                        kind,
                        before: old.map(|old| entry(from.as_ref().unwrap_or(&path), old)),
                        after: after.get(&path).map(|new| entry(&path, new)),
                        from: from.as_ref().map(text),
                        differs,
                        path: text(&path),
                    }
                });
                prop_assert_eq!(changes, expected.collect::<Vec<_>>());
            }
        }
        Ok(())
    });
}

#[test]
fn a_set_of_snapshots_frees_what_no_other_tree_has() {
    for_all(|_, catalog, trees| {
        // All sets of few snapshots, and some of many.
        for set in (0..1_usize << trees.len().min(6)).chain([usize::MAX, 0b1010101010]) {
            let is_in = |place: usize| set >> (place % 64) & 1 == 1;
            let pick = |wanted: bool| {
                let all = trees.iter().enumerate();
                all.filter(move |(place, _)| is_in(*place) == wanted)
                    .map(|(_, (sequence, tree))| (*sequence, *tree))
            };
            let directories: u64 = pick(true)
                .map(|(sequence, _)| directory_bytes(sequence))
                .sum();
            let (bytes, entries, files, apparent) = naive::freed(
                pick(true).map(|(_, tree)| tree),
                pick(false).map(|(_, tree)| tree),
            );
            let set: Vec<SnapshotName> =
                pick(true).map(|(sequence, _)| name_of(sequence)).collect();
            let sizes = catalog.sizes(&set).unwrap();
            let found = (sizes.freed_bytes, sizes.directory_bytes);
            prop_assert_eq!(found, (bytes + directories, directories));
            let found = (sizes.entries, sizes.files, sizes.apparent_bytes);
            prop_assert_eq!(found, (entries, files, apparent));
        }
        Ok(())
    });
}

#[test]
fn a_path_has_the_versions_that_the_trees_have() {
    for_all(|history, catalog, trees| {
        let only: Vec<&Tree> = trees.iter().map(|(_, tree)| *tree).collect();
        let names = names(trees);
        let paths: BTreeSet<&Path> = history.trees.values().flat_map(Tree::keys).collect();
        for path in paths {
            let versions = catalog.versions(text(path)).unwrap();
            let expected = naive::versions(&only, path);
            prop_assert_eq!(versions.len(), expected.len());
            for (version, (expected, places)) in versions.iter().zip(expected) {
                prop_assert_eq!(&version.entry, &entry(path, &expected));
                prop_assert_eq!(version.first, names[places.start]);
                prop_assert_eq!(version.last, names[places.end - 1]);
                prop_assert_eq!(version.snapshots, places.len());
            }
        }
        Ok(())
    });
}

#[test]
fn a_search_finds_what_is_in_any_tree() {
    // Each with what it means for the names of a path, and directories.
    type Meaning = fn(&[&str], bool) -> bool;
    let patterns: [(&str, Meaning); 9] = [
        ("b", |path, _| path.last() == Some(&"b")),
        ("b/", |path, is_directory| {
            is_directory && path.last() == Some(&"b")
        }),
        ("a*", |path, _| {
            path.last().is_some_and(|name| name.starts_with('a'))
        }),
        ("?", |path, _| {
            path.last().is_some_and(|name| name.len() == 1)
        }),
        ("/a/b", |path, _| path == ["a", "b"]),
        ("a/*", |path, _| path.len() == 2 && path[0] == "a"),
        ("*/c", |path, _| path.len() == 2 && path[1] == "c"),
        ("/a/**/b", |path, _| {
            path.len() > 1 && path[0] == "a" && path.last() == Some(&"b")
        }),
        ("/b/**", |path, _| path.len() > 1 && path[0] == "b"),
    ];
    for_all(|_, catalog, trees| {
        let names = names(trees);
        for (pattern, meaning) in &patterns {
            let found: Vec<_> = catalog.find(pattern).unwrap().map(Result::unwrap).collect();
            let paths: BTreeSet<&Path> = trees.iter().flat_map(|(_, tree)| tree.keys()).collect();
            let mut found = found.iter();
            for path in paths {
                let matching = trees.iter().zip(&names).filter_map(|((_, tree), name)| {
                    let version = tree.get(path)?;
                    let is_directory = version.facts.kind == crate::EntryKind::Directory;
                    meaning(path, is_directory).then_some((name, version))
                });
                let matching: Vec<_> = matching.collect();
                let (Some((first, _)), Some((last, newest))) = (matching.first(), matching.last())
                else {
                    continue;
                };
                let found = found.next();
                prop_assert!(found.is_some(), "{} {:?}", pattern, path);
                let found = found.unwrap();
                prop_assert_eq!(&found.entry, &entry(path, newest));
                prop_assert_eq!((found.first, found.last), (**first, **last));
                prop_assert_eq!(found.snapshots, matching.len());
            }
            prop_assert_eq!(found.next(), None);
        }
        Ok(())
    });
}
