//! Looking at the catalog in short turns: each ends its read transaction, so
//! that a run that wants to commit never waits for who uses what was read.

use std::cell::{Cell, OnceCell};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use crate::cancel::CancelToken;
use crate::catalog::open::{Outcome, Trouble};
use crate::catalog::query::CatalogSnapshot;
use crate::catalog::query::living::Living;
use crate::error::{Error, ErrorKind, Result};

/// What may be read in one turn: that many rows, fewer if they are long. It
/// takes some hundredths of a second. In tests every turn is soon over.
const TURN: usize = if cfg!(test) { 5 } else { 8192 };

/// So many answers wait at the most to be asked for.
const READY: usize = if cfg!(test) { 3 } else { 1024 };

/// So many rows are read for a question that has to be answered in its turn.
const ASIDE: usize = 8192;

/// Extended attributes of that length, in bytes, count as one more row.
const LONG: usize = 1024;

pub(super) const REINDEX: &str = "`hardsnap reindex STORE` makes a new catalog from the snapshots";
pub(super) const WAIT: &str = "the run that made the newest snapshot tells the catalog of it at its end; if it was stopped, the next backup or prune does";

/// The open catalog, shared by whoever reads it.
#[derive(Debug)]
pub(super) struct Handle {
    connection: Arc<Mutex<Connection>>,
    file: PathBuf,
    /// The snapshots that there were when it was opened, in the order in which
    /// they were made.
    pub(super) known: Vec<CatalogSnapshot>,
    /// The tree that is kept to be reused. It is no snapshot any more, but takes
    /// what it has.
    pub(super) spare: Option<CatalogSnapshot>,
    /// Stops whoever reads.
    cancel: CancelToken,
}

/// One turn of reading.
pub(super) struct Reading<'c> {
    pub(super) connection: &'c Connection,
    known: &'c [CatalogSnapshot],
    spare: Option<CatalogSnapshot>,
    living: OnceCell<Living>,
    left: Cell<usize>,
}

/// Why an answer cannot be told in this turn.
#[derive(Debug)]
pub(super) enum Stop {
    /// Enough was read for one turn.
    Pause,
    /// There is no relying on the catalog.
    Trouble(Trouble),
}

pub(super) type Progress<T> = std::result::Result<T, Stop>;

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Stop {
        Stop::Trouble(trouble)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Stop {
        Stop::Trouble(error.into())
    }
}

impl Reading<'_> {
    fn new<'c>(
        connection: &'c Connection,
        known: &'c [CatalogSnapshot],
        spare: Option<CatalogSnapshot>,
        rows: usize,
    ) -> Reading<'c> {
        Reading {
            connection,
            known,
            spare,
            living: OnceCell::new(),
            left: Cell::new(rows),
        }
    }

    /// Reads on in this turn, however much of it is left: for a question whose
    /// answer must not hang on that.
    pub(super) fn aside(&self) -> Reading<'_> {
        Reading::new(self.connection, self.known, self.spare, ASIDE)
    }

    /// The snapshots that are there still.
    pub(super) fn living(&self) -> Outcome<&Living> {
        if let Some(living) = self.living.get() {
            return Ok(living);
        }
        let mut living = Vec::new();
        for snapshot in self.known {
            if is_there(self, snapshot.sequence)? {
                living.push(*snapshot);
            }
        }
        Ok(self.living.get_or_init(|| Living::new(living)))
    }

    /// The snapshots that are there still, and the spare.
    pub(super) fn trees(&self) -> Outcome<Living> {
        let mut trees = self.living()?.all().to_vec();
        if let Some(spare) = self.spare {
            if is_there(self, spare.sequence)? {
                trees.push(spare);
                trees.sort_unstable_by_key(|tree| tree.sequence);
            }
        }
        Ok(Living::new(trees))
    }

    /// Counts a row that was read, with the length of what may be long in it.
    pub(super) fn count(&self, length: usize) {
        let cost = 1 + length / LONG;
        self.left.set(self.left.get().saturating_sub(cost));
    }

    pub(super) fn is_over(&self) -> bool {
        self.left.get() == 0
    }

    /// Stops a turn in which enough was read. Whoever asks has to be able to
    /// ask again in the next one.
    pub(super) fn go_on(&self) -> Progress<()> {
        if self.is_over() {
            Err(Stop::Pause)
        } else {
            Ok(())
        }
    }

    /// A number that is another one once somebody wrote.
    pub(super) fn data_version(&self) -> Outcome<i64> {
        let mut statement = self.connection.prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }
}

impl Handle {
    pub(super) fn new(
        connection: Connection,
        file: PathBuf,
        known: Vec<CatalogSnapshot>,
        spare: Option<CatalogSnapshot>,
    ) -> Handle {
        // Walks have more statements than the usual number at hand.
        connection.set_prepared_statement_cache_capacity(64);
        Handle {
            connection: Arc::new(Mutex::new(connection)),
            file,
            known,
            spare,
            cancel: CancelToken::new(),
        }
    }

    /// The same, stopped by a switch.
    pub(super) fn with_cancel(&self, cancel: &CancelToken) -> Handle {
        Handle {
            connection: Arc::clone(&self.connection),
            file: self.file.clone(),
            known: self.known.clone(),
            spare: self.spare,
            cancel: cancel.clone(),
        }
    }

    /// Takes a turn, in which the catalog does not change.
    pub(super) fn read<T>(&self, ask: impl FnOnce(&Reading<'_>) -> Outcome<T>) -> Result<T> {
        self.cancel.check()?;
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let take = || {
            let transaction = connection.unchecked_transaction()?;
            ask(&Reading::new(&transaction, &self.known, self.spare, TURN))
        };
        take().map_err(|trouble| self.error(&trouble))
    }

    /// Takes a turn in which some snapshots have to be there still: what only
    /// they had goes with them.
    pub(super) fn read_of<T>(
        &self,
        needed: &[CatalogSnapshot],
        ask: impl FnOnce(&Reading<'_>) -> Outcome<T>,
    ) -> Result<T> {
        let answer = self.read(|reading| {
            for snapshot in needed {
                if !is_there(reading, snapshot.sequence)? {
                    return Ok(Err(*snapshot));
                }
            }
            ask(reading).map(Ok)
        })?;
        answer.map_err(|gone| {
            Error::new(
                ErrorKind::UnknownSnapshot,
                format!("the snapshot {} was removed meanwhile", gone.name),
            )
            .with_path(&self.file)
        })
    }

    /// An error on the catalog, for who asked.
    pub(super) fn error(&self, trouble: &Trouble) -> Error {
        error(&self.file, trouble)
    }

    /// An error of what the catalog cannot tell.
    pub(super) fn cannot_tell(&self, message: impl Into<String>, hint: &str) -> Error {
        Error::new(ErrorKind::CatalogUnusable, message)
            .with_path(&self.file)
            .with_hint(hint)
    }
}

/// Tells whether the catalog has a snapshot.
pub(super) fn is_there(reading: &Reading<'_>, sequence: u64) -> Outcome<bool> {
    let mut statement = reading
        .connection
        .prepare_cached("SELECT 1 FROM snapshot WHERE sequence = ?1")?;
    Ok(statement.exists([sequence as i64])?)
}

/// An error on the catalog in `file`.
pub(super) fn error(file: &Path, trouble: &Trouble) -> Error {
    let kind = match trouble {
        Trouble::Newer { .. } => ErrorKind::UnsupportedFormat,
        Trouble::Busy => ErrorKind::StoreLocked,
        Trouble::NoRoom => ErrorKind::NoSpace,
        Trouble::Stopped => ErrorKind::Cancelled,
        _ => ErrorKind::CatalogUnusable,
    };
    let hint = match trouble {
        Trouble::Missing => Some(format!("the next backup begins one, and {REINDEX}")),
        Trouble::Newer { .. } => Some("use the newer version".to_owned()),
        Trouble::Damaged(_) => Some(REINDEX.to_owned()),
        Trouble::Busy => Some("try again when it is done".to_owned()),
        Trouble::Interrupted => Some("the next backup or prune repairs it".to_owned()),
        Trouble::Unavailable(_) | Trouble::NoRoom | Trouble::Moved | Trouble::Stopped => None,
    };
    let cause = io::Error::other(trouble.to_string());
    let error = Error::io("read the catalog", file, cause).with_kind(kind);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// What goes through a part of the catalog, an answer at a step.
pub(super) trait Walk {
    type Item;

    /// Finds the next answer. After a pause the next turn asks again.
    fn step(&mut self, reading: &Reading<'_>) -> Progress<Option<Self::Item>>;
}

/// The answers of a walk, read turn by turn.
pub(super) struct Turns<W: Walk> {
    handle: Arc<Handle>,
    walk: W,
    needed: Vec<CatalogSnapshot>,
    ready: VecDeque<W::Item>,
    /// What ended the walk comes after the answers before it.
    end: Option<Result<()>>,
}

impl<W: Walk> Turns<W> {
    pub(super) fn new(handle: Arc<Handle>, walk: W, needed: Vec<CatalogSnapshot>) -> Turns<W> {
        Turns {
            handle,
            walk,
            needed,
            ready: VecDeque::new(),
            end: None,
        }
    }

    fn take_turn(&mut self) {
        let Turns { walk, ready, .. } = self;
        let taken = self.handle.read_of(&self.needed, |reading| {
            while ready.len() < READY {
                match walk.step(reading) {
                    Ok(Some(item)) => ready.push_back(item),
                    Ok(None) => return Ok(true),
                    Err(Stop::Pause) => break,
                    Err(Stop::Trouble(trouble)) => return Err(trouble),
                }
            }
            Ok(false)
        });
        self.end = match taken {
            Ok(false) => None,
            Ok(true) => Some(Ok(())),
            Err(error) => Some(Err(error)),
        };
    }
}

impl<W: Walk> Iterator for Turns<W> {
    type Item = Result<W::Item>;

    fn next(&mut self) -> Option<Result<W::Item>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Ok(item));
            }
            if let Some(end) = &mut self.end {
                return std::mem::replace(end, Ok(())).err().map(Err);
            }
            self.take_turn();
        }
    }
}
