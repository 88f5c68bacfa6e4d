//! What was moved between two snapshots: paths that are gone, paired with paths
//! that are new.

use std::collections::HashMap;
use std::sync::Arc;

use crate::catalog::open::Outcome;
use crate::catalog::query::names::{Listing, covers, damaged, lookup};
use crate::catalog::query::place::{ABOVE, Spot, above, path_of_directory, push};
use crate::catalog::query::reading::{Reading, Stop};
use crate::catalog::row::{DirId, Facts, MountId, NO_MOUNT, Version};
use crate::catalog::table::{COLUMNS, Read};
use crate::entry::EntryKind;

/// So many pairs are remembered, since each is asked for twice: where the entry
/// was, and where it is.
const REMEMBERED: usize = if cfg!(test) { 4 } else { 1 << 16 };

/// What an entry keeps while it is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    /// The inode in the store.
    File(u64),
    /// The inode in the source. Every snapshot has its own directories.
    Directory(MountId, u64),
}

/// A row that an identity was found in.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) spot: Spot,
    pub(super) first: u64,
    pub(super) until: Option<u64>,
    pub(super) facts: Facts,
}

/// Paths of one identity: gone ones, each with the new one in its stead.
#[derive(Debug, Default)]
struct Pairs {
    /// In the order of the new ones, which come first.
    by_new: Vec<(Spot, Spot)>,
    /// In the order of those that are gone, which come first.
    by_gone: Vec<(Spot, Spot)>,
}

/// From which side of a pair the other is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    New,
    Gone,
}

/// Finds out what was moved from one snapshot to another.
pub(super) struct Moves {
    from: u64,
    to: u64,
    known: HashMap<Identity, Arc<Pairs>>,
    /// How many pairs these are.
    count: usize,
    /// The directory that was asked for last, and the other of its pair.
    last_partner: Option<(Side, DirId, Option<DirId>)>,
    /// The path of the directory that was asked for last.
    last_path: Option<(DirId, Vec<u8>)>,
}

impl Moves {
    pub(super) fn new(from: u64, to: u64) -> Moves {
        Moves {
            from,
            to,
            known: HashMap::new(),
            count: 0,
            last_partner: None,
            last_path: None,
        }
    }

    /// Finds where an entry was that is new at its path; none if it was nowhere.
    pub(super) fn origin(
        &mut self,
        reading: &Reading<'_>,
        spot: &Spot,
        version: &Version,
    ) -> Outcome<Option<Spot>> {
        self.other(reading, Side::New, spot, version)
    }

    /// Tells whether an entry that is gone from its path is at another one now.
    pub(super) fn is_elsewhere(
        &mut self,
        reading: &Reading<'_>,
        spot: &Spot,
        version: &Version,
    ) -> Outcome<bool> {
        let other = self.other(reading, Side::Gone, spot, version)?;
        Ok(other.is_some())
    }

    fn other(
        &mut self,
        reading: &Reading<'_>,
        side: Side,
        spot: &Spot,
        version: &Version,
    ) -> Outcome<Option<Spot>> {
        let pairs = self.pairs(reading, &version.facts)?;
        match pairs.other(side, spot) {
            Some(other) => Ok(Some(other.clone())),
            None => self.namesake(reading, side, spot, version),
        }
    }

    /// What came along in a directory that was moved and was altered there is
    /// known by its name.
    fn namesake(
        &mut self,
        reading: &Reading<'_>,
        side: Side,
        spot: &Spot,
        version: &Version,
    ) -> Outcome<Option<Spot>> {
        if version.facts.kind == EntryKind::Directory {
            return Ok(None);
        }
        let Some(dir) = self.partner(reading, side, spot.dir)? else {
            return Ok(None);
        };
        let name = spot.name.clone();
        let other = Spot { dir, name };
        let named = lookup(reading, dir, &other.name)?;
        let found = named
            .as_ref()
            .and_then(|named| named.at(self.other_end(side)));
        let Some(found) = found.filter(|found| found.facts.kind == version.facts.kind) else {
            return Ok(None);
        };
        let pairs = self.pairs(reading, &found.facts)?;
        Ok(match pairs.other(side.other(), &other) {
            None => Some(other),
            Some(_) => None,
        })
    }

    /// The directory that one was moved from, or to.
    fn partner(&mut self, reading: &Reading<'_>, side: Side, dir: DirId) -> Outcome<Option<DirId>> {
        match self.last_partner {
            Some((of_side, of, partner)) if (of_side, of) == (side, dir) => return Ok(partner),
            _ => {}
        }
        if dir == ABOVE {
            return Ok(None);
        }
        let spot = above(reading, dir)?;
        let mut partner = None;
        let named = lookup(reading, spot.dir, &spot.name)?;
        if let Some(version) = named.and_then(|named| named.at(self.end(side)).cloned()) {
            let pairs = self.pairs(reading, &version.facts)?;
            if let Some(other) = pairs.other(side, &spot) {
                let named = lookup(reading, other.dir, &other.name)?;
                let other = named.and_then(|named| named.at(self.other_end(side)).cloned());
                partner = other.and_then(|other| other.facts.stored);
            }
        }
        let partner = partner.map(|partner| partner as DirId);
        self.last_partner = Some((side, dir, partner));
        Ok(partner)
    }

    /// The snapshot that a side is of.
    fn end(&self, side: Side) -> u64 {
        match side {
            Side::New => self.to,
            Side::Gone => self.from,
        }
    }

    fn other_end(&self, side: Side) -> u64 {
        self.end(side.other())
    }

    /// The path of a spot.
    pub(super) fn path(&mut self, reading: &Reading<'_>, spot: &Spot) -> Outcome<Vec<u8>> {
        let is_last = |(dir, _): &(DirId, _)| *dir == spot.dir;
        if !self.last_path.as_ref().is_some_and(is_last) {
            self.last_path = Some((spot.dir, path_of_directory(reading, spot.dir)?));
        }
        let mut path = self
            .last_path
            .iter()
            .flat_map(|(_, path)| path.clone())
            .collect();
        push(&mut path, &spot.name);
        Ok(path)
    }

    fn pairs(&mut self, reading: &Reading<'_>, facts: &Facts) -> Outcome<Arc<Pairs>> {
        let Some(identity) = Identity::of(facts) else {
            return Ok(Arc::default());
        };
        if let Some(known) = self.known.get(&identity) {
            return Ok(Arc::clone(known));
        }
        let pairs = Arc::new(self.find(reading, identity)?);
        if self.count >= REMEMBERED {
            self.known.clear();
            self.count = 0;
        }
        self.count += 1 + pairs.by_gone.len();
        self.known.insert(identity, Arc::clone(&pairs));
        Ok(pairs)
    }

    fn find(&self, reading: &Reading<'_>, identity: Identity) -> Outcome<Pairs> {
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for holder in holders(reading, identity)? {
            let (was, is) = (holder.has(self.from), holder.has(self.to));
            if was == is {
                continue;
            }
            // The path may have had something else before, or have it now.
            let spot = &holder.spot;
            let named = lookup(reading, spot.dir, &spot.name)?.ok_or_else(damaged)?;
            if was && named.at(self.to).is_none() {
                gone.push(holder);
            } else if is && named.at(self.from).is_none() {
                new.push(holder);
            }
        }
        if let Identity::Directory(..) = identity {
            // A directory has one path. And a number that was given anew is no
            // reason to believe that it is the same.
            let [old, new] = match (gone.pop(), new.pop()) {
                (Some(old), Some(other)) if gone.is_empty() && new.is_empty() => [old, other],
                _ => return Ok(Pairs::default()),
            };
            if !self.is_same_directory(reading, &old, &new)? {
                return Ok(Pairs::default());
            }
            return Ok(Pairs::of(vec![old.spot], vec![new.spot]));
        }
        let spots = |holders: Vec<Holder>| holders.into_iter().map(|holder| holder.spot).collect();
        Ok(Pairs::of(spots(gone), spots(new)))
    }

    /// Tells whether two directories are the same one: its mtime stayed, or
    /// something of what is in it did.
    fn is_same_directory(
        &self,
        reading: &Reading<'_>,
        old: &Holder,
        new: &Holder,
    ) -> Outcome<bool> {
        if old.facts.mtime == new.facts.mtime {
            return Ok(true);
        }
        let (Some(old), Some(new)) = (old.facts.stored, new.facts.stored) else {
            return Err(damaged());
        };
        let (from, to) = (self.from, self.to);
        let reading = &reading.aside();
        let mut listing = Listing::new(new as DirId, 0);
        loop {
            let named = listing.next(reading, &|read| covers(read.first, read.until, to));
            let named = match named {
                Ok(Some(named)) => named,
                // No more than some thousand rows are looked at.
                Ok(None) | Err(Stop::Pause) => return Ok(false),
                Err(Stop::Trouble(trouble)) => return Err(trouble),
            };
            let before = lookup(reading, old as DirId, &named.name)?;
            let before = before.as_ref().and_then(|named| named.at(from));
            let stayed = |before: &Version, after: &Version| {
                let (before, after) = (&before.facts, &after.facts);
                let same_time = before.mtime == after.mtime;
                Identity::of(before).is_some_and(|before| Identity::of(after) == Some(before))
                    && (after.kind != EntryKind::Directory || same_time)
            };
            if before
                .zip(named.at(to))
                .is_some_and(|(before, after)| stayed(before, after))
            {
                return Ok(true);
            }
        }
    }
}

impl Identity {
    /// What tells an entry wherever it is; none if nothing does.
    fn of(facts: &Facts) -> Option<Identity> {
        match facts.kind {
            EntryKind::Directory if facts.mount == NO_MOUNT => None,
            EntryKind::Directory => Some(Identity::Directory(facts.mount, facts.inode)),
            _ if !facts.shared => None,
            _ => facts.stored.map(Identity::File),
        }
    }
}

impl Holder {
    fn has(&self, sequence: u64) -> bool {
        covers(self.first, self.until, sequence)
    }
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::New => Side::Gone,
            Side::Gone => Side::New,
        }
    }
}

impl Pairs {
    /// The other of a pair.
    fn other(&self, side: Side, spot: &Spot) -> Option<&Spot> {
        let pairs = match side {
            Side::New => &self.by_new,
            Side::Gone => &self.by_gone,
        };
        let place = pairs.binary_search_by(|(one, _)| one.cmp(spot)).ok()?;
        Some(&pairs[place].1)
    }

    /// Pairs paths that are gone with new ones: those of the same name first,
    /// since whole directories are moved more often than names are exchanged.
    fn of(mut gone: Vec<Spot>, mut new: Vec<Spot>) -> Pairs {
        let by_name =
            |one: &Spot, other: &Spot| (&one.name, one.dir).cmp(&(&other.name, other.dir));
        gone.sort_by(by_name);
        new.sort_by(by_name);
        let mut pairs = Vec::new();
        let (mut gone, mut new) = (gone.into_iter().peekable(), new.into_iter().peekable());
        let (mut other_gone, mut other_new) = (Vec::new(), Vec::new());
        while let (Some(old), Some(now)) = (gone.peek(), new.peek()) {
            match old.name.cmp(&now.name) {
                std::cmp::Ordering::Equal => pairs.extend(new.next().zip(gone.next())),
                std::cmp::Ordering::Less => other_gone.extend(gone.next()),
                std::cmp::Ordering::Greater => other_new.extend(new.next()),
            }
        }
        other_gone.extend(gone);
        other_new.extend(new);
        pairs.extend(other_new.into_iter().zip(other_gone));
        pairs.sort();
        let turned = pairs.iter().map(|(new, gone)| (gone.clone(), new.clone()));
        let mut by_gone: Vec<(Spot, Spot)> = turned.collect();
        by_gone.sort();
        Pairs {
            by_new: pairs,
            by_gone,
        }
    }
}

/// The rows that tell of an identity.
pub(super) fn holders(reading: &Reading<'_>, identity: Identity) -> Outcome<Vec<Holder>> {
    let (number, conditions) = match identity {
        Identity::File(stored) => (stored, ["stored = ?1 AND shared"; 2]),
        Identity::Directory(_, inode) => {
            (inode, ["inode = ?1", "inode = ?1 AND mode & 61440 = 16384"])
        }
    };
    let mut holders = Vec::new();
    for ((table, until), condition) in [("entry", "NULL"), ("past", "until")]
        .into_iter()
        .zip(conditions)
    {
        let sql =
            format!("SELECT dir, name, first, {until}, {COLUMNS} FROM {table} WHERE {condition}");
        let mut statement = reading.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([number as i64])?;
        while let Some(row) = rows.next()? {
            let dir = row.get(0)?;
            let read = Read::of(row, dir, 1)?.ok_or_else(damaged)?;
            reading.count(0);
            // The number of a directory is no inode of the store.
            let is_directory = read.facts.kind == EntryKind::Directory;
            let fits = match identity {
                Identity::File(_) => !is_directory,
                Identity::Directory(mount, _) => is_directory && read.facts.mount == mount,
            };
            if fits {
                holders.push(Holder {
                    spot: Spot {
                        dir,
                        name: read.name.to_vec(),
                    },
                    first: read.first,
                    until: read.until,
                    facts: read.facts,
                });
            }
        }
    }
    Ok(holders)
}
