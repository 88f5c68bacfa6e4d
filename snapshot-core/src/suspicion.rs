//! Whether a snapshot looks as if a source had been lost: compared source by
//! source with its basis.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::filter::ByteSize;
use crate::report::Counts;

/// A source that lost no more entries than this only tidied up.
const FEW_ENTRIES: u64 = 5;
/// A source that lost no more bytes than this lost a document or two.
const FEW_BYTES: u64 = 1 << 20;

/// How much a source holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Extent {
    /// The number of its entries of every kind, its own directory included.
    pub entries: u64,
    /// The sizes of its files, in bytes.
    pub bytes: u64,
}

impl Extent {
    pub(crate) fn of(counts: &Counts) -> Extent {
        Extent {
            entries: counts.entries(),
            bytes: counts.bytes(),
        }
    }
}

/// A source as one snapshot saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenSource {
    pub(crate) path: PathBuf,
    pub(crate) extent: Extent,
    pub(crate) is_mount_point: bool,
}

/// Why a snapshot is suspect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Suspicion {
    /// A source holds less than half of what it held.
    Shrank {
        /// The source.
        source: PathBuf,
        /// What the basis has of it.
        before: Extent,
        /// What was found now.
        now: Extent,
    },
    /// A source was a mount point and is none now.
    Unmounted {
        /// The source.
        source: PathBuf,
    },
}

impl Suspicion {
    /// The source that it is about.
    #[must_use]
    pub fn source(&self) -> &Path {
        match self {
            Suspicion::Shrank { source, .. } | Suspicion::Unmounted { source } => source,
        }
    }
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.source().display();
        match self {
            Suspicion::Shrank { before, now, .. } if is_emptied(*before, *now) => {
                write!(f, "{source} is empty and had {before}")
            }
            Suspicion::Shrank { before, now, .. } => {
                write!(f, "{source} shrank from {before} to {now}")
            }
            Suspicion::Unmounted { .. } => write!(f, "{source} is no mount point any more"),
        }
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.entries == 1 {
            "entry"
        } else {
            "entries"
        };
        let size = ByteSize::from_bytes(self.bytes).rounded();
        write!(f, "{} {noun} ({size})", self.entries)
    }
}

/// Whether what two snapshots hold of a source may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Both were told to take the same.
    Same,
    /// They were not, so that one holds less by intention.
    Different,
}

/// Compares the sources with those of the basis. One that the basis does not
/// have is not judged.
pub(crate) fn suspicions(
    before: &[SeenSource],
    now: &[SeenSource],
    scope: Scope,
) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for now in now {
        let Some(before) = before.iter().find(|before| before.path == now.path) else {
            continue;
        };
        if before.is_mount_point && !now.is_mount_point {
            found.push(Suspicion::Unmounted {
                source: now.path.clone(),
            });
        }
        if scope == Scope::Same && has_shrunk(before.extent, now.extent) {
            found.push(Suspicion::Shrank {
                source: now.path.clone(),
                before: before.extent,
                now: now.extent,
            });
        }
    }
    found
}

/// By more than half, in entries or in bytes, and by more than a few of them;
/// or to nothing.
fn has_shrunk(before: Extent, now: Extent) -> bool {
    let halved = |before: u64, now: u64, few: u64| {
        let lost = before.saturating_sub(now);
        lost > before / 2 && lost > few
    };
    is_emptied(before, now)
        || halved(before.entries, now.entries, FEW_ENTRIES)
        || halved(before.bytes, now.bytes, FEW_BYTES)
}

/// Nothing is left but the source's own directory, or no file has a byte.
fn is_emptied(before: Extent, now: Extent) -> bool {
    (before.entries > 1 && now.entries <= 1) || (before.bytes > 0 && now.bytes == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(entries: u64, bytes: u64) -> Extent {
        Extent { entries, bytes }
    }

    fn seen(path: &str, extent: Extent, is_mount_point: bool) -> SeenSource {
        SeenSource {
            path: path.into(),
            extent,
            is_mount_point,
        }
    }

    #[test]
    fn a_source_shrank_if_more_than_half_is_gone() {
        const MIB: u64 = 1 << 20;
        for (before, now, shrank) in [
            // Entries.
            (extent(100, 0), extent(50, 0), false),
            (extent(100, 0), extent(49, 0), true),
            (extent(101, 0), extent(51, 0), false),
            (extent(101, 0), extent(50, 0), true),
            (extent(100, 0), extent(100, 0), false),
            (extent(100, 0), extent(1000, 0), false),
            // Bytes.
            (extent(9, 100 * MIB), extent(9, 50 * MIB), false),
            (extent(9, 100 * MIB), extent(9, 50 * MIB - 1), true),
            (extent(9, 100 * MIB), extent(90, 10 * MIB), true),
            // A few are no sign.
            (extent(8, 0), extent(3, 0), false),
            (extent(9, 0), extent(3, 0), true),
            (extent(9, MIB + 1), extent(9, 1), false),
            (extent(9, MIB + 2), extent(9, 1), true),
            // Nothing is.
            (extent(2, 5), extent(1, 0), true),
            (extent(2, 0), extent(1, 0), true),
            (extent(2, 5), extent(0, 0), true),
            (extent(9, 5), extent(9, 0), true),
            // It was empty before, or a file by itself.
            (extent(1, 0), extent(1, 0), false),
            (extent(0, 0), extent(0, 0), false),
            (extent(1, 5), extent(1, 2), false),
            (extent(1, 5), extent(1, 0), true),
            (extent(u64::MAX, u64::MAX), extent(2, 1), true),
        ] {
            assert_eq!(has_shrunk(before, now), shrank, "{before} to {now}");
        }
    }

    #[test]
    fn each_source_is_compared_with_itself() {
        let (full, half) = (extent(100, 9), extent(10, 9));
        let before = [
            seen("/a", full, true),
            seen("/b", full, false),
            seen("/c", half, false),
        ];
        let now = [
            seen("/a", full, false),
            seen("/b", half, true),
            seen("/c", full, false),
            seen("/d", extent(1, 0), false),
        ];
        let unmounted = Suspicion::Unmounted {
            source: "/a".into(),
        };
        let shrank = Suspicion::Shrank {
            source: "/b".into(),
            before: full,
            now: half,
        };
        assert_eq!(
            suspicions(&before, &now, Scope::Same),
            [unmounted.clone(), shrank]
        );
        assert_eq!(suspicions(&before, &now, Scope::Different), [unmounted]);
        assert_eq!(suspicions(&[], &now, Scope::Same), []);
    }

    #[test]
    fn a_suspicion_names_the_source_and_the_loss() {
        let shrank = |now| Suspicion::Shrank {
            source: "/home".into(),
            before: extent(100, 5000),
            now,
        };
        assert_eq!(
            shrank(extent(10, 70)).to_string(),
            "/home shrank from 100 entries (4.9 KiB) to 10 entries (70 B)"
        );
        assert_eq!(
            shrank(extent(1, 0)).to_string(),
            "/home is empty and had 100 entries (4.9 KiB)"
        );
    }
}
