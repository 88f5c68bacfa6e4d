//! The directories of the walk: entering, listing, finishing.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::Scope;
use rustix::io::Errno;

use crate::compare::Ownership;
use crate::entry::{EntryKind, Metadata};
use crate::event::Outcome;
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::make;
use crate::fs::mounts::{self, MountClass};
use crate::fs::scan::Batch;
use crate::fs::xattr::{self, Place};
use crate::node::{Node, Open};
use crate::options::Mounts;
use crate::report::Operation;
use crate::walk::level::{Trio, Walked};
use crate::walk::select::Selection;
use crate::walk::state::{Durability, Tally, Walk, locked};
use crate::xattr::Xattrs;

/// A directory may turn into something else and back between two looks; so
/// often it is looked at again.
const TRIES: u32 = 3;

/// A directory that is to be entered.
pub(super) struct Found<'s> {
    pub(super) name: CString,
    pub(super) selection: &'s Selection,
    pub(super) boundary: Boundary,
    pub(super) tries: u32,
}

impl<'s> Found<'s> {
    pub(super) fn new(name: &CStr, selection: &'s Selection, boundary: Boundary) -> Found<'s> {
        Found {
            name: name.to_owned(),
            selection,
            boundary,
            tries: TRIES,
        }
    }
}

impl Walk<'_> {
    /// Puts a directory on the queue.
    pub(super) fn queue<'s>(&'s self, scope: &Scope<'s>, up: &Arc<Node<Walked>>, found: Found<'s>) {
        up.expect_one();
        let up = Arc::clone(up);
        scope.spawn(move |scope| {
            if !self.is_stopping() {
                self.enter(scope, &up, found);
            }
            self.done(&up);
        });
    }

    fn enter<'s>(&'s self, scope: &Scope<'s>, up: &Arc<Node<Walked>>, found: Found<'s>) {
        let name = found.name.as_c_str();
        let trio = match up.handles() {
            Ok(trio) => trio,
            Err(error) => return self.problem(up, name, Operation::Open, error),
        };
        let access = match found.selection {
            Selection::Whole => Access::Read,
            Selection::Only(_) => Access::Search,
        };
        let opened = trio.source().and_then(|dir| {
            let source = dir.open_dir(name, access, found.boundary)?;
            let metadata = source.stat_self()?;
            Ok((source, metadata))
        });
        match opened {
            Ok((_, metadata)) if Some(metadata.id) == self.left_out => {
                *locked(&self.notes.store_left_out) = Some(up.path_of(self.source_path, name));
                self.count_left_out(up, name);
            }
            Ok((source, metadata)) => {
                if let Some(node) = self.open_below(up, &trio, source, metadata, access, &found) {
                    drop(trio);
                    self.list(scope, &node, found.selection);
                }
            }
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::XDEV) => self.mount_point(scope, up, &trio, found),
                Some(Errno::NOTDIR | Errno::LOOP) if found.tries > 0 => {
                    self.look_again(scope, up, &trio, found);
                }
                _ => self.problem(up, name, Operation::Open, error),
            },
        }
    }

    /// Opens the basis and makes the target of a directory.
    fn open_below(
        &self,
        up: &Arc<Node<Walked>>,
        trio: &Trio,
        source: Dir,
        metadata: Metadata,
        access: Access,
        found: &Found<'_>,
    ) -> Option<Arc<Node<Walked>>> {
        let name = found.name.as_c_str();
        // A basis that cannot be opened is one that does not help.
        let basis = trio
            .basis
            .as_ref()
            .and_then(|dir| dir.open_dir(name, Access::Read, Boundary::Stay).ok());
        let target = match trio
            .target
            .as_ref()
            .map(|dir| make::directory(dir, name))
            .transpose()
        {
            Ok(target) => target,
            Err(error) => {
                self.refused(up, name, Operation::Create, error);
                return None;
            }
        };
        let xattrs = match self.directory_xattrs(&source, access) {
            Ok(xattrs) => xattrs,
            Err(error) => {
                self.problem(up, name, Operation::Read, error);
                Xattrs::default()
            }
        };
        let same_filesystem = metadata.id.device == up.level.metadata.id.device;
        let level = Walked {
            metadata,
            xattrs,
            access,
            boundary: found.boundary,
            has_basis: basis.is_some(),
            has_target: target.is_some(),
            lost: AtomicBool::new(false),
            ways: if same_filesystem {
                Arc::clone(&up.level.ways)
            } else {
                Arc::default()
            },
        };
        Some(up.below(found.name.clone(), level, Trio::new(source, basis, target)))
    }

    /// Finds out what a directory has become.
    fn look_again<'s>(
        &'s self,
        scope: &Scope<'s>,
        up: &Arc<Node<Walked>>,
        trio: &Trio,
        found: Found<'s>,
    ) {
        let mut tally = Tally::default();
        let kind = trio
            .source()
            .and_then(|dir| dir.stat(&found.name))
            .map(|metadata| metadata.kind);
        match kind {
            Ok(EntryKind::Directory) => {
                let found = Found {
                    tries: found.tries - 1,
                    ..found
                };
                self.queue(scope, up, found);
            }
            Ok(_) => self.entry(scope, up, trio, &found.name, found.selection, &mut tally),
            Err(error) => self.problem(up, &found.name, Operation::Stat, error),
        }
        self.add(&tally);
    }

    /// Decides whether a mount is entered, before anything of it is touched.
    fn mount_point<'s>(
        &'s self,
        scope: &Scope<'s>,
        up: &Arc<Node<Walked>>,
        trio: &Trio,
        found: Found<'s>,
    ) {
        let kind = trio
            .source()
            .and_then(|dir| mounts::type_at(dir, &found.name));
        match kind {
            Ok(kind) if self.enters(&kind) => {
                self.queue(
                    scope,
                    up,
                    Found {
                        boundary: Boundary::Cross,
                        ..found
                    },
                );
            }
            Ok(kind) => {
                let path = up.path_of(self.source_path, &found.name);
                locked(&self.notes.mounts_left_out).push((path, kind));
                self.count_left_out(up, &found.name);
                if let Some(target) = &trio.target {
                    let made = make::directory(target, &found.name).and_then(|dir| {
                        // Its own metadata cannot be read without touching it.
                        let metadata = Metadata {
                            mode: 0o755,
                            ..up.level.metadata
                        };
                        self.give(up, &found.name, dir.as_fd(), &metadata, &Xattrs::default())?;
                        self.sync_each(&dir)
                    });
                    if let Err(error) = made {
                        self.refused(up, &found.name, Operation::Create, error);
                    }
                }
                let mut tally = Tally::default();
                tally.counts.directories += 1;
                self.add(&tally);
            }
            Err(error) => self.problem(up, &found.name, Operation::Open, error),
        }
    }

    /// Tells whether mounts of a type are entered in this walk.
    pub(super) fn enters(&self, kind: &str) -> bool {
        match mounts::classify(kind) {
            MountClass::Local => self.mounts != Mounts::OneFileSystem,
            MountClass::Remote => self.mounts == Mounts::All,
            MountClass::Pseudo => false,
        }
    }

    pub(super) fn count_left_out(&self, node: &Node<Walked>, name: &CStr) {
        let mut tally = Tally::default();
        tally.counts.excluded += 1;
        self.add(&tally);
        self.tell(node, name, Outcome::LeftOut);
    }

    /// Deals with all entries of a directory.
    pub(super) fn list<'s>(
        &'s self,
        scope: &Scope<'s>,
        node: &Arc<Node<Walked>>,
        selection: &'s Selection,
    ) {
        match node.handles() {
            Ok(trio) => match selection {
                Selection::Whole => return self.list_on(scope, node, trio),
                Selection::Only(names) => {
                    let mut tally = Tally::default();
                    for name in names.keys() {
                        self.entry(scope, node, &trio, name, selection, &mut tally);
                    }
                    self.add(&tally);
                }
            },
            Err(error) => self.lose(node, error),
        }
        self.done(node);
    }

    /// Goes on where the listing stands.
    fn list_on<'s>(&'s self, scope: &Scope<'s>, node: &Arc<Node<Walked>>, trio: Arc<Open<Trio>>) {
        while !self.is_stopping() {
            let batch = match trio.source().and_then(|dir| Batch::read(dir.as_fd())) {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(error) => {
                    self.lose(node, error);
                    break;
                }
            };
            // In a large directory another worker may take the next buffer;
            // if none does, it comes after the directories found in this one,
            // so that the number of those that wait stays bounded.
            let goes_on = batch.is_full() && node.has_room();
            if goes_on {
                node.expect_one();
                let (node, trio) = (Arc::clone(node), Arc::clone(&trio));
                scope.spawn(move |scope| self.list_on(scope, &node, trio));
            }
            self.batch(scope, node, &trio, &batch);
            if goes_on {
                break;
            }
        }
        drop(trio);
        self.done(node);
    }

    fn batch<'s>(
        &'s self,
        scope: &Scope<'s>,
        node: &Arc<Node<Walked>>,
        trio: &Trio,
        batch: &Batch,
    ) {
        let mut tally = Tally::default();
        for (name, kind) in batch.iter() {
            if self.is_stopping() {
                break;
            }
            // Where listings do not tell kinds, all may be mount points that
            // must not be touched yet; opening as a directory finds out.
            if matches!(kind, Some(EntryKind::Directory) | None) {
                self.queue(
                    scope,
                    node,
                    Found::new(name, &Selection::Whole, Boundary::Stay),
                );
            } else {
                self.entry(scope, node, trio, name, &Selection::Whole, &mut tally);
            }
        }
        self.add(&tally);
    }

    fn lose(&self, node: &Node<Walked>, error: io::Error) {
        node.level.lost.store(true, Ordering::Relaxed);
        self.problem(node, c"", Operation::List, error);
    }

    /// Counts one thing in `node` as done; the last one finishes the directory
    /// and counts in the one above, and so on.
    fn done(&self, node: &Arc<Node<Walked>>) {
        let mut node = Arc::clone(node);
        while node.one_is_done() {
            if !self.is_stopping() {
                self.finish(&node);
            }
            node.close();
            match node.up() {
                Some(up) => node = Arc::clone(up),
                None => return,
            }
        }
    }

    /// Gives a directory its metadata, now that nothing in it will change.
    fn finish(&self, node: &Arc<Node<Walked>>) {
        if node.level.lost.load(Ordering::Relaxed) {
            if let Some(up) = node.up() {
                self.remove_lost(up, node.name());
            }
            return;
        }
        let mut tally = Tally::default();
        tally.counts.directories += 1;
        self.add(&tally);
        self.tell(node, c"", Outcome::Made);
        if !node.level.has_target {
            return;
        }
        let metadata = &node.level.metadata;
        if matches!(self.rules.ownership, Ownership::Fixed { .. }) && metadata.mode & 0o700 != 0o700
        {
            return locked(&self.closed_last).push(Arc::clone(node));
        }
        let finished = node.handles().and_then(|trio| match &trio.target {
            Some(target) => self.seal(node, target),
            None => Ok(()),
        });
        if let Err(error) = finished {
            self.refused(node, c"", Operation::SetMetadata, error);
        }
    }

    /// Gives a directory of the target its metadata; nothing follows in it.
    pub(super) fn seal(&self, node: &Node<Walked>, target: &Dir) -> io::Result<()> {
        let Walked {
            metadata, xattrs, ..
        } = &node.level;
        self.give(node, c"", target.as_fd(), metadata, xattrs)?;
        self.sync_each(target)
    }

    fn sync_each(&self, target: &Dir) -> io::Result<()> {
        match self.durability {
            Durability::Each => target.sync(),
            Durability::Whole => Ok(()),
        }
    }

    /// Gives what is open in the target its metadata.
    pub(super) fn give(
        &self,
        node: &Node<Walked>,
        name: &CStr,
        target: BorrowedFd<'_>,
        metadata: &Metadata,
        xattrs: &Xattrs,
    ) -> io::Result<()> {
        make::set_owner(target, metadata, &self.rules)?;
        if let Err(error) = xattr::set(Place::Open(target), xattrs, self.rules.xattrs) {
            self.refused(node, name, Operation::SetMetadata, error);
        }
        make::set_mode_and_mtime(target, metadata, &self.rules)
    }

    /// Reads the attributes of a directory of the source.
    pub(super) fn directory_xattrs(&self, source: &Dir, access: Access) -> io::Result<Xattrs> {
        let read = match access {
            Access::Read => xattr::read(Place::Open(source.as_fd()))?,
            // Such handles cannot be asked themselves.
            Access::Search => xattr::read(Place::Entry(source, c"."))?,
        };
        Ok(self.seen(read.unwrap_or_default()))
    }
}
