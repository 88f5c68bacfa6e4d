//! Where else something is stored: the same inode, or another one with the same
//! content.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::catalog::open::Outcome;
use crate::catalog::query::CatalogSnapshot;
use crate::catalog::query::entry::path_of;
use crate::catalog::query::moves::{Holder, Identity, holders};
use crate::catalog::query::names::damaged;
use crate::catalog::query::place::{Spot, path_of_directory, push};
use crate::catalog::query::reading::{Handle, Progress, Reading, Turns, Walk};
use crate::catalog::query::slices::Row;
use crate::catalog::row::DirId;
use crate::catalog::table::{COLUMNS, Read};
use crate::entry::{EntryKind, Hash};
use crate::error::Result;

/// A path, the version that it has, and the snapshots in which it has it.
#[derive(Clone, Debug)]
pub(crate) struct Sharer {
    pub(crate) dir: DirId,
    pub(crate) name: Vec<u8>,
    pub(crate) first: u64,
    pub(crate) until: Option<u64>,
    pub(crate) path: PathBuf,
    /// Oldest first.
    pub(crate) snapshots: Vec<CatalogSnapshot>,
}

/// The paths that share what is stored of a row, that of the row first.
pub(super) fn sharers(handle: &Handle, dir: DirId, name: &[u8], row: &Row) -> Result<Vec<Sharer>> {
    handle.read(|reading| {
        let own = Holder {
            spot: Spot {
                dir,
                name: name.to_vec(),
            },
            first: row.first,
            until: row.until,
            facts: row.version.facts,
        };
        let mut sharers = vec![sharer(reading, &own)?];
        let facts = &row.version.facts;
        let shared = facts.stored.filter(|_| facts.shared);
        let is_own = |holder: &Holder| (holder.spot == own.spot) && holder.first == own.first;
        if let Some(stored) = shared.filter(|_| facts.kind != EntryKind::Directory) {
            for holder in holders(reading, Identity::File(stored))? {
                if !is_own(&holder) {
                    sharers.push(sharer(reading, &holder)?);
                }
            }
        }
        sharers.retain(|sharer| !sharer.snapshots.is_empty());
        Ok(sharers)
    })
}

fn sharer(reading: &Reading<'_>, holder: &Holder) -> Outcome<Sharer> {
    let living = reading.living()?;
    let mut path = path_of_directory(reading, holder.spot.dir)?;
    push(&mut path, &holder.spot.name);
    Ok(Sharer {
        dir: holder.spot.dir,
        name: holder.spot.name.clone(),
        first: holder.first,
        until: holder.until,
        path: path_of(path),
        snapshots: living.all()[living.places(holder.first, holder.until)].to_vec(),
    })
}

/// So many places are told of each content.
const MOST_PLACES: usize = 8;

/// The stored files whose content has one of some hashes. Reads all rows.
pub(crate) struct Copies(Turns<Search>);

struct Search {
    /// The inodes that were told of each hash.
    wanted: HashMap<Hash, Vec<u64>>,
    tables: &'static [(&'static str, &'static str)],
    last: (Spot, u64),
}

impl Copies {
    pub(super) fn new(handle: &Arc<Handle>, hashes: impl IntoIterator<Item = Hash>) -> Copies {
        let search = Search {
            wanted: hashes.into_iter().map(|hash| (hash, Vec::new())).collect(),
            tables: &[("entry", "NULL"), ("past", "until")],
            last: beginning(),
        };
        Copies(Turns::new(Arc::clone(handle), search, Vec::new()))
    }
}

/// The place before all rows.
fn beginning() -> (Spot, u64) {
    let spot = Spot {
        dir: DirId::MIN,
        name: Vec::new(),
    };
    (spot, 0)
}

impl Search {
    fn in_table(
        &mut self,
        reading: &Reading<'_>,
        table: &str,
        until: &str,
    ) -> Progress<Option<(Hash, Sharer)>> {
        let sql = format!(
            "SELECT dir, name, first, {until}, {COLUMNS} FROM {table} \
             WHERE (dir, name, first) > (?1, ?2, ?3) ORDER BY dir, name, first"
        );
        let mut statement = reading.connection.prepare_cached(&sql)?;
        let (spot, first) = &self.last;
        let mut rows = statement.query((spot.dir, &spot.name, *first as i64))?;
        while let Some(row) = rows.next()? {
            reading.go_on()?;
            reading.count(0);
            let dir = row.get(0)?;
            let read = Read::of(row, dir, 1)?.ok_or_else(damaged)?;
            let spot = Spot {
                dir,
                name: read.name.to_vec(),
            };
            self.last = (spot, read.first);
            let hash = read.extras.hash.and_then(|hash| Hash::try_from(hash).ok());
            let Some((hash, stored)) = hash.zip(read.facts.stored) else {
                continue;
            };
            let Some(told) = self.wanted.get_mut(&hash) else {
                continue;
            };
            if told.len() >= MOST_PLACES || told.contains(&stored) {
                continue;
            }
            let holder = Holder {
                spot: self.last.0.clone(),
                first: read.first,
                until: read.until,
                facts: read.facts,
            };
            let sharer = sharer(reading, &holder)?;
            if !sharer.snapshots.is_empty() {
                told.push(stored);
                return Ok(Some((hash, sharer)));
            }
        }
        Ok(None)
    }
}

impl Walk for Search {
    type Item = (Hash, Sharer);

    fn step(&mut self, reading: &Reading<'_>) -> Progress<Option<(Hash, Sharer)>> {
        while let Some(((table, until), rest)) = self.tables.split_first() {
            if let Some(found) = self.in_table(reading, table, until)? {
                return Ok(Some(found));
            }
            self.tables = rest;
            self.last = beginning();
        }
        Ok(None)
    }
}

impl Iterator for Copies {
    type Item = Result<(Hash, Sharer)>;

    fn next(&mut self) -> Option<Result<(Hash, Sharer)>> {
        self.0.next()
    }
}
