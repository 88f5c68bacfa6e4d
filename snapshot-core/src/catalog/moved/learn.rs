//! Learning anew which inodes the versions are stored as.
//!
//! A version is looked up in two directories at most: in the newest snapshot
//! that has it, whose number it gets, and in the oldest one, which has to have
//! the same. So a directory is listed as often as something in it changed.

use std::collections::BTreeSet;
use std::ffi::CString;

use rusqlite::Connection;

use crate::cancel::CancelToken;
use crate::catalog::moved::look::{Cursors, Found, Way};
use crate::catalog::open::{Outcome, Trouble};
use crate::catalog::read::select;
use crate::catalog::row::{DirId, Place, Version, kind_of};
use crate::catalog::shared;
use crate::catalog::table::{self, Read};
use crate::fs::dir::{Access, Boundary};
use crate::fs::publish::{Filesystem, InodeNumbers};
use crate::layout;
use crate::name::SnapshotName;
use crate::store::Store;

/// Rows that have a number to be learnt: that of a directory is its own.
const NUMBERED: &str = "stored IS NOT NULL AND mode & 61440 <> 16384";

/// How many rows are changed at once.
const PAGE: usize = 1000;

/// Learns all numbers in one transaction. Gives the number of versions that were
/// found; none if one of them has several inodes, so that nothing was changed.
pub(super) fn learn(
    store: &Store,
    connection: &mut Connection,
    living: &[(u64, SnapshotName)],
    cancel: &CancelToken,
) -> Outcome<Option<u64>> {
    connection.set_prepared_statement_cache_capacity(64);
    let filesystem = Filesystem::of(&store.root).map_err(|error| Trouble::of_io(&error))?;
    let transaction = connection.transaction()?;
    let mut learning = Learning {
        store,
        connection: &transaction,
        numbers: filesystem.inode_numbers(),
        trees: living.iter().map(|(_, name)| layout::tree(*name)).collect(),
        sequences: living
            .iter()
            .map(|(sequence, _)| *sequence as i64)
            .collect(),
        way: Way::default(),
        cursors: Cursors::new(),
        found: 0,
    };
    let mut last = 0;
    loop {
        let page = learning.directories_after(last)?;
        let Some(end) = page.last() else {
            break;
        };
        last = *end;
        for dir in page {
            if cancel.is_cancelled() {
                return Err(Trouble::Stopped);
            }
            if !learning.directory(dir)? {
                return Ok(None);
            }
        }
    }
    let versions = learning.found;
    let root = store.root_id()?;
    transaction.execute(
        "UPDATE store SET inode = ?1, born = ?2, born_ns = ?3",
        (
            root.inode as i64,
            root.born.map(|born| born.seconds),
            root.born.map(|born| born.nanoseconds),
        ),
    )?;
    shared::mark(&transaction, cancel)?;
    transaction.commit()?;
    Ok(Some(versions))
}

struct Learning<'t> {
    store: &'t Store,
    connection: &'t Connection,
    numbers: InodeNumbers,
    /// The living snapshots, in their order.
    trees: Vec<CString>,
    sequences: Vec<i64>,
    way: Way,
    cursors: Cursors,
    found: u64,
}

/// A row whose number is to be another one.
struct Row {
    name: CString,
    first: u64,
    until: Option<u64>,
    version: Version,
}

impl Learning<'_> {
    fn directories_after(&self, last: DirId) -> Outcome<Vec<DirId>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id FROM directory WHERE id > ?1 ORDER BY id LIMIT ?2")?;
        let rows = statement.query_map((last, PAGE as i64), |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Learns the numbers of what is in one directory. False if a version has
    /// several.
    fn directory(&mut self, dir: DirId) -> Outcome<bool> {
        let places = self.places(dir)?;
        if places.is_empty() {
            return Ok(true);
        }
        self.way.lead_to(self.connection, dir)?;
        // The newest first: a version has its number before it is checked.
        for place in places.into_iter().rev() {
            let (root, tree) = (&self.store.root, &self.trees[place]);
            let opened = self.cursors.open(&self.way, place, || {
                root.open_dir(tree, Access::Read, Boundary::Stay)
            })?;
            let found = Found::look(opened, self.numbers)?;
            self.take(dir, place, &found)?;
            if !self.check(dir, place, &found)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The snapshots in which a directory has to be looked at.
    fn places(&self, dir: DirId) -> Outcome<BTreeSet<usize>> {
        let sql = format!(
            "SELECT DISTINCT first, NULL FROM entry WHERE dir = ?1 AND {NUMBERED} \
             UNION SELECT DISTINCT first, until FROM past WHERE dir = ?1 AND {NUMBERED}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([dir])?;
        let mut places = BTreeSet::new();
        while let Some(row) = rows.next()? {
            let (first, until): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
            let before = |end: i64| self.sequences.partition_point(|sequence| *sequence < end);
            let end = until.map_or(self.sequences.len(), before);
            // No snapshot has it that the catalog tells of.
            let Some(newest) = end.checked_sub(1).filter(|newest| before(first) <= *newest) else {
                continue;
            };
            places.extend([before(first), newest]);
        }
        Ok(places)
    }

    /// The sequence of the snapshot after one; a later one than any for the
    /// newest.
    fn after(&self, place: usize) -> i64 {
        let next = self.sequences.get(place + 1);
        next.copied().unwrap_or(i64::MAX)
    }

    /// Takes the numbers of the versions of which this is the newest snapshot.
    /// What is not there has none any more, and is stored again.
    fn take(&mut self, dir: DirId, place: usize, found: &Found) -> Outcome<()> {
        let is_newest = place + 1 == self.sequences.len();
        let (table, until, range, bounds) = match is_newest {
            true => ("entry", "NULL", "first", [0, i64::MAX]),
            false => {
                let bounds = [self.sequences[place], self.after(place)];
                ("past", "until", "until", bounds)
            }
        };
        let condition = format!(
            "dir = ?1 AND (name, first) > (?2, ?3) AND {range} > ?4 AND {range} <= ?5 \
             AND {NUMBERED} ORDER BY name, first"
        );
        let sql = select(table, until, &condition);
        let mut last = (CString::default(), 0);
        loop {
            let rows = self.page(&sql, dir, &last, bounds)?;
            let is_last = rows.len() < PAGE;
            if let Some(end) = rows.last() {
                last = (end.name.clone(), end.first);
            }
            for row in rows {
                self.renumber(dir, row, found)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn page(
        &self,
        sql: &str,
        dir: DirId,
        last: &(CString, u64),
        bounds: [i64; 2],
    ) -> Outcome<Vec<Row>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let (name, first) = (last.0.to_bytes(), last.1 as i64);
        let mut found = statement.query((dir, name, first, bounds[0], bounds[1]))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            // What is not what was written is of no use with any number.
            let Some(read) = Read::of(row, dir, 0)? else {
                continue;
            };
            let Ok(name) = CString::new(read.name) else {
                continue;
            };
            rows.push(Row {
                name,
                first: read.first,
                until: read.until,
                version: read.version(),
            });
            if rows.len() == PAGE {
                break;
            }
        }
        Ok(rows)
    }

    fn renumber(&mut self, dir: DirId, mut row: Row, found: &Found) -> Outcome<()> {
        let stored = found.inode(&row.name, row.version.facts.kind)?;
        row.version.facts.stored = stored;
        self.found += u64::from(stored.is_some());
        let place = Place {
            dir,
            name: row.name.to_bytes(),
            first: row.first,
            until: row.until,
        };
        Ok(table::insert(self.connection, &place, &row.version)?)
    }

    /// Tells whether the versions of which this is the oldest snapshot, and not
    /// the newest one, have the same numbers in both.
    fn check(&self, dir: DirId, place: usize, found: &Found) -> Outcome<bool> {
        let is_newest = place + 1 == self.sequences.len();
        if is_newest {
            return Ok(true);
        }
        let before = match place.checked_sub(1) {
            Some(before) => self.sequences[before],
            None => 0,
        };
        let began = format!("dir = ?1 AND first > ?2 AND first <= ?3 AND {NUMBERED}");
        let sql = format!(
            "SELECT name, mode, stored FROM entry WHERE {began} \
             UNION ALL SELECT name, mode, stored FROM past WHERE {began} AND until > ?4"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let bounds = (dir, before, self.sequences[place], self.after(place));
        let mut rows = statement.query(bounds)?;
        while let Some(row) = rows.next()? {
            let name: Vec<u8> = row.get(0)?;
            let (raw_mode, stored): (u32, i64) = (row.get(1)?, row.get(2)?);
            let kind = kind_of(raw_mode);
            let Some((name, kind)) = CString::new(name).ok().zip(kind) else {
                continue;
            };
            if found.inode(&name, kind)? != Some(stored as u64) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
