//! What is in a directory: in the tree, in the catalog alone, and in the target
//! alone.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::Scope;

use crate::catalog::Version;
use crate::catalog::query::telling::{Rest, Told};
use crate::entry::EntryKind;
use crate::fs::dir::Dir;
use crate::fs::scan::Batch;
use crate::node::{Node, Open};
use crate::report::{Operation, Problem};
use crate::restore::directory::look;
use crate::restore::entry::Here;
use crate::restore::level::{Pair, Restored};
use crate::restore::options::Extraneous;
use crate::restore::run::Restoring;
use crate::restore::wanted::{Unknown, Wanted};
use crate::walk::Selection;

/// So many entries are dealt with by one task.
const SHARE: usize = 64;

/// A directory's handles, while something is done in it.
pub(super) type Opened = Arc<Open<Pair>>;

impl Restoring<'_> {
    /// Deals with what the snapshot has in a directory, then with what else is
    /// there.
    pub(super) fn list<'s>(
        &'s self,
        scope: &Scope<'s>,
        node: &Arc<Node<Restored>>,
        selection: &'s Selection,
    ) {
        let listed = node
            .handles()
            .and_then(|handles| Ok((handles.tree.reopen()?, handles)));
        match listed {
            Ok((listing, handles)) => {
                let first = self.first_page(node);
                let names = self.list_tree(scope, node, &handles, selection, &listing, &first);
                match names {
                    Ok(names) => {
                        self.list_catalog(node, &handles, selection, first, &names);
                        self.list_target(node, &handles, &names);
                    }
                    Err(error) => self.problem(node, c"", Operation::List, error),
                }
            }
            Err(error) => self.problem(node, c"", Operation::Open, error),
        }
        self.done(node);
    }

    /// Deals with what the tree has, and tells the names, as far as they are few.
    fn list_tree<'s>(
        &'s self,
        scope: &Scope<'s>,
        node: &Arc<Node<Restored>>,
        handles: &Opened,
        selection: &'s Selection,
        listing: &Dir,
        first: &FirstPage,
    ) -> io::Result<Names> {
        let mut names = Names::default();
        while let Some(batch) = Batch::read(listing.as_fd())? {
            if self.is_stopping() {
                break;
            }
            let chosen: Vec<(CString, &'s Selection)> = batch
                .iter()
                .filter_map(|(name, _)| Some((name.to_owned(), selection.below(name)?)))
                .collect();
            names.take(chosen.iter().map(|(name, _)| name));
            let told = first.told(self, node, &chosen);
            let mut all: Vec<_> = chosen.into_iter().zip(told).collect();
            while !all.is_empty() {
                let share = all.split_off(all.len().saturating_sub(SHARE));
                node.expect_one();
                let (node, handles) = (Arc::clone(node), Arc::clone(handles));
                scope.spawn(move |scope| {
                    for ((name, selection), told) in share {
                        self.entry(scope, &node, &handles, &name, selection, told);
                    }
                    drop(handles);
                    self.done(&node);
                });
            }
        }
        Ok(names)
    }

    fn entry<'s>(
        &'s self,
        scope: &Scope<'s>,
        node: &Arc<Node<Restored>>,
        handles: &Opened,
        name: &CStr,
        selection: &'s Selection,
        told: Told,
    ) {
        if self.is_stopping() {
            return;
        }
        let wanted = handles
            .tree
            .stat(name)
            .map_err(Unknown::from)
            .and_then(|stored| Wanted::of(&handles.tree, name, &stored, told));
        let mut wanted = match wanted {
            Ok(wanted) => wanted,
            Err(Unknown::Damaged(what)) => return self.damaged(node, name, &what),
            Err(Unknown::Unreadable(error)) => {
                return self.problem(node, name, Operation::Read, error);
            }
        };
        if wanted.metadata.kind != EntryKind::Directory {
            if *selection == Selection::Whole {
                self.deal(&Here::new(node, handles, name, &wanted));
            }
            return;
        }
        if let (None, Some(telling), Some(up)) = (wanted.dir, self.task.telling, node.level.dir) {
            // The row of a directory may be lost, and those of its entries not.
            wanted.dir = telling.directory(up, name).ok().flatten();
        }
        node.expect_one();
        let (node, name) = (Arc::clone(node), name.to_owned());
        scope.spawn(move |scope| self.enter(scope, &node, name, selection, wanted));
    }

    /// Reads the first rows of a directory, which are all if it is not large.
    fn first_page(&self, node: &Node<Restored>) -> FirstPage {
        let (Some(telling), Some(dir)) = (self.task.telling, node.level.dir) else {
            return FirstPage::Nothing;
        };
        match telling.list(dir) {
            Ok(page) => match page.rest {
                None => FirstPage::All(page.entries),
                rest => FirstPage::Part(page.entries, rest),
            },
            // Each is asked for by itself, which tells what of them is left.
            Err(_) => FirstPage::Damaged,
        }
    }

    /// Deals with what the catalog alone has, and tells what is missing in the
    /// tree.
    fn list_catalog(
        &self,
        node: &Arc<Node<Restored>>,
        handles: &Opened,
        selection: &Selection,
        first: FirstPage,
        names: &Names,
    ) {
        let (mut entries, mut rest) = match first {
            FirstPage::All(entries) => (entries, None),
            FirstPage::Part(entries, rest) => (entries, rest),
            FirstPage::Nothing | FirstPage::Damaged => return,
        };
        loop {
            for (name, version) in entries {
                let Ok(name) = CString::new(name) else {
                    continue;
                };
                if selection.below(&name).is_none() || self.is_stopping() {
                    continue;
                }
                if !names.has(&handles.tree, &name) {
                    self.missing(node, handles, &name, version);
                }
            }
            let (Some(telling), Some(listing)) = (self.task.telling, rest) else {
                return;
            };
            match telling.go_on(listing) {
                Ok(page) => (entries, rest) = (page.entries, page.rest),
                Err(error) => return self.untold_for(1, &error),
            }
        }
    }

    /// Deals with what the tree does not have.
    fn missing(&self, node: &Arc<Node<Restored>>, handles: &Opened, name: &CStr, version: Version) {
        let kind = version.facts.kind;
        let was_stored = version.facts.stored.is_some();
        if was_stored || matches!(kind, EntryKind::File | EntryKind::Directory) {
            let what = match was_stored {
                true => "it is missing in the store",
                false => "the store could not hold it when the snapshot was made",
            };
            let path = self.path_of(node, name);
            return self.note(Problem::saying(path, Operation::Read, what));
        }
        match Wanted::of_catalog(version) {
            Ok(wanted) => self.deal(&Here::new(node, handles, name, &wanted)),
            Err(Unknown::Damaged(what)) => self.damaged(node, name, &what),
            Err(Unknown::Unreadable(error)) => self.problem(node, name, Operation::Read, error),
        }
    }

    /// Looks for what the snapshot does not have.
    fn list_target(&self, node: &Arc<Node<Restored>>, handles: &Opened, names: &Names) {
        let is_asked = *self.task.extraneous != Extraneous::Kept;
        let Some(target) = handles.target.as_ref().filter(|_| is_asked) else {
            return;
        };
        if self.is_writing() || !node.level.is_whole {
            return;
        }
        if let Err(error) = self.look_for_extraneous(node, &handles.tree, target, names) {
            self.problem(node, c"", Operation::List, error);
        }
    }

    fn look_for_extraneous(
        &self,
        node: &Arc<Node<Restored>>,
        tree: &Dir,
        target: &Dir,
        names: &Names,
    ) -> io::Result<()> {
        let listing = target.reopen()?;
        while let Some(batch) = Batch::read(listing.as_fd())? {
            let found: Vec<&CStr> = batch.iter().map(|(name, _)| name).collect();
            let found: Vec<&CStr> = found
                .into_iter()
                .filter(|name| !names.has(tree, name))
                .collect();
            // What the catalog alone has is not extraneous.
            let told = match (self.task.telling, node.level.dir) {
                (Some(telling), Some(dir)) => telling.of_names(dir, found.iter().copied()),
                _ => Ok(vec![Told::Nothing; found.len()]),
            };
            let Ok(told) = told else {
                // Nothing is deleted on doubt.
                continue;
            };
            for (name, told) in found.into_iter().zip(told) {
                let path = self.path_of(node, name);
                let is_known = !matches!(told, Told::Nothing);
                if is_known || self.is_spared(&path, target, name, node.level.device)? {
                    continue;
                }
                self.extraneous(path);
            }
        }
        Ok(())
    }

    /// Tells what is never deleted: other filesystems, the store, and what the
    /// snapshot lacks because it could not be read.
    pub(super) fn is_spared(
        &self,
        path: &Path,
        target: &Dir,
        name: &CStr,
        device: u64,
    ) -> io::Result<bool> {
        let Some(found) = look(target, name)? else {
            return Ok(true);
        };
        let is_of_other = found.id.device != device || self.task.above_store.contains(&found.id);
        let lacks = |spared: &PathBuf| spared.starts_with(path) || path.starts_with(spared);
        Ok(is_of_other || self.task.spared.iter().any(lacks))
    }
}

/// What the catalog has of a directory.
enum FirstPage {
    /// It knows nothing of the directory.
    Nothing,
    /// Rows of it are damaged.
    Damaged,
    /// All there is.
    All(Vec<(Vec<u8>, Version)>),
    Part(Vec<(Vec<u8>, Version)>, Option<Rest>),
}

impl FirstPage {
    fn told(
        &self,
        restoring: &Restoring<'_>,
        node: &Node<Restored>,
        names: &[(CString, &Selection)],
    ) -> Vec<Told> {
        let FirstPage::All(entries) = self else {
            return restoring.told(
                node.level.dir,
                names.iter().map(|(name, _)| name.as_c_str()),
            );
        };
        let find = |name: &CString| {
            let place =
                entries.binary_search_by(|(known, _)| known.as_slice().cmp(name.to_bytes()));
            place.map_or(Told::Nothing, |place| {
                Told::Version(Box::new(entries[place].1.clone()))
            })
        };
        let told: Vec<_> = names.iter().map(|(name, _)| find(name)).collect();
        let unknown = told.iter().filter(|told| matches!(told, Told::Nothing));
        restoring.unlisted(unknown.count() as u64);
        told
    }
}

/// The names that the tree has in a directory; of many, none are kept.
#[derive(Default)]
struct Names {
    few: HashSet<CString>,
    are_many: bool,
}

/// So many names are kept of a directory.
const FEW: usize = 4096;

impl Names {
    fn take<'n>(&mut self, names: impl Iterator<Item = &'n CString>) {
        if self.are_many {
            return;
        }
        self.few.extend(names.cloned());
        if self.few.len() > FEW {
            self.few = HashSet::new();
            self.are_many = true;
        }
    }

    fn has(&self, tree: &Dir, name: &CStr) -> bool {
        match self.are_many {
            true => !matches!(look(tree, name), Ok(None)),
            false => self.few.contains(name),
        }
    }
}
