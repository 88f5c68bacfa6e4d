//! The same questions, answered by looking at whole trees.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::model::{History, Path, Tree};
use crate::catalog::query::{Aspect, ChangeKind};
use crate::catalog::row::{DirId, Version};
use crate::entry::EntryKind;

/// A change, in short: path, kind, where from, and what differs.
pub(super) type Change = (Path, ChangeKind, Option<Path>, Vec<Aspect>);

pub(super) fn differs(before: &Version, after: &Version) -> Vec<Aspect> {
    let (old, new) = (&before.facts, &after.facts);
    let mut differs = Vec::new();
    let mut metadata = Vec::new();
    if old.mode != new.mode {
        metadata.push(Aspect::Mode);
    }
    if old.uid != new.uid || old.gid != new.gid {
        metadata.push(Aspect::Owner);
    }
    if old.mtime != new.mtime {
        metadata.push(Aspect::Mtime);
    }
    if before.xattrs != after.xattrs {
        metadata.push(Aspect::Xattrs);
    }
    if old.kind == new.kind {
        let both_hashes = before.hash.is_some() && after.hash.is_some();
        let is_other = match old.kind {
            EntryKind::File if both_hashes => before.hash != after.hash,
            EntryKind::File if old.stored == new.stored => false,
            EntryKind::File if old.size_bytes != new.size_bytes => true,
            EntryKind::File => old.mtime != new.mtime || metadata.is_empty(),
            _ => before.target != after.target || old.device_number != new.device_number,
        };
        if is_other {
            differs.push(Aspect::Content);
        }
    } else {
        differs.push(Aspect::Kind);
    }
    differs.extend(metadata);
    differs
}

pub(super) fn changes(history: &History, a: &Tree, b: &Tree) -> Vec<Change> {
    let only = |one: &Tree, other: &Tree| -> BTreeSet<Path> {
        let paths = one.keys().filter(|path| !other.contains_key(*path));
        paths.cloned().collect()
    };
    let (gone, new) = (only(a, b), only(b, a));
    let mut origins = moved_files(history, a, b, &gone, &new);
    origins.extend(moved_directories(a, b, &gone, &new));
    let altered = altered_within(a, b, &new, &origins);
    origins.extend(altered);
    let elsewhere: BTreeSet<&Path> = origins.values().collect();
    let mut changes = Vec::new();
    for path in a.keys().chain(&new) {
        let change = match (a.get(path), b.get(path)) {
            (Some(before), Some(after)) => {
                let differs = differs(before, after);
                let kind = match differs.first() {
                    None => continue,
                    Some(Aspect::Kind | Aspect::Content) => ChangeKind::Modified,
                    _ => ChangeKind::Metadata,
                };
                (kind, None, differs)
            }
            (None, Some(after)) => match origins.get(path) {
                Some(from) => (
                    ChangeKind::Moved,
                    Some(from.clone()),
                    differs(&a[from], after),
                ),
                None => (ChangeKind::Added, None, Vec::new()),
            },
            _ if elsewhere.contains(path) => continue,
            _ => (ChangeKind::Removed, None, Vec::new()),
        };
        changes.push((path.clone(), change.0, change.1, change.2));
    }
    changes.sort();
    changes
}

/// Where files were that are at new paths now.
fn moved_files(
    history: &History,
    a: &Tree,
    b: &Tree,
    gone: &BTreeSet<Path>,
    new: &BTreeSet<Path>,
) -> BTreeMap<Path, Path> {
    let stored = |tree: &Tree, path: &Path| {
        let facts = &tree[path].facts;
        facts.stored.filter(|_| facts.kind != EntryKind::Directory)
    };
    let place = |path: &Path| -> (&'static str, DirId) {
        let (name, above) = path.split_last().unwrap();
        (name, history.dirs[above])
    };
    let mut origins = BTreeMap::new();
    let all: BTreeSet<u64> = gone.iter().filter_map(|path| stored(a, path)).collect();
    for one in all {
        let names_of = |tree: &Tree, paths: &BTreeSet<Path>| {
            let mut paths: Vec<Path> = paths.iter().cloned().collect();
            paths.retain(|path| stored(tree, path) == Some(one));
            paths.sort_by_key(place);
            paths
        };
        let (mut old, mut now) = (names_of(a, gone), names_of(b, new));
        // First those of the same name, then whatever is left.
        for same_name in [true, false] {
            now.retain(|path| {
                let fits = |from: &Path| !same_name || from.last() == path.last();
                let Some(at) = old.iter().position(fits) else {
                    return true;
                };
                origins.insert(path.clone(), old.remove(at));
                false
            });
        }
    }
    origins
}

fn moved_directories<'t>(
    a: &'t Tree,
    b: &'t Tree,
    gone: &'t BTreeSet<Path>,
    new: &'t BTreeSet<Path>,
) -> impl Iterator<Item = (Path, Path)> {
    let is_directory = |version: &Version| version.facts.kind == EntryKind::Directory;
    new.iter().filter_map(move |path| {
        let after = &b[path];
        let inode = after.facts.inode;
        let from = gone.iter().find(|path| a[*path].facts.inode == inode)?;
        let before = &a[from];
        if !is_directory(before) || !is_directory(after) {
            return None;
        }
        let stayed = |(old, now): (&Version, &Version)| {
            let (old_facts, now_facts) = (&old.facts, &now.facts);
            match (is_directory(old), is_directory(now)) {
                (true, true) => {
                    old_facts.inode == now_facts.inode && old_facts.mtime == now_facts.mtime
                }
                (false, false) => {
                    old_facts.stored.is_some() && old_facts.stored == now_facts.stored
                }
                _ => false,
            }
        };
        let has_something = b.iter().any(|(child, now)| {
            let Some((name, above)) = child.split_last() else {
                return false;
            };
            let was: Path = from.iter().chain([name]).copied().collect();
            above == path.as_slice() && a.get(&was).is_some_and(|old| stayed((old, now)))
        });
        let is_same = has_something || before.facts.mtime == after.facts.mtime;
        is_same.then(|| (path.clone(), from.clone()))
    })
}

/// What was altered in directories that were moved.
fn altered_within(
    a: &Tree,
    b: &Tree,
    new: &BTreeSet<Path>,
    origins: &BTreeMap<Path, Path>,
) -> Vec<(Path, Path)> {
    let taken: BTreeSet<&Path> = origins.values().collect();
    let others = new.iter().filter(|path| !origins.contains_key(*path));
    let altered = others.filter_map(|path| {
        let (name, above) = path.split_last()?;
        let from: Path = origins.get(above)?.iter().chain([name]).copied().collect();
        let (before, after) = (a.get(&from)?.facts.kind, b[path].facts.kind);
        let fits = before == after && after != EntryKind::Directory && !taken.contains(&from);
        fits.then(|| (path.clone(), from))
    });
    altered.collect()
}

/// The versions of a path: how they look, and the places of the snapshots that
/// have them.
pub(super) fn versions(trees: &[&Tree], path: &Path) -> Vec<(Version, Range<usize>)> {
    let mut versions: Vec<(Version, Range<usize>)> = Vec::new();
    for (place, tree) in trees.iter().enumerate() {
        let Some(version) = tree.get(path) else {
            continue;
        };
        match versions.last_mut() {
            Some((last, range)) if range.end == place && differs(last, version).is_empty() => {
                let hash = version.hash.or(last.hash);
                *last = Version {
                    hash,
                    ..version.clone()
                };
                range.end += 1;
            }
            _ => versions.push((version.clone(), place..place + 1)),
        }
    }
    versions
}

/// What files take that are in some trees and not in others: all bytes, and the
/// number of entries, files and their sizes.
pub(super) fn freed<'t>(
    set: impl Iterator<Item = &'t Tree>,
    others: impl Iterator<Item = &'t Tree>,
) -> (u64, u64, u64, u64) {
    let files = |tree: &'t Tree| {
        let versions = tree.values().map(|version| version.facts);
        versions.filter(|facts| facts.kind != EntryKind::Directory && facts.stored.is_some())
    };
    let kept: BTreeSet<_> = others.flat_map(files).map(|facts| facts.stored).collect();
    let freed: BTreeMap<_, _> = set
        .flat_map(files)
        .filter(|facts| !kept.contains(&facts.stored))
        .map(|facts| (facts.stored, facts))
        .collect();
    let is_file = |kind| kind == EntryKind::File;
    let sizes = freed.values().filter(|facts| is_file(facts.kind));
    (
        freed.values().map(|facts| facts.allocated_bytes).sum(),
        freed.len() as u64,
        sizes.clone().count() as u64,
        sizes.map(|facts| facts.size_bytes).sum(),
    )
}
