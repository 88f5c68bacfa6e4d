//! `list`: the snapshots, oldest first.

use std::sync::Arc;

use hardsnap::Store;

use super::printed;
use crate::args::ListArgs;
use crate::exit::{Ending, Failure};
use crate::output::text::local_zone;
use crate::output::{Console, human, json, summary};

pub(super) fn run(args: &ListArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let snapshots = Store::open(&args.store)?.snapshots()?;
    if console.is_json() {
        let snapshots = &snapshots;
        console.print_json(&json::Line::summary(summary::List { snapshots }));
    } else {
        let with_sources = console.verbosity() > 0;
        let (zone, paint) = (local_zone(), console.paint());
        console.print(&human::list(&snapshots, with_sources, zone, paint));
    }
    printed(console, Ending::Done)
}
