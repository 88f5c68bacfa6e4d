//! What differs between two snapshots.

use std::path::PathBuf;
use std::sync::Arc;

use crate::catalog::query::CatalogSnapshot;
use crate::catalog::query::difference::{Aspect, differences};
use crate::catalog::query::entry::{CatalogEntry, path_of};
use crate::catalog::query::moves::Moves;
use crate::catalog::query::names::{covers, damaged, lookup};
use crate::catalog::query::place::Spot;
use crate::catalog::query::reading::{Handle, Progress, Reading, Turns, Walk};
use crate::catalog::query::tour::{Chooser, Tour};
use crate::catalog::row::Version;
use crate::error::Result;

/// How an entry differs between two snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// The path is only in the later one of the two.
    Added,
    /// The path is only in the earlier one of the two.
    Removed,
    /// It is another kind of entry or has other content.
    Modified,
    /// Only metadata differ.
    Metadata,
    /// What was at a path that is gone is at a path that is new, as it was or
    /// altered.
    Moved,
}

impl ChangeKind {
    /// The word for it that programs read: `added`, `moved`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Modified => "modified",
            ChangeKind::Metadata => "metadata",
            ChangeKind::Moved => "moved",
        }
    }
}

/// An entry that differs between two snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryChange {
    /// The path; of what was moved, the new one.
    pub path: PathBuf,
    /// How it differs.
    pub kind: ChangeKind,
    /// Where it was, if it was moved.
    pub from: Option<PathBuf>,
    /// The entry before; none if it was added.
    pub before: Option<CatalogEntry>,
    /// The entry after; none if it was removed.
    pub after: Option<CatalogEntry>,
    /// In what the two differ; empty if only one of them is there, and if it
    /// was moved as it was.
    pub differs: Vec<Aspect>,
}

/// What differs between two snapshots, in the order of the paths.
///
/// Made by [`Catalog::changes`](super::Catalog::changes). After an error there
/// is nothing more.
#[must_use]
pub struct Changes(Turns<Comparison>);

/// A tour of the directories in which something changed.
struct Comparison {
    from: u64,
    to: u64,
    stage: Stage,
    moves: Moves,
}

enum Stage {
    Choosing(Chooser),
    Touring(Tour),
}

impl Changes {
    pub(super) fn new(handle: &Arc<Handle>, from: CatalogSnapshot, to: CatalogSnapshot) -> Changes {
        let earlier = from.sequence.min(to.sequence);
        let comparison = Comparison {
            from: from.sequence,
            to: to.sequence,
            stage: Stage::Choosing(Chooser::new(earlier)),
            moves: Moves::new(from.sequence, to.sequence),
        };
        Changes(Turns::new(Arc::clone(handle), comparison, vec![from, to]))
    }
}

impl Walk for Comparison {
    type Item = EntryChange;

    fn step(&mut self, reading: &Reading<'_>) -> Progress<Option<EntryChange>> {
        let Comparison {
            from,
            to,
            stage,
            moves,
        } = self;
        loop {
            let tour = match stage {
                Stage::Choosing(chooser) => {
                    let chosen = chooser.choose(reading)?;
                    *stage = Stage::Touring(Tour::new(chosen));
                    continue;
                }
                Stage::Touring(tour) => tour,
            };
            let next = tour.next(reading, &|read| {
                let has = |sequence| covers(read.first, read.until, sequence);
                has(*from) != has(*to)
            })?;
            let Some((dir, named)) = next else {
                return Ok(None);
            };
            let path = tour.path().to_vec();
            let (before, after) = (named.at(*from).cloned(), named.at(*to).cloned());
            let name = named.name;
            let spot = Spot { dir, name };
            let change = match (before, after) {
                (Some(before), Some(after)) => altered(path, &before, &after)?,
                (None, Some(after)) => match moves.origin(reading, &spot, &after)? {
                    Some(origin) => {
                        let old = moves.path(reading, &origin)?;
                        let named = lookup(reading, origin.dir, &origin.name)?;
                        let before = named.and_then(|named| named.at(*from).cloned());
                        Some(moved(old, &before.ok_or_else(damaged)?, path, &after)?)
                    }
                    None => Some(one_sided(ChangeKind::Added, path, &after)?),
                },
                (Some(before), None) if !moves.is_elsewhere(reading, &spot, &before)? => {
                    Some(one_sided(ChangeKind::Removed, path, &before)?)
                }
                _ => None,
            };
            if change.is_some() {
                return Ok(change);
            }
        }
    }
}

fn altered(path: Vec<u8>, before: &Version, after: &Version) -> Progress<Option<EntryChange>> {
    let differs = differences(before, after);
    let kind = match differs.first() {
        None => return Ok(None),
        Some(Aspect::Kind | Aspect::Content) => ChangeKind::Modified,
        Some(_) => ChangeKind::Metadata,
    };
    let path = path_of(path);
    Ok(Some(EntryChange {
        kind,
        from: None,
        before: Some(CatalogEntry::new(path.clone(), before)?),
        after: Some(CatalogEntry::new(path.clone(), after)?),
        differs,
        path,
    }))
}

fn moved(old: Vec<u8>, before: &Version, new: Vec<u8>, after: &Version) -> Progress<EntryChange> {
    let (old, new) = (path_of(old), path_of(new));
    Ok(EntryChange {
        kind: ChangeKind::Moved,
        before: Some(CatalogEntry::new(old.clone(), before)?),
        after: Some(CatalogEntry::new(new.clone(), after)?),
        differs: differences(before, after),
        from: Some(old),
        path: new,
    })
}

fn one_sided(kind: ChangeKind, path: Vec<u8>, version: &Version) -> Progress<EntryChange> {
    let path = path_of(path);
    let entry = Some(CatalogEntry::new(path.clone(), version)?);
    let (before, after) = match kind {
        ChangeKind::Removed => (entry, None),
        _ => (None, entry),
    };
    Ok(EntryChange {
        path,
        kind,
        from: None,
        before,
        after,
        differs: Vec::new(),
    })
}

impl Iterator for Changes {
    type Item = Result<EntryChange>;

    fn next(&mut self) -> Option<Result<EntryChange>> {
        self.0.next()
    }
}

impl std::iter::FusedIterator for Changes {}
