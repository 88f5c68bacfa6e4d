//! `reindex`: the catalog anew from the snapshots.

use std::sync::Arc;

use hardsnap::Store;

use super::watched;
use crate::args::ReindexArgs;
use crate::exit::{Ending, Failure};
use crate::output::{Console, human, json};

pub(super) fn run(args: &ReindexArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let store = Store::open(&args.store)?;
    let (report, seen) = watched(console, |reporter, cancel| store.reindex(reporter, cancel))?;
    seen.take_warnings(&report.warnings);
    seen.conclude();
    if !report.left_out.is_empty() && !console.is_json() {
        let names = human::named("left out of the catalog", &report.left_out, true);
        console.tell(names.trim_end());
    }
    if console.is_json() {
        console.print_json(&json::Line::summary(&report));
    } else if console.wants_summary() {
        console.print(&human::reindex(&report));
    }
    Ok(match report.skipped.is_empty() {
        true => Ending::Done,
        false => Ending::Partial,
    })
}
