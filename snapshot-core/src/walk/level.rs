//! What the walk keeps of each directory: three handles, and what it has to
//! know when the last entry is done.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
    pub(crate) basis: Option<Dir>,
    /// None in a dry run.
    pub(crate) target: Option<Dir>,
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
            basis,
            target,
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
        let ours = |from: &Option<Dir>, exists: bool| match from {
            Some(dir) if exists => open_chain(dir, names(levels), Access::Read).map(Some),
            _ => Ok(None),
        };
        // The last one that was elsewhere shows the way to those below it.
        let moved = levels
            .iter()
            .rposition(|node| node.level.elsewhere.is_some());
        let elsewhere =
            moved.and_then(|place| Some((place, levels[place].level.elsewhere.as_ref()?)));
        let basis = match elsewhere {
            Some((place, elsewhere)) if last.has_basis => {
                let below = names(&levels[place + 1..]);
                Some(elsewhere.open(below, Access::Read)?)
            }
            _ => ours(&from.basis, last.has_basis)?,
        };
        let target = ours(&from.target, last.has_target)?;
        Ok(Trio {
            source,
            basis,
            target,
        })
    }
}

fn names<'n>(levels: &'n [&Node<Walked>]) -> impl Iterator<Item = (&'n CStr, Boundary)> {
    levels.iter().map(|node| (node.name(), Boundary::Stay))
}

fn is(dir: &Dir, id: FileId) -> bool {
    dir.stat_self().is_ok_and(|metadata| metadata.id == id)
}

/// Opens a directory's target alone, keeping nothing open.
pub(crate) fn visit_target(node: &Node<Walked>) -> io::Result<Dir> {
    node.visit(|from, levels| match &from.target {
        Some(dir) => open_chain(dir, names(levels), Access::Read),
        None => Err(io::ErrorKind::NotFound.into()),
    })
}
