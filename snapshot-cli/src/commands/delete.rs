//! `delete`: remove snapshots by name.

use std::sync::Arc;

use hardsnap::{Deletion, SnapshotName, Store};

use super::{removed, resolved, watched};
use crate::args::DeleteArgs;
use crate::exit::{Ending, Failure};
use crate::output::{Console, human, json};

pub(super) fn run(args: &DeleteArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    if args.yes == 0 && !console.can_ask() {
        return Err(Failure::Usage(
            "there is no terminal to ask on: add --yes".to_owned(),
        ));
    }
    let store = Store::open(&args.store)?;
    let names = resolved(&store, &args.snapshots)?;
    if args.yes == 0 && !agreed(&names, console)? {
        return Err(Failure::Declined);
    }
    let deletion = match args.yes {
        0 | 1 if !console.can_ask() || !store.would_lose_the_last(&names)? => {
            Deletion::SparingTheLast
        }
        0 | 1 if !agreed_to_lose_the_last(console)? => return Err(Failure::Declined),
        _ => Deletion::OfAny,
    };
    let (report, seen) = watched(console, |reporter, cancel| {
        store.delete(&names, deletion, reporter, cancel)
    })?;
    let ending = match removed(&report, seen) {
        // Somebody began to read it after it was looked at.
        Ending::PruningIncomplete => Ending::RemovalIncomplete,
        ending => ending,
    };
    if console.is_json() {
        console.print_json(&json::Line::summary(&report));
    } else if console.wants_summary() {
        console.print(&human::removal("deleted", &report, true));
    }
    Ok(ending)
}

fn agreed(names: &[SnapshotName], console: &Console) -> Result<bool, Failure> {
    let question = human::named("delete", names, true);
    console
        .ask(format_args!("{}?", question.trim_end()))
        .map_err(|error| Failure::System("read the answer", error))
}

fn agreed_to_lose_the_last(console: &Console) -> Result<bool, Failure> {
    console
        .ask("no complete snapshot is left then: delete the last one too?")
        .map_err(|error| Failure::System("read the answer", error))
}
