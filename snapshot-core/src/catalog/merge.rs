//! Applying the changes of a run.

use std::cell::Cell;
use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Statement};

use crate::cancel::CancelToken;
use crate::catalog::change::{Change, Made, Origin};
use crate::catalog::directory::{DirectoryRow, set_changed};
use crate::catalog::living::forget_directory;
use crate::catalog::log::Log;
use crate::catalog::open::{Outcome, Trouble};
use crate::catalog::read::select;
use crate::catalog::row::{DirId, Place, TOP, Version};
use crate::catalog::small::{insert_mount, insert_snapshot};
use crate::catalog::table::{self, Read};
use crate::entry::EntryKind;

/// How many rows are dealt with at once where there may be any number.
const PAGE: usize = 1000;

/// Writes down a snapshot, with all that changes with it, in a transaction of
/// the caller's; tells how many rows were not what had been written, and went.
pub(crate) fn merge(
    connection: &Connection,
    made: &Made,
    log: &Log,
    cancel: &CancelToken,
) -> Outcome<u64> {
    let last: Option<DirId> =
        connection.query_row("SELECT max(id) FROM directory", [], |row| row.get(0))?;
    if last.is_none() {
        let top = DirectoryRow {
            id: TOP,
            up: 0,
            name: b"",
            changed: made.sequence,
        };
        top.insert(connection)?;
    }
    let mut merge = Merge {
        connection,
        insert: table::prepare_insert(connection)?,
        sequence: made.sequence,
        last_directory: last.unwrap_or(0),
        changed: HashSet::new(),
        unused: Vec::new(),
        damaged: Cell::new(0),
    };
    log.drain(|change| {
        if cancel.is_cancelled() {
            return Err(Trouble::Stopped);
        }
        merge.apply(change)
    })?;
    merge.finish()?;
    let damaged = merge.damaged.get();
    insert_snapshot(connection, made)?;
    Ok(damaged)
}

struct Merge<'t> {
    connection: &'t Connection,
    insert: Statement<'t>,
    sequence: u64,
    /// Directories with a higher number are new, and have no rows yet.
    last_directory: DirId,
    /// Older directories in which a row begins or ends.
    changed: HashSet<DirId>,
    /// Paths of directories that no snapshot may have had.
    unused: Vec<(DirId, Vec<u8>, u64)>,
    /// Rows that were not what had been written.
    damaged: Cell<u64>,
}

impl Merge<'_> {
    fn apply(&mut self, change: Change) -> Outcome<()> {
        match change {
            Change::Mount(mount) => insert_mount(self.connection, &mount),
            Change::Directory { id, up, name } => {
                let row = DirectoryRow {
                    id,
                    up,
                    name: name.to_bytes(),
                    changed: self.sequence,
                };
                row.insert(self.connection)
            }
            Change::Put {
                dir,
                name,
                version,
                origin,
            } => self.put(dir, name.to_bytes(), version, &origin),
            Change::Gone { dir, name } => self.gone(dir, name.to_bytes()),
        }
    }

    fn put(
        &mut self,
        dir: DirId,
        name: &[u8],
        mut version: Box<Version>,
        origin: &Origin,
    ) -> Outcome<()> {
        let mut linked = *origin != Origin::New;
        if dir <= self.last_directory {
            if let Some((first, open)) = self.open_row(dir, name)? {
                if open.is_same_as(&version) {
                    return Ok(());
                }
                linked |= open.facts.stored.is_some() && open.facts.stored == version.facts.stored;
                let is_directory = open.facts.kind == EntryKind::Directory;
                if is_directory && version.facts.kind != EntryKind::Directory {
                    self.end_below(open.facts.stored)?;
                }
                self.end(dir, name, first, &open)?;
            }
            self.changed.insert(dir);
        }
        if linked && version.facts.kind != EntryKind::Directory {
            version.facts.shared = true;
            self.share(dir, name, version.facts.stored)?;
            if let Origin::Moved { dir, name } = origin {
                self.share(*dir, name.to_bytes(), version.facts.stored)?;
            }
        }
        let place = Place {
            dir,
            name,
            first: self.sequence,
            until: None,
        };
        Ok(table::insert_open(&mut self.insert, &place, &version)?)
    }

    /// Ends an entry, and all below it.
    fn gone(&mut self, dir: DirId, name: &[u8]) -> Outcome<()> {
        self.changed.insert(dir);
        match self.open_row(dir, name)? {
            Some((first, open)) => {
                if open.facts.kind == EntryKind::Directory {
                    self.end_below(open.facts.stored)?;
                }
                self.end(dir, name, first, &open)
            }
            // It may have been a directory, or have become one in vain.
            None => {
                let id = self.directory(dir, name)?;
                self.unused.extend(id.map(|id| (dir, name.to_vec(), id)));
                self.end_below(id)
            }
        }
    }

    fn directory(&self, up: DirId, name: &[u8]) -> Outcome<Option<u64>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id FROM directory WHERE up = ?1 AND name = ?2")?;
        let id: Option<DirId> = statement
            .query_row((up, name), |row| row.get(0))
            .optional()?;
        Ok(id.map(|id| id as u64))
    }

    /// Ends everything in a directory and below.
    fn end_below(&mut self, directory: Option<u64>) -> Outcome<()> {
        let mut waiting: Vec<DirId> = directory.map(|id| id as DirId).into_iter().collect();
        while let Some(dir) = waiting.pop() {
            self.changed.insert(dir);
            loop {
                let names = self.names(dir)?;
                for name in &names {
                    if let Some((first, open)) = self.open_row(dir, name)? {
                        if open.facts.kind == EntryKind::Directory {
                            waiting.extend(open.facts.stored.map(|id| id as DirId));
                        }
                        self.end(dir, name, first, &open)?;
                    }
                }
                if names.len() < PAGE {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Some of the names in a directory.
    fn names(&self, dir: DirId) -> Outcome<Vec<Vec<u8>>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name FROM entry WHERE dir = ?1 LIMIT ?2")?;
        let rows = statement.query_map((dir, PAGE as i64), |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The version that the newest snapshot has. A row that is not what was
    /// written is removed: nobody can tell any more what it was.
    fn open_row(&self, dir: DirId, name: &[u8]) -> Outcome<Option<(u64, Version)>> {
        {
            let sql = select("entry", "NULL", "dir = ?1 AND name = ?2");
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query((dir, name))?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            if let Some(read) = Read::of(row, dir, 0)? {
                return Ok(Some((read.first, read.version())));
            }
        }
        self.damaged.set(self.damaged.get() + 1);
        self.remove_open(dir, name)?;
        Ok(None)
    }

    fn remove_open(&self, dir: DirId, name: &[u8]) -> Outcome<()> {
        let mut statement = self
            .connection
            .prepare_cached("DELETE FROM entry WHERE dir = ?1 AND name = ?2")?;
        statement.execute((dir, name))?;
        Ok(())
    }

    /// Ends a version before this snapshot.
    fn end(&mut self, dir: DirId, name: &[u8], first: u64, version: &Version) -> Outcome<()> {
        self.remove_open(dir, name)?;
        if first >= self.sequence && version.facts.kind == EntryKind::Directory {
            let id = version.facts.stored;
            self.unused.extend(id.map(|id| (dir, name.to_vec(), id)));
        }
        if first < self.sequence {
            let until = Some(self.sequence);
            let place = Place {
                dir,
                name,
                first,
                until,
            };
            table::insert(self.connection, &place, version)?;
        }
        Ok(())
    }

    /// Marks the versions of an entry that have a stored inode which another
    /// row has as well.
    fn share(&self, dir: DirId, name: &[u8], stored: Option<u64>) -> Outcome<()> {
        for (table, until) in [("entry", "NULL"), ("past", "until")] {
            let condition = "dir = ?1 AND name = ?2 AND stored = ?3 AND NOT shared";
            let sql = select(table, until, condition);
            let mut found = Vec::new();
            {
                let mut statement = self.connection.prepare_cached(&sql)?;
                let mut rows = statement.query((dir, name, stored.map(|stored| stored as i64)))?;
                while let Some(row) = rows.next()? {
                    let read = Read::of(row, dir, 0)?;
                    found.extend(read.map(|read| (read.first, read.until, read.version())));
                }
            }
            for (first, until, mut version) in found {
                let sql =
                    format!("DELETE FROM {table} WHERE dir = ?1 AND name = ?2 AND first = ?3");
                let mut statement = self.connection.prepare_cached(&sql)?;
                statement.execute((dir, name, first as i64))?;
                version.facts.shared = true;
                table::insert(
                    self.connection,
                    &Place {
                        dir,
                        name,
                        first,
                        until,
                    },
                    &version,
                )?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Outcome<()> {
        for (up, name, id) in std::mem::take(&mut self.unused) {
            forget_directory(self.connection, up, &name, Some(id as i64))?;
        }
        for dir in &self.changed {
            if !set_changed(self.connection, *dir, self.sequence)? {
                self.damaged.set(self.damaged.get() + 1);
            }
        }
        Ok(())
    }
}
