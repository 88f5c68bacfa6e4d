//! What is to be done with an entry: pure, from what it is to be and what is
//! there to a value that the walk carries out.

use crate::entry::{EntryKind, Metadata};
use crate::fs::give::keeps_mtime;
use crate::restore::options::Overwrite;
use crate::restore::report::ObstacleReason;

/// How what is there compares with what is to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Nothing is there.
    Nothing,
    /// The same in all respects that can be seen without reading.
    Equal,
    /// Of the same content, by kind, size and mtime.
    OtherMetadata,
    /// Another kind or content.
    Other { is_directory: bool, is_older: bool },
}

/// What is to be done with an entry that is no directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Put it there.
    Write,
    /// Put it there instead of what is.
    Replace,
    /// Nothing: it is there, or something that stays.
    Leave,
    /// Nothing, but it lacks metadata that it has in the snapshot.
    LeaveDiffering,
    /// Nothing, and nothing else either.
    InTheWay(ObstacleReason),
}

/// Who restores, as far as the comparison of owners is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) uid: u32,
    pub(super) is_root: bool,
}

impl Caller {
    /// Tells whether something has the owner that the caller could give it.
    fn is_owner_as_good(self, wanted: &Metadata, found: &Metadata) -> bool {
        let is_same = (wanted.uid, wanted.gid) == (found.uid, found.gid);
        is_same || (!self.is_root && wanted.uid != self.uid && found.uid == self.uid)
    }

    /// The mode that an entry gets from the caller: none lends rights that are
    /// not the owner's.
    fn mode_as_good(self, wanted: &Metadata, found: &Metadata) -> u32 {
        let mut mode = wanted.mode;
        if wanted.uid != found.uid {
            mode &= !0o4000;
        }
        if wanted.gid != found.gid && wanted.kind != EntryKind::Directory {
            mode &= !0o2000;
        }
        mode
    }
}

/// Compares all that one look tells; of a symlink's target and of extended
/// attributes the caller knows whether they are equal.
pub(super) fn compare(
    wanted: &Metadata,
    found: Option<&Metadata>,
    caller: Caller,
    has_same_target: bool,
    has_same_xattrs: bool,
) -> Likeness {
    let Some(found) = found else {
        return Likeness::Nothing;
    };
    let is_sized = wanted.kind == EntryKind::File;
    let has_content = wanted.kind == found.kind
        && (!is_sized || wanted.size_bytes == found.size_bytes)
        && wanted.device_number == found.device_number
        && has_same_target
        && keeps_mtime(wanted, found);
    if !has_content {
        return Likeness::Other {
            is_directory: found.kind == EntryKind::Directory,
            is_older: found.mtime < wanted.mtime,
        };
    }
    let is_symlink = wanted.kind == EntryKind::Symlink;
    let has_metadata = caller.is_owner_as_good(wanted, found)
        && (is_symlink || caller.mode_as_good(wanted, found) == found.mode)
        && has_same_xattrs;
    if has_metadata {
        Likeness::Equal
    } else {
        Likeness::OtherMetadata
    }
}

/// Decides about an entry that is no directory.
pub(super) fn judge(overwrite: Overwrite, likeness: Likeness) -> Verdict {
    match (likeness, overwrite) {
        (Likeness::Nothing, _) => Verdict::Write,
        (
            Likeness::Other {
                is_directory: true, ..
            },
            _,
        ) => Verdict::InTheWay(ObstacleReason::IsDirectory),
        (_, Overwrite::Always) => Verdict::Replace,
        (Likeness::Equal, _) | (Likeness::OtherMetadata, Overwrite::Newer) => Verdict::Leave,
        (_, Overwrite::Changed) => Verdict::Replace,
        (Likeness::OtherMetadata, Overwrite::Never) => Verdict::LeaveDiffering,
        (Likeness::Other { is_older, .. }, Overwrite::Newer) if is_older => Verdict::Replace,
        (Likeness::Other { .. }, Overwrite::Newer) => Verdict::Leave,
        (Likeness::Other { .. }, Overwrite::Never) => Verdict::InTheWay(ObstacleReason::Differs),
    }
}

/// Tells whether a directory that is there is given its metadata.
pub(super) fn is_given(overwrite: Overwrite, wanted: &Metadata, found: &Metadata) -> bool {
    match overwrite {
        Overwrite::Never => false,
        Overwrite::Always | Overwrite::Changed => true,
        Overwrite::Newer => found.mtime <= wanted.mtime,
    }
}

#[cfg(test)]
mod tests;
