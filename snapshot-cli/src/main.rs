//! The command `hardsnap`: incremental hard-link snapshots for people at a
//! terminal and for cron.
//!
//! It turns arguments into options and reports into text, JSON lines and exit
//! codes; all that is done with files is done by the library.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod args;
mod commands;
mod exit;
mod output;
mod signal;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::args::Args;
use crate::output::Console;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return exit::answer(&error),
    };
    let console = Arc::new(Console::new(&args.output, args.command.is_dry_run()));
    let result = commands::run(&args.command, &console);
    exit::conclude(result, &console)
}
