//! `du`: what deleting snapshots would free.

use std::sync::Arc;

use hardsnap::{Sizes, Store};

use super::{now, printed, resolved, tell_pause};
use crate::args::DuArgs;
use crate::exit::{Ending, Failure};
use crate::output::{Console, catalog, json, summary};

pub(super) fn run(args: &DuArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let store = Store::open(&args.store)?;
    let mut names = resolved(&store, &args.snapshots)?;
    let is_of_all = names.is_empty();
    let plan = store.plan_prune(None, now())?;
    let usage = if store.snapshots()?.is_empty() {
        // There need not be a catalog yet.
        summary::Usage::of_all(Vec::new(), Vec::new(), Sizes::default(), plan.pause(), None)
    } else {
        let catalog = store.catalog()?;
        if is_of_all {
            names = catalog.snapshots().iter().map(|known| known.name).collect();
        }
        let mut alone = Vec::new();
        for name in &names {
            alone.push(summary::Alone::new(*name, catalog.sizes(&[*name])?));
        }
        let spare = catalog.spare_sizes()?;
        let spare = spare.map(|(name, sizes)| summary::Alone::new(name, sizes));
        if is_of_all {
            let expired: Vec<_> = plan.remove().iter().map(|removed| removed.id).collect();
            let sizes = catalog.sizes(&expired)?;
            summary::Usage::of_all(alone, expired, sizes, plan.pause(), spare)
        } else {
            let sizes = catalog.sizes(&names)?;
            summary::Usage::of_some(alone, names, sizes, spare)
        }
    };
    if console.is_json() {
        console.print_json(&json::Line::summary(&usage));
    } else {
        console.print(&catalog::usage(&usage, console.paint()));
        if is_of_all {
            tell_pause(plan.pause(), console);
        }
        if console.is_looked_at() && console.wants_standing_facts() {
            console.hint(
                "ALONE is what only that snapshot has, and what deleting just it would free; nothing was deleted",
            );
        }
    }
    printed(console, Ending::Done)
}
