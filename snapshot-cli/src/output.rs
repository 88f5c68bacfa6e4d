//! What is said: results on stdout, diagnostics on stderr.

pub(crate) mod calendar;
pub(crate) mod catalog;
mod columns;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod patch;
mod progress;
mod reporter;
mod shell;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod verify;
pub(crate) mod versions;

use std::fmt::Display;
use std::io::{self, BufRead, BufWriter, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::args::OutputArgs;

pub(crate) use columns::Paint;
pub(crate) use reporter::{Reporter, Seen, Told};

/// The two streams, and what the user wants to see on them.
///
/// Writing never fails here and never panics: what a run did must not depend
/// on who listens. [`Console::written`] tells whether all of it got through.
#[derive(Debug)]
pub(crate) struct Console {
    json: bool,
    quiet: bool,
    verbose: u8,
    dry_run: bool,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
    broken: Mutex<Option<io::Error>>,
}

impl Console {
    pub(crate) fn new(args: &OutputArgs, dry_run: bool) -> Console {
        Console {
            json: args.json,
            quiet: args.quiet,
            verbose: args.verbose,
            dry_run,
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            broken: Mutex::new(None),
        }
    }

    /// Results are JSON lines.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// How often `--verbose` was given.
    pub(crate) fn verbosity(&self) -> u8 {
        self.verbose
    }

    /// Every entry is to be named, and not only those that were copied or left
    /// out: of a dry run, the list is what it is for.
    pub(crate) fn names_every_entry(&self) -> bool {
        self.verbose > 1 || (self.dry_run && self.verbose > 0)
    }

    /// A word about success is wanted: somebody looks, or asked for it. To
    /// cron, silence is success.
    pub(crate) fn wants_summary(&self) -> bool {
        !self.json && !self.quiet && (self.stdout_is_terminal || self.verbose > 0)
    }

    /// Facts that are the same every day are wanted.
    pub(crate) fn wants_standing_facts(&self) -> bool {
        !self.quiet && (self.stderr_is_terminal || self.verbose > 0)
    }

    /// A progress bar can be drawn and is wanted.
    pub(crate) fn wants_bar(&self) -> bool {
        self.stderr_is_terminal && !is_dumb() && !self.json && !self.quiet && self.verbose == 0
    }

    /// Results may be coloured: on a terminal that can, unless `NO_COLOR` is
    /// set to anything but nothing (<https://no-color.org>).
    pub(crate) fn paint(&self) -> Paint {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if self.stdout_is_terminal && !is_dumb() && !refused {
            Paint::Colours
        } else {
            Paint::Plain
        }
    }

    /// What is printed is looked at, and not read by a program.
    pub(crate) fn is_looked_at(&self) -> bool {
        self.stdout_is_terminal
    }

    /// JSON status lines are wanted.
    pub(crate) fn wants_status_lines(&self) -> bool {
        self.json && !self.quiet
    }

    /// Writes `text`, which ends its own last line, to stdout.
    pub(crate) fn print(&self, text: &str) {
        self.put(|stdout| stdout.write_all(text.as_bytes()));
    }

    /// Writes one JSON line to stdout.
    pub(crate) fn print_json(&self, message: &impl Serialize) {
        self.put(|stdout| {
            serde_json::to_writer(&mut *stdout, message)?;
            stdout.write_all(b"\n")
        });
    }

    /// Writes a line of diagnosis to stderr.
    pub(crate) fn tell(&self, message: impl Display) {
        write_diagnosis(&format!("hardsnap: {message}\n"));
    }

    /// Writes to stderr what can be done about it.
    pub(crate) fn hint(&self, message: impl Display) {
        write_diagnosis(&format!("hint: {message}\n"));
    }

    /// Asks a question on stderr and reads the answer from stdin.
    pub(crate) fn ask(&self, question: impl Display) -> io::Result<bool> {
        write_diagnosis(&format!("{question} [y/N] "));
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Somebody can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        self.stderr_is_terminal && io::stdin().is_terminal()
    }

    /// Flushes stdout and tells the first error of all that was printed.
    pub(crate) fn written(&self) -> io::Result<()> {
        self.put(|stdout| stdout.flush());
        self.broken().take().map_or(Ok(()), Err)
    }

    /// Writes to stdout, piece by piece.
    pub(crate) fn put(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        // The guard is held while writing: lines of several threads stay whole.
        let mut broken = self.broken();
        if broken.is_none() {
            let mut stdout = BufWriter::new(io::stdout().lock());
            let result = write(&mut stdout).and_then(|()| stdout.flush());
            // What could not be written must not be tried again on drop.
            let _ = stdout.into_parts();
            *broken = result.err();
        }
    }

    fn broken(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The terminal can only print.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn write_diagnosis(text: &str) {
    // In one piece, so that other processes' lines don't mix with it; and
    // there is nowhere left to tell of an error.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
