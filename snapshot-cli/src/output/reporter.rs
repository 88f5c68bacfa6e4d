//! Watches a run and says at once what cannot wait.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hardsnap::{Event, LeftOutBy, Observer, Obstacle, Operation, Outcome, Phase, Problem, Warning};

use super::progress::Progress;
use super::text::{Escaped, plural};
use super::{Console, human, json};

/// So many troubled entries are named to a person who did not ask for all.
const NAMED_PROBLEMS: u64 = 100;

/// The observer of a run.
pub(crate) struct Reporter {
    seen: Seen,
    progress: Progress,
    removing: AtomicBool,
}

/// What a run has told in all.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) warnings: Vec<Warning>,
    /// What could not be removed, of this run's expired snapshots and of what
    /// earlier runs left.
    pub(crate) left_behind: Vec<Problem>,
}

/// What a [`Reporter`] has seen, and what of it is still to be said.
pub(crate) struct Seen {
    console: Arc<Console>,
    /// There is no snapshot before this one.
    first: AtomicBool,
    problems: AtomicU64,
    /// Entries that a verification found damaged.
    damaged: AtomicU64,
    left_behind: Mutex<Vec<Problem>>,
    warnings: Mutex<Vec<Warning>>,
}

impl Reporter {
    pub(crate) fn start(console: &Arc<Console>) -> Reporter {
        let seen = Seen {
            console: Arc::clone(console),
            first: AtomicBool::new(false),
            problems: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            left_behind: Mutex::default(),
            warnings: Mutex::default(),
        };
        Reporter {
            seen,
            progress: Progress::start(console),
            removing: AtomicBool::new(false),
        }
    }

    /// Wipes the bar and hands over what was seen.
    pub(crate) fn finish(self) -> Seen {
        self.seen
    }

    /// Prints a part of the summary before the run is over.
    pub(crate) fn announce(&self, text: &str) {
        if self.seen.console.wants_summary() {
            self.progress.aside(|| self.seen.console.print(text));
        }
    }
}

impl Observer for Reporter {
    fn on_event(&self, event: &Event<'_>) {
        match *event {
            Event::Started {
                basis, expected, ..
            } => {
                self.seen.first.store(basis.is_none(), Ordering::Relaxed);
                if let Some(expected) = expected {
                    self.progress.expect(&expected);
                }
            }
            Event::Phase(phase) => {
                let removing = matches!(phase, Phase::Removing | Phase::TidyingUp);
                self.removing.store(removing, Ordering::Relaxed);
                self.progress.enter(phase);
            }
            Event::Expected(expected) => self.progress.expect(expected),
            Event::Progress(counts) => self.progress.add(counts),
            Event::Entry { path, outcome } => self.seen.entry(path, outcome),
            Event::LeftOut { path, by } => self.seen.left_out(path, by),
            Event::Problem(problem) => self.progress.aside(|| {
                if self.removing.load(Ordering::Relaxed) || problem.operation == Operation::Remove {
                    self.seen.left_behind(problem);
                } else {
                    self.seen.problem("entry_skipped", problem);
                }
            }),
            Event::InTheWay(obstacle) => self.progress.aside(|| self.seen.obstacle(obstacle)),
            Event::Damaged(_) => drop(self.seen.damaged.fetch_add(1, Ordering::Relaxed)),
            Event::Warning(warning) => self.seen.warning(warning),
            // The summary names what was removed.
            _ => {}
        }
    }

    fn wants_entries(&self) -> bool {
        self.seen.console.verbosity() > 0
    }
}

impl Seen {
    /// Takes in the warnings of a report, which need not have come as events.
    pub(crate) fn take_warnings(&self, warnings: &[Warning]) {
        for warning in warnings {
            self.warning(warning);
        }
    }

    /// Names what a report lists as left behind, which need not have come as
    /// events.
    pub(crate) fn take_left_behind(&self, problems: &[Problem]) {
        for problem in problems {
            self.left_behind(problem);
        }
    }

    /// Says what has waited for the end of a run that succeeded.
    pub(crate) fn conclude(self) -> Told {
        let standing = self.console.wants_standing_facts() || self.first.load(Ordering::Relaxed);
        self.say(standing)
    }

    /// Says what may have to do with a failure.
    pub(crate) fn conclude_failure(self) {
        let damaged = self.damaged.load(Ordering::Relaxed);
        if damaged > 0 && !self.console.is_json() {
            let entries = plural(damaged, "damaged entry", "damaged entries");
            self.console.tell(format_args!(
                "{entries} found until then; the next verification tells which"
            ));
        }
        self.say(false);
    }

    fn say(self, standing: bool) -> Told {
        let Seen {
            console,
            problems,
            warnings,
            left_behind,
            ..
        } = self;
        let told = Told {
            warnings: warnings
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
            left_behind: left_behind
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
        };
        if console.is_json() {
            return told;
        }
        let unnamed = problems.into_inner().saturating_sub(NAMED_PROBLEMS);
        if unnamed > 0 && console.verbosity() == 0 {
            let more = plural(unnamed, "entry", "entries");
            console.tell(format_args!("and {more} more; --verbose names all"));
        }
        for warning in &told.warnings {
            if standing || is_news(warning) {
                console.tell(Escaped::new(&warning.to_string()));
            }
        }
        if !told.left_behind.is_empty() {
            let entries = plural(told.left_behind.len() as u64, "entry", "entries");
            console.tell(format_args!(
                "{entries} could not be removed; the next run tries again"
            ));
        }
        told
    }

    fn warning(&self, warning: &Warning) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }

    fn left_behind(&self, problem: &Problem) {
        let mut left_behind = self
            .left_behind
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !left_behind.contains(problem) {
            left_behind.push(problem.clone());
            self.problem("left_behind", problem);
        }
    }

    fn problem(&self, code: &'static str, problem: &Problem) {
        if self.console.is_json() {
            self.console
                .print_json(&json::ErrorFields::of_entry(code, problem).line());
            return;
        }
        let before = self.problems.fetch_add(1, Ordering::Relaxed);
        if before < NAMED_PROBLEMS || self.console.verbosity() > 0 {
            self.console.tell(human::problem(problem));
        }
    }

    /// Something that keeps a restore from beginning. All of them are named.
    fn obstacle(&self, obstacle: &Obstacle) {
        if self.console.is_json() {
            let line = json::ErrorFields::of_obstacle(obstacle).line();
            self.console.print_json(&line);
        } else {
            let text = obstacle.to_string();
            self.console.tell(human::message(&text, &[&obstacle.path]));
        }
    }

    fn entry(&self, path: &Path, outcome: Outcome) {
        let notable = matches!(
            outcome,
            Outcome::Copied
                | Outcome::LeftOut
                | Outcome::Written
                | Outcome::Replaced
                | Outcome::Deleted
        );
        if !notable && !self.console.names_every_entry() {
            return;
        }
        if self.console.is_json() {
            self.console.print_json(&json::Entry::line(path, outcome));
        } else {
            self.console.print(&human::entry(path, outcome));
        }
    }

    fn left_out(&self, path: &Path, by: LeftOutBy<'_>) {
        if self.console.is_json() {
            self.console.print_json(&json::Entry::left_out(path, by));
        } else {
            self.console.print(&human::left_out(path, by));
        }
    }
}

/// Whether cron's reader wants to hear of it each time. The others say the
/// same every day; they are told with the first snapshot, on a terminal, and
/// to who asks.
fn is_news(warning: &Warning) -> bool {
    !matches!(
        warning,
        Warning::OwnersNotKept
            | Warning::ModesNotKept
            | Warning::NoSymlinks
            | Warning::CaseInsensitive
            | Warning::NormalizationInsensitive
            | Warning::CoarseMtimes { .. }
            | Warning::StoreLeftOut { .. }
            | Warning::LinkLimit { .. }
            | Warning::MountsLeftOut { .. }
            | Warning::DatedInFuture { .. }
    )
}
