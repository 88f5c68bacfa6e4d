//! What the walk keeps of each directory: two handles, and what it is given
//! when the last entry is done.

use std::io;
use std::sync::atomic::AtomicBool;

use rustix::io::Errno;

use crate::catalog::DirId;
use crate::entry::Metadata;
use crate::fs::dir::{Access, Boundary, Dir};
use crate::node::{Level, Node, open_chain};
use crate::xattr::Xattrs;

/// The handles of one directory in the snapshot and where it is restored.
pub(super) struct Pair {
    pub(super) tree: Dir,
    /// None if it is not there, and only looked for.
    pub(super) target: Option<Dir>,
}

/// A directory of the walk.
pub(super) struct Restored {
    /// The number of its path in the catalog, if that is known.
    pub(super) dir: Option<DirId>,
    pub(super) has_target: bool,
    /// What it is given at last; none if it is left as it is.
    pub(super) given: Option<Box<(Metadata, Xattrs)>>,
    /// It was like that already.
    pub(super) is_as_wanted: bool,
    /// Something was put into it.
    pub(super) is_touched: AtomicBool,
    /// What is made in it inherits an ACL.
    pub(super) has_default_acl: bool,
    /// The device that the target is on.
    pub(super) device: u64,
    /// What is in it may be deleted if the snapshot does not have it.
    pub(super) is_whole: bool,
}

impl Level for Restored {
    type Handles = Pair;

    fn reopen(from: &Pair, levels: &[&Node<Restored>]) -> io::Result<Pair> {
        let names = levels.iter().map(|node| (node.name(), Boundary::Stay));
        let has_target = levels.last().is_some_and(|node| node.level.has_target);
        Ok(Pair {
            tree: open_chain(&from.tree, names, Access::Read)?,
            target: match &from.target {
                Some(target) if has_target => Some(open_target(target, levels)?),
                _ => None,
            },
        })
    }
}

/// Opens a directory's target, from that of a directory above.
fn open_target(from: &Dir, levels: &[&Node<Restored>]) -> io::Result<Dir> {
    or_search(|access| {
        let names = levels.iter().map(|node| (node.name(), Boundary::Cross));
        open_chain(from, names, access)
    })
}

/// Opens a directory, if it may not be read as a mere way to what is below: a
/// user's own files often lie below what only others may list.
pub(super) fn or_search(open: impl Fn(Access) -> io::Result<Dir>) -> io::Result<Dir> {
    match open(Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open(Access::Search),
        other => other,
    }
}

/// Opens a directory's target alone, keeping nothing open.
pub(super) fn visit_target(node: &Node<Restored>) -> io::Result<Dir> {
    let mut levels = Vec::new();
    let mut at = node;
    loop {
        if let Some(open) = at.opened() {
            levels.reverse();
            let from = open.target.as_ref().ok_or(Errno::NOENT)?;
            return open_target(from, &levels);
        }
        levels.push(at);
        at = at.up().ok_or(Errno::NOENT)?;
    }
}
