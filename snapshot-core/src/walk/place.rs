//! Putting an entry into the new tree: linked to the basis, linked to another
//! name of it, or made.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;

use crate::catalog::Version;
use crate::entry::{EntryKind, Metadata};
use crate::event::Outcome;
use crate::fs::dir::Dir;
use crate::fs::make::{self, Linked};
use crate::fs::xattr::{self, Place};
use crate::plan::Action;
use crate::report::Operation;
use crate::walk::entry::{Here, Placed, read_link};
use crate::walk::groups::{Group, Stored};
use crate::walk::level::visit_target;
use crate::walk::state::{Tally, Walk};

impl Walk<'_> {
    /// Deals with one of several names of a file: what another name got, this
    /// one gets too.
    pub(super) fn place_in_group(
        &self,
        here: &mut Here<'_>,
        group: &mut Group,
        tally: &mut Tally,
    ) -> Placed {
        let stored = group.stored.as_ref();
        if let Some(stored) = stored.filter(|stored| stored.ctime == here.source.ctime) {
            match self.link_within(here, stored) {
                Ok(Linked::Done) => {
                    return Placed::Done {
                        outcome: Outcome::LinkedWithin,
                        inode: stored.inode,
                        made: self.version_within(here, stored),
                    };
                }
                Ok(Linked::TooMany) => {
                    self.notes.links_exhausted.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Linked::Refused(error)) => self.link_refused(&error),
                Ok(Linked::Gone) => {}
                Err(error) => {
                    self.refused(here.node, here.name, Operation::Create, error);
                    return Placed::Failed(None);
                }
            }
        }
        let action = self.decide(here);
        let placed = self.place(here, action, tally);
        if let Placed::Done { inode, made, .. } = &placed {
            group.stored = Some(Stored {
                inode: *inode,
                ctime: here.source.ctime,
                version: made.clone().or_else(|| self.version_linked(here)),
                of: here.listing.map(|listing| listing.of),
                node: Arc::clone(here.node),
                name: here.name.to_owned(),
            });
        }
        placed
    }

    fn link_within(&self, here: &Here<'_>, stored: &Stored) -> io::Result<Linked> {
        if stored.inode.is_some_and(|inode| self.stays(here, inode)) {
            return Ok(Linked::Done);
        }
        let Some(target) = self.cleared(here)? else {
            return Ok(Linked::Done);
        };
        // The basis has the same file under this name: no need to go where
        // the other name is.
        if let Some((dir, name, inode)) = here.basis_entry() {
            if stored.inode == Some(inode) && (here.basis.is_some() || self.has_stored(here)) {
                return make::link(dir, name, target, here.name);
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
                Ok(None) => true,
                Ok(Some(placed)) => return placed,
                Err(error) => {
                    self.refused(here.node, here.name, Operation::Create, error);
                    return Placed::Failed(None);
                }
            },
            Action::MakeFromBasis => true,
            Action::Make => false,
        };
        match here.source.kind {
            EntryKind::File => self.copy(here, reuse, tally),
            _ => self.make(here),
        }
    }

    /// Links an entry to its basis; none if that cannot be.
    fn link_to_basis(&self, here: &Here<'_>) -> io::Result<Option<Placed>> {
        let Some(inode) = here.basis_inode().filter(|inode| self.claims.claim(*inode)) else {
            return Ok(None);
        };
        let linked = match self.stays(here, inode) {
            true => Linked::Done,
            false => match (self.cleared(here)?, here.basis_entry()) {
                (Some(target), Some((dir, name, _))) => make::link(dir, name, target, here.name)?,
                (Some(_), None) => Linked::Gone,
                (None, _) => Linked::Done,
            },
        };
        match linked {
            Linked::Done => {
                let is_adopted = here.listing.is_some_and(|listing| listing.is_adopted);
                return Ok(Some(Placed::Done {
                    outcome: match &here.moved {
                        Some(moved) if moved.is_earlier => Outcome::Linked,
                        None if !is_adopted => Outcome::Linked,
                        _ => Outcome::Moved,
                    },
                    inode: Some(inode),
                    made: None,
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

    /// Makes a symlink, FIFO, socket or device.
    fn make(&self, here: &Here<'_>) -> Placed {
        let link = match (here.source.kind, &here.target) {
            (EntryKind::Symlink, Some(target)) => Ok(Some(target.clone())),
            (EntryKind::Symlink, None) => here
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
                return Placed::Failed(None);
            }
        };
        let target = match self.cleared(here) {
            Ok(target) => target,
            Err(error) => {
                self.refused(here.node, here.name, Operation::Create, error);
                return Placed::Failed(None);
            }
        };
        if let Some(target) = target {
            let made = match &link {
                Some(link) => make::symlink(target, here.name, link, &here.source, &self.rules),
                None => make::special(target, here.name, &here.source, &self.rules),
            };
            if let Err(error) = made {
                self.refused(here.node, here.name, Operation::Create, error);
                let version = self.version_of(here, &here.source, None, &xattrs);
                return Placed::Failed(Some(Box::new(Version {
                    target: link.map(|link| link.to_bytes().to_vec()),
                    ..version
                })));
            }
            let given = xattr::set(Place::Entry(target, here.name), &xattrs, self.rules.xattrs)
                .and_then(|()| make::set_mtime(target, here.name, &here.source));
            if let Err(error) = given {
                self.refused(here.node, here.name, Operation::SetMetadata, error);
            }
        }
        let stored = match self.look_at_made(here) {
            Ok(stored) => stored,
            Err(error) => {
                self.refused(here.node, here.name, Operation::Create, error);
                return Placed::Failed(None);
            }
        };
        let made = stored.map(|stored| Version {
            target: link.map(|link| link.to_bytes().to_vec()),
            ..self.version_of(here, &here.source, Some(&stored), &xattrs)
        });
        Placed::Done {
            outcome: Outcome::Made,
            inode: stored.map(|stored| stored.id.inode),
            made: made.map(Box::new),
        }
    }

    /// Looks at an entry that was made, if others will be linked to it or the
    /// catalog is to know it.
    fn look_at_made(&self, here: &Here<'_>) -> io::Result<Option<Metadata>> {
        match self.target(here.node, here.trio)? {
            Some(target) if here.source.links > 1 || self.writes().is_some() => {
                target.stat(here.name).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl Here<'_> {
    /// The basis's file, where its data may be taken from it.
    pub(super) fn basis_file(&self) -> Option<(&Dir, &std::ffi::CStr, u64)> {
        let is_file = self.basis.is_none_or(|basis| basis.kind == EntryKind::File);
        self.basis_entry().filter(|_| is_file)
    }
}
