//! The catalog made anew from the trees: in a file of its own, which takes the
//! catalog's place once it is complete.
//!
//! The walk is serial and goes by handles. A walk by paths, such as
//! `walkdir`'s, ends at `PATH_MAX`, and trees may be deeper.

mod before;
mod entry;
mod shelf;
mod tree;

use rusqlite::Connection;

use crate::cancel::CancelToken;
use crate::catalog::change::{Change, Made};
use crate::catalog::log::Log;
use crate::catalog::merge::merge;
use crate::catalog::open::{Open, Outcome, Trouble};
use crate::catalog::read::{Reader, Standing};
pub(crate) use crate::catalog::rebuild::before::Before;
use crate::catalog::rebuild::tree::{Read, Tree};
use crate::catalog::row::{DirId, TOP};
use crate::catalog::shared::{self, Census};
use crate::compare::Rules;
use crate::event::Observer;
use crate::fs::dir::{Access, Boundary};
use crate::fs::publish::{Filesystem, InodeNumbers};
use crate::layout;
use crate::name::SnapshotName;
use crate::report::{Counts, Problem};
use crate::store::Store;

/// What a new catalog holds, and what it does not.
#[derive(Debug, Default)]
pub(crate) struct Rebuilt {
    pub(crate) snapshots: Vec<SnapshotName>,
    /// Those whose trees could not be read to their end.
    pub(crate) left_out: Vec<SnapshotName>,
    /// The entries of all snapshots.
    pub(crate) entries: u64,
    pub(crate) census: Census,
    pub(crate) problems: Vec<Problem>,
    /// Why what only the catalog before knew was lost, or some of it.
    pub(crate) trouble: Option<Trouble>,
}

/// Makes the catalog anew: `living` are the snapshots by their numbers. Under
/// the lock. The catalog there is stays as it is if that fails.
pub(crate) fn rebuild(
    store: &Store,
    living: &[(u64, SnapshotName)],
    before: Before<'_>,
    observer: &dyn Observer,
    cancel: &CancelToken,
) -> Outcome<Rebuilt> {
    let (connection, file) = store.make_draft()?;
    let filesystem = Filesystem::of(&store.root).map_err(|error| Trouble::of_io(&error));
    let rebuilt = filesystem.and_then(|filesystem| {
        let draft = Draft {
            store,
            observer,
            cancel,
            rules: store.likely_rules(),
            numbers: filesystem.inode_numbers(),
        };
        let rebuilt = draft.fill(connection, living, before)?;
        store.publish_draft(&file)?;
        Ok(rebuilt)
    });
    if rebuilt.is_err() {
        // What stays is tidied away by the next run.
        let _ = store.discard_draft();
    }
    rebuilt
}

/// A catalog in the making.
struct Draft<'a, 's> {
    store: &'s Store,
    observer: &'a dyn Observer,
    cancel: &'a CancelToken,
    rules: Rules,
    numbers: InodeNumbers,
}

impl<'s> Draft<'_, 's> {
    /// Writes down all snapshots.
    fn fill(
        &self,
        mut connection: Connection,
        living: &[(u64, SnapshotName)],
        mut before: Before<'s>,
    ) -> Outcome<Rebuilt> {
        let mut rebuilt = Rebuilt::default();
        let mut mounts = std::mem::take(&mut before.mounts);
        let mut newest = None;
        let mut next_directory = TOP + 1;
        for &(sequence, name) in living {
            let rules = before
                .turn_to(sequence, name)
                .unwrap_or_default()
                .to_owned();
            let log = self.log()?;
            let standing = Standing {
                basis: newest,
                newest: newest.unwrap_or(0),
                spare: None,
            };
            let now = Reader::new(self.store, connection, Open::Read, standing);
            let read = self.read(name, &now, &mut before, &log, next_directory)?;
            connection = now.into_connection().ok_or_else(|| {
                Trouble::Unavailable("the connection to the new catalog is gone".to_owned())
            })?;
            // A catalog that told of half a tree would tell of removals that
            // never were.
            if !read.problems.is_empty() {
                rebuilt.left_out.push(name);
                rebuilt.problems.extend(read.problems);
                continue;
            }
            let made = Made {
                sequence,
                name,
                after: newest.unwrap_or(0),
                is_after_gap: false,
                rules,
                directory_bytes: read.directory_bytes,
            };
            for mount in mounts.drain(..) {
                let mut text = Vec::new();
                Change::Mount(mount).write(&mut text);
                log.append(&text);
            }
            connection.set_prepared_statement_cache_capacity(64);
            let transaction = connection.transaction()?;
            merge(&transaction, &made, &log, self.cancel)?;
            transaction.commit()?;
            newest = Some(sequence);
            next_directory = read.next_directory;
            rebuilt.snapshots.push(name);
            rebuilt.entries += read.counts.entries();
        }
        let transaction = connection.transaction()?;
        rebuilt.census = shared::mark(&transaction, self.cancel)?;
        transaction.commit()?;
        connection.close().map_err(|(_, error)| error)?;
        rebuilt.trouble = before.trouble().cloned();
        Ok(rebuilt)
    }

    fn log(&self) -> Outcome<Log> {
        let work = self.store.open_control(layout::WORK);
        let work = work.map_err(|error| Trouble::Unavailable(error.to_string()))?;
        Ok(Log::new(work, c"reindex.catalog".to_owned()))
    }

    /// Reads one tree.
    fn read(
        &self,
        name: SnapshotName,
        now: &Reader<'s>,
        before: &mut Before<'s>,
        log: &Log,
        next_directory: DirId,
    ) -> Outcome<Read> {
        let tree = Tree {
            path: self.store.path().join(name.to_string()),
            numbers: self.numbers,
            rules: &self.rules,
            observer: self.observer,
            cancel: self.cancel,
            now,
            before,
            log,
            read: Read {
                next_directory,
                ..Read::default()
            },
            changes: Vec::new(),
            news: Counts::default(),
            unfinished: 0,
        };
        let root = &self.store.root;
        match root.open_dir(&layout::tree(name), Access::Read, Boundary::Stay) {
            Ok(top) => tree.walk(top),
            Err(error) => Ok(tree.unread(error)),
        }
    }
}
