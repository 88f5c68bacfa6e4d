//! What all workers of a walk share: nothing that the hot path has to lock.

use std::collections::HashSet;
use std::ffi::CStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;

use crate::cancel::CancelToken;
use crate::claims::Claims;
use crate::compare::{Names, Rules};
use crate::entry::{EntryKind, FileId};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Outcome};
use crate::filter::Filter;
use crate::fs::copy::Ways;
use crate::fs::dir::Access;
use crate::memory::Allowance;
use crate::node::Node;
use crate::options::{Mounts, Reading};
use crate::report::{Counts, Operation, Problem, Warning};
use crate::walk::evict::Reused;
use crate::walk::groups::Groups;
use crate::walk::ledger::Ledger;
use crate::walk::level::Walked;
use crate::walk::mount::MountPoints;
use crate::walk::totals::{Belongs, Totals};
use crate::xattr::{Namespaces, Xattrs};

/// How what is written gets to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// By one flush of the whole filesystem at the end.
    Whole,
    /// Each file and directory by itself: a FUSE server hears nothing of a
    /// flush of the whole.
    Each,
}

/// One walk.
pub(crate) struct Walk<'run> {
    pub(crate) filter: &'run Filter,
    /// The absolute path of the source's root, and what is mounted below it.
    pub(crate) mount_root: PathBuf,
    pub(crate) mount_points: MountPoints,
    /// Where the source's root is, for messages.
    pub(crate) source_path: &'run Path,
    /// Where the target's root is, for messages.
    pub(crate) target_path: &'run Path,
    pub(crate) rules: Rules,
    pub(crate) mounts: Mounts,
    /// Mount points that the user named.
    pub(crate) named: &'run [PathBuf],
    pub(crate) durability: Durability,
    /// The directory that is left out: the store.
    pub(crate) left_out: Option<FileId>,
    /// The absolute paths that are counted apart, in order.
    pub(crate) sources: &'run [PathBuf],
    /// The catalog; none for a tree without a store.
    pub(crate) ledger: Option<&'run Ledger<'run>>,
    /// What the target is, if it is not empty.
    pub(crate) reused: Option<&'run Reused>,
    pub(crate) observer: &'run dyn Observer,
    pub(crate) cancel: &'run CancelToken,
    pub(crate) claims: Claims,
    /// What may be held of large directories.
    pub(crate) allowance: Allowance,
    pub(crate) groups: Groups,
    /// Inodes of the basis that are neither linked to nor copied from.
    pub(crate) distrusted: HashSet<u64>,
    /// What the destination's filesystem cannot do by itself.
    pub(crate) inside: Ways,
    pub(crate) totals: Totals,
    /// The room that the copied files take, as far as a dry run can tell.
    pub(crate) needed_bytes: AtomicU64,
    /// Directories whose modes would keep an ordinary user out; they get them
    /// when all else is done.
    pub(crate) closed_last: Mutex<Vec<Arc<Node<Walked>>>>,
    pub(crate) notes: Notes,
    pub(crate) ending: Ending,
}

/// Why a walk has to end early, if so.
#[derive(Default)]
pub(crate) struct Ending {
    failure: Mutex<Option<Error>>,
    failed: AtomicBool,
}

/// What there is to know at the end.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) problems: Mutex<Vec<Problem>>,
    pub(crate) mounts_left_out: Mutex<Vec<(PathBuf, String)>>,
    pub(crate) store_left_out: Mutex<Option<PathBuf>>,
    /// A directory that a failing disk or server kept back.
    pub(crate) directory_lost: Mutex<Option<PathBuf>>,
    link_refusal: Mutex<Option<String>>,
    links_refused: AtomicU64,
    pub(crate) links_exhausted: AtomicU64,
    /// Namespaces of attributes that the destination cannot hold, as bits.
    pub(crate) xattrs_lost: AtomicU8,
}

/// What one worker did since it last added it to the sums.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    /// Copied bytes that the observer was told already, while they were copied.
    pub(crate) told_bytes: u64,
    /// Changes of the catalog, as [`Change::write`](crate::catalog::Change::write)
    /// wrote them.
    pub(crate) changes: Vec<u8>,
}

impl<'run> Walk<'run> {
    /// Tells whether the run is over, and what is left is only to be unwound.
    pub(crate) fn is_stopping(&self) -> bool {
        self.cancel.is_cancelled() || self.ending.failed.load(Ordering::Relaxed)
    }

    /// Tells which source a path is, if it is one.
    pub(crate) fn belongs(&self, path: &Path) -> Belongs {
        let place = self
            .sources
            .binary_search_by(|source| source.as_path().cmp(path));
        place.map_or(Belongs::Above, Belongs::To)
    }

    /// Adds up what a worker did and tells it.
    pub(crate) fn add(&self, belongs: Belongs, tally: &Tally) {
        if let Some(log) = self.ledger.and_then(|ledger| ledger.log.as_ref()) {
            log.append(&tally.changes);
        }
        if tally.counts == Counts::default() {
            return;
        }
        self.totals.add(belongs, &tally.counts);
        let mut news = tally.counts;
        news.bytes_copied = news.bytes_copied.saturating_sub(tally.told_bytes);
        self.observer.on_event(&Event::Progress(&news));
    }

    /// Notes trouble with one entry.
    pub(crate) fn problem(
        &self,
        node: &Node<Walked>,
        name: &CStr,
        operation: Operation,
        error: impl Into<io::Error>,
    ) {
        self.note(Problem::new(
            node.path_of(self.source_path, name),
            operation,
            error,
        ));
    }

    /// Notes that a directory could not be read. Without a source there is
    /// nothing worth a snapshot; what is lost to a failing disk or server looks
    /// as if it had been removed, so that nothing must be removed for it.
    pub(crate) fn lost(
        &self,
        up: Option<&Node<Walked>>,
        path: PathBuf,
        operation: Operation,
        error: io::Error,
    ) {
        if up.is_some_and(|up| up.level.access == Access::Search) {
            let error = Error::io("read source", path, error);
            return self.fail(error.with_kind(ErrorKind::SourceUnavailable));
        }
        if !matches!(
            error.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound
        ) {
            locked(&self.notes.directory_lost).get_or_insert_with(|| path.clone());
        }
        self.note(Problem::new(path, operation, error));
    }

    /// Notes that an entry would not hold still.
    pub(crate) fn unstable(&self, node: &Node<Walked>, name: &CStr) {
        let path = node.path_of(self.source_path, name);
        self.note(Problem::saying(
            path,
            Operation::Unstable,
            "kept changing while it was read",
        ));
    }

    fn note(&self, problem: Problem) {
        self.observer.on_event(&Event::Problem(&problem));
        locked(&self.notes.problems).push(problem);
    }

    /// Deals with a refusal of the destination. What concerns the entry alone
    /// (its name, its kind, a device that may not be made) is a problem; what
    /// would meet all others as well ends the run.
    pub(crate) fn refused(
        &self,
        node: &Node<Walked>,
        name: &CStr,
        operation: Operation,
        error: io::Error,
    ) {
        const OF_THE_ENTRY: [Errno; 13] = [
            Errno::PERM,
            Errno::ACCESS,
            Errno::EXIST,
            Errno::INVAL,
            Errno::NAMETOOLONG,
            Errno::ILSEQ,
            Errno::OPNOTSUPP,
            Errno::NOSYS,
            Errno::OVERFLOW,
            Errno::FBIG,
            Errno::NXIO,
            Errno::NODEV,
            Errno::TOOBIG,
        ];
        let number = Errno::from_io_error(&error);
        if number == Some(Errno::EXIST) && self.rules.names == Names::Folded {
            let path = node.path_of(self.source_path, name);
            let what = "the destination takes its name for that of another entry";
            self.note(Problem::saying(path, operation, what));
        } else if number.is_some_and(|error| OF_THE_ENTRY.contains(&error)) {
            self.problem(node, name, operation, error);
        } else {
            let path = node.path_of(self.target_path, name);
            self.fail(Error::io("write", path, error));
        }
    }

    /// Ends the run; the first reason is the one that is told.
    pub(crate) fn fail(&self, error: Error) {
        locked(&self.ending.failure).get_or_insert(error);
        self.ending.failed.store(true, Ordering::Relaxed);
    }

    /// Why the run has to end without a result, if so.
    pub(crate) fn outcome(&self) -> Result<()> {
        match locked(&self.ending.failure).take() {
            Some(error) => Err(error),
            None => self.cancel.check(),
        }
    }

    /// Notes that a file could not be linked although nothing of it changed.
    pub(crate) fn link_refused(&self, error: &io::Error) {
        self.notes.links_refused.fetch_add(1, Ordering::Relaxed);
        locked(&self.notes.link_refusal).get_or_insert_with(|| error.to_string());
    }

    /// Tells whether every file is read, whatever is known of it.
    pub(crate) fn reads_everything(&self) -> bool {
        self.ledger
            .is_some_and(|ledger| ledger.reading == Reading::Everything)
    }

    /// Passes attributes on, noting those that the destination cannot hold.
    pub(crate) fn seen(&self, xattrs: Xattrs) -> Xattrs {
        let lost = xattrs.namespaces().without(self.rules.xattrs);
        if lost != Namespaces::default() {
            self.notes
                .xattrs_lost
                .fetch_or(lost.bits(), Ordering::Relaxed);
        }
        xattrs
    }

    /// Tells what was done with an entry, if somebody wants to know.
    pub(crate) fn tell(&self, node: &Node<Walked>, name: &CStr, outcome: Outcome) {
        if self.observer.wants_entries() {
            let path = node.path_of(self.source_path, name);
            self.observer.on_event(&Event::Entry {
                path: &path,
                outcome,
            });
        }
    }

    /// Removes a directory of the target that was only half read.
    pub(crate) fn remove_lost(&self, up: &Arc<Node<Walked>>, name: &CStr) {
        let removed = up.handles().and_then(|trio| match self.target(up, &trio)? {
            Some(target) => self.evict(up, target, name, Some(EntryKind::Directory)),
            None => Ok(()),
        });
        if let Err(error) = removed {
            let path = up.path_of(self.target_path, name);
            self.fail(Error::io("remove", path, error));
        }
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = std::mem::take(&mut *locked(&self.notes.problems));
        // Workers came upon them in any order.
        problems.sort_by(|a, b| a.path.cmp(&b.path));
        problems
    }

    /// What there is to say once at the end.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let notes = &self.notes;
        let mut warnings = Vec::new();
        if !self.rules.compares_owners() {
            warnings.push(Warning::OwnersNotKept);
        }
        let lost = Namespaces::from_bits(notes.xattrs_lost.load(Ordering::Relaxed));
        if lost != Namespaces::default() {
            warnings.push(Warning::XattrsNotKept {
                namespaces: lost.iter().collect(),
            });
        }
        if let Some(path) = locked(&notes.store_left_out).take() {
            warnings.push(Warning::StoreLeftOut { path });
        }
        let mounts = std::mem::take(&mut *locked(&notes.mounts_left_out));
        if !mounts.is_empty() {
            warnings.push(Warning::MountsLeftOut { mounts });
        }
        if let Some(error) = locked(&notes.link_refusal).take() {
            warnings.push(Warning::LinksRefused {
                files: notes.links_refused.load(Ordering::Relaxed),
                error,
            });
        }
        warnings.extend(self.ledger.into_iter().flat_map(Ledger::warnings));
        match notes.links_exhausted.load(Ordering::Relaxed) {
            0 => {}
            files => warnings.push(Warning::LinkLimit { files }),
        }
        warnings
    }
}

/// Locks; a panic elsewhere leaves nothing half-done in these.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
