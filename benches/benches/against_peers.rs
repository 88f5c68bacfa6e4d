//! `cargo bench -p hardsnap-benches`: hardsnap against rsync and cp.

use std::process::ExitCode;

use clap::Parser;
use hardsnap_benches::{Args, Error, run};

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Interrupted) => {
            eprintln!("interrupted; everything was removed");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("error: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}
