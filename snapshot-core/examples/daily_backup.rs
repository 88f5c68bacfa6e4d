//! A daily backup: makes the store on the first day, then a snapshot each time, and tells what it
//! did.
//!
//! `cargo run --example daily_backup -- SOURCE... STORE`
#![allow(
    clippy::disallowed_methods,
    reason = "a program reads the clock and its arguments"
)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use hardsnap::{
    BackupOptions, BackupReport, CancelToken, ErrorKind, Event, Filter, InitOptions, Store,
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut sources: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let Some(path) = sources.pop() else {
        return Err("usage: daily_backup SOURCE... STORE".into());
    };

    let store = match Store::open(&path) {
        // A program for every day would rather fail: is the disk mounted?
        Err(error) if error.kind() == ErrorKind::NotAStore => {
            Store::init(&path, &InitOptions::new(), &())?
        }
        opened => opened?,
    };
    let filter = Filter::builder()
        .exclude("*.tmp")
        .exclude_caches()
        .exclude_larger_than("4G".parse()?)
        .build()?;
    let options = BackupOptions::new(sources, SystemTime::now().into()).filter(filter);

    // Trouble with one entry does not stop a backup. It is told when it comes and listed at the
    // end.
    let observer = |event: &Event<'_>| match event {
        Event::Problem(problem) => eprintln!("{problem}"),
        Event::Warning(warning) => eprintln!("{warning}"),
        _ => {}
    };
    let report = store.backup(&options, &observer, &CancelToken::new())?;
    Ok(tell(&report))
}

fn tell(report: &BackupReport) -> ExitCode {
    let counts = &report.counts;
    println!(
        "{}: {} files linked, {} copied ({} bytes) in {:.1} s",
        report.snapshot,
        counts.files_linked,
        counts.files_copied,
        counts.bytes_copied,
        report.elapsed.as_secs_f64(),
    );
    for name in &report.removed {
        println!("removed {name}");
    }
    if report.skipped.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    }
}
