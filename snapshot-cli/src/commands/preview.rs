//! `retention preview`: what a policy keeps and removes, without doing it.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Read};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use hardsnap::Store;
use hardsnap::retention::{Plan, Policy, Schedule, Snapshot, Span, When, plan, preview};
use serde::Serialize;

use super::{keep, now, printed};
use crate::args::{PreviewArgs, system_zone};
use crate::exit::{Ending, Failure};
use crate::output::text::{Escaped, count};
use crate::output::{Console, calendar, json, table};

/// More imagined backups than this, every hour for a century, are a slip of
/// the keyboard.
const MOST_IMAGINED: usize = 1_000_000;

/// No instant is longer, in bytes.
const LONGEST_LINE: u64 = 1024;

pub(super) fn run(args: &PreviewArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    if console.is_json() && (args.calendar || args.table) {
        return Err(Failure::Usage(
            "--json prints neither a calendar nor a table".to_owned(),
        ));
    }
    if args.every.is_some() && args.from.is_none() && args.store.is_none() {
        return Err(Failure::Usage(
            "--every needs --from, unless --store has snapshots to begin with".to_owned(),
        ));
    }
    let keep = keep(&args.keep, console)?;
    let store = args.store.as_ref().map(Store::open).transpose()?;
    let base = match &store {
        Some(store) => store.policy().clone(),
        None => Policy::default().with_zone(system_zone()),
    };
    let policy = keep.map_or_else(|| base.clone(), |keep| keep.over(&base));
    let show = Show {
        console,
        policy: &policy,
        calendar: args.calendar || (args.every.is_some() && !args.table),
    };
    if store.is_none() && args.every.is_none() {
        let given = read_instants(console)?;
        let plan = plan(&given, &policy, args.now.unwrap_or_else(now));
        return show.plan(&plan, Some("LINE"));
    }

    let existing = store.as_ref().map_or(Ok(Vec::new()), existing)?;
    let newest = existing.iter().map(|snapshot| snapshot.time).max();
    let (imagined, end) = match (args.every, args.to) {
        (Some(every), Some(to)) => imagined(every, args.from, newest, to, &policy)?,
        _ => (Vec::new(), now()),
    };
    let plan = preview(&existing, imagined, &policy, args.now.unwrap_or(end));
    // What is imagined has no other name than its time.
    show.plan(&plan, store.is_some().then_some("SNAPSHOT"))
}

/// Reads the instants on stdin, numbered by their lines.
fn read_instants(console: &Console) -> Result<Vec<Snapshot<u64>>, Failure> {
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        console.hint("one instant a line, such as 2026-11-22T19:20:00Z; end with Ctrl-D");
    }
    let mut instants = Vec::new();
    let mut line = Vec::new();
    for number in 0.. {
        line.clear();
        stdin
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|error| Failure::System("read stdin", error))?;
        if line.is_empty() {
            break;
        }
        let word = line.trim_ascii();
        if word.is_empty() {
            continue;
        }
        let time = std::str::from_utf8(word)
            .ok()
            .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
            .ok_or_else(|| refused(number, word))?;
        instants.push(Snapshot::new(number, time.to_utc()));
    }
    Ok(instants)
}

fn refused(number: u64, word: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(word);
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown += "…";
    }
    Failure::Input(format!(
        "stdin, line {}: `{}` is no instant such as 2026-11-22T19:20:00Z",
        number + 1,
        Escaped::new(&shown)
    ))
}

/// The snapshots of a store, by their names.
fn existing(store: &Store) -> Result<Vec<Snapshot<String>>, Failure> {
    let snapshots = store.snapshots()?.into_iter().map(|snapshot| {
        Snapshot::new(snapshot.name.to_string(), snapshot.name.time())
            .with_status(snapshot.status)
            .with_held(snapshot.held)
    });
    Ok(snapshots.collect())
}

/// The instants of the schedule, and its end.
fn imagined(
    every: Span,
    from: Option<When>,
    newest: Option<DateTime<Utc>>,
    to: When,
    policy: &Policy,
) -> Result<(Vec<DateTime<Utc>>, DateTime<Utc>), Failure> {
    let (zone, end) = (policy.zone(), to.end(policy.zone()));
    let (first, skipped) = match (from, newest) {
        (Some(from), _) => (from.start(zone), 0),
        // The newest is there already.
        (None, Some(newest)) => (newest, 1),
        (None, None) => (now(), 0),
    };
    if first > end {
        return Err(Failure::Usage(
            "the schedule ends before it begins: --to has to be later".to_owned(),
        ));
    }
    let instants: Vec<DateTime<Utc>> = Schedule::new(every, first, end)
        .instants(zone)
        .skip(skipped)
        .take(MOST_IMAGINED + 1)
        .collect();
    if instants.len() > MOST_IMAGINED {
        return Err(Failure::Usage(format!(
            "the schedule has more than {} backups; is --every or --to a slip?",
            count(MOST_IMAGINED as u64)
        )));
    }
    Ok((instants, end))
}

/// How a plan is shown.
struct Show<'a> {
    console: &'a Console,
    policy: &'a Policy,
    calendar: bool,
}

impl Show<'_> {
    /// Prints the plan; ids under this heading, if they say more than the time.
    fn plan<Id: Ord + Display + Serialize>(
        &self,
        plan: &Plan<Id>,
        heading: Option<&str>,
    ) -> Result<Ending, Failure> {
        let Show {
            console, policy, ..
        } = *self;
        if console.is_json() {
            console.print_json(&json::Line::summary(plan));
            return printed(console, Ending::Done);
        }
        let zone = policy.zone();
        if self.calendar {
            console.print(&calendar::draw(plan, zone, console.paint()));
        } else {
            console.put(|out| table::write(out, plan, zone, heading));
        }
        let kept = plan.keep.len() as u64;
        let all = kept + plan.remove.len() as u64;
        console.print(&format!(
            "{} of {} kept by: {policy} (in the days of {zone})\n",
            count(kept),
            count(all)
        ));
        printed(console, Ending::Done)
    }
}
