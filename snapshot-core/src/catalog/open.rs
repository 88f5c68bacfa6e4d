//! Opening the catalog's file, and deciding whether it is to be relied on.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use rustix::fs::{Mode, OFlags};

use crate::entry::{FileTime, RootId};
use crate::fs::dir::{Dir, is_reached_safely};
use crate::fs::smallfile;
use crate::layout;
use crate::memory::within_limits;
use crate::store::Store;

/// The version of the schema, SQLite's `user_version`.
pub(crate) const SCHEMA: i64 = 1;
/// Tells the file from other databases: `HSNP`.
const APPLICATION: i64 = 0x4853_4e50;
const TABLES: &str = include_str!("schema.sql");

/// The journal beside the file.
pub(super) const JOURNAL: &str = "catalog.db-journal";

/// So much of the catalog is kept in memory by who changes it.
pub(super) const CACHE_BYTES: usize = 16 << 20;

/// Another process is waited for so long: a reader for a run that commits, a
/// run for a reader that is looking something up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no catalog to rely on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There is none.
    Missing,
    /// A newer version of hardsnap wrote it.
    Newer { schema: i64 },
    /// It is damaged, or of another store, and can only be made anew.
    Damaged(String),
    /// The store was moved, and the stored inodes in it are not those of this
    /// disk.
    Moved,
    /// Another process was writing to it all the time.
    Busy,
    /// A run was killed while it wrote. Only a holder of the lock repairs that.
    Interrupted,
    /// It cannot be read or written now.
    Unavailable(String),
    /// The disk is full.
    NoRoom,
    /// Somebody asked to stop.
    Stopped,
}

/// How the catalog is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// For looking things up, beside a run too.
    Read,
    /// For a run that looks many things up, under the store's lock: nobody
    /// writes meanwhile.
    Hold,
    /// For changing it, under the store's lock.
    Write,
    /// For changing a copy of it on another disk.
    Copy,
    /// For filling a file that takes the catalog's place once it is complete:
    /// nothing of it has to outlive a crash.
    Draft,
}

/// Whether the stored inodes that the catalog tells are those of this disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    Valid,
    /// The store was moved to another filesystem.
    OfAnotherDisk,
}

pub(crate) type Outcome<T> = Result<T, Trouble>;

impl Store {
    /// Opens the catalog, if there is one that can be relied on.
    pub(crate) fn open_catalog(&self, how: Open) -> Outcome<(Connection, Numbers)> {
        match self.control.stat(c"catalog.db") {
            // Left by a run that was killed before it made the tables.
            Ok(found) if found.size_bytes == 0 => return Err(Trouble::Missing),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Trouble::Missing);
            }
            Err(error) => return Err(Trouble::of_io(&error)),
        }
        self.checked(self.connect(layout::CATALOG, how)?)
    }

    /// Decides whether a file is this store's catalog.
    pub(super) fn checked(&self, connection: Connection) -> Outcome<(Connection, Numbers)> {
        let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
        let (application, schema): (i64, i64) =
            (number("application_id")?, number("user_version")?);
        if application != APPLICATION {
            return Err(Trouble::Damaged("it is no catalog".to_owned()));
        }
        if schema > SCHEMA {
            return Err(Trouble::Newer { schema });
        }
        let (id, root) =
            connection.query_row("SELECT id, inode, born, born_ns FROM store", [], |row| {
                Ok((row.get::<_, String>(0)?, root_id(row, 1)?))
            })?;
        if id != self.id() {
            return Err(Trouble::Damaged(format!("it is that of the store {id}")));
        }
        let numbers = if root == self.root_id()? {
            Numbers::Valid
        } else {
            Numbers::OfAnotherDisk
        };
        Ok((connection, numbers))
    }

    /// Makes an empty catalog in place of whatever is there. Under the lock.
    pub(crate) fn make_catalog(&self) -> Outcome<Connection> {
        self.discard_catalog()?;
        self.make_file(layout::CATALOG)?;
        let connection = self.connect(layout::CATALOG, Open::Write)?;
        self.make_tables(&connection)?;
        Ok(connection)
    }

    /// Makes an empty catalog beside the one there is. Under the lock. The
    /// handle is there before the first byte: an error of the writeback is told
    /// to those that were open when it happened.
    pub(crate) fn make_draft(&self) -> Outcome<(Connection, OwnedFd)> {
        self.discard_draft()?;
        let file = self.make_file(layout::CATALOG_DRAFT)?;
        let connection = self.connect(layout::CATALOG_DRAFT, Open::Draft)?;
        self.make_tables(&connection)?;
        Ok((connection, file))
    }

    /// Puts the draft, which nobody has open any more, in the catalog's place.
    pub(crate) fn publish_draft(&self, file: &OwnedFd) -> Outcome<()> {
        let failed = |error: std::io::Error| Trouble::of_io(&error);
        rustix::fs::fsync(file).map_err(|error| failed(error.into()))?;
        // It belongs to what is replaced. With anything in it, it would be
        // played back into the new one.
        smallfile::remove(&self.control, JOURNAL).map_err(failed)?;
        let (draft, catalog) = (layout::CATALOG_DRAFT, layout::CATALOG);
        rustix::fs::renameat(&self.control, draft, &self.control, catalog)
            .map_err(|error| failed(error.into()))?;
        self.control.sync().map_err(failed)
    }

    /// Removes a draft. Under the lock.
    pub(crate) fn discard_draft(&self) -> Outcome<()> {
        smallfile::remove(&self.control, layout::CATALOG_DRAFT)
            .map_err(|error| Trouble::of_io(&error))
    }

    fn make_file(&self, name: &str) -> Outcome<OwnedFd> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // SQLite would make it readable for everybody.
        rustix::fs::openat(&self.control, name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|error| Trouble::of_io(&error.into()))
    }

    fn make_tables(&self, connection: &Connection) -> Outcome<()> {
        let root = self.root_id()?;
        // Small ones: a commit touches a dozen of them, and over a network each
        // is read whole.
        connection.execute_batch(&format!(
            "PRAGMA page_size = 4096;\nBEGIN;\n{TABLES}\nPRAGMA application_id = {APPLICATION};\nPRAGMA user_version = {SCHEMA};"
        ))?;
        connection.execute(
            "INSERT INTO store VALUES (?1, ?2, ?3, ?4, 0)",
            (
                self.id(),
                root.inode as i64,
                root.born.map(|born| born.seconds),
                root.born.map(|born| born.nanoseconds),
            ),
        )?;
        connection.execute_batch("COMMIT")?;
        Ok(())
    }

    /// Removes the catalog. Under the lock.
    pub(crate) fn discard_catalog(&self) -> Outcome<()> {
        for name in [layout::CATALOG, JOURNAL] {
            smallfile::remove(&self.control, name).map_err(|error| Trouble::of_io(&error))?;
        }
        Ok(())
    }

    /// What tells this disk from another one that the store was copied to.
    pub(crate) fn root_id(&self) -> Outcome<RootId> {
        self.root.root_id().map_err(|error| Trouble::of_io(&error))
    }

    fn connect(&self, name: &str, how: Open) -> Outcome<Connection> {
        connect(&self.control_path()?.join(name), how)
    }

    /// SQLite takes paths alone. Whoever may exchange a directory on the way
    /// could have us write elsewhere.
    fn control_path(&self) -> Outcome<PathBuf> {
        let control = self.path().join(layout::CONTROL);
        let unsafe_path = || {
            Trouble::Unavailable(format!(
                "others than root and its owner may change what {} leads to",
                self.path().display()
            ))
        };
        let failed = |error: std::io::Error| Trouble::of_io(&error);
        // A server may give all that root makes to somebody else.
        let owner = self.root.stat_self().map_err(failed)?.uid;
        if !is_reached_safely(&control, owner).map_err(failed)? {
            return Err(unsafe_path());
        }
        let found = Dir::open(&control)
            .and_then(|dir| dir.stat_self())
            .map_err(failed)?;
        if found.id != self.control.stat_self().map_err(failed)?.id {
            return Err(Trouble::Unavailable(
                "the store was moved or mounted over".to_owned(),
            ));
        }
        Ok(control)
    }
}

/// Opens a database.
pub(super) fn connect(path: &Path, how: Open) -> Outcome<Connection> {
    let flags = match how {
        Open::Read | Open::Hold => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Open::Write | Open::Copy | Open::Draft => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    // No connection is used by two threads at once.
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // Nothing in the file is to be run, and nothing is written elsewhere.
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;",
    )?;
    if how != Open::Read {
        // What is locked, for reading or for writing, stays so until it is
        // closed: that spares asking each time whether somebody else wrote.
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE;")?;
    }
    match how {
        Open::Read => {}
        // Each directory is read once: there is no use in a large cache for
        // each worker.
        Open::Hold => set_cache(&connection, 512 << 10)?,
        // Shared memory and WAL do not work over NFS; a journal that stays
        // spares making and removing it there. It is empty when it is not
        // used: one with content is opened, and as root its owner set, by
        // each who reads.
        // Whatever does not fit the cache costs flushes before the commit: it
        // holds the pages that change when a thousand files do, all over.
        Open::Write => {
            connection
                .execute_batch("PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL;")?;
            set_cache(&connection, CACHE_BYTES)?;
        }
        // Is made anew if it is not completed.
        Open::Copy => {
            connection.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")?;
        }
        Open::Draft => {
            connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
            set_cache(&connection, 32 << 20)?;
        }
    }
    Ok(connection)
}

/// Lets a connection keep so much of the database in memory, if it may be had.
fn set_cache(connection: &Connection, bytes: usize) -> Outcome<()> {
    // A negative number is one of KiB.
    let kibibytes = (within_limits(bytes) >> 10) as i64;
    Ok(connection.pragma_update(None, "cache_size", -kibibytes)?)
}

/// Reads the identity of a filesystem from three columns.
pub(crate) fn root_id(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<RootId> {
    let seconds: Option<i64> = row.get(column + 1)?;
    let nanoseconds: Option<u32> = row.get(column + 2)?;
    Ok(RootId {
        inode: row.get::<_, i64>(column)? as u64,
        born: seconds
            .zip(nanoseconds)
            .map(|(seconds, nanoseconds)| FileTime {
                seconds,
                nanoseconds,
            }),
    })
}

impl Trouble {
    pub(crate) fn of_io(error: &std::io::Error) -> Trouble {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Trouble::NoRoom,
            _ => Trouble::Unavailable(error.to_string()),
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        let code = error
            .sqlite_error()
            .map(|found| (found.code, found.extended_code));
        match code {
            Some((_, ffi::SQLITE_READONLY_ROLLBACK)) => Trouble::Interrupted,
            Some((ErrorCode::DatabaseBusy, _)) => Trouble::Busy,
            Some((ErrorCode::DiskFull, _)) => Trouble::NoRoom,
            // Tables that are not as they were made; values of another type.
            Some((
                ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::ConstraintViolation
                | ErrorCode::Unknown,
                _,
            ))
            | None => Trouble::Damaged(error.to_string()),
            Some(_) => Trouble::Unavailable(error.to_string()),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Missing => f.write_str("there is none"),
            Trouble::Newer { schema } => write!(
                f,
                "its schema is {schema}, and this version of hardsnap reads {SCHEMA}"
            ),
            Trouble::Moved => f.write_str("the store was moved to another disk"),
            Trouble::Busy => f.write_str("a run is writing to it"),
            Trouble::Interrupted => f.write_str("a run was stopped while it wrote to it"),
            Trouble::Damaged(what) | Trouble::Unavailable(what) => f.write_str(what),
            Trouble::NoRoom => f.write_str("the destination is full"),
            Trouble::Stopped => f.write_str("stopped before it was done"),
        }
    }
}
