//! The flags.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;

use crate::change::MOST_DAYS;
use crate::measure::Caches;
use crate::scenario::{Ground, Scenario};
use crate::tree::TreeShape;

/// The source changes once a round, and once before those that count.
const MOST_ROUNDS: i64 = MOST_DAYS as i64 - 1;

/// Measures hardsnap against rsync and cp.
///
/// Set HARDSNAP_BIN to measure a binary that is already built.
#[derive(Debug, Clone, Parser)]
#[command(name = "against_peers", version)]
#[non_exhaustive]
pub struct Args {
    /// Regular files in the tree [default: 100000, with --quick 400]
    #[arg(long, value_name = "N")]
    pub files: Option<NonZeroUsize>,

    /// Directories in the tree [default: 4000, with --quick 40]
    #[arg(long, value_name = "N")]
    pub directories: Option<NonZeroUsize>,

    /// Size of all files together, K, M and G being powers of 1000
    /// [default: 825M, with --quick 2M]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub bytes: Option<u64>,

    /// Rounds that count, after one that does not, up to 48 [default: 5, with
    /// --quick 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=MOST_ROUNDS))]
    pub rounds: Option<u8>,

    /// Measure this scenario only; may be given more than once
    #[arg(long, value_name = "SCENARIO", value_enum)]
    pub only: Vec<Scenario>,

    /// Worker threads for hardsnap [default: its own choice]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,

    /// A small tree and one round: seconds, and no times worth reading
    #[arg(long)]
    pub quick: bool,

    /// Work in a new folder below DIR instead of ext4 images in memory
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// Keep source and destination on one ext4 image instead of two
    #[arg(long, conflicts_with = "dir")]
    pub one_image: bool,

    /// Drop the kernel's caches before each program; needs root, and slows the
    /// whole machine
    #[arg(long)]
    pub cold: bool,

    /// Write every number to FILE as JSON; `cargo bench` starts in benches/
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Given by `cargo bench`; without it `--quick` is implied, because
    /// `cargo test --all-targets` runs this program too
    #[arg(long, hide = true)]
    pub bench: bool,

    /// Given by the program to itself inside its own mount namespace
    #[arg(long, hide = true)]
    pub in_private_mounts: bool,

    /// Given by the program to itself: look at each entry of a tree
    #[arg(long, hide = true, requires_all = ["threads", "expect"])]
    pub scan: Option<PathBuf>,

    /// Threads for `--scan`
    #[arg(long, hide = true)]
    pub threads: Option<NonZeroUsize>,

    /// The entries that `--scan` has to find
    #[arg(long, hide = true)]
    pub expect: Option<usize>,

    /// Given by the program to itself: print the first difference of a source,
    /// a target and, if given, the basis of the target
    #[arg(long, hide = true, num_args = 2..=3)]
    pub compare: Vec<PathBuf>,
}

impl Args {
    /// Says whether the small defaults apply.
    pub(crate) fn is_quick(&self) -> bool {
        self.quick || !self.bench
    }

    /// Returns the usual tree.
    pub(crate) fn shape(&self) -> TreeShape {
        let (files, directories, bytes) = if self.is_quick() {
            (400, 40, 2_000_000)
        } else {
            (100_000, 4_000, 825_000_000)
        };
        TreeShape {
            files: self.files.map_or(files, NonZeroUsize::get),
            directories: self.directories.map_or(directories, NonZeroUsize::get),
            bytes: self.bytes.unwrap_or(bytes),
        }
    }

    /// Returns the trees of a ground.
    pub(crate) fn shapes(&self, ground: Ground) -> Vec<TreeShape> {
        let usual = self.shape();
        match ground {
            Ground::Usual => vec![usual],
            Ground::Large if self.is_quick() => vec![TreeShape {
                files: 10,
                directories: 2,
                bytes: 20_000_000,
            }],
            Ground::Large => vec![TreeShape {
                files: 200,
                directories: 8,
                bytes: 2_000_000_000,
            }],
            Ground::Many => [
                (1, usual.directories),
                (10, 10 * usual.directories),
                (10, 1),
            ]
            .into_iter()
            .map(|(times, directories)| TreeShape {
                files: times * usual.files,
                directories,
                bytes: 0,
            })
            .collect(),
        }
    }

    /// Returns the number of rounds that count.
    pub(crate) fn round_count(&self) -> usize {
        let default = if self.is_quick() { 1 } else { 5 };
        self.rounds.map_or(default, usize::from)
    }

    /// Returns what the kernel is to remember.
    pub(crate) fn caches(&self) -> Caches {
        if self.cold {
            Caches::Dropped
        } else {
            Caches::Warm
        }
    }

    /// Returns the scenarios to measure, in the order they must run in.
    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        Scenario::ALL
            .into_iter()
            .filter(|scenario| self.only.is_empty() || self.only.contains(scenario))
            .collect()
    }
}

fn parse_bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1_000),
        Some(b'M') => (&text[..text.len() - 1], 1_000_000),
        Some(b'G') => (&text[..text.len() - 1], 1_000_000_000),
        _ => (text, 1),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| format!("{text:?} is not a size such as 825M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &[&str]) -> Args {
        Args::parse_from(std::iter::once("against_peers").chain(flags.iter().copied()))
    }

    #[test]
    fn sizes_take_decimal_units() {
        assert_eq!(parse_bytes("12"), Ok(12));
        assert_eq!(parse_bytes("825M"), Ok(825_000_000));
        assert_eq!(parse_bytes("3k"), Ok(3_000));
        assert!(parse_bytes("M").is_err());
        assert!(parse_bytes("").is_err());
        assert!(parse_bytes("-1").is_err());
        assert!(parse_bytes("99999999999G").is_err());
    }

    #[test]
    fn only_cargo_bench_gets_the_full_size() {
        assert_eq!(parse(&["--bench"]).shape().files, 100_000);
        assert_eq!(parse(&[]).shape().files, 400);
        assert_eq!(parse(&["--bench", "--quick"]).round_count(), 1);
        assert_eq!(parse(&["--quick", "--files", "7"]).shape().files, 7);
    }

    #[test]
    fn scenarios_keep_their_order() {
        let args = parse(&["--only", "changed-day", "--only", "first-copy"]);
        assert_eq!(
            args.scenarios(),
            [Scenario::FirstCopy, Scenario::ChangedDay]
        );
        assert_eq!(parse(&[]).scenarios(), Scenario::ALL);
    }
}
