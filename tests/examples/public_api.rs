//! Prints the public API of the core, an item a line. `make api` puts it where
//! it belongs, and `make check` tells whether it is there.
//!
//! Takes the path of rustdoc's JSON, whose format changes with the toolchain:
//! exits with 3 if this is one that it does not know.

use std::process::ExitCode;

use public_api::Builder;

fn main() -> ExitCode {
    let Some(json) = std::env::args_os().nth(1) else {
        eprintln!("usage: public_api RUSTDOC_JSON");
        return ExitCode::from(2);
    };
    let api = Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build();
    match api {
        Ok(api) => {
            for item in api.items() {
                println!("{item}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(3)
        }
    }
}
