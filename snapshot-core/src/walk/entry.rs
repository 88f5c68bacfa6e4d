//! The entries of the walk that are no directories: linked, copied or made.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rayon::Scope;
use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::entry::{EntryKind, Metadata};
use crate::event::{Event, Outcome};
use crate::fs::copy::{self, CopyError};
use crate::fs::dir::{Boundary, Dir, stat_handle};
use crate::fs::make::{self, Linked};
use crate::fs::mounts;
use crate::node::Node;
use crate::plan::{self, Action};
use crate::report::{Counts, Operation};
use crate::walk::directory::Found;
use crate::walk::groups::{Group, Stored};
use crate::walk::level::{Trio, Walked, visit_target};
use crate::walk::select::Selection;
use crate::walk::state::{Durability, Tally, Walk, locked};

/// A file may be exchanged for another between two looks; so often the new one
/// is taken instead.
const LOOKS: u32 = 3;
/// A file that changes while it is read is read again so often.
const READS: u32 = 2;

/// What became of an entry.
enum Placed {
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
struct Here<'a> {
    node: &'a Arc<Node<Walked>>,
    trio: &'a Trio,
    name: &'a CStr,
    source: Metadata,
    basis: Option<Metadata>,
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
        for _ in 0..LOOKS {
            let source = match trio.source().and_then(|dir| dir.stat(name)) {
                Ok(source) => source,
                Err(error) => return self.problem(node, name, Operation::Stat, error),
            };
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
                return;
            }
            let basis = trio.basis.as_ref().and_then(|dir| dir.stat(name).ok());
            let here = Here {
                node,
                trio,
                name,
                source,
                basis,
            };
            let placed = if source.links > 1 {
                self.groups.with(source.id, source.links, |group| {
                    self.place_in_group(&here, group, tally)
                })
            } else {
                self.place(&here, tally)
            };
            match placed {
                Placed::Done { outcome, .. } => return self.count(&here, outcome, tally),
                Placed::Failed => return,
                Placed::Exchanged => {}
            }
        }
        self.unstable(node, name);
    }

    fn count(&self, here: &Here<'_>, outcome: Outcome, tally: &mut Tally) {
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
        if let Some(stored) = &group.stored {
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
        let placed = self.place(here, tally);
        if let Placed::Done { inode, .. } = placed {
            group.stored = Some(Stored {
                inode,
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

    fn place(&self, here: &Here<'_>, tally: &mut Tally) -> Placed {
        if let (Some(dir), Some(basis)) = (&here.trio.basis, &here.basis) {
            if self.may_link(here, dir, basis) && self.claims.claim(basis.id.inode) {
                let Some(target) = &here.trio.target else {
                    return Placed::Done {
                        outcome: Outcome::Linked,
                        inode: Some(basis.id.inode),
                    };
                };
                match make::link(dir, here.name, target, here.name) {
                    Ok(Linked::Done) => {
                        return Placed::Done {
                            outcome: Outcome::Linked,
                            inode: Some(basis.id.inode),
                        };
                    }
                    Ok(Linked::TooMany) => {
                        self.notes.links_exhausted.fetch_add(1, Ordering::Relaxed);
                    }
                    // Symlinks and special files cost nothing to make anew.
                    Ok(Linked::Refused(error)) if here.source.kind == EntryKind::File => {
                        self.link_refused(&error);
                    }
                    Ok(Linked::Refused(_) | Linked::Gone) => {}
                    Err(error) => {
                        self.refused(here.node, here.name, Operation::Create, error);
                        return Placed::Failed;
                    }
                }
            }
        }
        match here.source.kind {
            EntryKind::File => self.copy(here, tally),
            _ => self.make(here),
        }
    }

    fn may_link(&self, here: &Here<'_>, dir: &Dir, basis: &Metadata) -> bool {
        match plan::decide(&here.source, Some(basis), &self.rules) {
            Action::Make => false,
            Action::Link => true,
            Action::LinkIfSameTarget => {
                let old = read_link(dir, here.name);
                let new = here.trio.source().and_then(|dir| read_link(dir, here.name));
                matches!((old, new), (Ok(old), Ok(new)) if old == new)
            }
        }
    }

    /// Makes a symlink, FIFO, socket or device.
    fn make(&self, here: &Here<'_>) -> Placed {
        let made = match here.source.kind {
            EntryKind::Symlink => {
                let link = match here.trio.source().and_then(|dir| read_link(dir, here.name)) {
                    Ok(link) => link,
                    // It is something else by now.
                    Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                        return Placed::Exchanged;
                    }
                    Err(error) => {
                        self.problem(here.node, here.name, Operation::Read, error);
                        return Placed::Failed;
                    }
                };
                here.trio
                    .target
                    .as_ref()
                    .map(|to| make::symlink(to, here.name, &link, &here.source, &self.rules))
            }
            _ => here
                .trio
                .target
                .as_ref()
                .map(|to| make::special(to, here.name, &here.source, &self.rules)),
        };
        if let Some(Err(error)) = made {
            self.refused(here.node, here.name, Operation::Create, error);
            return Placed::Failed;
        }
        let inode = self.inode_if_shared(here);
        Placed::Done {
            outcome: Outcome::Made,
            inode,
        }
    }

    /// The inode of a new entry, needed only where others will be linked to it.
    fn inode_if_shared(&self, here: &Here<'_>) -> Option<u64> {
        if here.source.links < 2 {
            return None;
        }
        here.trio
            .target
            .as_ref()
            .and_then(|dir| dir.stat(here.name).ok())
            .map(|made| made.id.inode)
    }

    fn copy(&self, here: &Here<'_>, tally: &mut Tally) -> Placed {
        let Some(target) = &here.trio.target else {
            tally.counts.bytes_copied += here.source.size_bytes;
            return Placed::Done {
                outcome: Outcome::Copied,
                inode: None,
            };
        };
        let opened = self
            .open_source(here)
            .and_then(|from| Ok((stat_handle(from.as_fd())?, from)));
        let (found, from) = match opened {
            Ok(opened) => opened,
            // A symlink has taken its place.
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                return Placed::Exchanged;
            }
            Err(error) => {
                self.problem(here.node, here.name, Operation::Open, error);
                return Placed::Failed;
            }
        };
        if found.kind != EntryKind::File || found.id != here.source.id {
            return Placed::Exchanged;
        }
        let copied = make::file(target, here.name, found.mode)
            .map_err(CopyError::Write)
            .and_then(|to| self.copy_stable(here, &from, found, &to, tally));
        match copied {
            Ok(bytes) => {
                tally.counts.bytes_copied += bytes;
                Placed::Done {
                    outcome: Outcome::Copied,
                    inode: self.inode_if_shared(here),
                }
            }
            Err(error) => {
                // What is there of it must not pass for the file.
                let removed = rustix::fs::unlinkat(target, here.name, AtFlags::empty());
                match error {
                    CopyError::Read(error) => {
                        self.problem(here.node, here.name, Operation::Read, error);
                        if let Err(error) = removed {
                            self.refused(here.node, here.name, Operation::Remove, error.into());
                        }
                    }
                    CopyError::Write(error) => {
                        self.refused(here.node, here.name, Operation::Create, error);
                    }
                    CopyError::Shrunk => self.unstable(here.node, here.name),
                    CopyError::Cancelled => {}
                }
                Placed::Failed
            }
        }
    }

    /// Copies data and metadata until both are of one version of the file, or
    /// that has failed too often; gives the size in bytes.
    fn copy_stable(
        &self,
        here: &Here<'_>,
        from: &OwnedFd,
        found: Metadata,
        to: &OwnedFd,
        tally: &mut Tally,
    ) -> Result<u64, CopyError> {
        let mut version = found;
        let mut reads = 0;
        loop {
            let copied = self.copy_once(here, from, &version, to, tally);
            let after = stat_handle(from.as_fd()).map_err(CopyError::Read)?;
            reads += 1;
            match copied {
                Ok(()) if version.is_same_version(&after) => break,
                Ok(()) | Err(CopyError::Shrunk) if reads < READS => {
                    rustix::fs::ftruncate(to, 0).map_err(|error| CopyError::Write(error.into()))?;
                    version = after;
                }
                Ok(()) => {
                    // Its older mtime keeps the copy from ever passing for
                    // the file as it is now.
                    self.unstable(here.node, here.name);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        make::set_metadata(to, &version, &self.rules).map_err(CopyError::Write)?;
        if self.durability == Durability::Each {
            rustix::fs::fsync(to).map_err(|error| CopyError::Write(error.into()))?;
        }
        Ok(version.size_bytes)
    }

    fn copy_once(
        &self,
        here: &Here<'_>,
        from: &OwnedFd,
        version: &Metadata,
        to: &OwnedFd,
        tally: &mut Tally,
    ) -> Result<(), CopyError> {
        let told = tally.told_bytes;
        let mut copied_bytes = 0;
        let result = copy::contents(
            from.as_fd(),
            to.as_fd(),
            version,
            &here.node.level.ways,
            &mut |chunk_bytes| {
                copied_bytes += chunk_bytes;
                // Small files are told with their batch.
                if copied_bytes < version.size_bytes {
                    tally.told_bytes += chunk_bytes;
                    self.observer.on_event(&Event::Progress(&Counts {
                        bytes_copied: chunk_bytes,
                        ..Counts::default()
                    }));
                }
                !self.is_stopping()
            },
        );
        if result.is_err() {
            // What was told of it is not going to be counted.
            tally.told_bytes = told;
        }
        result
    }

    fn open_source(&self, here: &Here<'_>) -> io::Result<OwnedFd> {
        let dir = here.trio.source()?;
        match dir.open_file(here.name, Boundary::Stay) {
            Err(error) if error.raw_os_error() == Some(Errno::XDEV.raw_os_error()) => {
                // A file that is a mount point.
                let kind = mounts::type_at(dir, here.name)?;
                if self.enters(&kind) {
                    return dir.open_file(here.name, Boundary::Cross);
                }
                locked(&self.notes.mounts_left_out)
                    .push((here.node.path_of(self.source_path, here.name), kind));
                Err(error)
            }
            other => other,
        }
    }
}

fn read_link(at: &Dir, name: &CStr) -> io::Result<std::ffi::CString> {
    Ok(rustix::fs::readlinkat(at, name, Vec::new())?)
}
