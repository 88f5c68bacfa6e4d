//! What the catalog tells of one snapshot, for who walks its tree.

use std::ffi::CStr;
use std::sync::Arc;

use crate::catalog::directory;
use crate::catalog::open::Trouble;
use crate::catalog::query::names::{Listing, Wanted, covers, lookup};
use crate::catalog::query::place::ABOVE;
use crate::catalog::query::reading::{Handle, Stop};
use crate::catalog::query::{Catalog, CatalogSnapshot};
use crate::catalog::row::{DirId, Version};
use crate::error::Result;
use crate::name::SnapshotName;

/// One snapshot as the catalog knows it, directory by directory.
#[derive(Debug)]
pub(crate) struct Telling {
    handle: Arc<Handle>,
    snapshot: CatalogSnapshot,
}

/// What the catalog tells of a name in a directory.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Version(Box<Version>),
    /// The snapshot does not have it.
    Nothing,
    /// Its row is not what was written.
    Damaged,
}

/// Entries of a directory in the order of their names.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) entries: Vec<(Vec<u8>, Version)>,
    /// There may be more; the listing goes on with them.
    pub(crate) rest: Option<Rest>,
}

/// Where a listing goes on.
#[derive(Debug)]
pub(crate) struct Rest(Listing);

impl Catalog {
    /// What is known of a snapshot.
    ///
    /// # Errors
    ///
    /// As [`Catalog::entries`].
    pub(crate) fn telling(&self, name: SnapshotName) -> Result<Telling> {
        Ok(Telling {
            snapshot: self.known(name)?,
            handle: Arc::clone(&self.handle),
        })
    }
}

impl Telling {
    /// What is known of the top of the tree.
    pub(crate) fn top(&self) -> Result<Told> {
        Ok(self.of_names(ABOVE, [c""])?.pop().unwrap_or(Told::Nothing))
    }

    /// What is known of some names in a directory, in one turn.
    pub(crate) fn of_names<'n>(
        &self,
        dir: DirId,
        names: impl IntoIterator<Item = &'n CStr>,
    ) -> Result<Vec<Told>> {
        let sequence = self.snapshot.sequence;
        self.handle.read_of(&[self.snapshot], |reading| {
            names
                .into_iter()
                .map(|name| match lookup(reading, dir, name.to_bytes()) {
                    Ok(named) => {
                        let version = named.as_ref().and_then(|named| named.at(sequence));
                        Ok(version.map_or(Told::Nothing, |version| {
                            Told::Version(Box::new(version.clone()))
                        }))
                    }
                    Err(Trouble::Damaged(_)) => Ok(Told::Damaged),
                    Err(trouble) => Err(trouble),
                })
                .collect()
        })
    }

    /// The number of a directory's path, for one whose own row cannot be told.
    pub(crate) fn directory(&self, up: DirId, name: &CStr) -> Result<Option<DirId>> {
        self.handle
            .read(|reading| directory::find(reading.connection, up, name.to_bytes()))
    }

    /// The first entries of a directory.
    pub(crate) fn list(&self, dir: DirId) -> Result<Page> {
        self.go_on(Rest(Listing::new(dir, 0)))
    }

    /// The next entries, as many as one turn gives.
    pub(crate) fn go_on(&self, rest: Rest) -> Result<Page> {
        let Rest(mut listing) = rest;
        let sequence = self.snapshot.sequence;
        self.handle.read_of(&[self.snapshot], |reading| {
            let mut entries = Vec::new();
            loop {
                let wanted: Wanted<'_> = &|read| covers(read.first, read.until, sequence);
                match listing.next(reading, wanted) {
                    Ok(Some(named)) => {
                        let version = named.at(sequence).cloned();
                        entries.extend(version.map(|version| (named.name, version)));
                    }
                    Ok(None) => {
                        let rest = None;
                        return Ok(Page { entries, rest });
                    }
                    Err(Stop::Pause) => {
                        let rest = Some(Rest(listing));
                        return Ok(Page { entries, rest });
                    }
                    Err(Stop::Trouble(trouble)) => return Err(trouble),
                }
            }
        })
    }
}
