//! Hashing of a large file on a thread beside the one that copies it.

use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{self, Builder};

use blake3::Hasher;

use super::{BUFFER_BYTES, CopyError, Digest, hash_here, hash_zeros};
use crate::entry::Hash;

/// How far hashing may lag behind, in buffers: 1 MiB a file.
const BUFFERS: usize = 4;

/// Large files that this process is copying.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
static PROCESSORS: OnceLock<usize> = OnceLock::new();

/// Counts one large file while it is being copied.
pub(super) struct Turn {
    /// Whether there are processors for a second thread for each.
    pub(super) has_room: bool,
}

impl Turn {
    pub(super) fn take() -> Turn {
        let under_way = UNDER_WAY.fetch_add(1, Ordering::Relaxed) + 1;
        let processors = *PROCESSORS
            .get_or_init(|| thread::available_parallelism().map_or(1, NonZeroUsize::get));
        Turn {
            has_room: 2 * under_way <= processors,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
    }
}

enum Piece {
    /// So many bytes at the start of a buffer.
    Data(Vec<u8>, usize),
    /// So many zeros.
    Hole(u64),
}

/// The way to the thread that hashes.
pub(super) struct Helper {
    pieces: SyncSender<Piece>,
    buffers: Receiver<Vec<u8>>,
}

impl Helper {
    /// Returns a buffer that is not being hashed; waits for one.
    pub(super) fn buffer(&self) -> Vec<u8> {
        // The other thread only ends before this one if it panicked, which
        // comes to light when it is joined.
        self.buffers
            .recv()
            .unwrap_or_else(|_| vec![0; BUFFER_BYTES])
    }

    /// Has the first bytes of a buffer hashed.
    pub(super) fn data(&self, buffer: Vec<u8>, bytes: usize) {
        let _ = self.pieces.send(Piece::Data(buffer, bytes));
    }

    /// Has zeros hashed.
    pub(super) fn hole(&self, bytes: u64) {
        let _ = self.pieces.send(Piece::Hole(bytes));
    }
}

/// Hashes what `copy` hands over, on a thread that has ended when this returns;
/// on this one, if there can be no other.
pub(super) fn hash(
    copy: impl FnOnce(Digest<'_>) -> Result<(), CopyError>,
) -> Result<Hash, CopyError> {
    thread::scope(|scope| {
        let (pieces, incoming) = sync_channel(BUFFERS);
        let (emptied, buffers) = channel();
        for _ in 0..BUFFERS {
            let _ = emptied.send(vec![0; BUFFER_BYTES]);
        }
        let work = move || {
            let mut hasher = Hasher::new();
            while let Ok(piece) = incoming.recv() {
                match piece {
                    Piece::Data(buffer, bytes) => {
                        hasher.update(&buffer[..bytes]);
                        let _ = emptied.send(buffer);
                    }
                    Piece::Hole(bytes) => hash_zeros(&mut hasher, bytes),
                }
            }
            hasher.finalize().into()
        };
        let name = "hardsnap-hash".to_owned();
        let Ok(thread) = Builder::new().name(name).spawn_scoped(scope, work) else {
            return hash_here(copy);
        };
        // The thread ends once `copy` has dropped this.
        let copied = copy(Digest::Helper(Helper { pieces, buffers }));
        let hash = thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        copied.map(|()| hash)
    })
}
