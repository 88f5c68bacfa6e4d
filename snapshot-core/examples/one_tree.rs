//! One tree without a store: replicates SOURCE into TARGET, linked to BASIS where nothing changed.
//!
//! `cargo run --example one_tree -- SOURCE TARGET [BASIS]`
#![allow(clippy::disallowed_methods, reason = "a program reads its arguments")]

use std::error::Error;
use std::path::PathBuf;

use hardsnap::{CancelToken, TreeOptions, replicate_tree};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (source, target, basis) = match arguments.as_slice() {
        [source, target] => (source, target, None),
        [source, target, basis] => (source, target, Some(basis.as_path())),
        _ => return Err("usage: one_tree SOURCE TARGET [BASIS]".into()),
    };
    let report = replicate_tree(
        source,
        basis,
        target,
        &TreeOptions::new(),
        &(),
        &CancelToken::new(),
    )?;
    let counts = report.counts;
    println!(
        "{} files linked, {} copied",
        counts.files_linked, counts.files_copied
    );
    for problem in &report.skipped {
        eprintln!("{problem}");
    }
    Ok(())
}
