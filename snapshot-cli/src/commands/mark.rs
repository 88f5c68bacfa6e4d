//! `hold`, `release`, `accept`: what the user says about a snapshot.

use std::path::Path;
use std::sync::Arc;

use hardsnap::{MarkReport, SnapshotName, Store};

use crate::args::{HoldArgs, OneArgs};
use crate::exit::{Ending, Failure};
use crate::output::{Console, human, json};

pub(super) fn hold(args: &HoldArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    mark(
        "held",
        &args.store,
        &args.snapshot,
        console,
        |store, name| store.hold(name, args.note.as_deref()),
    )
}

pub(super) fn release(args: &OneArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let OneArgs { store, snapshot } = args;
    mark("released", store, snapshot, console, Store::release)
}

pub(super) fn accept(args: &OneArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let OneArgs { store, snapshot } = args;
    mark("accepted", store, snapshot, console, Store::accept)
}

fn mark(
    done: &str,
    store: &Path,
    snapshot: &str,
    console: &Console,
    act: impl FnOnce(&Store, SnapshotName) -> hardsnap::Result<MarkReport>,
) -> Result<Ending, Failure> {
    let store = Store::open(store)?;
    let report = act(&store, store.resolve(snapshot)?.name)?;
    if console.is_json() {
        console.print_json(&json::Line::summary(&report));
    } else if console.wants_summary() {
        console.print(&human::mark(done, &report));
    }
    Ok(Ending::Done)
}
