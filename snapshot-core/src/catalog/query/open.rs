//! Opening the catalog to ask it something.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;

use crate::catalog::open::{Open, Outcome};
use crate::catalog::query::reading::{self, Handle};
use crate::catalog::query::{Catalog, CatalogSnapshot};
use crate::error::Result;
use crate::layout;
use crate::store::Store;

impl Store {
    /// Opens the catalog, to be asked about the snapshots that there are now.
    /// It is only read, also beside a run.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CatalogUnusable`](crate::ErrorKind::CatalogUnusable) if there is none, or it is damaged;
    /// [`ErrorKind::UnsupportedFormat`](crate::ErrorKind::UnsupportedFormat) if a newer version wrote it;
    /// [`ErrorKind::StoreLocked`](crate::ErrorKind::StoreLocked) if a run writes to it all the time;
    /// [`ErrorKind::Io`](crate::ErrorKind::Io).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> hardsnap::Result<()> {
    /// let store = hardsnap::Store::open("/mnt/backup")?;
    /// for version in store.catalog()?.versions("/home/alice/letter")? {
    ///     println!("{} bytes since {}", version.entry.size_bytes, version.first);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn catalog(&self) -> Result<Catalog> {
        let (published, mut unknown) = self.sorted_out()?;
        let file = self.path().join(layout::CONTROL).join(layout::CATALOG);
        let failed = |trouble| reading::error(&file, &trouble);
        let (connection, numbers) = self.open_catalog(Open::Read).map_err(failed)?;
        let mut told = told(&connection).map_err(failed)?;
        let is_told = |told: &BTreeMap<u64, String>, snapshot: &CatalogSnapshot| {
            let name = told.get(&snapshot.sequence);
            name.is_some_and(|name| *name == snapshot.name.to_string())
        };
        let (mut known, mut other) = published
            .iter()
            .map(|published| CatalogSnapshot {
                name: published.name,
                sequence: published.sequence,
            })
            .partition::<Vec<_>, _>(|snapshot| is_told(&told, snapshot));
        if !other.is_empty() {
            // It may have been removed since the records were read, or been put
            // into the catalog since that was.
            let mut there = Vec::new();
            for snapshot in other.drain(..) {
                if self.has_tree(snapshot.name)? {
                    there.push(snapshot);
                }
            }
            told = self::told(&connection).map_err(failed)?;
            let (late, missing) = there
                .into_iter()
                .partition::<Vec<_>, _>(|snapshot| is_told(&told, snapshot));
            known.extend(late);
            known.sort_by_key(|snapshot| snapshot.sequence);
            unknown.extend(missing.iter().map(|snapshot| snapshot.name));
        }
        unknown.sort();
        Ok(Catalog {
            handle: Arc::new(Handle::new(connection, file, known)),
            numbers,
            unknown,
        })
    }
}

/// The names of the snapshots that the catalog tells of, by their numbers.
fn told(connection: &Connection) -> Outcome<BTreeMap<u64, String>> {
    let mut statement = connection.prepare("SELECT sequence, name FROM snapshot")?;
    let told = statement.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?)))?;
    Ok(told.collect::<rusqlite::Result<_>>()?)
}
