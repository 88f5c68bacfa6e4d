//! `tree`: replicate one tree without any store.

use std::sync::Arc;

use hardsnap::{TreeOptions, replicate_tree};

use super::{printed, watched};
use crate::args::TreeArgs;
use crate::exit::{Ending, Failure};
use crate::output::text::plural;
use crate::output::{Console, human, json, summary};

pub(super) fn run(args: &TreeArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let dry_run = args.run.dry_run;
    let options = TreeOptions::new()
        .filter(args.run.filter.read()?)
        .jobs(args.run.jobs())
        .mode(args.run.mode())
        .mounts(args.run.mounts());
    let basis = args.link_dest.as_deref();
    let (mut report, seen) = watched(console, |reporter, cancel| {
        replicate_tree(
            &args.source,
            basis,
            &args.target,
            &options,
            reporter,
            cancel,
        )
    })?;
    seen.take_warnings(&report.warnings);
    let told = seen.conclude();
    if console.is_json() {
        report.warnings.clone_from(&told.warnings);
        let report = &report;
        console.print_json(&json::Line::summary(summary::Tree { report, dry_run }));
    } else {
        if dry_run || console.wants_summary() {
            console.print(&human::tree(&report, &args.target, dry_run));
        }
        if !report.skipped.is_empty() {
            let entries = plural(report.skipped.len() as u64, "entry is", "entries are");
            console.tell(format_args!("{entries} missing or unstable in the tree"));
        }
    }
    let ending = if report.skipped.is_empty() {
        Ending::Done
    } else {
        Ending::Partial
    };
    if dry_run {
        printed(console, ending)
    } else {
        Ok(ending)
    }
}
