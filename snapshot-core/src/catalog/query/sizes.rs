//! What deleting some snapshots would free: what no other snapshot has.

use std::collections::HashSet;

use crate::catalog::open::Outcome;
use crate::catalog::query::CatalogSnapshot;
use crate::catalog::query::living::Living;
use crate::catalog::query::moves::{Holder, Identity, holders};
use crate::catalog::query::names::{Listing, damaged};
use crate::catalog::query::place::Spot;
use crate::catalog::query::reading::{Handle, Progress, Reading, Stop};
use crate::catalog::query::tour::Chooser;
use crate::catalog::row::{DirId, Facts};
use crate::catalog::table::{COLUMNS, Read};
use crate::entry::EntryKind;
use crate::error::{Error, ErrorKind, Result};

/// So often is begun anew when a run changes the catalog meanwhile. A run does
/// that a few times, whatever it finds.
const ATTEMPTS: usize = 10;

/// Files with more rows are remembered once they were counted; each of those
/// with fewer is counted with its first row.
const FEW: usize = 8;

/// What deleting a set of snapshots would free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sizes {
    /// All that would be free, in bytes: what files and other entries take that
    /// no other snapshot has, and the directories. The records, a few KiB each,
    /// are not counted.
    pub freed_bytes: u64,
    /// What of this the directories take, in bytes. Every snapshot has its own.
    pub directory_bytes: u64,
    /// The number of files and other entries that would be gone, directories
    /// left out. Several names of one file count once.
    pub entries: u64,
    /// The number of regular files among them.
    pub files: u64,
    /// The sizes of these files, in bytes. They may take less, if they have
    /// holes, or more.
    pub apparent_bytes: u64,
}

pub(super) fn sizes(handle: &Handle, set: &[CatalogSnapshot]) -> Result<Sizes> {
    for _ in 0..ATTEMPTS {
        if let Some(sizes) = attempt(handle, set)? {
            return Ok(sizes);
        }
    }
    let message = "the catalog changes while it is read";
    Err(Error::new(ErrorKind::StoreLocked, message).with_hint("try again when the run is done"))
}

/// How a turn ended.
enum Turn {
    Done,
    More,
    /// Rows may have gone from where they were to come to where they were seen.
    Changed,
}

/// Adds it all up, unless the catalog changes between two turns.
fn attempt(handle: &Handle, set: &[CatalogSnapshot]) -> Result<Option<Sizes>> {
    let mut version = None;
    let mut sizing = None;
    loop {
        let turn = handle.read_of(set, |reading| {
            let now = reading.data_version()?;
            if version.replace(now).is_some_and(|before| before != now) {
                return Ok(Turn::Changed);
            }
            if sizing.is_none() {
                sizing = Some(Sizing::new(reading, set)?);
            }
            let Some(sizing) = &mut sizing else {
                return Ok(Turn::More);
            };
            match sizing.go_on(reading) {
                Ok(()) => Ok(Turn::Done),
                Err(Stop::Pause) => Ok(Turn::More),
                Err(Stop::Trouble(trouble)) => Err(trouble),
            }
        })?;
        match turn {
            Turn::Done => return Ok(sizing.map(|sizing| sizing.sizes)),
            Turn::More => {}
            Turn::Changed => return Ok(None),
        }
    }
}

/// An addition under way.
struct Sizing {
    living: Living,
    /// How many of the living, up to each place, are not in the set.
    others: Vec<usize>,
    tasks: Vec<Task>,
    /// Files with many rows that were counted.
    counted: HashSet<u64>,
    sizes: Sizes,
}

/// Where to look for rows that only neighbouring snapshots of the set have:
/// they begin `after` the last one before them that is not.
enum Task {
    /// Rows that ended, one end after the other.
    Past {
        after: u64,
        until: u64,
        /// What ends later is of the next one that is not in the set.
        last_until: Option<u64>,
        /// The last row of this end that was looked at.
        last: (u64, Spot),
    },
    /// Rows that go on, in the directories that changed.
    Changed { after: u64, chooser: Chooser },
    Current {
        after: u64,
        dirs: Vec<DirId>,
        listing: Option<(DirId, Listing)>,
    },
}

impl Sizing {
    fn new(reading: &Reading<'_>, set: &[CatalogSnapshot]) -> Outcome<Sizing> {
        // What the spare has as well is not free.
        let living = reading.trees()?;
        let set: HashSet<u64> = set.iter().map(|snapshot| snapshot.sequence).collect();
        let mut others = vec![0];
        let mut tasks = Vec::new();
        // The last one that is not in the set, and the first after it that is.
        let (mut after, mut run) = (0, None);
        for snapshot in living.all() {
            let sequence = snapshot.sequence;
            let is_other = !set.contains(&sequence);
            others.push(others[others.len() - 1] + usize::from(is_other));
            if !is_other {
                run = run.or(Some(sequence));
                continue;
            }
            if let Some(first) = run.take() {
                tasks.push(Task::past(after, first, Some(sequence)));
            }
            after = sequence;
        }
        if let Some(first) = run {
            tasks.push(Task::past(after, first, None));
            let chooser = Chooser::new(after);
            tasks.push(Task::Changed { after, chooser });
        }
        let mut sizes = Sizes::default();
        for sequence in set {
            let mut statement = reading
                .connection
                .prepare_cached("SELECT directory_bytes FROM snapshot WHERE sequence = ?1")?;
            let bytes: i64 = statement.query_row([sequence as i64], |row| row.get(0))?;
            sizes.directory_bytes += bytes as u64;
        }
        sizes.freed_bytes = sizes.directory_bytes;
        Ok(Sizing {
            living,
            others,
            tasks,
            counted: HashSet::new(),
            sizes,
        })
    }

    fn go_on(&mut self, reading: &Reading<'_>) -> Progress<()> {
        while let Some(mut task) = self.tasks.pop() {
            let done = self.work(reading, &mut task);
            match done {
                Ok(None) => {}
                Ok(Some(next)) => self.tasks.push(next),
                Err(stop) => {
                    self.tasks.push(task);
                    return Err(stop);
                }
            }
        }
        Ok(())
    }

    /// Goes on with a task to its end, and tells what comes next of it.
    fn work(&mut self, reading: &Reading<'_>, task: &mut Task) -> Progress<Option<Task>> {
        match task {
            Task::Past {
                after,
                until,
                last_until,
                last,
            } => loop {
                self.add_ended(reading, *until, last)?;
                let mut statement = reading
                    .connection
                    .prepare_cached("SELECT min(until) FROM past WHERE until > ?1")?;
                let next: Option<i64> = statement.query_row([*until as i64], |row| row.get(0))?;
                match next.map(|next| next as u64) {
                    Some(next) if last_until.is_none_or(|last| next <= last) => {
                        *until = next;
                        *last = beginning(*after);
                    }
                    _ => return Ok(None),
                }
            },
            Task::Changed { after, chooser } => {
                let dirs = chooser.choose(reading)?.into_dirs();
                Ok(Some(Task::Current {
                    after: *after,
                    dirs,
                    listing: None,
                }))
            }
            Task::Current {
                after,
                dirs,
                listing,
            } => loop {
                let Some((dir, names)) = listing else {
                    let Some(dir) = dirs.pop() else {
                        return Ok(None);
                    };
                    *listing = Some((dir, Listing::new(dir, 0)));
                    continue;
                };
                let dir = *dir;
                let goes_on = |read: &Read<'_>| read.until.is_none() && read.first > *after;
                let Some(named) = names.next(reading, &goes_on)? else {
                    *listing = None;
                    continue;
                };
                let name = named.name;
                let spot = Spot { dir, name };
                for span in &named.spans {
                    self.add(reading, &spot, span.first, span.until, &span.version.facts)?;
                }
            },
        }
    }

    /// Adds the rows with one end, from one of them on.
    fn add_ended(
        &mut self,
        reading: &Reading<'_>,
        until: u64,
        last: &mut (u64, Spot),
    ) -> Progress<()> {
        reading.go_on()?;
        let mut statement = reading.connection.prepare_cached(&format!(
            "SELECT dir, name, first, until, {COLUMNS} FROM past \
             WHERE until = ?1 AND (first, dir, name) > (?2, ?3, ?4) ORDER BY first, dir, name"
        ))?;
        let (first, spot) = &*last;
        let mut rows = statement.query((until as i64, *first as i64, spot.dir, &spot.name))?;
        while let Some(row) = rows.next()? {
            let dir = row.get(0)?;
            let read = Read::of(row, dir, 1)?.ok_or_else(damaged)?;
            reading.go_on()?;
            reading.count(0);
            let spot = Spot {
                dir,
                name: read.name.to_vec(),
            };
            self.add(reading, &spot, read.first, read.until, &read.facts)?;
            *last = (read.first, spot);
        }
        Ok(())
    }

    /// Adds what a row tells of, if nothing but the set has it.
    fn add(
        &mut self,
        reading: &Reading<'_>,
        spot: &Spot,
        first: u64,
        until: Option<u64>,
        facts: &Facts,
    ) -> Outcome<()> {
        let Some(stored) = facts.stored.filter(|_| facts.kind != EntryKind::Directory) else {
            return Ok(());
        };
        if self.owners(first, until) != Owners::OfTheSet {
            return Ok(());
        }
        if facts.shared && !self.is_first_of_all(reading, stored, spot, first)? {
            return Ok(());
        }
        self.sizes.freed_bytes += facts.allocated_bytes;
        self.sizes.entries += 1;
        if facts.kind == EntryKind::File {
            self.sizes.files += 1;
            self.sizes.apparent_bytes += facts.size_bytes;
        }
        Ok(())
    }

    /// Tells whether all rows of a stored inode are of the set, and this one is
    /// to stand for all of them.
    fn is_first_of_all(
        &mut self,
        reading: &Reading<'_>,
        stored: u64,
        spot: &Spot,
        first: u64,
    ) -> Outcome<bool> {
        if self.counted.contains(&stored) {
            return Ok(false);
        }
        let holders = holders(reading, Identity::File(stored))?;
        if holders.len() > FEW {
            self.counted.insert(stored);
        }
        let mut of_the_set = Vec::new();
        for holder in &holders {
            match self.owners(holder.first, holder.until) {
                Owners::Nobody => {}
                Owners::OfTheSet => of_the_set.push(holder),
                Owners::Others => return Ok(false),
            }
        }
        let place = |holder: &&Holder| (holder.spot.clone(), holder.first);
        let lowest = of_the_set.into_iter().map(|holder| place(&holder)).min();
        let is_lowest = lowest == Some((spot.clone(), first));
        Ok(is_lowest || holders.len() > FEW)
    }

    fn owners(&self, first: u64, until: Option<u64>) -> Owners {
        let places = self.living.places(first, until);
        if places.is_empty() {
            Owners::Nobody
        } else if self.others[places.start] == self.others[places.end] {
            Owners::OfTheSet
        } else {
            Owners::Others
        }
    }
}

/// Who has what a row tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owners {
    /// Only snapshots that were removed.
    Nobody,
    /// Snapshots of the set, and no other.
    OfTheSet,
    /// At least one other.
    Others,
}

impl Task {
    /// Rows that begin `after` a snapshot and end with `last_until` at the
    /// latest, but not before `first`.
    fn past(after: u64, first: u64, last_until: Option<u64>) -> Task {
        Task::Past {
            after,
            until: first,
            last_until,
            last: beginning(after),
        }
    }
}

/// The place before the first row that begins after a sequence.
fn beginning(after: u64) -> (u64, Spot) {
    let spot = Spot {
        dir: DirId::MAX,
        name: Vec::new(),
    };
    (after, spot)
}
