//! Removing trees: in parallel, whatever their depth and size, never through a
//! symlink and never across a mount.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::Scope;
use rustix::fs::{self, AtFlags, Mode};
use rustix::io::Errno;

use crate::cancel::CancelToken;
use crate::entry::EntryKind;
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::scan::Batch;
use crate::node::{Budget, Level, Node, Open, open_nodes};
use crate::report::{Operation, Problem};

/// A directory that is being removed.
struct Doomed {
    /// Something below cannot be removed, so trying the directory is no use.
    blocked: AtomicBool,
    /// How often the directory was found not empty after all of it was removed.
    rounds: AtomicUsize,
}

/// Entries that appear behind the position of a listing while it is being
/// emptied are found by listing again, so often at most.
const ROUNDS: usize = 3;

impl Level for Doomed {
    type Handles = Dir;

    fn reopen(from: &Dir, levels: &[&Node<Doomed>]) -> io::Result<Dir> {
        open_nodes(from, levels)
    }
}

struct Removal<'run> {
    root: &'run Path,
    cancel: &'run CancelToken,
    problems: Mutex<Vec<Problem>>,
}

/// Removes `at/name` with all that is in it, on the current thread pool.
///
/// What could not be removed is listed; `root` is the path of `at`, for that
/// list alone. A tree that is not there is no trouble. When the run is
/// cancelled, the rest simply stays.
pub(crate) fn tree(
    at: &Dir,
    name: &CStr,
    root: &Path,
    cancel: &CancelToken,
) -> io::Result<Vec<Problem>> {
    let budget = Budget::new(1, rayon::current_num_threads());
    let top = Node::top(Doomed::new(), at.reopen()?, &budget);
    let removal = Removal {
        root,
        cancel,
        problems: Mutex::default(),
    };
    rayon::scope(|scope| removal.entry(scope, &top, at, name, None));
    Ok(removal
        .problems
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner))
}

impl Doomed {
    fn new() -> Doomed {
        Doomed {
            blocked: AtomicBool::new(false),
            rounds: AtomicUsize::new(0),
        }
    }
}

impl Removal<'_> {
    fn entry<'s>(
        &'s self,
        scope: &Scope<'s>,
        node: &Arc<Node<Doomed>>,
        dir: &Dir,
        name: &CStr,
        kind: Option<EntryKind>,
    ) {
        if kind != Some(EntryKind::Directory) {
            match unlink(dir, name) {
                Ok(()) => return,
                // The filesystem does not tell kinds in its listings.
                Err(error) if kind.is_none() && is_directory(&error) => {}
                Err(error) => return self.fail(node, name, error),
            }
        }
        node.expect_one();
        let (node, name) = (Arc::clone(node), name.to_owned());
        scope.spawn(move |scope| self.enter(scope, &node, name));
    }

    fn enter<'s>(&'s self, scope: &Scope<'s>, up: &Arc<Node<Doomed>>, name: CString) {
        match up.handles().and_then(|dir| open(&dir, &name)) {
            Ok(dir) => self.list(scope, &up.below(name, Doomed::new(), dir)),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::XDEV) => {
                let what = "is a mount point, which is not crossed";
                self.fail(up, &name, io::Error::new(io::ErrorKind::ResourceBusy, what));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.fail(up, &name, error),
        }
        self.done(scope, up);
    }

    /// Empties a directory from the start of its listing.
    fn list<'s>(&'s self, scope: &Scope<'s>, node: &Arc<Node<Doomed>>) {
        match node.handles() {
            Ok(dir) => self.list_on(scope, node, dir),
            Err(error) => self.give_up(scope, node, error),
        }
    }

    /// Goes on where the listing stands.
    fn list_on<'s>(&'s self, scope: &Scope<'s>, node: &Arc<Node<Doomed>>, dir: Arc<Open<Dir>>) {
        while !self.cancel.is_cancelled() {
            let batch = match Batch::read(dir.as_fd()) {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(error) => return self.give_up(scope, node, error),
            };
            for (name, kind) in batch.iter() {
                self.entry(scope, node, &dir, name, kind);
            }
            if batch.is_full() && node.has_room() {
                // The rest comes after the directories just found, so that
                // the number of those that wait stays bounded.
                let node = Arc::clone(node);
                return scope.spawn(move |scope| self.list_on(scope, &node, dir));
            }
        }
        self.done(scope, node);
    }

    fn give_up<'s>(&'s self, scope: &Scope<'s>, node: &Arc<Node<Doomed>>, error: io::Error) {
        if let Some(up) = node.up() {
            self.fail(up, node.name(), error);
        }
        node.level.blocked.store(true, Ordering::Relaxed);
        self.done(scope, node);
    }

    /// Counts one thing in `node` as done; the last one removes the directory
    /// and counts in the one above, and so on.
    fn done<'s>(&'s self, scope: &Scope<'s>, node: &Arc<Node<Doomed>>) {
        let mut node = Arc::clone(node);
        while node.one_is_done() {
            let Some(up) = node.up().map(Arc::clone) else {
                return;
            };
            if self.cancel.is_cancelled() || node.level.blocked.load(Ordering::Relaxed) {
                up.level.blocked.store(true, Ordering::Relaxed);
            } else {
                match up
                    .handles()
                    .and_then(|dir| remove_directory(&dir, node.name()))
                {
                    Ok(()) => {}
                    Err(error)
                        if error.kind() == io::ErrorKind::DirectoryNotEmpty
                            && node.level.rounds.fetch_add(1, Ordering::Relaxed) < ROUNDS =>
                    {
                        node.close();
                        node.expect_one();
                        return scope.spawn(move |scope| self.list(scope, &node));
                    }
                    Err(error) => self.fail(&up, node.name(), error),
                }
            }
            node.close();
            node = up;
        }
    }

    fn fail(&self, node: &Node<Doomed>, name: &CStr, error: io::Error) {
        node.level.blocked.store(true, Ordering::Relaxed);
        let problem = Problem::new(node.path_of(self.root, name), Operation::Remove, error);
        self.problems
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(problem);
    }
}

pub(crate) fn is_directory(error: &io::Error) -> bool {
    // POSIX lets unlink say EPERM to a directory.
    error.kind() == io::ErrorKind::IsADirectory || error.kind() == io::ErrorKind::PermissionDenied
}

/// Adds up what the directories take that are in a directory, and itself.
pub(crate) fn directory_bytes(at: &Dir, name: &CStr) -> io::Result<u64> {
    let mut bytes = 0;
    let mut waiting = vec![name.to_owned()];
    while let Some(path) = waiting.pop() {
        let dir = match at.open_dir(&path, Access::Read, Boundary::Stay) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => continue,
            other => other?,
        };
        bytes += dir.stat_self()?.allocated_bytes;
        while let Some(batch) = Batch::read(&dir)? {
            let below = batch.iter();
            let directories = below.filter(|(_, kind)| *kind == Some(EntryKind::Directory));
            for (below, _) in directories {
                let path = [path.to_bytes(), b"/", below.to_bytes()].concat();
                waiting.push(CString::new(path)?);
            }
        }
    }
    Ok(bytes)
}

/// Opens a directory of a tree of ours.
pub(crate) fn open(at: &Dir, name: &CStr) -> io::Result<Dir> {
    match at.open_dir(name, Access::Read, Boundary::Stay) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_accessible(at, name)?;
            at.open_dir(name, Access::Read, Boundary::Stay)
        }
        other => other,
    }
}

/// Opens a directory of ours to us: an ordinary user's tree may hold some
/// without permissions. Only what is being removed or made comes here, and no
/// directory is shared between trees.
pub(crate) fn make_accessible(at: &Dir, name: &CStr) -> io::Result<()> {
    let reference = at.open_dir(name, Access::Search, Boundary::Stay)?;
    // chmod refuses such references, but not their names in /proc, which
    // stand for the directory itself.
    let path = format!("/proc/self/fd/{}", reference.as_fd().as_raw_fd());
    Ok(fs::chmod(path, Mode::RWXU)?)
}

/// Removes something from a directory, opening the directory to us if need be.
fn with_write_access(dir: &Dir, remove: impl Fn() -> Result<(), Errno>) -> io::Result<()> {
    match remove() {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::ACCESS) => {
            fs::fchmod(dir, Mode::RWXU)?;
            Ok(remove()?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Removes a name that is no directory's, if it is there.
pub(crate) fn unlink(dir: &Dir, name: &CStr) -> io::Result<()> {
    with_write_access(dir, || fs::unlinkat(dir, name, AtFlags::empty()))
}

fn remove_directory(dir: &Dir, name: &CStr) -> io::Result<()> {
    with_write_access(dir, || fs::unlinkat(dir, name, AtFlags::REMOVEDIR))
}
