//! Taking entries out of a tree that is reused.

use std::ffi::{CStr, CString};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::ThreadPool;
use rustix::io::Errno;

use crate::cancel::CancelToken;
use crate::entry::EntryKind;
use crate::error::Error;
use crate::fs::dir::Dir;
use crate::fs::{make, publish, remove};
use crate::node::Node;
use crate::walk::level::Walked;
use crate::walk::reuse::There;
use crate::walk::state::Walk;

/// A tree that is reused as the target.
pub(crate) struct Reused {
    /// It was a snapshot, and nothing in it was changed since.
    pub(crate) was_published: bool,
    /// Its sequence, if what the catalog says of it is believed.
    pub(crate) word: Option<u64>,
    /// Whether entries of the tree are given what those of the new one are.
    pub(crate) has_same_rules: bool,
    /// Where directories go that are taken out.
    trash: Dir,
    leftovers: Leftovers,
    out: OnceLock<Result<(CString, Dir), Errno>>,
    moved_out: AtomicU64,
    is_spoiled: AtomicBool,
}

/// What removing a file may leave in its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftovers {
    None,
    /// Another name of the file, if a process has it open: so over NFS.
    NamesOfOpenFiles,
}

impl Reused {
    pub(crate) fn new(
        was_published: bool,
        word: Option<u64>,
        has_same_rules: bool,
        trash: Dir,
        leftovers: Leftovers,
    ) -> Reused {
        Reused {
            was_published,
            word,
            has_same_rules,
            trash,
            leftovers,
            out: OnceLock::new(),
            moved_out: AtomicU64::new(0),
            is_spoiled: AtomicBool::new(false),
        }
    }

    /// A directory of the trash that is nobody else's.
    fn out(&self) -> io::Result<&Dir> {
        let made = self.out.get_or_init(|| {
            let make = || {
                for number in 0_u64.. {
                    let name = CString::new(format!("out.{number}"))?;
                    match make::directory(&self.trash, &name) {
                        Ok(dir) => return Ok((name, dir)),
                        // What an earlier run could not remove.
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                        Err(error) => return Err(error),
                    }
                }
                Err(Errno::EXIST.into())
            };
            make().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        });
        match made {
            Ok((_, dir)) => Ok(dir),
            Err(error) => Err((*error).into()),
        }
    }

    /// Removes what was taken out, once nobody waits for a worker any more.
    /// What resists is the next run's to remove.
    pub(crate) fn remove_out(&self, trash_path: &Path, pool: &ThreadPool, cancel: &CancelToken) {
        if let Some(Ok((name, _))) = self.out.get() {
            let _ = pool.install(|| remove::tree(&self.trash, name, trash_path, cancel));
        }
    }

    /// Tells whether something could not be taken out, so that the tree is of
    /// no use.
    pub(crate) fn is_spoiled(&self) -> bool {
        self.is_spoiled.load(Ordering::Relaxed)
    }
}

impl Walk<'_> {
    /// Takes what the target holds under the name of a directory out of it: it
    /// is not going to be one.
    pub(super) fn evict_there(&self, up: &Arc<Node<Walked>>, name: &CStr, there: There) {
        if there == There::Nothing || self.is_stopping() {
            return;
        }
        // What cannot be taken out has ended the run.
        let _ = up.handles().and_then(|trio| match self.target(up, &trio)? {
            Some(target) => self.evict(up, target, name, None),
            None => Ok(()),
        });
    }

    /// Takes an entry out of the target.
    pub(super) fn evict(
        &self,
        node: &Node<Walked>,
        target: &Dir,
        name: &CStr,
        kind: Option<EntryKind>,
    ) -> io::Result<()> {
        self.touch(node);
        let done = match self.reused {
            Some(reused) => self.take_out(reused, target, name, kind),
            None => self.remove(target, name),
        };
        done.map_err(|error| {
            let told = error.kind().into();
            self.spoil(node, name, error);
            told
        })
    }

    fn remove(&self, target: &Dir, name: &CStr) -> io::Result<()> {
        let left = remove::tree(target, name, self.target_path, self.cancel)?;
        match left.into_iter().next() {
            Some(problem) => Err(io::Error::other(problem.to_string())),
            None => Ok(()),
        }
    }

    /// Takes an entry out of a tree that is reused. A directory is only moved
    /// out: while one is removed, a worker would take up other directories, and
    /// wait for what it holds itself.
    fn take_out(
        &self,
        reused: &Reused,
        target: &Dir,
        name: &CStr,
        kind: Option<EntryKind>,
    ) -> io::Result<()> {
        if reused.leftovers == Leftovers::None && kind != Some(EntryKind::Directory) {
            match remove::unlink(target, name) {
                Err(error) if kind.is_none() && remove::is_directory(&error) => {}
                done => return done,
            }
        }
        let out = reused.out()?;
        let number = reused.moved_out.fetch_add(1, Ordering::Relaxed);
        let moved = CString::new(number.to_string())?;
        let rename = || publish::rename(target, name, out, &moved);
        let renamed = match rename() {
            // The way up is written into a directory that is moved, which takes
            // the permission to write it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                remove::make_accessible(target, name).and_then(|()| rename())
            }
            other => other,
        };
        match renamed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        if kind.is_some_and(|kind| kind != EntryKind::Directory) {
            // What stays there is the next run's to remove.
            let _ = remove::unlink(out, &moved);
        } else if let Some((ledger, _)) = self.believed() {
            let bytes = remove::directory_bytes(out, &moved)?;
            ledger.directory_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Ends the walk: there would be more in the tree than was put into it.
    pub(super) fn spoil(&self, node: &Node<Walked>, name: &CStr, error: io::Error) {
        if let Some(reused) = self.reused {
            reused.is_spoiled.store(true, Ordering::Relaxed);
        }
        let path = node.path_of(self.target_path, name);
        self.fail(Error::io("remove", path, error));
    }
}
