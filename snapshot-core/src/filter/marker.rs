//! Entries whose presence empties the directory that they are in.

use std::ffi::{CStr, CString};

use super::error::FilterError;
use super::verdict::LeftOutBy;

/// What a cache directory is tagged with, by the Cache Directory Tagging
/// Specification (<https://bford.info/cachedir/>).
const CACHE_TAG: &str = "CACHEDIR.TAG";
/// What the tag has to begin with, lest a file that happens to have the name
/// empties a directory.
const CACHE_TAG_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// No Linux filesystem lets a name be longer; looking one up is an error.
const LONGEST_NAME_BYTES: usize = 255;

/// An entry that empties the directory that it is in: of the directory and
/// what is in it, only the directory and this entry are taken.
///
/// So the directory is there after a restore, with its metadata, and is still
/// marked. restic, rustic and GNU tar do the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marker {
    // One that asks for no more than a name comes first: it costs less to find.
    sign: MarkerSign,
    name: CString,
    text: String,
}

/// By what an entry is known to be a [`Marker`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MarkerSign {
    /// By its name; it may be of any kind.
    Name,
    /// By its name, being a regular file (and not a symlink to one), and
    /// beginning with these bytes.
    FirstBytes(&'static [u8]),
}

impl Marker {
    pub(super) fn named(name: &str) -> Result<Marker, FilterError> {
        let fits = !matches!(name, "" | "." | "..")
            && name.len() <= LONGEST_NAME_BYTES
            && !name.contains(['/', '\n']);
        match CString::new(name) {
            Ok(c_name) if fits => Ok(Marker {
                sign: MarkerSign::Name,
                name: c_name,
                text: name.to_owned(),
            }),
            _ => Err(FilterError::Name {
                name: name.to_owned(),
            }),
        }
    }

    pub(super) fn cache_tag() -> Marker {
        Marker {
            sign: MarkerSign::FirstBytes(CACHE_TAG_SIGNATURE),
            name: c"CACHEDIR.TAG".to_owned(),
            text: CACHE_TAG.to_owned(),
        }
    }

    /// The name to look for.
    #[must_use]
    pub fn name(&self) -> &CStr {
        &self.name
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What else makes an entry of this name the marker.
    #[must_use]
    pub fn sign(&self) -> MarkerSign {
        self.sign
    }

    /// The rule by which all else in a directory with this marker is left out.
    #[must_use]
    pub fn left_out_by(&self) -> LeftOutBy<'_> {
        match self.sign {
            MarkerSign::Name => LeftOutBy::Marker { name: &self.text },
            MarkerSign::FirstBytes(_) => LeftOutBy::CacheTag { name: &self.text },
        }
    }
}
