//! `versions`: the versions of a path, oldest first.

use std::sync::Arc;

use hardsnap::Store;

use super::{printed, tell_unknown};
use crate::args::VersionsArgs;
use crate::exit::{Ending, Failure};
use crate::output::{Console, catalog, json, summary};

pub(super) fn run(args: &VersionsArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let store = Store::open(&args.store)?;
    let catalog = store.catalog()?;
    let path = catalog.resolve(&args.path)?;
    let versions = catalog.versions(&path)?;
    tell_unknown(&catalog, console);
    if versions.is_empty() {
        return Err(Failure::NotFound(path));
    }
    if console.is_json() {
        for version in &versions {
            console.print_json(&json::Line::new("version", version));
        }
        let fields = summary::Versions::new(&path, versions.len(), &catalog);
        console.print_json(&json::Line::summary(fields));
    } else {
        console.print(&catalog::versions(&store, &versions));
    }
    printed(console, Ending::Done)
}
