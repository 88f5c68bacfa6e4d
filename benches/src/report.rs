//! The numbers as a table and as JSON.

use std::fmt;

use serde::Serialize;

use crate::args::Args;
use crate::measure::{self, Caches, Measurement};
use crate::programs::{Program, Versions};
use crate::scenario::Scenario;
use crate::site::Site;
use crate::statistics::Summary;
use crate::tree::TreeShape;

/// Collects the runs of one program in one scenario.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Timed {
    #[serde(skip)]
    program: Program,
    label: &'static str,
    /// Others are divided by this.
    divides: bool,
    files: usize,
    seconds: Vec<f64>,
    cpu_seconds: Vec<f64>,
    peak_bytes: u64,
}

impl Timed {
    /// Starts without a run.
    pub(crate) fn new(program: Program, scenario: Scenario, files: usize) -> Self {
        Self {
            program,
            label: program.label(scenario),
            divides: program.divides(),
            files,
            seconds: Vec::new(),
            cpu_seconds: Vec::new(),
            peak_bytes: 0,
        }
    }

    /// Returns the program that runs.
    pub(crate) fn program(&self) -> Program {
        self.program
    }

    /// Adds a run.
    pub(crate) fn add(&mut self, run: Measurement) {
        self.seconds.push(run.seconds);
        self.cpu_seconds.push(run.cpu_seconds);
        self.peak_bytes = self.peak_bytes.max(run.peak_bytes);
    }

    /// Returns the time a file of each run, in seconds.
    fn seconds_a_file(&self) -> Vec<f64> {
        let files = self.files as f64;
        self.seconds.iter().map(|seconds| seconds / files).collect()
    }
}

/// One program's time a file divided by another one's.
#[derive(Debug, Clone, Serialize)]
struct Ratio {
    of: &'static str,
    by: &'static str,
    #[serde(flatten)]
    summary: Summary,
}

#[derive(Debug, Clone, Serialize)]
struct Row {
    #[serde(flatten)]
    timed: Timed,
    #[serde(flatten)]
    summary: Summary,
    median_cpu_seconds: f64,
}

/// One scenario's numbers.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ScenarioReport {
    scenario: &'static str,
    tree: String,
    programs: Vec<Row>,
    ratios: Vec<Ratio>,
}

impl ScenarioReport {
    /// Sums up the runs.
    pub(crate) fn new(scenario: Scenario, tree: String, timed: Vec<Timed>) -> Self {
        let mut ratios = Vec::new();
        for one in timed.iter().filter(|timed| !timed.divides) {
            for by in timed.iter().filter(|timed| timed.divides) {
                ratios.extend(
                    Summary::of_ratios(&one.seconds_a_file(), &by.seconds_a_file()).map(
                        |summary| Ratio {
                            of: one.label,
                            by: by.label,
                            summary,
                        },
                    ),
                );
            }
        }
        let programs = timed
            .into_iter()
            .filter_map(|timed| {
                let summary = Summary::of(&timed.seconds)?;
                let median_cpu_seconds = Summary::of(&timed.cpu_seconds)?.median;
                Some(Row {
                    timed,
                    summary,
                    median_cpu_seconds,
                })
            })
            .collect();
        Self {
            scenario: scenario.name(),
            tree,
            programs,
            ratios,
        }
    }
}

/// Everything that was measured, and where.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    schema_version: u32,
    rounds: usize,
    cold: bool,
    place: String,
    kernel: String,
    cpus: usize,
    versions: Versions,
    /// The least that `peak_bytes` can be: what this program has used itself.
    least_peak_bytes: u64,
    scenarios: Vec<ScenarioReport>,
    /// The usual catalog's size with one snapshot, and after each more that
    /// found nothing new.
    catalog_bytes: Vec<u64>,
    usual_files: usize,
}

impl Report {
    /// Starts with the machine's facts.
    pub(crate) fn new(args: &Args, versions: &Versions) -> Self {
        let kernel = rustix::system::uname();
        Self {
            schema_version: 2,
            rounds: args.round_count(),
            cold: args.caches() == Caches::Dropped,
            place: String::new(),
            kernel: kernel.release().to_string_lossy().into_owned(),
            cpus: std::thread::available_parallelism().map_or(1, Into::into),
            versions: versions.clone(),
            least_peak_bytes: 0,
            scenarios: Vec::new(),
            catalog_bytes: Vec::new(),
            usual_files: args.shape().files,
        }
    }

    /// Adds a scenario's runs.
    pub(crate) fn add(&mut self, scenario: Scenario, tree: &TreeShape, timed: Vec<Timed>) {
        let scenario = ScenarioReport::new(scenario, tree.to_string(), timed);
        self.scenarios.push(scenario);
    }

    /// Adds what there is to say of a site once nothing more is measured there.
    pub(crate) fn end(&mut self, site: &Site, catalog_bytes: Vec<u64>) {
        site.description().clone_into(&mut self.place);
        self.least_peak_bytes = measure::own_peak_bytes();
        if !catalog_bytes.is_empty() {
            self.catalog_bytes = catalog_bytes;
        }
    }

    /// Tells the catalog's size, and how much a snapshot without changes adds.
    fn write_catalog(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([first, .., last], Some(snapshots)) = (
            self.catalog_bytes.as_slice(),
            self.catalog_bytes.len().checked_sub(1),
        ) else {
            return Ok(());
        };
        writeln!(
            f,
            "\nThe catalog takes {} for the first snapshot, {} bytes a file, and {} bytes more for each that found nothing new.",
            megabytes(*first),
            first / self.usual_files as u64,
            last.saturating_sub(*first) / snapshots as u64
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caches = if self.cold {
            "dropped before each"
        } else {
            "warm"
        };
        writeln!(
            f,
            "rounds: {}; {}; caches: {caches}",
            self.rounds, self.place
        )?;
        let peers = [&self.versions.rsync, &self.versions.cp];
        write!(f, "{}", self.versions.hardsnap)?;
        for peer in peers.into_iter().flatten() {
            write!(f, "; {peer}")?;
        }
        writeln!(f, "; Linux {}; {} CPUs", self.kernel, self.cpus)?;
        writeln!(
            f,
            "Every time includes a sync of the destination; every tree was compared with its source."
        )?;
        for scenario in &self.scenarios {
            write!(f, "\n{scenario}")?;
        }
        self.write_catalog(f)?;
        writeln!(
            f,
            "\n÷: a program's time a file divided by that of the one named above, in the same round, median (min to max)."
        )?;
        writeln!(
            f,
            "cpu: processor time of the program, without what the kernel writes for it later, median."
        )?;
        writeln!(
            f,
            "memory: resident peak of the largest process; less than {} cannot be told apart.",
            megabytes(self.least_peak_bytes)
        )
    }
}

impl fmt::Display for ScenarioReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let divisors: Vec<&str> = self
            .programs
            .iter()
            .filter(|row| row.timed.divides)
            .map(|row| row.timed.label)
            .collect();
        writeln!(f, "{}: {}", self.scenario, self.tree)?;
        write!(
            f,
            "{:<33}{:>9}{:>9}{:>9}{:>12}{:>9}{:>10}",
            "", "median", "min", "max", "a file", "cpu", "memory"
        )?;
        for label in &divisors {
            write!(f, "  {:>23}", format!("÷ {}", short(label)))?;
        }
        writeln!(f)?;
        for row in &self.programs {
            let line = self.line(row, &divisors);
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl ScenarioReport {
    fn line(&self, row: &Row, divisors: &[&str]) -> String {
        let mut line = format!(
            "{:<33}{:>9}{:>9}{:>9}{:>12}{:>9}{:>10}",
            row.timed.label,
            seconds(row.summary.median),
            seconds(row.summary.min),
            seconds(row.summary.max),
            microseconds(row.summary.median / row.timed.files as f64),
            seconds(row.median_cpu_seconds),
            megabytes(row.timed.peak_bytes)
        );
        for label in divisors {
            let ratio = self
                .ratios
                .iter()
                .find(|ratio| ratio.of == row.timed.label && ratio.by == *label)
                .map(|ratio| {
                    let Summary { median, min, max } = ratio.summary;
                    format!("{median:.2} ({min:.2} to {max:.2})")
                });
            line.push_str(&format!("  {:>23}", ratio.unwrap_or_default()));
        }
        line
    }
}

/// Leaves the options out.
fn short(label: &str) -> &str {
    label.split_once(" -").map_or(label, |(name, _)| name)
}

fn seconds(value: f64) -> String {
    format!("{value:.3} s")
}

fn microseconds(seconds: f64) -> String {
    format!("{:.2} µs", seconds * 1e6)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(program: Program, seconds: &[f64]) -> Timed {
        let mut timed = Timed::new(program, Scenario::Unchanged, 1_000);
        for &seconds in seconds {
            timed.add(Measurement {
                seconds,
                cpu_seconds: seconds * 2.0,
                peak_bytes: 7_000_000,
            });
        }
        timed
    }

    #[test]
    fn a_peer_is_divided_by_each_of_ours() {
        let report = ScenarioReport::new(
            Scenario::Unchanged,
            "a tree".to_owned(),
            vec![
                timed(Program::Rsync, &[4.0, 4.4, 3.6]),
                timed(Program::Tree, &[0.5, 0.5, 0.4]),
                timed(Program::Backup, &[1.0, 2.0, 1.0]),
            ],
        );
        let table = report.to_string();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[0], "unchanged: a tree");
        assert!(lines[1].contains("÷ hardsnap tree ") && lines[1].contains("÷ hardsnap backup"));
        assert!(lines[2].contains("8.80 (8.00 to 9.00)"), "{}", lines[2]);
        assert!(lines[2].contains("3.60 (2.20 to 4.00)"), "{}", lines[2]);
        assert!(lines[3].contains("0.500 s") && lines[3].ends_with("7.0 MB"));
    }

    #[test]
    fn what_had_more_files_is_compared_by_the_time_a_file() {
        let mut many = Timed::new(Program::TenTimesAsMany, Scenario::TenTimes, 10_000);
        many.add(Measurement {
            seconds: 12.0,
            cpu_seconds: 20.0,
            peak_bytes: 7_000_000,
        });
        let report = ScenarioReport::new(
            Scenario::TenTimes,
            "a tree".to_owned(),
            vec![timed(Program::UsualNumber, &[1.0]), many],
        );
        let table = report.to_string();
        assert!(table.contains("1200.00 µs") && table.contains("1.20 (1.20 to 1.20)"));
    }

    #[test]
    fn the_json_has_every_run() {
        let report = ScenarioReport::new(
            Scenario::Unchanged,
            "a tree".to_owned(),
            vec![timed(Program::Tree, &[0.25, 0.5])],
        );
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["scenario"], "unchanged");
        let program = &json["programs"][0];
        assert_eq!(program["label"], "hardsnap tree --link-dest");
        assert_eq!(program["seconds"], serde_json::json!([0.25, 0.5]));
        assert_eq!(program["median"], 0.375);
        assert_eq!(program["median_cpu_seconds"], 0.75);
        assert_eq!(program["peak_bytes"], 7_000_000);
    }
}
