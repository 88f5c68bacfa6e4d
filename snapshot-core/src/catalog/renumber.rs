//! Telling the catalog that a version is stored as another inode now.

use crate::catalog::open::{Open, Outcome};
use crate::catalog::read::select;
use crate::catalog::row::{DirId, Place};
use crate::catalog::table::{self, Read};
use crate::store::Store;

/// A row, and what it is stored as.
#[derive(Clone, Debug)]
pub(crate) struct Renumbered {
    pub(crate) dir: DirId,
    pub(crate) name: Vec<u8>,
    pub(crate) first: u64,
    pub(crate) stored: u64,
    pub(crate) allocated_bytes: u64,
}

/// Changes rows, in one transaction. Under the lock. A row that is gone or is
/// not what was written stays so.
pub(crate) fn renumber(store: &Store, renumbered: &[Renumbered]) -> Outcome<()> {
    if renumbered.is_empty() {
        return Ok(());
    }
    let (mut connection, _) = store.open_catalog(Open::Write)?;
    let transaction = connection.transaction()?;
    for one in renumbered {
        for (table, until) in [("entry", "NULL"), ("past", "until")] {
            let sql = select(table, until, "dir = ?1 AND name = ?2 AND first = ?3");
            let found = {
                let mut statement = transaction.prepare_cached(&sql)?;
                let mut rows = statement.query((one.dir, &one.name, one.first as i64))?;
                match rows.next()? {
                    Some(row) => {
                        Read::of(row, one.dir, 0)?.map(|read| (read.until, read.version()))
                    }
                    None => None,
                }
            };
            let Some((until, mut version)) = found else {
                continue;
            };
            version.facts.stored = Some(one.stored);
            version.facts.allocated_bytes = one.allocated_bytes;
            let place = Place {
                dir: one.dir,
                name: &one.name,
                first: one.first,
                until,
            };
            table::insert(&transaction, &place, &version)?;
        }
    }
    transaction.commit()?;
    Ok(())
}
