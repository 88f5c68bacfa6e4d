//! What the walk keeps of each directory: three handles, and what it has to
//! know when the last entry is done.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use rustix::io::Errno;

use crate::catalog::{DirId, MountId};
use crate::compare::Names;
use crate::entry::{FileId, Metadata};
use crate::fs::copy::Ways;
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::scan::Batch;
use crate::node::{Level, Node, open_chain};
use crate::walk::mount::MountPoint;
use crate::walk::moved::Elsewhere;
use crate::walk::totals::Belongs;
use crate::xattr::Xattrs;

/// The handles of one directory in all three trees.
pub(crate) struct Trio {
    /// None once it has gone, and only the target is left to be finished.
    source: Option<Dir>,
    basis: Late,
    /// None in a dry run.
    target: Late,
}

/// A directory that is opened once it is needed: of many only the source is.
#[derive(Default)]
struct Late(OnceLock<Result<Option<Dir>, Errno>>);

/// What the target of a directory holds before anything is put into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// It has just been made.
    Nothing,
    /// What an expired snapshot had there, or a run that was cut short: its
    /// listing tells.
    Remains,
    /// Just what the basis has, says the catalog.
    Basis,
}

/// What was done so that what is put into a directory inherits nothing from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// It needed no other mode for that.
    pub(crate) keeps_mode: bool,
}

/// A directory of the walk.
pub(crate) struct Walked {
    /// What the target's directory is given at last; none where the source's
    /// was not to be looked at.
    pub(crate) metadata: Metadata,
    pub(crate) xattrs: Xattrs,
    /// Entries of the directory that are mount points.
    pub(crate) mount_points: Vec<MountPoint>,
    pub(crate) access: Access,
    /// The source that it is, or lies in.
    pub(crate) belongs: Belongs,
    /// How the source's directory is reached from the one above.
    pub(crate) boundary: Boundary,
    pub(crate) has_basis: bool,
    /// The names in the basis, where looking one up may find another.
    pub(crate) basis_names: Option<HashSet<CString>>,
    pub(crate) has_target: bool,
    /// What the target held, and what it was like when it was opened.
    pub(crate) before: Before,
    pub(crate) found: OnceLock<Metadata>,
    /// Something was put into the target, or taken out of it.
    pub(crate) is_touched: AtomicBool,
    /// What is put into the target inherits nothing from it.
    pub(crate) is_ready: OnceLock<Ready>,
    /// The directory could not be read to its end, and must not appear as if
    /// what was read were all.
    pub(crate) lost: AtomicBool,
    /// What this directory's filesystem cannot do.
    pub(crate) ways: Arc<Ways>,
    /// The filesystem, as the catalog numbers them.
    pub(crate) mount: MountId,
    /// The number of its path in the catalog, and of the one that it lies in.
    pub(crate) dir: DirId,
    pub(crate) above: DirId,
    /// The path has no rows in the catalog.
    pub(crate) is_new: bool,
    /// Whose rows tell what the basis has: its own, or those of the path that
    /// it had.
    pub(crate) rows_of: Option<DirId>,
    /// The catalog has this very version of the directory.
    pub(crate) is_recorded: bool,
    /// And says that the tree which is reused has it as well.
    pub(crate) is_of_spare: bool,
    /// Where the basis is, if it had another path.
    pub(crate) elsewhere: Option<Elsewhere>,
}

impl Walked {
    /// Tells whether something was mounted over an entry when the run began.
    pub(crate) fn has_mount_point(&self, name: &CStr) -> bool {
        self.mount_points.iter().any(|point| point.is(name))
    }

    /// Tells whether what the basis finds by a name has that very name.
    pub(crate) fn basis_has(&self, name: &CStr) -> bool {
        self.basis_names
            .as_ref()
            .is_none_or(|names| names.contains(name))
    }
}

/// Lists a directory of the basis, if its filesystem takes different names for
/// the same: the one that is found might be of another file, which then passed
/// for this one if it is as large and as old.
pub(crate) fn basis_names(basis: Option<&Dir>, names: Names) -> Option<HashSet<CString>> {
    let basis = basis.filter(|_| names == Names::Folded)?;
    let mut found = HashSet::new();
    // What cannot be listed is as good as not there: everything is copied.
    while let Ok(Some(batch)) = Batch::read(basis) {
        found.extend(batch.iter().map(|(name, _)| name.to_owned()));
    }
    Some(found)
}

impl Trio {
    pub(crate) fn new(source: Dir, basis: Option<Dir>, target: Option<Dir>) -> Trio {
        Trio {
            source: Some(source),
            basis: Late::open(basis),
            target: Late::open(target),
        }
    }

    /// Leaves it for later to open the basis.
    pub(crate) fn with_late_basis(self) -> Trio {
        Trio {
            basis: Late::default(),
            ..self
        }
    }

    /// Leaves it for later to open the target.
    pub(crate) fn with_late_target(self) -> Trio {
        Trio {
            target: Late::default(),
            ..self
        }
    }

    /// The directory of the basis. One that cannot be opened does not help.
    pub(crate) fn basis(&self, node: &Node<Walked>) -> Option<&Dir> {
        let opened = self.basis.get(|| match node.level.has_basis {
            true => open_late(node, Tree::Basis).map(Some),
            false => Ok(None),
        });
        opened.ok().flatten()
    }

    /// The directory of the target, which `prepare` sees first; none in a dry
    /// run.
    pub(crate) fn target(
        &self,
        node: &Node<Walked>,
        prepare: impl FnOnce(&Dir) -> io::Result<()>,
    ) -> io::Result<Option<&Dir>> {
        self.target.get(|| {
            if !node.level.has_target {
                return Ok(None);
            }
            let dir = open_late(node, Tree::Target)?;
            prepare(&dir)?;
            Ok(Some(dir))
        })
    }

    fn opened(&self, tree: Tree) -> Option<&Dir> {
        match tree {
            Tree::Basis => self.basis.opened(),
            Tree::Target => self.target.opened(),
        }
    }

    pub(crate) fn source(&self) -> io::Result<&Dir> {
        self.source.as_ref().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "the directory was moved or removed",
            )
        })
    }
}

impl Level for Walked {
    type Handles = Trio;

    fn reopen(from: &Trio, levels: &[&Node<Walked>]) -> io::Result<Trio> {
        let Some(last) = levels.last().map(|node| &node.level) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let source = from.source.as_ref().and_then(|dir| {
            let steps = levels.iter().map(|node| (node.name(), node.level.boundary));
            // Gone, or exchanged for another: the entries below are told as
            // vanished, and what was made of them is finished all the same.
            open_chain(dir, steps, last.access)
                .ok()
                .filter(|dir| is(dir, last.metadata.id))
        });
        // What has not been opened above is opened when it is needed.
        let ours = |tree, exists: bool| match from.opened(tree) {
            Some(dir) if exists => {
                let dir = open_chain(dir, names(levels), Access::Read)?;
                Ok::<_, io::Error>(Late::open(Some(dir)))
            }
            _ => Ok(Late::default()),
        };
        // So is what has to be prepared before anything is done to it.
        let is_unprepared = last.before == Before::Basis && last.found.get().is_none();
        let is_elsewhere = levels.iter().any(|node| node.level.elsewhere.is_some());
        Ok(Trio {
            source,
            // One that cannot be opened does not help.
            basis: match is_elsewhere {
                true => Late::default(),
                false => ours(Tree::Basis, last.has_basis).unwrap_or(Late::open(None)),
            },
            target: ours(Tree::Target, last.has_target && !is_unprepared)?,
        })
    }
}

fn names<'n>(levels: &'n [&Node<Walked>]) -> impl Iterator<Item = (&'n CStr, Boundary)> {
    levels.iter().map(|node| (node.name(), Boundary::Stay))
}

fn is(dir: &Dir, id: FileId) -> bool {
    dir.stat_self().is_ok_and(|metadata| metadata.id == id)
}

impl Late {
    fn open(dir: Option<Dir>) -> Late {
        Late(OnceLock::from(Ok(dir)))
    }

    fn get(&self, open: impl FnOnce() -> io::Result<Option<Dir>>) -> io::Result<Option<&Dir>> {
        let opened = self.0.get_or_init(|| {
            // Only the number of an error can be told more than once.
            open().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        });
        match opened {
            Ok(dir) => Ok(dir.as_ref()),
            Err(error) => Err((*error).into()),
        }
    }

    fn opened(&self) -> Option<&Dir> {
        self.0.get()?.as_ref().ok()?.as_ref()
    }
}

/// The trees that are opened late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tree {
    Basis,
    Target,
}

/// Opens a directory from the nearest one above that is open.
fn open_late(node: &Node<Walked>, tree: Tree) -> io::Result<Dir> {
    let mut below = Vec::new();
    let mut at = node;
    loop {
        // One that was elsewhere shows the way to those below it.
        let elsewhere = at.level.elsewhere.as_ref();
        if let Some(elsewhere) = elsewhere.filter(|_| tree == Tree::Basis) {
            return elsewhere.open(down(&below), Access::Read);
        }
        below.push(at);
        let up = at.up().ok_or(Errno::NOENT)?;
        let above = up.opened();
        if let Some(dir) = above.as_ref().and_then(|open| open.opened(tree)) {
            return open_chain(dir, down(&below), Access::Read);
        }
        at = up;
    }
}

fn down<'n>(below: &'n [&Node<Walked>]) -> impl Iterator<Item = (&'n CStr, Boundary)> {
    let names = below.iter().rev();
    names.map(|node| (node.name(), Boundary::Stay))
}

/// Opens a directory's target alone, keeping nothing open.
pub(crate) fn visit_target(node: &Node<Walked>) -> io::Result<Dir> {
    let open = node.opened();
    match open.as_ref().and_then(|open| open.opened(Tree::Target)) {
        Some(dir) => dir.reopen(),
        None if node.level.has_target => open_late(node, Tree::Target),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}
