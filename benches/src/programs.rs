//! The programs that are measured, and how they are called.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::error::{At, Error, Result};
use crate::places::Places;
use crate::scenario::Scenario;

/// Names a program and the way it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// `rsync -aHAX`, with `--link-dest` where there is a basis.
    Rsync,
    /// `cp -a`, or `cp -al` of the basis.
    Cp,
    /// `hardsnap tree`: one tree and no store.
    Tree,
    /// `hardsnap backup`: the next snapshot of a store, or its first.
    Backup,
    /// `hardsnap backup --no-hash`.
    BackupUnhashed,
    /// What scripts do: `rsync --link-dest`, and `rm -rf` of the oldest tree.
    Rotate,
    /// `hardsnap backup` that removes the oldest snapshot.
    BackupDay,
    /// A look at each entry of the source, and nothing else.
    Scan,
    /// `rm -rf` of a tree of links.
    RemoveTree,
    /// `hardsnap delete` of a snapshot.
    Delete,
    /// `hardsnap backup` of as many files as usual, and empty ones.
    UsualNumber,
    /// `hardsnap backup` of ten times as many.
    TenTimesAsMany,
    /// `hardsnap backup` of as many in one directory.
    OneDirectory,
}

/// How many trees a rotation keeps.
pub(crate) const KEPT: usize = 2;

impl Program {
    /// Says whether the others' times are divided by this one's.
    pub(crate) fn divides(self) -> bool {
        matches!(
            self,
            Self::Tree
                | Self::Backup
                | Self::BackupUnhashed
                | Self::BackupDay
                | Self::Delete
                | Self::UsualNumber
        )
    }

    /// Returns the command line without its paths.
    pub(crate) fn label(self, scenario: Scenario) -> &'static str {
        match (self, scenario.has_basis()) {
            (Self::Rsync, false) => "rsync -aHAX",
            (Self::Rsync, true) => "rsync -aHAX --link-dest",
            (Self::Cp, false) => "cp -a",
            (Self::Cp, true) => "cp -al",
            (Self::Tree, false) => "hardsnap tree",
            (Self::Tree, true) => "hardsnap tree --link-dest",
            (Self::Backup, false) => "hardsnap backup --init",
            (Self::Backup, true) | (Self::BackupDay, _) => "hardsnap backup",
            (Self::BackupUnhashed, _) => "hardsnap backup --init --no-hash",
            (Self::Rotate, _) => "rsync --link-dest, rm -rf",
            (Self::Scan, _) => "scan of the source",
            (Self::RemoveTree, _) => "rm -rf",
            (Self::Delete, _) => "hardsnap delete",
            (Self::UsualNumber, _) => "backup",
            (Self::TenTimesAsMany, _) => "backup of ten times as many",
            (Self::OneDirectory, _) => "backup of these in one directory",
        }
    }
}

/// The versions of everything that is measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Versions {
    pub(crate) hardsnap: String,
    pub(crate) rsync: Option<String>,
    pub(crate) cp: Option<String>,
}

/// The programs as found on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    hardsnap: PathBuf,
    jobs: Option<usize>,
    versions: Versions,
}

impl Programs {
    /// Finds the peers, and finds or builds hardsnap.
    ///
    /// # Errors
    ///
    /// Fails where hardsnap cannot be built or started.
    pub(crate) fn find(jobs: Option<usize>) -> Result<Self> {
        let hardsnap = match std::env::var_os("HARDSNAP_BIN") {
            Some(path) => {
                let path = PathBuf::from(path);
                path.canonicalize().at("find", &path)?
            }
            None => build()?,
        };
        let version = version(&hardsnap)
            .ok_or_else(|| Error::Missing(format!("{} --version fails", hardsnap.display())))?;
        Ok(Self {
            hardsnap,
            jobs,
            versions: Versions {
                hardsnap: version,
                rsync: self::version(Path::new("rsync")),
                cp: self::version(Path::new("cp")),
            },
        })
    }

    /// Returns what the programs say of themselves.
    pub(crate) fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Says whether the program is installed.
    pub(crate) fn has(&self, program: Program) -> bool {
        match program {
            Program::Rsync | Program::Rotate => self.versions.rsync.is_some(),
            Program::Cp | Program::RemoveTree => self.versions.cp.is_some(),
            _ => true,
        }
    }

    /// Returns `rsync -aHAX`.
    pub(crate) fn rsync(source: &Path, basis: Option<&Path>, target: &Path) -> Command {
        let mut command = Command::new("rsync");
        command.arg("-aHAX");
        if let Some(basis) = basis {
            let mut option = OsString::from("--link-dest=");
            option.push(basis);
            command.arg(option);
        }
        // With a slash at its end, the source stands for what is in it.
        command.args([source.join(""), target.join("")]);
        command
    }

    /// Returns a plain copy, or the basis copied as links: the usual first step
    /// of a rotation, which never looks at the source.
    pub(crate) fn cp(source: &Path, basis: Option<&Path>, target: &Path) -> Command {
        let mut command = Command::new("cp");
        match basis {
            Some(basis) => command.arg("-al").arg(basis),
            None => command.arg("-a").arg(source),
        };
        command.arg(target);
        command
    }

    /// Returns the removal of a tree.
    pub(crate) fn rm(tree: &Path) -> Command {
        let mut command = Command::new("rm");
        command.arg("-rf").arg(tree);
        command
    }

    /// Returns a run that makes one tree without a store.
    pub(crate) fn tree(&self, source: &Path, basis: Option<&Path>, target: &Path) -> Command {
        let mut command = self.hardsnap("tree");
        if let Some(basis) = basis {
            command.arg("--link-dest").arg(basis);
        }
        command.args([source, target]);
        command
    }

    /// Returns the run that makes a store and its first snapshot.
    pub(crate) fn first_backup(&self, at: &Places) -> Command {
        let mut command = self.backup(at);
        command.arg("--init");
        command
    }

    /// Returns a run that makes a snapshot and, by the usual policy, removes
    /// none that was made today.
    pub(crate) fn backup(&self, at: &Places) -> Command {
        let mut command = self.hardsnap("backup");
        command.args([&at.source, &at.store]);
        command
    }

    /// Returns a run that makes a snapshot and removes the oldest.
    pub(crate) fn backup_day(&self, at: &Places) -> Command {
        let mut command = self.backup(at);
        command.arg("--keep-last").arg(KEPT.to_string());
        command
    }

    /// Returns the removal of a snapshot.
    pub(crate) fn delete(&self, at: &Places, snapshot: &OsStr) -> Command {
        let mut command = Command::new(&self.hardsnap);
        command
            .args(["delete", "--yes"])
            .arg(&at.store)
            .arg(snapshot);
        command
    }

    /// Returns this program's own look at each entry of the source.
    pub(crate) fn scan(&self, source: &Path, entries: usize) -> Command {
        let threads = self.jobs.unwrap_or_else(usual_jobs);
        let mut command = this_program();
        command.arg("--scan").arg(source);
        command.args(["--threads", &threads.to_string()]);
        command.args(["--expect", &entries.to_string()]);
        command
    }

    fn hardsnap(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.hardsnap);
        command.arg(subcommand);
        if let Some(jobs) = self.jobs {
            command.arg("--jobs").arg(jobs.to_string());
        }
        command
    }
}

/// Returns this program, to be started for something that would need memory.
pub(crate) fn this_program() -> Command {
    // By this name it is found even if it was built anew meanwhile.
    Command::new("/proc/self/exe")
}

/// As many threads as hardsnap chooses by itself.
fn usual_jobs() -> usize {
    std::thread::available_parallelism()
        .map_or(2, Into::into)
        .max(2)
}

/// Returns the first line of `--version`, or `None` if it cannot be had.
fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next()?.split_whitespace();
    output
        .status
        .success()
        .then(|| line.collect::<Vec<_>>().join(" "))
}

/// Builds the release binary and returns its path.
fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let output = Command::new(&cargo)
        .args(["build", "--release", "--package", "hardsnap-cli"])
        .args(["--bin", "hardsnap"])
        .arg("--message-format=json-render-diagnostics")
        .arg("--manifest-path")
        .arg(&manifest)
        .stderr(Stdio::inherit())
        .output()
        .at("start", Path::new(&cargo))?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back();
    executable
        .filter(|_| output.status.success())
        .ok_or_else(|| Error::Missing("hardsnap does not build; HARDSNAP_BIN can name one".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> Vec<&str> {
        std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_str().unwrap())
            .collect()
    }

    #[test]
    fn commands_are_those_that_the_table_names() {
        let programs = Programs {
            hardsnap: "/bin/hardsnap".into(),
            jobs: Some(2),
            versions: Versions {
                hardsnap: String::new(),
                rsync: None,
                cp: None,
            },
        };
        let at = Places {
            source: "/s".into(),
            basis: "/b".into(),
            store: "/store".into(),
            target: "/t".into(),
            days: "/d".into(),
        };
        let (basis, new) = (Some(at.basis.as_path()), OsStr::new("NEW"));
        for (command, expected) in [
            (
                Programs::rsync(&at.source, None, &at.target),
                "rsync -aHAX /s/ /t/",
            ),
            (
                Programs::rsync(&at.source, basis, &at.target),
                "rsync -aHAX --link-dest=/b /s/ /t/",
            ),
            (Programs::cp(&at.source, None, &at.target), "cp -a /s /t"),
            (Programs::cp(&at.source, basis, &at.target), "cp -al /b /t"),
            (Programs::rm(&at.target), "rm -rf /t"),
            (
                programs.tree(&at.source, None, &at.target),
                "/bin/hardsnap tree --jobs 2 /s /t",
            ),
            (
                programs.tree(&at.source, basis, &at.target),
                "/bin/hardsnap tree --jobs 2 --link-dest /b /s /t",
            ),
            (
                programs.first_backup(&at),
                "/bin/hardsnap backup --jobs 2 /s /store --init",
            ),
            (
                programs.backup_day(&at),
                "/bin/hardsnap backup --jobs 2 /s /store --keep-last 2",
            ),
            (
                programs.delete(&at, new),
                "/bin/hardsnap delete --yes /store NEW",
            ),
        ] {
            assert_eq!(words(&command).join(" "), expected);
        }
        assert!(!programs.has(Program::Rsync) && programs.has(Program::Tree));
    }
}
