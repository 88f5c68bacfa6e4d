//! One snapshot's tree, read from end to end: one directory after another, on
//! one thread, whatever the depth.
//!
//! A directory is reached by the handle of the one above and listed a buffer at
//! a time; what is found in a buffer comes before the next one, so that few
//! names wait.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::io::Errno;

use crate::cancel::CancelToken;
use crate::catalog::change::Change;
use crate::catalog::log::Log;
use crate::catalog::open::{Outcome, Trouble};
use crate::catalog::read::Reader;
use crate::catalog::rebuild::before::Before;
use crate::catalog::rebuild::shelf::{Met, Shelf};
use crate::catalog::row::DirId;
use crate::compare::Rules;
use crate::entry::Metadata;
use crate::event::{Event, Observer};
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::publish::InodeNumbers;
use crate::fs::scan::Batch;
use crate::node::{Budget, Level, Node, Open, open_nodes};
use crate::report::{Counts, Operation, Problem};

/// So many directories may stand open with the rest of their listings unread,
/// and what is known of them held. Deeper ones are listed to their end first.
const MOST_UNFINISHED: usize = 8;

/// So much is told at once of what is gone.
const CHUNK_BYTES: usize = 64 << 10;

/// A directory under way.
pub(super) struct Shown {
    /// Its number in the new catalog, and whether that has no rows of it yet.
    pub(super) dir: DirId,
    pub(super) is_new: bool,
    /// Its number in the catalog before, if that knows it.
    pub(super) before: Option<DirId>,
}

impl Level for Shown {
    type Handles = Dir;

    fn reopen(from: &Dir, levels: &[&Node<Shown>]) -> io::Result<Dir> {
        open_nodes(from, levels)
    }
}

/// A directory and what of it is still to be done.
pub(super) struct Step {
    pub(super) node: Arc<Node<Shown>>,
    listing: Option<Listing>,
    /// Directories that were found and not entered.
    pub(super) below: Vec<CString>,
}

/// A directory that is being listed.
pub(super) struct Listing {
    dir: Arc<Open<Dir>>,
    pub(super) shelf: Shelf,
    pub(super) before: Option<Shelf>,
    pub(super) met: Met,
    is_waiting: bool,
}

/// The walk through one tree.
pub(super) struct Tree<'a, 's> {
    /// The path of the tree, for messages.
    pub(super) path: PathBuf,
    pub(super) numbers: InodeNumbers,
    /// What the destination can hold.
    pub(super) rules: &'a Rules,
    pub(super) observer: &'a dyn Observer,
    pub(super) cancel: &'a CancelToken,
    /// The new catalog, as it tells of the snapshot before.
    pub(super) now: &'a Reader<'s>,
    pub(super) before: &'a mut Before<'s>,
    pub(super) log: &'a Log,
    pub(super) read: Read,
    /// Changes and counts that were not told yet.
    pub(super) changes: Vec<u8>,
    pub(super) news: Counts,
    pub(super) unfinished: usize,
}

/// What reading a tree came to.
#[derive(Default)]
pub(super) struct Read {
    pub(super) next_directory: DirId,
    /// What the tree's own directories take.
    pub(super) directory_bytes: u64,
    pub(super) counts: Counts,
    pub(super) problems: Vec<Problem>,
    /// The filesystem has no extended attributes.
    pub(super) has_no_xattrs: bool,
}

impl Tree<'_, '_> {
    /// Reads all of it. What cannot be read is listed.
    pub(super) fn walk(mut self, tree: Dir) -> Outcome<Read> {
        let mut stack: Vec<Step> = Vec::new();
        stack.extend(self.enter_top(tree)?);
        while let Some(step) = stack.last_mut() {
            if self.cancel.is_cancelled() {
                return Err(Trouble::Stopped);
            }
            if let Some(name) = step.below.pop() {
                let up = Arc::clone(&step.node);
                stack.extend(self.enter(&up, name)?);
            } else if let Some(listing) = step.listing.take() {
                self.list(step, listing)?;
                self.tell();
            } else {
                stack.pop();
            }
        }
        Ok(self.read)
    }

    /// Tells that a tree could not even be opened.
    pub(super) fn unread(mut self, error: io::Error) -> Read {
        self.note(Problem::new(self.path.clone(), Operation::Open, error));
        self.read
    }

    fn enter_top(&mut self, tree: Dir) -> Outcome<Option<Step>> {
        let metadata = match tree.stat_self() {
            Ok(metadata) => metadata,
            Err(error) => {
                self.note(Problem::new(self.path.clone(), Operation::Stat, error));
                return Ok(None);
            }
        };
        match self.directory(None, c"", &tree, &metadata)? {
            Ok(shown) => {
                let node = Node::top(shown, tree, &Budget::new(1, 1));
                self.begin(node).map(Some)
            }
            Err(error) => {
                self.note(Problem::new(self.path.clone(), Operation::Read, error));
                Ok(None)
            }
        }
    }

    fn enter(&mut self, up: &Arc<Node<Shown>>, name: CString) -> Outcome<Option<Step>> {
        let opened = up.handles().and_then(|above| open(&above, &name));
        let (dir, metadata) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.problem(up, &name, Operation::Open, error);
                return Ok(None);
            }
        };
        match self.directory(Some(&up.level), &name, &dir, &metadata)? {
            Ok(shown) => self.begin(up.below(name, shown, dir)).map(Some),
            Err(error) => {
                self.problem(up, &name, Operation::Read, error);
                Ok(None)
            }
        }
    }

    /// Looks up what is known of a directory that is about to be listed.
    fn begin(&mut self, node: Arc<Node<Shown>>) -> Outcome<Step> {
        self.news.directories += 1;
        let dir = match node.handles() {
            Ok(dir) => dir,
            Err(error) => {
                self.problem(&node, c"", Operation::Open, error);
                return Ok(Step {
                    node,
                    listing: None,
                    below: Vec::new(),
                });
            }
        };
        let level = &node.level;
        let shelf = match level.is_new {
            true => Shelf::empty(level.dir),
            false => Shelf::read(self.now, level.dir)?,
        };
        let listing = Listing {
            dir,
            met: Met::none_of(&shelf),
            shelf,
            before: self.before.shelf(level.before),
            is_waiting: false,
        };
        Ok(Step {
            node,
            listing: Some(listing),
            below: Vec::new(),
        })
    }

    /// Goes on where the listing stands, to its end or until directories were
    /// found that come first.
    fn list(&mut self, step: &mut Step, mut listing: Listing) -> Outcome<()> {
        if std::mem::take(&mut listing.is_waiting) {
            self.unfinished -= 1;
        }
        loop {
            match Batch::read(listing.dir.as_fd()) {
                Ok(Some(batch)) => {
                    for (name, kind, inode) in batch.entries() {
                        if self.cancel.is_cancelled() {
                            return Err(Trouble::Stopped);
                        }
                        self.entry(step, &mut listing, name, kind, inode)?;
                    }
                    self.tell();
                    let goes_on = batch.is_full()
                        && !step.below.is_empty()
                        && self.unfinished < MOST_UNFINISHED
                        && step.node.has_room();
                    if goes_on {
                        self.unfinished += 1;
                        listing.is_waiting = true;
                        step.listing = Some(listing);
                        return Ok(());
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    self.problem(&step.node, c"", Operation::List, error);
                    break;
                }
            }
        }
        for name in self.before.refused(listing.before.as_ref()) {
            self.keep_refused(&step.node.level, &mut listing, &name)?;
        }
        let dir = step.node.level.dir;
        let Listing { shelf, met, .. } = &listing;
        met.each_missing(shelf, self.now, |name| {
            let name = name.to_owned();
            Change::Gone { dir, name }.write(&mut self.changes);
            if self.changes.len() > CHUNK_BYTES {
                self.log.append(&std::mem::take(&mut self.changes));
            }
        })
    }

    /// Hands on what has gathered.
    fn tell(&mut self) {
        self.log.append(&std::mem::take(&mut self.changes));
        if self.news != Counts::default() {
            self.read.counts.add(&self.news);
            self.observer.on_event(&Event::Progress(&self.news));
            self.news = Counts::default();
        }
    }

    pub(super) fn problem(
        &mut self,
        node: &Node<Shown>,
        name: &CStr,
        operation: Operation,
        error: io::Error,
    ) {
        let path = node.path_of(&self.path, name);
        self.note(Problem::new(path, operation, error));
    }

    fn note(&mut self, problem: Problem) {
        self.observer.on_event(&Event::Problem(&problem));
        self.read.problems.push(problem);
    }
}

impl Listing {
    pub(super) fn dir(&self) -> &Dir {
        &self.dir
    }
}

fn open(above: &Dir, name: &CStr) -> io::Result<(Dir, Metadata)> {
    let dir = above
        .open_dir(name, Access::Read, Boundary::Stay)
        .map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::XDEV) => {
                let what = "is a mount point, which is not crossed";
                io::Error::new(io::ErrorKind::ResourceBusy, what)
            }
            _ => error,
        })?;
    let metadata = dir.stat_self()?;
    Ok((dir, metadata))
}
