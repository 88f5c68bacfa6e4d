//! `prune`: remove the snapshots that the policy no longer keeps.

use std::io;
use std::sync::Arc;

use hardsnap::Store;

use super::{keep, now, printed, removed, tell_pause, watched};
use crate::args::PruneArgs;
use crate::exit::{Ending, Failure};
use crate::output::{Console, human, json, summary};

pub(super) fn run(args: &PruneArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let keep = keep(&args.keep, console)?;
    let store = Store::open(&args.store)?;
    let policy = keep.map(|keep| keep.over(store.policy()));
    let mut plan = store.plan_prune(policy.as_ref(), args.now.unwrap_or_else(now))?;
    if args.force {
        plan = plan.forced();
    }
    if let Some(min_free) = args.min_free {
        plan = plan.min_free(min_free);
    }

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
        let room = args.min_free.map(|min_free| store.room(min_free));
        let room = room.transpose()?;
        if console.is_json() {
            let fields = summary::Prune::new(&plan, room, None);
            console.print_json(&json::Line::summary(fields));
        } else {
            console.print(&human::plan_totals(&plan));
            if let Some(room) = room {
                console.print(&human::room_planned(&plan, room));
            }
        }
        tell_pause(plan.pause(), console);
        let ending = match plan.pause() {
            Some(_) => Ending::PruningIncomplete,
            None => Ending::Done,
        };
        return printed(console, ending);
    }

    let (report, seen) = watched(console, |reporter, cancel| {
        store.prune(&plan, reporter, cancel)
    })?;
    let ending = removed(&report, seen);
    if console.is_json() {
        let fields = summary::Prune::new(&plan, report.short_of_room, Some(&report));
        console.print_json(&json::Line::summary(fields));
    } else if console.wants_summary() {
        console.print(&human::removal("pruned", &report, console.verbosity() > 0));
    }
    tell_pause(report.prune_paused.as_ref(), console);
    if let Some(room) = report.short_of_room.filter(|_| !console.is_json()) {
        console.tell(human::short_of_room(room));
    }
    Ok(ending)
}
