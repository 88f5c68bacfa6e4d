//! The comparison of a source entry with its basis: pure, so that a dry run,
//! a report and a test see the very values that the engine acts on.

use crate::entry::{EntryKind, FileTime, Metadata};
use crate::xattr::{Namespaces, XattrNamespace};

/// Whether the destination holds owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// Owner and group are set and compared. What is made in the work tree
    /// belongs to `made_as` at first, so that these need not be told.
    Kept { made_as: (u32, u32) },
    /// The caller may not give files away, or the destination refuses it:
    /// everything belongs to `uid` and `gid`, and neither is compared.
    Fixed { uid: u32, gid: u32 },
}

/// Whether the destination holds permission bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Modes {
    /// They are set and compared.
    Kept,
    /// They are what the destination makes them, and not compared.
    Fixed,
}

/// What the destination takes for one and the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// The same bytes.
    Exact,
    /// Also names that differ in case, or in how accents are encoded.
    Folded,
}

/// What the destination can hold, as far as the comparison is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) ownership: Ownership,
    pub(crate) modes: Modes,
    /// How fine the destination's mtimes are; no finer are they compared.
    pub(crate) mtime_granularity_nanoseconds: u64,
    /// The extended attributes that are set and compared.
    pub(crate) xattrs: Namespaces,
    pub(crate) names: Names,
}

/// The owner that no file has.
const NOBODY: (u32, u32) = (u32::MAX, u32::MAX);

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;

impl Rules {
    /// The mode that the stored entry gets.
    ///
    /// Where the owner cannot be kept, setuid and setgid would lend the rights
    /// of whoever runs the backup to the program: they are dropped, as cp does.
    pub(crate) fn stored_mode(&self, source: &Metadata) -> u32 {
        match self.ownership {
            Ownership::Kept { .. } => source.mode,
            Ownership::Fixed { uid, gid } => {
                let mut mode = source.mode;
                if source.uid != uid {
                    mode &= !SETUID;
                }
                if source.gid != gid && source.kind != EntryKind::Directory {
                    mode &= !SETGID;
                }
                mode
            }
        }
    }

    /// The owner and group that a new entry has to be given, if any.
    pub(crate) fn owner_to_set(&self, source: &Metadata) -> Option<(u32, u32)> {
        let owner = (source.uid, source.gid);
        match self.ownership {
            Ownership::Kept { made_as } if made_as != owner => Some(owner),
            Ownership::Kept { .. } | Ownership::Fixed { .. } => None,
        }
    }

    /// Tells whether a stored directory has the mode, owner and mtime that it
    /// would be given.
    pub(crate) fn is_directory_given(&self, source: &Metadata, stored: &Metadata) -> bool {
        self.is_same_mtime(source.mtime, stored.mtime)
            && (self.modes == Modes::Fixed || self.stored_mode(source) == stored.mode)
            && (!self.compares_owners() || (source.uid, source.gid) == (stored.uid, stored.gid))
    }

    pub(crate) fn is_same_mtime(&self, source: FileTime, basis: FileTime) -> bool {
        let step = i128::from(self.mtime_granularity_nanoseconds.max(1));
        source == basis
            || source.total_nanoseconds().div_euclid(step)
                == basis.total_nanoseconds().div_euclid(step)
    }

    /// The rules in one line, the same for the same rules.
    pub(crate) fn describe(&self) -> String {
        let owners = match self.ownership {
            Ownership::Kept { .. } => "kept".to_owned(),
            Ownership::Fixed { uid, gid } => format!("{uid}:{gid}"),
        };
        let modes = match self.modes {
            Modes::Kept => "kept",
            Modes::Fixed => "fixed",
        };
        let xattrs: Vec<_> = self.xattrs.iter().map(XattrNamespace::as_str).collect();
        format!(
            "owners={owners} modes={modes} mtimes={} xattrs={}",
            self.mtime_granularity_nanoseconds,
            xattrs.join(",")
        )
    }

    /// Reads what [`Rules::describe`] wrote; none if it is something else. How
    /// names are compared is not in it.
    pub(crate) fn recorded(text: &str) -> Option<Rules> {
        let mut values = text.split(' ').map(|field| field.split_once('='));
        let mut value = |key: &str| {
            let (found, value) = values.next()??;
            (found == key).then_some(value)
        };
        let ownership = match value("owners")? {
            "kept" => Ownership::Kept { made_as: NOBODY },
            owner => {
                let (uid, gid) = owner.split_once(':')?;
                let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
                Ownership::Fixed { uid, gid }
            }
        };
        let modes = match value("modes")? {
            "kept" => Modes::Kept,
            "fixed" => Modes::Fixed,
            _ => return None,
        };
        let mtime_granularity_nanoseconds = value("mtimes")?.parse().ok()?;
        let mut xattrs = Namespaces::default();
        for name in value("xattrs")?.split(',').filter(|name| !name.is_empty()) {
            let all = XattrNamespace::ALL.into_iter();
            let namespace = all.clone().find(|namespace| namespace.as_str() == name)?;
            xattrs = xattrs.with(namespace);
        }
        Some(Rules {
            ownership,
            modes,
            mtime_granularity_nanoseconds,
            xattrs,
            names: Names::Exact,
        })
    }

    pub(crate) fn compares_owners(&self) -> bool {
        matches!(self.ownership, Ownership::Kept { .. })
    }
}

/// What differs between a source entry and its basis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) kind: bool,
    pub(crate) size: bool,
    pub(crate) mtime: bool,
    pub(crate) mode: bool,
    pub(crate) owner: bool,
    pub(crate) device: bool,
}

impl Change {
    /// Compares an entry with its basis; directories are never linked and
    /// therefore compared by kind alone.
    pub(crate) fn between(source: &Metadata, basis: &Metadata, rules: &Rules) -> Change {
        if source.kind != basis.kind {
            return Change {
                kind: true,
                ..Change::default()
            };
        }
        if source.kind == EntryKind::Directory {
            return Change::default();
        }
        // A symlink has no mode of its own on Linux, and its size is the
        // length of its target.
        let symlink = source.kind == EntryKind::Symlink;
        let sized = symlink || source.kind == EntryKind::File;
        Change {
            kind: false,
            size: sized && source.size_bytes != basis.size_bytes,
            mtime: !rules.is_same_mtime(source.mtime, basis.mtime),
            mode: !symlink && rules.modes == Modes::Kept && rules.stored_mode(source) != basis.mode,
            owner: rules.compares_owners() && (source.uid, source.gid) != (basis.uid, basis.gid),
            device: source.device_number != basis.device_number,
        }
    }

    /// Tells whether the data is taken to be the same.
    pub(crate) fn spares_data(self) -> bool {
        !(self.kind || self.size || self.mtime || self.device)
    }

    /// Tells whether nothing differs, so that the entry may be linked.
    pub(crate) fn is_none(self) -> bool {
        self == Change::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_back_from_their_line() {
        let fixed = Rules {
            ownership: Ownership::Fixed { uid: 7, gid: 8 },
            modes: Modes::Fixed,
            mtime_granularity_nanoseconds: 2_000_000_000,
            xattrs: Namespaces::default(),
            names: Names::Exact,
        };
        let kept = Rules {
            ownership: Ownership::Kept { made_as: NOBODY },
            modes: Modes::Kept,
            xattrs: Namespaces::all(),
            ..fixed
        };
        for rules in [fixed, kept] {
            assert_eq!(Rules::recorded(&rules.describe()), Some(rules));
        }
        for text in ["", "owners=kept", "owners=7 modes=kept mtimes=1 xattrs="] {
            assert_eq!(Rules::recorded(text), None, "{text}");
        }
    }
}
