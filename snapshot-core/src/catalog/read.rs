//! What a walk asks the catalog: a whole directory at once.

use std::ffi::{CStr, CString};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row};

use crate::catalog::copy::CatalogCopy;
use crate::catalog::directory;
use crate::catalog::open::{Open, Outcome, Trouble};
use crate::catalog::row::{DirId, TOP, Version};
use crate::catalog::rows::Rows;
use crate::catalog::table::{self, Read};
use crate::memory::Allowance;
use crate::store::Store;

/// Which rows a run goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The sequence of the basis; none if the catalog does not know it.
    pub(crate) basis: Option<u64>,
    /// The highest sequence that the catalog knows; 0 if there is none. The
    /// rows of `entry` are those of this snapshot.
    pub(crate) newest: u64,
    /// The sequence of the tree that is reused, if it is as the catalog says.
    pub(crate) spare: Option<u64>,
}

impl Standing {
    /// The basis, if the newest snapshot is another one.
    fn basis_of_its_own(&self) -> Option<u64> {
        self.basis.filter(|basis| *basis != self.newest)
    }
}

/// The catalog as the workers of a walk read it, each through a connection of
/// its own while it does.
pub(crate) struct Reader<'s> {
    store: &'s Store,
    /// Where it is, if not in the store.
    copy: Option<Arc<CatalogCopy>>,
    how: Open,
    pub(crate) standing: Standing,
    connections: Mutex<Connections>,
    /// One of them is free again.
    freed: Condvar,
    most: usize,
}

/// Connections to the catalog.
struct Connections {
    idle: Vec<Idle>,
    opened: usize,
    /// So many wait for one.
    waiting: usize,
}

/// A connection that nobody is using, and the worker who did: what a connection
/// has read of the file lies near what the same worker asks for next.
struct Idle {
    worker: Option<usize>,
    connection: Connection,
}

impl Connections {
    fn take(&mut self) -> Option<Connection> {
        let worker = rayon::current_thread_index();
        let own = self.idle.iter().position(|idle| idle.worker == worker);
        let place = own.or(self.idle.len().checked_sub(1))?;
        Some(self.idle.swap_remove(place).connection)
    }

    fn give_back(&mut self, connection: Connection) {
        let worker = rayon::current_thread_index();
        self.idle.push(Idle { worker, connection });
    }
}

/// As much of a row as tells that an entry did not change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance {
    /// The [`mark`](crate::catalog::mark) of the version that the basis has; 0
    /// if it has none.
    pub(crate) mark: u64,
    pub(crate) stored: Option<u64>,
    /// The basis has an entry of the name.
    pub(crate) is_of_basis: bool,
    /// The newest snapshot has an entry of the name.
    pub(crate) is_open: bool,
    /// The tree that is reused has the version that the newest snapshot has.
    pub(crate) is_of_spare: bool,
}

impl Glance {
    /// Reads `first`, `stored` and `mark` from three columns of a row of the
    /// newest snapshot. It means nothing if it is not what was written, since
    /// the mark fits nothing then.
    fn open(row: &Row<'_>, column: usize, standing: &Standing) -> rusqlite::Result<Glance> {
        let first = row.get::<_, i64>(column)? as u64;
        let is_of_basis = standing.basis.is_some_and(|basis| first <= basis);
        let glance = Glance::past(row, column + 1)?;
        Ok(Glance {
            mark: if is_of_basis { glance.mark } else { 0 },
            stored: glance.stored,
            is_of_basis,
            is_open: true,
            is_of_spare: standing.spare.is_some_and(|spare| first <= spare),
        })
    }

    /// Reads `stored` and `mark` from two columns of a row of the basis.
    fn past(row: &Row<'_>, column: usize) -> rusqlite::Result<Glance> {
        Ok(Glance {
            mark: row.get::<_, i64>(column + 1)? as u64,
            stored: row
                .get::<_, Option<i64>>(column)?
                .map(|stored| stored as u64),
            is_of_basis: true,
            is_open: false,
            is_of_spare: false,
        })
    }

    /// Tells whether the newest snapshot has the version that the basis has.
    pub(crate) fn is_current(&self) -> bool {
        self.is_open && self.is_of_basis
    }
}

impl<'s> Reader<'s> {
    /// Goes on with `first`, which was opened like `how`.
    pub(crate) fn new(
        store: &'s Store,
        first: Connection,
        how: Open,
        standing: Standing,
    ) -> Reader<'s> {
        Reader {
            store,
            copy: None,
            how,
            standing,
            connections: Mutex::new(Connections {
                idle: vec![Idle {
                    worker: None,
                    connection: first,
                }],
                opened: 1,
                waiting: 0,
            }),
            freed: Condvar::new(),
            // Asking is work for a processor. There may be far more workers than
            // processors, and each connection has to be opened, which over a
            // network takes some calls.
            most: std::thread::available_parallelism().map_or(2, NonZeroUsize::get),
        }
    }

    /// The same, of which more connections lead to a copy.
    pub(super) fn with_copy(self, copy: Arc<CatalogCopy>) -> Reader<'s> {
        Reader {
            copy: Some(copy),
            ..self
        }
    }

    /// Gives the connection back that it was made with, if nobody else asked.
    pub(crate) fn into_connection(self) -> Option<Connection> {
        let connections = self.connections.into_inner();
        let mut connections = connections.unwrap_or_else(PoisonError::into_inner);
        connections.idle.pop().map(|idle| idle.connection)
    }

    /// Asks through a connection that nobody else is using.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        let connection = self.free_connection()?;
        let answer = question(&connection);
        let mut connections = self.connections();
        connections.give_back(connection);
        self.tell_of_one(&connections);
        answer
    }

    /// Wakes somebody who waits for a connection. Waking costs a call, even if
    /// nobody does.
    fn tell_of_one(&self, connections: &Connections) {
        if connections.waiting > 0 {
            self.freed.notify_one();
        }
    }

    fn free_connection(&self) -> Outcome<Connection> {
        let mut connections = self.connections();
        loop {
            if let Some(connection) = connections.take() {
                return Ok(connection);
            }
            if connections.opened < self.most {
                connections.opened += 1;
                drop(connections);
                return self.open_another();
            }
            connections.waiting += 1;
            let woken = self.freed.wait(connections);
            connections = woken.unwrap_or_else(PoisonError::into_inner);
            connections.waiting -= 1;
        }
    }

    fn open_another(&self) -> Outcome<Connection> {
        let opened = match &self.copy {
            Some(copy) => copy.connect(self.how),
            None => self.store.open_catalog(self.how).map(|opened| opened.0),
        };
        opened.inspect_err(|_| {
            let mut connections = self.connections();
            connections.opened -= 1;
            self.tell_of_one(&connections);
        })
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is known of a directory's entries, unless that is too much.
    pub(crate) fn rows(&self, dir: DirId, allowance: &Allowance) -> Outcome<Rows> {
        self.ask(|connection| {
            let mut rows = Rows::default();
            let mut statement = connection.prepare_cached(
                "SELECT name, first, stored, mark FROM entry WHERE dir = ?1 ORDER BY name",
            )?;
            let mut found = statement.query([dir])?;
            while let Some(row) = found.next()? {
                if rows.are_more_than(allowance) {
                    return Ok(Rows::many());
                }
                let name = row.get_ref(0)?.as_blob().unwrap_or_default();
                if rows.end_with_more_than(name) {
                    return Err(damaged());
                }
                rows.push(name, Glance::open(row, 1, &self.standing)?);
            }
            let Some(basis) = self.standing.basis_of_its_own() else {
                return Ok(rows);
            };
            // Each is put between others.
            let mut statement = connection.prepare_cached(
                "SELECT name, stored, mark FROM past WHERE dir = ?1 AND first <= ?2 AND until > ?2",
            )?;
            let mut found = statement.query((dir, basis as i64))?;
            while let Some(row) = found.next()? {
                if rows.are_too_many() {
                    return Ok(Rows::many());
                }
                rows.push_past(
                    row.get_ref(0)?.as_blob().unwrap_or_default(),
                    Glance::past(row, 1)?,
                );
            }
            Ok(rows)
        })
    }

    /// Reads what is known of one entry.
    pub(crate) fn glance(&self, dir: DirId, name: &CStr) -> Outcome<Option<Glance>> {
        let name = name.to_bytes();
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT first, stored, mark FROM entry WHERE dir = ?1 AND name = ?2",
            )?;
            let open = statement
                .query_row((dir, name), |row| Glance::open(row, 0, &self.standing))
                .optional()?;
            let Some(basis) = self.standing.basis_of_its_own() else {
                return Ok(open);
            };
            let mut statement = connection.prepare_cached(
                "SELECT stored, mark FROM past WHERE dir = ?1 AND name = ?2 AND first <= ?3 AND until > ?3",
            )?;
            let past = statement
                .query_row((dir, name, basis as i64), |row| Glance::past(row, 0))
                .optional()?;
            Ok(match (open, past) {
                (Some(open), Some(past)) => Some(Glance {
                    is_open: open.is_open,
                    is_of_spare: open.is_of_spare,
                    ..past
                }),
                (open, past) => past.or(open),
            })
        })
    }

    /// Tells each name that the newest snapshot has in a directory, in their
    /// order.
    pub(crate) fn each_name(&self, dir: DirId, mut tell: impl FnMut(&CStr)) -> Outcome<()> {
        let mut last = CString::default();
        loop {
            let page = self.names_after(dir, &last)?;
            page.iter().for_each(|name| tell(name));
            match page.into_iter().next_back() {
                Some(end) => last = end,
                None => return Ok(()),
            }
        }
    }

    fn names_after(&self, dir: DirId, last: &CStr) -> Outcome<Vec<CString>> {
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name FROM entry WHERE dir = ?1 AND name > ?2 ORDER BY name LIMIT 1000",
            )?;
            let rows =
                statement.query_map((dir, last.to_bytes()), |row| row.get::<_, Vec<u8>>(0))?;
            let names: Vec<CString> = rows
                .map(|name| CString::new(name?).map_err(|_| damaged()))
                .collect::<Outcome<_>>()?;
            // A damaged index may lead round in circles.
            let before = std::iter::once(last).chain(names.iter().map(CString::as_c_str));
            match before.zip(&names).all(|(one, next)| one < next.as_c_str()) {
                true => Ok(names),
                false => Err(damaged()),
            }
        })
    }

    /// Reads the sequence of the last snapshot that changed something in a
    /// directory; none if the directory is not known.
    pub(crate) fn changed(&self, dir: DirId) -> Outcome<Option<u64>> {
        self.ask(|connection| directory::changed(connection, dir))
    }

    /// Finds the number of a directory's path.
    pub(crate) fn directory(&self, up: DirId, name: &CStr) -> Outcome<Option<DirId>> {
        self.ask(|connection| directory::find(connection, up, name.to_bytes()))
    }

    /// Reads all of the version of an entry that the basis has; none if it is not
    /// what was written.
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
                    return Ok(Read::of(row, dir, 0)?.map(|read| read.version()));
                }
            }
            Ok(None)
        })
    }

    /// The names that lead from the top to a directory.
    pub(crate) fn path(&self, dir: DirId) -> Outcome<Vec<CString>> {
        self.ask(|connection| {
            let mut names = Vec::new();
            let mut at = dir;
            while at != TOP {
                let (up, name) = above(connection, at)?;
                names.push(name);
                at = up;
            }
            names.reverse();
            Ok(names)
        })
    }
}

/// Finds the directory above one, and the name that it has there.
pub(super) fn above(connection: &Connection, dir: DirId) -> Outcome<(DirId, CString)> {
    let (up, name) = directory::above(connection, dir)?;
    let name = CString::new(name).map_err(|_| damaged())?;
    Ok((up, name))
}

/// So many bits of a name that no two of a directory have the same.
pub(crate) fn name_hash(name: &CStr) -> u128 {
    let hash = blake3::hash(name.to_bytes());
    hash.as_bytes()
        .first_chunk()
        .map_or(0, |first| u128::from_le_bytes(*first))
}

/// The question for the columns that [`Read::of`] takes.
pub(crate) fn select(table: &str, until: &str, condition: &str) -> String {
    format!(
        "SELECT name, first, {until}, {} FROM {table} WHERE {condition}",
        table::COLUMNS
    )
}

pub(super) fn damaged() -> Trouble {
    Trouble::Damaged("a row is not what was written".to_owned())
}
