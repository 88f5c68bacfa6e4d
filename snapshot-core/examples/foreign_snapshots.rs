//! Retention for snapshots that are not hardsnap's: reads `NAME TIME` lines, where TIME is in
//! seconds since 1970, and prints the names to remove.
//!
//! `zfs list -Hpt snapshot -o name,creation tank/home | cargo run --example foreign_snapshots --
//! "daily for 2 weeks, all monthly" Europe/Berlin | xargs -rn1 echo zfs destroy`
#![allow(
    clippy::disallowed_methods,
    reason = "a program reads the clock and its arguments"
)]

use std::error::Error;
use std::io;
use std::time::SystemTime;

use chrono::DateTime;
use hardsnap::retention::{Policy, Snapshot, plan};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let policy: Policy = match arguments.next() {
        Some(line) => line.parse()?,
        None => Policy::default(),
    };
    let policy = match arguments.next() {
        Some(zone) => policy.with_zone(zone.parse()?),
        None => policy,
    };

    let mut snapshots = Vec::new();
    for (number, line) in io::stdin().lines().enumerate() {
        let line = line?;
        let (name, seconds) = line
            .rsplit_once(char::is_whitespace)
            .ok_or_else(|| format!("line {}: no time", number + 1))?;
        let time = DateTime::from_timestamp(seconds.parse()?, 0)
            .ok_or_else(|| format!("line {}: beyond the calendar", number + 1))?;
        snapshots.push(Snapshot::new(name.to_owned(), time));
    }

    let plan = plan(&snapshots, &policy, SystemTime::now().into());
    for kept in &plan.keep {
        eprintln!("keep {}: {}", kept.id, kept.explain());
    }
    for removed in &plan.remove {
        eprintln!("remove {}: {}", removed.id, removed.why);
        println!("{}", removed.id);
    }
    Ok(())
}
