//! What is measured: which programs, on which trees.

use clap::ValueEnum;

use crate::programs::Program;

/// Names a situation in which the programs are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Scenario {
    /// There is nothing to link to.
    FirstCopy,
    /// Nothing changed since the basis was made, and nothing is removed.
    Unchanged,
    /// One tree of links is removed.
    Removal,
    /// Nothing changed; one tree is made and the oldest is removed.
    SteadyDay,
    /// As on a steady day, but 1 % of the files changed and 0.1 % each were
    /// added, removed and renamed.
    ChangedDay,
    /// There is nothing to link to, and the files are few and large.
    LargeFiles,
    /// A steady day of ten times as many files, and of one large directory.
    TenTimes,
}

/// The trees that scenarios share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Files as people have them.
    Usual,
    /// A few large files.
    Large,
    /// Many empty files: as many as usual, ten times as many, and those in one
    /// directory.
    Many,
}

impl Scenario {
    /// All of them, in the order that they must run in: the one that changes
    /// the source is the last on its ground.
    pub(crate) const ALL: [Self; 7] = [
        Self::FirstCopy,
        Self::Unchanged,
        Self::Removal,
        Self::SteadyDay,
        Self::ChangedDay,
        Self::LargeFiles,
        Self::TenTimes,
    ];

    /// Returns the name that the flag takes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FirstCopy => "first-copy",
            Self::Unchanged => "unchanged",
            Self::Removal => "removal",
            Self::SteadyDay => "steady-day",
            Self::ChangedDay => "changed-day",
            Self::LargeFiles => "large-files",
            Self::TenTimes => "ten-times",
        }
    }

    /// Returns the trees that it is measured on.
    pub(crate) fn ground(self) -> Ground {
        match self {
            Self::LargeFiles => Ground::Large,
            Self::TenTimes => Ground::Many,
            _ => Ground::Usual,
        }
    }

    /// Says whether there is an older tree to link to.
    pub(crate) fn has_basis(self) -> bool {
        !matches!(self, Self::FirstCopy | Self::LargeFiles)
    }

    /// Returns the programs in the order of a round.
    pub(crate) fn programs(self) -> &'static [Program] {
        use Program::{
            Backup, BackupDay, BackupUnhashed, Cp, Delete, OneDirectory, RemoveTree, Rotate, Rsync,
            Scan, TenTimesAsMany, Tree, UsualNumber,
        };
        match self {
            Self::FirstCopy => &[Rsync, Tree, Cp, Backup, BackupUnhashed],
            Self::Unchanged => &[Rsync, Tree, Cp, Backup],
            Self::Removal => &[RemoveTree, Delete],
            Self::SteadyDay => &[Rotate, BackupDay, Scan],
            Self::ChangedDay => &[Rotate, BackupDay],
            Self::LargeFiles => &[Rsync, Backup, Cp],
            Self::TenTimes => &[UsualNumber, TenTimesAsMany, OneDirectory],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_flag() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::from_str(scenario.name(), false), Ok(scenario));
        }
    }
}
