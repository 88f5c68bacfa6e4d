//! Extended attributes as values: which are carried, and whether two entries
//! have the same.

use std::ffi::{CStr, CString};

use serde::{Deserialize, Serialize};

/// A namespace of extended attributes, as far as carrying them is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum XattrNamespace {
    /// `user.*`: the owner's own.
    User,
    /// `trusted.*`: seen by root alone.
    Trusted,
    /// `security.*`: capabilities of programs, labels.
    Security,
    /// POSIX ACLs: `system.posix_acl_access` and `system.posix_acl_default`.
    Acl,
}

impl XattrNamespace {
    /// All of them.
    pub(crate) const ALL: [XattrNamespace; 4] = [
        XattrNamespace::User,
        XattrNamespace::Trusted,
        XattrNamespace::Security,
        XattrNamespace::Acl,
    ];

    /// The namespace of an attribute; none for those that a filesystem makes
    /// up and that mean nothing on another one.
    pub(crate) fn of(name: &CStr) -> Option<XattrNamespace> {
        let name = name.to_bytes();
        match name {
            b"system.posix_acl_access" | b"system.posix_acl_default" => Some(XattrNamespace::Acl),
            // A keyed hash over the inode that it is on: worthless on a copy.
            b"security.evm" => None,
            // A second view of each ACL, which xfs shows to root.
            _ if name.starts_with(b"trusted.SGI_ACL_") => None,
            _ if name.starts_with(b"user.") => Some(XattrNamespace::User),
            _ if name.starts_with(b"trusted.") => Some(XattrNamespace::Trusted),
            _ if name.starts_with(b"security.") => Some(XattrNamespace::Security),
            _ => None,
        }
    }

    /// The name that users know it by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            XattrNamespace::User => "user",
            XattrNamespace::Trusted => "trusted",
            XattrNamespace::Security => "security",
            XattrNamespace::Acl => "acl",
        }
    }
}

/// The extended attributes of one entry, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Xattrs(Vec<(CString, Vec<u8>)>);

impl Xattrs {
    pub(crate) fn new(mut attributes: Vec<(CString, Vec<u8>)>) -> Xattrs {
        attributes.sort();
        Xattrs(attributes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether two entries have the same attributes, as far as the
    /// destination can hold them.
    pub(crate) fn equal_in(&self, other: &Xattrs, kept: Namespaces) -> bool {
        self.within(kept).eq(other.within(kept))
    }

    /// The attributes of some namespaces.
    pub(crate) fn within(&self, kept: Namespaces) -> impl Iterator<Item = (&CStr, &[u8])> {
        self.iter().filter(move |(name, _)| {
            XattrNamespace::of(name).is_some_and(|namespace| kept.contains(namespace))
        })
    }

    /// The namespaces that the attributes are of.
    pub(crate) fn namespaces(&self) -> Namespaces {
        self.iter()
            .filter_map(|(name, _)| XattrNamespace::of(name))
            .fold(Namespaces::default(), Namespaces::with)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&CStr, &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_c_str(), value.as_slice()))
    }
}

/// A set of namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Namespaces(u8);

impl Namespaces {
    pub(crate) fn with(self, namespace: XattrNamespace) -> Namespaces {
        Namespaces(self.0 | 1 << namespace as u8)
    }

    pub(crate) fn contains(self, namespace: XattrNamespace) -> bool {
        self.0 & 1 << namespace as u8 != 0
    }

    /// Those of this set that are in `other` too.
    pub(crate) fn and(self, other: Namespaces) -> Namespaces {
        Namespaces(self.0 & other.0)
    }

    /// Those of this set that are not in `other`.
    pub(crate) fn without(self, other: Namespaces) -> Namespaces {
        Namespaces(self.0 & !other.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = XattrNamespace> {
        XattrNamespace::ALL
            .into_iter()
            .filter(move |namespace| self.contains(*namespace))
    }

    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    pub(crate) fn from_bits(bits: u8) -> Namespaces {
        Namespaces(bits)
    }

    pub(crate) fn all() -> Namespaces {
        XattrNamespace::ALL
            .into_iter()
            .fold(Namespaces::default(), Namespaces::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_the_same_elsewhere_is_carried() {
        assert_eq!(XattrNamespace::of(c"user.mime"), Some(XattrNamespace::User));
        assert_eq!(
            XattrNamespace::of(c"security.capability"),
            Some(XattrNamespace::Security)
        );
        assert_eq!(
            XattrNamespace::of(c"system.posix_acl_default"),
            Some(XattrNamespace::Acl)
        );
        for name in [
            c"security.evm",
            c"system.nfs4_acl",
            c"btrfs.compression",
            c"user",
        ] {
            assert_eq!(XattrNamespace::of(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let set = Namespaces::default().with(XattrNamespace::Acl);
        assert!(set.contains(XattrNamespace::Acl) && !set.contains(XattrNamespace::User));
        assert!(
            XattrNamespace::ALL
                .into_iter()
                .all(|namespace| Namespaces::all().contains(namespace))
        );
    }
}
