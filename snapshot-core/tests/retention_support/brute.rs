//! A second reading of the model, as slow and literal as it comes.
//!
//! Nothing here is shared with the calculator: buckets are lists in a map, found one snapshot at a
//! time with the calendar's own arithmetic, and nothing is sorted but keys.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use hardsnap::retention::{
    Anchor, Every, Pick, Policy, Rule, Snapshot, Span, Status, Unit, Window,
};

/// One reason, in words that both readings can be brought to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Word {
    Newest,
    Future,
    Held,
    Suspect,
    /// The number of the rule, and the rank of the bucket.
    Rule(usize, usize),
}

/// Orders buckets of one kind; two numbers for those that are instants.
type Bucket = (i64, i64);

/// Returns what is kept, and why.
pub(crate) fn decide(
    snapshots: &[Snapshot<usize>],
    policy: &Policy,
    now: DateTime<Utc>,
) -> BTreeMap<usize, BTreeSet<Word>> {
    let mut kept: BTreeMap<usize, BTreeSet<Word>> = BTreeMap::new();
    let mut keep = |snapshot: &Snapshot<usize>, word| {
        kept.entry(snapshot.id).or_default().insert(word);
    };
    let mut live: Vec<&Snapshot<usize>> = Vec::new();
    for snapshot in snapshots {
        if snapshot.time > now {
            keep(snapshot, Word::Future);
        } else if snapshot.status != Status::Suspect {
            live.push(snapshot);
        }
        if snapshot.held {
            keep(snapshot, Word::Held);
        }
    }
    let newest = |among: &mut dyn Iterator<Item = &Snapshot<usize>>| {
        among.cloned().reduce(|best, other| {
            let is_better =
                other.time > best.time || (other.time == best.time && other.id < best.id);
            if is_better { other } else { best }
        })
    };
    let newest_live = newest(&mut live.iter().copied());
    let complete = |one: &&Snapshot<usize>| one.status == Status::Complete;
    let newest_complete = newest(&mut live.iter().copied().filter(complete));
    for one in newest_live.iter().chain(&newest_complete) {
        keep(one, Word::Newest);
    }
    for snapshot in snapshots {
        let superseded = newest_live
            .as_ref()
            .is_some_and(|live| live.time > snapshot.time);
        if snapshot.status == Status::Suspect && snapshot.time <= now && !superseded {
            keep(snapshot, Word::Suspect);
        }
    }

    let reference = match (policy.anchor(), &newest_live) {
        (Anchor::Newest, Some(newest)) => newest.time,
        _ => now,
    };
    for (number, rule) in policy.rules().iter().enumerate() {
        let mut buckets: BTreeMap<Bucket, Vec<&Snapshot<usize>>> = BTreeMap::new();
        for snapshot in &live {
            let mut bucket = bucket(rule.every, snapshot.time, zone_of(policy));
            if rule.every == Every::Snapshot {
                // Each is a bucket of its own, also of those of the same instant.
                bucket.1 =
                    bucket.1 * 1_000_000 + 999_999 - i64::try_from(snapshot.id).expect("small");
            }
            buckets.entry(bucket).or_default().push(snapshot);
        }
        for (rank, (bucket, members)) in buckets.iter().rev().enumerate() {
            let young = match rule.within {
                Window::Span(span) => {
                    *bucket > lowest(rule.every, reference, span, zone_of(policy))
                }
                Window::Forever => true,
                _ => false,
            };
            let floor = rank < rule.at_least as usize;
            let ceiling = rule.at_most.is_none_or(|limit| rank < limit as usize);
            if (young || floor) && ceiling {
                keep(representative(members, rule), Word::Rule(number, rank));
            }
        }
    }
    kept
}

fn representative<'a>(members: &[&'a Snapshot<usize>], rule: &Rule) -> &'a Snapshot<usize> {
    let any_complete = members.iter().any(|one| one.status == Status::Complete);
    let mut eligible: Vec<&Snapshot<usize>> = members
        .iter()
        .copied()
        .filter(|one| !any_complete || one.status == Status::Complete)
        .collect();
    let times = eligible.iter().map(|one| one.time);
    let time = match rule.pick {
        Pick::Last => times.max(),
        _ => times.min(),
    };
    eligible.retain(|one| Some(one.time) == time);
    eligible.sort_by_key(|one| one.id);
    eligible[0]
}

pub(crate) fn bucket(every: Every, time: DateTime<Utc>, zone: Tz) -> Bucket {
    let date = time.with_timezone(&zone).date_naive();
    match every {
        Every::Snapshot => (time.timestamp(), i64::from(time.timestamp_subsec_nanos())),
        Every::Hour => (time.timestamp().div_euclid(3_600), 0),
        _ => (civil_bucket(every, date), 0),
    }
}

fn civil_bucket(every: Every, date: NaiveDate) -> i64 {
    match every {
        Every::Day => i64::from(date.num_days_from_ce()),
        // 0001-01-01, day 1, was a Monday.
        Every::Week => (i64::from(date.num_days_from_ce()) - 1).div_euclid(7),
        Every::Month => 12 * i64::from(date.year()) + i64::from(date.month0()),
        _ => i64::from(date.year()),
    }
}

/// The newest bucket that is too old.
fn lowest(every: Every, reference: DateTime<Utc>, span: Span, zone: Tz) -> Bucket {
    match every {
        // Rules for instants and hours go by the real time of UTC.
        Every::Snapshot => {
            let limit = minus(reference.naive_utc(), span).and_utc();
            // After every id of that very instant.
            let nanos = i64::from(limit.timestamp_subsec_nanos());
            (limit.timestamp(), nanos * 1_000_000 + 999_999)
        }
        Every::Hour => {
            let limit = minus(reference.naive_utc(), span).and_utc();
            (limit.timestamp().div_euclid(3_600), 0)
        }
        _ => {
            let wall = reference.with_timezone(&zone).naive_local();
            (civil_bucket(every, minus(wall, span).date()), 0)
        }
    }
}

fn minus(wall: NaiveDateTime, span: Span) -> NaiveDateTime {
    let count = i64::from(span.count());
    let months = match span.unit() {
        Unit::Hour => return wall - TimeDelta::hours(count),
        Unit::Day => return wall - TimeDelta::hours(24 * count),
        Unit::Week => return wall - TimeDelta::hours(168 * count),
        Unit::Year => 12 * count,
        _ => count,
    };
    let month = 12 * i64::from(wall.year()) + i64::from(wall.month0()) - months;
    let year = i32::try_from(month.div_euclid(12)).expect("a year");
    let month = u32::try_from(month.rem_euclid(12)).expect("a month") + 1;
    match NaiveDate::from_ymd_opt(year, month, wall.day()) {
        Some(date) => date.and_time(wall.time()),
        // The month is too short: all of its last day is too old.
        None => {
            let day = (28..=30)
                .rev()
                .find(|day| NaiveDate::from_ymd_opt(year, month, *day).is_some());
            let date = NaiveDate::from_ymd_opt(year, month, day.expect("a last day"));
            let time = date
                .expect("a date")
                .and_hms_nano_opt(23, 59, 59, 999_999_999);
            time.expect("a time of day")
        }
    }
}

fn zone_of(policy: &Policy) -> Tz {
    policy.zone().name().parse().expect("a zone")
}
