//! The command seen from outside: arguments, exit codes, streams, signals.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod json;
mod preview;
mod signals;
mod streams;
mod usage;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory of its own for one test, with a small source in it.
struct Room {
    dir: tempfile::TempDir,
}

impl Room {
    fn new() -> Room {
        // In memory where there is such a place: a run ends with a sync of the
        // whole filesystem, and a disk has others' work to write too.
        let chosen = std::env::var_os("HARDSNAP_TEST_DIR").map(PathBuf::from);
        let memory = Some(PathBuf::from("/dev/shm")).filter(|memory| memory.is_dir());
        let place = chosen.or(memory).unwrap_or_else(std::env::temp_dir);
        let dir = tempfile::tempdir_in(place).unwrap();
        let source = dir.path().join("source");
        fs::create_dir_all(source.join("folder")).unwrap();
        fs::write(source.join("one"), "1").unwrap();
        fs::write(source.join("folder/two"), "22").unwrap();
        Room { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn source(&self) -> PathBuf {
        self.path("source")
    }

    fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// A store with snapshots of these times.
    fn store_with(&self, times: &[&str]) -> PathBuf {
        let store = self.store();
        ran(hardsnap(["init"]).arg(&store), 0);
        for time in times {
            let mut backup = hardsnap(["backup", "--no-prune", "--time", time]);
            ran(backup.arg(self.source()).arg(&store), 0);
        }
        store
    }
}

/// The program: cargo's, or a copy of it where an ordinary user can reach it.
fn program() -> OsString {
    std::env::var_os("HARDSNAP_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_hardsnap").into())
}

fn hardsnap<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Command {
    let mut command = Command::new(program());
    command.args(arguments);
    command
}

/// Runs the command to its end and checks how that was.
#[track_caller]
fn ran(command: &mut Command, code: i32) -> Output {
    let output = command.output().unwrap();
    let ended = output
        .status
        .code()
        .unwrap_or_else(|| -output.status.signal().unwrap_or(0));
    assert_eq!(ended, code, "{command:?}\n{}", text(&output.stderr));
    output
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The published snapshots by their directories.
fn snapshots(store: &Path) -> Vec<String> {
    let entries = fs::read_dir(store).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".hardsnap" && name != "latest")
        .collect();
    names.sort();
    names
}
