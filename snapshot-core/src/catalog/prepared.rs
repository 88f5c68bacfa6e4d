//! A snapshot written into the catalog while it is flushed, before it is
//! published, where nobody sees it: in a transaction that is open, or in a new
//! catalog beside the one there is.

use std::os::fd::OwnedFd;

use rusqlite::Connection;

use crate::cancel::CancelToken;
use crate::catalog::change::Made;
use crate::catalog::living::{gone, remove_all};
use crate::catalog::log::Log;
use crate::catalog::merge::merge;
use crate::catalog::open::{CACHE_BYTES, Outcome};
use crate::catalog::shared;
use crate::catalog::small::told;
use crate::memory::within_limits;
use crate::name::SnapshotName;
use crate::store::Store;

/// So much of the catalog changes for one byte of a log: a change takes some 80
/// bytes there, and is on a page of two tables and of one or two indexes.
const BYTES_CHANGED: u64 = 64;

/// The catalog with a snapshot that may yet come to nothing: dropped, it is as
/// it was.
pub(crate) struct Prepared<'s> {
    store: &'s Store,
    /// Its transaction is open; none once it is closed.
    connection: Option<Connection>,
    /// What takes the catalog's place; none if it is the catalog.
    draft: Option<OwnedFd>,
    /// Rows that were not what had been written, and went.
    damaged: u64,
}

/// Tells whether what a log says fits the memory of a transaction. If not, the
/// catalog itself is written, and closed to all others from then on.
pub(super) fn fits_in_memory(log: &Log) -> bool {
    log.bytes() * BYTES_CHANGED <= within_limits(CACHE_BYTES) as u64
}

impl<'s> Prepared<'s> {
    /// Writes into the catalog what it will say. Whoever reads it goes on to do
    /// so, until this is committed.
    pub(super) fn in_memory(
        store: &'s Store,
        connection: Connection,
        made: &Made,
        log: &Log,
    ) -> Outcome<Prepared<'s>> {
        connection.pragma_update(None, "cache_spill", false)?;
        Prepared::begin(store, connection, None, made, log)
    }

    /// Writes it at once.
    pub(super) fn in_place(
        store: &'s Store,
        connection: Connection,
        made: &Made,
        log: &Log,
    ) -> Outcome<Prepared<'s>> {
        Prepared::begin(store, connection, None, made, log)
    }

    /// Writes a new catalog.
    pub(super) fn as_draft(store: &'s Store, made: &Made, log: &Log) -> Outcome<Prepared<'s>> {
        let (connection, file) = store.make_draft()?;
        Prepared::begin(store, connection, Some(file), made, log)
    }

    fn begin(
        store: &'s Store,
        connection: Connection,
        draft: Option<OwnedFd>,
        made: &Made,
        log: &Log,
    ) -> Outcome<Prepared<'s>> {
        let mut prepared = Prepared {
            store,
            connection: None,
            draft,
            damaged: 0,
        };
        let connection = prepared.connection.insert(connection);
        connection.execute_batch("BEGIN")?;
        prepared.damaged = add(connection, made, log)?;
        Ok(prepared)
    }

    /// Drops what is gone, and lets the catalog be what was written. `missing`
    /// rows were found to be lost; tells how many were since it was made.
    pub(super) fn commit(
        mut self,
        missing: u64,
        exists: impl Fn(u64, SnapshotName) -> bool,
    ) -> Outcome<u64> {
        let Some(connection) = self.connection.take() else {
            return Ok(0);
        };
        // From here on nothing is waited for any more.
        connection.pragma_update(None, "cache_spill", true)?;
        drop_gone(&connection, self.damaged + missing, exists)?;
        connection.execute_batch("COMMIT")?;
        let lost = damaged(&connection)?;
        connection.close().map_err(|(_, error)| error)?;
        if let Some(draft) = &self.draft {
            self.store.publish_draft(draft)?;
            self.draft = None;
        }
        Ok(lost)
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        drop(self.connection.take());
        if self.draft.is_some() {
            // What stays is tidied away by the next run.
            let _ = self.store.discard_draft();
        }
    }
}

/// Adds a snapshot and drops those that are gone, in one transaction.
pub(crate) fn apply(
    connection: &mut Connection,
    news: Option<(&Made, &Log)>,
    missing: u64,
    exists: impl Fn(u64, SnapshotName) -> bool,
) -> Outcome<()> {
    let transaction = connection.transaction()?;
    let added = news.map(|(made, log)| add(&transaction, made, log));
    let damaged = added.transpose()?.unwrap_or(0);
    drop_gone(&transaction, damaged + missing, exists)?;
    Ok(transaction.commit()?)
}

/// Adds a snapshot; tells how many rows were not what had been written, and
/// went.
fn add(connection: &Connection, made: &Made, log: &Log) -> Outcome<u64> {
    connection.set_prepared_statement_cache_capacity(64);
    let damaged = merge(connection, made, log, &CancelToken::new())?;
    // What was linked to it may have had other paths, in rows that were
    // never compared with it.
    if made.is_after_gap {
        shared::mark(connection, &CancelToken::new())?;
    }
    Ok(damaged)
}

/// Drops the snapshots that are gone, and counts what was damaged before.
fn drop_gone(
    connection: &Connection,
    mut damaged: u64,
    exists: impl Fn(u64, SnapshotName) -> bool,
) -> Outcome<()> {
    let gone = gone(&told(connection)?, exists);
    damaged += remove_all(connection, &gone)?;
    if damaged > 0 {
        connection.execute("UPDATE store SET damaged = damaged + ?1", [damaged as i64])?;
    }
    Ok(())
}

pub(super) fn damaged(connection: &Connection) -> Outcome<u64> {
    let read = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    Ok(connection.query_row("SELECT damaged FROM store", [], read)? as u64)
}
