//! Versions to and from the columns of `entry` and `past`.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Statement, ToSql};

use crate::catalog::row::{DirId, Extras, Facts, Place, Version, checksum, kind_of, mark};
use crate::entry::{FileTime, Hash};

/// The columns of a version, in the order in which [`Read::of`] finds them;
/// `dir`, `name`, `first` and `until` come before them.
pub(crate) const COLUMNS: &str = "mode, uid, gid, size, mtime, mtime_ns, ctime, ctime_ns, inode, \
     mount, stored, allocated, racy, shared, device, target, xattrs, blake3, crc32";

/// A row as SQLite holds it: its texts are lent.
pub(crate) struct Read<'row> {
    pub(crate) name: &'row [u8],
    pub(crate) first: u64,
    pub(crate) until: Option<u64>,
    pub(crate) facts: Facts,
    pub(crate) extras: Extras<'row>,
}

impl<'row> Read<'row> {
    /// Reads `name`, `first`, `until` and the columns
    /// of a version, from `column` on; none if they are not what was written.
    pub(crate) fn of(
        row: &'row Row<'_>,
        dir: DirId,
        column: usize,
    ) -> rusqlite::Result<Option<Read<'row>>> {
        let integer = |place: usize| -> rusqlite::Result<i64> { row.get(column + place) };
        let blob = |place: usize| -> rusqlite::Result<Option<&'row [u8]>> {
            match row.get_ref(column + place)? {
                ValueRef::Blob(bytes) => Ok(Some(bytes)),
                _ => Ok(None),
            }
        };
        let Some(name) = blob(0)? else {
            return Ok(None);
        };
        let small = |place: usize| integer(place).map(|value| u32::try_from(value).ok());
        let time = |place: usize| -> rusqlite::Result<Option<FileTime>> {
            let seconds = integer(place)?;
            Ok(small(place + 1)?.map(|nanoseconds| FileTime {
                seconds,
                nanoseconds,
            }))
        };
        let until: Option<i64> = row.get(column + 2)?;
        let raw_mode = small(3)?;
        let parts = (
            raw_mode,
            raw_mode.and_then(kind_of),
            small(4)?,
            small(5)?,
            time(7)?,
            time(9)?,
        );
        let (Some(raw_mode), Some(kind), Some(uid), Some(gid), Some(mtime), Some(ctime)) = parts
        else {
            return Ok(None);
        };
        let stored: Option<i64> = row.get(column + 13)?;
        let facts = Facts {
            kind,
            mode: raw_mode & 0o7777,
            uid,
            gid,
            size_bytes: integer(6)? as u64,
            mtime,
            ctime,
            inode: integer(11)? as u64,
            mount: integer(12)?,
            stored: stored.map(|stored| stored as u64),
            allocated_bytes: integer(14)? as u64,
            racy: integer(15)? != 0,
            shared: integer(16)? != 0,
            device_number: integer(17)? as u64,
        };
        let extras = Extras {
            target: blob(18)?,
            xattrs: blob(19)?,
            hash: blob(20)?,
        };
        let (first, until) = (integer(1)? as u64, until.map(|until| until as u64));
        let place = Place {
            dir,
            name,
            first,
            until,
        };
        if small(21)? != Some(checksum(&place, &facts, &extras)) {
            return Ok(None);
        }
        Ok(Some(Read {
            name,
            first,
            until,
            facts,
            extras,
        }))
    }

    pub(crate) fn version(&self) -> Version {
        let hash: Option<Hash> = self.extras.hash.and_then(|hash| hash.try_into().ok());
        Version {
            facts: self.facts,
            target: self.extras.target.map(<[u8]>::to_vec),
            xattrs: self.extras.xattrs.map(<[u8]>::to_vec),
            hash,
        }
    }
}

/// Writes a row: into `past` if it says until when, and into `entry` if not,
/// in place of the one that may be there.
pub(crate) fn insert(
    connection: &Connection,
    place: &Place<'_>,
    version: &Version,
) -> rusqlite::Result<()> {
    match place.until {
        None => {
            let mut statement = connection.prepare_cached(INSERT_ENTRY)?;
            insert_open(&mut statement, place, version)
        }
        Some(until) => {
            let mut statement = connection.prepare_cached(INSERT_PAST)?;
            bind(&mut statement, place, version)?;
            statement.raw_bind_parameter(COLUMN_COUNT + 1, until as i64)?;
            statement.raw_execute().map(drop)
        }
    }
}

/// Prepares for many calls of [`insert_open`].
pub(crate) fn prepare_insert(connection: &Connection) -> rusqlite::Result<Statement<'_>> {
    connection.prepare(INSERT_ENTRY)
}

/// Writes a row into `entry`.
pub(crate) fn insert_open(
    statement: &mut Statement<'_>,
    place: &Place<'_>,
    version: &Version,
) -> rusqlite::Result<()> {
    bind(statement, place, version)?;
    statement.raw_execute().map(drop)
}

/// Sets the parameters that both kinds of rows have.
fn bind(
    statement: &mut Statement<'_>,
    place: &Place<'_>,
    version: &Version,
) -> rusqlite::Result<()> {
    let facts = &version.facts;
    let extras = version.extras();
    let stored = facts.stored.map(|stored| stored as i64);
    let values: [&dyn ToSql; COLUMN_COUNT] = [
        &place.dir,
        &place.name,
        &(place.first as i64),
        &facts.raw_mode(),
        &facts.uid,
        &facts.gid,
        &(facts.size_bytes as i64),
        &facts.mtime.seconds,
        &facts.mtime.nanoseconds,
        &facts.ctime.seconds,
        &facts.ctime.nanoseconds,
        &(facts.inode as i64),
        &facts.mount,
        &stored,
        &(facts.allocated_bytes as i64),
        &facts.racy,
        &facts.shared,
        &(facts.device_number as i64),
        &extras.target,
        &extras.xattrs,
        &extras.hash,
        &checksum(place, facts, &extras),
        &(mark(facts, extras.xattrs.is_some()) as i64),
    ];
    for (place, value) in values.into_iter().enumerate() {
        statement.raw_bind_parameter(place + 1, value)?;
    }
    Ok(())
}

const COLUMN_COUNT: usize = 23;

const INSERT_ENTRY: &str = "INSERT OR REPLACE INTO entry (dir, name, first, mode, uid, gid, size, mtime, mtime_ns, \
     ctime, ctime_ns, inode, mount, stored, allocated, racy, shared, device, target, xattrs, blake3, crc32, mark) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)";

const INSERT_PAST: &str = "INSERT OR REPLACE INTO past (dir, name, first, mode, uid, gid, size, mtime, mtime_ns, \
     ctime, ctime_ns, inode, mount, stored, allocated, racy, shared, device, target, xattrs, blake3, crc32, mark, until) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)";
