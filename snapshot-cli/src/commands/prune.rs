//! `prune`: remove the snapshots that the policy no longer keeps.

use std::io;
use std::sync::Arc;

use hardsnap::Store;

use super::{keep, now, printed, removed, watched};
use crate::args::PruneArgs;
use crate::exit::{Ending, Failure};
use crate::output::{Console, human, json, summary};

pub(super) fn run(args: &PruneArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let keep = keep(&args.keep, console)?;
    let store = Store::open(&args.store)?;
    let policy = keep.map(|keep| keep.over(store.policy()));
    let plan = store.plan_prune(policy.as_ref(), args.now.unwrap_or_else(now))?;

    if !console.is_json() && (args.dry_run || args.explain) {
        console.print(&human::plan(&plan));
        // An explanation that gets lost is a reason not to act; a reader who
        // has seen enough of it is none.
        match console.written() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(Failure::Output(error));
            }
            _ => {}
        }
    }
    if args.dry_run {
        if console.is_json() {
            console.print_json(&json::Line::summary(summary::Prune::new(&plan, None)));
        } else {
            console.print(&human::plan_totals(&plan));
        }
        return printed(console, Ending::Done);
    }

    let (report, seen) = watched(console, |reporter, cancel| {
        store.prune(&plan, reporter, cancel)
    })?;
    let ending = removed(&report, seen);
    if console.is_json() {
        console.print_json(&json::Line::summary(summary::Prune::new(
            &plan,
            Some(&report),
        )));
    } else if console.wants_summary() {
        console.print(&human::removal("pruned", &report, console.verbosity() > 0));
    }
    Ok(ending)
}
