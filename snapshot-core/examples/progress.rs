//! A progress display of one's own, and Enter to stop the run.
//!
//! `cargo run --example progress -- STORE SOURCE...`
#![allow(
    clippy::disallowed_methods,
    reason = "a program reads the clock and its arguments"
)]

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime};

use hardsnap::{BackupOptions, CancelToken, Counts, News, Store, relay};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let path = arguments.next().ok_or("usage: progress STORE SOURCE...")?;
    let store = Store::open(path)?;
    let options = BackupOptions::new(arguments, SystemTime::now().into());

    let cancel = CancelToken::new();
    let switch = cancel.clone();
    thread::spawn(move || {
        let mut line = String::new();
        if matches!(io::stdin().read_line(&mut line), Ok(read) if read > 0) {
            switch.cancel();
        }
    });

    // What the basis holds is the best estimate of what is to come.
    let mut expected: Option<Counts> = None;
    let report = relay(
        Duration::from_millis(100),
        |observer| store.backup(&options, observer, &cancel),
        |news| match news {
            News::Started {
                expected: counts, ..
            } => expected = *counts,
            News::Phase(phase) => println!("\n{phase:?}"),
            News::Progress(done) => show(done, expected.as_ref()),
            News::Problem(problem) => eprintln!("\n{problem}"),
            _ => {}
        },
    )?;
    println!("\n{} is there", report.snapshot);
    Ok(())
}

fn show(done: &Counts, expected: Option<&Counts>) {
    print!("\r{} entries, {} bytes", done.entries(), done.bytes());
    if let Some(expected) = expected.filter(|expected| expected.entries() > 0) {
        let percent = 100 * done.entries() / expected.entries();
        print!(", about {} %", percent.min(100));
    }
    // A terminal that is gone is no reason to stop a backup.
    let _ = io::stdout().flush();
}
