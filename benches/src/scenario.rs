//! What is measured: which programs, and what they find.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::error::{At, Result};
use crate::programs::Program;

/// Names a situation in which the programs are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Scenario {
    /// There is nothing to link to.
    FirstCopy,
    /// Nothing changed since the basis was made.
    Unchanged,
    /// One file in each hundred changed since the basis was made.
    OnePercent,
}

impl Scenario {
    /// All of them, in the order that they must run in: the last one changes
    /// the source.
    pub(crate) const ALL: [Self; 3] = [Self::FirstCopy, Self::Unchanged, Self::OnePercent];

    /// Returns the name that the flag takes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FirstCopy => "first-copy",
            Self::Unchanged => "unchanged",
            Self::OnePercent => "one-percent",
        }
    }

    /// Says whether there is an older tree to link to.
    pub(crate) fn has_basis(self) -> bool {
        self != Self::FirstCopy
    }

    /// Returns the programs in the order of a round.
    pub(crate) fn programs(self) -> &'static [Program] {
        use Program::{Backup, BackupUnhashed, Cp, Rsync, Tree};
        match self {
            Self::FirstCopy => &[Rsync, Tree, Cp, Backup, BackupUnhashed],
            Self::Unchanged => &[Rsync, Tree, Cp, Backup],
            // `cp -al` cannot tell what changed.
            Self::OnePercent => &[Rsync, Tree],
        }
    }
}

/// The trees that the programs read and make.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The tree that is copied.
    pub(crate) source: PathBuf,
    /// An older copy of it.
    pub(crate) basis: PathBuf,
    /// A hardsnap store with older snapshots of it.
    pub(crate) store: PathBuf,
    /// The copy that a program makes, removed after each run.
    pub(crate) target: PathBuf,
}

impl Places {
    /// Names the places below the directories for source and destination.
    pub(crate) fn below(source: &Path, destination: &Path) -> Self {
        Self {
            source: source.join("tree"),
            basis: destination.join("basis"),
            store: destination.join("store"),
            target: destination.join("target"),
        }
    }

    /// Returns the size of the store's catalog.
    ///
    /// # Errors
    ///
    /// Fails where there is none.
    pub(crate) fn catalog_bytes(&self) -> Result<u64> {
        let catalog = self.store.join(".hardsnap/catalog.db");
        Ok(fs::metadata(&catalog).at("read", &catalog)?.len())
    }

    /// Returns the source's tree in the store's newest snapshot.
    ///
    /// # Errors
    ///
    /// Fails where there is no `latest` to read.
    pub(crate) fn in_latest(&self) -> Result<PathBuf> {
        let latest = self.store.join("latest");
        let name = fs::read_link(&latest).at("read", &latest)?;
        let inside = self.source.strip_prefix("/").unwrap_or(&self.source);
        Ok(self.store.join(name).join(inside))
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

    #[test]
    fn a_snapshot_holds_the_source_at_its_absolute_path() {
        let temp = tempfile::tempdir().unwrap();
        let places = Places::below(Path::new("/home"), temp.path());
        fs::create_dir(&places.store).unwrap();
        assert!(places.in_latest().is_err());
        std::os::unix::fs::symlink("NAME", places.store.join("latest")).unwrap();
        let expected = temp.path().join("store/NAME/home/tree");
        assert_eq!(places.in_latest().unwrap(), expected);
    }
}
