//! `restore`: get data back.

use std::path::PathBuf;
use std::sync::Arc;

use hardsnap::{
    Extraneous, Mode, RestoreOptions, RestoreReport, RestoreTarget, SnapshotName, Store,
};

use super::{printed, watched};
use crate::args::RestoreArgs;
use crate::exit::{Ending, Failure};
use crate::output::text::{local_zone, plural};
use crate::output::{Console, human, json, summary};

pub(super) fn run(args: &RestoreArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let Some((word, paths)) = args.snapshot_and_paths() else {
        let what = "a SNAPSHOT is needed, or --before WHEN".to_owned();
        return Err(Failure::Usage(what));
    };
    if args.delete && !args.yes && !args.dry_run && !console.can_ask() {
        let what = "there is no terminal to ask on: add --yes, or look first with --dry-run";
        return Err(Failure::Usage(what.to_owned()));
    }
    let store = Store::open(&args.store)?;
    let snapshot = match args.before {
        Some(when) => store.resolve_before(when.end(local_zone()))?,
        None => store.resolve(word)?,
    };
    let target = match &args.to {
        Some(directory) => RestoreTarget::Into(directory.clone()),
        None => RestoreTarget::InPlace,
    };
    let mut options = RestoreOptions::new(target)
        .paths(paths)
        .overwrite(args.overwrite())
        .mode(args.mode())
        .jobs(args.jobs());
    if args.delete {
        options = options.extraneous(Extraneous::Deleted);
        if !args.yes && !args.dry_run {
            let agreed = agreed(&store, snapshot.name, &options, console)?;
            options = options.extraneous(Extraneous::DeletedIf(agreed.into_iter().collect()));
        }
    }
    let (mut report, seen) = watched(console, |reporter, cancel| {
        store.restore(snapshot.name, &options, reporter, cancel)
    })?;
    seen.take_warnings(&report.warnings);
    let told = seen.conclude();
    if console.is_json() {
        report.warnings.clone_from(&told.warnings);
        let (report, dry_run) = (&report, args.dry_run);
        console.print_json(&json::Line::summary(summary::Restore { report, dry_run }));
    } else {
        if args.dry_run {
            console.print(&human::restore_plan(&report));
        }
        if args.dry_run || console.wants_summary() {
            console.print(&human::restore(&report, args.dry_run));
        }
        if !report.skipped.is_empty() {
            let entries = plural(report.skipped.len() as u64, "entry is", "entries are");
            console.tell(format_args!(
                "{entries} not, or not in every respect, as in the snapshot"
            ));
        }
    }
    let ending = ending(&report);
    if args.dry_run {
        printed(console, ending)
    } else {
        Ok(ending)
    }
}

fn ending(report: &RestoreReport) -> Ending {
    if !report.in_the_way.is_empty() {
        Ending::NotDone
    } else if !report.skipped.is_empty() {
        Ending::Partial
    } else {
        Ending::Done
    }
}

/// Shows what would be deleted, and asks.
fn agreed(
    store: &Store,
    snapshot: SnapshotName,
    options: &RestoreOptions,
    console: &Arc<Console>,
) -> Result<Vec<PathBuf>, Failure> {
    let preview = options.clone().mode(Mode::DryRun);
    let (report, _) = watched(console, |_, cancel| {
        store.restore(snapshot, &preview, &(), cancel)
    })?;
    // What is in the way is told by the run itself.
    if report.deleted.is_empty() || !report.in_the_way.is_empty() {
        return Ok(report.deleted);
    }
    console.print(&human::to_delete(&report.deleted));
    let entries = plural(report.deleted.len() as u64, "entry", "entries");
    let question = format_args!("delete {entries}, with all that is in them?");
    let is_agreed = console
        .ask(question)
        .map_err(|error| Failure::System("read the answer", error))?;
    if is_agreed {
        Ok(report.deleted)
    } else {
        Err(Failure::Declined)
    }
}
