//! What a run changes in the catalog, as values that can be written down.

use std::ffi::CString;

use crate::catalog::codec::{Reader, Writer};
use crate::catalog::row::{DirId, MountId, Version};
use crate::entry::RootId;
use crate::name::SnapshotName;

/// The snapshot that changes lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) sequence: u64,
    pub(crate) name: SnapshotName,
    /// The newest snapshot that the catalog told of when the changes began; 0
    /// if there was none.
    pub(crate) after: u64,
    /// The catalog told of other snapshots, but not of the basis.
    pub(crate) is_after_gap: bool,
    /// What was kept and compared of the entries, in one line.
    pub(crate) rules: String,
    /// What the tree's own directories take.
    pub(crate) directory_bytes: u64,
}

impl Made {
    /// A text that [`Made::read`] reads.
    pub(crate) fn written(&self) -> Vec<u8> {
        let mut bytes = Writer(Vec::new());
        bytes.unsigned(self.sequence);
        bytes.bytes(self.name.to_string().as_bytes());
        bytes.unsigned(self.after);
        bytes.0.push(u8::from(self.is_after_gap));
        bytes.bytes(self.rules.as_bytes());
        bytes.unsigned(self.directory_bytes);
        bytes.0
    }

    pub(crate) fn read(from: &[u8]) -> Option<Made> {
        let mut bytes = Reader(from);
        Some(Made {
            sequence: bytes.unsigned()?,
            name: std::str::from_utf8(bytes.bytes()?).ok()?.parse().ok()?,
            after: bytes.unsigned()?,
            is_after_gap: bytes.byte()? != 0,
            rules: String::from_utf8(bytes.bytes()?.to_vec()).ok()?,
            directory_bytes: bytes.unsigned()?,
        })
    }
}

/// A filesystem of the sources that was not known before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewMount {
    pub(crate) id: MountId,
    pub(crate) root: RootId,
    pub(crate) path: Vec<u8>,
}

/// A change of the catalog that a run makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A filesystem got its number.
    Mount(NewMount),
    /// A path got its number.
    Directory { id: DirId, up: DirId, name: CString },
    /// An entry has another version from this snapshot on.
    Put {
        dir: DirId,
        name: CString,
        version: Box<Version>,
        origin: Origin,
    },
    /// An entry, and all below it, is in this snapshot no more.
    Gone { dir: DirId, name: CString },
}

/// Where the stored inode of a new version comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is new.
    New,
    /// Another version of the entry has it too.
    SamePath,
    /// An entry at another path has it too.
    Moved { dir: DirId, name: CString },
}

const DIRECTORY: u8 = 1;
const PUT: u8 = 2;
const GONE: u8 = 3;
const MOUNT: u8 = 4;

impl Change {
    /// Appends the change to a text that [`Change::read`] reads.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        let mut bytes = Writer(std::mem::take(to));
        match self {
            Change::Mount(NewMount { id, root, path }) => {
                bytes.0.push(MOUNT);
                bytes.signed(*id);
                bytes.unsigned(root.inode);
                bytes.0.push(u8::from(root.born.is_some()));
                if let Some(born) = root.born {
                    bytes.time(born);
                }
                bytes.bytes(path);
            }
            Change::Directory { id, up, name } => {
                bytes.0.push(DIRECTORY);
                bytes.signed(*id);
                bytes.signed(*up);
                bytes.bytes(name.to_bytes());
            }
            Change::Put {
                dir,
                name,
                version,
                origin,
            } => {
                bytes.0.push(PUT);
                bytes.signed(*dir);
                bytes.bytes(name.to_bytes());
                bytes.facts(&version.facts);
                bytes.extras(&version.extras());
                match origin {
                    Origin::New => bytes.0.push(0),
                    Origin::SamePath => bytes.0.push(1),
                    Origin::Moved { dir, name } => {
                        bytes.0.push(2);
                        bytes.signed(*dir);
                        bytes.bytes(name.to_bytes());
                    }
                }
            }
            Change::Gone { dir, name } => {
                bytes.0.push(GONE);
                bytes.signed(*dir);
                bytes.bytes(name.to_bytes());
            }
        }
        *to = bytes.0;
    }

    /// Reads the change that `from` begins with; none if it does not begin
    /// with one.
    pub(crate) fn read(from: &mut &[u8]) -> Option<Change> {
        let mut bytes = Reader(from);
        let change = match bytes.byte()? {
            MOUNT => Change::Mount(NewMount {
                id: bytes.signed()?,
                root: RootId {
                    inode: bytes.unsigned()?,
                    born: match bytes.byte()? {
                        0 => None,
                        _ => Some(bytes.time()?),
                    },
                },
                path: bytes.bytes()?.to_vec(),
            }),
            DIRECTORY => Change::Directory {
                id: bytes.signed()?,
                up: bytes.signed()?,
                name: bytes.name()?,
            },
            PUT => Change::Put {
                dir: bytes.signed()?,
                name: bytes.name()?,
                version: Box::new(bytes.version()?),
                origin: match bytes.byte()? {
                    0 => Origin::New,
                    1 => Origin::SamePath,
                    2 => Origin::Moved {
                        dir: bytes.signed()?,
                        name: bytes.name()?,
                    },
                    _ => return None,
                },
            },
            GONE => Change::Gone {
                dir: bytes.signed()?,
                name: bytes.name()?,
            },
            _ => return None,
        };
        *from = bytes.0;
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::row::TOP;
    use crate::catalog::row::tests::version;

    #[test]
    fn every_change_comes_back_as_it_was_written() {
        let name = CString::new(b"a\n\xff".to_vec()).unwrap();
        let mut bare = version();
        bare.facts.stored = None;
        (bare.target, bare.xattrs, bare.hash) = (None, None, None);
        let put = |version, origin| Change::Put {
            dir: -1,
            name: name.clone(),
            version: Box::new(version),
            origin,
        };
        let moved = Origin::Moved {
            dir: i64::MAX,
            name: name.clone(),
        };
        let mount = |born| NewMount {
            id: 9,
            root: RootId { inode: 2, born },
            path: b"/mnt/\xff".to_vec(),
        };
        let changes = [
            Change::Directory {
                id: 5,
                up: TOP,
                name: name.clone(),
            },
            put(version(), Origin::New),
            put(bare, Origin::SamePath),
            put(version(), moved),
            Change::Gone { dir: 7, name },
            Change::Mount(mount(None)),
            Change::Mount(mount(Some(version().facts.ctime))),
        ];
        let mut text = Vec::new();
        for change in &changes {
            change.write(&mut text);
        }
        let mut rest = text.as_slice();
        for change in &changes {
            assert_eq!(Change::read(&mut rest).as_ref(), Some(change));
        }
        assert!(rest.is_empty());
        // Cut short anywhere, it is no change but never a wrong one.
        for end in 0..text.len() {
            let mut rest = &text[..end];
            let read = std::iter::from_fn(|| Change::read(&mut rest));
            assert!(read.zip(&changes).all(|(read, change)| read == *change));
        }
    }

    #[test]
    fn the_snapshot_comes_back_as_it_was_written() {
        let made = Made {
            sequence: u64::MAX,
            name: "2026-11-22T19-20-00Z".parse().unwrap(),
            after: 7,
            is_after_gap: true,
            rules: "owners=kept".to_owned(),
            directory_bytes: 4096,
        };
        let text = made.written();
        assert_eq!(Made::read(&text), Some(made));
        assert!((0..text.len()).all(|end| Made::read(&text[..end]).is_none()));
    }
}
