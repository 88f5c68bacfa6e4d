//! Something that goes on beside a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A thread that does the same again and again until it is stopped or dropped.
#[derive(Debug)]
pub struct Repeating {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Repeating {
    /// Starts to call `action`, with the number of calls before.
    pub fn start(mut action: impl FnMut(u64) + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut rounds = 0;
            while !stopped.load(Ordering::Relaxed) {
                action(rounds);
                rounds += 1;
            }
            rounds
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }

    /// Stops, and returns how often the action was done.
    ///
    /// # Panics
    ///
    /// With what the action panicked with, if it did.
    #[track_caller]
    pub fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("a thread that runs");
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Repeating {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Dropped without `stop` where the test has failed already.
            drop(thread.join());
        }
    }
}
