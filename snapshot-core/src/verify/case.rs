//! A damaged entry with all that share it: what is at each place, and where it
//! is to be had as it was recorded.

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::catalog::query::{CatalogSnapshot, Sharer};
use crate::compare::Rules;
use crate::entry::{EntryKind, Hash, Metadata};
use crate::error::Result;
use crate::fs::copy::{self, CopyError};
use crate::fs::dir::{Access, Boundary, Dir, is_absence, stat_handle};
use crate::node::open_chain;
use crate::verify::anchors::{names_of, open_in};
use crate::verify::check::{Check, path_of};
use crate::verify::findings::Recorded;
use crate::verify::look::look;
use crate::verify::report::GoodCopy;

/// One path in one snapshot.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) snapshot: CatalogSnapshot,
    /// The directory's path, which begins with a slash.
    pub(super) dir: Vec<u8>,
    pub(super) name: CString,
}

/// What is to be found at a place.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) spot: Spot,
    /// None if nothing is there.
    pub(super) found: Option<Metadata>,
    pub(super) verdict: Verdict,
}

/// What an inode is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is as it was recorded.
    Good,
    /// Its data are, and it has the right kind.
    GoodData,
    Bad,
}

/// Where from it can be had.
#[derive(Clone, Debug)]
pub(super) enum From {
    /// A stored inode that is as it was recorded.
    Whole(Spot),
    /// A stored file that has the data.
    Data(Spot),
    /// The file in the source.
    Source,
    /// What is recorded is all there is to it.
    Record,
}

/// What has to be known to repair an entry.
pub(super) struct Case {
    pub(super) recorded: Recorded,
    pub(super) sharers: Vec<Sharer>,
    pub(super) places: Vec<At>,
    pub(super) from: Option<From>,
}

impl Case {
    /// Looks at all places that share what a row tells of.
    pub(super) fn look(check: &Check<'_>, recorded: &Recorded) -> Result<Case> {
        let Recorded { dir, name, row } = recorded;
        let sharers = check.catalog.sharers(*dir, name, row)?;
        let mut case = Case {
            recorded: recorded.clone(),
            places: Vec::new(),
            sharers,
            from: None,
        };
        let mut verdicts = HashMap::new();
        for sharer in &case.sharers {
            for snapshot in &sharer.snapshots {
                check.cancel.check()?;
                let Some(spot) = Spot::of(*snapshot, &sharer.path) else {
                    continue;
                };
                let at = case.at(check, spot, &mut verdicts)?;
                case.places.extend(at);
            }
        }
        case.from = case.find_here(check);
        Ok(case)
    }

    /// Looks at one place; what an inode is worth is found out once. None if
    /// the directory is missing as a whole.
    fn at(
        &self,
        check: &Check<'_>,
        spot: Spot,
        verdicts: &mut HashMap<u64, Verdict>,
    ) -> Result<Option<At>> {
        let opened = spot.open(check);
        if opened.as_ref().is_err_and(is_absence) {
            return Ok(None);
        }
        let found = opened.and_then(|dir| Ok((dir.stat(&spot.name)?, dir)));
        let Ok((metadata, dir)) = found else {
            return Ok(Some(At {
                spot,
                found: None,
                verdict: Verdict::Bad,
            }));
        };
        let inode = metadata.id.inode;
        let verdict = match verdicts.get(&inode) {
            Some(verdict) => *verdict,
            None => {
                let verdict = self.judge(check, &spot, &dir, metadata);
                check.cancel.check()?;
                verdicts.insert(inode, verdict);
                verdict
            }
        };
        Ok(Some(At {
            spot,
            found: Some(metadata),
            verdict,
        }))
    }

    fn judge(&self, check: &Check<'_>, spot: &Spot, dir: &Dir, metadata: Metadata) -> Verdict {
        let version = &self.recorded.row.version;
        let facts = &version.facts;
        if metadata.kind != facts.kind {
            return Verdict::Bad;
        }
        let rules = check.rules_of(spot.snapshot);
        let Ok(differs) = look(version, dir, &spot.name, metadata, rules) else {
            return Verdict::Bad;
        };
        if facts.kind == EntryKind::File && metadata.size_bytes != facts.size_bytes {
            return Verdict::Bad;
        }
        let is_good = match (facts.kind, version.hash) {
            (EntryKind::File, Some(hash)) => has_hash(check, dir, &spot.name, &metadata, &hash),
            // Nothing tells but its number, and all that else was recorded.
            (EntryKind::File, None) => {
                differs.is_empty() && facts.stored == Some(metadata.id.inode)
            }
            _ => differs.is_empty(),
        };
        match (is_good, differs.is_empty()) {
            (true, true) => Verdict::Good,
            (true, false) => Verdict::GoodData,
            (false, _) => Verdict::Bad,
        }
    }

    /// Finds it where it is stored, or in its record.
    fn find_here(&self, check: &Check<'_>) -> Option<From> {
        let facts = &self.recorded.row.version.facts;
        let of = |verdict| {
            let mut places = self.places.iter().filter(move |at| at.verdict == verdict);
            // The one that the catalog tells, if it is among them.
            let stored = |at: &&At| at.found.map(|found| found.id.inode) == facts.stored;
            let best = places.clone().find(stored).or_else(|| places.next());
            best.map(|at| at.spot.clone())
        };
        match facts.kind {
            EntryKind::Directory => None,
            EntryKind::File => {
                let whole = of(Verdict::Good).map(From::Whole);
                let data = || of(Verdict::GoodData).map(From::Data);
                whole.or_else(data).or_else(|| self.find_in_source(check))
            }
            _ => of(Verdict::Good).map(From::Whole).or(Some(From::Record)),
        }
    }

    fn find_in_source(&self, check: &Check<'_>) -> Option<From> {
        let hash = self.recorded.row.version.hash?;
        let (file, metadata) = self.open_source().ok()?;
        let found = copy::hash(file.as_fd(), metadata.size_bytes, &mut |_| {
            !check.is_stopping()
        });
        (found.ok()? == hash).then_some(From::Source)
    }

    /// Opens the file that was backed up, if it looks as it did then.
    pub(super) fn open_source(&self) -> io::Result<(OwnedFd, Metadata)> {
        let facts = &self.recorded.row.version.facts;
        let path = self.sharers.first().map(|sharer| sharer.path.as_path());
        let (dir, name) = split(path.unwrap_or(Path::new("/"))).ok_or(io::ErrorKind::NotFound)?;
        let names = names_of(&dir)?;
        let way = names.iter().map(|name| (name.as_c_str(), Boundary::Cross));
        let dir = open_chain(&Dir::open_root()?, way, Access::Search)?;
        let file = dir.open_file(&name, Boundary::Cross)?;
        let found = stat_handle(file.as_fd())?;
        let is_it = found.kind == EntryKind::File
            && found.size_bytes == facts.size_bytes
            && found.mtime == facts.mtime;
        match is_it {
            true => Ok((file, found)),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Where it is to be had, for the report.
    pub(super) fn good_copy(&self) -> Option<GoodCopy> {
        Some(match self.from.as_ref()? {
            From::Whole(spot) | From::Data(spot) => {
                let is_own = |at: &At| at.found.is_some() && at.spot.is(spot);
                let own = self.places.iter().find(|at| is_own(at));
                match (own.map(|at| at.verdict), &self.from) {
                    // The data are in place; the rest is in the record.
                    (Some(Verdict::GoodData), _) => GoodCopy::Catalog,
                    _ => GoodCopy::Stored {
                        snapshot: spot.snapshot.name,
                        path: spot.path(),
                    },
                }
            }
            From::Source => GoodCopy::Source,
            From::Record => GoodCopy::Catalog,
        })
    }
}

impl Spot {
    /// A path in a snapshot; none for the top of a tree.
    pub(super) fn of(snapshot: CatalogSnapshot, path: &Path) -> Option<Spot> {
        let (dir, name) = split(path)?;
        Some(Spot {
            snapshot,
            dir,
            name,
        })
    }

    pub(super) fn open(&self, check: &Check<'_>) -> io::Result<Dir> {
        open_in(check.store, self.snapshot, &self.dir)
    }

    pub(super) fn path(&self) -> PathBuf {
        path_of(&self.dir).join(path_of(self.name.to_bytes()))
    }

    fn is(&self, other: &Spot) -> bool {
        self.snapshot == other.snapshot && self.dir == other.dir && self.name == other.name
    }
}

impl Check<'_> {
    /// What was kept in a snapshot.
    pub(super) fn rules_of(&self, snapshot: CatalogSnapshot) -> Rules {
        let recorded = self.rules.get(&snapshot.sequence).copied();
        recorded.unwrap_or_else(|| self.store.likely_rules())
    }
}

/// Tells whether a stored file has the data that were recorded.
pub(super) fn has_hash(
    check: &Check<'_>,
    dir: &Dir,
    name: &CString,
    metadata: &Metadata,
    hash: &Hash,
) -> bool {
    let hashed = dir
        .open_file(name, Boundary::Stay)
        .map_err(CopyError::Read)
        .and_then(|file| {
            let found = stat_handle(file.as_fd()).map_err(CopyError::Read)?;
            if found.id != metadata.id || found.kind != EntryKind::File {
                return Err(CopyError::Shrunk);
            }
            copy::hash(file.as_fd(), found.size_bytes, &mut |_| {
                !check.is_stopping()
            })
        });
    hashed.is_ok_and(|found| found == *hash)
}

/// A path as its directory's, and its last name.
fn split(path: &Path) -> Option<(Vec<u8>, CString)> {
    let dir = path.parent()?.as_os_str().as_bytes().to_vec();
    let name = CString::new(path.file_name()?.as_bytes()).ok()?;
    Some((dir, name))
}
