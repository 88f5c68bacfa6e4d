//! The directories of the walk: entering them on both sides.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rayon::Scope;

use crate::catalog::query::telling::{Telling, Told};
use crate::entry::{EntryKind, Metadata};
use crate::fs::beside::{self, Place};
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::xattr;
use crate::node::{Budget, Node};
use crate::report::{Operation, Problem};
use crate::restore::judge::{Likeness, Verdict, compare, is_given, judge};
use crate::restore::level::{Pair, Restored, or_search};
use crate::restore::report::ObstacleReason;
use crate::restore::run::{Done, Restoring};
use crate::restore::wanted::Wanted;
use crate::walk::Selection;
use crate::xattr::Xattrs;

impl Restoring<'_> {
    /// Walks the whole on the current thread pool.
    pub(super) fn walk<'s>(
        &'s self,
        selection: &'s Selection,
        tree: &Dir,
        target: Option<&Dir>,
    ) -> io::Result<()> {
        let pair = Pair {
            tree: tree.reopen()?,
            target: target.map(Dir::reopen).transpose()?,
        };
        let dir = match self.task.telling.map(Telling::top) {
            Some(Ok(Told::Version(version))) => version.facts.stored.map(|number| number as i64),
            Some(Err(error)) => {
                self.untold_for(1, &error);
                None
            }
            _ => None,
        };
        let found = pair.target.as_ref().map(Dir::stat_self).transpose()?;
        let level = Restored {
            dir,
            has_target: found.is_some(),
            // It is the user's own directory, or the system's top.
            given: None,
            is_as_wanted: false,
            is_touched: AtomicBool::new(false),
            has_default_acl: pair.target.as_ref().is_some_and(xattr::has_default_acl),
            device: found.map_or(0, |found| found.id.device),
            is_whole: *selection == Selection::Whole,
        };
        let budget = Budget::new(2, rayon::current_num_threads());
        let node = Node::top(level, pair, &budget);
        rayon::scope(|scope| self.list(scope, &node, selection));
        Ok(())
    }

    pub(super) fn enter<'s>(
        &'s self,
        scope: &Scope<'s>,
        up: &Arc<Node<Restored>>,
        name: CString,
        selection: &'s Selection,
        wanted: Wanted,
    ) {
        if !self.is_stopping() {
            match self.meet(up, &name, selection, wanted) {
                Ok(Some((level, pair))) => {
                    let node = up.below(name, level, pair);
                    self.list(scope, &node, selection);
                }
                Ok(None) => {}
                Err(error) => self.refused(up, &name, error),
            }
        }
        self.done(up);
    }

    /// Opens a directory on both sides; none if it is not to be entered.
    fn meet(
        &self,
        up: &Arc<Node<Restored>>,
        name: &CStr,
        selection: &Selection,
        wanted: Wanted,
    ) -> io::Result<Option<(Restored, Pair)>> {
        let handles = up.handles()?;
        let tree = match handles.tree.open_dir(name, Access::Read, Boundary::Stay) {
            Ok(tree) => tree,
            Err(error) => {
                self.problem(up, name, Operation::Open, error);
                return Ok(None);
            }
        };
        let is_whole = *selection == Selection::Whole;
        let mut level = Restored {
            dir: wanted.dir,
            has_target: false,
            given: None,
            is_as_wanted: false,
            is_touched: AtomicBool::new(false),
            has_default_acl: false,
            device: up.level.device,
            is_whole,
        };
        let Wanted {
            metadata, xattrs, ..
        } = wanted;
        let Some(at) = &handles.target else {
            // Nothing is there to be looked at.
            self.count(up, name, &metadata, Done::Written);
            return Ok(Some((level, Pair { tree, target: None })));
        };
        let found = look(at, name)?;
        let place = match &found {
            None => Place::Free,
            Some(found) if found.kind == EntryKind::Directory => {
                return self.merge(up, at, name, level, (tree, metadata, xattrs, *found));
            }
            Some(found) => {
                if !is_whole {
                    self.obstacle(up, name, ObstacleReason::IsNoDirectory);
                    return Ok(None);
                }
                let likeness = Likeness::Other {
                    is_directory: false,
                    is_older: found.mtime < metadata.mtime,
                };
                match judge(self.task.overwrite, likeness) {
                    Verdict::Replace => Place::Replaced,
                    Verdict::InTheWay(reason) => {
                        self.obstacle(up, name, reason);
                        return Ok(None);
                    }
                    _ => {
                        self.count(up, name, &metadata, Done::Left);
                        return Ok(None);
                    }
                }
            }
        };
        let done = match place {
            Place::Free => Done::Written,
            Place::Replaced => Done::Replaced,
        };
        let target = if self.is_writing() {
            let ground = self.ground(at, up.level.device)?;
            let made = beside::directory(at, name, place, ground.made_as)?;
            xattr::drop_inherited_acls(&made)?;
            level.has_target = true;
            level.given = Some(Box::new((metadata, xattrs)));
            Some(made)
        } else {
            None
        };
        self.count(up, name, &metadata, done);
        Ok(Some((level, Pair { tree, target })))
    }

    /// Goes into a directory that is there.
    fn merge(
        &self,
        up: &Arc<Node<Restored>>,
        at: &Dir,
        name: &CStr,
        mut level: Restored,
        (tree, metadata, xattrs, found): (Dir, Metadata, Xattrs, Metadata),
    ) -> io::Result<Option<(Restored, Pair)>> {
        if found.id == self.task.store {
            let what = "it is the store itself";
            let path = self.path_of(up, name);
            self.note(Problem::saying(path, Operation::Create, what));
            return Ok(None);
        }
        let target = or_search(|access| at.open_dir(name, access, Boundary::Cross))?;
        level.has_target = true;
        level.device = found.id.device;
        level.has_default_acl = xattr::has_default_acl(&target);
        let is_unfinished = self.is_writing()
            && found.mode & !0o2000 == beside::UNFINISHED
            && metadata.mode != found.mode
            && beside::is_unfinished(&found, self.ground(&target, level.device)?.made_as);
        let gets = level.is_whole && is_given(self.task.overwrite, &metadata, &found);
        let read = xattr::read(xattr::Place::Open(target.as_fd()));
        let has_same =
            read.is_ok_and(|found| self.are_as_good(&xattrs, &found.unwrap_or_default()));
        let likeness = compare(&metadata, Some(&found), self.caller, true, has_same);
        level.is_as_wanted = likeness == Likeness::Equal;
        let done = match gets && !level.is_as_wanted {
            true => Done::Replaced,
            false => Done::Left,
        };
        self.count(up, name, &metadata, done);
        if is_unfinished || gets || level.is_as_wanted {
            level.given = Some(Box::new((metadata, xattrs)));
        }
        let target = Some(target);
        Ok(Some((level, Pair { tree, target })))
    }
}

/// Looks at what has a name, if anything.
pub(super) fn look(at: &Dir, name: &CStr) -> io::Result<Option<Metadata>> {
    match at.stat(name) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
