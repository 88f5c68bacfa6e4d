//! Which versions have their stored inode for themselves.

use rusqlite::Connection;

use crate::cancel::CancelToken;
use crate::catalog::open::{Outcome, Trouble};
use crate::catalog::read::select;
use crate::catalog::row::{DirId, MountId, NO_MOUNT, Place, kind_of};
use crate::catalog::table::{self, Read};
use crate::claims::Claims;
use crate::entry::EntryKind;

/// What there is in the rows, and what is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) versions: u64,
    /// Versions of which only the tree told.
    pub(crate) of_trees: u64,
    /// Versions of files with content and without a hash of it.
    pub(crate) unhashed_files: u64,
}

/// How many rows are changed at once.
const PAGE: usize = 1000;

/// Marks each row whose stored inode another row has too. Those that have a mark
/// keep it: the entry may have other names in the source, and be stored together
/// with them by the next run.
pub(crate) fn mark(connection: &Connection, cancel: &CancelToken) -> Outcome<Census> {
    let (census, often) = count(connection, cancel)?;
    for table in [ENTRY, PAST] {
        let mut last = (0, Vec::new(), 0);
        loop {
            let unmarked = table.unmarked(connection, &often, &mut last, cancel)?;
            for (dir, name, first) in &unmarked {
                table.mark(connection, *dir, name, *first)?;
            }
            if unmarked.len() < PAGE {
                break;
            }
        }
    }
    Ok(census)
}

/// Finds the inodes that more than one row has.
fn count(connection: &Connection, cancel: &CancelToken) -> Outcome<(Census, Claims)> {
    let (once, often) = (Claims::new(), Claims::new());
    let mut census = Census::default();
    let columns = "SELECT stored, mode, mount, size > 0 AND blake3 IS NULL";
    let mut statement = connection.prepare(&format!(
        "{columns} FROM entry UNION ALL {columns} FROM past"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if cancel.is_cancelled() {
            return Err(Trouble::Stopped);
        }
        let stored: Option<i64> = row.get(0)?;
        let (raw_mode, mount): (u32, MountId) = (row.get(1)?, row.get(2)?);
        let kind = kind_of(raw_mode);
        census.versions += 1;
        census.of_trees += u64::from(mount == NO_MOUNT);
        let is_unhashed: bool = row.get(3)?;
        census.unhashed_files += u64::from(kind == Some(EntryKind::File) && is_unhashed);
        // The number of a directory is no inode.
        if let Some(stored) = stored.filter(|_| kind != Some(EntryKind::Directory)) {
            if !once.claim(stored as u64) {
                often.claim(stored as u64);
            }
        }
    }
    Ok((census, often))
}

/// One of the two tables of versions.
#[derive(Clone, Copy)]
struct Table {
    name: &'static str,
    until: &'static str,
}

const ENTRY: Table = Table {
    name: "entry",
    until: "NULL",
};

const PAST: Table = Table {
    name: "past",
    until: "until",
};

type Key = (DirId, Vec<u8>, i64);

impl Table {
    /// Finds the next rows that should be marked and are not.
    fn unmarked(
        self,
        connection: &Connection,
        often: &Claims,
        last: &mut Key,
        cancel: &CancelToken,
    ) -> Outcome<Vec<Key>> {
        let sql = format!(
            "SELECT dir, name, first, stored FROM {} \
             WHERE (dir, name, first) > (?1, ?2, ?3) AND stored IS NOT NULL AND NOT shared \
             AND mode & 61440 <> 16384 ORDER BY dir, name, first",
            self.name
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query((last.0, &last.1, last.2))?;
        let mut unmarked = Vec::new();
        while let Some(row) = rows.next()? {
            if cancel.is_cancelled() {
                return Err(Trouble::Stopped);
            }
            if often.contains(row.get::<_, i64>(3)? as u64) {
                unmarked.push((row.get(0)?, row.get(1)?, row.get(2)?));
            }
            if unmarked.len() == PAGE {
                break;
            }
        }
        if let Some(end) = unmarked.last() {
            last.clone_from(end);
        }
        Ok(unmarked)
    }

    /// Marks a row. One that is not what was written stays as it is.
    fn mark(self, connection: &Connection, dir: DirId, name: &[u8], first: i64) -> Outcome<()> {
        let condition = "dir = ?1 AND name = ?2 AND first = ?3";
        let read = {
            let sql = select(self.name, self.until, condition);
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query((dir, name, first))?;
            match rows.next()? {
                Some(row) => {
                    Read::of(row, dir, 0)?.map(|read| (read.first, read.until, read.version()))
                }
                None => None,
            }
        };
        if let Some((first, until, mut version)) = read {
            version.facts.shared = true;
            let place = Place {
                dir,
                name,
                first,
                until,
            };
            table::insert(connection, &place, &version)?;
        }
        Ok(())
    }
}
