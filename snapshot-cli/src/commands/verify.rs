//! `verify`: the snapshots against what was recorded of them.

use std::sync::Arc;

use hardsnap::{Store, VerifyOptions, VerifyReport};

use super::{resolved, watched};
use crate::args::VerifyArgs;
use crate::exit::{Ending, Failure};
use crate::output::{Console, json, verify};

pub(super) fn run(args: &VerifyArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let store = Store::open(&args.store)?;
    let names = resolved(&store, &args.snapshots)?;
    let options = VerifyOptions::new()
        .snapshots(names)
        .content(args.content())
        .repair(args.repair())
        .jobs(args.jobs());
    let (report, seen) = watched(console, |reporter, cancel| {
        store.verify(&options, reporter, cancel)
    })?;
    seen.take_warnings(&report.warnings);
    seen.conclude();
    tell(&report, console);
    Ok(match report.damaged_entries {
        0 => Ending::Done,
        _ => Ending::Damaged,
    })
}

fn tell(report: &VerifyReport, console: &Console) {
    if console.is_json() {
        return console.print_json(&json::Line::summary(report));
    }
    if report.damaged_entries > 0 {
        console.print(&verify::damaged(report));
    }
    if report.damaged_entries > 0 || console.wants_summary() {
        console.print(&verify::summary(report));
    }
    for hint in verify::hints(report) {
        console.hint(hint);
    }
}
