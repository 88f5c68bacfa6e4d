//! `du`: what deleting snapshots would free.

use std::sync::Arc;

use hardsnap::{SnapshotName, Store};

use super::{now, printed};
use crate::args::DuArgs;
use crate::exit::{Ending, Failure};
use crate::output::{Console, catalog, json, summary};

pub(super) fn run(args: &DuArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let store = Store::open(&args.store)?;
    let mut names: Vec<SnapshotName> = Vec::new();
    for text in &args.snapshots {
        let name = store.resolve(text)?.name;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let is_of_all = names.is_empty();
    let plan = store.plan_prune(None, now())?;
    let catalog = store.catalog()?;
    if is_of_all {
        names = catalog.snapshots().iter().map(|known| known.name).collect();
    }
    let mut alone = Vec::new();
    for name in &names {
        alone.push(summary::Alone::new(*name, catalog.sizes(&[*name])?));
    }
    let set = if is_of_all {
        plan.remove().iter().map(|removed| removed.id).collect()
    } else {
        names
    };
    let sizes = catalog.sizes(&set)?;
    let usage = if is_of_all {
        summary::Usage::of_all(alone, set, sizes, plan.pause())
    } else {
        summary::Usage::of_some(alone, set, sizes)
    };
    if console.is_json() {
        console.print_json(&json::Line::summary(&usage));
    } else {
        console.print(&catalog::usage(&usage));
    }
    printed(console, Ending::Done)
}
