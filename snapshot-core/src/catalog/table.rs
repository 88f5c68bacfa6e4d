//! Versions to and from the columns of `entry` and `past`.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, ToSql, params};

use crate::catalog::row::{DirId, Extras, Facts, Place, Version, checksum, kind_of};
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

/// Writes a row: into `past` if it says until when, and into `entry` if not.
pub(crate) fn insert(
    connection: &Connection,
    place: &Place<'_>,
    version: &Version,
) -> rusqlite::Result<()> {
    let facts = &version.facts;
    let extras = version.extras();
    let (dir, name, first) = (place.dir, place.name, place.first as i64);
    let row = params![
        dir,
        name,
        first,
        facts.raw_mode(),
        facts.uid,
        facts.gid,
        facts.size_bytes as i64,
        facts.mtime.seconds,
        facts.mtime.nanoseconds,
        facts.ctime.seconds,
        facts.ctime.nanoseconds,
        facts.inode as i64,
        facts.mount,
        facts.stored.map(|stored| stored as i64),
        facts.allocated_bytes as i64,
        facts.racy,
        facts.shared,
        facts.device_number as i64,
        extras.target,
        extras.xattrs,
        extras.hash,
        checksum(place, facts, &extras),
    ];
    match place.until {
        None => connection.prepare_cached(INSERT_ENTRY)?.execute(row)?,
        Some(until) => {
            let until = until as i64;
            let row: Vec<&dyn ToSql> = row.iter().copied().chain([&until as &dyn ToSql]).collect();
            connection
                .prepare_cached(INSERT_PAST)?
                .execute(row.as_slice())?
        }
    };
    Ok(())
}

const INSERT_ENTRY: &str = "INSERT INTO entry (dir, name, first, mode, uid, gid, size, mtime, mtime_ns, \
     ctime, ctime_ns, inode, mount, stored, allocated, racy, shared, device, target, xattrs, blake3, crc32) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)";

const INSERT_PAST: &str = "INSERT INTO past (dir, name, first, mode, uid, gid, size, mtime, mtime_ns, \
     ctime, ctime_ns, inode, mount, stored, allocated, racy, shared, device, target, xattrs, blake3, crc32, until) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)";
