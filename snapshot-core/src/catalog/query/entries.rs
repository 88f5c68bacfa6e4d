//! The entries of one snapshot, a directory before what is in it.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::open::Outcome;
use crate::catalog::query::CatalogSnapshot;
use crate::catalog::query::entry::{CatalogEntry, path_of};
use crate::catalog::query::names::{Listing, covers, damaged, lookup};
use crate::catalog::query::place::{locate, names_of, push};
use crate::catalog::query::reading::{Handle, Progress, Reading, Turns, Walk};
use crate::catalog::row::{DirId, TOP, Version};
use crate::entry::EntryKind;
use crate::error::Result;

/// The entries of a snapshot, in the order of their paths: names in the order
/// of their bytes, and a directory before what is in it.
///
/// Made by [`Catalog::entries`](super::Catalog::entries). After an error there
/// is nothing more.
#[must_use]
pub struct Entries(Turns<Descent>);

/// A walk down one snapshot.
struct Descent {
    sequence: u64,
    /// The entry to begin with.
    first: Option<CatalogEntry>,
    levels: Vec<Level>,
    /// The path of the lowest level.
    path: Vec<u8>,
}

struct Level {
    listing: Listing,
    dir: DirId,
    /// The length of its path.
    length: usize,
}

impl Entries {
    pub(super) fn new(
        handle: &Arc<Handle>,
        snapshot: CatalogSnapshot,
        below: &Path,
    ) -> Result<Entries> {
        let names = names_of(below)?;
        let sequence = snapshot.sequence;
        let descent = handle.read_of(&[snapshot], |reading| {
            Descent::new(reading, sequence, &names)
        })?;
        Ok(Entries(Turns::new(
            Arc::clone(handle),
            descent,
            vec![snapshot],
        )))
    }
}

impl Descent {
    fn new(reading: &Reading<'_>, sequence: u64, names: &[&[u8]]) -> Outcome<Descent> {
        let path = whole(names).into_os_string().into_vec();
        let mut descent = Descent {
            sequence,
            first: None,
            levels: Vec::new(),
            path,
        };
        if let Some(version) = version_at(reading, names, sequence)? {
            descent.first = Some(CatalogEntry::new(path_of(descent.path.clone()), &version)?);
            if version.facts.kind == EntryKind::Directory {
                let dir = version.facts.stored.ok_or_else(damaged)?;
                descent.go_down(dir as DirId)?;
            }
        } else if names.is_empty() {
            descent.go_down(TOP)?;
        }
        Ok(descent)
    }

    fn go_down(&mut self, dir: DirId) -> Outcome<()> {
        // Numbers are given from the top down, so that every way down ends.
        if self.levels.last().is_some_and(|above| dir <= above.dir) {
            return Err(damaged());
        }
        self.levels.push(Level {
            listing: Listing::new(dir, self.levels.len()),
            dir,
            length: self.path.len(),
        });
        Ok(())
    }
}

/// The entry that a snapshot has at a path.
pub(super) fn entry(
    handle: &Handle,
    snapshot: CatalogSnapshot,
    path: &Path,
) -> Result<Option<CatalogEntry>> {
    let names = names_of(path)?;
    handle.read_of(&[snapshot], |reading| {
        let version = version_at(reading, &names, snapshot.sequence)?;
        version
            .map(|version| CatalogEntry::new(whole(&names), &version))
            .transpose()
    })
}

/// The path that consists of some names.
pub(super) fn whole(names: &[&[u8]]) -> PathBuf {
    let mut path = b"/".to_vec();
    names.iter().for_each(|name| push(&mut path, name));
    path_of(path)
}

/// The version of a path that a snapshot has.
fn version_at(reading: &Reading<'_>, names: &[&[u8]], sequence: u64) -> Outcome<Option<Version>> {
    let Some(spot) = locate(reading, names)? else {
        return Ok(None);
    };
    let named = lookup(reading, spot.dir, &spot.name)?;
    Ok(named.and_then(|named| named.at(sequence).cloned()))
}

impl Walk for Descent {
    type Item = CatalogEntry;

    fn step(&mut self, reading: &Reading<'_>) -> Progress<Option<CatalogEntry>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let sequence = self.sequence;
        while let Some(level) = self.levels.last_mut() {
            self.path.truncate(level.length);
            let named = level
                .listing
                .next(reading, &|read| covers(read.first, read.until, sequence))?;
            let Some(named) = named else {
                self.levels.pop();
                continue;
            };
            let Some(version) = named.at(sequence) else {
                continue;
            };
            push(&mut self.path, &named.name);
            let entry = CatalogEntry::new(path_of(self.path.clone()), version)?;
            if entry.kind == EntryKind::Directory {
                let dir = version.facts.stored.ok_or_else(damaged)?;
                self.go_down(dir as DirId)?;
            }
            return Ok(Some(entry));
        }
        Ok(None)
    }
}

impl Iterator for Entries {
    type Item = Result<CatalogEntry>;

    fn next(&mut self) -> Option<Result<CatalogEntry>> {
        self.0.next()
    }
}

impl std::iter::FusedIterator for Entries {}
