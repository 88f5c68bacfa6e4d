//! Directories under way: a tree of nodes that keeps as few handles open as it
//! may, whatever the shape of what is walked.
//!
//! A node lives while something below it is still to be done. Normally it has
//! its handles open. Once more are open than the budget allows, the ancestors
//! of the node that is being worked on give up theirs, except for the nearest
//! few; they are opened again, from the nearest ancestor that is open, when
//! they are needed. A chain of 10,000 levels works with some dozens of handles.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fs::dir::{Access, Boundary, Dir};

/// Ancestors nearest to the work that keep their handles, and how many levels
/// are opened together when handles are needed again.
const WINDOW: usize = 8;

/// What a kind of walk keeps for each directory.
pub(crate) trait Level: Sized + Send + Sync {
    /// The handles of one directory.
    type Handles: Send + Sync;

    /// Opens the handles of the last of `levels`, from those of the directory
    /// that the first of them lies in.
    fn reopen(from: &Self::Handles, levels: &[&Node<Self>]) -> io::Result<Self::Handles>;
}

/// The number of directories that may be open at once.
#[derive(Debug)]
pub(crate) struct Budget {
    open: AtomicUsize,
    limit: usize,
}

impl Budget {
    /// Sets the limit for directories of `handles_each`, worked on by `workers`
    /// threads, so that all stays below the process's limit of open files.
    pub(crate) fn new(handles_each: usize, workers: usize) -> Arc<Budget> {
        // What the caller has open, and what each worker opens beside directories:
        // files, and the catalog with its journal.
        let reserve = 40 + workers * (6 + handles_each * WINDOW);
        let limit = open_files_limit().saturating_sub(reserve) / handles_each;
        Arc::new(Budget {
            open: AtomicUsize::new(0),
            limit: limit.clamp(WINDOW, 4096),
        })
    }

    fn has_room(&self) -> bool {
        self.open.load(Ordering::Relaxed) < self.limit
    }
}

/// The number of files that this process may have open.
pub(crate) fn open_files_limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

/// Handles that are counted against a budget while they are open.
pub(crate) struct Open<H> {
    handles: H,
    budget: Arc<Budget>,
}

impl<H> Open<H> {
    fn new(handles: H, budget: &Arc<Budget>) -> Arc<Open<H>> {
        budget.open.fetch_add(1, Ordering::Relaxed);
        Arc::new(Open {
            handles,
            budget: Arc::clone(budget),
        })
    }
}

impl<H> Drop for Open<H> {
    fn drop(&mut self) {
        self.budget.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<H> std::ops::Deref for Open<H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.handles
    }
}

/// A directory under way.
pub(crate) struct Node<L: Level> {
    up: Option<Arc<Node<L>>>,
    name: CString,
    pub(crate) level: L,
    /// Tasks and directories below that are not done, plus one while the
    /// directory itself is being listed.
    pending: AtomicUsize,
    handles: Mutex<Option<Arc<Open<L::Handles>>>>,
    budget: Arc<Budget>,
}

impl<L: Level> Node<L> {
    /// Makes the top; its handles stay open.
    pub(crate) fn top(level: L, handles: L::Handles, budget: &Arc<Budget>) -> Arc<Node<L>> {
        Node::make(None, CString::default(), level, handles, budget)
    }

    /// Makes a node below this one, which waits for it from now on.
    pub(crate) fn below(
        self: &Arc<Self>,
        name: CString,
        level: L,
        handles: L::Handles,
    ) -> Arc<Node<L>> {
        self.expect_one();
        let node = Node::make(Some(Arc::clone(self)), name, level, handles, &self.budget);
        if !self.budget.has_room() {
            node.shed();
        }
        node
    }

    fn make(
        up: Option<Arc<Node<L>>>,
        name: CString,
        level: L,
        handles: L::Handles,
        budget: &Arc<Budget>,
    ) -> Arc<Node<L>> {
        Arc::new(Node {
            up,
            name,
            level,
            pending: AtomicUsize::new(1),
            handles: Mutex::new(Some(Open::new(handles, budget))),
            budget: Arc::clone(budget),
        })
    }

    pub(crate) fn name(&self) -> &CStr {
        &self.name
    }

    pub(crate) fn up(&self) -> Option<&Arc<Node<L>>> {
        self.up.as_ref()
    }

    /// Tells whether handles may stay open although nothing needs them now.
    pub(crate) fn has_room(&self) -> bool {
        self.budget.has_room()
    }

    /// Counts one more thing to be done below.
    pub(crate) fn expect_one(&self) {
        self.pending.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one thing as done, and tells whether it was the last.
    pub(crate) fn one_is_done(&self) -> bool {
        // Whoever finishes the directory has to see what all others did there.
        self.pending.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// The path of an entry of this directory, below `root`.
    pub(crate) fn path_of(&self, root: &std::path::Path, entry: &CStr) -> PathBuf {
        let mut names = vec![entry];
        let mut node = self;
        while let Some(up) = node.up() {
            names.push(node.name());
            node = up;
        }
        let mut path = root.to_path_buf();
        path.extend(
            names
                .iter()
                .rev()
                .filter(|name| !name.is_empty())
                .map(|name| OsStr::from_bytes(name.to_bytes())),
        );
        path
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Open<L::Handles>>>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the handles; whoever still uses them keeps them a moment.
    pub(crate) fn close(&self) {
        if self.up.is_some() {
            self.slot().take();
        }
    }

    /// Closes the ancestors' handles, except for the nearest few and the top's.
    fn shed(&self) {
        let mut nearest = WINDOW;
        let mut node = self.up();
        while let Some(ancestor) = node {
            if nearest > 0 {
                nearest -= 1;
            } else {
                ancestor.close();
            }
            node = ancestor.up();
        }
    }

    /// The directory's handles, opened again if they were closed.
    pub(crate) fn handles(self: &Arc<Self>) -> io::Result<Arc<Open<L::Handles>>> {
        let (mut from, mut missing) = self.nearest_open();
        if missing.len() > WINDOW {
            // The levels above are reached in one leap and stay closed, but
            // the nearest are opened: what is done next lies there.
            let leap = missing.len() - WINDOW;
            from = Open::new(L::reopen(&from, &missing[..leap])?, &self.budget);
            missing.drain(..leap);
        }
        for node in missing {
            from = Open::new(L::reopen(&from, &[node])?, &self.budget);
            *node.slot() = Some(Arc::clone(&from));
        }
        Ok(from)
    }

    /// The directory's handles, if they are open.
    pub(crate) fn opened(&self) -> Option<Arc<Open<L::Handles>>> {
        self.slot().clone()
    }

    /// The nearest ancestor (or this node) with open handles, and the nodes
    /// from there down to this one.
    fn nearest_open(&self) -> (Arc<Open<L::Handles>>, Vec<&Node<L>>) {
        let mut missing = Vec::new();
        let mut node = self;
        loop {
            if let Some(open) = node.slot().as_ref() {
                missing.reverse();
                return (Arc::clone(open), missing);
            }
            missing.push(node);
            match node.up() {
                Some(up) => node = up,
                // `close` never closes the top.
                None => unreachable!("the top is open"),
            }
        }
    }
}

impl<L: Level> Drop for Node<L> {
    /// Drops a chain of ancestors one by one: 10,000 levels of recursion would
    /// not fit on a worker's stack.
    fn drop(&mut self) {
        let mut next = self.up.take();
        while let Some(mut node) = next.and_then(Arc::into_inner) {
            next = node.up.take();
        }
    }
}

/// Opens the last of some directories that are reached by their names alone.
pub(crate) fn open_nodes<L: Level>(from: &Dir, levels: &[&Node<L>]) -> io::Result<Dir> {
    let names = levels.iter().map(|node| (node.name(), Boundary::Stay));
    open_chain(from, names, Access::Read)
}

/// Opens a directory that lies some levels below `from`, the way being given
/// name by name. No single path gets longer than the system allows.
pub(crate) fn open_chain<'n>(
    from: &Dir,
    names: impl IntoIterator<Item = (&'n CStr, Boundary)>,
    access: Access,
) -> io::Result<Dir> {
    const LONGEST_PATH_BYTES: usize = 4095;
    let mut reached: Option<Dir> = None;
    let mut path: Vec<u8> = Vec::new();
    let mut names = names.into_iter().peekable();
    while let Some((name, boundary)) = names.next() {
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.to_bytes());
        // A mount point is stepped over alone, so that no other step may.
        let goes_on = names.peek().is_some_and(|&(next, next_boundary)| {
            boundary == next_boundary
                && boundary == Boundary::Stay
                && path.len() + 1 + next.count_bytes() < LONGEST_PATH_BYTES
        });
        if goes_on {
            continue;
        }
        let access = if names.peek().is_some() {
            Access::Search
        } else {
            access
        };
        let below = CString::new(std::mem::take(&mut path))?;
        reached = Some(
            reached
                .as_ref()
                .unwrap_or(from)
                .open_dir(&below, access, boundary)?,
        );
    }
    match reached {
        Some(dir) => Ok(dir),
        None => from.reopen(),
    }
}
