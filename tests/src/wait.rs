//! Waiting for something that another process does.

use std::time::{Duration, Instant};

/// The time after which a test gives up waiting; far more than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `condition` gives a value.
///
/// # Panics
///
/// If that takes longer than two minutes.
#[track_caller]
pub fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}
