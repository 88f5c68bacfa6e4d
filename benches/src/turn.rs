//! One program's turn: what it needs, its time, and whether its result is right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{At, Error, Result};
use crate::interrupt;
use crate::measure::{self, Measurement};
use crate::programs::{KEPT, Program, Programs, this_program};
use crate::round::Course;
use crate::scenario::Scenario;
use crate::tree::TreeShape;

/// Snapshots are named by the second, and the next one waits for the next.
const BETWEEN_BACKUPS: Duration = Duration::from_millis(1_010);

impl Course<'_> {
    /// Runs one program, and looks at what it made before its time is given.
    pub(crate) fn turn(&mut self, program: Program, scenario: Scenario) -> Result<Measurement> {
        interrupt::check()?;
        let label = program.label(scenario);
        let at = place_of(program);
        let places = self.places[at].clone();
        let basis = scenario.has_basis().then_some(places.basis.as_path());
        let (source, target) = (&places.source, &places.target);
        match program {
            Program::Rsync => {
                let command = Programs::rsync(source, basis, target);
                self.copy(label, command, basis)
            }
            Program::Cp => self.copy(label, Programs::cp(source, basis, target), basis),
            Program::Tree => {
                let command = self.programs.tree(source, basis, target);
                self.copy(label, command, basis)
            }
            Program::Backup if scenario.has_basis() => {
                let command = self.programs.backup(&places);
                let measurement = self.next_snapshot(label, at, command)?;
                self.catalog.push(places.catalog_bytes()?);
                Ok(measurement)
            }
            Program::Backup => self.first_snapshot(label, self.programs.first_backup(&places)),
            Program::BackupUnhashed => {
                let mut command = self.programs.first_backup(&places);
                command.arg("--no-hash");
                self.first_snapshot(label, command)
            }
            Program::BackupDay
            | Program::UsualNumber
            | Program::TenTimesAsMany
            | Program::OneDirectory => {
                let command = self.programs.backup_day(&places);
                let measurement = self.next_snapshot(label, at, command)?;
                match places.snapshot_count()? {
                    KEPT => Ok(measurement),
                    other => Err(wrong(label, format!("{other} snapshots, and not {KEPT}"))),
                }
            }
            Program::Rotate => self.rotate(label),
            Program::Scan => {
                let command = self.programs.scan(source, self.shapes[at].entries());
                self.time(&mut [command])
            }
            Program::RemoveTree => {
                measure::run(&mut Programs::cp(source, basis, target))?;
                let measurement = self.time(&mut [Programs::rm(target)])?;
                gone(label, target)?;
                Ok(measurement)
            }
            Program::Delete => self.delete(label),
        }
    }

    /// Returns the tree that a program works on.
    pub(crate) fn shape_of(&self, program: Program) -> &TreeShape {
        &self.shapes[place_of(program)]
    }

    fn time(&self, commands: &mut [Command]) -> Result<Measurement> {
        let (source, destination) = (self.site.source(), self.site.destination());
        measure::measure(commands, source, destination, self.caches)
    }

    fn copy(&self, label: &str, command: Command, basis: Option<&Path>) -> Result<Measurement> {
        let target = &self.places[0].target;
        let measurement = self.time(&mut [command])?;
        self.check(label, 0, target, basis)?;
        remove(target)?;
        Ok(measurement)
    }

    fn first_snapshot(&self, label: &str, command: Command) -> Result<Measurement> {
        let places = &self.places[0];
        let measurement = self.time(&mut [command])?;
        self.check(label, 0, &places.in_latest()?, None)?;
        remove(&places.store)?;
        Ok(measurement)
    }

    fn next_snapshot(&mut self, label: &str, at: usize, command: Command) -> Result<Measurement> {
        let basis = self.places[at].in_latest()?;
        self.wait_for_next_name();
        let measurement = self.time(&mut [command])?;
        let made = self.places[at].in_latest()?;
        if made == basis {
            return Err(wrong(label, "no new snapshot".to_owned()));
        }
        self.check(label, at, &made, Some(&basis))?;
        Ok(measurement)
    }

    /// Does what a script does each day.
    fn rotate(&mut self, label: &str) -> Result<Measurement> {
        let places = &self.places[0];
        let newest = self.newest_day;
        let (basis, made) = (places.day(newest), places.day(newest + 1));
        let oldest = places.day(newest + 1 - KEPT);
        let measurement = self.time(&mut [
            Programs::rsync(&places.source, Some(&basis), &made),
            Programs::rm(&oldest),
        ])?;
        self.newest_day += 1;
        gone(label, &oldest)?;
        self.check(label, 0, &made, Some(&basis))?;
        Ok(measurement)
    }

    /// Removes a snapshot to which another one was made that equals it.
    fn delete(&mut self, label: &str) -> Result<Measurement> {
        let places = self.places[0].clone();
        let doomed = places.latest()?;
        self.wait_for_next_name();
        measure::run(&mut self.programs.backup(&places))?;
        let measurement = self.time(&mut [self.programs.delete(&places, &doomed)])?;
        gone(label, &places.store.join(&doomed))?;
        gone(label, &places.store.join(".hardsnap/trash").join(&doomed))?;
        let left = places.in_latest()?;
        self.check(label, 0, &left, Some(&left))?;
        Ok(measurement)
    }

    /// Compares a tree with its source.
    ///
    /// A program of its own does it, since the memory that this one has used is
    /// the least that can be read of the programs it starts.
    pub(crate) fn check(
        &self,
        label: &str,
        at: usize,
        target: &Path,
        basis: Option<&Path>,
    ) -> Result<()> {
        let mut command = this_program();
        command
            .arg("--compare")
            .args([&self.places[at].source, target]);
        command.args(basis);
        match measure::answer(&mut command)? {
            difference if difference.is_empty() => Ok(()),
            difference => Err(wrong(label, difference)),
        }
    }

    pub(crate) fn wait_for_next_name(&mut self) {
        if let Some(last) = self.last_backup {
            thread::sleep(BETWEEN_BACKUPS.saturating_sub(last.elapsed()));
        }
        self.last_backup = Some(Instant::now());
    }
}

/// Tells which of the trees on its ground a program works on.
fn place_of(program: Program) -> usize {
    match program {
        Program::TenTimesAsMany => 1,
        Program::OneDirectory => 2,
        _ => 0,
    }
}

fn wrong(label: &str, difference: String) -> Error {
    Error::Different {
        program: label.to_owned(),
        difference,
    }
}

fn gone(label: &str, tree: &PathBuf) -> Result<()> {
    match fs::symlink_metadata(tree) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).at("look at", tree),
        Ok(_) => Err(wrong(label, format!("{} is still there", tree.display()))),
    }
}

fn remove(tree: &Path) -> Result<()> {
    fs::remove_dir_all(tree).at("remove", tree)
}
