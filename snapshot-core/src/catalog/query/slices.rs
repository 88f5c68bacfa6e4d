//! All that some snapshots have, a directory after the other in the order of
//! their numbers, each version once: for who compares the trees with it.

use std::sync::Arc;

use crate::catalog::directory::{COLUMNS, DirectoryRow};
use crate::catalog::moved::Way;
use crate::catalog::query::CatalogSnapshot;
use crate::catalog::query::names::{Listing, Named, lookup};
use crate::catalog::query::reading::{Handle, Progress, Reading, Turns, Walk};
use crate::catalog::read::damaged;
use crate::catalog::row::{DirId, TOP, Version};
use crate::error::Result;

/// So many names of a directory come at once.
const MOST_NAMES: usize = if cfg!(test) { 3 } else { 4096 };

/// A version, and where its rows are.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) first: u64,
    pub(crate) until: Option<u64>,
    pub(crate) version: Version,
}

/// A part of a directory: some of its names, in their order, each with the
/// versions that the snapshots have.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    pub(crate) dir: DirId,
    /// The path of the directory, which begins with a slash.
    pub(crate) path: Arc<[u8]>,
    /// The directory that it is in, its name there, and its own versions.
    pub(crate) above: DirId,
    pub(crate) own: Vec<Row>,
    pub(crate) names: Vec<(Vec<u8>, Vec<Row>)>,
    pub(crate) is_first: bool,
    pub(crate) is_last: bool,
}

/// The directories of some snapshots. Made by `Catalog::slices`.
pub(crate) struct Slices(Turns<Cut>);

struct Cut {
    /// The snapshots, by their sequences and in that order.
    of: Vec<u64>,
    way: Way,
    last: DirId,
    current: Option<Current>,
}

/// A directory that is being read.
struct Current {
    slice: Slice,
    listing: Listing,
}

impl Slices {
    pub(super) fn new(handle: &Arc<Handle>, snapshots: &[CatalogSnapshot]) -> Slices {
        let cut = Cut {
            of: snapshots.iter().map(|snapshot| snapshot.sequence).collect(),
            way: Way::default(),
            // The top is in nothing.
            last: TOP - 1,
            current: None,
        };
        // What a snapshot had that is removed meanwhile is just not told any more.
        Slices(Turns::new(Arc::clone(handle), cut, Vec::new()))
    }
}

impl Cut {
    /// Begins with the next directory; none if there is no more.
    fn begin(&mut self, reading: &Reading<'_>) -> Progress<Option<Current>> {
        reading.go_on()?;
        let (dir, above, name) = {
            let sql = format!("SELECT {COLUMNS} FROM directory WHERE id > ?1 ORDER BY id LIMIT 1");
            let mut statement = reading.connection.prepare_cached(&sql)?;
            let mut rows = statement.query([self.last])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let found = DirectoryRow::of(row).ok_or_else(damaged)?;
            (found.id, found.up, found.name.to_vec())
        };
        self.way.lead_to(reading.connection, dir)?;
        let path: Arc<[u8]> = self.way.path().into();
        reading.count(path.len());
        let own = lookup(reading, above, &name)?.map(|named| self.rows(named));
        self.last = dir;
        Ok(Some(Current {
            slice: Slice {
                dir,
                path,
                above,
                own: own.unwrap_or_default(),
                names: Vec::new(),
                is_first: true,
                is_last: false,
            },
            listing: Listing::new(dir, 0),
        }))
    }

    fn rows(&self, named: Named) -> Vec<Row> {
        let spans = named.spans.into_iter();
        spans
            .filter(|span| self.has(span.first, span.until))
            .map(|span| Row {
                first: span.first,
                until: span.until,
                version: span.version,
            })
            .collect()
    }

    /// Tells whether one of the snapshots has what a row tells of.
    fn has(&self, first: u64, until: Option<u64>) -> bool {
        let place = self.of.partition_point(|sequence| *sequence < first);
        let next = self.of.get(place);
        next.is_some_and(|next| until.is_none_or(|until| *next < until))
    }
}

impl Walk for Cut {
    type Item = Slice;

    fn step(&mut self, reading: &Reading<'_>) -> Progress<Option<Slice>> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => match self.begin(reading)? {
                Some(current) => current,
                None => return Ok(None),
            },
        };
        loop {
            let next = current
                .listing
                .next(reading, &|read| self.has(read.first, read.until));
            match next {
                Ok(Some(named)) => {
                    let name = named.name.clone();
                    let rows = self.rows(named);
                    current.slice.names.push((name, rows));
                    if current.slice.names.len() >= MOST_NAMES {
                        let slice = current.slice.clone();
                        current.slice.names = Vec::new();
                        current.slice.is_first = false;
                        self.current = Some(current);
                        return Ok(Some(slice));
                    }
                }
                Ok(None) => {
                    current.slice.is_last = true;
                    return Ok(Some(current.slice));
                }
                Err(stop) => {
                    self.current = Some(current);
                    return Err(stop);
                }
            }
        }
    }
}

impl Slice {
    /// Tells whether nothing of the directory is in another part.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_first && self.is_last
    }

    /// The version of the directory that a snapshot has.
    pub(crate) fn own_at(&self, sequence: u64) -> Option<&Row> {
        self.own.iter().find(|row| row.is_in(sequence))
    }

    /// How much there is to do with it.
    pub(crate) fn len(&self) -> usize {
        let rows = self.names.iter().map(|(_, rows)| rows.len());
        1 + self.path.len() / 256 + rows.sum::<usize>()
    }
}

impl Row {
    pub(crate) fn is_in(&self, sequence: u64) -> bool {
        super::names::covers(self.first, self.until, sequence)
    }
}

impl Iterator for Slices {
    type Item = Result<Slice>;

    fn next(&mut self) -> Option<Result<Slice>> {
        self.0.next()
    }
}
