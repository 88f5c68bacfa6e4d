//! A catalog of a few rows, put there one by one.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::model::{TestStore, name_of};
use crate::catalog::Made;
use crate::catalog::directory::{DirectoryRow, set_changed};
use crate::catalog::query::Catalog;
use crate::catalog::row::{DirId, Facts, Place, TOP, Version};
use crate::catalog::small::insert_snapshot;
use crate::catalog::table::insert;
use crate::entry::{EntryKind, FileTime};

/// Rows for the catalog of a store.
pub(super) struct Rows {
    pub(super) place: TestStore,
    pub(super) connection: Connection,
    dirs: BTreeMap<String, DirId>,
    changed: BTreeMap<DirId, u64>,
}

impl Rows {
    /// With some snapshots, which are published, and the top of their trees.
    pub(super) fn new(snapshots: &[u64]) -> Rows {
        let place = TestStore::new();
        let connection = place.empty_catalog();
        for sequence in snapshots {
            place.publish(*sequence);
            snapshot(&connection, *sequence);
        }
        let mut rows = Rows {
            place,
            connection,
            dirs: BTreeMap::new(),
            changed: BTreeMap::new(),
        };
        rows.put("/", 1, None, version(EntryKind::Directory, 1));
        rows
    }

    /// Puts a version at a path; directories above it, and their numbers, are
    /// made as they are needed.
    pub(super) fn put(&mut self, path: &str, first: u64, until: Option<u64>, version: Version) {
        let mut version = version;
        if version.facts.kind == EntryKind::Directory {
            version.facts.stored = Some(self.dir(path) as u64);
        }
        let (dir, name) = match path.rsplit_once('/').unwrap() {
            ("", "") => (0, ""),
            ("", name) => (self.dir("/"), name),
            (above, name) => (self.dir(above), name),
        };
        let name = name.as_bytes();
        let place = Place {
            dir,
            name,
            first,
            until,
        };
        insert(&self.connection, &place, &version).unwrap();
        let last = first.max(until.unwrap_or(0));
        let changed = self.changed.entry(dir).or_default();
        *changed = last.max(*changed);
        set_changed(&self.connection, dir, *changed).unwrap();
    }

    fn dir(&mut self, path: &str) -> DirId {
        if let Some(dir) = self.dirs.get(path) {
            return *dir;
        }
        let (up, name) = match path.rsplit_once('/').unwrap() {
            ("", "") => (0, ""),
            ("", name) => (self.dir("/"), name),
            (above, name) => (self.dir(above), name),
        };
        let id = TOP + self.dirs.len() as DirId;
        let name = name.as_bytes();
        let row = DirectoryRow {
            id,
            up,
            name,
            changed: 0,
        };
        row.insert(&self.connection).unwrap();
        self.dirs.insert(path.to_owned(), id);
        id
    }

    /// The catalog, with nobody writing to it any more.
    pub(super) fn done(self) -> (TestStore, Catalog) {
        drop(self.connection);
        let catalog = self.place.store.catalog().unwrap();
        (self.place, catalog)
    }
}

/// Makes a snapshot known to the catalog.
pub(super) fn snapshot(connection: &Connection, sequence: u64) {
    insert_snapshot(connection, &made(sequence)).unwrap();
}

/// A snapshot that nothing is known of.
pub(super) fn made(sequence: u64) -> Made {
    Made {
        sequence,
        name: name_of(sequence),
        after: 0,
        is_after_gap: false,
        rules: String::new(),
        directory_bytes: 0,
    }
}

/// A version of which all that can be is told by a number.
pub(super) fn version(kind: EntryKind, number: u64) -> Version {
    let time = FileTime {
        seconds: number as i64,
        nanoseconds: 7,
    };
    Version {
        facts: Facts {
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            size_bytes: number,
            mtime: time,
            ctime: time,
            inode: number,
            mount: 1,
            stored: Some(100 + number),
            allocated_bytes: 4096,
            racy: false,
            shared: true,
            device_number: 0,
        },
        target: None,
        xattrs: None,
        hash: (kind == EntryKind::File).then_some([number as u8; 32]),
    }
}
