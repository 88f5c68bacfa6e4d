//! The entries of the walk that are no directories: linked, copied or made.

use std::ffi::{CStr, CString};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::Scope;
use rustix::io::Errno;

use crate::entry::{EntryKind, Metadata};
use crate::event::Outcome;
use crate::fs::dir::{Boundary, Dir};
use crate::fs::make::{self, Linked};
use crate::fs::xattr::{self, Place};
use crate::node::Node;
use crate::plan::{self, Action};
use crate::report::Operation;
use crate::walk::directory::Found;
use crate::walk::groups::{Group, Stored};
use crate::walk::level::{Trio, Walked, visit_target};
use crate::walk::select::Selection;
use crate::walk::state::{Tally, Walk};
use crate::xattr::Xattrs;

/// A file may be exchanged for another between two looks; so often the new one
/// is taken instead.
const LOOKS: u32 = 3;

/// What became of an entry.
pub(super) enum Placed {
    /// It is there; the inode is told where it was learned.
    Done {
        outcome: Outcome,
        inode: Option<u64>,
    },
    /// It is not, and why was noted.
    Failed,
    /// It is another one now.
    Exchanged,
}

/// One entry and all that is known of it.
pub(super) struct Here<'a> {
    pub(super) node: &'a Arc<Node<Walked>>,
    pub(super) trio: &'a Trio,
    pub(super) name: &'a CStr,
    pub(super) source: Metadata,
    pub(super) basis: Option<Metadata>,
}

impl Walk<'_> {
    /// Deals with an entry of which is not known that it is a directory.
    pub(super) fn entry<'s>(
        &'s self,
        scope: &Scope<'s>,
        node: &Arc<Node<Walked>>,
        trio: &Trio,
        name: &CStr,
        selection: &'s Selection,
        tally: &mut Tally,
    ) {
        if let Some(here) = self.look(scope, node, trio, name, selection, None) {
            self.deal(scope, here, selection, tally);
        }
    }

    /// Looks at an entry in source and basis. None if it is dealt with: left
    /// out, not readable, or a directory, which is queued. `judged` is the kind
    /// as which its path passed the filter.
    pub(super) fn look<'s, 'a>(
        &'s self,
        scope: &Scope<'s>,
        node: &'a Arc<Node<Walked>>,
        trio: &'a Trio,
        name: &'a CStr,
        selection: &'s Selection,
        judged: Option<EntryKind>,
    ) -> Option<Here<'a>> {
        let source = match trio.source().and_then(|dir| dir.stat(name)) {
            Ok(source) => source,
            // What the user named is no entry among others.
            Err(error) if *selection != Selection::Whole => {
                let path = node.path_of(self.source_path, name);
                self.lost(Some(node), path, Operation::Stat, error);
                return None;
            }
            Err(error) => {
                self.problem(node, name, Operation::Stat, error);
                return None;
            }
        };
        // What the user named is taken, whatever the filter says.
        if *selection == Selection::Whole
            && ((judged != Some(source.kind) && self.leaves_out_path(node, name, source.kind))
                || self.leaves_out_metadata(node, name, &source))
        {
            return None;
        }
        if source.kind == EntryKind::Directory {
            if let Some(below) = selection.below(name) {
                // What the user named is entered whatever is mounted there.
                let named = matches!(selection, Selection::Only(_));
                let boundary = if named {
                    Boundary::Cross
                } else {
                    Boundary::Stay
                };
                self.queue(scope, node, Found::new(name, below, boundary));
            }
            return None;
        }
        let basis = trio.basis.as_ref().filter(|_| node.level.basis_has(name));
        let basis = basis.and_then(|dir| dir.stat(name).ok());
        Some(Here {
            node,
            trio,
            name,
            source,
            basis,
        })
    }

    /// Puts an entry into the target, looking again if it was exchanged.
    pub(super) fn deal<'s>(
        &'s self,
        scope: &Scope<'s>,
        mut here: Here<'_>,
        selection: &'s Selection,
        tally: &mut Tally,
    ) {
        for _ in 0..LOOKS {
            let placed = if here.source.links > 1 {
                self.groups
                    .with(here.source.id, here.source.links, |group| {
                        self.place_in_group(&here, group, tally)
                    })
            } else {
                self.place(&here, self.decide(&here), tally)
            };
            match placed {
                Placed::Done { outcome, .. } => return self.count(&here, outcome, tally),
                Placed::Failed => return,
                Placed::Exchanged => {}
            }
            let Here {
                node, trio, name, ..
            } = here;
            match self.look(scope, node, trio, name, selection, None) {
                Some(new) => here = new,
                None => return,
            }
        }
        self.unstable(here.node, here.name);
    }

    pub(super) fn count(&self, here: &Here<'_>, outcome: Outcome, tally: &mut Tally) {
        let counts = &mut tally.counts;
        match (here.source.kind, outcome) {
            (EntryKind::File, Outcome::Copied) => counts.files_copied += 1,
            (EntryKind::File, _) => {
                counts.files_linked += 1;
                counts.bytes_linked += here.source.size_bytes;
            }
            (EntryKind::Symlink, _) => counts.symlinks += 1,
            _ => counts.specials += 1,
        }
        self.tell(here.node, here.name, outcome);
    }

    /// Deals with one of several names of a file: what another name got, this
    /// one gets too.
    fn place_in_group(&self, here: &Here<'_>, group: &mut Group, tally: &mut Tally) -> Placed {
        let stored = group.stored.as_ref();
        if let Some(stored) = stored.filter(|stored| stored.ctime == here.source.ctime) {
            match self.link_within(here, stored) {
                Ok(Linked::Done) => {
                    return Placed::Done {
                        outcome: Outcome::LinkedWithin,
                        inode: None,
                    };
                }
                Ok(Linked::TooMany) => {
                    self.notes.links_exhausted.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Linked::Refused(error)) => self.link_refused(&error),
                Ok(Linked::Gone) => {}
                Err(error) => {
                    self.refused(here.node, here.name, Operation::Create, error);
                    return Placed::Failed;
                }
            }
        }
        let placed = self.place(here, self.decide(here), tally);
        if let Placed::Done { inode, .. } = placed {
            group.stored = Some(Stored {
                inode,
                ctime: here.source.ctime,
                node: Arc::clone(here.node),
                name: here.name.to_owned(),
            });
        }
        placed
    }

    fn link_within(&self, here: &Here<'_>, stored: &Stored) -> io::Result<Linked> {
        let Some(target) = &here.trio.target else {
            return Ok(Linked::Done);
        };
        // The basis has the same file under this name: no need to go where
        // the other name is.
        if let (Some(dir), Some(basis)) = (&here.trio.basis, &here.basis) {
            if stored.inode == Some(basis.id.inode) {
                return make::link(dir, here.name, target, here.name);
            }
        }
        if Arc::ptr_eq(&stored.node, here.node) {
            return make::link(target, &stored.name, target, here.name);
        }
        make::link(
            &visit_target(&stored.node)?,
            &stored.name,
            target,
            here.name,
        )
    }

    pub(super) fn place(&self, here: &Here<'_>, action: Action, tally: &mut Tally) -> Placed {
        let reuse = match action {
            Action::Link => match self.link_to_basis(here) {
                Ok(None) => here.basis_file(),
                Ok(Some(placed)) => return placed,
                Err(error) => {
                    self.refused(here.node, here.name, Operation::Create, error);
                    return Placed::Failed;
                }
            },
            Action::MakeFromBasis => here.basis_file(),
            Action::Make => None,
        };
        match here.source.kind {
            EntryKind::File => self.copy(here, reuse, tally),
            _ => self.make(here),
        }
    }

    /// Compares an entry with its basis, looking up only what the outcome
    /// depends on.
    fn decide(&self, here: &Here<'_>) -> Action {
        let action = self.decide_by_metadata(here);
        if action != Action::Link || (self.has_same_target(here) && self.has_same_xattrs(here)) {
            return action;
        }
        match here.source.kind {
            EntryKind::File => Action::MakeFromBasis,
            _ => Action::Make,
        }
    }

    /// Compares what one look at an entry and at its basis tells.
    pub(super) fn decide_by_metadata(&self, here: &Here<'_>) -> Action {
        let basis = here.basis.as_ref().filter(|basis| {
            self.distrusted.is_empty() || !self.distrusted.contains(&basis.id.inode)
        });
        plan::decide(&here.source, basis, &self.rules)
    }

    /// Links an entry to its basis; none if that cannot be.
    fn link_to_basis(&self, here: &Here<'_>) -> io::Result<Option<Placed>> {
        let (Some(dir), Some(basis)) = (&here.trio.basis, &here.basis) else {
            return Ok(None);
        };
        if !self.claims.claim(basis.id.inode) {
            return Ok(None);
        }
        let linked = match &here.trio.target {
            Some(target) => make::link(dir, here.name, target, here.name)?,
            None => Linked::Done,
        };
        match linked {
            Linked::Done => {
                let inode = Some(basis.id.inode);
                return Ok(Some(Placed::Done {
                    outcome: Outcome::Linked,
                    inode,
                }));
            }
            Linked::TooMany => {
                self.notes.links_exhausted.fetch_add(1, Ordering::Relaxed);
            }
            // Symlinks and special files cost nothing to make anew.
            Linked::Refused(error) if here.source.kind == EntryKind::File => {
                self.link_refused(&error);
            }
            Linked::Refused(_) | Linked::Gone => {}
        }
        Ok(None)
    }

    fn has_same_target(&self, here: &Here<'_>) -> bool {
        if here.source.kind != EntryKind::Symlink {
            return true;
        }
        let old = here
            .trio
            .basis
            .as_ref()
            .map(|dir| read_link(dir, here.name));
        let new = here.trio.source().and_then(|dir| read_link(dir, here.name));
        matches!((old, new), (Some(Ok(old)), Ok(new)) if old == new)
    }

    fn has_same_xattrs(&self, here: &Here<'_>) -> bool {
        let Some(basis) = &here.trio.basis else {
            return false;
        };
        let new = self.source_xattrs(here);
        let old = xattrs_unless(&self.inside.no_xattrs, Place::Entry(basis, here.name));
        matches!((old, new), (Ok(old), Ok(new)) if new.equal_in(&old, self.rules.xattrs))
    }

    /// Reads the attributes of an entry that is not open.
    fn source_xattrs(&self, here: &Here<'_>) -> io::Result<Xattrs> {
        let dir = here.trio.source()?;
        let read = xattrs_unless(
            &here.node.level.ways.no_xattrs,
            Place::Entry(dir, here.name),
        );
        read.map(|xattrs| self.seen(xattrs))
    }

    /// Makes a symlink, FIFO, socket or device.
    fn make(&self, here: &Here<'_>) -> Placed {
        let link = match here.source.kind {
            EntryKind::Symlink => here
                .trio
                .source()
                .and_then(|dir| read_link(dir, here.name))
                .map(Some),
            _ => Ok(None),
        };
        let read = link.and_then(|link| Ok((link, self.source_xattrs(here)?)));
        let (link, xattrs) = match read {
            Ok(read) => read,
            // It is something else by now.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => {
                return Placed::Exchanged;
            }
            Err(error) => {
                self.problem(here.node, here.name, Operation::Read, error);
                return Placed::Failed;
            }
        };
        if let Some(target) = &here.trio.target {
            let made = match &link {
                Some(link) => make::symlink(target, here.name, link, &here.source, &self.rules),
                None => make::special(target, here.name, &here.source, &self.rules),
            };
            if let Err(error) = made {
                self.refused(here.node, here.name, Operation::Create, error);
                return Placed::Failed;
            }
            let given = xattr::set(Place::Entry(target, here.name), &xattrs, self.rules.xattrs)
                .and_then(|()| make::set_mtime(target, here.name, &here.source));
            if let Err(error) = given {
                self.refused(here.node, here.name, Operation::SetMetadata, error);
            }
        }
        Placed::Done {
            outcome: Outcome::Made,
            inode: here.inode_if_shared(),
        }
    }
}

impl Here<'_> {
    /// The basis, where a file's data may be taken from it.
    fn basis_file(&self) -> Option<(&Dir, Metadata)> {
        let basis = self.basis.filter(|basis| basis.kind == EntryKind::File)?;
        Some((self.trio.basis.as_ref()?, basis))
    }

    /// The inode of a new entry, needed only where others will be linked to it.
    pub(super) fn inode_if_shared(&self) -> Option<u64> {
        if self.source.links < 2 {
            return None;
        }
        let made = self.trio.target.as_ref()?.stat(self.name).ok()?;
        Some(made.id.inode)
    }
}

/// Reads attributes, unless the filesystem is known to have none.
fn xattrs_unless(missing: &AtomicBool, place: Place<'_>) -> io::Result<Xattrs> {
    if missing.load(Ordering::Relaxed) {
        return Ok(Xattrs::default());
    }
    let read = xattr::read(place)?;
    if read.is_none() {
        missing.store(true, Ordering::Relaxed);
    }
    Ok(read.unwrap_or_default())
}

fn read_link(at: &Dir, name: &CStr) -> io::Result<CString> {
    Ok(rustix::fs::readlinkat(at, name, Vec::new())?)
}
