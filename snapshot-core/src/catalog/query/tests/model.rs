//! A source that changes, snapshots of it as trees in memory, and a catalog
//! filled with what these are.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::catalog::Made;
use crate::catalog::directory::DirectoryRow;
use crate::catalog::open::Open;
use crate::catalog::query::Catalog;
use crate::catalog::query::tests::rows::made;
use crate::catalog::row::{DirId, Facts, Place, Version, encode_xattrs};
use crate::catalog::small::insert_snapshot;
use crate::catalog::table::insert;
use crate::entry::{EntryKind, FileTime};
use crate::name::SnapshotName;
use crate::options::InitOptions;
use crate::store::Store;
use crate::xattr::Xattrs;

/// The names that lead to an entry.
pub(super) type Path = Vec<&'static str>;

/// A snapshot: what there is at each path. The order is that of the paths, a
/// directory before what is in it.
pub(super) type Tree = BTreeMap<Path, Version>;

/// Names for entries; one of them is not the order of a path's text.
pub(super) const NAMES: [&str; 6] = ["a", "a.b", "b", "c", "d", "e"];

/// One thing that a user does. Paths are chosen among those there are.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    Make {
        within: usize,
        name: usize,
        kind: usize,
    },
    /// Other content; the second says if the time is put back.
    Write(usize, bool),
    Touch(usize),
    Chmod(usize),
    /// There and back: only the ctime is another one.
    Stir(usize),
    Rename {
        from: usize,
        within: usize,
        name: usize,
    },
    RenameDirectory {
        from: usize,
        within: usize,
        name: usize,
    },
    Link {
        from: usize,
        within: usize,
        name: usize,
    },
    Remove(usize),
    Snapshot,
}

/// An inode of the source.
#[derive(Clone, Debug, PartialEq)]
struct Inode {
    /// No other inode ever has it.
    identity: u64,
    version: Version,
}

/// Which hashes are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Hashes {
    All,
    Some,
    None,
}

/// A source, and the snapshots that were made of it.
#[derive(Debug)]
pub(super) struct History {
    hashes: Hashes,
    clock: i64,
    next_number: u64,
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<Path, u64>,
    /// The stored inode of each identity, and what it was then.
    stored: BTreeMap<u64, Version>,
    pub(super) dirs: BTreeMap<Path, DirId>,
    /// By their sequences.
    pub(super) trees: BTreeMap<u64, Tree>,
}

impl History {
    pub(super) fn new(hashes: Hashes) -> History {
        let mut history = History {
            hashes,
            clock: 1_700_000_000,
            next_number: 0,
            inodes: BTreeMap::new(),
            names: BTreeMap::new(),
            stored: BTreeMap::new(),
            dirs: BTreeMap::new(),
            trees: BTreeMap::new(),
        };
        let (directory, file) = (EntryKind::Directory, EntryKind::File);
        let paths: [(&[&'static str], EntryKind); 9] = [
            (&[], directory),
            (&["a"], directory),
            (&["a", "a"], file),
            (&["a", "b"], file),
            (&["b"], directory),
            (&["b", "a"], directory),
            (&["b", "a", "b"], file),
            (&["b", "c"], file),
            (&["c"], file),
        ];
        for (path, kind) in paths {
            history.make(path.to_vec(), kind);
        }
        history
    }

    pub(super) fn edit(&mut self, edit: &Edit) {
        self.clock += 1;
        match *edit {
            Edit::Make { within, name, kind } => {
                const KINDS: [EntryKind; 5] = [
                    EntryKind::File,
                    EntryKind::Directory,
                    EntryKind::Symlink,
                    EntryKind::CharDevice,
                    EntryKind::Fifo,
                ];
                if let Some(path) = self.free(within, name) {
                    self.make(path, KINDS[kind % KINDS.len()]);
                }
            }
            Edit::Write(at, put_back) => {
                let number = self.next_number();
                self.change(at, |version, now| {
                    let facts = &mut version.facts;
                    match facts.kind {
                        // Of two sizes, so that many are the same.
                        EntryKind::File => facts.size_bytes = 1 + number % 2,
                        EntryKind::Symlink => version.target = Some(vec![number as u8]),
                        EntryKind::CharDevice => facts.device_number = number,
                        _ => return,
                    }
                    version.hash = Some([number as u8; 32]);
                    if !put_back {
                        facts.mtime = now;
                    }
                });
            }
            Edit::Touch(at) => self.change(at, |version, now| version.facts.mtime = now),
            Edit::Chmod(at) => self.change(at, |version, _| match version.facts.uid % 3 {
                0 => (version.facts.mode, version.facts.uid) = (0o700, 1),
                1 => (version.xattrs, version.facts.uid) = (None, 2),
                _ => {
                    let xattrs = Xattrs::new(vec![(c"user.a".to_owned(), b"\xff".to_vec())]);
                    (version.xattrs, version.facts.mode) = (encode_xattrs(&xattrs), 0o755);
                    version.facts.uid = 3;
                }
            }),
            Edit::Stir(at) => self.change(at, |_, _| {}),
            Edit::Rename { from, within, name } => {
                self.rename(self.some_path(from), self.free(within, name));
            }
            Edit::RenameDirectory { from, within, name } => {
                let dirs = self.directories();
                let from = dirs[from % dirs.len()].clone();
                self.rename(Some(from), self.free(within, name));
            }
            Edit::Link { from, within, name } => {
                let (Some(from), Some(to)) = (self.some_path(from), self.free(within, name)) else {
                    return;
                };
                let number = self.names[&from];
                if self.inodes[&number].version.facts.kind != EntryKind::Directory {
                    self.stir_above(&to);
                    self.names.insert(to, number);
                }
            }
            Edit::Remove(at) => {
                let Some(path) = self.some_path(at).filter(|path| !path.is_empty()) else {
                    return;
                };
                for path in self.below(&path) {
                    self.names.remove(&path);
                }
                let alive: BTreeSet<u64> = self.names.values().copied().collect();
                self.inodes.retain(|number, _| alive.contains(number));
                self.stir_above(&path);
            }
            Edit::Snapshot => self.snapshot(),
        }
    }

    fn next_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    fn some_path(&self, choice: usize) -> Option<Path> {
        let mut paths = self.names.keys();
        paths.nth(choice % self.names.len().max(1)).cloned()
    }

    fn directories(&self) -> Vec<Path> {
        let is_directory =
            |number: &u64| self.inodes[number].version.facts.kind == EntryKind::Directory;
        let dirs = self.names.iter().filter(|(_, number)| is_directory(number));
        dirs.map(|(path, _)| path.clone()).collect()
    }

    fn rename(&mut self, from: Option<Path>, to: Option<Path>) {
        let (Some(from), Some(to)) = (from, to) else {
            return;
        };
        if from.is_empty() || to.starts_with(&from) {
            return;
        }
        for path in self.below(&from) {
            let number = self.names.remove(&path).unwrap();
            let new = [&to[..], &path[from.len()..]].concat();
            self.names.insert(new, number);
        }
        self.stir_above(&from);
        self.stir_above(&to);
    }

    /// A path of a directory's that nothing has yet.
    fn free(&self, within: usize, name: usize) -> Option<Path> {
        let mut dirs = self.directories();
        dirs.retain(|path| path.len() < 4);
        let mut path = dirs.swap_remove(within % dirs.len());
        path.push(NAMES[name % NAMES.len()]);
        (!self.names.contains_key(&path)).then_some(path)
    }

    fn below(&self, path: &Path) -> Vec<Path> {
        let below = self.names.keys().filter(|other| other.starts_with(path));
        below.cloned().collect()
    }

    fn make(&mut self, path: Path, kind: EntryKind) {
        let identity = self.next_number();
        // Filesystems give the lowest number that is free.
        let inode = (1..)
            .find(|number| !self.inodes.contains_key(number))
            .unwrap();
        let now = self.now();
        let is_file = kind == EntryKind::File;
        let facts = Facts {
            kind,
            mode: 0o755,
            uid: 0,
            gid: 0,
            size_bytes: if is_file { 1 + identity % 2 } else { 0 },
            mtime: now,
            ctime: now,
            inode,
            mount: 1,
            stored: None,
            allocated_bytes: 0,
            racy: false,
            shared: false,
            device_number: if kind == EntryKind::CharDevice {
                identity
            } else {
                0
            },
        };
        let version = Version {
            facts,
            target: (kind == EntryKind::Symlink).then(|| vec![identity as u8]),
            xattrs: None,
            hash: is_file.then_some([identity as u8; 32]),
        };
        self.inodes.insert(inode, Inode { identity, version });
        self.stir_above(&path);
        self.names.insert(path, inode);
    }

    fn now(&self) -> FileTime {
        FileTime {
            seconds: self.clock,
            nanoseconds: 5,
        }
    }

    fn change(&mut self, choice: usize, change: impl FnOnce(&mut Version, FileTime)) {
        let now = self.now();
        if let Some(path) = self.some_path(choice) {
            let inode = self.inodes.get_mut(&self.names[&path]).unwrap();
            change(&mut inode.version, now);
            inode.version.facts.ctime = now;
        }
    }

    /// A directory in which a name came or went has another mtime.
    fn stir_above(&mut self, path: &Path) {
        let now = self.now();
        let Some((_, above)) = path.split_last() else {
            return;
        };
        if let Some(number) = self.names.get(above) {
            let facts = &mut self.inodes.get_mut(number).unwrap().version.facts;
            (facts.mtime, facts.ctime) = (now, now);
        }
    }

    fn snapshot(&mut self) {
        let sequence = self.trees.last_key_value().map_or(1, |(last, _)| last + 2);
        let mut tree = Tree::new();
        for (path, number) in self.names.clone() {
            let Inode { identity, version } = self.inodes[&number].clone();
            let mut version = version;
            if version.facts.kind == EntryKind::Directory {
                let next = self.dirs.len() as DirId + 1;
                let id = *self.dirs.entry(path.clone()).or_insert(next);
                version.facts.stored = Some(id as u64);
                tree.insert(path, version);
                continue;
            }
            // A hard link shares all that can be seen of a file.
            let looks = |version: &Version| {
                let Facts {
                    mode,
                    uid,
                    size_bytes,
                    mtime,
                    ..
                } = version.facts;
                let content = (
                    version.target.clone(),
                    version.hash,
                    version.facts.device_number,
                );
                (
                    mode,
                    uid,
                    version.xattrs.clone(),
                    size_bytes,
                    mtime,
                    content,
                )
            };
            let before = self.stored.get(&identity);
            let stored = match before.filter(|before| looks(before) == looks(&version)) {
                Some(before) => before.facts.stored,
                // Unlike the numbers of directories, at first.
                None => Some(3 * self.next_number()),
            };
            version.facts.stored = stored;
            version.facts.allocated_bytes = 1 << (stored.unwrap() % 40);
            self.stored.insert(identity, version.clone());
            let is_hashed = match self.hashes {
                Hashes::All => true,
                Hashes::Some => stored.unwrap() % 2 == 0,
                Hashes::None => false,
            };
            version.hash = version.hash.filter(|_| is_hashed);
            if version.facts.kind == EntryKind::Fifo {
                // The destination cannot hold any.
                (version.facts.stored, version.facts.allocated_bytes) = (None, 0);
            }
            tree.insert(path, version);
        }
        self.trees.insert(sequence, tree);
    }

    /// Writes the catalog that runs would have written, of which only `living`
    /// are there still. What the others alone had may be left behind.
    pub(super) fn fill(&self, connection: &Connection, living: &BTreeSet<u64>, leave: bool) {
        let rows = self.rows(living, leave);
        let mut uses: BTreeMap<u64, usize> = BTreeMap::new();
        let key = |row: &Row| {
            let facts = &row.version.facts;
            facts.stored.filter(|_| facts.kind != EntryKind::Directory)
        };
        for row in &rows {
            if let Some(stored) = key(row) {
                *uses.entry(stored).or_default() += 1;
            }
        }
        let transaction = connection.unchecked_transaction().unwrap();
        let mut changed: BTreeMap<DirId, u64> = BTreeMap::new();
        for row in &rows {
            let mut version = row.version.clone();
            // It may be set without a reason.
            version.facts.shared =
                key(row).is_some_and(|stored| uses[&stored] > 1 || stored % 5 == 0);
            let dir = row
                .path
                .split_last()
                .map_or(0, |(_, above)| self.dirs[above]);
            let place = Place {
                dir,
                name: row.path.last().map_or(b"", |name| name.as_bytes()),
                first: row.first,
                until: row.until,
            };
            insert(&transaction, &place, &version).unwrap();
            let last = changed.entry(dir).or_default();
            *last = row.first.max(row.until.unwrap_or(0)).max(*last);
        }
        let by_number: BTreeMap<DirId, &Path> =
            self.dirs.iter().map(|(path, id)| (*id, path)).collect();
        for (id, path) in by_number {
            let up = path.split_last().map_or(0, |(_, above)| self.dirs[above]);
            let name = path.last().map_or(b"".as_slice(), |name| name.as_bytes());
            let changed = changed.get(&id).copied().unwrap_or(0);
            let row = DirectoryRow {
                id,
                up,
                name,
                changed,
            };
            row.insert(&transaction).unwrap();
        }
        for sequence in self.trees.keys() {
            if !living.contains(sequence) && !leave {
                continue;
            }
            let made = Made {
                directory_bytes: directory_bytes(*sequence),
                ..made(*sequence)
            };
            insert_snapshot(&transaction, &made).unwrap();
        }
        transaction.commit().unwrap();
    }

    fn rows(&self, living: &BTreeSet<u64>, leave: bool) -> Vec<Row> {
        let mut ended: Vec<Row> = Vec::new();
        let mut open: BTreeMap<Path, Row> = BTreeMap::new();
        for (sequence, tree) in &self.trees {
            let (same, other) = std::mem::take(&mut open)
                .into_iter()
                .partition(|(path, row)| tree.get(path) == Some(&row.version));
            open = same;
            ended.extend(other.into_values().map(|row: Row| Row {
                until: Some(*sequence),
                ..row
            }));
            for (path, version) in tree {
                open.entry(path.clone()).or_insert_with(|| Row {
                    path: path.clone(),
                    first: *sequence,
                    until: None,
                    version: version.clone(),
                });
            }
        }
        ended.retain(|row| leave || living.range(row.first..row.until.unwrap()).next().is_some());
        ended.into_iter().chain(open.into_values()).collect()
    }
}

struct Row {
    path: Path,
    first: u64,
    until: Option<u64>,
    version: Version,
}

/// The name of the snapshot with a sequence.
pub(super) fn name_of(sequence: u64) -> SnapshotName {
    format!("2026-01-01T00-{:02}-{:02}Z", sequence / 60, sequence % 60)
        .parse()
        .unwrap()
}

/// What the directories of a snapshot take.
pub(super) fn directory_bytes(sequence: u64) -> u64 {
    sequence << 50
}

/// A store, gone when this is dropped.
pub(super) struct TestStore {
    pub(super) folder: TempDir,
    pub(super) store: Store,
}

impl TestStore {
    pub(super) fn new() -> TestStore {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = Store::init(path, &InitOptions::new(), &()).unwrap();
        TestStore { folder, store }
    }

    /// An empty catalog, which need not survive a crash.
    pub(super) fn empty_catalog(&self) -> Connection {
        let connection = match self.store.open_catalog(Open::Write) {
            Ok((connection, _)) => connection,
            Err(_) => self.store.make_catalog().unwrap(),
        };
        connection
            .execute_batch(
                "PRAGMA synchronous = OFF; BEGIN; DELETE FROM snapshot; DELETE FROM directory; \
                 DELETE FROM entry; DELETE FROM past; COMMIT",
            )
            .unwrap();
        connection
    }

    /// A catalog of a history of which some snapshots are there still.
    pub(super) fn catalog(
        &self,
        history: &History,
        living: &BTreeSet<u64>,
        leave: bool,
    ) -> Catalog {
        for sequence in living {
            self.publish(*sequence);
        }
        history.fill(&self.empty_catalog(), living, leave);
        self.store.catalog().unwrap()
    }

    /// Puts a tree and its record into the store.
    pub(super) fn publish(&self, sequence: u64) {
        let name = name_of(sequence);
        let record = serde_json::json!({
            "format": 1, "store": self.store.id(), "name": name, "sequence": sequence,
            "status": "complete", "host": "h", "sources": [], "counts": {},
        });
        let path = self.store.path();
        std::fs::create_dir_all(path.join(name.to_string())).unwrap();
        let file = path.join(format!(".hardsnap/snapshots/{name}.json"));
        std::fs::write(file, record.to_string()).unwrap();
    }

    /// Takes a tree and its record out of the store.
    pub(super) fn unpublish(&self, sequence: u64) {
        let name = name_of(sequence);
        let path = self.store.path();
        std::fs::remove_dir(path.join(name.to_string())).unwrap();
        std::fs::remove_file(path.join(format!(".hardsnap/snapshots/{name}.json"))).unwrap();
    }
}
