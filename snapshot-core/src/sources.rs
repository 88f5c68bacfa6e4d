//! The sources of a backup: resolved, checked and merged before anything is
//! written.

use std::io;
use std::path::{Path, PathBuf};

use crate::entry::{EntryKind, FileId};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filter;
use crate::fs::dir::{Access, Boundary, Dir, c_path};
use crate::fs::mounts;
use crate::report::Warning;
use crate::walk::Selection;

/// Sources that exist and can be read.
#[derive(Debug)]
pub(crate) struct Sources {
    /// Absolute and free of symlinks, in the order of the bytes, none inside
    /// another.
    pub(crate) paths: Vec<PathBuf>,
    /// All that were named, also those inside another.
    pub(crate) named: Vec<PathBuf>,
    pub(crate) selection: Selection,
    /// Those that are mount points.
    pub(crate) mount_points: Vec<PathBuf>,
}

impl Sources {
    /// Resolves what the user gave.
    pub(crate) fn resolve(given: &[PathBuf]) -> Result<Sources> {
        if given.is_empty() {
            return Err(Error::new(
                ErrorKind::NoSources,
                "there is no source to back up",
            ));
        }
        let mut paths = given
            .iter()
            .map(|path| resolve(path))
            .collect::<Result<Vec<_>>>()?;
        paths.sort();
        paths.dedup();
        let named = paths.clone();
        // A path that lies in another comes right behind it or its like.
        paths.dedup_by(|later, earlier| later.starts_with(earlier));
        let selection = Selection::of_paths(paths.iter().map(PathBuf::as_path))
            .map_err(|error| Error::io("read", &given[0], error))?;
        // Now that all were opened: an automount is there only since then.
        let mounted =
            mounts::points().map_err(|error| Error::io("read the mounts of", &given[0], error))?;
        let mount_points = paths
            .iter()
            .filter(|path| mounted.contains(*path))
            .cloned()
            .collect();
        Ok(Sources {
            paths,
            named,
            selection,
            mount_points,
        })
    }

    /// Refuses a source that is the store or lies inside it. (The other way
    /// round, the store is left out of the source.)
    pub(crate) fn refuse_store(&self, store: FileId, store_path: &Path) -> Result<()> {
        for path in &self.paths {
            for place in path.ancestors() {
                let is_store = Dir::open(place)
                    .and_then(|dir| dir.stat_self())
                    .is_ok_and(|found| found.id == store);
                if is_store {
                    let what = if place == path {
                        "is the store itself"
                    } else {
                        "lies inside the store"
                    };
                    let message = format!("the source {} {what}", path.display());
                    return Err(Error::new(ErrorKind::SourceIsStore, message)
                        .with_path(path)
                        .with_second_path(store_path)
                        .with_hint("name what is to be backed up, and a store elsewhere"));
                }
            }
        }
        Ok(())
    }
}

impl Sources {
    /// What of the filter does other than it seems to be meant.
    pub(crate) fn warnings(&self, filter: &Filter) -> Vec<Warning> {
        let roots = self.paths.iter().map(PathBuf::as_path);
        let above = patterns_above_sources(roots, filter);
        above.chain(self.left_out(filter)).collect()
    }

    /// A source inside another is a part of it, and left out like any other
    /// part; who named it will hardly expect that.
    fn left_out(&self, filter: &Filter) -> impl Iterator<Item = Warning> {
        self.named.iter().filter_map(|named| {
            let root = self.paths.iter().find(|path| named.starts_with(path))?;
            let relative = named.strip_prefix(root).ok()?;
            let kind = kind_of(named);
            // A directory above it may be what is left out.
            let levels: Vec<_> = relative.ancestors().collect();
            let by = levels.iter().rev().find_map(|level| {
                let kind = if *level == relative {
                    kind
                } else {
                    EntryKind::Directory
                };
                filter.verdict_by_path(level, kind).left_out_by()
            })?;
            Some(Warning::SourceLeftOut {
                path: named.clone(),
                rule: by.to_string(),
            })
        })
    }
}

fn kind_of(path: &Path) -> EntryKind {
    let below = path.strip_prefix("/").unwrap_or(path);
    let found = c_path(below).and_then(|below| Dir::open_root()?.stat(&below));
    found.map_or(EntryKind::Directory, |found| found.kind)
}

/// Tells of patterns that were given as absolute paths.
pub(crate) fn patterns_above_sources<'f>(
    sources: impl IntoIterator<Item = &'f Path> + Clone,
    filter: &'f Filter,
) -> impl Iterator<Item = Warning> {
    filter
        .above_sources(sources)
        .map(|(pattern, source, instead)| Warning::PatternAboveSource {
            pattern: pattern.to_string(),
            source: source.to_path_buf(),
            instead: instead.to_owned(),
        })
}

fn resolve(given: &Path) -> Result<PathBuf> {
    let unavailable = |error: io::Error| {
        Error::io("read source", given, error).with_kind(ErrorKind::SourceUnavailable)
    };
    #[allow(
        clippy::disallowed_methods,
        reason = "an argument of the user's: symlinks in it are followed"
    )]
    let path = std::fs::canonicalize(given).map_err(unavailable)?;
    // An unreadable source would be a snapshot of nothing.
    let root = Dir::open_root().map_err(unavailable)?;
    let Ok(below) = path.strip_prefix("/") else {
        return Ok(path);
    };
    if below.as_os_str().is_empty() {
        return Ok(path);
    }
    let below = c_path(below).map_err(unavailable)?;
    let metadata = root.stat(&below).map_err(unavailable)?;
    match metadata.kind {
        EntryKind::Directory => drop(
            root.open_dir(&below, Access::Read, Boundary::Cross)
                .map_err(unavailable)?,
        ),
        EntryKind::File => drop(
            root.open_file(&below, Boundary::Cross)
                .map_err(unavailable)?,
        ),
        _ => {}
    }
    Ok(path)
}
