//! The versions of one path.

use std::path::Path;

use crate::catalog::open::Outcome;
use crate::catalog::query::difference::differences;
use crate::catalog::query::entries::whole;
use crate::catalog::query::entry::CatalogEntry;
use crate::catalog::query::living::Living;
use crate::catalog::query::names::{Named, lookup};
use crate::catalog::query::place::{locate, names_of};
use crate::catalog::query::reading::{Handle, Reading};
use crate::catalog::row::Version;
use crate::error::Result;
use crate::name::SnapshotName;

/// A version of a path, and the snapshots that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryVersion {
    /// The entry.
    pub entry: CatalogEntry,
    /// The first snapshot that has it.
    pub first: SnapshotName,
    /// The last one.
    pub last: SnapshotName,
    /// The number of snapshots that have it: the first, the last, and all
    /// between them.
    pub snapshots: usize,
}

pub(super) fn versions(handle: &Handle, path: &Path) -> Result<Vec<EntryVersion>> {
    let names = names_of(path)?;
    handle.read(|reading| {
        let living = reading.living()?;
        let Some(named) = find(reading, &names)? else {
            return Ok(Vec::new());
        };
        distinct(named, living)
            .into_iter()
            .map(|(version, places)| {
                let snapshots = &living.all()[places];
                Ok(EntryVersion {
                    entry: CatalogEntry::new(whole(&names), &version)?,
                    first: snapshots[0].name,
                    last: snapshots[snapshots.len() - 1].name,
                    snapshots: snapshots.len(),
                })
            })
            .collect()
    })
}

/// Tells whether a snapshot has a path.
pub(super) fn is_known(handle: &Handle, path: &Path) -> Result<bool> {
    let names = names_of(path)?;
    handle.read(|reading| {
        let living = reading.living()?;
        let Some(named) = find(reading, &names)? else {
            return Ok(false);
        };
        let mut spans = named.spans.iter();
        Ok(spans.any(|span| !living.places(span.first, span.until).is_empty()))
    })
}

fn find(reading: &Reading<'_>, names: &[&[u8]]) -> Outcome<Option<Named>> {
    match locate(reading, names)? {
        Some(spot) => lookup(reading, spot.dir, &spot.name),
        None => Ok(None),
    }
}

/// Takes neighbours together that nobody can tell apart, and leaves out what
/// no snapshot has any more.
fn distinct(named: Named, living: &Living) -> Vec<(Version, std::ops::Range<usize>)> {
    let mut distinct: Vec<(Version, std::ops::Range<usize>)> = Vec::new();
    for span in named.spans {
        let places = living.places(span.first, span.until);
        if places.is_empty() {
            continue;
        }
        match distinct.last_mut() {
            Some((before, range))
                if range.end == places.start && differences(before, &span.version).is_empty() =>
            {
                // What was found out once stays known.
                let hash = span.version.hash.or(before.hash);
                *before = Version {
                    hash,
                    ..span.version
                };
                range.end = places.end;
            }
            _ => distinct.push((span.version, places)),
        }
    }
    distinct
}
