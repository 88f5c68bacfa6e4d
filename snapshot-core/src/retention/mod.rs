//! Decides which snapshots to keep, and says why: a pure calculator, of use without any store.
//!
//! In go [`Snapshot`]s (an id and an instant each), a [`Policy`] and the instant that counts as now;
//! out of [`plan`] comes a [`Plan`]: what to keep and what to remove, each with its reason, oldest
//! first. Nothing is removed here. No clock is read, no environment and no file, so that the same
//! input gives the same plan anywhere; a million snapshots take about a tenth of a second. What a
//! snapshot is made of does not matter, and an id is whatever can be ordered and cloned: a name, a
//! number, a path.
//!
//! # Examples
//!
//! This is the whole of a script that thins out what
//! `zfs list -Hp -t snapshot -o name,creation,userrefs tank/home` lists:
//!
//! ```
//! use chrono::DateTime;
//! use hardsnap::retention::{Policy, Snapshot, plan};
//!
//! // What the command prints: name, seconds since 1970, number of holds.
//! let listing = "\
//! tank/home@2026-01-31\t1769821200\t0
//! tank/home@2026-02-10\t1770685200\t1
//! tank/home@2026-02-11\t1770771600\t0
//! tank/home@2026-03-03\t1772499600\t0
//! tank/home@2026-03-03-noon\t1772535600\t0
//! tank/home@2026-03-10\t1773104400\t0
//! ";
//! let mut snapshots = Vec::new();
//! for line in listing.lines() {
//!     let mut columns = line.split('\t');
//!     let (Some(name), Some(created), Some(holds)) =
//!         (columns.next(), columns.next(), columns.next())
//!     else {
//!         return Err(format!("unexpected line: {line}").into());
//!     };
//!     let time = DateTime::from_timestamp(created.parse()?, 0).ok_or("a date out of range")?;
//!     snapshots.push(Snapshot::new(name, time).with_held(holds != "0"));
//! }
//!
//! let policy: Policy = "daily for 2 weeks, all monthly".parse()?;
//! let policy = policy.with_zone("Europe/Berlin".parse()?);
//! // A script takes the clock: `chrono::Utc::now()` or `SystemTime::now().into()`.
//! let now = "2026-03-10T12:00:00+01:00".parse()?;
//! let plan = plan(&snapshots, &policy, now);
//!
//! let keep: Vec<String> = plan
//!     .keep
//!     .iter()
//!     .map(|kept| format!("{}: {}", kept.id, kept.explain()))
//!     .collect();
//! assert_eq!(
//!     keep,
//!     [
//!         "tank/home@2026-01-31: monthly (first of 2026-01, for ever)",
//!         "tank/home@2026-02-10: held; monthly (first of 2026-02, for ever)",
//!         "tank/home@2026-03-03: daily (first of 2026-03-03, until 2026-03-17); \
//!          monthly (first of 2026-03, for ever)",
//!         "tank/home@2026-03-10: newest; daily (first of 2026-03-10, until 2026-03-24)",
//!     ]
//! );
//! let destroy: Vec<String> = plan
//!     .remove
//!     .iter()
//!     .map(|gone| format!("zfs destroy {} # {}", gone.id, gone.why))
//!     .collect();
//! assert_eq!(
//!     destroy,
//!     [
//!         "zfs destroy tank/home@2026-02-11 # 2026-02 is represented by tank/home@2026-02-10",
//!         "zfs destroy tank/home@2026-03-03-noon # \
//!          2026-03-03 is represented by tank/home@2026-03-03",
//!     ]
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where the instant stands in the name only, as with many scripts around btrfs, the name is read.
//! One that cannot be read is none of the script's own, and must not get in the way:
//!
//! ```
//! use chrono::NaiveDateTime;
//! use hardsnap::retention::{Policy, PolicyConfig, Snapshot, Zone, plan};
//!
//! let zone: Zone = "Europe/Berlin".parse()?;
//! // What `ls /mnt/pool/snapshots` prints.
//! let names = ["home.20261024T0300", "home.20261024T1500", "home.20261025T0230", "lost+found"];
//! let snapshots: Vec<Snapshot<&str>> = names
//!     .into_iter()
//!     .filter_map(|name| {
//!         let wall = NaiveDateTime::parse_from_str(name, "home.%Y%m%dT%H%M").ok()?;
//!         // The night on which summer time ends has this time twice.
//!         Some(Snapshot::new(name, zone.instant(wall)?))
//!     })
//!     .collect();
//!
//! // From the script's own flags or configuration file.
//! let mut config = PolicyConfig::default();
//! config.keep_daily = Some("7".parse()?);
//! config.keep_monthly = Some("1y".parse()?);
//! config.keep_zone = Some(zone);
//! let policy = config.apply_to(&Policy::default())?;
//! let plan = plan(&snapshots, &policy, "2026-10-25T11:30:00Z".parse()?);
//! let delete: Vec<String> = plan
//!     .remove
//!     .iter()
//!     .map(|gone| format!("btrfs subvolume delete /mnt/pool/snapshots/{}", gone.id))
//!     .collect();
//! assert_eq!(delete, ["btrfs subvolume delete /mnt/pool/snapshots/home.20261024T1500"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without Rust, `hardsnap retention preview --json` takes instants on stdin and gives the same.
//!
//! # What a script has to see to
//!
//! - Remove only what is in [`Plan::remove`]; what the plan does not name is not its business.
//! - Tell of holds and of failed or half-made snapshots ([`Snapshot::with_held`],
//!   [`Snapshot::with_status`]): the calculator cannot see them.
//! - Remove by a fresh plan, and let nobody else remove meanwhile: a plan knows nothing of what has
//!   changed since.
//! - Doubt the clock. One that runs years ahead makes a snapshot from which all ages count; a plan
//!   that removes half of everything deserves a question first.
//!
//! # The model
//!
//! A policy is a union of [`Rule`]s, each on its own: one more never removes anything. A rule
//! divides time into periods ([`Every`]) and lets one snapshot represent each ([`Pick`]): the
//! earliest complete one, or the earliest [partial](Status::Partial) one where none is complete;
//! of the same instant the one with the smallest id.
//!
//! From the newest period that holds a snapshot to the oldest, with ranks from 0, a rule keeps
//! the representative if the period is younger than the [window](Rule::within) or its rank is
//! below the [floor](Rule::at_least), and its rank is below the [ceiling](Rule::at_most).
//!
//! - "14 days" are today and the 13 days before.
//! - Days, weeks (from Monday), months and years are those of the policy's zone. Hours are real
//!   ones; in rules for hours and for single snapshots a day is 24 hours, and months are counted
//!   by the calendar of UTC, so that no change of a clock moves an expiry.
//! - Six months before 31 August is the last of February: a month without the day gives its last.
//! - Ages count from the newest live snapshot ([`Anchor::Newest`]): when backups stop, nothing
//!   expires. With [`Anchor::Now`] they count from the clock.
//! - Since the *first* of a period represents it, what is kept, and until when, is known when the
//!   snapshot is made, a later bad one cannot displace it, and pruning daily leaves the same as
//!   pruning once a year.
//!
//! Whatever the rules say, these are kept: the newest live snapshot and the newest complete one;
//! those that are held; those dated after `now`, which no rule counts; and those that are
//! [suspect](Status::Suspect) while no live one is newer. Everything else without a reason is
//! removed.
//!
//! # Writing a policy
//!
//! As a line ([`Policy`]'s `FromStr` and `Display`), as flags ([`KeepValue`] and [`Span`]), as a
//! configuration file's keys ([`PolicyConfig`]), or in code ([`Policy::new`]).
//! [`Policy::warnings`] points at rules that do nothing of use.
//!
//! | line | meaning |
//! |---|---|
//! | `daily for 2 weeks` | one a day, by age |
//! | `14 daily` | one a day, the newest 14 days that have one |
//! | `daily for 2 weeks min 14` | both: by age, and never fewer than 14 |
//! | `all monthly` | one a month, for ever |
//! | `all for 2 days` | every snapshot younger than 48 hours |
//! | `last 10` | the newest 10 snapshots |
//! | `last of monthly for 2 years` | the last one of each month |
//! | `hourly for 2 days max 30` | at most 30 |
//!
//! # Looking ahead
//!
//! [`preview`] answers what will be there on a day to come if backups go on by a [`Schedule`], whose
//! bounds a person may name by the day ([`When`]).
//! [`RuleReason::until`] says of a single snapshot when its rule lets it go.

mod bucket;
mod config;
mod decide;
mod error;
mod groups;
mod keep;
mod names;
mod order;
mod plan;
mod policy;
mod preview;
mod reach;
mod reason;
mod serial;
mod snapshot;
mod span;
mod syntax;
mod warning;
mod when;
mod words;
mod zone;

pub use bucket::Bucket;
pub use config::{KeepSetting, PolicyChange, PolicyConfig};
pub use error::{PolicyError, Trouble};
pub use keep::KeepValue;
pub use plan::{Kept, Plan, Removed, plan};
pub use policy::{Anchor, Every, Pick, Policy, Rule, Window};
pub use preview::{PreviewId, Schedule, preview};
pub use reason::{Reason, RuleReason, Until, Why};
pub use snapshot::{Snapshot, Status};
pub use span::{Span, Unit};
pub use warning::PolicyWarning;
pub use when::When;
pub use zone::Zone;
