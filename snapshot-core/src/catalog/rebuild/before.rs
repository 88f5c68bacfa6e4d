//! What the catalog before knows: of each snapshot, what its tree confirms is
//! taken over.

use std::ffi::{CStr, CString};

use rusqlite::Connection;

use crate::catalog::change::NewMount;
use crate::catalog::open::{Numbers, Open, Outcome, Trouble};
use crate::catalog::read::{Reader, Standing};
use crate::catalog::rebuild::shelf::{Known, Shelf};
use crate::catalog::row::{DirId, TOP, Version};
use crate::catalog::small::{Told, mounts, told};
use crate::name::SnapshotName;
use crate::store::Store;

/// The catalog before, as far as it can be read.
pub(crate) struct Before<'s> {
    reader: Option<Reader<'s>>,
    told: Vec<Told>,
    pub(super) mounts: Vec<NewMount>,
    /// The stored inodes in it are those of this disk.
    pub(super) has_numbers: bool,
    /// Why not all of it can be taken over.
    trouble: Option<Trouble>,
}

impl<'s> Before<'s> {
    /// Opens the catalog there is. Under the lock.
    pub(crate) fn open(store: &'s Store) -> Before<'s> {
        // To be written first, since a transaction that was cut short is undone
        // so; then others may read beside us.
        let opened = store
            .open_catalog(Open::Write)
            .map(drop)
            .and_then(|()| store.open_catalog(Open::Hold));
        Before::new(store, opened)
    }

    /// Takes an open catalog, or the reason why there is none.
    pub(crate) fn new(store: &'s Store, opened: Outcome<(Connection, Numbers)>) -> Before<'s> {
        let read = opened.and_then(|(connection, numbers)| {
            let told = told(&connection)?;
            let mounts = mounts(&connection)?;
            let newest = told.last().map_or(0, |told| told.sequence);
            let standing = Standing {
                basis: None,
                newest,
                spare: None,
            };
            Ok(Before {
                reader: Some(Reader::new(store, connection, Open::Hold, standing)),
                told,
                mounts,
                has_numbers: numbers == Numbers::Valid,
                trouble: None,
            })
        });
        read.unwrap_or_else(|trouble| Before {
            reader: None,
            told: Vec::new(),
            mounts: Vec::new(),
            has_numbers: false,
            trouble: Some(trouble),
        })
    }

    /// The number of a snapshot by the name that the catalog tells.
    pub(crate) fn sequence(&self, name: SnapshotName) -> Option<u64> {
        let name = name.to_string();
        let told = self.told.iter().find(|told| told.name == name)?;
        Some(told.sequence)
    }

    /// What was kept and compared in a snapshot. Asks for what is known of it
    /// from now on.
    pub(super) fn turn_to(&mut self, sequence: u64, name: SnapshotName) -> Option<&str> {
        let name = name.to_string();
        let is = |told: &&Told| told.sequence == sequence && told.name == name;
        let told = self.told.iter().find(is);
        if let Some(reader) = &mut self.reader {
            reader.standing.basis = told.map(|told| told.sequence);
        }
        told.map(|told| told.rules.as_str())
    }

    /// The number that the top of a tree has, if the snapshot is known.
    pub(super) fn top(&self) -> Option<DirId> {
        let basis = self.reader.as_ref()?.standing.basis;
        basis.map(|_| TOP)
    }

    /// Asks, as long as there are answers.
    fn ask<T>(&mut self, question: impl FnOnce(&Reader<'s>) -> Outcome<T>) -> Option<T> {
        let answer = question(self.reader.as_ref()?);
        answer
            .map_err(|trouble| {
                self.trouble = Some(trouble);
                self.reader = None;
            })
            .ok()
    }

    pub(super) fn shelf(&mut self, dir: Option<DirId>) -> Option<Shelf> {
        let dir = dir?;
        self.ask(|reader| Shelf::read(reader, dir))
    }

    pub(super) fn find(&mut self, shelf: Option<&Shelf>, name: &CStr) -> Option<Known> {
        let shelf = shelf?;
        let found = self.ask(|reader| shelf.find(reader, name)).flatten();
        found.map(|(_, known)| known)
    }

    /// The names in a directory of what the destination could not hold.
    pub(super) fn refused(&mut self, shelf: Option<&Shelf>) -> Vec<CString> {
        let refused = shelf.and_then(|shelf| self.ask(|reader| shelf.refused(reader)));
        refused.unwrap_or_default()
    }

    /// What is known of one entry.
    pub(super) fn known(&mut self, dir: Option<DirId>, name: &CStr) -> Option<Known> {
        let dir = dir?;
        self.ask(|reader| reader.known(dir, name)).flatten()
    }

    /// All of the version of an entry.
    pub(super) fn version(&mut self, dir: Option<DirId>, name: &CStr) -> Option<Version> {
        let dir = dir?;
        self.ask(|reader| reader.version(dir, name)).flatten()
    }

    /// Why not all of it can be taken over, if so.
    pub(crate) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }
}
