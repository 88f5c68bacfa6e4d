//! In what a stored entry differs from its record, as far as the destination
//! can hold it. Pure.

use crate::catalog::Version;
use crate::catalog::query::Aspect;
use crate::compare::{Modes, Ownership, Rules};
use crate::entry::{EntryKind, Metadata};
use crate::xattr::Xattrs;

/// What was found of an entry, but for the content of a file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) metadata: Metadata,
    /// None where the filesystem has no attributes.
    pub(super) xattrs: Option<Xattrs>,
    /// Of a symlink.
    pub(super) target: Option<Vec<u8>>,
}

/// Compares; what the size tells of the content is in it. `recorded` are the
/// attributes of the version.
pub(super) fn differences(
    version: &Version,
    recorded: &Xattrs,
    found: &Found,
    rules: &Rules,
) -> Vec<Aspect> {
    let facts = &version.facts;
    let metadata = &found.metadata;
    if facts.kind != metadata.kind {
        return vec![Aspect::Kind];
    }
    let is_symlink = facts.kind == EntryKind::Symlink;
    let content = match facts.kind {
        EntryKind::File => facts.size_bytes != metadata.size_bytes,
        EntryKind::Symlink => found.target.is_some() && version.target != found.target,
        _ => facts.device_number != metadata.device_number,
    };
    let source = Metadata {
        mode: facts.mode,
        uid: facts.uid,
        gid: facts.gid,
        ..*metadata
    };
    let owner = match rules.ownership {
        Ownership::Kept { .. } => (facts.uid, facts.gid) != (metadata.uid, metadata.gid),
        Ownership::Fixed { .. } => false,
    };
    let mode =
        !is_symlink && rules.modes == Modes::Kept && rules.stored_mode(&source) != metadata.mode;
    let xattrs = found
        .xattrs
        .as_ref()
        .is_some_and(|found| !found.equal_in(recorded, rules.xattrs));
    [
        (Aspect::Content, content),
        (Aspect::Mode, mode),
        (Aspect::Owner, owner),
        (
            Aspect::Mtime,
            !rules.is_same_mtime(facts.mtime, metadata.mtime),
        ),
        (Aspect::Xattrs, xattrs),
    ]
    .into_iter()
    .filter_map(|(aspect, differs)| differs.then_some(aspect))
    .collect()
}
