//! `backup`: make a snapshot, publish it, prune.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hardsnap::retention::{PolicyChange, Status};
use hardsnap::{
    BackupOptions, BackupReport, BasisCheck, CancelToken, ErrorKind, Hashes, Mode, Pruning,
    Reading, Recycling, Series, Store,
};

use super::{init, keep, now, printed, tell_pause, watched};
use crate::args::BackupArgs;
use crate::exit::{Ending, Failure};
use crate::output::text::plural;
use crate::output::{Console, Reporter, Told, human, json, summary};

pub(super) fn run(args: &BackupArgs, console: &Arc<Console>) -> Result<Ending, Failure> {
    let (sources, store) = args
        .sources_and_store()
        .ok_or_else(|| Failure::Usage("a backup needs a SOURCE and a STORE".to_owned()))?;
    let keep = keep(&args.keep, console)?;
    if keep.is_some() && args.no_prune && !args.init {
        return Err(Failure::Usage(
            "--no-prune leaves nothing for --keep-… to decide".to_owned(),
        ));
    }
    let dry_run = args.run.dry_run;
    let options = options(args, sources).filter(args.run.filter.read()?);
    let (mut report, seen) = watched(console, |reporter, cancel| {
        back_up(args, store, options, keep.as_ref(), reporter, cancel)
    })?;
    seen.take_left_behind(&report.left_behind);
    seen.take_warnings(&report.warnings);
    let told = seen.conclude();
    if console.is_json() {
        // What was seen before the run, when the store was made, belongs to it.
        report.warnings.clone_from(&told.warnings);
        report.left_behind.clone_from(&told.left_behind);
        let report = &report;
        console.print_json(&json::Line::summary(summary::Backup { report, dry_run }));
    } else {
        if dry_run || console.wants_summary() {
            console.print(&human::backup(&report, dry_run, console.verbosity() > 0));
        }
        diagnose(&report, console);
    }
    let ending = ending(&report, &told);
    if dry_run {
        printed(console, ending)
    } else {
        Ok(ending)
    }
}

fn back_up(
    args: &BackupArgs,
    store: &Path,
    options: BackupOptions,
    keep: Option<&PolicyChange>,
    reporter: &Reporter,
    cancel: &CancelToken,
) -> hardsnap::Result<BackupReport> {
    let store = match Store::open(store) {
        Ok(store) => store,
        Err(error) if error.kind() == ErrorKind::NotAStore && args.init => {
            // A store is not made for a backup that is refused.
            options.check(store)?;
            if args.run.mode() == Mode::DryRun {
                return Store::preview_first_backup(&options, reporter, cancel);
            }
            // What it is made with is what it prunes with.
            let store = Store::init(
                store,
                &init::options(keep, args.allow_full_copies),
                reporter,
            )?;
            reporter.announce(&human::init(&store));
            return store.backup(&options, reporter, cancel);
        }
        Err(error) => return Err(error),
    };
    let options = match keep {
        Some(keep) if !args.no_prune => options.pruning(Pruning::By(keep.over(store.policy()))),
        _ => options,
    };
    store.backup(&options, reporter, cancel)
}

fn options(args: &BackupArgs, sources: &[PathBuf]) -> BackupOptions {
    let mut options = BackupOptions::new(sources, now())
        .jobs(args.run.jobs())
        .mode(args.run.mode())
        .mounts(args.run.mounts())
        .full_copies(init::full_copies(args.allow_full_copies));
    if let Some(time) = args.time {
        options = options.time(time);
    }
    if args.change_sources {
        options = options.series(Series::Change);
    }
    if args.checksum {
        options = options.reading(Reading::Everything);
    }
    if args.check_basis {
        options = options.basis_check(BasisCheck::EveryEntry);
    }
    if args.no_hash {
        options = options.hashes(Hashes::Off);
    }
    let cache = args.cache_dir.clone().or_else(system_cache);
    if let Some(cache) = cache.filter(|_| !args.no_cache) {
        options = options.cache(cache);
    }
    if args.no_recycle {
        options = options.recycling(Recycling::Off);
    }
    if args.no_prune {
        options = options.pruning(Pruning::Off);
    }
    if let Some(note) = &args.note {
        options = options.note(note);
    }
    options
}

/// The folder for what can be made again: the service's own, else the user's.
fn system_cache() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from);
    let ours = folder("CACHE_DIRECTORY").or_else(|| {
        let shared = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        shared.map(|shared| shared.join("hardsnap"))
    });
    ours.filter(|folder| folder.is_absolute())
}

/// Says what makes the exit code other than 0.
fn diagnose(report: &BackupReport, console: &Console) {
    if !report.skipped.is_empty() {
        let entries = plural(report.skipped.len() as u64, "entry is", "entries are");
        console.tell(format_args!(
            "{entries} missing or unstable in the snapshot"
        ));
    }
    tell_pause(report.prune_paused.as_ref(), console);
}

fn ending(report: &BackupReport, told: &Told) -> Ending {
    if report.status == Status::Partial || !report.skipped.is_empty() {
        Ending::Partial
    } else if report.prune_paused.is_some() || !told.left_behind.is_empty() {
        Ending::PruningIncomplete
    } else {
        Ending::Done
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    /// The options as the engine gets them, in words.
    fn options_of(flags: &[&str]) -> String {
        let line = [&["hardsnap", "backup", "/a", "/store"], flags].concat();
        let Command::Backup(args) = Args::try_parse_from(line).unwrap().command else {
            panic!("not a backup")
        };
        let (sources, _) = args.sources_and_store().unwrap();
        format!("{:?}", options(&args, sources))
    }

    #[test]
    fn each_flag_on_reading_and_hashing_sets_its_own_option() {
        let flags = ["--checksum", "--check-basis", "--no-hash"];
        let usual = ["reading: Changed", "basis_check: AsNeeded", "hashes: Kept"];
        let wanted = [
            "reading: Everything",
            "basis_check: EveryEntry",
            "hashes: Off",
        ];
        for (flag, set) in flags.iter().zip(wanted) {
            let options = options_of(&[flag]);
            assert!(options.contains(set), "{flag}: {options}");
            let others = wanted.iter().filter(|word| options.contains(**word));
            assert_eq!(others.count(), 1, "{flag}: {options}");
        }
        let options = options_of(&[]);
        assert!(usual.iter().all(|word| options.contains(word)), "{options}");
        let options = options_of(&flags);
        assert!(
            wanted.iter().all(|word| options.contains(word)),
            "{options}"
        );
    }
}
