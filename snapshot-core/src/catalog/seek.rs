//! Where a file may be stored that the basis does not have under its name.

use std::ffi::{CStr, CString};

use crate::catalog::open::Outcome;
use crate::catalog::read::{Reader, select};
use crate::catalog::row::{DirId, MountId, Version};
use crate::catalog::table::{COLUMNS, Read};
use crate::entry::FileTime;
use crate::name::SnapshotName;

/// Where a file was in the basis.
#[derive(Clone, Debug)]
pub(crate) struct Whereabouts {
    pub(crate) dir: DirId,
    pub(crate) name: CString,
    pub(crate) version: Version,
}

impl Reader<'_> {
    /// Finds the entries of the basis that were the source's inode. As long as
    /// a suspect snapshot is the newest there is no telling, and all is copied.
    pub(crate) fn by_inode(&self, mount: MountId, inode: u64) -> Outcome<Vec<Whereabouts>> {
        if self.standing.basis != Some(self.standing.newest) {
            return Ok(Vec::new());
        }
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT dir, name, first, NULL, {COLUMNS} FROM entry WHERE inode = ?1"
            ))?;
            let mut found = statement.query([inode as i64])?;
            let mut entries = Vec::new();
            while let Some(row) = found.next()? {
                let dir = row.get(0)?;
                // What cannot be believed is copied.
                let Some(read) = Read::of(row, dir, 1)?.filter(|read| read.facts.mount == mount)
                else {
                    continue;
                };
                let Ok(name) = CString::new(read.name) else {
                    continue;
                };
                entries.push(Whereabouts {
                    dir,
                    name,
                    version: read.version(),
                });
            }
            Ok(entries)
        })
    }

    /// Finds the newest version of a path that ended before the basis and has
    /// this size and mtime, and the newest two snapshots that have it: one may
    /// be the spare, whose tree is elsewhere.
    pub(crate) fn earlier(
        &self,
        dir: DirId,
        name: &CStr,
        size_bytes: u64,
        mtime: FileTime,
    ) -> Outcome<Option<(Vec<SnapshotName>, Version)>> {
        let Some(basis) = self.standing.basis else {
            return Ok(None);
        };
        self.ask(|connection| {
            let sql = select(
                "past",
                "until",
                "dir = ?1 AND name = ?2 AND until <= ?3 AND size = ?4 AND mtime = ?5 \
                 AND mtime_ns = ?6 AND stored IS NOT NULL ORDER BY first DESC LIMIT 1",
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut found = statement.query((
                dir,
                name.to_bytes(),
                basis as i64,
                size_bytes as i64,
                mtime.seconds,
                mtime.nanoseconds,
            ))?;
            let Some(row) = found.next()? else {
                return Ok(None);
            };
            // What cannot be believed is copied.
            let Some(read) = Read::of(row, dir, 0)? else {
                return Ok(None);
            };
            let mut statement = connection.prepare_cached(
                "SELECT name FROM snapshot WHERE sequence >= ?1 AND sequence < ?2 \
                 ORDER BY sequence DESC LIMIT 2",
            )?;
            let until = read.until.unwrap_or(basis);
            let names = statement.query_map((read.first as i64, until as i64), |row| {
                row.get::<_, String>(0)
            })?;
            let names: Vec<String> = names.collect::<rusqlite::Result<_>>()?;
            let snapshots = names.iter().filter_map(|name| name.parse().ok()).collect();
            Ok(Some((snapshots, read.version())))
        })
    }
}
