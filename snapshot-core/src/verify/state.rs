//! What the store remembers of its verifications, `.hardsnap/verified.json`:
//! how far the content was read, not what was found good file by file.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::entry::Hash;
use crate::fs::smallfile::{self, Flush};
use crate::layout;
use crate::name::SnapshotName;
use crate::store::Store;
use crate::verify::options::VerifyContent;

const FORMAT: u32 = 1;

/// So many damaged contents are remembered. If there are more, the files count
/// as not read yet.
const MOST_DAMAGED: usize = 10_000;

/// So many runs are remembered that were stopped.
const MOST_UNDER_WAY: usize = 4;

/// Larger files are remembered one by one while their part is not done.
pub(super) const LARGE_BYTES: u64 = 256 << 20;

/// A state that nothing is known of is that of a store that was never verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    format: u32,
    /// Every file that a snapshot up to this sequence has was read.
    pub(super) through: u64,
    /// Where the next sample begins.
    pub(super) sample_at: u32,
    /// The runs that were not done when they were stopped, the last one last.
    under_way: Vec<UnderWay>,
    /// Hashes of what was found damaged, in hexadecimal digits.
    damaged: Vec<String>,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnderWay {
    pub(super) content: Part,
    /// The snapshots that were named; none for all.
    pub(super) snapshots: Vec<String>,
    /// The newest snapshot that there was when it began.
    pub(super) through: u64,
    /// The file that holds the catalog, by its inode: the numbers of
    /// directories are those of that file.
    pub(super) catalog: u64,
    /// The files in the directories up to this number are done.
    pub(super) directory: i64,
    /// Large files in later directories that are good, by their inodes.
    pub(super) large: Vec<u64>,
}

/// Which files are read, for good: a sample knows its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "files")]
pub(super) enum Part {
    None,
    /// Those whose place is at most `steps` behind `from`, in a ring of 2^32.
    Sample {
        from: u32,
        steps: u64,
    },
    /// Those that were stored after a sequence.
    Since {
        after: u64,
    },
    All,
}

impl UnderWay {
    fn is_of(&self, part: Part, snapshots: &[String]) -> bool {
        self.content == part && self.snapshots == snapshots
    }
}

impl Part {
    /// What a run reads that begins now.
    pub(super) fn of(content: VerifyContent, state: &State) -> Part {
        match content {
            VerifyContent::Unread => Part::None,
            VerifyContent::Sample(size) => Part::Sample {
                from: state.sample_at,
                steps: size.steps(),
            },
            VerifyContent::SinceLast => Part::Since {
                after: state.through,
            },
            VerifyContent::Full => Part::All,
        }
    }

    /// Tells whether a file is to be read that was stored with the snapshot
    /// `first`, and whose content has the hash.
    pub(super) fn has(self, first: u64, hash: &Hash) -> bool {
        match self {
            Part::None => false,
            Part::Sample { from, steps } => {
                let place = hash
                    .first_chunk()
                    .map_or(0, |place| u32::from_be_bytes(*place));
                u64::from(place.wrapping_sub(from)) < steps
            }
            Part::Since { after } => first > after,
            Part::All => true,
        }
    }

    /// Tells whether a file without a hash would be read, if it had one.
    pub(super) fn misses(self, first: u64) -> bool {
        match self {
            Part::None | Part::Sample { .. } => false,
            Part::Since { after } => first > after,
            Part::All => true,
        }
    }
}

impl State {
    /// Reads it. What is lost or cannot be understood costs no more than
    /// reading files again.
    pub(super) fn read(store: &Store) -> State {
        let text = smallfile::read(&store.control, layout::VERIFIED).ok();
        let state = text.and_then(|text| serde_json::from_slice::<State>(&text).ok());
        state
            .filter(|state| state.format == FORMAT)
            .unwrap_or_default()
    }

    pub(super) fn write(&self, store: &Store) -> std::io::Result<()> {
        let state = State {
            format: FORMAT,
            ..self.clone()
        };
        let text = serde_json::to_vec(&state)?;
        smallfile::replace(&store.control, layout::VERIFIED, &text, Flush::Now)
    }

    /// The hashes of what was found damaged.
    pub(super) fn damaged(&self) -> HashSet<Hash> {
        let hashes = self.damaged.iter();
        hashes
            .filter_map(|text| blake3::Hash::from_hex(text).ok())
            .map(Hash::from)
            .collect()
    }

    /// Remembers what is damaged; false if that is too much.
    pub(super) fn set_damaged(&mut self, hashes: &HashSet<Hash>) -> bool {
        let texts = hashes.iter().take(MOST_DAMAGED);
        self.damaged = texts
            .map(|hash| blake3::Hash::from_bytes(*hash).to_hex().to_string())
            .collect();
        self.damaged.sort_unstable();
        hashes.len() <= MOST_DAMAGED
    }

    /// The run to go on with, if the one that was stopped was the same.
    pub(super) fn stopped(
        &self,
        content: VerifyContent,
        snapshots: &[SnapshotName],
        catalog: u64,
    ) -> Option<UnderWay> {
        let names: Vec<_> = snapshots.iter().map(ToString::to_string).collect();
        let part = Part::of(content, self);
        let mut runs = self.under_way.iter();
        let is_it = |run: &&UnderWay| run.is_of(part, &names) && run.catalog == catalog;
        runs.find(is_it).cloned()
    }

    /// Remembers how far a run is.
    pub(super) fn note(&mut self, run: &UnderWay) {
        self.forget(run);
        self.under_way.push(run.clone());
        let many = self.under_way.len().saturating_sub(MOST_UNDER_WAY);
        self.under_way.drain(..many);
    }

    /// Forgets a run that is done.
    pub(super) fn forget(&mut self, run: &UnderWay) {
        self.under_way
            .retain(|one| !one.is_of(run.content, &run.snapshots));
    }

    /// What is known once a run over all snapshots came to its end.
    pub(super) fn complete(&mut self, part: Part, through: u64) {
        match part {
            Part::None => {}
            Part::Sample { from, steps } => self.sample_at = from.wrapping_add(steps as u32),
            Part::Since { .. } | Part::All => self.through = self.through.max(through),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_go_round() {
        let mut state = State::default();
        let content = VerifyContent::Sample("30%".parse().unwrap());
        let hashes: Vec<Hash> = (0..1000_u32)
            .map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes())
            .collect();
        let mut read = vec![0; hashes.len()];
        for _ in 0..4 {
            let part = Part::of(content, &state);
            for (read, hash) in read.iter_mut().zip(&hashes) {
                *read += u32::from(part.has(1, hash));
            }
            state.complete(part, 1);
        }
        assert!(read.iter().all(|read| (1..=2).contains(read)));
        let twice = read.iter().filter(|read| **read == 2).count();
        assert!((100..300).contains(&twice), "{twice}");
    }

    #[test]
    fn a_sample_of_all_has_all() {
        let content = VerifyContent::Sample("100%".parse().unwrap());
        let mut state = State {
            sample_at: 77,
            ..State::default()
        };
        let part = Part::of(content, &state);
        for hash in [[0; 32], [0xff; 32], [0x7f; 32]] {
            assert!(part.has(1, &hash));
        }
        state.complete(part, 1);
        assert_eq!(state.sample_at, 77);
    }

    #[test]
    fn a_state_comes_back_as_it_was_written() {
        let mut state = State {
            format: FORMAT,
            through: 7,
            sample_at: 9,
            under_way: vec![UnderWay {
                content: Part::Sample {
                    from: 1,
                    steps: 1 << 32,
                },
                snapshots: vec!["a".to_owned()],
                through: 8,
                catalog: 12,
                directory: 34,
                large: vec![u64::MAX],
            }],
            damaged: Vec::new(),
        };
        assert!(state.set_damaged(&HashSet::from([[0xab; 32]])));
        let text = serde_json::to_string(&state).unwrap();
        let back: State = serde_json::from_str(&text).unwrap();
        assert_eq!(back, state);
        assert_eq!(back.damaged(), HashSet::from([[0xab; 32]]));
        assert_eq!(
            serde_json::from_str::<State>("{}").unwrap(),
            State::default()
        );
    }
}
