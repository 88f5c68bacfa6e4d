//! The catalog in the hands of a run: made to agree with the snapshots there
//! are, read while the tree is built, written when it is published.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::Arc;

use rusqlite::Connection;

use crate::catalog::change::Made;
use crate::catalog::copy::CatalogCopy;
use crate::catalog::living::gone;
use crate::catalog::log::Log;
use crate::catalog::open::{Numbers, Open, Outcome, Trouble};
use crate::catalog::prepared::{Prepared, apply, damaged, fits_in_memory};
use crate::catalog::read::{Reader, Standing};
use crate::catalog::row::{DirId, MountId};
use crate::catalog::small::{Told, mounts, told};
use crate::entry::RootId;
use crate::fs::smallfile;
use crate::layout;
use crate::name::SnapshotName;
use crate::store::{Store, c_name};

/// A run's hold on the catalog.
pub(crate) struct Session<'s> {
    store: &'s Store,
    /// Where it is read, if not in the store.
    copy: Option<Arc<CatalogCopy>>,
    connection: Option<(Connection, Open)>,
    told: Vec<Told>,
    pub(crate) mounts: HashMap<RootId, MountId>,
    pub(crate) last_directory: DirId,
    pub(crate) kind: SessionKind,
    /// Rows that were lost to damage since the catalog was made.
    pub(crate) damaged: u64,
}

/// What becomes of the catalog in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionKind {
    /// It is read and goes on.
    Kept,
    /// A new one is begun.
    New(Trouble),
    /// It can be neither read nor written.
    Off(Trouble),
}

impl<'s> Session<'s> {
    /// Begins a run that has the lock. `exists` tells whether there is a
    /// snapshot of that number and name.
    pub(crate) fn begin(
        store: &'s Store,
        copy: Option<Arc<CatalogCopy>>,
        exists: impl Fn(u64, SnapshotName) -> bool,
    ) -> Session<'s> {
        // Mostly there is nothing to be done, and opening it once is enough.
        let opened = Session::open(store, copy.clone(), Open::Hold);
        if let (Ok(session), false) = (opened, has_changes(store)) {
            if gone(&session.told, &exists).is_empty() {
                return session;
            }
        }
        // Whoever writes keeps others from reading until it is closed, also when
        // it only undid what was cut short.
        let kept = reconcile(store, exists);
        let kept = kept.and_then(|()| Session::open(store, copy, Open::Hold));
        kept.unwrap_or_else(|trouble| Session::without(store, trouble))
    }

    /// Looks at the catalog without the lock, and without changing it.
    pub(crate) fn look(store: &'s Store) -> Session<'s> {
        Session::open(store, None, Open::Read)
            .unwrap_or_else(|trouble| Session::without(store, trouble))
    }

    fn open(store: &'s Store, copy: Option<Arc<CatalogCopy>>, how: Open) -> Outcome<Session<'s>> {
        // Where there is none, the store's own is read.
        let from_copy = copy.and_then(|copy| Some((copy.open(store).ok()?, copy)));
        let (connection, copy) = match from_copy {
            Some((opened, copy)) => (valid(opened)?, Some(copy)),
            None => (open_valid(store, how)?, None),
        };
        let told = told(&connection)?;
        let damaged = damaged(&connection)?;
        let mounts = mounts(&connection)?;
        let last: Option<DirId> =
            connection.query_row("SELECT max(id) FROM directory", [], |row| row.get(0))?;
        Ok(Session {
            store,
            copy,
            connection: Some((connection, how)),
            told,
            mounts: mounts
                .into_iter()
                .map(|mount| (mount.root, mount.id))
                .collect(),
            last_directory: last.unwrap_or(super::row::TOP),
            kind: SessionKind::Kept,
            damaged,
        })
    }

    fn without(store: &'s Store, trouble: Trouble) -> Session<'s> {
        let kind = match trouble {
            Trouble::Missing | Trouble::Damaged(_) | Trouble::Moved => SessionKind::New(trouble),
            _ => SessionKind::Off(trouble),
        };
        Session {
            store,
            copy: None,
            connection: None,
            told: Vec::new(),
            mounts: HashMap::new(),
            last_directory: super::row::TOP,
            kind,
            damaged: 0,
        }
    }

    /// What was kept and compared in a snapshot, if the catalog tells of it.
    pub(crate) fn rules(&self, sequence: u64, name: SnapshotName) -> Option<&str> {
        let name = name.to_string();
        let told = self
            .told
            .iter()
            .find(|told| told.sequence == sequence && told.name == name);
        told.map(|told| told.rules.as_str())
    }

    /// What the directories of a snapshot take.
    pub(crate) fn directory_bytes(&self, sequence: u64) -> u64 {
        let told = self.told.iter().find(|told| told.sequence == sequence);
        told.map_or(0, |told| told.directory_bytes)
    }

    /// Lets the workers of a walk read. `basis` is a snapshot that the catalog
    /// tells of, or none; so is `spare`, the tree that is reused.
    pub(crate) fn reader(&mut self, basis: Option<u64>, spare: Option<u64>) -> Option<Reader<'s>> {
        let (connection, how) = self.connection.take()?;
        let newest = self.told.last().map_or(0, |told| told.sequence);
        let standing = Standing {
            basis,
            newest,
            spare,
        };
        let reader = Reader::new(self.store, connection, how, standing);
        Some(match &self.copy {
            Some(copy) => reader.with_copy(Arc::clone(copy)),
            None => reader,
        })
    }

    /// Begins a log for the changes of this run.
    pub(crate) fn log(&self) -> Outcome<Log> {
        Log::of(self.store)
    }

    /// Writes down what the log of a snapshot says before that is published, if
    /// nobody is kept from reading by it.
    pub(crate) fn prepare(&mut self, made: &Made, log: &Log) -> Outcome<Option<Prepared<'s>>> {
        let store = self.store;
        Ok(match &self.kind {
            SessionKind::Kept if fits_in_memory(log) => {
                let connection = store.open_catalog(Open::Write)?.0;
                Some(Prepared::in_memory(store, connection, made, log)?)
            }
            SessionKind::New(_) => Some(Prepared::as_draft(store, made, log)?),
            SessionKind::Kept | SessionKind::Off(_) => None,
        })
    }

    /// Writes down what the log of the snapshot just published says, if that was
    /// not prepared, and drops what is gone. No reader is left by now. `missing`
    /// rows were found to be lost; tells how many were since the catalog was
    /// made.
    pub(crate) fn settle(
        &self,
        made: &Made,
        log: Log,
        prepared: Option<Prepared<'s>>,
        missing: u64,
        exists: impl Fn(u64, SnapshotName) -> bool,
    ) -> Outcome<u64> {
        let prepared = match (prepared, &self.kind) {
            (Some(prepared), _) => prepared,
            (None, SessionKind::Kept) => {
                let connection = self.store.open_catalog(Open::Write)?.0;
                Prepared::in_place(self.store, connection, made, &log)?
            }
            (None, SessionKind::New(_)) => Prepared::as_draft(self.store, made, &log)?,
            (None, SessionKind::Off(trouble)) => return Err(trouble.clone()),
        };
        let lost = prepared.commit(missing, &exists)?;
        if let Some(copy) = &self.copy {
            let followed = copy.forget().is_ok()
                && copy
                    .follow(self.store, |connection| {
                        apply(connection, Some((made, &log)), missing, &exists)
                    })
                    .is_ok();
            if !followed {
                // The next run makes another one.
                let _ = copy.forget();
            }
        }
        log.discard();
        Ok(lost)
    }
}

impl Log {
    /// The log that a run keeps for the next one in case it is killed.
    fn of(store: &Store) -> Outcome<Log> {
        let dir = store
            .control
            .duplicate()
            .map_err(|error| Trouble::of_io(&error))?;
        Ok(Log::new(dir, changes()))
    }
}

impl Store {
    /// The snapshot of which the catalog is still to be told: the run that made
    /// it is not done, or was killed.
    pub(crate) fn untold(&self) -> Option<SnapshotName> {
        let dir = self.control.duplicate().ok()?;
        let (made, _) = Log::open(dir, changes()).ok()??;
        Some(made.name)
    }
}

fn changes() -> CString {
    c_name(layout::CHANGES)
}

/// Makes the catalog agree with the snapshots there are. Under the lock.
pub(crate) fn reconcile(store: &Store, exists: impl Fn(u64, SnapshotName) -> bool) -> Outcome<()> {
    // To be written, since a transaction that was cut short is undone so.
    let opened = open_valid(store, Open::Write);
    if let Err(trouble @ Trouble::Newer { .. }) = opened {
        return Err(trouble);
    }
    let left = left_behind(store, &exists)?;
    let opened = match (opened, &left) {
        // It was killed before it had made one.
        (Err(Trouble::Missing | Trouble::Damaged(_)), Some((made, _))) if made.after == 0 => {
            store.make_catalog()
        }
        (opened, _) => opened,
    };
    let reconciled = opened.and_then(|mut connection| {
        let told = told(&connection)?;
        // To any other catalog the changes mean nothing: they were merged
        // already, or it was lost meanwhile.
        let newest = told.last().map_or(0, |told| told.sequence);
        let news = left.as_ref().filter(|(made, _)| made.after == newest);
        match news.is_some() || !gone(&told, &exists).is_empty() {
            true => apply(
                &mut connection,
                news.map(|(made, log)| (made, log)),
                0,
                exists,
            ),
            false => Ok(()),
        }
    });
    // What cannot be merged now may be later.
    let is_done = !matches!(
        reconciled,
        Err(Trouble::Unavailable(_) | Trouble::Busy | Trouble::NoRoom)
    );
    if let Some((_, log)) = left.filter(|_| is_done) {
        log.discard();
    }
    reconciled
}

/// Tells whether a run that was killed has left something for the catalog.
fn has_changes(store: &Store) -> bool {
    let found = store.control.stat(&changes());
    !found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

fn open_valid(store: &Store, how: Open) -> Outcome<Connection> {
    valid(store.open_catalog(how)?)
}

fn valid(opened: (Connection, Numbers)) -> Outcome<Connection> {
    match opened {
        (connection, Numbers::Valid) => Ok(connection),
        (_, Numbers::OfAnotherDisk) => Err(Trouble::Moved),
    }
}

/// What a run that was killed has left for the catalog: of use if its snapshot
/// was published.
fn left_behind(
    store: &Store,
    exists: impl Fn(u64, SnapshotName) -> bool,
) -> Outcome<Option<(Made, Log)>> {
    let failed = |error: std::io::Error| Trouble::of_io(&error);
    let dir = store.control.duplicate().map_err(failed)?;
    match Log::open(dir, changes()).map_err(failed)? {
        Some((made, log)) if exists(made.sequence, made.name) && log.is_whole() => {
            Ok(Some((made, log)))
        }
        _ => {
            smallfile::remove(&store.control, layout::CHANGES).map_err(failed)?;
            Ok(None)
        }
    }
}
