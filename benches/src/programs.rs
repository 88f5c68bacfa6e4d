//! The programs that are measured, and how they are called.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::error::{At, Error, Result};
use crate::scenario::{Places, Scenario};

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
}

impl Program {
    /// Says whether this is hardsnap.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Tree | Self::Backup | Self::BackupUnhashed)
    }

    /// Says whether a snapshot in a store is made.
    pub(crate) fn is_backup(self) -> bool {
        matches!(self, Self::Backup | Self::BackupUnhashed)
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
            (Self::Backup, true) => "hardsnap backup",
            (Self::BackupUnhashed, _) => "hardsnap backup --init --no-hash",
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
            Program::Rsync => self.versions.rsync.is_some(),
            Program::Cp => self.versions.cp.is_some(),
            Program::Tree | Program::Backup | Program::BackupUnhashed => true,
        }
    }

    /// Returns the whole command.
    pub(crate) fn command(&self, program: Program, scenario: Scenario, at: &Places) -> Command {
        let basis = scenario.has_basis().then_some(at.basis.as_path());
        match program {
            Program::Rsync => rsync(&at.source, basis, &at.target),
            Program::Cp => cp(&at.source, basis, &at.target),
            Program::Tree => {
                let mut command = self.hardsnap("tree");
                if let Some(basis) = basis {
                    command.arg("--link-dest").arg(basis);
                }
                command.args([&at.source, &at.target]);
                command
            }
            Program::Backup if basis.is_none() => self.first_backup(at),
            Program::Backup => {
                let mut command = self.hardsnap("backup");
                command.args([&at.source, &at.store]);
                command
            }
            Program::BackupUnhashed => {
                let mut command = self.first_backup(at);
                command.arg("--no-hash");
                command
            }
        }
    }

    /// Returns the command that makes a store and its first snapshot.
    pub(crate) fn first_backup(&self, at: &Places) -> Command {
        let mut command = self.hardsnap("backup");
        command.arg("--init").args([&at.source, &at.store]);
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

fn rsync(source: &Path, basis: Option<&Path>, target: &Path) -> Command {
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

/// Returns a plain copy, or the basis copied as links: the usual first step of
/// a rotation, which never looks at the source.
fn cp(source: &Path, basis: Option<&Path>, target: &Path) -> Command {
    let mut command = Command::new("cp");
    match basis {
        Some(basis) => command.arg("-al").arg(basis),
        None => command.arg("-a").arg(source),
    };
    command.arg(target);
    command
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
        };
        let command = |program, scenario| programs.command(program, scenario, &at);
        for (program, scenario, expected) in [
            (Program::Rsync, Scenario::FirstCopy, "rsync -aHAX /s/ /t/"),
            (
                Program::Rsync,
                Scenario::OnePercent,
                "rsync -aHAX --link-dest=/b /s/ /t/",
            ),
            (Program::Cp, Scenario::FirstCopy, "cp -a /s /t"),
            (Program::Cp, Scenario::Unchanged, "cp -al /b /t"),
            (
                Program::Tree,
                Scenario::FirstCopy,
                "/bin/hardsnap tree --jobs 2 /s /t",
            ),
            (
                Program::Tree,
                Scenario::Unchanged,
                "/bin/hardsnap tree --jobs 2 --link-dest /b /s /t",
            ),
            (
                Program::Backup,
                Scenario::Unchanged,
                "/bin/hardsnap backup --jobs 2 /s /store",
            ),
            (
                Program::Backup,
                Scenario::FirstCopy,
                "/bin/hardsnap backup --jobs 2 --init /s /store",
            ),
            (
                Program::BackupUnhashed,
                Scenario::FirstCopy,
                "/bin/hardsnap backup --jobs 2 --init /s /store --no-hash",
            ),
        ] {
            assert_eq!(words(&command(program, scenario)).join(" "), expected);
        }
        assert!(!programs.has(Program::Rsync) && programs.has(Program::Tree));
    }
}
