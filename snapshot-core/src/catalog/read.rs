//! What a walk asks the catalog: a whole directory at once, and now and then
//! where a file was before.

use std::ffi::{CStr, CString};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};

use crate::catalog::open::{Open, Outcome, Trouble};
use crate::catalog::row::{DirId, Facts, MountId, TOP, Version, directory_checksum};
use crate::catalog::table::{COLUMNS, Read};
use crate::store::Store;

/// Which rows a run goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The sequence of the basis; none if the catalog does not know it.
    pub(crate) basis: Option<u64>,
    /// The highest sequence that the catalog knows; 0 if there is none. The
    /// rows of `entry` are those of this snapshot.
    pub(crate) newest: u64,
}

/// So much is held of a directory at once: some 30,000 entries.
const MOST_BYTES: usize = 4 << 20;

/// The catalog as the workers of a walk read it, each through a connection of
/// its own while it does.
pub(crate) struct Reader<'s> {
    store: &'s Store,
    pub(crate) standing: Standing,
    idle: Mutex<Vec<Connection>>,
}

/// What the catalog knows of the entries of one directory, sorted by name.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    names: Vec<u8>,
    rows: Vec<(Name, Known)>,
    /// There are more rows than are held at once: each is asked for.
    pub(crate) are_many: bool,
    /// A row was not what had been written, so that none is here.
    pub(crate) are_damaged: bool,
}

/// Where a name begins, and its length.
type Name = (u32, u16);

/// What the catalog knows of one entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The version that the basis has; none if it has none.
    pub(crate) facts: Option<Facts>,
    pub(crate) has_hash: bool,
    pub(crate) has_xattrs: bool,
    /// The newest snapshot has an entry of the name.
    pub(crate) is_open: bool,
    /// The newest snapshot has the very version that the basis has.
    pub(crate) is_current: bool,
}

impl Rows {
    fn damaged() -> Rows {
        Rows {
            are_damaged: true,
            ..Rows::default()
        }
    }

    fn many() -> Rows {
        Rows {
            are_many: true,
            ..Rows::default()
        }
    }

    fn are_too_many(&self) -> bool {
        self.names.len() + self.rows.len() * size_of::<(Name, Known)>() > MOST_BYTES
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Finds what is known of a name, and its place.
    pub(crate) fn find(&self, name: &CStr) -> Option<(usize, Known)> {
        let place = self
            .rows
            .binary_search_by(|(known, _)| self.name(*known).to_bytes().cmp(name.to_bytes()));
        let place = place.ok()?;
        Some((place, self.rows[place].1))
    }

    /// All that is known, in the order of the names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&CStr, &Known)> {
        self.rows
            .iter()
            .map(|(name, known)| (self.name(*name), known))
    }

    fn name(&self, (start, length): Name) -> &CStr {
        let bytes = &self.names[start as usize..][..usize::from(length) + 1];
        // Every name was put in with its NUL.
        CStr::from_bytes_until_nul(bytes).unwrap_or_default()
    }

    fn keep(&mut self, name: &[u8]) -> Name {
        let start = self.names.len() as u32;
        self.names.extend_from_slice(name);
        self.names.push(0);
        // A name has 255 bytes at most, and the checksum was right.
        (start, name.len() as u16)
    }

    /// Puts in a row that the newest snapshot has.
    fn push(&mut self, read: &Read<'_>, basis: Option<u64>) {
        let name = self.keep(read.name);
        self.rows.push((name, Known::open(read, basis)));
    }

    /// Puts in a version that the basis has and the newest snapshot does not.
    fn push_past(&mut self, read: &Read<'_>) {
        let place = self
            .rows
            .binary_search_by(|(known, _)| self.name(*known).to_bytes().cmp(read.name));
        match place {
            Ok(place) => {
                let known = &mut self.rows[place].1;
                *known = known.with_past(read);
            }
            Err(place) => {
                let name = self.keep(read.name);
                self.rows.insert(place, (name, Known::of(read)));
            }
        }
    }
}

impl Known {
    fn of(read: &Read<'_>) -> Known {
        Known {
            facts: Some(read.facts),
            has_hash: read.extras.hash.is_some(),
            has_xattrs: read.extras.xattrs.is_some(),
            is_open: false,
            is_current: false,
        }
    }

    /// What a row of the newest snapshot tells.
    fn open(read: &Read<'_>, basis: Option<u64>) -> Known {
        let is_of_basis = basis.is_some_and(|basis| read.first <= basis);
        let known = Known {
            is_open: true,
            is_current: is_of_basis,
            ..Known::of(read)
        };
        match is_of_basis {
            true => known,
            false => Known {
                facts: None,
                ..known
            },
        }
    }

    /// The version that only the basis has in place of the newest one.
    fn with_past(self, read: &Read<'_>) -> Known {
        Known {
            is_open: self.is_open,
            ..Known::of(read)
        }
    }
}

/// Where a file was in the basis.
#[derive(Clone, Debug)]
pub(crate) struct Whereabouts {
    pub(crate) dir: DirId,
    pub(crate) name: CString,
    pub(crate) version: Version,
}

impl<'s> Reader<'s> {
    pub(crate) fn new(store: &'s Store, first: Connection, standing: Standing) -> Reader<'s> {
        Reader {
            store,
            standing,
            idle: Mutex::new(vec![first]),
        }
    }

    /// Asks through a connection that nobody else is using.
    fn ask<T>(&self, question: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let free = idle().pop();
        let connection = match free {
            Some(connection) => connection,
            None => self.store.open_catalog(Open::Read)?.0,
        };
        let answer = question(&connection);
        idle().push(connection);
        answer
    }

    /// Reads what is known of a directory's entries, unless that is too much.
    pub(crate) fn rows(&self, dir: DirId) -> Outcome<Rows> {
        let Standing { basis, newest } = self.standing;
        self.ask(|connection| {
            let mut rows = Rows::default();
            let mut statement =
                connection.prepare_cached(&select("entry", "NULL", "dir = ?1 ORDER BY name"))?;
            let mut found = statement.query([dir])?;
            while let Some(row) = found.next()? {
                match Read::of(row, dir, 0)? {
                    _ if rows.are_too_many() => return Ok(Rows::many()),
                    Some(read) => rows.push(&read, basis),
                    None => return Ok(Rows::damaged()),
                }
            }
            let Some(basis) = basis.filter(|basis| *basis != newest) else {
                return Ok(rows);
            };
            let sql = select("past", "until", "dir = ?1 AND first <= ?2 AND until > ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut found = statement.query((dir, basis as i64))?;
            while let Some(row) = found.next()? {
                match Read::of(row, dir, 0)? {
                    _ if rows.are_too_many() => return Ok(Rows::many()),
                    Some(read) => rows.push_past(&read),
                    None => return Ok(Rows::damaged()),
                }
            }
            Ok(rows)
        })
    }

    /// Reads what is known of one entry. One that is not what was written is
    /// not known.
    pub(crate) fn known(&self, dir: DirId, name: &CStr) -> Outcome<Option<Known>> {
        let Standing { basis, newest } = self.standing;
        self.ask(|connection| {
            let sql = select("entry", "NULL", "dir = ?1 AND name = ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut found = statement.query((dir, name.to_bytes()))?;
            let open = match found.next()? {
                Some(row) => Read::of(row, dir, 0)?.map(|read| Known::open(&read, basis)),
                None => None,
            };
            let Some(basis) = basis.filter(|basis| *basis != newest) else {
                return Ok(open);
            };
            let condition = "dir = ?1 AND name = ?2 AND first <= ?3 AND until > ?3";
            let mut statement = connection.prepare_cached(&select("past", "until", condition))?;
            let mut found = statement.query((dir, name.to_bytes(), basis as i64))?;
            let past = match found.next()? {
                Some(row) => Read::of(row, dir, 0)?,
                None => None,
            };
            Ok(match (open, past) {
                (Some(open), Some(past)) => Some(open.with_past(&past)),
                (open, past) => open.or(past.map(|past| Known::of(&past))),
            })
        })
    }

    /// Some of the names that the newest snapshot has in a directory, in their
    /// order and after `last`.
    pub(crate) fn names_after(&self, dir: DirId, last: &[u8]) -> Outcome<Vec<CString>> {
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name FROM entry WHERE dir = ?1 AND name > ?2 ORDER BY name LIMIT 1000",
            )?;
            let rows = statement.query_map((dir, last), |row| row.get::<_, Vec<u8>>(0))?;
            rows.map(|name| CString::new(name?).map_err(|_| damaged()))
                .collect()
        })
    }

    /// Finds the number of a directory's path.
    pub(crate) fn directory(&self, up: DirId, name: &CStr) -> Outcome<Option<DirId>> {
        self.ask(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT id, crc32 FROM directory WHERE up = ?1 AND name = ?2")?;
            let found: Option<(DirId, i64)> = statement
                .query_row((up, name.to_bytes()), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            match found {
                Some((id, crc))
                    if crc != i64::from(directory_checksum(id, up, name.to_bytes())) =>
                {
                    Err(damaged())
                }
                found => Ok(found.map(|(id, _)| id)),
            }
        })
    }

    /// Reads all of the version of an entry that the basis has.
    pub(crate) fn version(&self, dir: DirId, name: &CStr) -> Outcome<Option<Version>> {
        let Some(basis) = self.standing.basis else {
            return Ok(None);
        };
        self.ask(|connection| {
            for (table, until, range) in
                [("entry", "NULL", ""), ("past", "until", " AND until > ?3")]
            {
                let sql = select(
                    table,
                    until,
                    &format!("dir = ?1 AND name = ?2 AND first <= ?3{range}"),
                );
                let mut statement = connection.prepare_cached(&sql)?;
                let mut found = statement.query((dir, name.to_bytes(), basis as i64))?;
                if let Some(row) = found.next()? {
                    let read = Read::of(row, dir, 0)?.ok_or_else(damaged)?;
                    return Ok(Some(read.version()));
                }
            }
            Ok(None)
        })
    }

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

    /// The names that lead from the top to a directory.
    pub(crate) fn path(&self, dir: DirId) -> Outcome<Vec<CString>> {
        self.ask(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT up, name, crc32 FROM directory WHERE id = ?1")?;
            let mut names = Vec::new();
            let mut at = dir;
            while at != TOP {
                let (up, name, crc): (DirId, Vec<u8>, i64) =
                    statement.query_row([at], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                // Numbers are given from the top down, so this ends.
                if up >= at || crc != i64::from(directory_checksum(at, up, &name)) {
                    return Err(damaged());
                }
                names.push(CString::new(name).map_err(|_| damaged())?);
                at = up;
            }
            names.reverse();
            Ok(names)
        })
    }
}

/// The question for the columns that [`Read::of`] takes.
pub(crate) fn select(table: &str, until: &str, condition: &str) -> String {
    format!("SELECT name, first, {until}, {COLUMNS} FROM {table} WHERE {condition}")
}

fn damaged() -> Trouble {
    Trouble::Damaged("a row is not what was written".to_owned())
}
