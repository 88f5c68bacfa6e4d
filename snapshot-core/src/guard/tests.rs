use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::retention::{self, Policy, Snapshot, Status};

fn start() -> DateTime<Utc> {
    "2024-01-01T02:00:00Z".parse().unwrap()
}

fn made(sequence: u64, time: DateTime<Utc>) -> Made {
    Made {
        name: SnapshotName::from_time(time).unwrap(),
        sequence,
        suspect: None,
    }
}

/// Snapshots of these days after the start, numbered from 1.
fn of_days(days: impl IntoIterator<Item = i64>) -> Vec<Made> {
    (1..)
        .zip(days)
        .map(|(sequence, day)| made(sequence, start() + TimeDelta::days(day)))
        .collect()
}

fn now(snapshots: &[Made]) -> DateTime<Utc> {
    snapshots.last().unwrap().name.time()
}

/// Decides about so many removals by the policy `p`.
fn decide_by(
    snapshots: &[Made],
    newest: Newest,
    removals: usize,
    remembered: Option<&Jump>,
) -> Decision {
    let intent = Some(Intent {
        removals,
        policy: "p",
    });
    decide(snapshots, newest, now(snapshots), intent, remembered)
}

/// A store that is pruned by its policy after each backup, as the engine does.
struct Simulation {
    policy: Policy,
    snapshots: Vec<Made>,
    sequence: u64,
    jump: Option<Jump>,
}

impl Simulation {
    fn new(policy: &str) -> Simulation {
        Simulation {
            policy: policy.parse().unwrap(),
            snapshots: Vec::new(),
            sequence: 0,
            jump: None,
        }
    }

    fn plan(&self, now: DateTime<Utc>) -> Vec<SnapshotName> {
        let known: Vec<_> = self
            .snapshots
            .iter()
            .map(|made| {
                let status = match made.suspect {
                    Some(_) => Status::Suspect,
                    None => Status::Complete,
                };
                Snapshot::new(made.name, made.name.time()).with_status(status)
            })
            .collect();
        let plan = retention::plan(&known, &self.policy, now);
        plan.remove.into_iter().map(|removed| removed.id).collect()
    }

    fn judge(&self, newest: Newest, now: DateTime<Utc>, removals: usize) -> Decision {
        let line = self.policy.to_string();
        let intent = Some(Intent {
            removals,
            policy: &line,
        });
        decide(&self.snapshots, newest, now, intent, self.jump.as_ref())
    }

    fn prune(&mut self, newest: Newest, now: DateTime<Utc>) -> Option<Pause> {
        let removed = self.plan(now);
        let Decision { pause, jump } = self.judge(newest, now, removed.len());
        self.jump = jump;
        if pause.is_none() {
            self.snapshots.retain(|made| !removed.contains(&made.name));
        }
        pause
    }

    fn backup(&mut self, time: DateTime<Utc>) -> Option<Pause> {
        self.backup_unpruned(time);
        self.prune(Newest::JustMade, time)
    }

    fn backup_unpruned(&mut self, time: DateTime<Utc>) {
        self.sequence += 1;
        self.snapshots.push(made(self.sequence, time));
        self.jump = decide(
            &self.snapshots,
            Newest::JustMade,
            time,
            None,
            self.jump.as_ref(),
        )
        .jump;
    }
}

const DEFAULT: &str =
    "all for 1 day, daily for 2 weeks min 14, weekly for 6 months min 26, all monthly";

#[test]
fn nothing_pauses_an_empty_store_or_its_first_snapshots() {
    let nothing = Decision {
        pause: None,
        jump: None,
    };
    let intent = Some(Intent {
        removals: 0,
        policy: "p",
    });
    assert_eq!(decide(&[], Newest::Old, start(), intent, None), nothing);
    for count in 1..10 {
        let snapshots = of_days(0..count);
        assert_eq!(decide_by(&snapshots, Newest::JustMade, 0, None), nothing);
    }
}

#[test]
fn a_suspect_newest_snapshot_pauses_until_a_newer_one_is_right() {
    let mut snapshots = of_days(0..3);
    snapshots[1].suspect = Some(Vec::new());
    assert_eq!(decide_by(&snapshots, Newest::Old, 1, None).pause, None);
    snapshots[2].suspect = Some(Vec::new());
    for newest in [Newest::Old, Newest::JustMade] {
        let paused = decide_by(&snapshots, newest, 1, None).pause;
        assert!(
            matches!(paused, Some(Pause::Suspect { snapshot, .. }) if snapshot == snapshots[2].name)
        );
    }
    // Even where nothing is to be removed, somebody has to hear of it.
    let paused = decide(&snapshots, Newest::JustMade, now(&snapshots), None, None).pause;
    assert!(matches!(paused, Some(Pause::Suspect { .. })));
}

#[test]
fn a_clock_behind_the_snapshot_before_pauses_once() {
    let behind = |days: &[i64], newest, now_day: i64| {
        let snapshots = of_days(days.iter().copied());
        let now = start() + TimeDelta::days(now_day);
        let intent = Some(Intent {
            removals: 1,
            policy: "p",
        });
        decide(&snapshots, newest, now, intent, None)
            .pause
            .is_some()
    };
    for (days, newest, now_day, paused) in [
        (&[0, 1, 2][..], Newest::JustMade, 2, false),
        (&[0, 1, 2], Newest::Old, 2, false),
        (&[0, 1, 2], Newest::Old, 1, true),
        (&[0, 2, 1], Newest::JustMade, 1, true),
        (&[0, 1, 1], Newest::JustMade, 1, false),
        // The one from the future is no longer the one before.
        (&[0, 900, 1, 2], Newest::JustMade, 2, false),
        (&[0, 900, 1], Newest::Old, 2, false),
        (&[0, 900], Newest::Old, 2, true),
        (&[5], Newest::JustMade, 5, false),
        (&[5], Newest::Old, 4, true),
    ] {
        assert_eq!(behind(days, newest, now_day), paused, "{days:?} {now_day}");
    }
}

#[test]
fn a_gap_is_far_by_the_rhythm_that_came_before() {
    for (days, far) in [
        (&[0, 1, 2, 3][..], false),
        (&[0, 1, 2, 3, 13], false),
        (&[0, 1, 2, 3, 14], true),
        (&[0, 7, 14, 21, 91], false),
        (&[0, 7, 14, 21, 92], true),
        // One gap in between is not the rhythm; nor is a clock set back.
        (&[0, 1, 2, 300, 301, 302, 320], true),
        (&[0, 1, 2, 900, 3, 4, 5, 30], true),
        // There is no rhythm in one snapshot.
        (&[0, 900], false),
        (&[0], false),
    ] {
        let snapshots = of_days(days.iter().copied());
        let jump = decide_by(&snapshots, Newest::JustMade, 0, None);
        assert_eq!(jump.jump, None, "harmless plans are forgotten");
        let intent = None;
        let jump = decide(&snapshots, Newest::JustMade, now(&snapshots), intent, None).jump;
        assert_eq!(jump.is_some(), far, "{days:?}");
    }
    // Runs every five minutes over a weekend.
    let every = |minutes: &[i64]| -> Vec<Made> {
        (1..)
            .zip(minutes)
            .map(|(sequence, it)| made(sequence, start() + TimeDelta::minutes(*it)))
            .collect()
    };
    let weekend = every(&[0, 5, 10, 15, 15 + 3 * 24 * 60]);
    assert_eq!(
        decide(&weekend, Newest::JustMade, now(&weekend), None, None).jump,
        None
    );
    // Monthly ones that are left of daily runs do not make a monthly rhythm.
    let thinned: Vec<Made> = [(1, 0), (31, 30), (61, 60), (62, 160)]
        .map(|(sequence, day)| made(sequence, start() + TimeDelta::days(day)))
        .into();
    assert!(
        decide(&thinned, Newest::JustMade, now(&thinned), None, None)
            .jump
            .is_some()
    );
    // What was deleted in between by hand is no gap.
    let deleted: Vec<Made> = [(1, 0), (2, 1), (3, 2), (33, 32)]
        .map(|(sequence, day)| made(sequence, start() + TimeDelta::days(day)))
        .into();
    assert_eq!(
        decide(&deleted, Newest::JustMade, now(&deleted), None, None).jump,
        None
    );
}

#[test]
fn more_than_half_and_more_than_five_is_a_mass() {
    for (count, removals, paused) in [
        (8, 5, false),
        (8, 6, true),
        (12, 6, false),
        (12, 7, true),
        (13, 6, false),
        (13, 7, true),
        (7, 6, true),
    ] {
        let far = of_days((0..count - 1).chain([count + 100]));
        let near = of_days(0..count);
        let is_mass = |snapshots: &[Made]| {
            let pause = decide_by(snapshots, Newest::JustMade, removals, None).pause;
            matches!(pause, Some(Pause::MassRemoval { .. }))
        };
        assert_eq!(is_mass(&far), paused, "{removals} of {count}");
        assert!(!is_mass(&near), "{removals} of {count}, without a gap");
    }
}

#[test]
fn a_mass_removal_is_remembered_until_the_same_policy_is_harmless() {
    let far = of_days((0..20).chain([200]));
    let first = decide_by(&far, Newest::JustMade, 15, None);
    assert!(first.pause.is_some());
    let later = of_days((0..20).chain([200, 201, 202]));
    let jump = first.jump.as_ref();
    let again = decide_by(&later, Newest::JustMade, 15, jump);
    assert!(
        again.pause.is_some(),
        "though the newest is near its predecessor"
    );
    assert!(
        decide_by(&later, Newest::JustMade, 15, None)
            .pause
            .is_none()
    );
    // Another policy that is harmless proves nothing.
    let other = Some(Intent {
        removals: 0,
        policy: "other",
    });
    let elsewhere = decide(&later, Newest::Old, now(&later), other, jump);
    assert_eq!((elsewhere.pause, elsewhere.jump.as_ref()), (None, jump));
    let harmless = decide_by(&later, Newest::Old, 3, jump);
    assert_eq!((harmless.pause, harmless.jump), (None, None));
    // Not even while the newest is still the one that lies far.
    let at_once = decide(&far, Newest::Old, now(&far), other, jump);
    assert_eq!((at_once.pause, at_once.jump.as_ref()), (None, jump));
    // Nor does a plan that leaves a suspect one out of account.
    let mut suspect = later.clone();
    suspect[22].suspect = Some(Vec::new());
    let decision = decide_by(&suspect, Newest::JustMade, 0, jump);
    assert!(matches!(decision.pause, Some(Pause::Suspect { .. })));
    assert_eq!(decision.jump.as_ref(), jump);
    // The clock pauses first, and nothing is forgotten meanwhile.
    let intent = Some(Intent {
        removals: 15,
        policy: "p",
    });
    let behind = decide(&later, Newest::Old, start(), intent, jump);
    assert!(matches!(behind.pause, Some(Pause::ClockBehind { .. })));
    assert_eq!(behind.jump.as_ref(), jump);
}

#[test]
fn three_years_of_daily_backups_with_gaps_never_pause() {
    // Evenings off, long weekends, holidays, an illness.
    let gap = |day: u64| match day {
        _ if day % 301 == 300 => 45,
        _ if day % 97 == 96 => 21,
        _ if day % 31 == 30 => 9,
        _ if day % 13 == 12 => 3,
        _ => 1,
    };
    for policy in [
        DEFAULT,
        "14 daily, 26 weekly, all monthly",
        "last 10",
        "30 daily",
        "daily for 2 weeks min 14",
        "all for 2 days, 7 daily, 4 weekly, 12 monthly",
    ] {
        let mut simulation = Simulation::new(policy);
        let (mut time, mut run) = (start(), 0);
        while time < start() + TimeDelta::days(3 * 366) {
            assert_eq!(simulation.backup(time), None, "{policy}, run {run}");
            // A second one by hand now and then, and a few minutes' delay.
            if run % 10 == 5 {
                let later = time + TimeDelta::hours(5);
                assert_eq!(simulation.backup(later), None, "{policy}, run {run}");
            }
            time += TimeDelta::try_days(gap(run)).unwrap()
                + TimeDelta::minutes(7 - 14 * (run as i64 % 2));
            run += 1;
        }
        assert!(run > 400 && simulation.snapshots.len() >= 10, "{policy}");
    }
}

#[test]
fn hourly_backups_of_a_machine_that_is_off_at_night_never_pause() {
    let mut simulation =
        Simulation::new("all for 2 days, daily for 2 weeks, weekly for 6 months, all monthly");
    for week in 0..60 {
        for day in 0..5 {
            for hour in 0..9 {
                let time = start()
                    + TimeDelta::weeks(week)
                    + TimeDelta::days(day)
                    + TimeDelta::hours(7 + hour);
                assert_eq!(simulation.backup(time), None, "week {week}, day {day}");
            }
        }
    }
}

#[test]
fn a_clock_set_years_ahead_and_back_costs_nothing() {
    // A policy by ages alone: the worst case.
    let mut simulation = Simulation::new("daily for 30 days");
    for day in 0..60 {
        assert_eq!(simulation.backup(start() + TimeDelta::days(day)), None);
    }
    let before: Vec<SnapshotName> = simulation.snapshots.iter().map(|made| made.name).collect();
    let ahead = start() + TimeDelta::days(4000);
    for day in 0..3 {
        let paused = simulation.backup(ahead + TimeDelta::days(day));
        assert!(
            matches!(paused, Some(Pause::MassRemoval { .. })),
            "{paused:?}"
        );
    }
    // Back again: paused once more, then as if nothing had been.
    let paused = simulation.backup(start() + TimeDelta::days(61));
    assert!(
        matches!(paused, Some(Pause::ClockBehind { .. })),
        "{paused:?}"
    );
    for day in 62..65 {
        assert_eq!(simulation.backup(start() + TimeDelta::days(day)), None);
    }
    let after: Vec<SnapshotName> = simulation.snapshots.iter().map(|made| made.name).collect();
    let oldest_kept = start() + TimeDelta::days(64 - 29);
    for name in before.iter().filter(|name| name.time() >= oldest_kept) {
        assert!(after.contains(name), "{name}");
    }
    assert_eq!(simulation.jump, None);
}

#[test]
fn after_300_days_of_silence_the_floors_decide() {
    // A store that was pruned daily has not much that could go.
    let mut pruned = Simulation::new(DEFAULT);
    for day in 0..365 {
        assert_eq!(pruned.backup(start() + TimeDelta::days(day)), None);
    }
    assert_eq!(pruned.backup(start() + TimeDelta::days(664)), None);
    let left = pruned.snapshots.len();
    assert_eq!(left, 49);
    // One that never was would lose 317 of 366: that is not done unasked.
    let mut whole = Simulation::new(DEFAULT);
    for day in 0..365 {
        whole.backup_unpruned(start() + TimeDelta::days(day));
    }
    let paused = whole.backup(start() + TimeDelta::days(664));
    let expected = Pause::MassRemoval {
        removals: 366 - left,
        snapshots: 366,
        sequence: 366,
    };
    assert_eq!(paused, Some(expected));
    assert!(whole.backup(start() + TimeDelta::days(665)).is_some());
    // By ages alone, and pruned daily: all but the new one would go.
    let mut ages = Simulation::new("daily for 2 weeks");
    for day in 0..365 {
        ages.backup(start() + TimeDelta::days(day));
    }
    let paused = ages.backup(start() + TimeDelta::days(664));
    assert!(
        matches!(paused, Some(Pause::MassRemoval { .. })),
        "{paused:?}"
    );
    // New ones come until what would go is half of all, and no more.
    let harmless = Cell::new(None);
    for day in 665..690 {
        if ages.backup(start() + TimeDelta::days(day)).is_none() && harmless.get().is_none() {
            harmless.set(Some(day));
        }
    }
    assert_eq!(harmless.get(), Some(677));
    assert_eq!(ages.snapshots.len(), 14);
}

#[test]
fn a_pause_says_what_and_why() {
    let snapshot = made(3, start()).name;
    let texts = [
        Pause::Suspect {
            snapshot,
            suspicions: vec![
                Suspicion::Unmounted {
                    source: "/a".into(),
                },
                Suspicion::Unmounted {
                    source: "/b".into(),
                },
            ],
        },
        Pause::ClockBehind {
            now: start() - TimeDelta::days(1),
            previous: snapshot,
        },
        Pause::MassRemoval {
            removals: 6,
            snapshots: 7,
            sequence: 3,
        },
    ];
    assert_eq!(
        texts.map(|pause| pause.to_string()),
        [
            "the newest snapshot, 2024-01-01T02-00-00Z, is suspect: /a is no mount point any more; /b is no mount point any more",
            "the clock says 2023-12-31T02:00:00Z and is behind the snapshot made before, 2024-01-01T02-00-00Z",
            "6 of 7 snapshots would go at once, after a jump of the clock or a long gap",
        ]
    );
}

fn any_history() -> impl Strategy<Value = Vec<Made>> {
    proptest::collection::vec((1..40_u64, -50..400_i64), 0..40).prop_map(|steps| {
        let (mut sequence, mut day) = (0, 2000);
        let step = |(more, days): (u64, i64)| {
            sequence += more;
            day += days;
            made(sequence, start() + TimeDelta::days(day))
        };
        steps.into_iter().map(step).collect()
    })
}

fn any_jump() -> impl Strategy<Value = Option<Jump>> {
    proptest::option::of(
        (0..99_u64, proptest::option::of("[pq]"))
            .prop_map(|(sequence, policy)| Jump { sequence, policy }),
    )
}

proptest! {
    #[test]
    fn few_removals_are_never_paused_for_their_number(
        snapshots in any_history(),
        removals in 0..=FEW,
        remembered in any_jump(),
    ) {
        prop_assume!(!snapshots.is_empty());
        let pause = decide_by(&snapshots, Newest::Old, removals, remembered.as_ref()).pause;
        prop_assert_eq!(pause, None);
    }

    #[test]
    fn what_is_paused_stays_paused_until_the_plan_is_harmless(
        snapshots in any_history(),
        removals in 0..60_usize,
        remembered in any_jump(),
    ) {
        prop_assume!(!snapshots.is_empty());
        let first = decide_by(&snapshots, Newest::Old, removals, remembered.as_ref());
        let again = decide_by(&snapshots, Newest::Old, removals, first.jump.as_ref());
        prop_assert_eq!(&first.pause, &again.pause);
        if let Some(Pause::MassRemoval { .. }) = first.pause {
            prop_assert!(removals > FEW && removals * 2 > snapshots.len());
            prop_assert!(first.jump.is_some());
        }
    }

    #[test]
    fn memory_only_ever_adds_a_pause(
        snapshots in any_history(),
        removals in 0..60_usize,
        remembered in any_jump(),
    ) {
        prop_assume!(!snapshots.is_empty());
        let without = decide_by(&snapshots, Newest::JustMade, removals, None).pause;
        let with = decide_by(&snapshots, Newest::JustMade, removals, remembered.as_ref()).pause;
        prop_assert!(without.is_none() || with.is_some());
    }
}
