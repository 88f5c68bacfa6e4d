//! Telling, and saying, when a test cannot run here.

use std::io::Write;
use std::process::{Command, Stdio};

/// Says on stderr that the running test is skipped, and why.
///
/// It writes to the stream itself, because the test harness swallows what the
/// print macros write in a test that passes.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("test");
    // A closed stderr is no reason to fail a test that does not run.
    drop(writeln!(std::io::stderr(), "skipped: {name}: {reason}"));
}

/// Returns whether `condition` holds; if not, says that the test is skipped.
#[must_use]
pub fn skip_unless(condition: bool, reason: &str) -> bool {
    if !condition {
        skip(reason);
    }
    condition
}

/// Returns whether a signal is ignored here, and so by what is started, as
/// under `nohup`.
#[must_use]
pub fn is_ignored(signal: rustix::process::Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or_default() & (1 << (signal.as_raw() - 1)) != 0
}

/// Returns whether the tests run as root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns whether `program` is installed and starts.
#[must_use]
pub fn have(program: &str) -> bool {
    // util-linux, rsync and strace all know this option.
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Returns whether the program can be run as an ordinary user: by being one,
/// or as root by becoming one. If not, says that the test is skipped.
#[must_use]
pub fn has_ordinary_user() -> bool {
    skip_unless(!is_root() || have("setpriv"), "setpriv is not installed")
}
