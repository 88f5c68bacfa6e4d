//! One entry that is no directory: looking what is there, and putting it there.

use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::io::Errno;

use crate::entry::{EntryKind, FileId, Metadata};
use crate::fs::beside::{Beside, Place as Spot};
use crate::fs::dir::Dir;
use crate::fs::give::{Receiver, give};
use crate::fs::remove;
use crate::fs::xattr::{self, Place};
use crate::node::Node;
use crate::report::{Operation, Problem};
use crate::restore::advance::Advance;
use crate::restore::directory::look;
use crate::restore::groups::Put;
use crate::restore::judge::{Likeness, Verdict, compare, judge};
use crate::restore::level::{Restored, visit_target};
use crate::restore::listing::Opened;
use crate::restore::options::Overwrite;
use crate::restore::report::ObstacleReason;
use crate::restore::run::{Done, Restoring};
use crate::restore::wanted::Wanted;
use crate::xattr::{Namespaces, XattrNamespace, Xattrs};

/// An entry, and where it is dealt with.
pub(super) struct Here<'a> {
    pub(super) node: &'a Arc<Node<Restored>>,
    pub(super) handles: &'a Opened,
    pub(super) name: &'a CStr,
    pub(super) wanted: &'a Wanted,
}

impl<'a> Here<'a> {
    pub(super) fn new(
        node: &'a Arc<Node<Restored>>,
        handles: &'a Opened,
        name: &'a CStr,
        wanted: &'a Wanted,
    ) -> Here<'a> {
        Here {
            node,
            handles,
            name,
            wanted,
        }
    }
}

/// What stands for an entry that is only going to be made.
const NEW: FileId = FileId {
    device: 0,
    inode: 0,
};

/// What is at the place of an entry, and what becomes of it.
struct Judged {
    verdict: Verdict,
    found: Option<Metadata>,
    /// It has the content of the entry.
    is_it: bool,
}

impl Restoring<'_> {
    /// Deals with an entry that is no directory.
    pub(super) fn deal(&self, here: &Here<'_>) {
        let dealt = match here.wanted.group {
            Some(id) => self
                .groups
                .with(id, |group| self.deal_in_group(here, group)),
            None => self.deal_alone(here).map(|_| ()),
        };
        if let Err(error) = dealt {
            self.refused(here.node, here.name, error);
        }
    }

    /// Deals with one of several names of a file: what another name got, this
    /// one gets too.
    fn deal_in_group(&self, here: &Here<'_>, group: &mut Option<Put>) -> io::Result<()> {
        if let Some(put) = group {
            if self.link(here, put)? {
                return Ok(());
            }
        }
        if let Some(id) = self.deal_alone(here)? {
            *group = Some(Put {
                node: Arc::clone(here.node),
                name: here.name.to_owned(),
                id,
            });
        }
        Ok(())
    }

    /// Links to another name of the file, if that is what is to be done; tells
    /// if it is dealt with.
    fn link(&self, here: &Here<'_>, put: &Put) -> io::Result<bool> {
        let judged = self.judged(here)?;
        if judged.found.is_some_and(|found| found.id == put.id) {
            self.count(here.node, here.name, &here.wanted.metadata, Done::Left);
            return Ok(true);
        }
        // What is equal, but a file of its own, differs in just that.
        let is_replaced = match judged.verdict {
            Verdict::Write => false,
            Verdict::Replace => true,
            Verdict::Leave => self.task.overwrite == Overwrite::Changed,
            Verdict::LeaveDiffering | Verdict::InTheWay(_) => return Ok(false),
        };
        if judged.verdict == Verdict::Leave && !is_replaced {
            return Ok(false);
        }
        let (spot, done) = match is_replaced {
            true => (Spot::Replaced, Done::Replaced),
            false => (Spot::Free, Done::Written),
        };
        let Some(target) = here.handles.target.as_ref().filter(|_| self.is_writing()) else {
            self.count_link(here.node, here.name, done);
            return Ok(true);
        };
        let from = if Arc::ptr_eq(&put.node, here.node) {
            None
        } else {
            match visit_target(&put.node) {
                Ok(dir) => Some(dir),
                Err(_) => return Ok(false),
            }
        };
        let from: &Dir = from.as_ref().unwrap_or(target);
        // Whatever keeps it from being linked (the limit of links, another
        // filesystem, a file that was exchanged), a copy it can be.
        let Ok(beside) = Beside::link(target, here.name, from, &put.name, put.id) else {
            return Ok(false);
        };
        if let Err(error) = beside.take(here.name, spot) {
            self.not_taken(here, error)?;
        } else {
            self.count_link(here.node, here.name, done);
        }
        Ok(true)
    }

    /// Deals with an entry by itself; tells what is at its place then, if it is
    /// the entry, or would be.
    fn deal_alone(&self, here: &Here<'_>) -> io::Result<Option<FileId>> {
        let judged = self.judged(here)?;
        let (spot, done) = match judged.verdict {
            Verdict::Write => (Spot::Free, Done::Written),
            Verdict::Replace => (Spot::Replaced, Done::Replaced),
            Verdict::Leave | Verdict::LeaveDiffering => {
                if judged.verdict == Verdict::LeaveDiffering {
                    let path = self.path_of(here.node, here.name);
                    let what = "it was left, with other metadata than in the snapshot";
                    let operation = Operation::SetMetadata;
                    self.note(Problem::saying(path, operation, what));
                }
                self.count(here.node, here.name, &here.wanted.metadata, Done::Left);
                let is_it = judged.is_it;
                return Ok(judged.found.filter(|_| is_it).map(|found| found.id));
            }
            Verdict::InTheWay(reason) => {
                self.obstacle(here.node, here.name, reason);
                return Ok(None);
            }
        };
        let metadata = &here.wanted.metadata;
        let Some(target) = here.handles.target.as_ref().filter(|_| self.is_writing()) else {
            self.count(here.node, here.name, metadata, done);
            return Ok(Some(NEW));
        };
        let is_directory = |found: &Metadata| found.kind == EntryKind::Directory;
        if judged.found.as_ref().is_some_and(is_directory) && !self.make_way(here, target)? {
            return Ok(None);
        }
        let mut told = Advance::default();
        let put = self.put(here, target, spot, &mut told);
        match put {
            Ok(Some(_)) => self.count_told(here.node, here.name, metadata, done, &told),
            Ok(None) | Err(_) => self.told_in_vain(&told),
        }
        put
    }

    /// Makes an entry beside its place and has it take that; none if there is
    /// nothing to take it, or something came in between, which is noted.
    fn put(
        &self,
        here: &Here<'_>,
        target: &Dir,
        spot: Spot,
        told: &mut Advance,
    ) -> io::Result<Option<FileId>> {
        let made = match here.wanted.metadata.kind {
            EntryKind::File => self.write_file(here, target, told)?,
            _ => Some(self.make_other(here, target)?),
        };
        let Some((beside, id)) = made else {
            return Ok(None);
        };
        if let Err(error) = beside.take(here.name, spot) {
            self.not_taken(here, error)?;
            return Ok(None);
        }
        Ok(Some(id))
    }

    /// Sorts out why an entry could not take its place.
    fn not_taken(&self, here: &Here<'_>, error: io::Error) -> io::Result<()> {
        match Errno::from_io_error(&error) {
            Some(Errno::EXIST | Errno::NOTEMPTY) => {
                self.obstacle(here.node, here.name, ObstacleReason::Differs);
            }
            Some(Errno::ISDIR) => {
                self.obstacle(here.node, here.name, ObstacleReason::IsDirectory);
            }
            _ => return Err(error),
        }
        Ok(())
    }

    /// Looks at what is there and decides.
    fn judged(&self, here: &Here<'_>) -> io::Result<Judged> {
        let Some(target) = &here.handles.target else {
            return Ok(Judged {
                verdict: Verdict::Write,
                found: None,
                is_it: false,
            });
        };
        let found = look(target, here.name)?;
        let mut likeness = self.likeness(here, target, found.as_ref(), true);
        if matches!(likeness, Likeness::Equal | Likeness::OtherMetadata) {
            let wanted = &here.wanted.xattrs;
            let has_same = xattr::read(Place::Entry(target, here.name))
                .is_ok_and(|found| self.are_as_good(wanted, &found.unwrap_or_default()));
            likeness = self.likeness(here, target, found.as_ref(), has_same);
        }
        let mut verdict = judge(self.task.overwrite, likeness);
        if verdict == Verdict::InTheWay(ObstacleReason::IsDirectory) && self.may_go(here) {
            verdict = Verdict::Replace;
        }
        Ok(Judged {
            verdict,
            found,
            is_it: matches!(likeness, Likeness::Equal | Likeness::OtherMetadata),
        })
    }

    fn likeness(
        &self,
        here: &Here<'_>,
        target: &Dir,
        found: Option<&Metadata>,
        has_same_xattrs: bool,
    ) -> Likeness {
        let has_same_target = match (&here.wanted.link_target, found) {
            (Some(wanted), Some(found)) if found.kind == EntryKind::Symlink => {
                rustix::fs::readlinkat(target, here.name, Vec::new())
                    .is_ok_and(|found| found == *wanted)
            }
            _ => true,
        };
        let wanted = &here.wanted.metadata;
        compare(wanted, found, self.caller, has_same_target, has_same_xattrs)
    }

    /// Compares attributes, as far as the caller may set them.
    pub(super) fn are_as_good(&self, wanted: &Xattrs, found: &Xattrs) -> bool {
        let kept = match self.caller.is_root {
            true => Namespaces::all(),
            false => Namespaces::default()
                .with(XattrNamespace::User)
                .with(XattrNamespace::Acl),
        };
        wanted.equal_in(found, kept)
    }

    /// Tells whether a directory that is in the way is to be deleted, as
    /// something that the snapshot does not have; a look lists it.
    fn may_go(&self, here: &Here<'_>) -> bool {
        let path = self.path_of(here.node, here.name);
        if !self.is_writing() {
            let device = here.node.level.device;
            let target = here.handles.target.as_ref();
            let is_spared = target.map(|target| self.is_spared(&path, target, here.name, device));
            return matches!(is_spared, Some(Ok(false))) && self.extraneous(path);
        }
        let Some(above) = path.parent() else {
            return false;
        };
        self.task
            .doomed
            .get(above)
            .is_some_and(|names| names.iter().any(|name| name.as_c_str() == here.name))
    }

    /// Removes a directory that something else takes the place of; tells if it
    /// is gone.
    fn make_way(&self, here: &Here<'_>, target: &Dir) -> io::Result<bool> {
        let root = self.path_of(here.node, c"");
        let left = remove::tree(target, here.name, &root, self.cancel())?;
        let is_gone = left.is_empty();
        for problem in left {
            self.note(problem);
        }
        if is_gone {
            self.deleted(self.path_of(here.node, here.name));
        }
        Ok(is_gone && !self.is_stopping())
    }

    /// Makes a symlink, FIFO, socket or device beside its place.
    fn make_other<'d>(&self, here: &Here<'_>, target: &'d Dir) -> io::Result<(Beside<'d>, FileId)> {
        // Flushed with its filesystem.
        self.ground(target, here.node.level.device)?;
        let Wanted {
            metadata,
            xattrs,
            link_target,
            ..
        } = here.wanted;
        let link_target = link_target.as_deref();
        let (beside, handle) = Beside::unopened(target, here.name, metadata, link_target)?;
        let given = give(Receiver::Reference(handle.as_fd()), metadata, xattrs)?;
        if let Some(lacks) = given.lacks {
            self.lacks(here.node, here.name, lacks);
        }
        Ok((beside, given.metadata.id))
    }
}
