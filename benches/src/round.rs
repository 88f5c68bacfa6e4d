//! The programs in turn, round after round.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::compare::compare;
use crate::error::{At, Result};
use crate::measure::{self, Caches};
use crate::places::Places;
use crate::programs::{KEPT, Programs};
use crate::report::{Report, Timed};
use crate::scan::scan;
use crate::scenario::{Ground, Scenario};
use crate::site::{self, Needs, Site};
use crate::tree::TreeShape;

/// What was changed a minute ago or less is read again by the next backup, as
/// it would not be on another day.
const UNTIL_SETTLED: Duration = Duration::from_secs(61);

/// Measures what the flags ask for and prints the result.
///
/// # Errors
///
/// Fails where a program fails or makes a wrong tree, where the places for the
/// trees cannot be made, and when a signal asked for the end.
pub fn run(args: &Args) -> Result<()> {
    if let (Some(root), Some(threads), Some(expected)) = (&args.scan, args.threads, args.expect) {
        return scan(root, threads.get(), expected);
    }
    if let [source, target, basis @ ..] = args.compare.as_slice() {
        let basis = basis.first().map(AsRef::as_ref);
        if let Some(difference) = compare(source, target, basis)? {
            println!("{difference}");
        }
        return Ok(());
    }
    let obstacle = site::obstacle_to_images(args);
    crate::interrupt::listen()?;
    let programs = Programs::find(args.jobs.map(Into::into))?;
    let mut report = Report::new(args, programs.versions());
    for ground in [Ground::Usual, Ground::Large, Ground::Many] {
        let mut scenarios = args.scenarios();
        scenarios.retain(|scenario| scenario.ground() == ground);
        if scenarios.is_empty() {
            continue;
        }
        let needs = needs(args, ground);
        let site = site::make(args, &needs, obstacle.as_deref())?;
        let mut course = Course::begin(args, &site, &programs, needs.shapes)?;
        for scenario in scenarios {
            course.prepare(scenario)?;
            let timed = course.measure(scenario)?;
            report.add(scenario, &course.shapes[0], timed);
        }
        report.end(&site, course.catalog);
    }
    print!("{report}");
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&report)
            .map_err(std::io::Error::other)
            .at("describe", file)?;
        fs::write(file, text + "\n").at("write", file)?;
    }
    Ok(())
}

/// Tells what there has to be room for.
fn needs(args: &Args, ground: Ground) -> Needs {
    let rounds = args.round_count() as u64 + 1;
    let (copies, trees, days) = match ground {
        // The basis and a store; all snapshots of one scenario, and then those
        // that a rotation keeps, twice.
        Ground::Usual => (2, rounds + 2 * (KEPT as u64 + 2), rounds),
        Ground::Large => (1, 1, 0),
        Ground::Many => (1, KEPT as u64 + 2, 0),
    };
    Needs {
        shapes: args.shapes(ground),
        copies,
        trees,
        days,
    }
}

/// All that is measured on one ground.
pub(crate) struct Course<'a> {
    pub(crate) site: &'a Site,
    pub(crate) programs: &'a Programs,
    pub(crate) shapes: Vec<TreeShape>,
    /// Those of each shape.
    pub(crate) places: Vec<Places>,
    pub(crate) caches: Caches,
    pub(crate) last_backup: Option<Instant>,
    /// The newest of the trees that a script made.
    pub(crate) newest_day: usize,
    rounds: usize,
    is_quick: bool,
    /// When the source is old enough for what is measured.
    settled: Instant,
    /// The days on which the source changed.
    changed_days: usize,
    /// Sizes of the usual catalog in bytes: with one snapshot, and then with
    /// one more after each that found nothing new.
    pub(crate) catalog: Vec<u64>,
}

impl<'a> Course<'a> {
    /// Makes the sources.
    fn begin(
        args: &Args,
        site: &'a Site,
        programs: &'a Programs,
        shapes: Vec<TreeShape>,
    ) -> Result<Self> {
        let names = ["tree", "ten-times", "one-directory"];
        let places: Vec<Places> = names
            .iter()
            .zip(&shapes)
            .map(|(name, _)| Places::below(site.source(), site.destination(), name))
            .collect();
        for (shape, places) in shapes.iter().zip(&places) {
            eprintln!("making a source: {shape}");
            places.make()?;
            shape.make(&places.source)?;
        }
        let mut course = Self {
            site,
            programs,
            shapes,
            places,
            caches: args.caches(),
            last_backup: None,
            newest_day: 0,
            rounds: args.round_count(),
            is_quick: args.is_quick(),
            settled: Instant::now(),
            changed_days: 0,
            catalog: Vec::new(),
        };
        course.touched();
        Ok(course)
    }

    /// Makes what the scenario's programs expect to find.
    fn prepare(&mut self, scenario: Scenario) -> Result<()> {
        let needs_basis = scenario.has_basis() && scenario != Scenario::TenTimes;
        if needs_basis && !self.places[0].basis.exists() {
            eprintln!("making the basis");
            let places = &self.places[0];
            measure::run(&mut Programs::cp(&places.source, None, &places.basis))?;
            self.check("cp -a", 0, &places.basis, None)?;
        }
        if scenario.has_basis() {
            self.make_stores()?;
        }
        if matches!(scenario, Scenario::SteadyDay | Scenario::ChangedDay) {
            self.make_days()?;
        }
        if matches!(scenario, Scenario::SteadyDay | Scenario::TenTimes) {
            for at in 0..self.places.len() {
                while self.places[at].snapshot_count()? < KEPT {
                    self.wait_for_next_name();
                    measure::run(&mut self.programs.backup(&self.places[at]))?;
                }
            }
        }
        Ok(())
    }

    fn make_stores(&mut self) -> Result<()> {
        for at in 0..self.places.len() {
            if self.places[at].store.exists() {
                continue;
            }
            self.settle();
            eprintln!("making a store");
            self.wait_for_next_name();
            measure::run(&mut self.programs.first_backup(&self.places[at]))?;
            let latest = self.places[at].in_latest()?;
            self.check("hardsnap backup --init", at, &latest, None)?;
            if self.places.len() == 1 {
                self.catalog.push(self.places[at].catalog_bytes()?);
            }
        }
        Ok(())
    }

    /// Makes the trees that a script has made until today.
    fn make_days(&mut self) -> Result<()> {
        let places = &self.places[0];
        if places.days.exists() {
            return Ok(());
        }
        fs::create_dir(&places.days).at("make", &places.days)?;
        for number in 1..=KEPT {
            let day = places.day(number);
            measure::run(&mut Programs::cp(&places.source, Some(&places.basis), &day))?;
        }
        self.newest_day = KEPT;
        Ok(())
    }

    /// Runs all rounds of a scenario.
    fn measure(&mut self, scenario: Scenario) -> Result<Vec<Timed>> {
        let mut timed: Vec<Timed> = scenario
            .programs()
            .iter()
            .filter(|program| self.programs.has(**program))
            .map(|program| Timed::new(*program, scenario, self.shape_of(*program).files))
            .collect();
        // The first round warms the caches and does not count.
        for round in 0..=self.rounds {
            if scenario == Scenario::ChangedDay {
                self.changed_days += 1;
                self.shapes[0].live_a_day(&self.places[0].source, self.changed_days)?;
                self.touched();
                self.settle();
            }
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

    /// Notes that the source was changed just now.
    fn touched(&mut self) {
        if !self.is_quick {
            self.settled = Instant::now() + UNTIL_SETTLED;
        }
    }

    /// Waits until nothing in the source is as new as not to be believed.
    fn settle(&self) {
        thread::sleep(self.settled.saturating_duration_since(Instant::now()));
    }
}
