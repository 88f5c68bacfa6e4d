//! `retention`: the calculator on its own.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use hardsnap::retention::{PolicyError, Span, When};

use super::{KeepArgs, keep, parse_time};

#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    /// Show what a policy keeps and removes, and why, of instants on stdin or of a schedule
    Preview(Box<PreviewArgs>),
}

const ABOUT: &str = "\
Instants are read from stdin as RFC 3339 has them, one a line; empty lines are passed over. The id \
of each is the number of its line, from 0. With --every they are imagined instead, and with --store \
they are the snapshots of a store, to which --every adds those still to come. A calendar is in \
colour on a terminal, unless NO_COLOR is set. Nothing is changed anywhere.";

const EXAMPLES: &str = "\
Examples:
  zfs list -Hp -t snapshot -o creation tank/home | sed 's/^/@/' |
    date -u -f - +%FT%TZ | hardsnap retention preview --keep '14 daily, all monthly'
  hardsnap retention preview --every day --from 2026-01-01 --to 2028-12-31
  hardsnap retention preview --store /mnt/backup --every day --to 2028-12-31";

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{ABOUT}\n\n{}\n\n{EXAMPLES}", keep::VALUE_HELP))]
pub(crate) struct PreviewArgs {
    /// Imagine a backup every PERIOD: hour, day, week, month, year, or a span such as 6h or 2w
    #[arg(long, value_name = "PERIOD", value_parser = parse_period, requires = "to")]
    pub(crate) every: Option<Span>,
    /// … the first one then, on a day (at its start) or at an RFC 3339 instant [default, with
    /// --store: one PERIOD after the newest]
    #[arg(long, value_name = "DATE", requires = "every", value_parser = str::parse::<When>)]
    pub(crate) from: Option<When>,
    /// … the last one then at the latest, on a day or at an instant
    #[arg(long, value_name = "DATE", requires = "every", value_parser = str::parse::<When>)]
    pub(crate) to: Option<When>,
    /// Begin with the snapshots and the policy of a store
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<PathBuf>,
    /// Decide as if it were TIME; what is imagined later is left out [default: the end of --to, or
    /// now]
    #[arg(long, value_name = "RFC3339", value_parser = parse_time)]
    pub(crate) now: Option<DateTime<Utc>>,
    /// Draw a strip for each month, with the rule that keeps a day longest [default with --every]
    #[arg(long)]
    pub(crate) calendar: bool,
    /// Print a line for each, with all reasons [default without --every]
    #[arg(long, conflicts_with = "calendar")]
    pub(crate) table: bool,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

/// Reads a span; of a unit alone, one.
fn parse_period(text: &str) -> Result<Span, String> {
    let is_unit = text.starts_with(|first: char| first.is_alphabetic());
    let one = is_unit.then(|| format!("1 {text}"));
    let span = one.as_deref().unwrap_or(text).parse();
    let span: Span = span.map_err(|error: PolicyError| error.to_string())?;
    if span.is_zero() {
        return Err("it has to be longer than nothing".to_owned());
    }
    Ok(span)
}
