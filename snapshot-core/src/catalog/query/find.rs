//! The paths that match a pattern, of all snapshots.

use std::sync::Arc;

use crate::catalog::directory;
use crate::catalog::open::Outcome;
use crate::catalog::query::entry::{CatalogEntry, path_of};
use crate::catalog::query::glob::Pattern;
use crate::catalog::query::living::Living;
use crate::catalog::query::names::{Named, damaged};
use crate::catalog::query::reading::{Handle, Progress, Reading, Stop, Turns, Walk};
use crate::catalog::query::tour::{Chosen, Tour};
use crate::catalog::row::{DirId, TOP};
use crate::entry::EntryKind;
use crate::error::Result;
use crate::name::SnapshotName;

/// A name that is passed takes so many times less than a row that is read.
const NAMES_A_ROW: usize = if cfg!(test) { 2 } else { 8 };

/// A path that was found, and the snapshots that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundPath {
    /// The entry, as the last snapshot has it.
    pub entry: CatalogEntry,
    /// The first snapshot that has the path.
    pub first: SnapshotName,
    /// The last one.
    pub last: SnapshotName,
    /// The number of snapshots that have it. Not all between the first and the
    /// last need to.
    pub snapshots: usize,
}

/// The paths that match a pattern, in their order.
///
/// Made by [`Catalog::find`](super::Catalog::find). After an error there is
/// nothing more.
#[must_use]
pub struct Found(Turns<Search>);

/// A search for the directories to look at, and a tour of them.
struct Search {
    pattern: Pattern,
    stage: Stage,
}

enum Stage {
    /// Where everything is that may match.
    Here,
    /// Through all names of one table after the other.
    Passing {
        chosen: Chosen,
        table: Table,
        /// The last name that was passed.
        last: (DirId, Vec<u8>),
        /// What the catalog was when this began.
        version: Option<i64>,
    },
    Touring(Tour),
}

impl Stage {
    fn passing(chosen: Chosen) -> Stage {
        Stage::Passing {
            chosen,
            table: Table::Entry,
            last: (0, Vec::new()),
            version: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Entry,
    Past,
}

impl Found {
    pub(super) fn new(handle: &Arc<Handle>, pattern: &str) -> Result<Found> {
        let pattern = Pattern::read(pattern)?;
        let stage = if pattern.is_in_one_directory() {
            Stage::Here
        } else if pattern.is_of_any_name() {
            let tour = Tour::new(Chosen::everything());
            Stage::Touring(tour.below(pattern.prefix()))
        } else {
            Stage::passing(Chosen::new())
        };
        let search = Search { pattern, stage };
        Ok(Found(Turns::new(Arc::clone(handle), search, Vec::new())))
    }
}

impl Search {
    /// Chooses the one directory that everything is in.
    fn choose_only(&self, reading: &Reading<'_>) -> Outcome<Chosen> {
        let mut chosen = Chosen::new();
        let mut dir = TOP;
        for name in self.pattern.prefix() {
            match directory::find(reading.connection, dir, name)? {
                Some(found) => dir = found,
                None => return Ok(chosen),
            }
        }
        chosen.add(reading, dir)?;
        Ok(chosen)
    }

    /// Goes on to the next stage if this one is at its end.
    fn advance(&mut self, reading: &Reading<'_>) -> Progress<()> {
        let chosen = match &mut self.stage {
            Stage::Here => self.choose_only(reading)?,
            Stage::Passing {
                chosen,
                table,
                last,
                version,
            } => {
                let began = *version.get_or_insert(reading.data_version()?);
                pass(reading, &self.pattern, *table, chosen, last)?;
                if *table == Table::Entry {
                    (*table, *last) = (Table::Past, (0, Vec::new()));
                    return Ok(());
                }
                let chosen = std::mem::replace(chosen, Chosen::new());
                if reading.data_version()? != began {
                    // A row may have gone to the table that was passed before.
                    self.stage = Stage::passing(chosen);
                    return Ok(());
                }
                chosen
            }
            Stage::Touring(_) => return Ok(()),
        };
        let tour = Tour::new(chosen).below(self.pattern.prefix());
        self.stage = Stage::Touring(match self.pattern.only_name() {
            Some(name) => tour.of_name(name),
            None => tour,
        });
        Ok(())
    }
}

/// Passes the names of a table, and chooses the directories of those that may
/// match. Of a row nothing but its name is read here.
fn pass(
    reading: &Reading<'_>,
    pattern: &Pattern,
    table: Table,
    chosen: &mut Chosen,
    last: &mut (DirId, Vec<u8>),
) -> Progress<()> {
    reading.go_on()?;
    let mut statement = reading.connection.prepare_cached(match table {
        Table::Entry => {
            "SELECT dir, name FROM entry WHERE (dir, name) > (?1, ?2) ORDER BY dir, name"
        }
        Table::Past => "SELECT dir, name FROM past WHERE (dir, name) > (?1, ?2) ORDER BY dir, name",
    })?;
    let mut rows = statement.query((last.0, &last.1))?;
    let mut passed = 0;
    let mut chosen_last = None;
    while let Some(row) = rows.next()? {
        let dir: DirId = row.get(0)?;
        let name = row.get_ref(1)?.as_blob().map_err(|_| damaged())?;
        if chosen_last != Some(dir) && pattern.may_be(name) {
            chosen.add(reading, dir)?;
            chosen_last = Some(dir);
        }
        passed += 1;
        if passed % NAMES_A_ROW == 0 {
            reading.count(0);
        }
        if reading.is_over() {
            *last = (dir, name.to_vec());
            return Err(Stop::Pause);
        }
    }
    Ok(())
}

impl Walk for Search {
    type Item = FoundPath;

    fn step(&mut self, reading: &Reading<'_>) -> Progress<Option<FoundPath>> {
        loop {
            let Stage::Touring(tour) = &mut self.stage else {
                self.advance(reading)?;
                continue;
            };
            let pattern = &self.pattern;
            let Some((_, named)) = tour.next(reading, &|read| pattern.may_be(read.name))? else {
                return Ok(None);
            };
            let living = reading.living()?;
            let found = found(pattern, tour.path(), &named, living)?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
}

/// What of a path's versions matches, if any snapshot has it.
fn found(
    pattern: &Pattern,
    path: &[u8],
    named: &Named,
    living: &Living,
) -> Outcome<Option<FoundPath>> {
    let mut result: Option<FoundPath> = None;
    for span in &named.spans {
        let places = living.places(span.first, span.until);
        let is_directory = span.version.facts.kind == EntryKind::Directory;
        let (Some(first), Some(last)) = (
            living.all()[places.clone()].first(),
            living.all()[places.clone()].last(),
        ) else {
            continue;
        };
        if !pattern.matches(path, is_directory) {
            continue;
        }
        let before = result.as_ref();
        result = Some(FoundPath {
            entry: CatalogEntry::new(path_of(path.to_vec()), &span.version)?,
            first: before.map_or(first.name, |before| before.first),
            last: last.name,
            snapshots: before.map_or(0, |before| before.snapshots) + places.len(),
        });
    }
    Ok(result)
}

impl Iterator for Found {
    type Item = Result<FoundPath>;

    fn next(&mut self) -> Option<Result<FoundPath>> {
        self.0.next()
    }
}

impl std::iter::FusedIterator for Found {}
