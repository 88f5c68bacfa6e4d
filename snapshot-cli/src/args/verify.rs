//! Which snapshots are verified, and how closely.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use hardsnap::{Jobs, Repair, SampleSize, VerifyContent};

use super::parse_jobs;

const HELP: &str = "\
Every entry that was recorded has to be there with its metadata, as far as the destination can
hold them, and no other entry. With one of the options above, files are read too, and compared with
the hashes that were recorded when they were stored; each stored file is read once, however many
snapshots share it. What was found damaged is read again each time until it is good. A run that was
stopped is gone on with by the next one with the same options.

    hardsnap verify STORE --since-last      after each backup: what is new
    hardsnap verify STORE --sample 5%       each week: all within 20 weeks
    hardsnap verify STORE --full            all at once

--repair puts a good copy in the place of what is damaged, in all snapshots that share it: from
another snapshot, or from the source if the file there is still the same one. Directories that are
gone come back with all that was in them. What was damaged is kept in STORE/.hardsnap/damaged.

The exit code is 5 if anything was damaged, also if all of it could be repaired: a disk that damages
files is to be heard of. Verify once more to see that all is good.";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct VerifyArgs {
    /// The store
    pub(crate) store: PathBuf,
    /// A full name, a unique beginning of one, `latest`, or `latest~N` for the Nth before it; all
    /// snapshots if there is none
    #[arg(value_name = "SNAPSHOT")]
    pub(crate) snapshots: Vec<String>,
    /// Read this part of all files, and the next part the next time
    #[arg(long, value_name = "PERCENT", group = "content")]
    sample: Option<SampleSize>,
    /// Read the files that were stored since the last time, with this option or --full
    #[arg(long, group = "content")]
    since_last: bool,
    /// Read all files
    #[arg(long, group = "content")]
    full: bool,
    /// Put good copies in the place of what is damaged
    #[arg(long)]
    repair: bool,
    /// Number of worker threads [default: one a processor, at least 2]
    #[arg(long, value_name = "N", value_parser = parse_jobs)]
    jobs: Option<NonZeroUsize>,
}

impl VerifyArgs {
    pub(crate) fn content(&self) -> VerifyContent {
        match self.sample {
            Some(size) => VerifyContent::Sample(size),
            None if self.since_last => VerifyContent::SinceLast,
            None if self.full => VerifyContent::Full,
            None => VerifyContent::Unread,
        }
    }

    pub(crate) fn repair(&self) -> Repair {
        match self.repair {
            true => Repair::FromGoodCopies,
            false => Repair::Off,
        }
    }

    pub(crate) fn jobs(&self) -> Jobs {
        self.jobs.map_or(Jobs::Auto, Jobs::Exactly)
    }
}
