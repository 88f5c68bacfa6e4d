//! Paths to and from where the catalog has their rows: the number of a
//! directory, and a name in it.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::catalog::directory;
use crate::catalog::open::Outcome;
use crate::catalog::query::reading::Reading;
use crate::catalog::row::{DirId, TOP};
use crate::error::{Error, ErrorKind, Result};

/// Above the top, whose name in it is empty.
pub(super) const ABOVE: DirId = 0;

/// Where the rows of a path are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Spot {
    pub(super) dir: DirId,
    pub(super) name: Vec<u8>,
}

/// The names that a path in a snapshot consists of.
///
/// # Errors
///
/// [`ErrorKind::InvalidOption`] if it is not absolute or has a `..`.
pub(crate) fn names_of(path: &Path) -> Result<Vec<&[u8]>> {
    let refused = |why: &str| {
        let message = format!("{} {why}", path.display());
        Err(Error::new(ErrorKind::InvalidOption, message).with_path(path))
    };
    let mut names = Vec::new();
    let mut components = path.components();
    if components.next() != Some(Component::RootDir) {
        return refused("is not an absolute path, as those in a snapshot are");
    }
    for component in components {
        match component {
            Component::Normal(name) => names.push(name.as_bytes()),
            _ => return refused("has a `..`, which no path in a snapshot has"),
        }
    }
    Ok(names)
}

/// Finds the path in the snapshots for one that a user gives: as it is given, or
/// with symlinks on the way followed, or with all of them, whichever is known
/// first.
pub(crate) fn resolve(given: &Path, is_known: impl Fn(&Path) -> Result<bool>) -> Result<PathBuf> {
    let absolute = std::path::absolute(given).map_err(|error| Error::io("find", given, error))?;
    // Without slashes at the end.
    let plain: PathBuf = absolute.components().collect();
    let followed = followed(&plain);
    // What a `..` leads to hangs on where a symlink before it does.
    let is_plain = !plain.components().any(|part| part == Component::ParentDir);
    let candidates = [
        is_plain.then_some(plain),
        Some(followed.clone()),
        real(&absolute),
    ];
    for candidate in candidates.into_iter().flatten() {
        if is_known(&candidate)? {
            return Ok(candidate);
        }
    }
    Ok(followed)
}

/// Follows the symlinks on the way to an entry, as far as that exists.
fn followed(path: &Path) -> PathBuf {
    let parts: Vec<Component<'_>> = path.components().collect();
    for end in (1..parts.len()).rev() {
        let Some(mut followed) = real(&parts[..end].iter().collect::<PathBuf>()) else {
            continue;
        };
        for part in &parts[end..] {
            match part {
                Component::Normal(name) => followed.push(name),
                _ => drop(followed.pop()),
            }
        }
        return followed;
    }
    path.to_path_buf()
}

fn real(path: &Path) -> Option<PathBuf> {
    #[allow(
        clippy::disallowed_methods,
        reason = "an argument of the user's: symlinks in it are followed"
    )]
    std::fs::canonicalize(path).ok()
}

/// Finds where the rows of a path are; none if no snapshot ever had the
/// directory that it is in.
pub(super) fn locate(reading: &Reading<'_>, names: &[&[u8]]) -> Outcome<Option<Spot>> {
    let Some((name, above)) = names.split_last() else {
        return Ok(Some(Spot {
            dir: ABOVE,
            name: Vec::new(),
        }));
    };
    let mut dir = TOP;
    for name in above {
        match directory::find(reading.connection, dir, name)? {
            Some(found) => dir = found,
            None => return Ok(None),
        }
    }
    Ok(Some(Spot {
        dir,
        name: name.to_vec(),
    }))
}

/// Finds the directory above one, and the name that it has there.
pub(super) fn above(reading: &Reading<'_>, dir: DirId) -> Outcome<Spot> {
    let (up, name) = directory::above(reading.connection, dir)?;
    Ok(Spot { dir: up, name })
}

/// The path of a directory.
pub(super) fn path_of_directory(reading: &Reading<'_>, dir: DirId) -> Outcome<Vec<u8>> {
    let mut names = Vec::new();
    let mut at = dir;
    while at != ABOVE {
        let spot = above(reading, at)?;
        names.push(spot.name);
        at = spot.dir;
    }
    let mut path = b"/".to_vec();
    for name in names.iter().rev() {
        push(&mut path, name);
    }
    Ok(path)
}

/// Appends a name to a path that begins with a slash.
pub(super) fn push(path: &mut Vec<u8>, name: &[u8]) {
    if !name.is_empty() && path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}
