//! `versions`: the versions of a path, oldest first.

use std::sync::Arc;

use hardsnap::Store;

use super::{printed, tell_unknown};
use crate::args::VersionsArgs;
use crate::exit::{Ending, Failure};
use crate::output::{Console, json, summary, versions};

pub(super) fn run(args: &VersionsArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let store = Store::open(&args.store)?;
    let known = store.catalog()?;
    let path = known.resolve(&args.path)?;
    let found = known.versions(&path)?;
    tell_unknown(&known, console);
    if found.is_empty() {
        return Err(Failure::NotFound(path));
    }
    if console.is_json() {
        for version in &found {
            let restore_command = versions::restore_command(&store, version);
            let version = summary::Version::new(version, restore_command);
            console.print_json(&json::Line::new("version", version));
        }
        let fields = summary::Versions::new(&path, found.len(), &known);
        console.print_json(&json::Line::summary(fields));
    } else {
        let all = console.verbosity() > 0;
        console.print(&versions::shown(&store, &found, all, console.paint()));
        if console.is_looked_at() && console.wants_standing_facts() {
            console.hint(
                "DIR is any directory; with --in-place instead of --to DIR it goes back to where it was",
            );
        }
    }
    printed(console, Ending::Done)
}
