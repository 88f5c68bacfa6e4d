//! The numbers as a table and as JSON.

use std::fmt;

use serde::Serialize;

use crate::args::Args;
use crate::ground::Ground;
use crate::measure::{self, Measurement};
use crate::programs::{Program, Versions};
use crate::scenario::Scenario;
use crate::statistics::Summary;

/// Collects the runs of one program in one scenario.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Timed {
    #[serde(skip)]
    program: Program,
    label: &'static str,
    ours: bool,
    seconds: Vec<f64>,
    cpu_seconds: Vec<f64>,
    peak_bytes: u64,
}

impl Timed {
    /// Starts without a run.
    pub(crate) fn new(program: Program, scenario: Scenario) -> Self {
        Self {
            program,
            label: program.label(scenario),
            ours: program.is_ours(),
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
}

/// A peer's time divided by ours.
#[derive(Debug, Clone, Serialize)]
struct Ratio {
    peer: &'static str,
    ours: &'static str,
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
    programs: Vec<Row>,
    ratios: Vec<Ratio>,
}

impl ScenarioReport {
    /// Sums up the runs.
    pub(crate) fn new(scenario: Scenario, timed: Vec<Timed>) -> Self {
        let mut ratios = Vec::new();
        for peer in timed.iter().filter(|timed| !timed.ours) {
            for ours in timed.iter().filter(|timed| timed.ours) {
                ratios.extend(
                    Summary::of_ratios(&peer.seconds, &ours.seconds).map(|summary| Ratio {
                        peer: peer.label,
                        ours: ours.label,
                        summary,
                    }),
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
            programs,
            ratios,
        }
    }
}

/// Everything that was measured, and where.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    schema_version: u32,
    files: usize,
    directories: usize,
    bytes: u64,
    rounds: usize,
    place: String,
    kernel: String,
    cpus: usize,
    versions: Versions,
    /// The least that `peak_bytes` can be: what this program has used itself.
    least_peak_bytes: u64,
    scenarios: Vec<ScenarioReport>,
    /// The catalog's size with one snapshot, and after each more that found
    /// nothing new.
    catalog_bytes: Vec<u64>,
}

impl Report {
    /// Adds the machine's facts to the numbers.
    pub(crate) fn new(
        args: &Args,
        ground: &Ground,
        versions: &Versions,
        scenarios: Vec<ScenarioReport>,
        catalog_bytes: Vec<u64>,
    ) -> Self {
        let shape = args.shape();
        let kernel = rustix::system::uname();
        Self {
            schema_version: 1,
            files: shape.files,
            directories: shape.directories,
            bytes: shape.bytes,
            rounds: args.round_count(),
            place: ground.description().to_owned(),
            kernel: kernel.release().to_string_lossy().into_owned(),
            cpus: std::thread::available_parallelism().map_or(1, Into::into),
            versions: versions.clone(),
            least_peak_bytes: measure::own_peak_bytes(),
            scenarios,
            catalog_bytes,
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
            first / self.files as u64,
            last.saturating_sub(*first) / snapshots as u64
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} files, {}, {} directories; rounds: {}; {}",
            grouped(self.files),
            megabytes(self.bytes),
            grouped(self.directories),
            self.rounds,
            self.place
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
            "\n÷: a peer's time divided by that of hardsnap in the same round, median (min to max)."
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
        let ours: Vec<&str> = self
            .programs
            .iter()
            .filter(|row| row.timed.ours)
            .map(|row| row.timed.label)
            .collect();
        write!(
            f,
            "{:<26}{:>9}{:>9}{:>9}{:>9}{:>10}",
            self.scenario, "median", "min", "max", "cpu", "memory"
        )?;
        for label in &ours {
            write!(f, "  {:>23}", format!("÷ {}", short(label)))?;
        }
        writeln!(f)?;
        for row in &self.programs {
            let line = self.line(row, &ours);
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl ScenarioReport {
    fn line(&self, row: &Row, ours: &[&str]) -> String {
        let mut line = format!(
            "{:<26}{:>9}{:>9}{:>9}{:>9}{:>10}",
            row.timed.label,
            seconds(row.summary.median),
            seconds(row.summary.min),
            seconds(row.summary.max),
            seconds(row.median_cpu_seconds),
            megabytes(row.timed.peak_bytes)
        );
        for label in ours {
            let ratio = self
                .ratios
                .iter()
                .find(|ratio| ratio.peer == row.timed.label && ratio.ours == *label)
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

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(program: Program, seconds: &[f64]) -> Timed {
        let mut timed = Timed::new(program, Scenario::Unchanged);
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
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(400), "400");
        assert_eq!(grouped(100_000), "100,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn a_peer_is_divided_by_each_of_ours() {
        let report = ScenarioReport::new(
            Scenario::Unchanged,
            vec![
                timed(Program::Rsync, &[4.0, 4.4, 3.6]),
                timed(Program::Tree, &[0.5, 0.5, 0.4]),
                timed(Program::Backup, &[1.0, 2.0, 1.0]),
            ],
        );
        let table = report.to_string();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].contains("÷ hardsnap tree ") && lines[0].contains("÷ hardsnap backup"));
        assert!(lines[1].contains("8.80 (8.00 to 9.00)"), "{}", lines[1]);
        assert!(lines[1].contains("3.60 (2.20 to 4.00)"), "{}", lines[1]);
        assert!(lines[2].contains("0.500 s") && lines[2].ends_with("7.0 MB"));
    }

    #[test]
    fn the_json_has_every_run() {
        let report = ScenarioReport::new(
            Scenario::Unchanged,
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
