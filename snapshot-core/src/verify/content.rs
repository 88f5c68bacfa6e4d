//! The content of stored files against their hashes.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::Scope;
use rustix::fs::{Advice, fadvise};

use crate::catalog::DirId;
use crate::catalog::query::Aspect;
use crate::entry::{EntryKind, Hash};
use crate::event::Event;
use crate::fs::copy::{self, CopyError};
use crate::fs::dir::{Boundary, Dir, stat_handle};
use crate::report::Counts;
use crate::verify::check::{Check, Extent, Here, Look};
use crate::verify::state::{LARGE_BYTES, Part, UnderWay};

/// From this size on a file is read by whichever worker has time.
const SHARED_OUT_BYTES: u64 = 1 << 20;

/// So many of them wait at the most: each keeps its directory open.
const MOST_WAITING: usize = 32;

/// So much is read before it is told.
const TOLD_BYTES: u64 = 4 << 20;

/// Which files are read.
pub(super) struct Wanted {
    pub(super) part: Part,
    /// What was found damaged before.
    pub(super) suspected: HashSet<Hash>,
    /// What a run has done that was stopped.
    pub(super) done: Option<Done>,
    /// Large files that were found good.
    pub(super) large: Mutex<Vec<u64>>,
}

/// What need not be read again.
pub(super) struct Done {
    through: u64,
    directory: DirId,
    large: HashSet<u64>,
}

impl From<&UnderWay> for Done {
    fn from(stopped: &UnderWay) -> Done {
        Done {
            through: stopped.through,
            directory: stopped.directory,
            large: stopped.large.iter().copied().collect(),
        }
    }
}

impl Done {
    fn has(&self, dir: DirId, first: u64, inode: u64) -> bool {
        first <= self.through && (dir <= self.directory || self.large.contains(&inode))
    }
}

impl Wanted {
    fn has(&self, dir: DirId, first: u64, inode: u64, hash: &Hash) -> bool {
        let is_done = |done: &Done| done.has(dir, first, inode);
        self.suspected.contains(hash)
            || self.part.has(first, hash) && !self.done.as_ref().is_some_and(is_done)
    }
}

impl Check<'_> {
    /// Reads a file and compares it, if it is to be read; then tells all that is
    /// wrong with it.
    pub(super) fn content<'scope>(
        &'scope self,
        here: &Here<'scope>,
        dir: &Arc<Dir>,
        look: Look,
        scope: &Scope<'scope>,
    ) {
        let version = &here.row.version;
        let is_other = look.differs.iter().any(|aspect| *aspect <= Aspect::Content);
        if version.facts.kind != EntryKind::File || is_other {
            return self.conclude(here, look);
        }
        let Some(hash) = version.hash else {
            let is_missed = version.facts.size_bytes > 0 && look.extent == Extent::Inode;
            if is_missed && self.wanted.part.misses(here.row.first) {
                self.totals.unhashed.fetch_add(1, Ordering::Relaxed);
            }
            return self.conclude(here, look);
        };
        let (first, inode) = (here.row.first, look.metadata.id.inode);
        let is_wanted = self.wanted.has(here.slice.dir, first, inode, &hash);
        // What was stored anew behind our back was never compared.
        if !is_wanted && !look.is_replaced {
            return self.conclude(here, look);
        }
        let is_large = look.metadata.size_bytes >= SHARED_OUT_BYTES;
        if is_large && self.waiting.load(Ordering::Relaxed) < MOST_WAITING {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let (here, dir) = (here.clone(), Arc::clone(dir));
            scope.spawn(move |_| {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                self.read(&here, &dir, look, &hash);
            });
        } else {
            self.read(here, dir, look, &hash);
        }
    }

    fn read(&self, here: &Here<'_>, dir: &Dir, mut look: Look, recorded: &Hash) {
        match self.hash(here, dir, &look) {
            Ok(hash) => {
                let size = look.metadata.size_bytes;
                self.totals.files.fetch_add(1, Ordering::Relaxed);
                self.totals.bytes.fetch_add(size, Ordering::Relaxed);
                if hash != *recorded {
                    look.differs.insert(0, Aspect::Content);
                } else if size >= LARGE_BYTES {
                    let large = self.wanted.large.lock();
                    let mut large = large.unwrap_or_else(PoisonError::into_inner);
                    large.push(look.metadata.id.inode);
                }
                self.conclude(here, look);
            }
            Err(CopyError::Cancelled) => {}
            Err(CopyError::Read(error) | CopyError::Write(error)) => {
                self.judge(here, look.extent, Err(error));
            }
            Err(CopyError::Shrunk) => {
                look.differs.insert(0, Aspect::Content);
                self.conclude(here, look);
            }
        }
    }

    fn hash(&self, here: &Here<'_>, dir: &Dir, look: &Look) -> Result<Hash, CopyError> {
        let file = dir
            .open_file(&here.name, Boundary::Stay)
            .map_err(CopyError::Read)?;
        let found = stat_handle(file.as_fd()).map_err(CopyError::Read)?;
        if found.kind != EntryKind::File || found.id != look.metadata.id {
            let error = io::Error::other("it was exchanged while it was looked at");
            return Err(CopyError::Read(error));
        }
        // What the disk has is asked for, and not what is in memory; nor is that
        // to be pushed out by what nobody is going to read. Only a hint.
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
        let hash = copy::hash(file.as_fd(), found.size_bytes, &mut |bytes| {
            let untold = self.totals.news.fetch_add(bytes, Ordering::Relaxed) + bytes;
            if untold >= TOLD_BYTES {
                self.tell_bytes();
            }
            !self.is_stopping()
        });
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
        hash
    }

    /// Tells of what was read and not told of yet.
    pub(super) fn tell_bytes(&self) {
        let bytes_linked = self.totals.news.swap(0, Ordering::Relaxed);
        if bytes_linked > 0 {
            let news = Counts {
                bytes_linked,
                ..Counts::default()
            };
            self.observer.on_event(&Event::Progress(&news));
        }
    }
}
