//! In what two versions of an entry differ. Pure.

use crate::catalog::row::Version;
use crate::entry::EntryKind;

/// Something in which two versions of an entry differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Aspect {
    /// What it is: a file became a directory.
    Kind,
    /// The data of a file, the target of a symlink, the number of a device.
    Content,
    /// Permission bits.
    Mode,
    /// Owner or group.
    Owner,
    /// When it was last modified.
    Mtime,
    /// Extended attributes or ACLs.
    Xattrs,
}

impl Aspect {
    /// The word for it that programs read: `content`, `mode`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Aspect::Kind => "kind",
            Aspect::Content => "content",
            Aspect::Mode => "mode",
            Aspect::Owner => "owner",
            Aspect::Mtime => "mtime",
            Aspect::Xattrs => "xattrs",
        }
    }
}

/// Compares two versions by all that a user could see of them. What the engine
/// alone goes by (the source's inode and ctime, where it is stored) makes no
/// difference.
pub(super) fn differences(before: &Version, after: &Version) -> Vec<Aspect> {
    let (old, new) = (&before.facts, &after.facts);
    let metadata = [
        (Aspect::Mode, old.mode != new.mode),
        (Aspect::Owner, (old.uid, old.gid) != (new.uid, new.gid)),
        (Aspect::Mtime, old.mtime != new.mtime),
        (Aspect::Xattrs, before.xattrs != after.xattrs),
    ];
    let is_other_kind = old.kind != new.kind;
    let content = !is_other_kind && has_other_content(before, after, &metadata);
    [(Aspect::Kind, is_other_kind), (Aspect::Content, content)]
        .into_iter()
        .chain(metadata)
        .filter_map(|(aspect, differs)| differs.then_some(aspect))
        .collect()
}

fn has_other_content(before: &Version, after: &Version, metadata: &[(Aspect, bool)]) -> bool {
    let (old, new) = (&before.facts, &after.facts);
    match new.kind {
        EntryKind::Symlink => before.target != after.target,
        EntryKind::CharDevice | EntryKind::BlockDevice => old.device_number != new.device_number,
        EntryKind::File if old.size_bytes != new.size_bytes => true,
        EntryKind::File => match (before.hash, after.hash) {
            (Some(before), Some(after)) => before != after,
            _ if old.stored.is_some() && old.stored == new.stored => false,
            _ if old.mtime != new.mtime => true,
            // It was copied anew. Other metadata are a reason, since hard links
            // share theirs; without one, only its data can have been suspected.
            _ => {
                let was_copied = old.stored.is_some() && new.stored.is_some();
                was_copied && metadata.iter().all(|(_, differs)| !differs)
            }
        },
        _ => false,
    }
}
