//! How much there is of some rows, by one pass over all of them.

use crate::catalog::open::Outcome;
use crate::catalog::query::reading::{Handle, Reading};
use crate::catalog::row::kind_of;
use crate::entry::{EntryKind, Hash};
use crate::error::Result;

/// As much of a row as tells how much it is.
pub(crate) struct Weight {
    pub(crate) kind: EntryKind,
    pub(crate) first: u64,
    pub(crate) until: Option<u64>,
    pub(crate) size_bytes: u64,
    pub(crate) hash: Option<Hash>,
}

/// The place behind which a turn goes on.
type Last = (i64, Vec<u8>, i64);

/// Shows each row to `add`. What is damaged is passed over: an estimate is all
/// that is made of it.
pub(super) fn each(handle: &Handle, mut add: impl FnMut(&Weight)) -> Result<()> {
    for (table, until) in [("entry", "NULL"), ("past", "until")] {
        let mut last: Option<Last> = Some((i64::MIN, Vec::new(), 0));
        while let Some(from) = last {
            last = handle.read(|reading| turn(reading, table, until, &from, &mut add))?;
        }
    }
    Ok(())
}

fn turn(
    reading: &Reading<'_>,
    table: &str,
    until: &str,
    from: &Last,
    add: &mut impl FnMut(&Weight),
) -> Outcome<Option<Last>> {
    let sql = format!(
        "SELECT dir, name, first, {until}, mode, size, blake3 FROM {table} \
         WHERE (dir, name, first) > (?1, ?2, ?3) ORDER BY dir, name, first"
    );
    let mut statement = reading.connection.prepare_cached(&sql)?;
    let mut rows = statement.query((from.0, &from.1, from.2))?;
    while let Some(row) = rows.next()? {
        if let Some(kind) = kind_of(row.get(4)?) {
            add(&Weight {
                kind,
                first: row.get::<_, i64>(2)? as u64,
                until: row.get::<_, Option<i64>>(3)?.map(|until| until as u64),
                size_bytes: row.get::<_, i64>(5)? as u64,
                hash: row.get(6)?,
            });
        }
        reading.count(0);
        if reading.is_over() {
            return Ok(Some((row.get(0)?, row.get(1)?, row.get(2)?)));
        }
    }
    Ok(None)
}
