//! Sets of inode numbers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 64;
const BITS: u64 = 512;

/// A set of stored inodes, sharded so that workers seldom meet.
///
/// In a walk those that were linked to: two files of the source that are equal
/// but not the same file must not become one inode, although their basis may be
/// one (the link was broken in between): the first takes the basis, the second
/// gets a new inode. Inode numbers of one snapshot lie close together, so bits
/// in blocks of 512 take far less room than a hash of numbers would.
pub(crate) struct Claims([Mutex<Shard>; SHARDS]);

type Shard = HashMap<u64, [u64; (BITS / 64) as usize]>;

impl Claims {
    pub(crate) fn new() -> Claims {
        Claims(std::array::from_fn(|_| Mutex::default()))
    }

    /// Claims an inode; false if it was claimed before.
    pub(crate) fn claim(&self, inode: u64) -> bool {
        let (word, bit) = place(inode);
        let mut shard = self.shard(inode);
        let word = &mut shard.entry(inode / BITS).or_default()[word];
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Tells whether an inode was claimed.
    pub(crate) fn contains(&self, inode: u64) -> bool {
        let (word, bit) = place(inode);
        let shard = self.shard(inode);
        shard
            .get(&(inode / BITS))
            .is_some_and(|block| block[word] & bit != 0)
    }

    fn shard(&self, inode: u64) -> MutexGuard<'_, Shard> {
        // Neighbouring blocks go to different shards.
        let shard = &self.0[(inode / BITS % SHARDS as u64) as usize];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(inode: u64) -> (usize, u64) {
    ((inode % BITS / 64) as usize, 1 << (inode % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inode_is_claimed_once_and_no_other_with_it() {
        let claims = Claims::new();
        let inodes = [
            0,
            1,
            63,
            64,
            511,
            512,
            513,
            512 * 64,
            u64::from(u32::MAX) + 7,
            u64::MAX,
        ];
        for inode in inodes {
            assert!(!claims.contains(inode), "{inode}");
            assert!(claims.claim(inode), "{inode}");
        }
        for inode in inodes {
            assert!(claims.contains(inode), "{inode}");
            assert!(!claims.claim(inode), "{inode}");
        }
        assert!(!claims.contains(2));
        assert!(claims.claim(2));
    }
}
