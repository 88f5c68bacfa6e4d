//! The catalog against a model that forgets nothing: every snapshot as a map
//! from paths to versions.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString};
use std::fs;

use proptest::prelude::*;

use crate::catalog::open::Open;
use crate::catalog::read::{Standing, select};
use crate::catalog::row::tests;
use crate::catalog::session::reconcile;
use crate::catalog::small::told;
use crate::catalog::table::Read;
use crate::catalog::{Change, DirId, Log, Made, Origin, Reader, Session, TOP, Trouble, Version};
use crate::entry::EntryKind;
use crate::fs::smallfile::Flush;
use crate::name::SnapshotName;
use crate::options::InitOptions;
use crate::store::Store;

/// What one entry is in one snapshot. Directories are made where something is
/// in them.
type Tree = BTreeMap<Vec<u8>, Version>;

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// A snapshot in which these paths have these contents, 0 being none.
    Backup(Vec<(u8, u8)>, Entered, End),
    /// One of the living snapshots goes.
    Remove(u8),
}

/// When a snapshot is written into the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entered {
    Before,
    AfterPublication,
}

/// How far a run gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    BeforePublication,
    AfterPublication,
    Whole,
}

fn step() -> impl Strategy<Value = Step> {
    let edits = || prop::collection::vec((0u8..12, 0u8..4), 0..6);
    let entered = || prop_oneof![Just(Entered::Before), Just(Entered::AfterPublication)];
    let end = prop_oneof![
        4 => Just(End::Whole),
        1 => Just(End::BeforePublication),
        1 => Just(End::AfterPublication),
    ];
    prop_oneof![
        6 => (edits(), entered(), end)
            .prop_map(|(edits, entered, end)| Step::Backup(edits, entered, end)),
        3 => any::<u8>().prop_map(Step::Remove),
    ]
}

/// A store with its model.
struct Twin {
    _folder: tempfile::TempDir,
    store: Store,
    living: BTreeMap<u64, Tree>,
    /// What the newest snapshot of the catalog has.
    now: Tree,
    numbers: BTreeMap<Vec<u8>, DirId>,
    next_sequence: u64,
}

impl Twin {
    fn new() -> Twin {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::init(folder.path().join("store"), &InitOptions::new(), &()).unwrap();
        Twin {
            _folder: folder,
            store,
            living: BTreeMap::new(),
            now: Tree::new(),
            numbers: BTreeMap::new(),
            next_sequence: 1,
        }
    }

    fn reconcile(&mut self) {
        // Before the first snapshot there is none.
        let _ = reconcile(&self.store, exists(&self.living));
        self.now = self
            .living
            .values()
            .next_back()
            .cloned()
            .unwrap_or_default();
        self.numbers = numbers(&self.store);
    }

    /// Makes a snapshot, or dies at some point of it.
    fn make(&mut self, edits: &[(u8, u8)], entered: Entered, end: End) {
        let mut tree = self.now.clone();
        for (path, content) in edits {
            edit(&mut tree, &path_of(*path), *content);
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let mut changes = Vec::new();
        self.changes(&tree, &mut changes);
        let exists = exists(&self.living);
        let mut session = Session::begin(&self.store, None, exists);
        // Readers keep others from writing.
        let standing = session.reader(None, None).map(|reader| reader.standing);
        let log = session.log().unwrap();
        for change in changes {
            let mut text = Vec::new();
            change.write(&mut text);
            log.append(&text);
        }
        let made = Made {
            after: standing.map_or(0, |standing| standing.newest),
            is_after_gap: false,
            sequence,
            name: name_of(sequence),
            rules: String::new(),
            directory_bytes: 0,
        };
        log.complete(&made, Flush::Later).unwrap();
        let before = self.told();
        let prepared = match entered {
            Entered::Before => session.prepare(&made, &log).unwrap(),
            Entered::AfterPublication => None,
        };
        // Who looks meanwhile sees nothing of it.
        assert_eq!(self.told(), before);
        if end == End::BeforePublication {
            return;
        }
        self.living.insert(sequence, tree);
        if end == End::Whole {
            let exists = self::exists(&self.living);
            session.settle(&made, log, prepared, 0, exists).unwrap();
        }
    }

    /// How many snapshots the catalog tells of.
    fn told(&self) -> usize {
        let opened = self.store.open_catalog(Open::Read);
        opened.map_or(0, |(connection, _)| told(&connection).unwrap().len())
    }

    /// The changes from the newest tree to this one.
    fn changes(&mut self, tree: &Tree, changes: &mut Vec<Change>) {
        let mut last = self.numbers.values().copied().max().unwrap_or(TOP);
        for (path, version) in tree {
            if version.facts.kind == EntryKind::Directory && !self.numbers.contains_key(path) {
                last += 1;
                self.numbers.insert(path.clone(), last);
                let (up, name) = split(path);
                changes.push(Change::Directory {
                    id: last,
                    up: self.number(up),
                    name,
                });
            }
        }
        for (path, version) in tree {
            if self.now.get(path) == Some(version) {
                continue;
            }
            let (up, name) = split(path);
            let mut version = version.clone();
            if version.facts.kind == EntryKind::Directory {
                version.facts.stored = Some(self.number(path) as u64);
            }
            changes.push(Change::Put {
                dir: self.number(up),
                name,
                version: Box::new(version),
                origin: Origin::New,
            });
        }
        for path in self.now.keys() {
            let (up, name) = split(path);
            let is_up_there = up.is_empty()
                || tree
                    .get(up)
                    .is_some_and(|up| up.facts.kind == EntryKind::Directory);
            // What was in a directory goes with it.
            if !tree.contains_key(path) && is_up_there {
                changes.push(Change::Gone {
                    dir: self.number(up),
                    name,
                });
            }
        }
    }

    fn number(&self, path: &[u8]) -> DirId {
        match path {
            b"" => TOP,
            path => self.numbers[path],
        }
    }

    /// Compares all that the catalog tells with the model.
    fn check(&self) -> Result<(), TestCaseError> {
        let Ok((connection, _)) = self.store.open_catalog(Open::Read) else {
            prop_assert!(self.living.is_empty());
            return Ok(());
        };
        let mut paths: BTreeMap<DirId, Vec<u8>> = BTreeMap::from([(TOP, Vec::new())]);
        paths.extend(self.numbers.iter().map(|(path, id)| (*id, path.clone())));
        let mut told: BTreeMap<u64, Tree> = self
            .living
            .keys()
            .map(|sequence| (*sequence, Tree::new()))
            .collect();
        let mut used = BTreeSet::from([TOP]);
        for (table, until) in [("entry", "NULL"), ("past", "until")] {
            for dir in paths.keys() {
                let mut statement = connection
                    .prepare(&select(table, until, "dir = ?1"))
                    .unwrap();
                let mut rows = statement.query([dir]).unwrap();
                while let Some(row) = rows.next().unwrap() {
                    let read = Read::of(row, *dir, 0).unwrap().expect("a row is damaged");
                    let mut version = read.version();
                    if version.facts.kind == EntryKind::Directory {
                        used.insert(version.facts.stored.unwrap() as DirId);
                        version.facts.stored = None;
                    }
                    let path = join(&paths[dir], read.name);
                    let until = read.until.unwrap_or(u64::MAX);
                    let mut count = 0;
                    for (_, tree) in told.range_mut(read.first..until) {
                        prop_assert_eq!(tree.insert(path.clone(), version.clone()), None);
                        count += 1;
                    }
                    prop_assert!(count > 0, "a row that no snapshot has: {:?}", path);
                }
            }
        }
        prop_assert_eq!(&told, &self.living);
        let known: BTreeSet<DirId> = paths.into_keys().collect();
        prop_assert_eq!(known, used);
        let rows: i64 = connection
            .query_row(
                "SELECT count(*) FROM version WHERE dir NOT IN (SELECT id FROM directory)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        prop_assert_eq!(rows, 0);
        Ok(())
    }
}

fn exists(living: &BTreeMap<u64, Tree>) -> impl Fn(u64, SnapshotName) -> bool {
    |sequence, name| living.contains_key(&sequence) && name == name_of(sequence)
}

/// The numbers that directories have.
fn numbers(store: &Store) -> BTreeMap<Vec<u8>, DirId> {
    let Ok((connection, _)) = store.open_catalog(Open::Read) else {
        return BTreeMap::new();
    };
    let mut statement = connection
        .prepare("SELECT id, up, name FROM directory WHERE id <> 1 ORDER BY id")
        .unwrap();
    let mut paths: BTreeMap<DirId, Vec<u8>> = BTreeMap::from([(TOP, Vec::new())]);
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    for row in rows.unwrap() {
        let (id, up, name): (DirId, DirId, Vec<u8>) = row.unwrap();
        let path = join(&paths[&up], &name);
        paths.insert(id, path);
    }
    paths
        .into_iter()
        .filter(|(id, _)| *id != TOP)
        .map(|(id, path)| (path, id))
        .collect()
}

/// Twelve paths, of which some lie in others.
fn path_of(number: u8) -> Vec<u8> {
    const PATHS: [&[u8]; 12] = [
        b"a",
        b"a/b",
        b"a/b/c",
        b"a/b/\xff",
        b"a/d",
        b"e",
        b"e/f",
        b"e/f/g",
        b"e/f/h",
        b"i",
        b"j/k",
        b"j",
    ];
    PATHS[usize::from(number)].to_vec()
}

/// Puts a file at a path, or takes away what is there.
fn edit(tree: &mut Tree, path: &[u8], content: u8) {
    let below = [path, b"/"].concat();
    tree.retain(|other, _| other != path && !other.starts_with(&below));
    if content == 0 {
        return;
    }
    let mut at = path.to_vec();
    tree.insert(at.clone(), version(EntryKind::File, content));
    while let Some(slash) = at.iter().rposition(|byte| *byte == b'/') {
        at.truncate(slash);
        tree.insert(at.clone(), version(EntryKind::Directory, 0));
    }
}

fn version(kind: EntryKind, content: u8) -> Version {
    let mut version = tests::version();
    version.facts.kind = kind;
    version.facts.size_bytes = u64::from(content);
    version.facts.stored = (kind == EntryKind::File).then(|| 1_000 + u64::from(content));
    (version.target, version.xattrs) = (None, None);
    version
}

fn split(path: &[u8]) -> (&[u8], CString) {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    let (up, name) = match slash {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&path[..0], path),
    };
    (up, CString::new(name).unwrap())
}

fn join(up: &[u8], name: &[u8]) -> Vec<u8> {
    match up {
        b"" => name.to_vec(),
        up => [up, b"/", name].concat(),
    }
}

fn name_of(sequence: u64) -> SnapshotName {
    let time = chrono::DateTime::from_timestamp(1_700_000_000 + sequence as i64, 0).unwrap();
    SnapshotName::from_time(time).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_catalog_tells_of_every_living_snapshot_what_was_written(
        steps in prop::collection::vec(step(), 1..16)
    ) {
        let mut twin = Twin::new();
        for step in steps {
            match step {
                Step::Backup(edits, entered, end) => twin.make(&edits, entered, end),
                Step::Remove(which) => {
                    let place = usize::from(which) % twin.living.len().max(1);
                    let doomed = twin.living.keys().nth(place).copied();
                    doomed.and_then(|doomed| twin.living.remove(&doomed));
                }
            }
            twin.reconcile();
            twin.check()?;
        }
    }
}

#[test]
fn a_log_that_is_larger_than_memory_should_be_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let dir = crate::fs::dir::Dir::open(folder.path()).unwrap();
    let name: &CStr = c"changes";
    let log = Log::new(dir, name.to_owned());
    let change = |number: i64| Change::Gone {
        dir: number,
        name: CString::new(vec![b'x'; 200]).unwrap(),
    };
    for number in 0..20_000 {
        let mut text = Vec::new();
        change(number).write(&mut text);
        log.append(&text);
    }
    let dir = crate::fs::dir::Dir::open(folder.path()).unwrap();
    assert!(dir.stat(name).unwrap().size_bytes > 1 << 20);
    let mut next = 0;
    let drained = log.drain(|read| {
        assert_eq!(read, change(next));
        next += 1;
        Ok(())
    });
    assert_eq!((drained, next), (Ok(()), 20_000));
    drop(log);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_snapshot_is_taken_back_though_no_row_tells_where_it_changed_something() {
    let mut twin = Twin::new();
    twin.make(&[(1, 1), (9, 1)], Entered::Before, End::Whole);
    twin.reconcile();
    twin.make(&[(1, 2), (4, 1), (9, 0)], Entered::Before, End::Whole);
    twin.reconcile();
    let (connection, _) = twin.store.open_catalog(Open::Write).unwrap();
    let damaged = connection.execute("UPDATE directory SET changed = 1", []);
    assert!(damaged.unwrap() > 1);
    drop(connection);
    twin.living.pop_last();
    twin.reconcile();
    twin.check().unwrap();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "damages a file from outside")]
fn names_that_a_damaged_index_has_out_of_order_do_not_go_on_for_ever() {
    let mut twin = Twin::new();
    twin.make(&[(9, 1)], Entered::Before, End::Whole);
    let names = [b"first".as_slice(), b"other"];
    let file = twin.store.path().join(".hardsnap/catalog.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let copied = "CREATE TEMP TABLE one AS SELECT * FROM entry WHERE name = x'69'";
    connection.execute_batch(copied).unwrap();
    for name in names {
        connection
            .execute("UPDATE one SET name = ?1", [name])
            .unwrap();
        connection
            .execute("INSERT INTO entry SELECT * FROM one", [])
            .unwrap();
    }
    drop(connection);
    let told = || {
        let (connection, _) = twin.store.open_catalog(Open::Read).unwrap();
        let standing = Standing {
            basis: Some(1),
            newest: 1,
            spare: None,
        };
        let reader = Reader::new(&twin.store, connection, Open::Read, standing);
        let mut told = Vec::new();
        let outcome = reader.each_name(TOP, |name| {
            told.push(name.to_bytes().to_vec());
            assert!(told.len() < 10, "it goes round in circles: {told:?}");
        });
        (outcome, told)
    };
    let whole = [b"first".to_vec(), b"i".to_vec(), b"other".to_vec()];
    assert_eq!(told(), (Ok(()), whole.to_vec()));

    let mut text = fs::read(&file).unwrap();
    let places = text.windows(5).enumerate();
    let places: Vec<usize> = places
        .filter(|(_, bytes)| bytes == b"other")
        .map(|(place, _)| place)
        .collect();
    assert!(!places.is_empty());
    for place in places {
        text[place..][..5].copy_from_slice(b"OTHER");
    }
    fs::write(&file, text).unwrap();
    assert!(matches!(told(), (Err(Trouble::Damaged(_)), _)));
}
