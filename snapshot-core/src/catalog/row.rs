//! The rows of the catalog as values: versions of entries, their checksums,
//! and how they are written into the file of changes.

use std::ffi::CStr;

use crate::catalog::codec::Writer;
use crate::entry::{EntryKind, FileId, FileTime, Hash, Metadata};
use crate::xattr::Xattrs;

/// The number of a directory's path. A path keeps its number for as long as
/// any snapshot has it.
pub(crate) type DirId = i64;

/// The number of a filesystem of the sources. Inodes and ctimes of one say
/// nothing about another.
pub(crate) type MountId = i64;

/// The number of the top of every tree.
pub(crate) const TOP: DirId = 1;

/// What stands for a filesystem that is not known: what was learned from a
/// tree alone has no inode and no ctime of the source.
pub(crate) const NO_MOUNT: MountId = 0;

/// One version of an entry, as it was in the source, and where it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) facts: Facts,
    /// The target of a symlink.
    pub(crate) target: Option<Vec<u8>>,
    /// Extended attributes, also those that the destination cannot hold, as
    /// [`encode_xattrs`] writes them.
    pub(crate) xattrs: Option<Vec<u8>>,
    /// BLAKE3 of a file's content, if it was read.
    pub(crate) hash: Option<Hash>,
}

/// What of a version is looked at for every entry of every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) kind: EntryKind,
    /// Permission bits with setuid, setgid and sticky, of the source.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size_bytes: u64,
    pub(crate) mtime: FileTime,
    /// Of the source. Means something on `mount` only.
    pub(crate) ctime: FileTime,
    /// Of the source. Means something on `mount` only.
    pub(crate) inode: u64,
    pub(crate) mount: MountId,
    /// The inode in the snapshot, none if the destination could not hold the
    /// entry; for a directory, which every snapshot has anew, its number.
    pub(crate) stored: Option<u64>,
    /// What the stored inode takes.
    pub(crate) allocated_bytes: u64,
    /// It was modified so shortly before it was read that another change may
    /// have gone unseen.
    pub(crate) racy: bool,
    /// Other rows may have the same stored inode.
    pub(crate) shared: bool,
    /// Number of the device that the entry is; 0 for other kinds.
    pub(crate) device_number: u64,
}

impl Facts {
    /// What a look at the source tells.
    pub(crate) fn of_source(source: &Metadata, mount: MountId) -> Facts {
        Facts {
            kind: source.kind,
            mode: source.mode,
            uid: source.uid,
            gid: source.gid,
            size_bytes: source.size_bytes,
            mtime: source.mtime,
            ctime: source.ctime,
            inode: source.id.inode,
            mount,
            stored: None,
            allocated_bytes: 0,
            racy: false,
            shared: false,
            device_number: source.device_number,
        }
    }

    /// What a look at the source told, as far as it was recorded.
    pub(crate) fn as_metadata(&self) -> Metadata {
        Metadata {
            kind: self.kind,
            id: FileId {
                device: 0,
                inode: self.inode,
            },
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            size_bytes: self.size_bytes,
            allocated_bytes: self.allocated_bytes,
            links: 1,
            mtime: self.mtime,
            ctime: self.ctime,
            nodump: false,
            device_number: self.device_number,
        }
    }

    /// The mode as `stat` has it, with the kind.
    pub(crate) fn raw_mode(&self) -> u32 {
        file_type(self.kind) | self.mode
    }
}

/// A row without what only its place tells: what it is the version of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) dir: DirId,
    pub(crate) name: &'a [u8],
    /// The sequence of the first snapshot that has the version.
    pub(crate) first: u64,
    /// The sequence of the first snapshot after it that does not; none while
    /// the newest has it.
    pub(crate) until: Option<u64>,
}

/// The parts of a version that take room of their own, wherever they lie.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras<'a> {
    pub(crate) target: Option<&'a [u8]>,
    pub(crate) xattrs: Option<&'a [u8]>,
    pub(crate) hash: Option<&'a [u8]>,
}

impl Version {
    pub(crate) fn extras(&self) -> Extras<'_> {
        Extras {
            target: self.target.as_deref(),
            xattrs: self.xattrs.as_deref(),
            hash: self.hash.as_ref().map(Hash::as_slice),
        }
    }

    /// Tells whether a version says the same as this one, apart from what a
    /// later look may not have found out: the hash, and who shares the inode.
    pub(crate) fn is_same_as(&self, later: &Version) -> bool {
        let facts = Facts {
            shared: self.facts.shared,
            ..later.facts
        };
        self.facts == facts
            && self.target == later.target
            && self.xattrs == later.xattrs
            && (later.hash.is_none() || self.hash == later.hash)
    }
}

/// The checksum of a row. SQLite has none of its own: a bit that a disk turned
/// over would pass for the truth.
pub(crate) fn checksum(place: &Place<'_>, facts: &Facts, extras: &Extras<'_>) -> u32 {
    let mut bytes = Writer::with_capacity(192 + place.name.len());
    bytes.signed(place.dir);
    bytes.unsigned(place.first);
    // No snapshot has the number 0.
    bytes.unsigned(place.until.unwrap_or(0));
    bytes.bytes(place.name);
    bytes.facts(facts);
    bytes.extras(extras);
    crc32fast::hash(&bytes.0)
}

/// A hash of what an unchanged entry has in common with its row, so that all of
/// it is compared at once; 0 if it is not enough, because the version is racy,
/// not stored, or not of a known filesystem, or is a directory that has
/// extended attributes.
pub(crate) fn mark(facts: &Facts, has_xattrs: bool) -> u64 {
    let is_directory = facts.kind == EntryKind::Directory;
    let Some(stored) = facts.stored else {
        return 0;
    };
    if facts.racy || facts.mount == NO_MOUNT || (is_directory && has_xattrs) {
        return 0;
    }
    // What BLAKE3 takes at once; and this is done for each entry of a run.
    let mut block = [0; 64];
    let mut rest = &mut block[..];
    let mut put = |bytes: &[u8]| {
        let (place, after) = std::mem::take(&mut rest).split_at_mut(bytes.len());
        place.copy_from_slice(bytes);
        rest = after;
    };
    put(&facts.raw_mode().to_le_bytes());
    put(&facts.uid.to_le_bytes());
    put(&facts.gid.to_le_bytes());
    let number = match facts.kind {
        // What its entries take has nothing to do with what a directory is.
        EntryKind::Directory => 0,
        EntryKind::CharDevice | EntryKind::BlockDevice => facts.device_number,
        _ => facts.size_bytes,
    };
    put(&number.to_le_bytes());
    for time in [facts.mtime, facts.ctime] {
        put(&time.seconds.to_le_bytes());
        put(&time.nanoseconds.to_le_bytes());
    }
    put(&facts.inode.to_le_bytes());
    // There are never so many filesystems.
    put(&(facts.mount as u32).to_le_bytes());
    put(&stored.to_le_bytes());
    let hash = blake3::hash(&block);
    let first = hash
        .as_bytes()
        .first_chunk()
        .map_or(0, |first| u64::from_le_bytes(*first));
    first.max(1)
}

/// Writes extended attributes as one value: of each its name, a NUL, the
/// length of its value as four bytes, the highest first, and the value.
pub(crate) fn encode_xattrs(xattrs: &Xattrs) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for (name, value) in xattrs.iter() {
        // The system's limit is 64 KiB.
        let length = u32::try_from(value.len()).ok()?;
        bytes.extend_from_slice(name.to_bytes_with_nul());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(value);
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// Reads what [`encode_xattrs`] wrote; none if it is something else.
pub(crate) fn decode_xattrs(mut bytes: &[u8]) -> Option<Xattrs> {
    let mut attributes = Vec::new();
    while !bytes.is_empty() {
        let name = CStr::from_bytes_until_nul(bytes).ok()?;
        let (length, rest) = bytes[name.count_bytes() + 1..].split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let value = rest.get(..length)?;
        attributes.push((name.to_owned(), value.to_vec()));
        bytes = &rest[length..];
    }
    Some(Xattrs::new(attributes))
}

/// The kind's bits in a mode.
pub(crate) fn file_type(kind: EntryKind) -> u32 {
    match kind {
        EntryKind::Fifo => 0o010_000,
        EntryKind::CharDevice => 0o020_000,
        EntryKind::Directory => 0o040_000,
        EntryKind::BlockDevice => 0o060_000,
        EntryKind::File => 0o100_000,
        EntryKind::Symlink => 0o120_000,
        EntryKind::Socket => 0o140_000,
    }
}

/// The kind that a mode tells; none if it is no kind at all.
pub(crate) fn kind_of(raw_mode: u32) -> Option<EntryKind> {
    const KINDS: [EntryKind; 7] = [
        EntryKind::File,
        EntryKind::Directory,
        EntryKind::Symlink,
        EntryKind::Fifo,
        EntryKind::CharDevice,
        EntryKind::BlockDevice,
        EntryKind::Socket,
    ];
    KINDS
        .into_iter()
        .find(|kind| file_type(*kind) == raw_mode & 0o170_000)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn version() -> Version {
        let time = |seconds| FileTime {
            seconds,
            nanoseconds: 999_999_999,
        };
        Version {
            facts: Facts {
                kind: EntryKind::Symlink,
                mode: 0o7777,
                uid: u32::MAX,
                gid: 7,
                size_bytes: u64::MAX,
                mtime: time(i64::MIN),
                ctime: time(i64::MAX),
                inode: u64::MAX - 1,
                mount: 3,
                stored: Some(u64::MAX - 2),
                allocated_bytes: 4096,
                racy: true,
                shared: false,
                device_number: 11,
            },
            target: Some(b"../\xff".to_vec()),
            xattrs: Some(Vec::new()),
            hash: Some([9; 32]),
        }
    }

    #[test]
    fn every_column_is_in_the_checksum() {
        let place = Place {
            dir: 1,
            name: b"n",
            first: 2,
            until: None,
        };
        let plain = version();
        let sum = |place: &Place<'_>, version: &Version| {
            checksum(place, &version.facts, &version.extras())
        };
        let mut sums = vec![
            sum(&place, &plain),
            sum(&Place { dir: 2, ..place }, &plain),
            sum(
                &Place {
                    name: b"m",
                    ..place
                },
                &plain,
            ),
            sum(&Place { first: 3, ..place }, &plain),
            sum(
                &Place {
                    until: Some(3),
                    ..place
                },
                &plain,
            ),
        ];
        let changes: [fn(&mut Version); 17] = [
            |v| v.facts.kind = EntryKind::File,
            |v| v.facts.mode ^= 1,
            |v| v.facts.uid ^= 1,
            |v| v.facts.gid ^= 1,
            |v| v.facts.size_bytes ^= 1,
            |v| v.facts.mtime.seconds ^= 1,
            |v| v.facts.ctime.nanoseconds ^= 1,
            |v| v.facts.inode ^= 1,
            |v| v.facts.mount ^= 1,
            |v| v.facts.stored = None,
            |v| v.facts.allocated_bytes ^= 1,
            |v| v.facts.racy = false,
            |v| v.facts.shared = true,
            |v| v.facts.device_number ^= 1,
            |v| v.target = None,
            |v| v.xattrs = None,
            |v| v.hash = None,
        ];
        for change in changes {
            let mut other = plain.clone();
            change(&mut other);
            sums.push(sum(&place, &other));
        }
        let count = sums.len();
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), count);
    }

    #[test]
    fn attributes_come_back_to_the_byte() {
        let xattrs = Xattrs::new(vec![
            (c"user.a".to_owned(), b"\0\xff".to_vec()),
            (c"user.empty".to_owned(), Vec::new()),
        ]);
        let bytes = encode_xattrs(&xattrs).unwrap();
        assert_eq!(decode_xattrs(&bytes), Some(xattrs));
        assert_eq!(encode_xattrs(&Xattrs::default()), None);
        assert_eq!(decode_xattrs(&bytes[..bytes.len() - 1]), None);
    }
}
