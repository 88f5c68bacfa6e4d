//! What the workers of a restore share.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{CStr, CString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

use crate::cancel::CancelToken;
use crate::catalog::DirId;
use crate::catalog::query::telling::{Telling, Told};
use crate::entry::{EntryKind, FileId, Metadata};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Outcome};
use crate::fs::beside;
use crate::fs::copy::Ways;
use crate::fs::dir::Dir;
use crate::fs::publish::{self, Filesystem};
use crate::node::Node;
use crate::report::{Counts, Operation, Problem, Warning};
use crate::restore::advance::{Advance, InVain};
use crate::restore::groups::Groups;
use crate::restore::judge::Caller;
use crate::restore::level::Restored;
use crate::restore::options::{Extraneous, Overwrite};
use crate::restore::report::{Obstacle, ObstacleReason, RestoreCounts};
use crate::walk::locked;

/// Whether a walk acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// Looks what is there.
    Look,
    /// Writes.
    Write,
}

/// Whether what a pass finds is told while it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    Aloud,
    /// Another pass will find it again.
    Silent,
}

/// One walk through a snapshot and the place where it is restored.
pub(super) struct Restoring<'r> {
    pub(super) task: Task<'r>,
    pub(super) caller: Caller,
    pub(super) groups: Groups,
    pub(super) ways: Ways,
    /// The filesystems that are written to, by their devices.
    grounds: Mutex<HashMap<u64, Arc<Ground>>>,
    found: Mutex<Findings>,
    told_in_vain: InVain,
    failure: Mutex<Option<Error>>,
    has_failed: AtomicBool,
    observer: &'r dyn Observer,
    cancel: &'r CancelToken,
}

/// What a walk comes to.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) counts: RestoreCounts,
    /// The same, kind by kind.
    pub(super) totals: Counts,
    pub(super) in_the_way: Vec<Obstacle>,
    pub(super) extraneous: Vec<PathBuf>,
    pub(super) deleted: Vec<PathBuf>,
    pub(super) problems: Vec<Problem>,
    pub(super) damaged: Vec<PathBuf>,
    /// Entries of which the catalog could not tell, and why not.
    unknown: Option<(u64, String)>,
}

/// A filesystem that is written to.
pub(super) struct Ground {
    /// Open since before anything was written: an error of the writeback is
    /// told to handles that were open when it happened.
    dir: Dir,
    /// Flushing the whole does not reach the server.
    pub(super) is_fuse: bool,
    /// Whom what is made there belongs to.
    pub(super) made_as: u32,
}

/// What was done with one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Written,
    Replaced,
    Left,
}

impl Findings {
    /// What the catalog could not tell, if anything.
    pub(super) fn warning(&self) -> Option<Warning> {
        let (entries, reason) = self.unknown.clone()?;
        Some(Warning::EntriesFromTreeAlone { entries, reason })
    }
}

/// What a walk is told; the rest it finds out.
pub(super) struct Task<'r> {
    pub(super) pass: Pass,
    pub(super) voice: Voice,
    pub(super) telling: Option<&'r Telling>,
    pub(super) overwrite: Overwrite,
    pub(super) extraneous: &'r Extraneous,
    /// What is to be deleted, by directory.
    pub(super) doomed: HashMap<PathBuf, Vec<CString>>,
    /// What the snapshot lacks because it could not be read.
    pub(super) spared: BTreeSet<PathBuf>,
    /// Where the snapshot's tree is, and where it is restored: for messages.
    pub(super) tree_path: &'r Path,
    pub(super) target_path: &'r Path,
    /// The paths that the snapshot was made of.
    pub(super) sources: &'r [PathBuf],
    pub(super) store: FileId,
    /// The store's directory and all above it: none of them is ever deleted.
    pub(super) above_store: &'r [FileId],
}

impl<'r> Restoring<'r> {
    pub(super) fn new(
        task: Task<'r>,
        observer: &'r dyn Observer,
        cancel: &'r CancelToken,
    ) -> Restoring<'r> {
        let uid = rustix::process::geteuid();
        Restoring {
            task,
            caller: Caller {
                uid: uid.as_raw(),
                is_root: uid.is_root(),
            },
            groups: Groups::default(),
            ways: Ways::default(),
            grounds: Mutex::default(),
            found: Mutex::default(),
            told_in_vain: InVain::default(),
            failure: Mutex::default(),
            has_failed: AtomicBool::new(false),
            observer,
            cancel,
        }
    }

    pub(super) fn is_writing(&self) -> bool {
        self.task.pass == Pass::Write
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.cancel.is_cancelled()
    }

    pub(super) fn cancel(&self) -> &CancelToken {
        self.cancel
    }

    /// Ends the walk; the first reason is the one that is told.
    pub(super) fn fail(&self, error: Error) {
        locked(&self.failure).get_or_insert(error);
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// The result, or why there is none.
    pub(super) fn outcome(self) -> Result<Findings> {
        if let Some(error) = locked(&self.failure).take() {
            return Err(error);
        }
        self.cancel.check()?;
        let mut found = std::mem::take(&mut *locked(&self.found));
        found.in_the_way.sort();
        found.extraneous.sort();
        found.deleted.sort();
        found.damaged.sort();
        Ok(found)
    }

    /// Flushes every filesystem that was written to.
    pub(super) fn flush(&self) -> Result<()> {
        for ground in locked(&self.grounds).values() {
            publish::flush(&ground.dir).map_err(|error| {
                let hint = "what was restored may not be on the disk: run the same again";
                Error::io("flush", self.task.target_path, error)
                    .with_kind(ErrorKind::FlushFailed)
                    .with_hint(hint)
            })?;
        }
        Ok(())
    }

    /// The filesystem that a directory is on, where something is about to be
    /// written.
    pub(super) fn ground(&self, dir: &Dir, device: u64) -> io::Result<Arc<Ground>> {
        let mut grounds = locked(&self.grounds);
        if let Some(ground) = grounds.get(&device) {
            return Ok(Arc::clone(ground));
        }
        let made_as = match beside::made_as(dir) {
            // Only its metadata are to be set, maybe: it may be closed to us.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => self.caller.uid,
            other => other?,
        };
        let ground = Arc::new(Ground {
            dir: dir.reopen()?,
            is_fuse: Filesystem::of(dir)?.is_fuse(),
            made_as,
        });
        grounds.insert(device, Arc::clone(&ground));
        Ok(ground)
    }

    pub(super) fn path_of(&self, node: &Node<Restored>, name: &CStr) -> PathBuf {
        node.path_of(self.task.target_path, name)
    }

    /// What the catalog knows of some names.
    pub(super) fn told<'n>(
        &self,
        dir: Option<DirId>,
        names: impl ExactSizeIterator<Item = &'n CStr>,
    ) -> Vec<Told> {
        let count = names.len();
        let told = match (self.task.telling, dir) {
            (Some(telling), Some(dir)) => telling.of_names(dir, names),
            // That was told when the catalog turned out to be of no use.
            (None, _) => return vec![Told::Nothing; count],
            (Some(_), None) => {
                self.untold(count as u64, "the directory is not in it");
                return vec![Told::Nothing; count];
            }
        };
        match told {
            Ok(told) => {
                let unknown = told.iter().filter(|told| !matches!(told, Told::Version(_)));
                let unknown = unknown.count() as u64;
                if unknown > 0 {
                    self.untold(unknown, "their rows are damaged or missing");
                }
                told
            }
            Err(error) => {
                self.untold_for(count as u64, &error);
                vec![Told::Nothing; count]
            }
        }
    }

    pub(super) fn untold_for(&self, entries: u64, error: &Error) {
        if error.kind() == ErrorKind::Cancelled {
            return;
        }
        self.untold(entries, &error.to_string());
    }

    /// Counts entries of the tree that the catalog does not have.
    pub(super) fn unlisted(&self, entries: u64) {
        if entries > 0 {
            self.untold(entries, "it does not have them");
        }
    }

    fn untold(&self, entries: u64, reason: &str) {
        let mut found = locked(&self.found);
        let unknown = found.unknown.get_or_insert_with(|| (0, reason.to_owned()));
        unknown.0 += entries;
    }

    /// Tells of bytes of a file that is being written.
    pub(super) fn hear(&self, told: &mut Advance, bytes: u64, size_bytes: u64) {
        told.hear(self.observer, bytes, size_bytes);
    }

    /// Notes that a file is not restored of which something was told.
    pub(super) fn told_in_vain(&self, told: &Advance) {
        self.told_in_vain.add(told);
    }

    /// Counts an entry, and tells of it.
    pub(super) fn count(&self, node: &Node<Restored>, name: &CStr, of: &Metadata, done: Done) {
        self.count_told(node, name, of, done, &Advance::default());
    }

    /// Counts an entry of which something was told already.
    pub(super) fn count_told(
        &self,
        node: &Node<Restored>,
        name: &CStr,
        of: &Metadata,
        done: Done,
        told: &Advance,
    ) {
        let mut totals = Counts::default();
        let is_copied = done != Done::Left;
        match of.kind {
            EntryKind::Directory => totals.directories += 1,
            EntryKind::Symlink => totals.symlinks += 1,
            EntryKind::File if is_copied => {
                totals.files_copied += 1;
                totals.bytes_copied += of.size_bytes;
            }
            EntryKind::File => {
                totals.files_linked += 1;
                totals.bytes_linked += of.size_bytes;
            }
            _ => totals.specials += 1,
        }
        let (mut counts, outcome) = (
            RestoreCounts::default(),
            match done {
                Done::Written => Outcome::Written,
                Done::Replaced => Outcome::Replaced,
                Done::Left => Outcome::Left,
            },
        );
        match done {
            Done::Written => counts.written += 1,
            Done::Replaced => counts.replaced += 1,
            Done::Left => counts.left += 1,
        }
        counts.bytes_written += totals.bytes_copied;
        if is_copied {
            node.level.is_touched.store(true, Ordering::Relaxed);
        }
        self.sum(&counts, &totals, told);
        self.tell(node, name, outcome);
    }

    /// Counts another name of a file.
    pub(super) fn count_link(&self, node: &Node<Restored>, name: &CStr, done: Done) {
        let totals = Counts {
            files_linked: 1,
            ..Counts::default()
        };
        let (counts, outcome) = match done {
            Done::Written => (
                RestoreCounts {
                    written: 1,
                    ..RestoreCounts::default()
                },
                Outcome::Written,
            ),
            _ => (
                RestoreCounts {
                    replaced: 1,
                    ..RestoreCounts::default()
                },
                Outcome::Replaced,
            ),
        };
        node.level.is_touched.store(true, Ordering::Relaxed);
        self.sum(&counts, &totals, &Advance::default());
        self.tell(node, name, outcome);
    }

    fn sum(&self, counts: &RestoreCounts, totals: &Counts, told: &Advance) {
        let mut found = locked(&self.found);
        found.counts.add(counts);
        found.totals.add(totals);
        drop(found);
        if self.is_writing() || self.task.voice == Voice::Aloud {
            let news = Counts {
                bytes_copied: self.told_in_vain.left(totals.bytes_copied, told),
                ..*totals
            };
            self.observer.on_event(&Event::Progress(&news));
        }
    }

    fn tell(&self, node: &Node<Restored>, name: &CStr, outcome: Outcome) {
        if self.task.voice == Voice::Aloud && self.observer.wants_entries() {
            let path = self.path_of(node, name);
            self.observer.on_event(&Event::Entry {
                path: &path,
                outcome,
            });
        }
    }

    /// Notes something that is in the way. Where it came between the passes, it
    /// is trouble with this entry alone.
    pub(super) fn obstacle(&self, node: &Node<Restored>, name: &CStr, reason: ObstacleReason) {
        let path = self.path_of(node, name);
        if self.is_writing() {
            let what = "something is in the way that was not there before";
            self.note(Problem::saying(path, Operation::Create, what));
        } else {
            locked(&self.found)
                .in_the_way
                .push(Obstacle { path, reason });
        }
    }

    /// Notes something that the snapshot does not have, and tells whether it
    /// goes.
    pub(super) fn extraneous(&self, path: PathBuf) -> bool {
        let goes = match self.task.extraneous {
            Extraneous::Kept => false,
            Extraneous::Deleted => true,
            Extraneous::DeletedIf(agreed) => agreed.contains(&path),
        };
        if goes {
            locked(&self.found).extraneous.push(path);
        }
        goes
    }

    pub(super) fn deleted(&self, path: PathBuf) {
        if self.task.voice == Voice::Aloud && self.observer.wants_entries() {
            let outcome = Outcome::Deleted;
            self.observer.on_event(&Event::Entry {
                path: &path,
                outcome,
            });
        }
        locked(&self.found).deleted.push(path);
    }

    pub(super) fn note(&self, problem: Problem) {
        if self.task.voice == Voice::Aloud {
            self.observer.on_event(&Event::Problem(&problem));
        }
        locked(&self.found).problems.push(problem);
    }

    /// Notes that the store has not what was stored.
    pub(super) fn damaged(&self, node: &Node<Restored>, name: &CStr, what: &str) {
        let path = self.path_of(node, name);
        let stored = node.path_of(self.task.tree_path, name);
        let what = format!("{what}; what the store has is {}", stored.display());
        locked(&self.found).damaged.push(path.clone());
        self.note(Problem::saying(path, Operation::Read, &what));
    }

    pub(super) fn problem(
        &self,
        node: &Node<Restored>,
        name: &CStr,
        operation: Operation,
        error: impl Into<io::Error>,
    ) {
        self.note(Problem::new(self.path_of(node, name), operation, error));
    }

    /// Tells whether a directory was only the way to the sources.
    fn is_above_sources(&self, path: &Path) -> bool {
        let Ok(below) = path.strip_prefix(self.task.target_path) else {
            return false;
        };
        let path = Path::new("/").join(below);
        let is_in = |source: &PathBuf| path.starts_with(source);
        !self.task.sources.iter().any(is_in)
            && self
                .task
                .sources
                .iter()
                .any(|source| source.starts_with(&path))
    }

    /// Notes what an entry could not be given.
    pub(super) fn lacks(
        &self,
        node: &Node<Restored>,
        name: &CStr,
        (what, error): (String, Option<Errno>),
    ) {
        let path = self.path_of(node, name);
        // They only lead to what was asked for, and mostly belong to root.
        if self.is_above_sources(&path) {
            return;
        }
        let problem = match error {
            Some(error) => {
                let mut problem = Problem::new(path, Operation::SetMetadata, error);
                problem.error = format!("{what}: {}", problem.error);
                problem
            }
            None => {
                let what = format!("{what}: the filesystem does not keep it");
                Problem::saying(path, Operation::SetMetadata, &what)
            }
        };
        self.note(problem);
    }

    /// Sorts out trouble with writing: what is the entry's own is listed, and
    /// what would meet all others as well ends the run.
    pub(super) fn refused(&self, node: &Node<Restored>, name: &CStr, error: io::Error) {
        const OF_ALL: [Errno; 6] = [
            Errno::NOSPC,
            Errno::DQUOT,
            Errno::ROFS,
            Errno::IO,
            Errno::STALE,
            Errno::MFILE,
        ];
        let number = Errno::from_io_error(&error);
        if !number.is_some_and(|number| OF_ALL.contains(&number)) {
            return self.problem(node, name, Operation::Create, error);
        }
        let error = Error::io("write", self.path_of(node, name), error);
        let hint = match error.kind() {
            ErrorKind::NoSpace => {
                "what was restored stays, and nothing was half-written: make room and run the same again"
            }
            _ => "what was restored stays, and nothing was half-written: run the same again",
        };
        self.fail(error.with_hint(hint));
    }
}
