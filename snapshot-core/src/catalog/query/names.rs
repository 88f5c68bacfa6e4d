//! The names of a directory in their order, each with its versions. Every row
//! that is passed is checked, also those that nobody wants.

use std::vec;

use rusqlite::Rows;
use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;

use crate::catalog::directory::{COLUMNS, DirectoryRow};
use crate::catalog::open::Outcome;
use crate::catalog::query::reading::{Progress, Reading};
pub(super) use crate::catalog::read::damaged;
use crate::catalog::read::select;
use crate::catalog::row::{DirId, Version};
use crate::catalog::table::Read;

/// So many names are read ahead, less in the depth of a tree: all levels above
/// keep theirs.
const AHEAD: usize = if cfg!(test) { 4 } else { 512 };

/// A version, and the sequences that have it.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) until: Option<u64>,
    pub(super) version: Version,
}

/// A name with its versions, oldest first.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) name: Vec<u8>,
    pub(super) spans: Vec<Span>,
}

/// Tells whether sequences from `first` up to `until` have this one among them.
pub(super) fn covers(first: u64, until: Option<u64>, sequence: u64) -> bool {
    first <= sequence && until.is_none_or(|until| sequence < until)
}

impl Span {
    pub(super) fn has(&self, sequence: u64) -> bool {
        covers(self.first, self.until, sequence)
    }
}

impl Named {
    /// The version that a snapshot has.
    pub(super) fn at(&self, sequence: u64) -> Option<&Version> {
        let span = self.spans.iter().find(|span| span.has(sequence))?;
        Some(&span.version)
    }
}

/// Which rows are wanted.
pub(super) type Wanted<'w> = &'w dyn Fn(&Read<'_>) -> bool;

/// The names of a directory that have a version that is wanted, in order.
#[derive(Debug)]
pub(super) struct Listing {
    dir: DirId,
    condition: &'static str,
    ahead: vec::IntoIter<Named>,
    /// The lowest name that was not looked at yet; none if all were.
    from: Option<Vec<u8>>,
    limit: usize,
}

/// What names have to be to come behind the last that was looked at.
const FROM: &str = "name >= ?2";
const ONLY: &str = "name = ?2";

impl Listing {
    pub(super) fn new(dir: DirId, depth: usize) -> Listing {
        Listing {
            dir,
            condition: FROM,
            ahead: Vec::new().into_iter(),
            from: Some(Vec::new()),
            limit: (AHEAD / (depth + 1)).max(1),
        }
    }

    /// The one name in the directory.
    pub(super) fn of_name(dir: DirId, name: &[u8]) -> Listing {
        Listing {
            condition: ONLY,
            from: Some(name.to_vec()),
            ..Listing::new(dir, 0)
        }
    }

    pub(super) fn next(
        &mut self,
        reading: &Reading<'_>,
        wanted: Wanted<'_>,
    ) -> Progress<Option<Named>> {
        loop {
            if let Some(named) = self.ahead.next() {
                return Ok(Some(named));
            }
            let Some(from) = &self.from else {
                return Ok(None);
            };
            reading.go_on()?;
            let (page, next) = page(reading, self.dir, self.condition, from, self.limit, wanted)?;
            self.ahead = page.into_iter();
            self.from = next;
        }
    }
}

/// Reads what is known of one name.
pub(super) fn lookup(reading: &Reading<'_>, dir: DirId, name: &[u8]) -> Outcome<Option<Named>> {
    let (page, _) = page(reading, dir, ONLY, name, 1, &|_| true)?;
    Ok(page.into_iter().next())
}

/// The names of a directory that meet a condition, `limit` at the most or as
/// many as a turn has room for, and which is the next.
fn page(
    reading: &Reading<'_>,
    dir: DirId,
    condition: &str,
    name: &[u8],
    limit: usize,
    wanted: Wanted<'_>,
) -> Outcome<(Vec<Named>, Option<Vec<u8>>)> {
    let order = format!("dir = ?1 AND {condition} ORDER BY name");
    let connection = reading.connection;
    let mut entry = connection.prepare_cached(&select("entry", "NULL", &order))?;
    let mut past =
        connection.prepare_cached(&select("past", "until", &format!("{order}, first")))?;
    let (mut entry, mut past) = (entry.query((dir, name))?, past.query((dir, name))?);
    entry.advance()?;
    past.advance()?;
    let mut names: Vec<Named> = Vec::new();
    // The name that is being read, wanted or not.
    let mut current: Option<Vec<u8>> = None;
    loop {
        // The version that the newest snapshot has comes last.
        let rows = match (name_of(&past)?, name_of(&entry)?) {
            (None, None) => return Ok((names, None)),
            (Some(old), Some(new)) if old > new => &mut entry,
            (None, Some(_)) => &mut entry,
            (Some(_), _) => &mut past,
        };
        let Some(row) = rows.get() else {
            return Ok((names, None));
        };
        let read = Read::of(row, dir, 0)?.ok_or_else(damaged)?;
        if current.as_deref() != Some(read.name) {
            if current.is_some() && (names.len() >= limit || reading.is_over()) {
                return Ok((names, Some(read.name.to_vec())));
            }
            let name = current.get_or_insert_default();
            name.clear();
            name.extend_from_slice(read.name);
        }
        let long = [read.extras.target, read.extras.xattrs];
        reading.count(long.iter().flatten().map(|part| part.len()).sum());
        if wanted(&read) {
            let span = Span {
                first: read.first,
                until: read.until,
                version: read.version(),
            };
            match names.last_mut() {
                Some(named) if named.name == read.name => named.spans.push(span),
                _ => names.push(Named {
                    name: read.name.to_vec(),
                    spans: vec![span],
                }),
            }
        }
        rows.advance()?;
    }
}

/// The name in the row that a statement is at; none at its end.
fn name_of<'r>(rows: &'r Rows<'_>) -> Outcome<Option<&'r [u8]>> {
    let Some(row) = rows.get() else {
        return Ok(None);
    };
    let name = row.get_ref(0)?.as_blob();
    Ok(Some(name.map_err(|_| damaged())?))
}

/// The name of a directory's path in the one above, and its number.
pub(super) type Child = (Vec<u8>, DirId);

/// The directories in a directory that were chosen, in order.
#[derive(Debug)]
pub(super) struct Children {
    dir: DirId,
    ahead: vec::IntoIter<Child>,
    from: Option<Vec<u8>>,
    limit: usize,
}

impl Children {
    pub(super) fn new(dir: DirId, depth: usize) -> Children {
        Children {
            dir,
            ahead: Vec::new().into_iter(),
            from: Some(Vec::new()),
            limit: (AHEAD / (depth + 1)).max(1),
        }
    }

    pub(super) fn next(
        &mut self,
        reading: &Reading<'_>,
        wanted: impl Fn(DirId) -> bool,
    ) -> Progress<Option<Child>> {
        loop {
            if let Some(child) = self.ahead.next() {
                return Ok(Some(child));
            }
            let Some(from) = &self.from else {
                return Ok(None);
            };
            reading.go_on()?;
            let (page, next) = self.page(reading, from, &wanted)?;
            self.ahead = page.into_iter();
            self.from = next;
        }
    }

    fn page(
        &self,
        reading: &Reading<'_>,
        from: &[u8],
        wanted: impl Fn(DirId) -> bool,
    ) -> Outcome<(Vec<Child>, Option<Vec<u8>>)> {
        let mut statement = reading.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM directory WHERE up = ?1 AND name >= ?2 ORDER BY name"
        ))?;
        let mut rows = statement.query((self.dir, from))?;
        let mut page = Vec::new();
        let mut is_first = true;
        while let Some(row) = rows.next()? {
            let found = DirectoryRow::of(row).filter(|found| found.up == self.dir);
            let DirectoryRow { id, name, .. } = found.ok_or_else(damaged)?;
            if !is_first && (page.len() >= self.limit || reading.is_over()) {
                return Ok((page, Some(name.to_vec())));
            }
            is_first = false;
            reading.count(0);
            if wanted(id) {
                page.push((name.to_vec(), id));
            }
        }
        Ok((page, None))
    }
}
