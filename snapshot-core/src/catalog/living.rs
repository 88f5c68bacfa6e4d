//! Which snapshots the rows tell of: those that are gone take their rows with
//! them.

use rusqlite::{Connection, OptionalExtension};

use crate::catalog::directory::{COLUMNS, DirectoryRow, set_changed};
use crate::catalog::open::Outcome;
use crate::catalog::read::select;
use crate::catalog::row::{DirId, Place, kind_of};
use crate::catalog::small::Told;
use crate::catalog::table::{self, Read};
use crate::entry::EntryKind;
use crate::name::SnapshotName;

/// The snapshots that the catalog tells of although there are no more such:
/// `exists` says whether there is one of that number and name.
pub(crate) fn gone(told: &[Told], exists: impl Fn(u64, SnapshotName) -> bool) -> Vec<u64> {
    let is_there = |one: &Told| {
        let name = one.name.parse();
        name.is_ok_and(|name| exists(one.sequence, name))
    };
    let gone = told.iter().filter(|one| !is_there(one));
    gone.map(|one| one.sequence).collect()
}

/// Removes snapshots, given in their order, in a transaction of the caller's;
/// tells how many rows were not what had been written, and went with them.
pub(crate) fn remove_all(connection: &Connection, gone: &[u64]) -> Outcome<u64> {
    let mut damaged = 0;
    // The newest first: what began with it goes, and nothing of it has to be
    // moved for one below that goes as well.
    for sequence in gone.iter().rev() {
        damaged += remove(connection, *sequence as i64)?;
    }
    Ok(damaged)
}

/// Removes what only this snapshot had.
fn remove(connection: &Connection, sequence: i64) -> Outcome<u64> {
    connection.execute("DELETE FROM snapshot WHERE sequence = ?1", [sequence])?;
    let before: Option<i64> = connection.query_row(
        "SELECT max(sequence) FROM snapshot WHERE sequence < ?1",
        [sequence],
        |row| row.get(0),
    )?;
    let after: Option<i64> = connection.query_row(
        "SELECT min(sequence) FROM snapshot WHERE sequence > ?1",
        [sequence],
        |row| row.get(0),
    )?;
    // No snapshot has the number 0.
    let before = before.unwrap_or(0);
    match after {
        Some(after) => remove_between(connection, before, sequence, after).map(|()| 0),
        None => rewind(connection, before),
    }
}

/// Drops the versions that began after `before` and ended by `after`. Their
/// number decides how long it takes, not that of all versions.
fn remove_between(connection: &Connection, before: i64, sequence: i64, after: i64) -> Outcome<()> {
    let mut next = connection
        .prepare_cached("SELECT min(until) FROM past WHERE until > ?1 AND until <= ?2")?;
    let mut ended = sequence;
    loop {
        let until: Option<i64> = next.query_row((ended, after), |row| row.get(0))?;
        let Some(until) = until else {
            return Ok(());
        };
        drop_past(
            connection,
            "until = ?1 AND first > ?2 AND first <= ?3",
            &[until, before, sequence],
        )?;
        ended = until;
    }
}

/// A row of `past` that no snapshot has any more.
struct Doomed {
    dir: DirId,
    name: Vec<u8>,
    first: i64,
    raw_mode: u32,
    stored: Option<i64>,
}

/// Drops versions of `past`, and the directories that no snapshot has any more.
fn drop_past(connection: &Connection, condition: &str, bounds: &[i64]) -> Outcome<()> {
    loop {
        let doomed = some_doomed(connection, condition, bounds)?;
        let mut delete = connection
            .prepare_cached("DELETE FROM past WHERE dir = ?1 AND name = ?2 AND first = ?3")?;
        for row in &doomed {
            delete.execute((row.dir, &row.name, row.first))?;
            if kind_of(row.raw_mode) == Some(EntryKind::Directory) {
                forget_directory(connection, row.dir, &row.name, row.stored)?;
            }
        }
        if doomed.is_empty() {
            return Ok(());
        }
    }
}

fn some_doomed(connection: &Connection, condition: &str, bounds: &[i64]) -> Outcome<Vec<Doomed>> {
    let sql =
        format!("SELECT dir, name, first, mode, stored FROM past WHERE {condition} LIMIT 1000");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(rusqlite::params_from_iter(bounds), |row| {
        Ok(Doomed {
            dir: row.get(0)?,
            name: row.get(1)?,
            first: row.get(2)?,
            raw_mode: row.get(3)?,
            stored: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Forgets the number of a directory's path if no version of it is left.
pub(super) fn forget_directory(
    connection: &Connection,
    up: DirId,
    name: &[u8],
    id: Option<i64>,
) -> Outcome<()> {
    for table in ["entry", "past"] {
        let sql =
            format!("SELECT 1 FROM {table} WHERE dir = ?1 AND name = ?2 AND stored = ?3 LIMIT 1");
        let mut statement = connection.prepare_cached(&sql)?;
        let left: Option<i64> = statement
            .query_row((up, name, id), |row| row.get(0))
            .optional()?;
        if left.is_some() {
            return Ok(());
        }
    }
    connection
        .prepare_cached("DELETE FROM directory WHERE id = ?1 AND up = ?2 AND name = ?3")?
        .execute((id, up, name))?;
    Ok(())
}

/// Lets `newest` be the newest snapshot again: what began after it goes, and
/// what ended after it goes on.
fn rewind(connection: &Connection, newest: i64) -> Outcome<u64> {
    let mut damaged = 0;
    // What began and ended after it.
    drop_past(connection, "until > ?1 AND first > ?1", &[newest])?;
    let mut changed: Vec<DirId> = Vec::new();
    {
        let mut statement =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM directory"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            match DirectoryRow::of(row) {
                Some(known) if known.changed <= newest as u64 => {}
                Some(known) => changed.push(known.id),
                // There is no telling when something changed in it.
                None => {
                    damaged += 1;
                    changed.push(row.get(0)?);
                }
            }
        }
    }
    let mut new_directories = Vec::new();
    for &dir in &changed {
        {
            let mut statement = connection.prepare_cached(
                "SELECT name, stored FROM entry WHERE dir = ?1 AND first > ?2 AND mode & 61440 = 16384",
            )?;
            let rows = statement.query_map((dir, newest), |row| Ok((row.get(0)?, row.get(1)?)))?;
            for row in rows {
                let (name, id): (Vec<u8>, Option<i64>) = row?;
                new_directories.push((dir, name, id));
            }
        }
        connection
            .prepare_cached("DELETE FROM entry WHERE dir = ?1 AND first > ?2")?
            .execute((dir, newest))?;
        damaged += reopen(connection, dir, newest)?;
    }
    for dir in changed {
        set_changed(connection, dir, newest as u64)?;
    }
    for (up, name, id) in new_directories {
        forget_directory(connection, up, &name, id)?;
    }
    Ok(damaged)
}

/// Moves the versions of a directory that ended after `newest` back.
fn reopen(connection: &Connection, dir: DirId, newest: i64) -> Outcome<u64> {
    let mut versions = Vec::new();
    let mut damaged = 0;
    {
        let sql = select("past", "until", "dir = ?1 AND until > ?2");
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query((dir, newest))?;
        while let Some(row) = rows.next()? {
            match Read::of(row, dir, 0)? {
                Some(read) => versions.push((read.name.to_vec(), read.first, read.version())),
                None => damaged += 1,
            }
        }
    }
    connection
        .prepare_cached("DELETE FROM past WHERE dir = ?1 AND until > ?2")?
        .execute((dir, newest))?;
    for (name, first, version) in versions {
        let place = Place {
            dir,
            name: &name,
            first,
            until: None,
        };
        table::insert(connection, &place, &version)?;
    }
    Ok(damaged)
}
