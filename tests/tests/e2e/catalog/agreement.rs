//! Whether a catalog tells what is in the trees, and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hardsnap_tests::{Entry, Kind, StoreView, TreeImage};
use walkdir::WalkDir;

use crate::catalog::ledger::{Ledger, TOP, Told, Version};
use crate::catalog::sums;

/// A store whose catalog is compared with its trees again and again. Each tree
/// is read once: that it does not change is checked elsewhere.
pub(crate) struct Agreement {
    store: PathBuf,
    trees: HashMap<String, Tree>,
}

/// A published tree.
struct Tree {
    entries: BTreeMap<Vec<u8>, Stored>,
    directory_bytes: u64,
}

/// An entry of a published tree.
struct Stored {
    entry: Entry,
    inode: u64,
    allocated: u64,
    blake3: Option<blake3::Hash>,
}

impl Agreement {
    pub(crate) fn new(store: &Path) -> Self {
        Self {
            store: store.to_path_buf(),
            trees: HashMap::new(),
        }
    }

    /// Checks that the catalog tells of all published snapshots, and what is in
    /// them.
    #[track_caller]
    pub(crate) fn check(&mut self) -> Ledger {
        let ledger = self.check_told();
        let told: Vec<&str> = ledger.snapshots.iter().map(|told| &*told.name).collect();
        let mut told = told;
        told.sort_unstable();
        let view = StoreView::new(&self.store);
        let spare = view.spares().pop();
        told.retain(|name| spare.as_ref().is_none_or(|spare| !spare.starts_with(name)));
        assert_eq!(told, view.names(), "told and there");
        ledger
    }

    /// Checks that what the catalog tells is so; older snapshots may be unknown
    /// to it.
    #[track_caller]
    pub(crate) fn check_told(&mut self) -> Ledger {
        let ledger = Ledger::of(&self.store);
        let wrong = self.wrong_in(&ledger);
        let shown = &wrong[..wrong.len().min(20)];
        assert!(
            wrong.is_empty(),
            "the catalog is wrong in {} places:\n  {}",
            wrong.len(),
            shown.join("\n  ")
        );
        ledger
    }

    /// Checks that the newest snapshot's versions are those of what is in the
    /// source, which nobody has changed since.
    #[track_caller]
    pub(crate) fn check_source(&self, ledger: &Ledger, source: &Path) {
        for found in WalkDir::new(source) {
            let found = found.unwrap();
            let (is, told) = (found.metadata().unwrap(), ledger.newest(found.path()));
            let ctime = (is.ctime(), is.ctime_nsec() as u32);
            let place = found.path().display();
            assert_eq!((is.ino(), ctime), (told.inode, told.ctime), "{place}");
            assert_eq!((is.uid(), is.gid()), told.owner, "{place}");
            assert_eq!(is.mode(), told.mode, "{place}");
        }
    }

    /// Returns what the catalog tells that is not so.
    pub(crate) fn wrong_in(&mut self, ledger: &Ledger) -> Vec<String> {
        let view = StoreView::new(&self.store);
        let (names, spare) = (view.names(), view.spares().pop());
        self.trees.retain(|name, _| names.contains(name));
        let mut wrong = Vec::new();
        self.identity(ledger, &mut wrong);
        directories(ledger, &mut wrong);
        ranges(ledger, &mut wrong);
        sharing(ledger, &mut wrong);
        wrong.extend(unsound_in(ledger));
        for told in &ledger.snapshots {
            if names.contains(&told.name) {
                let path = self.store.join(&told.name);
                let tree = self.trees.entry(told.name.clone());
                tree.or_insert_with(|| Tree::of(&path))
                    .compare(ledger, told, &mut wrong);
            } else if spare.as_deref() == Some(&*told.spare()) {
                let path = self.store.join(".hardsnap/trash").join(told.spare());
                Tree::of(&path).compare(ledger, told, &mut wrong);
            } else {
                wrong.push(format!("there is no {}", told.name));
            }
        }
        wrong
    }

    fn identity(&self, ledger: &Ledger, wrong: &mut Vec<String>) {
        let marker = fs::read_to_string(self.store.join(".hardsnap/store.toml")).unwrap();
        if !marker.contains(&format!("\"{}\"", ledger.store.0)) {
            wrong.push(format!("of the store {}", ledger.store.0));
        }
        if self.store.metadata().unwrap().ino() != ledger.store.1 {
            wrong.push(format!("of the inode {}", ledger.store.1));
        }
        for told in &ledger.snapshots {
            let record = self.store.join(".hardsnap/snapshots");
            let record = fs::read(record.join(format!("{}.json", told.name)));
            let record = record
                .ok()
                .and_then(|text| serde_json::from_slice(&text).ok());
            let record: serde_json::Value = record.unwrap_or_default();
            let is_spare = StoreView::new(&self.store).spares().contains(&told.spare());
            if record["sequence"].as_u64() != Some(told.sequence) && !is_spare {
                wrong.push(format!("{} is not number {}", told.name, told.sequence));
            }
        }
    }
}

/// Returns the rows whose checksums are not right.
pub(crate) fn unsound_in(ledger: &Ledger) -> Vec<String> {
    let versions = ledger.versions.iter();
    let versions = versions.filter(|version| sums::of_version(version) != version.crc32);
    let directories = ledger.directories.iter();
    let directories = directories
        .filter(|(id, directory)| sums::of_directory(**id, directory) != directory.crc32);
    let versions = versions.map(|version| format!("the checksum is wrong of {version:?}"));
    let directories = directories.map(|found| format!("the checksum is wrong of {found:?}"));
    versions.chain(directories).collect()
}

/// Each path of a directory has one number, and a version that needs it.
fn directories(ledger: &Ledger, wrong: &mut Vec<String>) {
    let own_rows: BTreeSet<(i64, &[u8], i64)> = ledger
        .versions
        .iter()
        .filter(|version| version.is_directory())
        .map(|version| {
            let id = version.stored.map_or(0, |id| id as i64);
            (version.dir, version.name.as_slice(), id)
        })
        .collect();
    for (id, directory) in &ledger.directories {
        let place = (directory.up, directory.name.as_slice());
        let is_top = *id == TOP && place == (0, b"");
        let is_below = directory.up < *id && ledger.directories.contains_key(&directory.up);
        if !is_top && !is_below {
            wrong.push(format!("directory {id} is at {place:?}"));
        }
        if !own_rows.contains(&(place.0, place.1, *id)) {
            wrong.push(format!("directory {id} at {place:?} is of no use"));
        }
    }
    for (dir, name, id) in &own_rows {
        let directory = ledger.directories.get(id);
        if directory.is_none_or(|found| (found.up, found.name.as_slice()) != (*dir, *name)) {
            wrong.push(format!(
                "{} in {dir} is not directory {id}",
                name.escape_ascii()
            ));
        }
    }
    let newest = ledger.snapshots.last().map_or(0, |told| told.sequence);
    for version in &ledger.versions {
        let dir = ledger.directories.get(&version.dir);
        let name = version.name.escape_ascii();
        let changed = version.until.unwrap_or(version.first);
        match dir {
            None if version.dir == 0 && version.name.is_empty() => {}
            None => wrong.push(format!("{name} is in no directory {}", version.dir)),
            Some(dir) if dir.changed < changed || dir.changed > newest => wrong.push(format!(
                "{} changed at {changed} and not at {}",
                version.dir, dir.changed
            )),
            Some(_) => {}
        }
    }
}

/// The versions of an entry follow each other, and some snapshot has each.
fn ranges(ledger: &Ledger, wrong: &mut Vec<String>) {
    for version in &ledger.versions {
        let mut told = ledger.snapshots.iter();
        if !told.any(|told| version.is_in(told.sequence)) {
            wrong.push(format!("no snapshot has {version:?}"));
        }
        if version.mount != 0 && !ledger.mounts.contains(&version.mount) {
            wrong.push(format!("no filesystem {}", version.mount));
        }
    }
    for pair in ledger.versions.windows(2) {
        let is_same = (pair[0].dir, &pair[0].name) == (pair[1].dir, &pair[1].name);
        let follows = pair[0].until.is_some_and(|until| until <= pair[1].first);
        if is_same && !follows {
            wrong.push(format!("{:?} overlaps {:?}", pair[0], pair[1]));
        }
    }
}

/// Versions that have a stored inode together say so.
fn sharing(ledger: &Ledger, wrong: &mut Vec<String>) {
    let mut of_inode: HashMap<u64, Vec<&Version>> = HashMap::new();
    for version in ledger
        .versions
        .iter()
        .filter(|version| !version.is_directory())
    {
        if let Some(stored) = version.stored {
            of_inode.entry(stored).or_default().push(version);
        }
    }
    for versions in of_inode.into_values().filter(|versions| versions.len() > 1) {
        for version in versions.iter().filter(|version| !version.shared) {
            wrong.push(format!("shared by {}: {version:?}", versions.len()));
        }
    }
}

impl Tree {
    fn of(path: &Path) -> Self {
        let image = TreeImage::of(path);
        let mut directory_bytes = 0;
        let root = (Vec::new(), image.get("").expect("the top"));
        let all = std::iter::once(root).chain(image.entries());
        let entries = all.map(|(name, entry)| {
            let path = path.join(OsStr::from_bytes(&name));
            let metadata = path.symlink_metadata().unwrap();
            let allocated = metadata.blocks() * 512;
            let mut blake3 = None;
            match entry.kind {
                Kind::Directory => directory_bytes += allocated,
                Kind::File => blake3 = fs::read(&path).ok().map(|bytes| blake3::hash(&bytes)),
                _ => {}
            }
            let stored = Stored {
                entry: entry.clone(),
                inode: metadata.ino(),
                allocated,
                blake3,
            };
            (name, stored)
        });
        Self {
            entries: entries.collect(),
            directory_bytes,
        }
    }

    /// Compares a snapshot with what is told of it.
    fn compare(&self, ledger: &Ledger, told: &Told, wrong: &mut Vec<String>) {
        let alive = ledger
            .versions
            .iter()
            .filter(|one| one.is_in(told.sequence));
        let mut found = BTreeSet::new();
        for version in alive {
            let path = match version.dir {
                0 => Vec::new(),
                _ => ledger.path(version),
            };
            let place = || format!("{}: {}", told.name, path.escape_ascii());
            match self.entries.get(&path) {
                Some(stored) => {
                    for (field, told, is) in stored.differences(version, &told.rules) {
                        wrong.push(format!("{}: {field} is told as {told}, is {is}", place()));
                    }
                }
                // The destination could not hold it.
                None if version.stored.is_none() => {}
                None => wrong.push(format!("{} is told, and not there", place())),
            }
            found.insert(path);
        }
        for path in self.entries.keys().filter(|path| !found.contains(*path)) {
            let path = path.escape_ascii();
            wrong.push(format!("{}: {path} is there, and not told", told.name));
        }
        if self.directory_bytes != told.directory_bytes {
            wrong.push(format!(
                "{}: directories take {}, told are {}",
                told.name, self.directory_bytes, told.directory_bytes
            ));
        }
    }
}

impl Stored {
    /// Returns in which fields the entry is not what is told, as far as the
    /// destination can hold it.
    fn differences(&self, told: &Version, rules: &str) -> Vec<(&'static str, String, String)> {
        let entry = &self.entry;
        let keeps_owners = rules.contains("owners=kept");
        let mode_mask = if keeps_owners { 0o7777 } else { 0o1777 };
        let sized = matches!(entry.kind, Kind::File | Kind::Symlink);
        let is_directory = entry.kind == Kind::Directory;
        let mut all = vec![
            ("kind", kind(told.mode), format!("{:?}", Some(entry.kind))),
            pair("mtime", told.mtime, entry.mtime),
            pair("target", &told.target, &entry.target),
            pair("device", told.device, entry.rdev),
        ];
        if entry.kind != Kind::Symlink {
            all.push(pair("mode", told.mode & mode_mask, entry.mode & mode_mask));
        }
        if keeps_owners {
            all.push(pair("owner", told.owner, (entry.uid, entry.gid)));
        }
        if sized {
            all.push(pair("size", told.size, entry.size));
        }
        if !is_directory {
            all.push(pair("stored inode", told.stored, Some(self.inode)));
            all.push(pair("allocated", told.allocated, self.allocated));
        }
        if let Some(hash) = &told.blake3 {
            let is = self.blake3.map(|hash| hash.as_bytes().to_vec());
            all.push(pair("BLAKE3", &Some(hash.clone()), &is));
        }
        all.push(pair(
            "xattrs",
            kept(&told.xattrs, rules),
            kept(&entry.xattrs, rules),
        ));
        all.retain(|(_, told, is)| told != is);
        all
    }
}

fn pair<T: std::fmt::Debug>(field: &'static str, told: T, is: T) -> (&'static str, String, String) {
    (field, format!("{told:?}"), format!("{is:?}"))
}

/// Returns the attributes that the destination can hold.
fn kept<'a>(xattrs: &'a BTreeMap<Vec<u8>, Vec<u8>>, rules: &str) -> BTreeMap<&'a [u8], &'a [u8]> {
    let held = rules.split("xattrs=").nth(1).unwrap_or_default();
    let held: Vec<&str> = held.split(',').collect();
    let is_kept = |name: &[u8]| {
        let namespace = match name.split(|byte| *byte == b'.').next() {
            Some(b"system") => "acl",
            Some(b"user") => "user",
            Some(b"trusted") => "trusted",
            _ => "security",
        };
        held.contains(&namespace)
    };
    let kept = xattrs.iter().filter(|(name, _)| is_kept(name));
    kept.map(|(name, value)| (&**name, &**value)).collect()
}

fn kind(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o010_000 => Some(Kind::Fifo),
        0o020_000 => Some(Kind::CharacterDevice),
        0o040_000 => Some(Kind::Directory),
        0o060_000 => Some(Kind::BlockDevice),
        0o100_000 => Some(Kind::File),
        0o120_000 => Some(Kind::Symlink),
        0o140_000 => Some(Kind::Socket),
        _ => None,
    };
    format!("{kind:?}")
}
