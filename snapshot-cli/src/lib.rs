//! The command `hardsnap`: incremental hard-link snapshots for people at a
//! terminal and for cron.
//!
//! It turns arguments into options and reports into text, JSON lines and exit
//! codes; all that is done with files is done by the library. It is a library
//! itself so that other programs can have it as a command of theirs, as the
//! Python package does.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod args;
mod commands;
mod exit;
mod output;
mod signal;

use std::ffi::OsString;
use std::sync::Arc;

use clap::Parser;

use crate::args::Args;
use crate::output::Console;

/// Does what a command line says, the program's name first, and returns the
/// exit code.
///
/// Results go to the process's standard output and diagnostics to its standard
/// error. While a command runs, the first SIGINT, SIGTERM or SIGHUP stops it;
/// then the process ends by that signal, and this does not return.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => return exit::answer(&error),
    };
    let console = Arc::new(Console::new(&args.output, args.command.is_dry_run()));
    let result = commands::run(&args.command, &console);
    exit::conclude(result, &console)
}
