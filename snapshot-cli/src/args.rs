//! What may be written on the command line.

mod filter;
mod keep;
mod query;
mod restore;
mod retention;
mod verify;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::{ArgAction, Parser, Subcommand};
use hardsnap::{Jobs, MinFree, Mode, Mounts, SnapshotName};

pub(crate) use filter::FilterArgs;
pub(crate) use keep::{KeepArgs, system_zone};
pub(crate) use query::{DiffArgs, DuArgs, FindArgs, VersionsArgs};
pub(crate) use restore::RestoreArgs;
pub(crate) use retention::{PreviewArgs, RetentionCommand};
pub(crate) use verify::VerifyArgs;

/// Every thread takes a stack and some handles; more than this is a slip of
/// the keyboard.
const MOST_JOBS: usize = 1024;

const EXIT_CODES: &str = "\
Exit codes:
    0  done, nothing left out
    1  failed, nothing was published; or something was in the way of a restore
    2  wrong usage
    3  published or restored, but some entries are missing or not as they should be; each is listed
    4  done, but pruning is paused, left something behind or could not make room
    5  `verify` found damage
   10  no store there
   11  the store is locked by another run
128+N  stopped by signal N";

const REINDEX_HELP: &str = "\
The catalog is what tells changes that size and mtime do not, and finds files in all snapshots
without reading them. It can be lost: this reads the trees and writes it again. What trees cannot
hold (when and as which inode a file was found in its source, its hash, attributes that the
destination refused) is taken over from the catalog there is, where the trees confirm it, and
otherwise lost; how much is told. The catalog there is stays in use until the new one is complete.

The exit code is 3 if something in a snapshot cannot be read: that snapshot is not in the catalog.";

/// Incremental hard-link snapshots: every snapshot is a complete, plain
/// directory tree, and what did not change is a hard link to the one before.
#[derive(Debug, Parser)]
#[command(
    name = "hardsnap",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
#[command(max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How much is told, and in what form.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print JSON lines; the last one is the summary
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only trouble, and results that were asked for: no progress, no summary
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Name every file that is copied, and all that is left out and why; twice, or with --dry-run:
    /// every entry
    #[arg(long, short, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a store
    Init(InitArgs),
    /// Make a snapshot, then remove the expired ones
    Backup(Box<BackupArgs>),
    /// List the snapshots, oldest first
    List(ListArgs),
    /// Show what differs between two snapshots
    Diff(DiffArgs),
    /// Show the versions of a file or directory
    Versions(VersionsArgs),
    /// Find files and directories in all snapshots
    Find(FindArgs),
    /// Show what deleting snapshots would free
    Du(DuArgs),
    /// Get data back
    Restore(RestoreArgs),
    /// Remove the snapshots that the policy no longer keeps
    Prune(Box<PruneArgs>),
    /// Remove snapshots by name
    Delete(DeleteArgs),
    /// Keep a snapshot, whatever the policy says, until it is released
    Hold(HoldArgs),
    /// Let a held snapshot go the way of all others
    Release(OneArgs),
    /// Let a suspect snapshot count like any other
    Accept(OneArgs),
    /// Compare the snapshots with what was recorded of them, and repair them
    Verify(VerifyArgs),
    /// Make the catalog anew from the snapshots
    Reindex(ReindexArgs),
    /// Replicate one tree, linking what did not change, without any store
    Tree(TreeArgs),
    /// Try out a retention policy
    #[command(subcommand)]
    Retention(RetentionCommand),
}

#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// The directory to make the store in; it is created if it is missing
    pub(crate) store: PathBuf,
    /// Make it even where there are no hard links and each snapshot is a full copy
    #[arg(long)]
    pub(crate) allow_full_copies: bool,
    /// Remove expired snapshots at once [default: while a tenth of the disk is free, the newest of
    /// them is kept for the next snapshot to be made of it, which takes less time]
    #[arg(long)]
    pub(crate) no_spare: bool,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "hardsnap backup [OPTIONS] SOURCE... STORE")]
#[command(after_help = format!("{}\n\n{}", filter::SYNTAX_HELP, keep::VALUE_HELP))]
pub(crate) struct BackupArgs {
    /// The sources, and last the store; `/home/alice` lands in `STORE/NAME/home/alice`
    // One list: clap takes no option between two positional arguments of which
    // the first has many values.
    #[arg(required = true, value_name = "PATH", num_args = 1..)]
    paths: Vec<PathBuf>,
    /// Make the store if there is none
    #[arg(long)]
    pub(crate) init: bool,
    /// Accept other sources than those of the snapshots before
    #[arg(long)]
    pub(crate) change_sources: bool,
    /// Go on even where there are no hard links and each snapshot is a full copy
    #[arg(long)]
    pub(crate) allow_full_copies: bool,
    /// Read every file and compare its content, by its hash, with what was recorded; copy those
    /// without a recorded hash
    #[arg(long)]
    pub(crate) checksum: bool,
    /// Look at each stored file of the snapshot before instead of relying on the record of it
    #[arg(long)]
    pub(crate) check_basis: bool,
    /// Compute and keep no hashes (BLAKE3) of the files that are copied
    #[arg(long)]
    pub(crate) no_hash: bool,
    /// Date the snapshot TIME instead of now, and prune as of then
    #[arg(long, value_name = "RFC3339", value_parser = parse_time)]
    pub(crate) time: Option<DateTime<Utc>>,
    /// Keep a note with the snapshot
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Remove no expired snapshots
    #[arg(long)]
    pub(crate) no_prune: bool,
    /// Keep a copy of the store's catalog in DIR, if the store is on a file server
    /// [default: hardsnap in the system's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Keep no copy of the store's catalog
    #[arg(long, conflicts_with = "cache_dir")]
    pub(crate) no_cache: bool,
    /// Make a new tree, even if there is one of an expired snapshot to make it of
    #[arg(long)]
    pub(crate) no_recycle: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

/// What `backup` and `tree` have in common.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Enter network, FUSE and autofs mounts too [default: they become empty directories]
    #[arg(long)]
    cross_network: bool,
    /// Stop at every mount point, bind mounts included
    #[arg(long, conflicts_with = "cross_network")]
    one_file_system: bool,
    /// Number of worker threads [default: one a processor, at least 2; over a network up to 32]
    #[arg(long, value_name = "N", value_parser = parse_jobs)]
    jobs: Option<NonZeroUsize>,
    /// Write nothing, only tell what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    // Last: what follows would come under its heading.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// The store
    pub(crate) store: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PruneArgs {
    /// The store
    pub(crate) store: PathBuf,
    /// Decide as if it were TIME [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = parse_time)]
    pub(crate) now: Option<DateTime<Utc>>,
    /// Remove nothing, only tell what would be kept and removed, and why
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Tell the same, then remove
    #[arg(long)]
    pub(crate) explain: bool,
    /// Remove even if something looks wrong: the clock, the newest snapshot, or that most would go
    #[arg(long)]
    pub(crate) force: bool,
    /// If less than this is free afterwards (50G, or 10% of the filesystem), remove more, oldest
    /// first; never what is held, nor the newest three
    #[arg(long, value_name = "SIZE", value_parser = str::parse::<MinFree>)]
    pub(crate) min_free: Option<MinFree>,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// The store
    pub(crate) store: PathBuf,
    /// A full name, a unique beginning of one, `latest`, or `latest~N` for the Nth before it
    #[arg(required = true, value_name = "SNAPSHOT")]
    pub(crate) snapshots: Vec<String>,
    /// Do not ask; needed where there is no terminal to ask on. Given twice, the last complete
    /// snapshot may go too
    #[arg(long, action = ArgAction::Count)]
    pub(crate) yes: u8,
}

#[derive(Debug, clap::Args)]
pub(crate) struct HoldArgs {
    /// The store
    pub(crate) store: PathBuf,
    /// A full name, a unique beginning of one, `latest`, or `latest~N` for the Nth before it
    pub(crate) snapshot: String,
    /// Keep a note with the snapshot, in place of the one that it has
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

/// A store and one of its snapshots.
#[derive(Debug, clap::Args)]
pub(crate) struct OneArgs {
    /// The store
    pub(crate) store: PathBuf,
    /// A full name, a unique beginning of one, `latest`, or `latest~N` for the Nth before it
    pub(crate) snapshot: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = REINDEX_HELP)]
pub(crate) struct ReindexArgs {
    /// The store
    pub(crate) store: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TreeArgs {
    /// The directory whose content is replicated
    pub(crate) source: PathBuf,
    /// The directory that it lands in; it must be missing or empty
    pub(crate) target: PathBuf,
    /// An earlier replica to compare with and to link to
    #[arg(long, value_name = "BASIS")]
    pub(crate) link_dest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl Command {
    /// Tells whether the command walks sources only to tell what it would do.
    pub(crate) fn is_dry_run(&self) -> bool {
        match self {
            Command::Backup(args) => args.run.dry_run,
            Command::Tree(args) => args.run.dry_run,
            Command::Restore(args) => args.dry_run,
            _ => false,
        }
    }
}

impl BackupArgs {
    /// The sources and the store; `None` if there is no source.
    pub(crate) fn sources_and_store(&self) -> Option<(&[PathBuf], &Path)> {
        let (store, sources) = self.paths.split_last()?;
        (!sources.is_empty()).then_some((sources, store))
    }
}

impl RunArgs {
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

    pub(crate) fn mounts(&self) -> Mounts {
        if self.cross_network {
            Mounts::All
        } else if self.one_file_system {
            Mounts::OneFileSystem
        } else {
            Mounts::Local
        }
    }
}

fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|error| format!("{error}; a time is written like 2026-11-22T19:20:00Z"))?
        .with_timezone(&Utc);
    // A snapshot has to be named after it.
    SnapshotName::from_time(time).map_err(|_| "the year has to be from 0 to 9999".to_owned())?;
    Ok(time)
}

fn parse_jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .ok()
        .filter(|jobs: &NonZeroUsize| jobs.get() <= MOST_JOBS)
        .ok_or_else(|| format!("a number from 1 to {MOST_JOBS} is needed"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn times_are_rfc_3339_with_any_offset_and_end_up_in_utc() {
        for text in [
            "2026-11-22T19:20:00Z",
            "2026-11-22T20:20:00+01:00",
            "2026-11-22t19:20:00.0z",
        ] {
            assert_eq!(
                parse_time(text).unwrap().to_rfc3339(),
                "2026-11-22T19:20:00+00:00",
                "{text}"
            );
        }
        for text in [
            "",
            "now",
            "2026-11-22",
            "2026-11-22T19:20:00",
            "2026-02-30T00:00:00Z",
            "-001-01-01T00:00:00Z",
        ] {
            assert!(parse_time(text).is_err(), "{text}");
        }
        // The year 10000 in UTC.
        assert!(parse_time("9999-12-31T23:59:59-01:00").is_err());
    }

    #[test]
    fn jobs_are_at_least_one_and_not_absurd() {
        assert_eq!(parse_jobs("1").unwrap().get(), 1);
        assert_eq!(parse_jobs("1024").unwrap().get(), 1024);
        for text in ["0", "-1", "1025", "two", "", "1.5"] {
            assert!(parse_jobs(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_path_of_a_backup_is_the_store() {
        let args =
            Args::try_parse_from(["hardsnap", "backup", "/a", "--init", "/b", "/c"]).unwrap();
        let Command::Backup(backup) = args.command else {
            panic!("not a backup")
        };
        let (sources, store) = backup.sources_and_store().unwrap();
        assert_eq!(sources, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(store, Path::new("/c"));
        assert!(backup.init);
    }

    #[test]
    fn a_store_alone_is_no_backup() {
        let args = Args::try_parse_from(["hardsnap", "backup", "/store"]).unwrap();
        let Command::Backup(backup) = args.command else {
            panic!("not a backup")
        };
        assert!(backup.sources_and_store().is_none());
        assert!(Args::try_parse_from(["hardsnap", "backup"]).is_err());
    }

    #[test]
    fn paths_after_two_dashes_may_begin_with_a_dash() {
        let args =
            Args::try_parse_from(["hardsnap", "backup", "--", "-a", "--init", "/c"]).unwrap();
        let Command::Backup(backup) = args.command else {
            panic!("not a backup")
        };
        let (sources, _) = backup.sources_and_store().unwrap();
        assert_eq!(sources, [PathBuf::from("-a"), PathBuf::from("--init")]);
        assert!(!backup.init);
    }
}
