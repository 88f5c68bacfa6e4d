//! Memory that the large directories of a run share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So much may be taken in all, whatever there is to hold: the entries of one
/// directory of a million.
const ALLOWED_BYTES: usize = 128 << 20;

/// What may still be taken.
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
        Allowance::of(ALLOWED_BYTES)
    }
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
