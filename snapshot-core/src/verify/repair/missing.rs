//! Directories that are missing as a whole: made anew, filled as any place is
//! where an entry is missing, and given their metadata last.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::AtFlags;

use crate::catalog::DirId;
use crate::catalog::query::{CatalogSnapshot, Row, Slice};
use crate::entry::EntryKind;
use crate::error::Result;
use crate::fs::{make, xattr};
use crate::report::describe;
use crate::verify::case::{Case, Spot};
use crate::verify::check::path_of;
use crate::verify::findings::{Finding, Recorded};
use crate::verify::good::find_elsewhere;
use crate::verify::repair::put::Opened;
use crate::verify::repair::{Mender, failed};
use crate::verify::report::{DamageKind, Damaged, Mending};

/// A directory that is not there.
struct Missing {
    snapshot: CatalogSnapshot,
    /// The place of the finding that tells of it; none if it tells of one above.
    finding: Option<usize>,
    /// Something else has its name.
    is_occupied: bool,
}

/// A directory that was made.
struct Made {
    missing: Missing,
    path: Arc<[u8]>,
    row: Row,
}

impl Mender<'_, '_> {
    /// Puts back the directories that are missing, with all below them. What of
    /// that cannot be put back is a finding of its own.
    pub(super) fn missing_directories(&mut self, findings: &mut [Finding]) -> Result<()> {
        let mut tops: HashMap<PathBuf, Vec<Missing>> = HashMap::new();
        let mut snapshots = Vec::new();
        for (place, finding) in findings.iter().enumerate() {
            if !finding.is_missing_directory() {
                continue;
            }
            for name in &finding.damaged.snapshots {
                let snapshot = self.check.catalog.known(*name)?;
                snapshots.push(snapshot);
                let path = finding.damaged.path.clone();
                tops.entry(path).or_default().push(Missing {
                    snapshot,
                    finding: Some(place),
                    is_occupied: finding.damaged.is_of_other_kind(),
                });
            }
        }
        if tops.is_empty() {
            return Ok(());
        }
        snapshots.sort_by_key(|snapshot| snapshot.sequence);
        snapshots.dedup();
        let mut made = Vec::new();
        let filled = self.put_back(&snapshots, tops, findings, &mut made);
        // Those below first: the ones above may be closed to us then.
        for one in made.iter().rev() {
            let version = &one.row.version;
            let finished = self.give(one.missing.snapshot, &one.path, version);
            self.conclude(&one.missing, &path_of(&one.path), finished, findings);
        }
        filled
    }

    /// Makes the directories and puts what they had into them, in the order of
    /// the catalog: each one after the one that it is in.
    fn put_back(
        &mut self,
        snapshots: &[CatalogSnapshot],
        mut tops: HashMap<PathBuf, Vec<Missing>>,
        findings: &mut [Finding],
        made: &mut Vec<Made>,
    ) -> Result<()> {
        let mut inside: HashMap<DirId, Vec<CatalogSnapshot>> = HashMap::new();
        for slice in self.check.catalog.slices(snapshots) {
            let slice = slice?;
            if slice.is_first {
                let path = path_of(&slice.path);
                let above = inside.get(&slice.above).into_iter().flatten();
                let below = above.map(|snapshot| Missing {
                    snapshot: *snapshot,
                    finding: None,
                    is_occupied: false,
                });
                let mut there = Vec::new();
                for missing in tops.remove(&path).into_iter().flatten().chain(below) {
                    self.check.check_on()?;
                    let own = slice.own_at(missing.snapshot.sequence);
                    let Some(row) = own.filter(|own| is_directory(own)) else {
                        continue;
                    };
                    if let Err(error) = self.make_directory(&missing, &path) {
                        self.conclude(&missing, &path, Err(error), findings);
                        continue;
                    }
                    there.push(missing.snapshot);
                    made.push(Made {
                        missing,
                        path: Arc::clone(&slice.path),
                        row: row.clone(),
                    });
                }
                if !there.is_empty() {
                    inside.insert(slice.dir, there);
                }
            }
            if let Some(there) = inside.get(&slice.dir) {
                self.entries(&slice, there)?;
            }
        }
        Ok(())
    }

    /// Makes a directory that is open to its owner alone.
    fn make_directory(&mut self, missing: &Missing, path: &Path) -> io::Result<()> {
        let spot = Spot::of(missing.snapshot, path).ok_or(io::ErrorKind::InvalidInput)?;
        let above = spot.open(self.check)?;
        let opened = Opened::new(&above, above.stat_self()?)?;
        let made = match missing.is_occupied {
            true => self
                .keep_aside(&above, &spot.name)
                .and_then(|()| Ok(rustix::fs::unlinkat(&above, &spot.name, AtFlags::empty())?)),
            false => Ok(()),
        };
        let made = made.and_then(|()| {
            let dir = make::directory(&above, &spot.name)?;
            xattr::drop_inherited_acls(&dir)
        });
        let closed = opened.close();
        made.and(closed)?;
        above.sync()
    }

    /// Puts back what a part of a directory had in some snapshots, but for the
    /// directories, which have their own turn.
    fn entries(&mut self, slice: &Slice, there: &[CatalogSnapshot]) -> Result<()> {
        let mut cases = Vec::new();
        for (name, rows) in &slice.names {
            let is_held = |row: &&Row| !is_directory(row) && row.version.facts.stored.is_some();
            for row in rows.iter().filter(is_held) {
                let in_row = there.iter().filter(|one| row.is_in(one.sequence));
                let names: Vec<_> = in_row.map(|one| one.name).collect();
                if names.is_empty() {
                    continue;
                }
                let recorded = Recorded {
                    dir: slice.dir,
                    name: name.clone(),
                    row: row.clone(),
                };
                let case = Case::look(self.check, &recorded)?;
                let damaged = Damaged {
                    path: path_of(&slice.path).join(path_of(name)),
                    snapshots: names,
                    kind: DamageKind::Missing,
                    good_copy: None,
                    mending: None,
                };
                cases.push((case, damaged));
            }
        }
        find_elsewhere(self.check, cases.iter_mut().map(|(case, _)| case))?;
        for (case, mut damaged) in cases {
            self.check.check_on()?;
            let mending = self.mend(&case);
            if mending != Mending::Repaired {
                damaged.good_copy = case.good_copy();
                damaged.mending = Some(mending);
                self.tell(damaged, Some(case.recorded));
            }
        }
        Ok(())
    }

    /// Notes what became of a directory.
    fn conclude(
        &self,
        missing: &Missing,
        path: &Path,
        done: io::Result<()>,
        findings: &mut [Finding],
    ) {
        let mending = match done {
            Ok(()) => Mending::Repaired,
            Err(error) => failed(&describe(&error)),
        };
        match missing.finding {
            Some(place) => findings[place].damaged.mending = Some(mending),
            None if mending == Mending::Repaired => {}
            None => {
                let damaged = Damaged {
                    path: path.to_owned(),
                    snapshots: vec![missing.snapshot.name],
                    kind: DamageKind::Missing,
                    good_copy: None,
                    mending: Some(mending),
                };
                self.tell(damaged, None);
            }
        }
    }

    fn tell(&self, damaged: Damaged, place: Option<Recorded>) {
        let finding = Finding { damaged, place };
        self.check.findings.add(self.check.observer, finding);
    }
}

fn is_directory(row: &Row) -> bool {
    row.version.facts.kind == EntryKind::Directory
}
