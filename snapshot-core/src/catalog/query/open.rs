//! Opening the catalog to ask it something.

use std::sync::Arc;

use crate::catalog::open::{Open, Trouble};
use crate::catalog::query::reading::{self, Handle, WAIT};
use crate::catalog::query::{Catalog, CatalogSnapshot};
use crate::catalog::small::{Told, told};
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
        let file = self.path_of(layout::CATALOG);
        let untold = self.untold();
        let failed = |trouble| match trouble {
            Trouble::Missing if untold.is_some() => {
                reading::error(&file, &Trouble::Missing).with_hint(WAIT)
            }
            trouble => reading::error(&file, &trouble),
        };
        let (connection, numbers) = self.open_catalog(Open::Read).map_err(failed)?;
        let told = told(&connection).map_err(failed)?;
        let mut known = Vec::new();
        for snapshot in published {
            let name = snapshot.name.to_string();
            let is_it = |told: &Told| told.sequence == snapshot.sequence && told.name == name;
            if told.iter().any(is_it) {
                known.push(CatalogSnapshot {
                    name: snapshot.name,
                    sequence: snapshot.sequence,
                });
            } else if self.has_tree(snapshot.name)? {
                // It was not removed since the records were read.
                unknown.push(snapshot.name);
            }
        }
        unknown.sort();
        let spare = self.spare()?.and_then(|spare| {
            let name = spare.name.to_string();
            let is_it = |told: &&Told| told.sequence == spare.sequence && told.name == name;
            told.iter().find(is_it).map(|_| CatalogSnapshot {
                name: spare.name,
                sequence: spare.sequence,
            })
        });
        Ok(Catalog {
            handle: Arc::new(Handle::new(connection, file, known, spare)),
            numbers,
            unknown,
            untold,
        })
    }
}
