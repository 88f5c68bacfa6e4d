//! The programs in turn, round after round.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::compare::compare;
use crate::error::{At, Error, Result};
use crate::ground::{self, Ground};
use crate::interrupt;
use crate::measure::{self, Measurement};
use crate::programs::{Program, Programs};
use crate::report::{self, Report, Timed};
use crate::scenario::{Places, Scenario};
use crate::tree::TreeShape;

/// What was changed a minute ago or less is read again by the next backup, as
/// it would not be on another day.
const UNTIL_SETTLED: Duration = Duration::from_secs(61);

/// Snapshots are named by the second, and the next one waits for the next.
const BETWEEN_BACKUPS: Duration = Duration::from_millis(1_010);

/// Measures what the flags ask for and prints the result.
///
/// # Errors
///
/// Fails where a program fails or makes a wrong tree, where the places for the
/// trees cannot be made, and when a signal asked for the end.
pub fn run(args: &Args) -> Result<()> {
    let obstacle = ground::obstacle_to_images(args);
    interrupt::listen()?;
    let programs = Programs::find(args.jobs.map(Into::into))?;
    let ground = ground::make(args, obstacle)?;
    let shape = args.shape();
    let mut course = Course {
        places: Places::below(ground.source(), ground.destination()),
        ground: &ground,
        programs: &programs,
        rounds: args.round_count(),
        last_backup: None,
        settled: Instant::now(),
        catalog: Vec::new(),
    };

    eprintln!("making the source");
    shape.make(&course.places.source)?;
    if !args.is_quick() {
        course.settled = Instant::now() + UNTIL_SETTLED;
    }
    let mut scenarios = Vec::new();
    for scenario in args.scenarios() {
        course.prepare(scenario, &shape)?;
        let timed = course.measure(scenario)?;
        scenarios.push(report::ScenarioReport::new(scenario, timed));
    }
    let report = Report::new(
        args,
        &ground,
        programs.versions(),
        scenarios,
        course.catalog,
    );
    print!("{report}");
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&report)
            .map_err(std::io::Error::other)
            .at("describe", file)?;
        fs::write(file, text + "\n").at("write", file)?;
    }
    Ok(())
}

struct Course<'a> {
    ground: &'a Ground,
    programs: &'a Programs,
    places: Places,
    rounds: usize,
    last_backup: Option<Instant>,
    /// When the source is old enough for what is measured.
    settled: Instant,
    /// Sizes of the catalog in bytes: with one snapshot, and then with one more
    /// after each that found nothing new.
    catalog: Vec<u64>,
}

impl Course<'_> {
    /// Makes what the scenario's programs expect to find.
    fn prepare(&mut self, scenario: Scenario, shape: &TreeShape) -> Result<()> {
        let places = &self.places;
        if scenario.has_basis() && !places.basis.exists() {
            eprintln!("making the basis");
            let mut command = Command::new("cp");
            measure::run(command.arg("-a").args([&places.source, &places.basis]))?;
            self.check("cp -a", &places.basis, None)?;
        }
        if scenario == Scenario::Unchanged {
            thread::sleep(self.settled.saturating_duration_since(Instant::now()));
            eprintln!("making the store");
            measure::run(&mut self.programs.first_backup(places))?;
            self.last_backup = Some(Instant::now());
            self.check("hardsnap backup --init", &self.places.in_latest()?, None)?;
            self.catalog.push(self.places.catalog_bytes()?);
        }
        if scenario == Scenario::OnePercent {
            shape.change_one_percent(&self.places.source)?;
        }
        Ok(())
    }

    /// Runs all rounds of a scenario.
    fn measure(&mut self, scenario: Scenario) -> Result<Vec<Timed>> {
        let mut timed: Vec<Timed> = scenario
            .programs()
            .iter()
            .filter(|program| self.programs.has(**program))
            .map(|program| Timed::new(*program, scenario))
            .collect();
        // The first round warms the caches and does not count.
        for round in 0..=self.rounds {
            eprintln!("{}: round {round} of {}", scenario.name(), self.rounds);
            for timed in &mut timed {
                let measurement = self.turn(timed.program(), scenario)?;
                if round > 0 {
                    timed.add(measurement);
                }
            }
        }
        Ok(timed)
    }

    /// Runs one program, and compares what it made before its time is given.
    fn turn(&mut self, program: Program, scenario: Scenario) -> Result<Measurement> {
        interrupt::check()?;
        let label = program.label(scenario);
        let mut command = self.programs.command(program, scenario, &self.places);
        if program.is_backup() && !scenario.has_basis() {
            let measurement = measure::measure(&mut command, self.ground.destination())?;
            self.check(label, &self.places.in_latest()?, None)?;
            remove(&self.places.store)?;
            return Ok(measurement);
        }
        if program.is_backup() {
            let basis = self.places.in_latest()?;
            self.wait_for_next_name();
            let measurement = measure::measure(&mut command, self.ground.destination())?;
            self.check(label, &self.places.in_latest()?, Some(&basis))?;
            self.catalog.push(self.places.catalog_bytes()?);
            return Ok(measurement);
        }
        let measurement = measure::measure(&mut command, self.ground.destination())?;
        let basis = scenario.has_basis().then_some(self.places.basis.as_path());
        self.check(label, &self.places.target, basis)?;
        remove(&self.places.target)?;
        Ok(measurement)
    }

    fn check(&self, program: &str, target: &Path, basis: Option<&Path>) -> Result<()> {
        match compare(&self.places.source, target, basis)? {
            None => Ok(()),
            Some(difference) => Err(Error::Different {
                program: program.to_owned(),
                difference,
            }),
        }
    }

    fn wait_for_next_name(&mut self) {
        if let Some(last) = self.last_backup {
            thread::sleep(BETWEEN_BACKUPS.saturating_sub(last.elapsed()));
        }
        self.last_backup = Some(Instant::now());
    }
}

fn remove(tree: &Path) -> Result<()> {
    fs::remove_dir_all(tree).at("remove", tree)
}
