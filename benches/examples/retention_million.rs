//! Times the retention calculator on a million snapshots, with the default policy.
//!
//! `cargo run --release --package hardsnap-benches --example retention_million [-- SNAPSHOTS]`

use std::hint::black_box;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use hardsnap::retention::{Policy, Snapshot, Zone, plan};

const ROUNDS: usize = 11;

fn main() {
    let count = std::env::args().nth(1).map_or(1_000_000, |text| {
        text.parse().expect("the number of snapshots")
    });
    println!("{count} snapshots, default policy, median of {ROUNDS} on one core");
    let new_york: Zone = "America/New_York".parse().expect("a zone");
    for (spacing, step_seconds) in [("every 5 minutes", 300), ("daily", 86_400)] {
        for zone in [Zone::UTC, new_york] {
            let sorted = snapshots(count, step_seconds);
            let policy = Policy::default().with_zone(zone);
            report(spacing, zone, "oldest first", &sorted, &policy);
            report(spacing, zone, "shuffled", &shuffled(sorted), &policy);
        }
    }
}

fn snapshots(count: u64, step_seconds: i64) -> Vec<Snapshot<u64>> {
    // The calendar ends in the year 262142; a million days from here ends in 4738.
    let mut time: DateTime<Utc> = DateTime::UNIX_EPOCH + TimeDelta::days(365 * 30);
    let mut snapshots = Vec::new();
    for id in 0..count {
        snapshots.push(Snapshot::new(id, time));
        time += TimeDelta::seconds(step_seconds);
    }
    snapshots
}

fn shuffled(mut snapshots: Vec<Snapshot<u64>>) -> Vec<Snapshot<u64>> {
    // Marsaglia's xorshift: the same order on each machine.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for end in (1..snapshots.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        snapshots.swap(end, (state % (end as u64 + 1)) as usize);
    }
    snapshots
}

fn report(spacing: &str, zone: Zone, order: &str, snapshots: &[Snapshot<u64>], policy: &Policy) {
    let newest = snapshots.iter().map(|snapshot| snapshot.time).max();
    let now = newest.unwrap_or_default();
    let mut times: Vec<Duration> = Vec::new();
    let mut kept = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let plan = black_box(plan(black_box(snapshots), policy, now));
        times.push(start.elapsed());
        kept = plan.keep.len();
    }
    times.sort_unstable();
    println!(
        "{spacing:>16} {:>17} {order:>13}: {:>6.1} ms (best {:>6.1} ms), {kept} kept",
        zone.name(),
        times[ROUNDS / 2].as_secs_f64() * 1_000.0,
        times[0].as_secs_f64() * 1_000.0,
    );
}
