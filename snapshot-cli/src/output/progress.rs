//! How far a run is: sums from the workers, drawn or printed at a steady pace.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hardsnap::{Counts, Phase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text::{self, count, size};
use super::{Console, json};

/// Between two drawings of the bar.
const DRAWING: Duration = Duration::from_millis(100);
/// Between two JSON status lines.
const STATUS_LINE: Duration = Duration::from_secs(1);
/// The rates shown are those of about this time, in seconds.
const RATE_SECONDS: f64 = 3.0;

/// The state of a run, fed by its events and shown by a thread of its own, so
/// that a worker never waits for a terminal or a pipe.
#[derive(Debug)]
pub(crate) struct Progress {
    state: Arc<State>,
    bar: Option<ProgressBar>,
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

#[derive(Debug)]
struct State {
    began: Instant,
    walking_began: OnceLock<Instant>,
    expected: OnceLock<Counts>,
    phase: AtomicU8,
    files_linked: AtomicU64,
    files_copied: AtomicU64,
    files_moved: AtomicU64,
    bytes_linked: AtomicU64,
    bytes_copied: AtomicU64,
    others: AtomicU64,
}

/// The state at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    files_linked: u64,
    files_copied: u64,
    files_moved: u64,
    bytes_linked: u64,
    bytes_copied: u64,
    /// Directories, symlinks and specials.
    others: u64,
}

impl Progress {
    pub(crate) fn start(console: &Arc<Console>) -> Progress {
        let state = Arc::new(State::new());
        let bar = console
            .wants_bar()
            .then(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(20)));
        let shown = Arc::clone(&state);
        let ticker = if let Some(bar) = bar.clone() {
            let mut painter = Painter::new(bar);
            ticking(DRAWING, move || painter.draw(&shown))
        } else if console.wants_status_lines() {
            let console = Arc::clone(console);
            ticking(STATUS_LINE, move || {
                console.print_json(&shown.status_line());
            })
        } else {
            None
        };
        Progress { state, bar, ticker }
    }

    pub(crate) fn expect(&self, counts: &Counts) {
        let _ = self.state.expected.set(*counts);
    }

    pub(crate) fn enter(&self, phase: Phase) {
        if counted(number(phase)) {
            let _ = self.state.walking_began.set(Instant::now());
        }
        self.state.phase.store(number(phase), Ordering::Relaxed);
    }

    pub(crate) fn add(&self, counts: &Counts) {
        self.state.add(counts);
    }

    /// Does something with the terminal while the bar is out of the way.
    pub(crate) fn aside(&self, act: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(act),
            None => act(),
        }
    }
}

impl Drop for Progress {
    /// Ends the thread and wipes the bar.
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.ticker.take() {
            drop(stop);
            // A panic in there has been told of on stderr, and costs no data.
            let _ = thread.join();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Calls `tick` every `period` until the sender is dropped. Without a thread
/// the run goes on, only unseen.
fn ticking(
    period: Duration,
    mut tick: impl FnMut() + Send + 'static,
) -> Option<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = mpsc::channel();
    let body = move || {
        while stopped.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
            tick();
        }
    };
    let thread = thread::Builder::new()
        .name("progress".to_owned())
        .spawn(body)
        .ok()?;
    Some((stop, thread))
}

fn number(phase: Phase) -> u8 {
    match phase {
        Phase::TidyingUp => 1,
        Phase::Walking => WALKING,
        Phase::Flushing => 3,
        Phase::Removing => 4,
        Phase::Reindexing => REINDEXING,
        Phase::Looking => 6,
        Phase::Restoring => RESTORING,
        Phase::Verifying => VERIFYING,
        Phase::Repairing => REPAIRING,
        _ => 0,
    }
}

const WALKING: u8 = 2;
const REINDEXING: u8 = 5;
const RESTORING: u8 = 7;
const VERIFYING: u8 = 8;
const REPAIRING: u8 = 9;

/// Tells whether entries are counted in a phase.
fn counted(phase: u8) -> bool {
    [WALKING, REINDEXING, RESTORING, VERIFYING].contains(&phase)
}

/// The phase by its number: as a word for programs, and for a person.
fn phase_words(number: u8) -> (&'static str, &'static str) {
    match number {
        1 => ("tidying-up", "removing what an earlier run left behind"),
        WALKING => ("walking", "walking"),
        3 => ("flushing", "flushing to the destination"),
        4 => ("removing", "removing expired snapshots"),
        6 => ("looking", "looking what is there"),
        RESTORING => ("restoring", "restoring"),
        REINDEXING => ("reindexing", "reading the snapshots"),
        VERIFYING => ("verifying", "comparing with what was recorded"),
        REPAIRING => ("repairing", "looking for good copies of what is damaged"),
        _ => ("starting", "starting"),
    }
}

impl State {
    fn new() -> State {
        State {
            began: Instant::now(),
            walking_began: OnceLock::new(),
            expected: OnceLock::new(),
            phase: AtomicU8::new(0),
            files_linked: AtomicU64::new(0),
            files_copied: AtomicU64::new(0),
            files_moved: AtomicU64::new(0),
            bytes_linked: AtomicU64::new(0),
            bytes_copied: AtomicU64::new(0),
            others: AtomicU64::new(0),
        }
    }

    fn add(&self, counts: &Counts) {
        let others = counts.directories + counts.symlinks + counts.specials;
        for (sum, more) in [
            (&self.files_linked, counts.files_linked),
            (&self.files_copied, counts.files_copied),
            (&self.files_moved, counts.files_moved),
            (&self.bytes_linked, counts.bytes_linked),
            (&self.bytes_copied, counts.bytes_copied),
            (&self.others, others),
        ] {
            if more > 0 {
                sum.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    /// How long entries have been counted.
    fn walking(&self) -> Duration {
        let began = self.walking_began.get();
        began.map_or(Duration::ZERO, Instant::elapsed)
    }

    fn sums(&self) -> Sums {
        Sums {
            files_linked: self.files_linked.load(Ordering::Relaxed),
            files_copied: self.files_copied.load(Ordering::Relaxed),
            files_moved: self.files_moved.load(Ordering::Relaxed),
            bytes_linked: self.bytes_linked.load(Ordering::Relaxed),
            bytes_copied: self.bytes_copied.load(Ordering::Relaxed),
            others: self.others.load(Ordering::Relaxed),
        }
    }

    fn status_line(&self) -> json::Line<json::Progress> {
        let sums = self.sums();
        let expected = self.expected.get();
        json::Progress {
            phase: phase_words(self.phase.load(Ordering::Relaxed)).0,
            files_done: sums.files(),
            bytes_done: sums.bytes(),
            entries_done: sums.entries(),
            files_linked: sums.files_linked,
            files_copied: sums.files_copied,
            files_moved: sums.files_moved,
            bytes_copied: sums.bytes_copied,
            entries_expected: expected.map(Counts::entries),
            bytes_expected: expected.map(Counts::bytes),
            elapsed_seconds: self.began.elapsed().as_secs_f64(),
        }
        .line()
    }
}

impl Sums {
    fn files(&self) -> u64 {
        self.files_linked + self.files_copied + self.files_moved
    }

    fn entries(&self) -> u64 {
        self.files() + self.others
    }

    fn bytes(&self) -> u64 {
        self.bytes_linked + self.bytes_copied
    }
}

/// Draws the state on the terminal, in two short lines of ASCII: they fit
/// every terminal and every locale.
struct Painter {
    bar: ProgressBar,
    rates: Rates,
    frame: usize,
}

impl Painter {
    fn new(bar: ProgressBar) -> Painter {
        // All is one message: each part that is set on its own is drawn on its
        // own, half of the time with the others still old.
        bar.set_style(
            ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Painter {
            bar,
            rates: Rates::new(),
            frame: 0,
        }
    }

    fn draw(&mut self, state: &State) {
        self.frame += 1;
        if let Some(&began) = state.walking_began.get() {
            self.rates.since.get_or_insert((began, Sums::default()));
        }
        self.rates.update(&state.sums(), Instant::now());
        self.bar
            .set_message(picture(state, &self.rates, self.frame));
    }
}

fn picture(state: &State, rates: &Rates, frame: usize) -> String {
    let sums = state.sums();
    let phase = state.phase.load(Ordering::Relaxed);
    let spinner = ["|", "/", "-", "\\"][frame % 4];
    if !counted(phase) {
        return format!("{spinner} {}", phase_words(phase).1);
    }
    let entries = sums.entries();
    let done = match phase {
        REINDEXING => format!(
            "{}; {}/s",
            phase_words(phase).1,
            count(rates.entries as u64)
        ),
        VERIFYING => format!(
            "{}; {}/s, {}/s",
            phase_words(phase).1,
            count(rates.entries as u64),
            size(rates.bytes as u64)
        ),
        _ => what_was_done(&sums, rates),
    };
    let expected = state.expected.get();
    let bytes = expected.map_or(0, Counts::bytes);
    if phase == VERIFYING && bytes > 0 {
        // Reading takes far longer than all else.
        let far = how_far(sums.bytes(), bytes, state.walking(), size, "");
        return format!("{} {far}\n{done}", bar(sums.bytes(), bytes));
    }
    match expected.map(Counts::entries) {
        None | Some(0) => format!("{spinner} {} entries\n{done}", count(entries)),
        Some(expected) => {
            let far = how_far(entries, expected, state.walking(), count, " entries");
            format!("{} {far}\n{done}", bar(entries, expected))
        }
    }
}

/// ` 45% [==========>             ]`.
fn bar(entries: u64, expected: u64) -> String {
    const WIDTH: usize = 24;
    // The last percent is for what nobody expected.
    let percent = (u128::from(entries) * 100 / u128::from(expected)).min(99) as usize;
    let filled = percent * WIDTH / 100;
    format!(
        "{percent:>3}% [{}>{}]",
        "=".repeat(filled),
        " ".repeat(WIDTH - 1 - filled)
    )
}

/// `450,123 of about 1,000,000 entries, 12 s left`.
fn how_far(
    done: u64,
    expected: u64,
    walking: Duration,
    show: fn(u64) -> String,
    unit: &str,
) -> String {
    let mut text = format!("{} of about {}{unit}", show(done), show(expected));
    // Before that, the first directories would speak for all.
    let told = walking >= Duration::from_secs(1) && done > 0 && done < expected;
    if told {
        let left = walking.as_secs_f64() * (expected - done) as f64 / done as f64;
        if let Ok(left) = Duration::try_from_secs_f64(left.ceil()) {
            let seconds = left.max(Duration::from_secs(1)).as_secs();
            let left = if seconds < 10 {
                format!("{seconds} s")
            } else {
                text::duration(Duration::from_secs(seconds))
            };
            text = format!("{text}, {left} left");
        }
    }
    text
}

/// `449,800 linked, 323 copied (1.2 GiB of 54.0 GiB); 52,000/s, 120 MiB/s`: entries and copied
/// bytes a second.
fn what_was_done(sums: &Sums, rates: &Rates) -> String {
    format!(
        "{} linked, {} copied ({} of {}); {}/s, {}/s",
        // A moved file is linked as well, and there is no room for a third.
        count(sums.files_linked + sums.files_moved),
        count(sums.files_copied),
        size(sums.bytes_copied),
        size(sums.bytes()),
        count(rates.entries as u64),
        size(rates.copied_bytes as u64),
    )
}

/// Smoothed speeds, a second.
#[derive(Debug)]
struct Rates {
    since: Option<(Instant, Sums)>,
    entries: f64,
    copied_bytes: f64,
    /// All that was done, also without copying.
    bytes: f64,
}

impl Rates {
    fn new() -> Rates {
        Rates {
            since: None,
            entries: 0.0,
            copied_bytes: 0.0,
            bytes: 0.0,
        }
    }

    fn update(&mut self, sums: &Sums, now: Instant) {
        let Some((then, before)) = self.since.replace((now, *sums)) else {
            return;
        };
        let seconds = now.duration_since(then).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let weight = if self.entries == 0.0 && self.copied_bytes == 0.0 {
            1.0
        } else {
            1.0 - (-seconds / RATE_SECONDS).exp()
        };
        let entries = sums.entries().saturating_sub(before.entries()) as f64 / seconds;
        let copied = sums.bytes_copied.saturating_sub(before.bytes_copied) as f64 / seconds;
        let bytes = sums.bytes().saturating_sub(before.bytes()) as f64 / seconds;
        self.entries += (entries - self.entries) * weight;
        self.copied_bytes += (copied - self.copied_bytes) * weight;
        self.bytes += (bytes - self.bytes) * weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(files_linked: u64, files_copied: u64, directories: u64) -> Counts {
        let mut counts = Counts::default();
        counts.files_linked = files_linked;
        counts.files_copied = files_copied;
        counts.bytes_linked = files_linked * 1000;
        counts.bytes_copied = files_copied * 1_000_000;
        counts.directories = directories;
        counts
    }

    #[test]
    fn events_add_up_to_the_state() {
        let state = State::new();
        state.add(&counts(10, 0, 1));
        state.add(&counts(0, 3, 0));
        let mut moved = Counts::default();
        moved.files_moved = 2;
        moved.bytes_linked = 2_000;
        state.add(&moved);
        let sums = state.sums();
        assert_eq!((sums.entries(), sums.bytes()), (16, 3_012_000));
        let line = serde_json::to_value(state.status_line()).unwrap();
        assert_eq!(line["message_type"], "status");
        assert_eq!(line["files_done"], 15);
        assert_eq!(line["files_moved"], 2);
        assert_eq!(line["bytes_done"], 3_012_000);
        assert_eq!(line["entries_expected"], serde_json::Value::Null);
    }

    #[test]
    fn the_time_left_follows_the_pace_so_far() {
        let ten_seconds = Duration::from_secs(10);
        let far = |done, expected| how_far(done, expected, ten_seconds, count, " entries");
        assert_eq!(far(500, 1_500), "500 of about 1,500 entries, 20 s left");
        assert_eq!(far(1_490, 1_500), "1,490 of about 1,500 entries, 1 s left");
        assert_eq!(far(1_600, 1_500), "1,600 of about 1,500 entries");
        assert_eq!(far(0, 1_500), "0 of about 1,500 entries");
        assert!(far(1, u64::MAX).starts_with("1 of about"));
    }

    #[test]
    fn the_bar_is_full_only_when_it_is_gone() {
        assert_eq!(bar(0, 1000), "  0% [>                       ]");
        assert_eq!(bar(500, 1000), " 50% [============>           ]");
        assert_eq!(bar(5000, 1000), " 99% [=======================>]");
        assert_eq!(bar(u64::MAX, 1).len(), bar(0, 1).len());
    }

    #[test]
    fn a_picture_fits_eighty_columns() {
        let state = State::new();
        let mut expected = counts(88_888_888, 0, 0);
        state.add(&expected);
        state.add(&counts(0, 888_888, 0));
        let rates = Rates {
            since: None,
            entries: 888_888.0,
            copied_bytes: 888e6,
            bytes: 888e6,
        };
        assert_eq!(picture(&state, &rates, 1), "/ starting");
        state.phase.store(WALKING, Ordering::Relaxed);
        let unknown = picture(&state, &rates, 0);
        assert!(
            unknown.starts_with("| 89,777,776 entries\n88,888,888 linked, "),
            "{unknown}"
        );
        expected.files_linked = 99_999_999;
        let _ = state.expected.set(expected);
        let walking = picture(&state, &rates, 0);
        state.phase.store(VERIFYING, Ordering::Relaxed);
        let verifying = picture(&state, &rates, 0);
        assert!(verifying.contains(" of about "), "{verifying}");
        for text in [walking, unknown, verifying] {
            for line in text.lines() {
                assert!(line.len() < 80, "{line}");
            }
        }
    }

    #[test]
    fn rates_follow_a_change_within_seconds() {
        let start = Instant::now();
        let at = |entries| Sums {
            others: entries,
            ..Sums::default()
        };
        let mut rates = Rates::new();
        rates.update(&at(0), start);
        rates.update(&at(1000), start + Duration::from_secs(1));
        assert_eq!(rates.entries as u64, 1000);
        rates.update(&at(1000), start + Duration::from_secs(16));
        assert!(rates.entries < 10.0, "{}", rates.entries);
    }
}
