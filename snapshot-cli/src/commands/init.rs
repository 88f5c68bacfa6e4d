//! `init`: make a store.

use std::sync::Arc;

use hardsnap::retention::{Policy, PolicyChange};
use hardsnap::{FullCopies, InitOptions, Spare, Store};

use super::keep;
use crate::args::{InitArgs, system_zone};
use crate::exit::{Ending, Failure};
use crate::output::{Console, Reporter, human, json, summary};

pub(super) fn run(args: &InitArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let mut options = options(keep(&args.keep, console)?.as_ref(), args.allow_full_copies);
    if args.no_spare {
        options = options.spare(Spare::Off);
    }
    let reporter = Reporter::start(console);
    let result = Store::init(&args.store, &options, &reporter);
    let seen = reporter.finish();
    let store = result?;
    let told = seen.conclude();
    if console.is_json() {
        console.print_json(&json::Line::summary(summary::Init::new(
            &store,
            &told.warnings,
        )));
    } else if console.wants_summary() {
        console.print(&human::init(&store));
    }
    Ok(Ending::Done)
}

/// How a new store is made: the default policy under what was asked for, in
/// the days of the system's zone.
pub(super) fn options(keep: Option<&PolicyChange>, allow_full_copies: bool) -> InitOptions {
    let base = Policy::default().with_zone(system_zone());
    let policy = keep.map_or_else(|| base.clone(), |keep| keep.over(&base));
    InitOptions::new()
        .policy(policy)
        .full_copies(full_copies(allow_full_copies))
}

pub(super) fn full_copies(allowed: bool) -> FullCopies {
    if allowed {
        FullCopies::Allowed
    } else {
        FullCopies::Refused
    }
}
