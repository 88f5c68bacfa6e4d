//! Programs, timed together with the sync of what they wrote.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::fs::syncfs;
use wait4::{ResUse, Wait4};
use walkdir::WalkDir;

use crate::error::{At, Error, Result};
use crate::interrupt;

/// How much of a failed program's output is shown.
const SHOWN_BYTES: u64 = 2_000;

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measurement {
    /// Wall-clock time from the start to the end of the sync.
    pub(crate) seconds: f64,
    /// Processor time of the program, without what the kernel did for it later.
    pub(crate) cpu_seconds: f64,
    /// The resident memory of the largest process of the program. Linux counts
    /// from the size of the process that started it, so this program's own
    /// peak is the least that can be read.
    pub(crate) peak_bytes: u64,
}

/// What the kernel remembers of the disks when a program starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caches {
    /// All that any of the programs may look at.
    Warm,
    /// Nothing.
    Dropped,
}

impl Caches {
    fn prepare(self, places: &[&Path]) -> Result<()> {
        match self {
            Self::Warm => places.iter().try_for_each(|place| warm(place)),
            Self::Dropped => {
                let switch = Path::new("/proc/sys/vm/drop_caches");
                std::fs::write(switch, "3").at("write", switch)
            }
        }
    }
}

/// Looks at every entry below a directory, and reads what is in its files.
///
/// Systems take back pages that nobody asked for in a while, so what the last
/// round read need not be there any more. A file of several names is one that
/// the trees of a destination share, which no program reads.
fn warm(place: &Path) -> Result<()> {
    let mut nowhere = io::sink();
    for entry in WalkDir::new(place) {
        let entry = entry.map_err(io::Error::from).at("list", place)?;
        let metadata = entry.metadata().map_err(io::Error::from);
        let metadata = metadata.at("look at", entry.path())?;
        if metadata.is_file() && metadata.nlink() == 1 {
            let mut file = File::open(entry.path()).at("open", entry.path())?;
            io::copy(&mut file, &mut nowhere).at("read", entry.path())?;
        }
    }
    Ok(())
}

/// Runs programs one after the other and syncs the filesystem that holds
/// `destination`, which they make from what is in `source`.
///
/// # Errors
///
/// Fails where a program cannot be started or ends with anything but zero.
pub(crate) fn measure(
    commands: &mut [Command],
    source: &Path,
    destination: &Path,
    caches: Caches,
) -> Result<Measurement> {
    let destination_handle = File::open(destination).at("open", destination)?;
    // Nobody else's writes may be paid for by this run.
    syncfs(&destination_handle).at("sync", destination)?;
    caches.prepare(&[source, destination])?;

    let start = Instant::now();
    let (mut cpu_seconds, mut peak_bytes) = (0.0, 0);
    for command in commands {
        let used = run_to_its_end(command)?;
        cpu_seconds += (used.rusage.utime + used.rusage.stime).as_secs_f64();
        peak_bytes = used.rusage.maxrss.max(peak_bytes);
    }
    syncfs(&destination_handle).at("sync", destination)?;
    Ok(Measurement {
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds,
        peak_bytes,
    })
}

fn run_to_its_end(command: &mut Command) -> Result<ResUse> {
    let output = tempfile::tempfile().at("make a file in", &std::env::temp_dir())?;
    let duplicate = |file: &File| file.try_clone().at("duplicate", Path::new("a handle"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(duplicate(&output)?)
        .stderr(duplicate(&output)?)
        .spawn()
        .at("start", Path::new(command.get_program()))?;
    let used = wait(&mut child).at("wait for", Path::new(command.get_program()))?;
    interrupt::check()?;
    if used.status.success() {
        return Ok(used);
    }
    Err(Error::Program {
        program: describe(command),
        said: format!("{}\n{}", used.status, end_of(output)),
    })
}

/// Runs a program whose time does not matter.
///
/// # Errors
///
/// Fails where the program cannot be started or ends with anything but zero.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    answer(command).map(drop)
}

/// Runs a program for what it prints.
///
/// # Errors
///
/// Fails where the program cannot be started or ends with anything but zero.
pub(crate) fn answer(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .at("start", Path::new(command.get_program()))?;
    interrupt::check()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned());
    }
    Err(Error::Program {
        program: describe(command),
        said: format!(
            "{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        ),
    })
}

/// Returns the most memory that this program itself has used, in bytes.
pub(crate) fn own_peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|value| value.trim().strip_suffix(" kB"))
        .and_then(|kibibytes| kibibytes.trim().parse::<u64>().ok())
        .map_or(0, |kibibytes| kibibytes * 1024)
}

fn wait(child: &mut Child) -> io::Result<ResUse> {
    loop {
        match child.wait4() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn describe(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns the last lines that a program printed.
fn end_of(mut output: File) -> String {
    let length = output.metadata().map_or(0, |metadata| metadata.len());
    let mut text = Vec::new();
    let start = SeekFrom::Start(length.saturating_sub(SHOWN_BYTES));
    if output.seek(start).is_ok() {
        // What cannot be read is not worth more than the status itself.
        let _ = output.read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_and_memory_of_a_run_are_those_of_the_program() {
        let temp = tempfile::tempdir().unwrap();
        // The shell keeps sixteen megabytes in a variable.
        let script = "text=$(head -c 16000000 /dev/zero | tr '\\0' x); sleep 0.2; : $text";
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut twice = [command, Command::new("true")];
        let measured = measure(&mut twice, temp.path(), temp.path(), Caches::Warm).unwrap();
        assert!(measured.seconds >= 0.2, "{measured:?}");
        assert!(measured.cpu_seconds > 0.001, "{measured:?}");
        assert!(measured.peak_bytes > 16_000_000, "{measured:?}");
    }

    #[test]
    fn a_failing_program_tells_what_it_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo wrong >&2; exit 3"]);
        let text = run_to_its_end(&mut command).unwrap_err().to_string();
        assert!(text.contains("exit status: 3"), "{text}");
        assert!(text.ends_with("out\nwrong"), "{text}");
        assert!(run(&mut command).unwrap_err().to_string().contains("wrong"));
    }

    #[test]
    fn the_own_peak_is_known() {
        assert!(own_peak_bytes() > 100_000);
    }
}
