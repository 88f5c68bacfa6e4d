//! What a catalog knows of one directory, and which of it a listing tells too.

use std::collections::HashSet;
use std::ffi::{CStr, CString};

use crate::catalog::open::Outcome;
use crate::catalog::read::{Reader, name_hash, select};
use crate::catalog::row::{DirId, Facts};
use crate::catalog::rows::Rows;
use crate::catalog::table::Read;
use crate::entry::EntryKind;

/// As much of a version as one look tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) facts: Facts,
    pub(super) has_hash: bool,
    pub(super) has_xattrs: bool,
}

impl Known {
    fn of(read: &Read<'_>) -> Known {
        Known {
            facts: read.facts,
            has_hash: read.extras.hash.is_some(),
            has_xattrs: read.extras.xattrs.is_some(),
        }
    }

    /// The number of a directory's path.
    pub(super) fn number(&self) -> Option<DirId> {
        let is_directory = self.facts.kind == EntryKind::Directory;
        DirId::try_from(self.facts.stored.filter(|_| is_directory)?).ok()
    }

    /// Tells whether the destination could not hold the entry, so that no tree
    /// has it. Of a file nothing would be left then.
    fn is_refused(&self) -> bool {
        let is_special = !matches!(self.facts.kind, EntryKind::File | EntryKind::Directory);
        is_special && self.facts.stored.is_none()
    }
}

impl Reader<'_> {
    /// Reads the versions that the basis has in a directory, unless those are
    /// too many. What is not what was written is passed over.
    fn knowns(&self, dir: DirId) -> Outcome<Rows<Known>> {
        let Some(basis) = self.standing.basis else {
            return Ok(Rows::default());
        };
        let sql = self.of_basis("dir = ?1");
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(&format!("{sql} ORDER BY name"))?;
            let mut found = statement.query((dir, basis as i64))?;
            let mut rows = Rows::default();
            while let Some(row) = found.next()? {
                if rows.are_too_many() {
                    return Ok(Rows::many());
                }
                if let Some(read) = Read::of(row, dir, 0)? {
                    rows.push(read.name, Known::of(&read));
                }
            }
            Ok(rows)
        })
    }

    /// Reads the version of an entry that the basis has.
    pub(super) fn known(&self, dir: DirId, name: &CStr) -> Outcome<Option<Known>> {
        let Some(basis) = self.standing.basis else {
            return Ok(None);
        };
        let sql = self.of_basis("dir = ?1 AND name = ?3");
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut found = statement.query((dir, basis as i64, name.to_bytes()))?;
            match found.next()? {
                Some(row) => Ok(Read::of(row, dir, 0)?.map(|read| Known::of(&read))),
                None => Ok(None),
            }
        })
    }

    /// The question for versions that the basis, `?2`, has.
    fn of_basis(&self, condition: &str) -> String {
        let open = select("entry", "NULL", &format!("{condition} AND first <= ?2"));
        if self.standing.basis == Some(self.standing.newest) {
            return open;
        }
        let condition = format!("{condition} AND first <= ?2 AND until > ?2");
        format!("{open} UNION ALL {}", select("past", "until", &condition))
    }
}

/// The versions of one directory: held at once, unless there are too many. Then
/// each is asked for.
pub(super) struct Shelf {
    dir: DirId,
    rows: Rows<Known>,
}

impl Shelf {
    pub(super) fn read(reader: &Reader<'_>, dir: DirId) -> Outcome<Shelf> {
        let rows = reader.knowns(dir)?;
        Ok(Shelf { dir, rows })
    }

    /// The rows of a directory that has none.
    pub(super) fn empty(dir: DirId) -> Shelf {
        let rows = Rows::default();
        Shelf { dir, rows }
    }

    /// What is known of a name, and its place where all are held.
    pub(super) fn find(
        &self,
        reader: &Reader<'_>,
        name: &CStr,
    ) -> Outcome<Option<(Option<usize>, Known)>> {
        if self.rows.are_many {
            let known = reader.known(self.dir, name)?;
            return Ok(known.map(|known| (None, known)));
        }
        let found = self.rows.find(name);
        Ok(found.map(|(place, known)| (Some(place), known)))
    }

    /// The names of what the destination could not hold.
    pub(super) fn refused(&self, reader: &Reader<'_>) -> Outcome<Vec<CString>> {
        if !self.rows.are_many {
            let refused = self.rows.iter().filter(|(_, known)| known.is_refused());
            return Ok(refused.map(|(name, _)| name.to_owned()).collect());
        }
        let Some(basis) = reader.standing.basis else {
            return Ok(Vec::new());
        };
        let sql = reader.of_basis("dir = ?1 AND stored IS NULL");
        reader.ask(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut found = statement.query((self.dir, basis as i64))?;
            let mut refused = Vec::new();
            while let Some(row) = found.next()? {
                let read = Read::of(row, self.dir, 0)?;
                if let Some(read) = read.filter(|read| Known::of(read).is_refused()) {
                    refused.extend(CString::new(read.name).ok());
                }
            }
            Ok(refused)
        })
    }
}

/// The names of a directory that were met.
pub(super) enum Met {
    /// One for each row that is held.
    Rows(Box<[bool]>),
    /// Hashes of the names.
    Names(HashSet<u128>),
}

impl Met {
    pub(super) fn none_of(shelf: &Shelf) -> Met {
        match shelf.rows.are_many {
            true => Met::Names(HashSet::new()),
            false => Met::Rows(vec![false; shelf.rows.len()].into_boxed_slice()),
        }
    }

    /// Notes a name and the place of its row.
    pub(super) fn add(&mut self, place: Option<usize>, name: &CStr) {
        match (self, place) {
            (Met::Rows(met), Some(place)) => met[place] = true,
            (Met::Rows(_), None) => {}
            (Met::Names(names), _) => {
                names.insert(name_hash(name));
            }
        }
    }

    /// Tells of each row whose name was not met.
    pub(super) fn each_missing(
        &self,
        shelf: &Shelf,
        reader: &Reader<'_>,
        mut tell: impl FnMut(&CStr),
    ) -> Outcome<()> {
        match self {
            Met::Rows(met) => {
                for ((name, _), met) in shelf.rows.iter().zip(met) {
                    if !met {
                        tell(name);
                    }
                }
                Ok(())
            }
            Met::Names(names) => reader.each_name(shelf.dir, |name| {
                if !names.contains(&name_hash(name)) {
                    tell(name);
                }
            }),
        }
    }
}
