//! The catalog made anew from the trees and the records.

use std::time::Duration;

use crate::cancel::CancelToken;
use crate::catalog::{Before, Trouble, rebuild};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::fs::xattr;
use crate::name::SnapshotName;
use crate::options::Jobs;
use crate::record::SnapshotInfo;
use crate::report::{Counts, Operation, Problem, Warning};
use crate::run::{now_monotonic, pool};
use crate::store::Store;
use crate::tidy::{Unfinished, tidy};

/// What [`Store::reindex`] did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ReindexReport {
    /// The snapshots that the catalog tells of, in the order in which they were
    /// made.
    pub snapshots: Vec<SnapshotName>,
    /// Those that it does not tell of, because something in their trees cannot
    /// be read.
    pub left_out: Vec<SnapshotName>,
    /// The entries of all these snapshots, in each one anew.
    pub entries: u64,
    /// The versions that these entries are.
    pub versions: u64,
    /// Those of them that are known from trees alone: of the source neither
    /// ctimes and inodes nor what the destination could not hold.
    pub versions_without_ctime: u64,
    /// Those of them that are files with content of which there is no hash.
    pub versions_without_hash: u64,
    /// Every entry of a tree that cannot be read.
    pub skipped: Vec<Problem>,
    /// What else there is to know.
    pub warnings: Vec<Warning>,
    /// Time from the lock to the end.
    pub elapsed: Duration,
}

impl Store {
    /// Makes the catalog anew from the trees of the snapshots and their records.
    ///
    /// What trees cannot hold is taken over from the catalog there is, as far
    /// as that can be read and the trees confirm it: ctimes and inodes of the
    /// sources, hashes, and attributes that the destination refused. What it
    /// does not know is lost, and the report says how much that is: the next
    /// backup tells by size, mtime and attributes what changed of such entries.
    ///
    /// The catalog there is stays in use until the new one is complete. A
    /// snapshot of which something cannot be read is left out of it.
    ///
    /// # Errors
    ///
    /// The catalog is as it was then. [`ErrorKind::StoreLocked`],
    /// [`ErrorKind::UnsupportedFormat`] if a newer version wrote the catalog,
    /// [`ErrorKind::NoSpace`], [`ErrorKind::Cancelled`], [`ErrorKind::Io`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> hardsnap::Result<()> {
    /// use hardsnap::{CancelToken, Store};
    ///
    /// let store = Store::open("/mnt/backup")?;
    /// let report = store.reindex(&(), &CancelToken::new())?;
    /// println!("{} versions of {} entries", report.versions, report.entries);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reindex(&self, observer: &dyn Observer, cancel: &CancelToken) -> Result<ReindexReport> {
        let started = now_monotonic();
        let _lock = self.lock()?;
        let pool = pool(Jobs::Auto, &[&self.root])?;
        let tidied = pool.install(|| tidy(self, Unfinished::Removed, observer, cancel))?;
        let (snapshots, unreadable) = (tidied.snapshots, tidied.unreadable);
        // What a run that was killed has left for the catalog is carried over too.
        self.reconcile_catalog(&snapshots, &unreadable, observer, cancel)?;
        let before = Before::open(self);
        if let Some(trouble @ Trouble::Newer { .. }) = before.trouble() {
            return Err(self.newer_catalog(trouble));
        }
        let (living, doubles) = numbered(&snapshots, &unreadable, &before);
        observer.on_event(&Event::Phase(Phase::Reindexing));
        observer.on_event(&Event::Expected(&sum(&snapshots)));
        let mut skipped = Vec::new();
        for double in &doubles {
            let path = self.path().join(double.to_string());
            let what = "its record has the number of another snapshot";
            let problem = Problem::saying(path, Operation::Read, what);
            observer.on_event(&Event::Problem(&problem));
            skipped.push(problem);
        }
        let rebuilt = pool.install(|| rebuild(self, &living, before, observer, cancel));
        pool.broadcast(|_| xattr::leave_directory());
        let rebuilt = rebuilt.map_err(|trouble| self.not_rebuilt(&trouble))?;
        let mut warnings: Vec<Warning> = tidied.warning.into_iter().collect();
        if !unreadable.is_empty() {
            let snapshots = unreadable;
            warnings.push(Warning::RecordsUnreadable { snapshots });
        }
        if let Some(trouble) = rebuilt.trouble.filter(|_| !living.is_empty()) {
            let reason = trouble.to_string();
            warnings.push(Warning::CatalogNotCarriedOver { reason });
        }
        skipped.extend(rebuilt.problems);
        let left_out = doubles.into_iter().chain(rebuilt.left_out).collect();
        Ok(ReindexReport {
            snapshots: rebuilt.snapshots,
            left_out,
            entries: rebuilt.entries,
            versions: rebuilt.census.versions,
            versions_without_ctime: rebuilt.census.of_trees,
            versions_without_hash: rebuilt.census.unhashed_files,
            skipped,
            warnings,
            elapsed: started.elapsed(),
        })
    }

    fn not_rebuilt(&self, trouble: &Trouble) -> Error {
        let message = format!("cannot make the catalog of {} anew", self.path().display());
        let error = match trouble {
            Trouble::Stopped => Error::new(ErrorKind::Cancelled, trouble.to_string()),
            Trouble::NoRoom => Error::new(ErrorKind::NoSpace, format!("{message}: {trouble}")),
            _ => Error::new(ErrorKind::Io, format!("{message}: {trouble}")),
        };
        error
            .with_path(self.path())
            .with_hint("the catalog is as it was before")
    }
}

/// The snapshots by their numbers, in their order, and those that cannot be
/// told apart by them. Of a snapshot whose record cannot be read the catalog
/// may know the number.
fn numbered(
    snapshots: &[SnapshotInfo],
    unreadable: &[SnapshotName],
    before: &Before<'_>,
) -> (Vec<(u64, SnapshotName)>, Vec<SnapshotName>) {
    let known = snapshots
        .iter()
        .map(|snapshot| (snapshot.sequence, snapshot.name));
    let told = unreadable
        .iter()
        .filter_map(|name| Some((before.sequence(*name)?, *name)));
    let mut all: Vec<_> = known.chain(told).collect();
    all.sort_unstable();
    let mut doubles = Vec::new();
    all.dedup_by(|later, earlier| {
        let is_double = later.0 == earlier.0;
        if is_double {
            doubles.push(later.1);
        }
        is_double
    });
    (all, doubles)
}

fn sum(snapshots: &[SnapshotInfo]) -> Counts {
    let mut sum = Counts::default();
    for snapshot in snapshots {
        sum.add(&snapshot.counts);
    }
    sum
}
