//! How much memory a run may take for what it could do without.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Resource, getrlimit};

/// So much may be taken in all, whatever there is to hold: the entries of one
/// directory of a million.
const MOST_BYTES: usize = 128 << 20;

/// One use gets no more than this part of what the process may have (`ulimit -d`,
/// `-v`): all else that a run holds, and room to grow, has to fit there too.
const PART_OF_LIMIT: u64 = 8;

/// What the large directories of a run may still take.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    free_bytes: Arc<AtomicUsize>,
}

/// What was taken; it is given back when dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    bytes: usize,
    from: Allowance,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance::of(within_limits(MOST_BYTES))
    }
}

/// So many bytes, or what one use may have of the memory that the process is
/// limited to.
pub(crate) fn within_limits(bytes: usize) -> usize {
    let limits = [Resource::Data, Resource::As].map(|of| getrlimit(of).current);
    part_of(limits, bytes)
}

fn part_of(limits: [Option<u64>; 2], bytes: usize) -> usize {
    let parts = limits.into_iter().flatten().map(|of| of / PART_OF_LIMIT);
    let part = parts.filter_map(|part| usize::try_from(part).ok()).min();
    part.map_or(bytes, |part| part.min(bytes))
}

impl Allowance {
    fn of(bytes: usize) -> Allowance {
        Allowance {
            free_bytes: Arc::new(AtomicUsize::new(bytes)),
        }
    }

    /// Begins to take.
    pub(crate) fn begin(&self) -> Taken {
        Taken {
            bytes: 0,
            from: self.clone(),
        }
    }
}

impl Taken {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes more; false if there is not so much.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let less = |free: usize| free.checked_sub(bytes);
        let free_bytes = &self.from.free_bytes;
        let was_there = free_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok();
        if was_there {
            self.bytes += bytes;
        }
        was_there
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let free_bytes = &self.from.free_bytes;
        free_bytes.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_the_process_is_kept_to() {
        assert_eq!(part_of([None, None], 9 << 20), 9 << 20);
        assert_eq!(part_of([Some(32 << 20), None], 9 << 20), 4 << 20);
        assert_eq!(part_of([Some(64 << 20), Some(16 << 20)], 9 << 20), 2 << 20);
        assert_eq!(part_of([Some(u64::MAX), Some(8 << 30)], 9 << 20), 9 << 20);
    }

    #[test]
    fn no_more_is_taken_than_there_is_and_all_is_given_back() {
        let allowance = Allowance::of(10);
        let mut one = allowance.begin();
        let mut other = allowance.begin();
        assert!(one.grow(4));
        assert!(other.grow(6));
        assert!(!one.grow(1));
        assert_eq!((one.bytes(), other.bytes()), (4, 6));
        drop(other);
        assert!(one.grow(6));
        drop(one);
        assert!(allowance.begin().grow(10));
    }
}
