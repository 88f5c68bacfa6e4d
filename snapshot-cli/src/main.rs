//! The program `hardsnap`; all of it is in the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    hardsnap_cli::run(std::env::args_os()).into()
}
