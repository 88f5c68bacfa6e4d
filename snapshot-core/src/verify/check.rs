//! The trees against the catalog: a part of a directory at a time, in each of
//! the snapshots that have it.
//!
//! A stored inode is looked at in the newest of them. In the others a listing
//! shows that it is the same one.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::Scope;

use crate::cancel::CancelToken;
use crate::catalog::TOP;
use crate::catalog::query::{Aspect, Catalog, CatalogSnapshot, Row, Slice};
use crate::claims::Claims;
use crate::compare::Rules;
use crate::entry::{EntryKind, Metadata};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::fs::dir::{Dir, is_absence};
use crate::fs::publish::InodeNumbers;
use crate::fs::xattr::{self, Place};
use crate::report::Counts;
use crate::store::Store;
use crate::verify::anchors::Anchors;
use crate::verify::compare::{Found, differences};
use crate::verify::content::Wanted;
use crate::verify::findings::Findings;
use crate::verify::listing::Listing;
use crate::verify::look::{look, recorded_xattrs};
use crate::verify::report::DamageKind;

/// A comparison under way.
pub(super) struct Check<'a> {
    pub(super) store: &'a Store,
    pub(super) catalog: &'a Catalog,
    /// Oldest first.
    pub(super) snapshots: Vec<Checked>,
    /// What was kept in each snapshot, by its sequence.
    pub(super) rules: HashMap<u64, Rules>,
    pub(super) numbers: InodeNumbers,
    pub(super) wanted: Wanted,
    /// Inodes that several rows have, and that were looked at.
    pub(super) claims: Claims,
    pub(super) findings: &'a Findings,
    pub(super) totals: Totals,
    /// Large files that wait for a worker with their directory open.
    pub(super) waiting: AtomicUsize,
    pub(super) anchors: Anchors,
    pub(super) failure: Mutex<Option<Error>>,
    pub(super) is_failing: AtomicBool,
    pub(super) observer: &'a dyn Observer,
    pub(super) cancel: &'a CancelToken,
}

/// A snapshot that is compared.
pub(super) struct Checked {
    pub(super) known: CatalogSnapshot,
    /// What its run kept.
    pub(super) rules: Rules,
    /// What its run could not do as it should, by its record.
    pub(super) skipped: HashSet<PathBuf>,
    /// It was removed meanwhile.
    pub(super) is_gone: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) entries: AtomicU64,
    pub(super) files: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) unhashed: AtomicU64,
    /// Bytes that were read and not told of yet.
    pub(super) news: AtomicU64,
}

/// An entry in a snapshot, and the version that it should be.
#[derive(Clone)]
pub(super) struct Here<'h> {
    pub(super) one: &'h Checked,
    pub(super) slice: &'h Slice,
    pub(super) name: CString,
    pub(super) row: &'h Row,
}

/// What was found out of an inode before its content is read.
#[derive(Clone)]
pub(super) struct Look {
    pub(super) metadata: Metadata,
    pub(super) differs: Vec<Aspect>,
    pub(super) extent: Extent,
    /// It is not the inode that was stored.
    pub(super) is_replaced: bool,
}

/// Whom a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The entry of one snapshot.
    Place,
    /// The stored inode, wherever it is linked.
    Inode,
}

/// What of a slice was looked at: of each name, for each of its rows, the inode.
type Looked = Vec<Vec<Option<u64>>>;

impl<'a> Check<'a> {
    /// Compares a part of a directory in all snapshots; tells how many of its
    /// names each has.
    pub(super) fn slice<'scope>(
        &'scope self,
        slice: &'scope Slice,
        scope: &Scope<'scope>,
    ) -> Vec<u64> {
        let rows = slice.names.iter().map(|(_, rows)| vec![None; rows.len()]);
        let mut looked: Looked = rows.collect();
        let mut present = vec![0; self.snapshots.len()];
        // The newest first: it is the one that is looked at.
        for (one, present) in self.snapshots.iter().zip(&mut present).rev() {
            if self.is_stopping() {
                break;
            }
            let own = slice.own_at(one.known.sequence);
            let own = own.filter(|own| own.version.facts.kind == EntryKind::Directory);
            if let Some(own) = own.filter(|_| !one.is_gone.load(Ordering::Relaxed)) {
                *present = self.directory(one, slice, own, &mut looked, scope);
            }
        }
        self.tell(slice, &looked);
        present
    }

    /// Compares it in one snapshot; tells how many of its names are there.
    fn directory<'scope>(
        &'scope self,
        one: &'scope Checked,
        slice: &'scope Slice,
        own: &Row,
        looked: &mut Looked,
        scope: &Scope<'scope>,
    ) -> u64 {
        let dir = match self.open(one, &slice.path) {
            Ok(dir) => dir,
            // The directory above tells, or another part of it.
            Err(error) if is_absence(&error) && slice.dir != TOP => return 0,
            Err(_) if !slice.is_first => return 0,
            Err(error) => {
                let kind = match is_absence(&error) {
                    true => DamageKind::Missing,
                    false => unreadable(&error),
                };
                self.at_directory(one, slice, own, kind);
                return 0;
            }
        };
        if slice.is_first {
            // All others are counted where they are names.
            let is_top = u64::from(slice.dir == TOP);
            self.totals.entries.fetch_add(is_top, Ordering::Relaxed);
            self.own(one, slice, own, &dir);
        }
        let listing = match slice.is_whole() {
            true => Listing::read(&dir),
            false => Ok(None),
        };
        let listing = match listing {
            Ok(listing) => listing,
            Err(error) => {
                self.at_directory(one, slice, own, unreadable(&error));
                return 0;
            }
        };
        let mut present = 0;
        for ((name, rows), looked) in slice.names.iter().zip(looked) {
            if self.is_stopping() {
                return present;
            }
            let found = rows
                .iter()
                .position(|row| row.is_in(one.known.sequence))
                .zip(CString::new(name.as_slice()).ok());
            let Some((place, name)) = found else {
                continue;
            };
            let here = Here {
                one,
                slice,
                name,
                row: &rows[place],
            };
            let is_there = self.entry(&here, &dir, listing.as_ref(), &mut looked[place], scope);
            present += u64::from(is_there);
        }
        self.totals.entries.fetch_add(present, Ordering::Relaxed);
        match listing {
            Some(listing) if listing.len() as u64 == present => {}
            Some(listing) => {
                for name in listing.names() {
                    if !has(slice, one.known.sequence, name.to_bytes()) {
                        self.unexpected(one, &slice.path, name);
                    }
                }
            }
            // There is far more than was recorded.
            None if slice.is_whole() => self.search(one, slice),
            None => {}
        }
        present
    }

    /// Compares an entry; tells whether something that was recorded has the
    /// name.
    fn entry<'scope>(
        &'scope self,
        here: &Here<'scope>,
        dir: &Arc<Dir>,
        listing: Option<&Listing>,
        looked: &mut Option<u64>,
        scope: &Scope<'scope>,
    ) -> bool {
        let facts = &here.row.version.facts;
        if facts.kind != EntryKind::Directory && facts.stored.is_none() {
            // The destination could not hold it; what is there was never stored.
            return false;
        }
        let listed = match listing.map(|listing| listing.find(&here.name)) {
            Some(None) => {
                self.at_place(here, DamageKind::Missing);
                return false;
            }
            Some(Some((Some(kind), inode))) if self.numbers == InodeNumbers::Listed => {
                Some((kind, inode))
            }
            // The numbers, or kinds, have to be asked for.
            Some(Some(_)) | None => None,
        };
        let mut metadata = None;
        let (kind, inode) = match listed {
            Some(listed) => listed,
            None => match dir.stat(&here.name) {
                Ok(found) => (metadata.insert(found).kind, found.id.inode),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.at_place(here, DamageKind::Missing);
                    return false;
                }
                Err(error) => {
                    self.at_place(here, unreadable(&error));
                    return true;
                }
            },
        };
        if kind != facts.kind {
            let differs = vec![Aspect::Kind];
            self.at_place(here, DamageKind::Altered { differs });
            return true;
        }
        if kind == EntryKind::Directory {
            // It has its own turn.
            return true;
        }
        let recorded = facts.stored.filter(|_| self.goes_by_number());
        let expected = recorded.or(*looked).unwrap_or(inode);
        let is_replaced = recorded.is_some() && inode != expected;
        let extent = match inode == expected {
            true if *looked == Some(inode) => return true,
            true => Extent::Inode,
            false => Extent::Place,
        };
        if extent == Extent::Inode {
            *looked = Some(inode);
            // Other rows, under other names, have it too.
            if facts.shared && recorded.is_some() && !self.claims.claim(inode) {
                return true;
            }
        }
        let metadata = match metadata.map_or_else(|| dir.stat(&here.name), Ok) {
            Ok(metadata) => metadata,
            Err(error) => {
                self.at_place(here, unreadable(&error));
                return true;
            }
        };
        match look(&here.row.version, dir, &here.name, metadata, here.one.rules) {
            Ok(differs) => {
                let look = Look {
                    metadata,
                    differs,
                    extent,
                    is_replaced,
                };
                self.content(here, dir, look, scope);
            }
            Err(error) => self.judge(here, extent, Err(error)),
        }
        true
    }

    /// Compares a directory's own metadata.
    fn own(&self, one: &Checked, slice: &Slice, own: &Row, dir: &Dir) {
        let found = dir.stat_self().and_then(|metadata| {
            Ok(Found {
                metadata,
                xattrs: xattr::read(Place::Open(dir.as_fd()))?,
                target: None,
            })
        });
        let found = found.map(|found| {
            let recorded = recorded_xattrs(&own.version);
            differences(&own.version, &recorded, &found, &one.rules)
        });
        let path = path_of(&slice.path);
        match found {
            Ok(differs) if differs.is_empty() || one.skipped.contains(&path) => {}
            Ok(differs) => self.at_directory(one, slice, own, DamageKind::Altered { differs }),
            Err(error) => self.at_directory(one, slice, own, unreadable(&error)),
        }
    }

    /// Ends the run: there is no relying on the catalog.
    pub(super) fn fail(&self, error: Error) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
        self.is_failing.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.cancel.is_cancelled() || self.is_failing.load(Ordering::Relaxed)
    }

    /// What ends the run, if anything does.
    pub(super) fn check_on(&self) -> Result<()> {
        let failure = self.failure.lock();
        match failure.unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => self.cancel.check(),
        }
    }

    /// Opens a directory of a snapshot by its path.
    pub(super) fn open(&self, one: &Checked, path: &Arc<[u8]>) -> io::Result<Arc<Dir>> {
        self.anchors.open(self.store, one.known, path)
    }

    /// Tells whether stored inodes can be told by the numbers in the catalog.
    pub(super) fn goes_by_number(&self) -> bool {
        self.numbers.are_lasting() && self.catalog.has_numbers()
    }

    /// Counts what was compared, each version once.
    fn tell(&self, slice: &Slice, looked: &Looked) {
        let mut news = Counts::default();
        news.directories += u64::from(slice.is_first && !slice.own.is_empty());
        for ((_, rows), looked) in slice.names.iter().zip(looked) {
            for (row, _) in rows.iter().zip(looked) {
                match row.version.facts.kind {
                    EntryKind::File => news.files_linked += 1,
                    EntryKind::Symlink => news.symlinks += 1,
                    EntryKind::Directory => {}
                    _ => news.specials += 1,
                }
            }
        }
        news.bytes_linked = self.totals.news.swap(0, Ordering::Relaxed);
        self.observer.on_event(&Event::Progress(&news));
    }
}

impl Here<'_> {
    pub(super) fn path(&self) -> PathBuf {
        path_of(&self.slice.path).join(path_of(self.name.to_bytes()))
    }
}

/// Tells whether a snapshot has an entry of the name in the slice.
fn has(slice: &Slice, sequence: u64, name: &[u8]) -> bool {
    let place = slice
        .names
        .binary_search_by(|(known, _)| known.as_slice().cmp(name));
    place.is_ok_and(|place| {
        let rows = &slice.names[place].1;
        rows.iter().any(|row| {
            let facts = &row.version.facts;
            let is_held = facts.kind == EntryKind::Directory || facts.stored.is_some();
            row.is_in(sequence) && is_held
        })
    })
}

pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes)).to_path_buf()
}

pub(super) fn unreadable(error: &io::Error) -> DamageKind {
    DamageKind::Unreadable {
        error: crate::report::describe(error),
    }
}
