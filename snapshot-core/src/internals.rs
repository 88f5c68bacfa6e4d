//! What the project's benchmarks measure by itself and nobody else needs.
//! Anything here may change in any version.

use crate::compare::{Modes, Names, Ownership, Rules};
use crate::entry::{EntryKind, FileId, FileTime, Metadata};
use crate::plan::{self, Action};
use crate::xattr::Namespaces;

/// Entries of a source, each with its basis if it has one.
#[derive(Debug)]
pub struct Pairs {
    pairs: Vec<(Metadata, Option<Metadata>)>,
    rules: Rules,
}

impl Pairs {
    /// Makes files, of every hundred of which one is new, one has another
    /// content, and one another mode.
    #[must_use]
    pub fn new(count: u32) -> Pairs {
        let file = |number: u32| Metadata {
            kind: EntryKind::File,
            id: FileId {
                device: 1,
                inode: u64::from(number),
            },
            mode: 0o644,
            uid: 1000,
            gid: 1000,
            size_bytes: u64::from(number) * 7,
            allocated_bytes: 4096,
            links: 1,
            mtime: FileTime {
                seconds: i64::from(number),
                nanoseconds: number % 1_000_000_000,
            },
            ctime: FileTime {
                seconds: i64::from(number),
                nanoseconds: 0,
            },
            nodump: false,
            device_number: 0,
        };
        let pair = |number: u32| {
            let mut basis = file(number);
            match number % 100 {
                1 => basis.size_bytes += 1,
                2 => basis.mode = 0o600,
                _ => {}
            }
            (file(number), (number % 100 != 0).then_some(basis))
        };
        Pairs {
            pairs: (0..count).map(pair).collect(),
            rules: Rules {
                ownership: Ownership::Kept { made_as: (0, 0) },
                modes: Modes::Kept,
                mtime_granularity_nanoseconds: 1,
                xattrs: Namespaces::all(),
                names: Names::Exact,
            },
        }
    }

    /// Compares and decides; returns how many are to be linked.
    #[must_use]
    pub fn linked(&self) -> usize {
        let decide = |(source, basis): &&(Metadata, Option<Metadata>)| {
            plan::decide(source, basis.as_ref(), &self.rules) == Action::Link
        };
        self.pairs.iter().filter(decide).count()
    }
}
