//! Questions about what the snapshots hold.

use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The store
    pub(crate) store: PathBuf,
    /// A full name, a unique beginning of one, `latest`, or `latest~N` for the Nth before it
    #[arg(value_name = "A")]
    pub(crate) before: String,
    /// The snapshot to compare with it; the changes are those that lead from A to B
    #[arg(value_name = "B")]
    pub(crate) after: String,
    /// Show how the text of one file was changed, as `diff -u` does. PATH is that of the source; of
    /// a file that was moved, either path does
    #[arg(long, value_name = "PATH")]
    pub(crate) patch: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = VERSIONS_HELP)]
pub(crate) struct VersionsArgs {
    /// The store
    pub(crate) store: PathBuf,
    /// The path that was backed up, as it is or was in the source
    pub(crate) path: PathBuf,
}

const VERSIONS_HELP: &str = "\
Each version is told with the first snapshot that has it, how many have it, and the command that
brings it back, from the last one that has it: put a directory in the place of DIR. With --verbose,
also where it lies in the store. LOCAL TIME is the snapshot's time by the clocks here; its name is in
UTC.";

#[derive(Debug, clap::Args)]
#[command(after_help = GLOB_HELP)]
pub(crate) struct FindArgs {
    /// The store
    pub(crate) store: PathBuf,
    /// What to look for
    #[arg(value_name = "GLOB")]
    pub(crate) pattern: String,
}

const GLOB_HELP: &str = "\
GLOB has the syntax of .gitignore. Without a slash it is matched with names, wherever they are;
with one, with whole paths from / on; with one at the end, with directories. `*` and `?` do not
match a slash, `**` does. SIZE is that in the last snapshot that has the path, and LOCAL TIME when
that was made, by the clocks here.

    hardsnap find STORE 'letter*.odt'
    hardsnap find STORE '/home/alice/**/*.jpg'";

const DU_HELP: &str = "\
Nothing is deleted. ALONE is what only that snapshot has: what deleting just it would free. What two
snapshots share is freed when both are gone; so the numbers of several do not add up.";

#[derive(Debug, clap::Args)]
#[command(after_help = DU_HELP)]
pub(crate) struct DuArgs {
    /// The store
    pub(crate) store: PathBuf,
    /// A full name, a unique beginning of one, `latest`, or `latest~N` for the Nth before it; without
    /// any, each snapshot is shown, and what the next prune would free
    #[arg(value_name = "SNAPSHOT")]
    pub(crate) snapshots: Vec<String>,
}
