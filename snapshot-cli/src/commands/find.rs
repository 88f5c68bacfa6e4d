//! `find`: paths that match a pattern, in any snapshot.

use std::sync::Arc;

use hardsnap::Store;

use super::{print_each, printed, tell_unknown, write_json};
use crate::args::FindArgs;
use crate::exit::{Ending, Failure};
use crate::output::{Console, catalog, json, summary};

pub(super) fn run(args: &FindArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let catalog = Store::open(&args.store)?.catalog()?;
    let matches = catalog.find(&args.pattern)?;
    tell_unknown(&catalog, console);
    let mut count = 0;
    let is_json = console.is_json();
    let findings = catalog::Findings::new(console.paint());
    print_each(console, matches, |out, found| {
        count += 1;
        if is_json {
            return write_json(out, &json::Line::new("found", found));
        }
        if count == 1 {
            out.write_all(findings.heads().as_bytes())?;
        }
        out.write_all(findings.line(found).as_bytes())
    })?;
    if is_json {
        let fields = summary::Find::new(count, &catalog);
        console.print_json(&json::Line::summary(fields));
    } else if count == 0 && console.wants_summary() {
        console.print("nothing found\n");
        if args.pattern.contains('/') && !args.pattern.starts_with('/') {
            console.hint("a pattern with a slash is a whole path, from / on");
        }
    }
    printed(console, Ending::Done)
}
