//! The flags.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;

use crate::scenario::Scenario;
use crate::tree::TreeShape;

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

    /// Rounds that count, after one that does not [default: 5, with --quick 1]
    #[arg(long, value_name = "N")]
    pub rounds: Option<NonZeroUsize>,

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
}

impl Args {
    /// Says whether the small defaults apply.
    pub(crate) fn is_quick(&self) -> bool {
        self.quick || !self.bench
    }

    /// Returns the tree to make.
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

    /// Returns the number of rounds that count.
    pub(crate) fn round_count(&self) -> usize {
        let default = if self.is_quick() { 1 } else { 5 };
        self.rounds.map_or(default, NonZeroUsize::get)
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
        let args = parse(&["--only", "one-percent", "--only", "first-copy"]);
        assert_eq!(
            args.scenarios(),
            [Scenario::FirstCopy, Scenario::OnePercent]
        );
        assert_eq!(parse(&[]).scenarios(), Scenario::ALL);
    }
}
