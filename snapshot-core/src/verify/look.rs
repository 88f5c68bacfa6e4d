//! A look at a stored entry: all that is recorded of it, but for the content of
//! a file.

use std::ffi::{CStr, CString};
use std::io;

use crate::catalog::query::Aspect;
use crate::catalog::{Version, decode_xattrs};
use crate::compare::Rules;
use crate::entry::{EntryKind, Metadata};
use crate::fs::dir::Dir;
use crate::fs::xattr::{self, Place};
use crate::verify::compare::{Found, differences};
use crate::xattr::Xattrs;

/// In what an entry differs from its record; `metadata` were just found.
pub(super) fn look(
    version: &Version,
    dir: &Dir,
    name: &CStr,
    metadata: Metadata,
    rules: Rules,
) -> io::Result<Vec<Aspect>> {
    let target = match metadata.kind {
        EntryKind::Symlink => {
            let target: CString = rustix::fs::readlinkat(dir, name, Vec::new())?;
            Some(target.into_bytes())
        }
        _ => None,
    };
    let found = Found {
        metadata,
        xattrs: xattr::read(Place::Entry(dir, name))?,
        target,
    };
    Ok(differences(
        version,
        &recorded_xattrs(version),
        &found,
        &rules,
    ))
}

/// The attributes of a version.
pub(super) fn recorded_xattrs(version: &Version) -> Xattrs {
    let decoded = version.xattrs.as_deref().and_then(decode_xattrs);
    decoded.unwrap_or_default()
}
