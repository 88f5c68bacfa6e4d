//! The catalog as anybody can read it with SQLite.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Row};

/// The number of the top of all trees.
pub(crate) const TOP: i64 = 1;

/// All that a catalog tells.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The store that it says it belongs to, and the inode of its directory.
    pub(crate) store: (String, u64),
    pub(crate) snapshots: Vec<Told>,
    pub(crate) mounts: Vec<i64>,
    /// By number.
    pub(crate) directories: BTreeMap<i64, Directory>,
    pub(crate) versions: Vec<Version>,
}

/// A snapshot that the catalog tells of.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) sequence: u64,
    pub(crate) name: String,
    pub(crate) rules: String,
    pub(crate) directory_bytes: u64,
}

impl Told {
    /// Returns what its tree is called once it is the spare.
    pub(crate) fn spare(&self) -> String {
        format!("{}.{}.spare", self.name, self.sequence)
    }
}

/// The path of a directory.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) up: i64,
    pub(crate) name: Vec<u8>,
    pub(crate) changed: u64,
    pub(crate) crc32: u32,
}

/// A version of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) dir: i64,
    pub(crate) name: Vec<u8>,
    pub(crate) first: u64,
    pub(crate) until: Option<u64>,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    pub(crate) size: u64,
    pub(crate) mtime: (i64, u32),
    pub(crate) ctime: (i64, u32),
    pub(crate) inode: u64,
    pub(crate) mount: i64,
    pub(crate) stored: Option<u64>,
    pub(crate) allocated: u64,
    pub(crate) racy: bool,
    pub(crate) shared: bool,
    pub(crate) device: u64,
    pub(crate) target: Option<Vec<u8>>,
    pub(crate) raw_xattrs: Option<Vec<u8>>,
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) blake3: Option<Vec<u8>>,
    pub(crate) crc32: u32,
}

/// Where the catalog of a store is.
pub(crate) fn file(store: &Path) -> PathBuf {
    store.join(".hardsnap/catalog.db")
}

/// Where SQLite keeps what it needs to undo a transaction.
pub(crate) fn journal(store: &Path) -> PathBuf {
    store.join(".hardsnap/catalog.db-journal")
}

impl Ledger {
    /// Reads the catalog of a store.
    #[track_caller]
    pub(crate) fn of(store: &Path) -> Self {
        Self::try_of(store).unwrap_or_else(|error| panic!("{}: {error}", file(store).display()))
    }

    /// Reads the catalog of a store, which may be damaged.
    pub(crate) fn try_of(store: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file(store), flags)?;
        let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        if sound != "ok" {
            return Err(rusqlite::Error::InvalidColumnName(sound));
        }
        let number = |row: &Row<'_>, column| row.get::<_, i64>(column).map(|number| number as u64);
        let store = connection.query_row("SELECT id, inode FROM store", [], |row| {
            Ok((row.get(0)?, number(row, 1)?))
        })?;
        let snapshots = collect(
            &connection,
            "SELECT sequence, name, rules, directory_bytes FROM snapshot ORDER BY sequence",
            |row| {
                Ok(Told {
                    sequence: number(row, 0)?,
                    name: row.get(1)?,
                    rules: row.get(2)?,
                    directory_bytes: number(row, 3)?,
                })
            },
        )?;
        let directories = collect(
            &connection,
            "SELECT id, up, name, changed, crc32 FROM directory",
            |row| {
                let directory = Directory {
                    up: row.get(1)?,
                    name: row.get(2)?,
                    changed: number(row, 3)?,
                    crc32: row.get(4)?,
                };
                Ok((row.get(0)?, directory))
            },
        )?;
        let open = "SELECT *, NULL AS until FROM entry";
        let mut versions = collect(&connection, open, Version::of)?;
        versions.extend(collect(&connection, "SELECT * FROM past", Version::of)?);
        versions.sort_by(|a, b| (a.dir, &a.name, a.first).cmp(&(b.dir, &b.name, b.first)));
        Ok(Self {
            store,
            snapshots,
            mounts: collect(&connection, "SELECT id FROM mount", |row| row.get(0))?,
            directories: directories.into_iter().collect(),
            versions,
        })
    }

    /// Returns what the catalog tells of a path in a snapshot.
    #[track_caller]
    pub(crate) fn version(&self, sequence: u64, path: &Path) -> &Version {
        self.find(sequence, path)
            .unwrap_or_else(|| panic!("the catalog has no {} in {sequence}", path.display()))
    }

    /// Returns what the catalog tells of a path in the newest snapshot.
    #[track_caller]
    pub(crate) fn newest(&self, path: &Path) -> &Version {
        let newest = self.snapshots.last().expect("a snapshot in the catalog");
        self.version(newest.sequence, path)
    }

    /// Returns what the catalog tells of a path in a snapshot, if anything.
    pub(crate) fn find(&self, sequence: u64, path: &Path) -> Option<&Version> {
        let mut dir = TOP;
        let mut found = None;
        for name in path.strip_prefix("/").expect("an absolute path") {
            let of_name = |version: &&Version| {
                version.dir == dir && version.name == name.as_bytes() && version.is_in(sequence)
            };
            let version = self.versions.iter().find(of_name)?;
            found = Some(version);
            dir = version.stored.map_or(0, |id| id as i64);
        }
        found
    }

    /// Returns the path of a version, from the top, without a slash before it.
    pub(crate) fn path(&self, version: &Version) -> Vec<u8> {
        let mut names = vec![version.name.as_slice()];
        let mut at = version.dir;
        while let Some(directory) = self.directories.get(&at).filter(|_| at != TOP) {
            names.push(&directory.name);
            // A circle would have no end.
            at = directory.up.min(at - 1);
        }
        names.reverse();
        names.join(&b'/')
    }
}

impl Version {
    /// Reads a row.
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let unsigned = |name| row.get::<_, i64>(name).map(|number| number as u64);
        let until: Option<i64> = row.get("until")?;
        let stored: Option<i64> = row.get("stored")?;
        let xattrs: Option<Vec<u8>> = row.get("xattrs")?;
        Ok(Self {
            dir: row.get("dir")?,
            name: row.get("name")?,
            first: unsigned("first")?,
            until: until.map(|until| until as u64),
            mode: row.get("mode")?,
            owner: (row.get("uid")?, row.get("gid")?),
            size: unsigned("size")?,
            mtime: (row.get("mtime")?, row.get("mtime_ns")?),
            ctime: (row.get("ctime")?, row.get("ctime_ns")?),
            inode: unsigned("inode")?,
            mount: row.get("mount")?,
            stored: stored.map(|stored| stored as u64),
            allocated: unsigned("allocated")?,
            racy: row.get("racy")?,
            shared: row.get("shared")?,
            device: unsigned("device")?,
            target: row.get("target")?,
            xattrs: attributes(xattrs.as_deref().unwrap_or_default()),
            raw_xattrs: xattrs,
            crc32: row.get("crc32")?,
            blake3: row.get("blake3")?,
        })
    }

    /// Returns whether a snapshot has the version.
    pub(crate) fn is_in(&self, sequence: u64) -> bool {
        self.first <= sequence && self.until.is_none_or(|until| sequence < until)
    }

    /// Returns whether it is one of a directory.
    pub(crate) fn is_directory(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }
}

/// Reads extended attributes: of each its name, a NUL, the length of its value
/// as four bytes, the highest first, and the value.
fn attributes(mut bytes: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut found = BTreeMap::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        let Some((length, rest)) = bytes[end + 1..].split_first_chunk() else {
            break;
        };
        let length = rest.len().min(u32::from_be_bytes(*length) as usize);
        found.insert(bytes[..end].to_vec(), rest[..length].to_vec());
        bytes = &rest[length..];
    }
    found
}

fn collect<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare(sql)?.query_map([], read)?.collect()
}
