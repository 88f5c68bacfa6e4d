//! The directories of the walk: entering and listing.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::Scope;
use rustix::io::Errno;

use crate::entry::{EntryKind, Metadata};
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::scan::Batch;
use crate::node::{Node, Open};
use crate::report::Operation;
use crate::walk::level::{Before, Trio, Walked, basis_names};
use crate::walk::listing::Listing;
use crate::walk::numbered::{KnownDirectory, Standing};
use crate::walk::reuse::There;
use crate::walk::select::Selection;
use crate::walk::state::{Tally, Walk, locked};
use crate::walk::totals::Belongs;
use crate::walk::unchanged::MOST_WAITING;
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
    pub(super) known: Option<KnownDirectory>,
    /// What the target holds under its name.
    pub(super) there: There,
    /// A listing that the directory was changed under may tell a name twice.
    pub(super) is_told_twice: bool,
}

impl<'s> Found<'s> {
    /// Tells whether the catalog knows it as an entry of the basis.
    fn is_of_basis(&self) -> bool {
        self.known.is_some_and(|known| known.glance.is_of_basis)
    }

    pub(super) fn new(
        name: &CStr,
        selection: &'s Selection,
        boundary: Boundary,
        known: Option<KnownDirectory>,
    ) -> Found<'s> {
        Found {
            name: name.to_owned(),
            selection,
            boundary,
            tries: TRIES,
            known,
            there: There::Nothing,
            is_told_twice: false,
        }
    }
}

impl Walk<'_> {
    /// Makes a directory of a listing one that is to be entered.
    pub(super) fn found<'s>(
        &'s self,
        node: &Node<Walked>,
        trio: &Trio,
        name: &CStr,
        selection: &'s Selection,
        boundary: Boundary,
        listing: Option<&Listing>,
    ) -> Found<'s> {
        let listed = self
            .ledger
            .zip(listing)
            .and_then(|(ledger, listing)| listing.get(ledger, name));
        let is_first = listing.is_none_or(|listing| listing.keep(name, listed.as_ref()));
        let known = listing.zip(listed).map(|(listing, listed)| KnownDirectory {
            of: listing.of,
            glance: listed.glance,
        });
        Found {
            is_told_twice: !is_first,
            there: match is_first {
                true => self.there(node, trio, listing, name, listed.as_ref()),
                false => There::Nothing,
            },
            ..Found::new(name, selection, boundary, known)
        }
    }

    /// Puts a directory on the queue.
    pub(super) fn queue<'s>(&'s self, scope: &Scope<'s>, up: &Arc<Node<Walked>>, found: Found<'s>) {
        up.expect_one();
        let up = Arc::clone(up);
        scope.spawn(move |scope| {
            if !self.is_stopping() {
                let (name, is_told_twice) = (found.name.clone(), found.is_told_twice);
                let there = found.there;
                if !self.enter(scope, &up, found) {
                    self.evict_there(&up, &name, there);
                    if !is_told_twice {
                        self.record_gone(&up, &name);
                    }
                }
            }
            self.done(&up);
        });
    }

    /// Enters a directory; false if it is not going to be in the new tree.
    fn enter<'s>(&'s self, scope: &Scope<'s>, up: &Arc<Node<Walked>>, found: Found<'s>) -> bool {
        let name = found.name.as_c_str();
        let trio = match up.handles() {
            Ok(trio) => trio,
            Err(error) => {
                self.problem(up, name, Operation::Open, error);
                return false;
            }
        };
        // Before openat2, only opening tells, and may then have to wait.
        if found.boundary == Boundary::Stay && up.level.has_mount_point(name) {
            return self.mount_point(scope, up, &trio, found);
        }
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
                false
            }
            Ok((_, metadata))
                if up.level.access == Access::Read
                    && self.leaves_out_metadata(up, name, &metadata) =>
            {
                false
            }
            Ok((source, metadata)) => {
                let node = self.open_below(up, &trio, source, metadata, access, &found);
                drop(trio);
                if let Some(node) = &node {
                    self.list(scope, node, found.selection);
                }
                node.is_some()
            }
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::XDEV) => self.mount_point(scope, up, &trio, found),
                Some(Errno::NOTDIR | Errno::LOOP) if found.tries > 0 => {
                    self.look_again(scope, up, &trio, found);
                    true
                }
                _ => {
                    let path = up.path_of(self.source_path, name);
                    self.lost(Some(up), path, Operation::Open, error);
                    false
                }
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
        let mut standing = self.in_catalog(up, found, &source, &metadata);
        let (basis, elsewhere) = match standing.elsewhere.take() {
            Some((basis, elsewhere)) => (Some(basis), Some(elsewhere)),
            None => {
                let is_late = self.is_basis_late(up, &standing);
                let there = || trio.basis(up).filter(|_| up.level.basis_has(name));
                // A basis that cannot be opened is one that does not help.
                let basis = match is_late {
                    true => None,
                    false => there()
                        .and_then(|dir| dir.open_dir(name, Access::Read, Boundary::Stay).ok()),
                };
                if let (Some(ledger), Some(_), false) = (self.ledger, &basis, found.is_of_basis()) {
                    ledger.note_missing();
                }
                (basis, None)
            }
        };
        let is_basis_late = elsewhere.is_none() && self.is_basis_late(up, &standing);
        let target = match up.level.has_target {
            true => self.reuse_directory(up, trio, found, &standing, access),
            false => Ok(None),
        };
        let (target, stored) = match target {
            Ok(Some((target, stored))) => (Some(target), stored),
            Ok(None) => (None, None),
            Err(error) => {
                self.refused(up, name, Operation::Create, error);
                return None;
            }
        };
        let is_target_late = up.level.has_target && target.is_none();
        let before = match stored {
            _ if is_target_late => Before::Basis,
            Some(_) => Before::Remains,
            None => Before::Nothing,
        };
        let is_touched = stored.is_some_and(|stored| !self.is_open_to_us(&stored));
        let xattrs = match standing.has_no_xattrs {
            true => Ok(Xattrs::default()),
            false => self.directory_xattrs(&source, access),
        };
        let xattrs = match xattrs {
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
            mount_points: self
                .mount_points
                .in_directory(|| up.path_of(&self.mount_root, name)),
            access,
            belongs: match access {
                Access::Read => self.belongs_below(up, name),
                Access::Search => Belongs::Above,
            },
            boundary: found.boundary,
            has_basis: basis.is_some() || is_basis_late,
            basis_names: basis_names(basis.as_ref(), self.rules.names),
            has_target: up.level.has_target,
            before,
            found: stored.map(OnceLock::from).unwrap_or_default(),
            is_touched: AtomicBool::new(is_touched),
            is_ready: OnceLock::new(),
            lost: AtomicBool::new(false),
            ways: if same_filesystem {
                Arc::clone(&up.level.ways)
            } else {
                Arc::default()
            },
            mount: standing.mount,
            dir: standing.dir,
            above: up.level.dir,
            is_new: standing.is_new,
            rows_of: standing.rows_of,
            is_recorded: standing.is_recorded,
            is_of_spare: standing.is_of_spare,
            elsewhere,
        };
        let mut trio = Trio::new(source, basis, target);
        if is_basis_late {
            trio = trio.with_late_basis();
        }
        if is_target_late {
            trio = trio.with_late_target();
        }
        Some(up.below(found.name.clone(), level, trio))
    }

    /// Tells whether a directory of the basis is opened only when it is needed:
    /// the catalog says that it is there.
    fn is_basis_late(&self, up: &Node<Walked>, standing: &Standing) -> bool {
        self.goes_by_word() && up.level.has_basis && standing.is_in_basis
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
        let belongs = self.belongs_below(up, &found.name);
        let kind = trio
            .source()
            .and_then(|dir| dir.stat(&found.name))
            .map(|metadata| metadata.kind);
        match (kind, found.selection) {
            (Ok(EntryKind::Directory), _) => {
                let found = Found {
                    tries: found.tries - 1,
                    ..found
                };
                self.queue(scope, up, found);
            }
            (Ok(_), Selection::Whole) => {
                self.evict_there(up, &found.name, found.there);
                let (name, selection) = (&found.name, found.selection);
                self.entry(scope, up, trio, None, name, selection, &mut tally);
            }
            // The way to a source leads through it no more.
            (Ok(_), Selection::Only(_)) => {
                self.problem(up, &found.name, Operation::Open, Errno::NOTDIR);
                self.record_gone(up, &found.name);
            }
            (Err(error), _) => {
                self.problem(up, &found.name, Operation::Stat, error);
                self.record_gone(up, &found.name);
            }
        }
        self.add(belongs, &tally);
    }

    /// Deals with all entries of a directory.
    pub(super) fn list<'s>(
        &'s self,
        scope: &Scope<'s>,
        node: &Arc<Node<Walked>>,
        selection: &'s Selection,
    ) {
        match node.handles() {
            Ok(trio) => {
                let listing = self.open_listing(node);
                let marker = match selection {
                    Selection::Whole => self.marker_in(node, &trio),
                    Selection::Only(_) => None,
                };
                let names: Vec<&CStr> = match (selection, &marker) {
                    (Selection::Whole, None) => {
                        return self.list_on(scope, node, trio, listing);
                    }
                    (Selection::Whole, Some(marker)) => vec![marker.name()],
                    (Selection::Only(names), _) => names.keys().map(CString::as_c_str).collect(),
                };
                for name in names {
                    let mut tally = Tally::default();
                    let known = listing.as_deref();
                    self.entry(scope, node, &trio, known, name, selection, &mut tally);
                    self.add(self.belongs_below(node, name), &tally);
                }
                self.close_listing(node, listing);
            }
            Err(error) => self.lose(node, error),
        }
        self.done(node);
    }

    /// Goes on where the listing stands.
    fn list_on<'s>(
        &'s self,
        scope: &Scope<'s>,
        node: &Arc<Node<Walked>>,
        trio: Arc<Open<Trio>>,
        listing: Option<Arc<Listing>>,
    ) {
        while !self.is_stopping() {
            let batch = match trio.source().and_then(|dir| Batch::read(dir.as_fd())) {
                Ok(Some(mut batch)) => {
                    batch.sort_by_inode();
                    batch
                }
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
                let (node, trio, listing) = (Arc::clone(node), Arc::clone(&trio), listing.clone());
                scope.spawn(move |scope| self.list_on(scope, &node, trio, listing));
            }
            self.batch(scope, node, &trio, listing.as_deref(), &batch);
            if goes_on {
                break;
            }
        }
        drop(trio);
        self.close_listing(node, listing);
        self.done(node);
    }

    fn batch<'s>(
        &'s self,
        scope: &Scope<'s>,
        node: &Arc<Node<Walked>>,
        trio: &Trio,
        listing: Option<&Listing>,
        batch: &Batch,
    ) {
        let mut tally = Tally::default();
        let mut waiting = Vec::new();
        for (name, kind) in batch.iter() {
            if self.is_stopping() {
                break;
            }
            // Where listings do not tell kinds, all may be mount points that
            // must not be touched yet; opening as a directory finds out.
            let kind = kind.or((!self.filter.wants_paths()).then_some(EntryKind::Directory));
            if kind.is_some_and(|kind| self.leaves_out_path(node, name, kind)) {
                continue;
            }
            if kind == Some(EntryKind::Directory) {
                let found =
                    self.found(node, trio, name, &Selection::Whole, Boundary::Stay, listing);
                self.queue(scope, node, found);
            } else if !self.leaves_out_mount(node, name) {
                match self.look(scope, node, trio, listing, name, &Selection::Whole, kind) {
                    Some(here) if self.looks_unchanged(&here) => waiting.push(here),
                    Some(here) => self.deal(scope, here, &Selection::Whole, &mut tally),
                    None => {}
                }
            }
            if waiting.len() == MOST_WAITING {
                self.settle(scope, &mut waiting, &mut tally);
            }
        }
        self.settle(scope, &mut waiting, &mut tally);
        self.add(node.level.belongs, &tally);
    }

    /// Tells which source an entry of a directory is, or lies in.
    fn belongs_below(&self, up: &Node<Walked>, name: &CStr) -> Belongs {
        match up.level.access {
            Access::Read => up.level.belongs,
            Access::Search => self.belongs(&up.path_of(&self.mount_root, name)),
        }
    }

    fn lose(&self, node: &Node<Walked>, error: io::Error) {
        node.level.lost.store(true, Ordering::Relaxed);
        let path = node.path_of(self.source_path, c"");
        self.lost(node.up().map(Arc::as_ref), path, Operation::List, error);
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
}
