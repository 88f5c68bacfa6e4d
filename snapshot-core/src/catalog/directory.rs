//! The rows of the paths of directories, each path once.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::catalog::codec::Writer;
use crate::catalog::open::Outcome;
use crate::catalog::read::damaged;
use crate::catalog::row::DirId;

/// The columns that [`DirectoryRow::of`] takes.
pub(super) const COLUMNS: &str = "id, up, name, changed, crc32";

/// The path of a directory: where it is, and until when something changed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DirectoryRow<'r> {
    pub(super) id: DirId,
    pub(super) up: DirId,
    pub(super) name: &'r [u8],
    /// The last sequence at which a version of an entry began or ended.
    pub(super) changed: u64,
}

impl<'r> DirectoryRow<'r> {
    /// Reads a row of [`COLUMNS`]; none if it is not what was written.
    pub(super) fn of(row: &'r Row<'_>) -> Option<DirectoryRow<'r>> {
        let number = |column| row.get::<_, i64>(column).ok();
        let found = DirectoryRow {
            id: number(0)?,
            up: number(1)?,
            name: row.get_ref(2).ok()?.as_blob().ok()?,
            changed: number(3)? as u64,
        };
        // Numbers are given from the top down, so that every way up ends.
        let is_sound = found.up < found.id && number(4)? == i64::from(found.checksum());
        is_sound.then_some(found)
    }

    pub(super) fn insert(&self, connection: &Connection) -> Outcome<()> {
        let mut statement =
            connection.prepare_cached("INSERT INTO directory VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let changed = self.changed as i64;
        statement.execute((self.id, self.up, self.name, changed, self.checksum()))?;
        Ok(())
    }

    fn checksum(&self) -> u32 {
        let mut bytes = Writer::with_capacity(40 + self.name.len());
        bytes.signed(self.id);
        bytes.signed(self.up);
        bytes.bytes(self.name);
        bytes.unsigned(self.changed);
        crc32fast::hash(&bytes.0)
    }
}

/// Finds the number of a directory's path.
pub(super) fn find(connection: &Connection, up: DirId, name: &[u8]) -> Outcome<Option<DirId>> {
    let sql = format!("SELECT {COLUMNS} FROM directory WHERE up = ?1 AND name = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement
        .query_row((up, name), |row| {
            // A damaged index may lead to the row of another path.
            let found = DirectoryRow::of(row).filter(|it| (it.up, it.name) == (up, name));
            Ok(found.map(|found| found.id))
        })
        .optional()?;
    found.map(|id| id.ok_or_else(damaged)).transpose()
}

/// Finds the directory above one, and the name that it has there.
pub(super) fn above(connection: &Connection, id: DirId) -> Outcome<(DirId, Vec<u8>)> {
    let sql = format!("SELECT {COLUMNS} FROM directory WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement
        .query_row([id], |row| {
            let found = DirectoryRow::of(row).filter(|found| found.id == id);
            Ok(found.map(|found| (found.up, found.name.to_vec())))
        })
        .optional()?;
    found.flatten().ok_or_else(damaged)
}

/// Tells when something in a directory changed last; none if its number is not
/// known.
pub(super) fn changed(connection: &Connection, id: DirId) -> Outcome<Option<u64>> {
    let sql = format!("SELECT {COLUMNS} FROM directory WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement
        .query_row([id], |row| {
            let found = DirectoryRow::of(row).filter(|found| found.id == id);
            Ok(found.map(|found| found.changed))
        })
        .optional()?;
    found.map(|changed| changed.ok_or_else(damaged)).transpose()
}

/// Notes when something in a directory changed last. False if the row is not
/// what was written: it stays so, for all who read it to notice.
pub(super) fn set_changed(connection: &Connection, id: DirId, sequence: u64) -> Outcome<bool> {
    let sql = format!("SELECT {COLUMNS} FROM directory WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let checksum = statement
        .query_row([id], |row| {
            Ok(DirectoryRow::of(row).map(|known| {
                let changed = sequence;
                DirectoryRow { changed, ..known }.checksum()
            }))
        })
        .optional()?;
    if let Some(Some(checksum)) = checksum {
        connection
            .prepare_cached("UPDATE directory SET changed = ?2, crc32 = ?3 WHERE id = ?1")?
            .execute((id, sequence as i64, checksum))?;
    }
    // Nothing is to be noted of a path that no snapshot has any more.
    Ok(checksum != Some(None))
}
