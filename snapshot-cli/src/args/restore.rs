//! Getting data back.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::ValueEnum;
use hardsnap::retention::When;
use hardsnap::{Jobs, Mode, Overwrite};

use super::parse_jobs;

const RESTORE_HELP: &str = "\
A path is that of the source, such as /home/alice/letters, and lands at its whole path below DIR:
DIR/home/alice/letters. Without any, everything in the snapshot is restored.

Nothing that is there is overwritten unless --overwrite says so: what is in the way is listed before
anything is written. A file is written beside its place and takes it when it is whole. If a restore
is interrupted, the same command goes on where it stopped.

    hardsnap restore STORE latest /home/alice/letters --to /tmp/back
    hardsnap restore STORE --before 2026-11-20 /etc --in-place --overwrite changed --dry-run

The exit code is 1 if something is in the way, and 3 if something could not be restored, or not with
all that it has in the snapshot (as an ordinary user: other owners); each is listed.";

#[derive(Debug, clap::Args)]
#[command(override_usage = "\
hardsnap restore [OPTIONS] STORE SNAPSHOT [PATH]... --to DIR
       hardsnap restore [OPTIONS] STORE SNAPSHOT [PATH]... --in-place
       hardsnap restore [OPTIONS] STORE --before WHEN [PATH]... --to DIR|--in-place")]
#[command(after_help = RESTORE_HELP)]
pub(crate) struct RestoreArgs {
    /// The store
    pub(crate) store: PathBuf,
    /// A full name, a unique beginning of one, `latest`, or `latest~N` for the Nth before it (none
    /// with --before); then the paths to restore
    // One list: what the first one is hangs on an option.
    #[arg(value_name = "SNAPSHOT|PATH")]
    rest: Vec<PathBuf>,
    /// Restore the newest snapshot that is not later than WHEN: a day (2026-11-20) or an instant
    /// (2026-11-20T12:00:00Z)
    #[arg(long, value_name = "WHEN")]
    pub(crate) before: Option<When>,
    /// Restore below this directory, which is made if it is missing
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "in_place",
        conflicts_with = "in_place"
    )]
    pub(crate) to: Option<PathBuf>,
    /// Restore to where the paths came from
    #[arg(long)]
    pub(crate) in_place: bool,
    /// What becomes of what is there and differs
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    pub(crate) overwrite: OverwriteArg,
    /// Delete what is in the restored directories and not in the snapshot, after a preview
    #[arg(long, conflicts_with = "to")]
    pub(crate) delete: bool,
    /// Do not ask before deleting; needed where there is no terminal to ask on
    #[arg(long, requires = "delete")]
    pub(crate) yes: bool,
    /// Write nothing, only tell what would be written, replaced and left
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Number of worker threads [default: one a processor, at least 2]
    #[arg(long, value_name = "N", value_parser = parse_jobs)]
    jobs: Option<NonZeroUsize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OverwriteArg {
    /// Nothing is overwritten: it is in the way
    #[default]
    Never,
    /// It is replaced if anything about it differs
    Changed,
    /// It is replaced if the snapshot's is newer, and else left
    Newer,
    /// It is replaced, even if it looks the same
    Always,
}

impl RestoreArgs {
    /// The word for the snapshot, unless a time names it, and the paths; none
    /// if the word is missing.
    pub(crate) fn snapshot_and_paths(&self) -> Option<(&str, &[PathBuf])> {
        if self.before.is_some() {
            return Some(("", &self.rest));
        }
        let (snapshot, paths) = self.rest.split_first()?;
        // What is not UTF-8 names no snapshot.
        Some((snapshot.to_str().unwrap_or("\u{fffd}"), paths))
    }

    pub(crate) fn overwrite(&self) -> Overwrite {
        match self.overwrite {
            OverwriteArg::Never => Overwrite::Never,
            OverwriteArg::Changed => Overwrite::Changed,
            OverwriteArg::Newer => Overwrite::Newer,
            OverwriteArg::Always => Overwrite::Always,
        }
    }

    pub(crate) fn jobs(&self) -> Jobs {
        self.jobs.map_or(Jobs::Auto, Jobs::Exactly)
    }

    pub(crate) fn mode(&self) -> Mode {
        if self.dry_run {
            Mode::DryRun
        } else {
            Mode::Act
        }
    }
}
