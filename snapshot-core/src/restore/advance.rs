//! Bytes that are told of while a file is written, before it counts.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::{Event, Observer};
use crate::report::Counts;

/// So much is written before it is told.
const TOLD_BYTES: u64 = 4 << 20;

/// What was told of a file so far.
#[derive(Debug, Default)]
pub(super) struct Advance {
    bytes: u64,
    untold_bytes: u64,
}

impl Advance {
    /// Tells of bytes of a file that has so many. The last ones are told when it
    /// counts, and so are all of a small one.
    pub(super) fn hear(&mut self, observer: &dyn Observer, bytes: u64, size_bytes: u64) {
        self.untold_bytes += bytes;
        if self.untold_bytes < TOLD_BYTES || self.bytes + self.untold_bytes >= size_bytes {
            return;
        }
        let news = Counts {
            bytes_copied: self.untold_bytes,
            ..Counts::default()
        };
        self.bytes += std::mem::take(&mut self.untold_bytes);
        observer.on_event(&Event::Progress(&news));
    }
}

/// Bytes that were told of and did not come to count: so many of those that
/// count next are not told.
#[derive(Debug, Default)]
pub(super) struct InVain(AtomicU64);

impl InVain {
    /// Notes what was told of a file that is not restored.
    pub(super) fn add(&self, told: &Advance) {
        if told.bytes > 0 {
            self.0.fetch_add(told.bytes, Ordering::Relaxed);
        }
    }

    /// What is still to be told of bytes that count now, of which `told` was.
    pub(super) fn left(&self, bytes: u64, told: &Advance) -> u64 {
        let left = bytes.saturating_sub(told.bytes);
        if left == 0 || self.0.load(Ordering::Relaxed) == 0 {
            return left;
        }
        let pay = |owed: u64| Some(owed.saturating_sub(left));
        let owed = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay);
        left.saturating_sub(owed.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What was told while a file was written in pieces of that size.
    fn told(size_bytes: u64, piece_bytes: u64) -> (Advance, Vec<u64>) {
        let heard = Mutex::new(Vec::new());
        let observer = |event: &Event<'_>| {
            if let Event::Progress(news) = event {
                heard.lock().unwrap().push(news.bytes_copied);
            }
        };
        let mut told = Advance::default();
        let mut written = 0;
        while written < size_bytes {
            let piece = piece_bytes.min(size_bytes - written);
            told.hear(&observer, piece, size_bytes);
            written += piece;
        }
        (told, heard.into_inner().unwrap())
    }

    #[test]
    fn a_large_file_is_told_of_as_it_is_written_and_no_byte_twice() {
        for (size, piece) in [
            (64 << 20, 256 << 10),
            (100_000_001, 8 << 20),
            (9 << 20, 4096),
        ] {
            let (told, heard) = told(size, piece);
            assert!(heard.len() as u64 >= size / (8 << 20), "{size}: {heard:?}");
            assert!(heard.iter().all(|bytes| *bytes >= TOLD_BYTES));
            let left = InVain::default().left(size, &told);
            assert!(left > 0);
            assert_eq!(heard.iter().sum::<u64>() + left, size);
        }
    }

    #[test]
    fn a_small_file_is_told_of_once() {
        for size in [0, 1, TOLD_BYTES] {
            let (told, heard) = told(size, 256 << 10);
            assert_eq!((told.bytes, heard.len()), (0, 0), "{size}");
            assert_eq!(InVain::default().left(size, &told), size);
        }
    }

    #[test]
    fn what_was_told_in_vain_is_not_told_of_the_next() {
        let vain = InVain::default();
        let in_vain = Advance {
            bytes: 10,
            untold_bytes: 3,
        };
        vain.add(&in_vain);
        let nothing = Advance::default();
        let left = [4, 0, 4, 4, 4].map(|bytes| vain.left(bytes, &nothing));
        assert_eq!(left, [0, 0, 0, 2, 4]);
    }
}
