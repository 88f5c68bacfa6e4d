//! What a caller may choose of a verification.

use std::fmt;
use std::str::FromStr;

use crate::name::SnapshotName;
use crate::options::Jobs;

/// Which files [`Store::verify`](crate::Store::verify) reads, to compare their
/// content by its hash (BLAKE3) with what was recorded.
///
/// What was found damaged before is read each time, whatever is chosen, until
/// it is good again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyContent {
    /// None: structure and metadata are compared.
    #[default]
    Unread,
    /// A part of all files, and the next time the part that follows, so that in
    /// the end each one is read. Which part a file is of is told by its hash.
    Sample(SampleSize),
    /// Those that were stored since a run with this choice or with
    /// [`VerifyContent::Full`] came to its end.
    SinceLast,
    /// All.
    Full,
}

/// How much of all files a sample takes, from a millionth to all of them.
///
/// # Examples
///
/// ```
/// let size: hardsnap::SampleSize = "2.5%".parse()?;
/// assert_eq!(size.to_string(), "2.5%");
/// # Ok::<(), hardsnap::InvalidSampleSize>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleSize {
    millionths: u32,
}

/// All of what a sample is taken of.
const ALL_MILLIONTHS: u32 = 1_000_000;

impl SampleSize {
    /// A size in percent; none unless it is more than 0 and at most 100.
    #[must_use]
    pub fn percent(percent: f64) -> Option<SampleSize> {
        let millionths = (percent * 10_000.0).round();
        let is_valid = (1.0..=f64::from(ALL_MILLIONTHS)).contains(&millionths);
        is_valid.then_some(SampleSize {
            millionths: millionths as u32,
        })
    }

    /// The size in steps of which the whole has 2^32.
    pub(super) fn steps(self) -> u64 {
        (u64::from(self.millionths) << 32).div_ceil(u64::from(ALL_MILLIONTHS))
    }
}

impl fmt::Display for SampleSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.millionths) / 10_000.0)
    }
}

/// The text is not the size of a sample.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no part of all files; it is written in percent, more than 0 and at most 100: 5%")]
pub struct InvalidSampleSize(String);

impl FromStr for SampleSize {
    type Err = InvalidSampleSize;

    fn from_str(text: &str) -> Result<SampleSize, InvalidSampleSize> {
        let number = text.strip_suffix('%').unwrap_or(text).trim();
        // Signs, exponents and words such as `inf` are numbers, too.
        let is_plain = number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let percent = number.parse().ok().filter(|_| is_plain);
        percent
            .and_then(SampleSize::percent)
            .ok_or_else(|| InvalidSampleSize(text.to_owned()))
    }
}

/// What becomes of the damage that is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repair {
    /// It is told.
    #[default]
    Off,
    /// What there is a good copy of is replaced by it.
    FromGoodCopies,
}

/// What [`Store::verify`](crate::Store::verify) does.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifyOptions {
    pub(super) snapshots: Vec<SnapshotName>,
    pub(super) content: VerifyContent,
    pub(super) repair: Repair,
    pub(super) jobs: Jobs,
}

impl VerifyOptions {
    /// Structure and metadata of all snapshots.
    #[must_use]
    pub fn new() -> VerifyOptions {
        VerifyOptions::default()
    }

    /// Sets which snapshots are verified. Default: all.
    #[must_use]
    pub fn snapshots(mut self, snapshots: impl IntoIterator<Item = SnapshotName>) -> VerifyOptions {
        self.snapshots = snapshots.into_iter().collect();
        self
    }

    /// Sets which files are read. Default: [`VerifyContent::Unread`].
    #[must_use]
    pub fn content(mut self, content: VerifyContent) -> VerifyOptions {
        self.content = content;
        self
    }

    /// Sets what becomes of damage. Default: [`Repair::Off`].
    #[must_use]
    pub fn repair(mut self, repair: Repair) -> VerifyOptions {
        self.repair = repair;
        self
    }

    /// Sets the number of worker threads. Default: [`Jobs::Auto`].
    #[must_use]
    pub fn jobs(mut self, jobs: Jobs) -> VerifyOptions {
        self.jobs = jobs;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_part_of_the_whole() {
        for (text, steps) in [("100%", 1 << 32), ("50", 1 << 31), ("0.0001%", 4295)] {
            assert_eq!(text.parse::<SampleSize>().unwrap().steps(), steps, "{text}");
        }
        for text in [
            "", "%", "0%", "0.00001%", "100.1%", "-5%", "inf", "1e1", "nan", "5%%",
        ] {
            let error = text.parse::<SampleSize>().unwrap_err();
            assert!(error.to_string().contains("percent"), "{text}");
        }
    }

    #[test]
    fn so_many_samples_as_it_takes_cover_all() {
        for text in ["5%", "7.3%", "33.3333%", "100%", "0.1%"] {
            let size: SampleSize = text.parse().unwrap();
            let percent: f64 = text.trim_end_matches('%').parse().unwrap();
            let runs = (100.0 / percent).ceil() as u64;
            assert!(size.steps() * runs >= 1 << 32, "{text}");
        }
    }
}
