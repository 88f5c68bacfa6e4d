//! The commands: arguments in, the library's work, a report out.

mod backup;
mod delete;
mod diff;
mod du;
mod find;
mod init;
mod list;
mod mark;
mod patch;
mod preview;
mod prune;
mod reindex;
mod restore;
mod tree;
mod verify;
mod versions;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use hardsnap::retention::{Policy, PolicyChange};
use hardsnap::{CancelToken, Catalog, Pause, RemovalReport, SnapshotName, Store};
use serde::Serialize;

use crate::args::{Command, KeepArgs, RetentionCommand};
use crate::exit::{Ending, Failure};
use crate::output::{Console, Reporter, Seen, human};
use crate::signal;

pub(crate) fn run(command: &Command, console: &Arc<Console>) -> Result<Ending, Failure> {
    match command {
        Command::Init(args) => init::run(args, console),
        Command::Backup(args) => backup::run(args, console),
        Command::List(args) => list::run(args, console),
        Command::Diff(args) => diff::run(args, console),
        Command::Versions(args) => versions::run(args, console),
        Command::Find(args) => find::run(args, console),
        Command::Du(args) => du::run(args, console),
        Command::Prune(args) => prune::run(args, console),
        Command::Delete(args) => delete::run(args, console),
        Command::Hold(args) => mark::hold(args, console),
        Command::Release(args) => mark::release(args, console),
        Command::Accept(args) => mark::accept(args, console),
        Command::Restore(args) => restore::run(args, console),
        Command::Verify(args) => verify::run(args, console),
        Command::Reindex(args) => reindex::run(args, console),
        Command::Tree(args) => tree::run(args, console),
        Command::Retention(RetentionCommand::Preview(args)) => preview::run(args, console),
    }
}

/// The snapshots that the user named, each once.
fn resolved(store: &Store, texts: &[String]) -> Result<Vec<SnapshotName>, Failure> {
    let mut names = Vec::new();
    for text in texts {
        let name = store.resolve(text)?.name;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Does work that can be watched and stopped.
fn watched<T>(
    console: &Arc<Console>,
    work: impl FnOnce(&Reporter, &CancelToken) -> hardsnap::Result<T>,
) -> Result<(T, Seen), Failure> {
    let cancel = CancelToken::new();
    let caught = signal::watch(&cancel).map_err(|error| Failure::System("watch signals", error))?;
    let reporter = Reporter::start(console);
    let result = work(&reporter, &cancel);
    let seen = reporter.finish();
    match result {
        Ok(report) => Ok((report, seen)),
        Err(error) => {
            seen.conclude_failure();
            Err(Failure::of_run(error, caught.signal()))
        }
    }
}

/// Ends a command whose result is what it printed.
fn printed(console: &Console, ending: Ending) -> Result<Ending, Failure> {
    console.written().map_err(Failure::Output)?;
    Ok(ending)
}

/// Says that there are snapshots of which the answer cannot tell.
fn tell_unknown(catalog: &Catalog, console: &Console) {
    let unknown = catalog.unknown_snapshots();
    if !unknown.is_empty() && !console.is_json() {
        console.tell(human::named("the catalog does not tell of", unknown, false).trim_end());
        if let Some(hint) = catalog.unknown_hint() {
            console.hint(hint);
        }
    }
}

/// Prints answers as they come, each by itself. What stops them is told once
/// those before it are printed.
fn print_each<T>(
    console: &Console,
    answers: impl Iterator<Item = hardsnap::Result<T>>,
    mut print: impl FnMut(&mut dyn Write, &T) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut failed = None;
    console.put(|out| {
        for answer in answers {
            match answer {
                Ok(answer) => print(out, &answer)?,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        Ok(())
    });
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Writes one JSON line.
fn write_json(out: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// Says what a removal left behind, and ends accordingly.
fn removed(report: &RemovalReport, seen: Seen) -> Ending {
    seen.take_left_behind(&report.left_behind);
    if seen.conclude().left_behind.len() > report.being_read.len() {
        Ending::RemovalIncomplete
    } else if report.prune_paused.is_some()
        || report.short_of_room.is_some()
        || !report.being_read.is_empty()
    {
        Ending::PruningIncomplete
    } else {
        Ending::Done
    }
}

/// Says why nothing was removed, or would be, and what to do about it.
fn tell_pause(pause: Option<&Pause>, console: &Console) {
    if console.is_json() {
        return;
    }
    if let Some(pause) = pause {
        console.tell(format_args!("pruning is paused: {}", human::pause(pause)));
        if let Some(hint) = pause.hint() {
            console.hint(hint);
        }
    }
}

/// Reads what is to be kept, and says what of it is hardly meant.
fn keep(args: &KeepArgs, console: &Console) -> Result<Option<PolicyChange>, Failure> {
    let keep = args.read()?;
    if let Some(keep) = &keep {
        // The default policy has nothing to warn of where the options set no rules.
        for warning in keep.over(&Policy::default()).warnings() {
            console.tell(warning);
        }
    }
    Ok(keep)
}

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}
