//! Watches a run and says at once what cannot wait.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hardsnap::{Event, Observer, Operation, Outcome, Phase, Problem, Warning};

use super::progress::Progress;
use super::text::{Escaped, plural};
use super::{Console, human, json};

/// So many troubled entries are named to a person who did not ask for all.
const NAMED_PROBLEMS: u64 = 100;

/// The observer of a run.
pub(crate) struct Reporter {
    console: Arc<Console>,
    progress: Progress,
    removing: AtomicBool,
    first: AtomicBool,
    problems: AtomicU64,
    warnings: Mutex<Vec<Warning>>,
}

/// What a [`Reporter`] has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// In the order in which they were told.
    pub(crate) warnings: Vec<Warning>,
}

impl Reporter {
    pub(crate) fn start(console: &Arc<Console>) -> Reporter {
        Reporter {
            console: Arc::clone(console),
            progress: Progress::start(console),
            removing: AtomicBool::new(false),
            first: AtomicBool::new(false),
            problems: AtomicU64::new(0),
            warnings: Mutex::new(Vec::new()),
        }
    }

    /// Wipes the bar, says what has waited for the end, and hands over what
    /// was seen.
    pub(crate) fn finish(self) -> Seen {
        let Reporter { console, progress, first, problems, warnings, .. } = self;
        drop(progress);
        let warnings = warnings.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !console.is_json() {
            let unnamed = problems.into_inner().saturating_sub(NAMED_PROBLEMS);
            if unnamed > 0 && console.verbosity() == 0 {
                let more = plural(unnamed, "entry", "entries");
                console.tell(format_args!("and {more} more; --verbose names all"));
            }
            let first = first.into_inner();
            for warning in &warnings {
                if is_news(warning) || console.wants_standing_facts() || first {
                    console.tell(Escaped::new(&warning.to_string()));
                }
            }
        }
        Seen { warnings }
    }

    fn problem(&self, problem: &Problem) {
        if self.console.is_json() {
            let removing =
                problem.operation == Operation::Remove || self.removing.load(Ordering::Relaxed);
            let code = if removing { "left_behind" } else { "entry_skipped" };
            self.console.print_json(&json::ErrorFields::of_entry(code, problem).line());
            return;
        }
        let before = self.problems.fetch_add(1, Ordering::Relaxed);
        if before < NAMED_PROBLEMS || self.console.verbosity() > 0 {
            self.progress.aside(|| self.console.tell(human::problem(problem)));
        }
    }

    fn entry(&self, path: &Path, outcome: Outcome) {
        let notable = matches!(outcome, Outcome::Copied | Outcome::LeftOut);
        if !notable && self.console.verbosity() < 2 {
            return;
        }
        if self.console.is_json() {
            self.console.print_json(&json::Entry::line(path, outcome));
        } else {
            self.console.print(&human::entry(path, outcome));
        }
    }
}

impl Observer for Reporter {
    fn on_event(&self, event: &Event<'_>) {
        match *event {
            Event::Started { basis, expected, .. } => {
                self.first.store(basis.is_none(), Ordering::Relaxed);
                if let Some(expected) = expected {
                    self.progress.expect(&expected);
                }
            }
            Event::Phase(phase) => {
                let removing = matches!(phase, Phase::Removing | Phase::TidyingUp);
                self.removing.store(removing, Ordering::Relaxed);
                self.progress.enter(phase);
            }
            Event::Progress(counts) => self.progress.add(counts),
            Event::Entry { path, outcome } => self.entry(path, outcome),
            Event::Problem(problem) => self.problem(problem),
            Event::Warning(warning) => {
                let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
                if !warnings.contains(warning) {
                    warnings.push(warning.clone());
                }
            }
            // The summary names what was removed.
            _ => {}
        }
    }

    fn wants_entries(&self) -> bool {
        self.console.verbosity() > 0
    }
}

/// Whether cron's reader wants to hear of it each time. The others say the
/// same every day; they are told with the first snapshot, on a terminal, and
/// to who asks.
fn is_news(warning: &Warning) -> bool {
    !matches!(
        warning,
        Warning::OwnersNotKept
            | Warning::StoreLeftOut { .. }
            | Warning::LinkLimit { .. }
            | Warning::MountsLeftOut { .. }
    )
}
