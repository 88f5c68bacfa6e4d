//! `diff`: what differs between two snapshots.

use std::sync::Arc;

use hardsnap::Store;

use super::{patch, print_each, printed, write_json};
use crate::args::DiffArgs;
use crate::exit::{Ending, Failure};
use crate::output::catalog::Difference;
use crate::output::{Console, json, summary};

pub(super) fn run(args: &DiffArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let store = Store::open(&args.store)?;
    let before = store.resolve(&args.before)?.name;
    let after = store.resolve(&args.after)?.name;
    if let Some(path) = &args.patch {
        return patch::run(&store, before, after, path, console);
    }
    let changes = store.catalog()?.changes(before, after)?;
    let mut totals = summary::Diff::new(before, after);
    if console.is_json() {
        print_each(console, changes, |out, change| {
            totals.add(change);
            write_json(out, &json::Line::new("change", change))
        })?;
        console.print_json(&json::Line::summary(&totals));
    } else {
        let mut difference = Difference::new(console.paint(), console.verbosity() > 0);
        print_each(console, changes, |out, change| {
            totals.add(change);
            out.write_all(difference.line(change).as_bytes())
        })?;
        if console.wants_summary() {
            console.print(&difference.totals(&totals));
        }
    }
    printed(console, Ending::Done)
}
