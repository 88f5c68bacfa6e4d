//! Signals that ask the command to stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hardsnap::CancelToken;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// `timeout` and a closing terminal send their signal to the process and then
/// to its group, which is twice to us. Only one that comes later than this is
/// somebody's second wish.
const ONE_WISH: Duration = Duration::from_millis(300);

/// The signal that came, once one has.
#[derive(Debug, Default)]
pub(crate) struct Caught(Arc<AtomicI32>);

impl Caught {
    /// The number of the first signal.
    pub(crate) fn signal(&self) -> Option<i32> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal),
        }
    }
}

/// From now on the first SIGINT, SIGTERM or SIGHUP cancels, and a second one
/// ends the process at once.
///
/// # Errors
///
/// The system refuses handlers or a thread.
pub(crate) fn watch(cancel: &CancelToken) -> io::Result<Caught> {
    let mut wanted = vec![SIGINT, SIGTERM];
    if !starts_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let mut signals = Signals::new(wanted)?;

    let caught = Caught::default();
    let first = Arc::clone(&caught.0);
    let cancel = cancel.clone();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let mut since: Option<Instant> = None;
            for signal in signals.forever() {
                match since {
                    None => {
                        since = Some(Instant::now());
                        first.store(signal, Ordering::SeqCst);
                        cancel.cancel();
                    }
                    Some(since) if since.elapsed() > ONE_WISH => die_of(signal),
                    Some(_) => {}
                }
            }
        })?;
    Ok(caught)
}

/// Ends the process by `signal`. Returns only where even the default handler
/// was kept from doing so.
pub(crate) fn die_of(signal: i32) {
    // It fails only for signals that have no handler.
    let _ = emulate_default_handler(signal);
}

/// The name that `kill -l` shows, with `SIG`.
pub(crate) fn name(signal: i32) -> &'static str {
    signal_hook::low_level::signal_name(signal).unwrap_or("a signal")
}

/// Whether the process was started with the signal ignored, as `nohup` does
/// with SIGHUP to let a command outlive its terminal.
fn starts_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_mask(&status) & (1 << (signal - 1)) != 0
}

/// Bit 0 is signal 1.
fn ignored_mask(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ignored_signals_are_read_from_the_kernels_words() {
        let status = "Name:\tcat\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert_eq!(ignored_mask(status), 0x1001);
        assert_eq!(ignored_mask("Name:\tcat\n"), 0);
        assert_eq!(ignored_mask("SigIgn:\tnothing\n"), 0);
    }

    #[test]
    fn signals_have_names() {
        assert_eq!(name(SIGTERM), "SIGTERM");
        assert_eq!(name(999), "a signal");
    }
}
