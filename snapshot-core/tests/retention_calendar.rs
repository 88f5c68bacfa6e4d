//! The calendar's odd days, one by one.

mod retention_support;

use chrono::TimeDelta;
use chrono_tz::TZ_VARIANTS;
use hardsnap::retention::{
    Anchor, Every, Pick, Policy, Reason, Rule, Schedule, Snapshot, Span, Status, Until, plan,
    preview,
};
use retention_support::{at, every, explained, kept, newest, policy, snapshots, zone};

/// The periods that the only rule names, oldest snapshot first.
fn buckets(snapshots: &[Snapshot<usize>], policy: &Policy) -> Vec<String> {
    let plan = plan(snapshots, policy, newest(snapshots));
    let reasons = plan.keep.into_iter().flat_map(|one| one.reasons);
    let rules = reasons.filter_map(|reason| match reason {
        Reason::Rule(own) => Some(own.bucket.to_string()),
        _ => None,
    });
    rules.collect()
}

#[test]
fn the_repeated_hour_in_new_york_is_two_hours() {
    let half_hours = every(TimeDelta::minutes(30), at("2026-11-01T04:00:00Z"), 7);
    let policy = policy("all hourly").with_zone(zone("America/New_York"));
    assert_eq!(
        buckets(&half_hours, &policy),
        [
            "2026-11-01T00:00-04:00",
            "2026-11-01T01:00-04:00",
            "2026-11-01T01:00-05:00",
            "2026-11-01T02:00-05:00",
        ]
    );
    assert_eq!(
        kept(&plan(&half_hours, &policy, newest(&half_hours))),
        [0, 2, 4, 6]
    );
}

#[test]
fn the_lost_hour_in_new_york_is_no_hour() {
    let half_hours = every(TimeDelta::minutes(30), at("2026-03-08T06:00:00Z"), 4);
    let policy = policy("all hourly").with_zone(zone("America/New_York"));
    assert_eq!(
        buckets(&half_hours, &policy),
        ["2026-03-08T01:00-05:00", "2026-03-08T03:00-04:00"]
    );
}

#[test]
fn a_day_that_comes_back_in_st_johns_is_one_day() {
    // On 2010-11-07 at 00:01 the clock went back to 23:01 of the day before.
    let st_johns = zone("America/St_Johns");
    let snapshots = snapshots(&[
        "2010-11-07T02:29:00Z", // 23:59 on the 6th
        "2010-11-07T02:30:30Z", // 00:00:30 on the 7th
        "2010-11-07T02:35:00Z", // 23:05 on the 6th, again
        "2010-11-07T03:35:00Z", // 00:05 on the 7th, again
    ]);
    let first = policy("all daily").with_zone(st_johns);
    assert_eq!(buckets(&snapshots, &first), ["2010-11-06", "2010-11-07"]);
    assert_eq!(
        kept(&plan(&snapshots, &first, newest(&snapshots))),
        [0, 1, 3]
    );

    let last = policy("last of all daily").with_zone(st_johns);
    assert_eq!(kept(&plan(&snapshots, &last, newest(&snapshots))), [2, 3]);

    let count = policy("1 daily").with_zone(st_johns);
    assert_eq!(kept(&plan(&snapshots, &count, newest(&snapshots))), [1, 3]);
}

#[test]
fn apia_had_no_30_december_2011() {
    let apia = zone("Pacific/Apia");
    let from = at("2011-12-27T12:00:00-10:00");
    let to = at("2012-01-02T23:00:00+14:00");
    let daily = Schedule::new(Span::days(1), from, to).instants(apia);
    let snapshots: Vec<Snapshot<usize>> = daily
        .enumerate()
        .map(|(id, time)| Snapshot::new(id, time))
        .collect();
    let all = policy("all daily").with_zone(apia);
    let dates = buckets(&snapshots, &all);
    assert!(!dates.contains(&"2011-12-30".to_owned()), "{dates:?}");
    assert_eq!(dates.first().map(String::as_str), Some("2011-12-27"));
    assert_eq!(dates.last().map(String::as_str), Some("2012-01-02"));
    assert_eq!(dates.len(), 6);

    // Ages go by dates, so that the missing one counts; floors go by days that were there.
    let newest = newest(&snapshots);
    let by_age = policy("daily for 4 days").with_zone(apia);
    let by_age = plan(&snapshots, &by_age, newest);
    assert_eq!(by_age.keep.len(), 3);
    let skipped = policy("daily for 3 days").with_zone(apia);
    let until = plan(&snapshots[..1], &skipped, newest).keep[0].reasons[1];
    assert_eq!(
        until.to_string(),
        "daily (first of 2011-12-27, until 2011-12-31)"
    );
}

#[test]
fn half_an_hour_in_lord_howe_moves_no_hour() {
    // The clock goes back by half an hour at 02:00 on 2026-04-05, which is 15:00 in UTC.
    let lord_howe = zone("Australia/Lord_Howe");
    let quarters = every(TimeDelta::minutes(15), at("2026-04-04T14:00:00Z"), 12);
    let hourly = policy("all hourly").with_zone(lord_howe);
    assert_eq!(
        kept(&plan(&quarters, &hourly, newest(&quarters))),
        [0, 4, 8, 11]
    );
    assert_eq!(
        buckets(&quarters, &hourly),
        [
            "2026-04-05T01:00+11:00",
            "2026-04-05T01:30+10:30",
            "2026-04-05T02:30+10:30",
        ]
    );
    let daily = policy("all daily").with_zone(lord_howe);
    assert_eq!(buckets(&quarters, &daily), ["2026-04-05"]);
}

#[test]
fn weeks_belong_to_the_year_of_their_thursday() {
    let weekly = policy("all weekly");
    let around_2025 = snapshots(&[
        "2024-12-29T12:00:00Z",
        "2024-12-30T12:00:00Z",
        "2025-01-05T12:00:00Z",
        "2025-01-06T12:00:00Z",
    ]);
    assert_eq!(
        buckets(&around_2025, &weekly),
        ["2024-W52", "2025-W01", "2025-W02"]
    );
    let around_2027 = snapshots(&[
        "2026-12-27T12:00:00Z",
        "2026-12-28T12:00:00Z",
        "2027-01-03T12:00:00Z",
        "2027-01-04T12:00:00Z",
    ]);
    assert_eq!(
        buckets(&around_2027, &weekly),
        ["2026-W52", "2026-W53", "2027-W01"]
    );
}

#[test]
fn the_29th_of_february_is_a_day() {
    let days = every(TimeDelta::days(1), at("2024-02-27T03:00:00Z"), 4);
    let all = policy("all daily");
    let dates = ["2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01"];
    assert_eq!(buckets(&days, &all), dates);
    // A year after the 29th is the 1st of March: the 28th would be too early by a day.
    let year = plan(&days[..3], &policy("daily for 1 year"), newest(&days));
    let texts = explained(&year);
    assert_eq!(
        texts,
        [
            "daily (first of 2024-02-27, until 2025-02-27)",
            "daily (first of 2024-02-28, until 2025-02-28)",
            "newest; daily (first of 2024-02-29, until 2025-03-01)",
        ]
    );
}

#[test]
fn six_months_before_31_august_is_the_last_of_february() {
    let snapshots = snapshots(&[
        "2026-02-27T12:00:00Z",
        "2026-02-28T12:00:00Z",
        "2026-03-01T00:00:00Z",
        "2026-08-31T12:00:00Z",
    ]);
    for line in [
        "daily for 6 months",
        "all for 6 months",
        "hourly for 6 months",
    ] {
        let plan = plan(&snapshots, &policy(line), newest(&snapshots));
        assert_eq!(kept(&plan), [2, 3], "{line}");
    }
}

#[test]
fn what_has_expired_stays_so_when_the_month_before_lacks_the_day() {
    // Told when it was made: until 28 March, 18:00. On the 29th, 30th and 31st, a month before is
    // the 28th of February again.
    let one = Snapshot::new(0, at("2026-02-28T18:00:00Z"));
    let policy = policy("all for 1 month");
    let told = plan(std::slice::from_ref(&one), &policy, one.time);
    assert_eq!(
        explained(&told),
        ["newest; all (until 2026-03-28T18:00:00Z)"]
    );
    for (newest, stays) in [
        ("2026-03-28T17:59:59Z", true),
        ("2026-03-28T18:00:00Z", false),
        ("2026-03-29T10:00:00Z", false),
        ("2026-03-31T17:00:00Z", false),
        ("2026-04-01T00:00:00Z", false),
    ] {
        let both = [one.clone(), Snapshot::new(1, at(newest))];
        assert_eq!(
            plan(&both, &policy, both[1].time).keep.len() == 2,
            stays,
            "{newest}"
        );
    }
}

#[test]
fn a_span_of_days_ends_at_midnight_in_the_zone() {
    let kathmandu = zone("Asia/Kathmandu");
    let one = snapshots(&["2026-03-02T18:14:59Z", "2026-03-02T18:15:00Z"]);
    let plan = plan(
        &one,
        &policy("daily for 14 days").with_zone(kathmandu),
        newest(&one),
    );
    let untils: Vec<Until> = plan
        .keep
        .iter()
        .flat_map(|kept| &kept.reasons)
        .filter_map(|reason| match reason {
            Reason::Rule(own) => Some(own.until),
            _ => None,
        })
        .collect();
    let time = |text: &str| {
        let time = chrono::DateTime::parse_from_rfc3339(text).expect("an instant");
        Until::Time(time)
    };
    assert_eq!(
        untils,
        [
            time("2026-03-16T00:00:00+05:45"),
            time("2026-03-17T00:00:00+05:45")
        ]
    );
}

#[test]
fn all_for_a_day_is_younger_than_24_hours() {
    let snapshots = snapshots(&[
        "2026-03-28T11:59:59Z",
        "2026-03-28T12:00:00Z",
        "2026-03-28T12:00:01Z",
        "2026-03-29T12:00:00Z",
    ]);
    // Also where a clock was put forward in between.
    let policy = policy("all for 1 day").with_zone(zone("Europe/Berlin"));
    assert_eq!(kept(&plan(&snapshots, &policy, newest(&snapshots))), [2, 3]);
}

#[test]
fn of_the_same_second_the_smallest_id_is_taken() {
    let time = at("2026-03-03T02:00:00Z");
    for ids in [[3, 1, 2], [1, 2, 3], [2, 3, 1]] {
        let mut snapshots: Vec<Snapshot<usize>> =
            ids.iter().map(|id| Snapshot::new(*id, time)).collect();
        let all = [Pick::First, Pick::Last].map(|pick| Rule::forever(Every::Day).with_pick(pick));
        for rule in all {
            let policy = Policy::new([rule]).expect("a policy");
            assert_eq!(kept(&plan(&snapshots, &policy, time)), [1], "{rule}");
        }
        assert_eq!(kept(&plan(&snapshots, &policy("last 2"), time)), [1, 2]);

        // A complete one goes before a partial one of a smaller id.
        for one in &mut snapshots {
            if one.id == 1 {
                one.status = Status::Partial;
            }
        }
        let plan = plan(&snapshots, &policy("all daily"), time);
        let texts = explained(&plan);
        assert_eq!(
            texts,
            ["newest", "newest; daily (first of 2026-03-03, for ever)"]
        );
        assert_eq!(kept(&plan), [1, 2]);
    }
}

#[test]
fn nothing_gives_an_empty_plan() {
    let plan = plan::<usize>(&[], &Policy::default(), at("2026-03-03T02:00:00Z"));
    assert!(plan.keep.is_empty() && plan.remove.is_empty());
}

#[test]
fn the_ends_of_the_calendar_are_in_it() {
    let snapshots = [
        Snapshot::new(0, chrono::DateTime::<chrono::Utc>::MIN_UTC),
        Snapshot::new(1, chrono::DateTime::<chrono::Utc>::MAX_UTC),
    ];
    let line = "all for 4000000000 years, hourly for 9 months, daily for 4000000000 weeks, \
                weekly for 300000 years, monthly for 4000000000 hours, 2 yearly";
    for name in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        let policy = policy(line).with_zone(zone(name));
        let plan = plan(&snapshots, &policy, snapshots[1].time);
        assert_eq!(kept(&plan), [0, 1]);
        assert!(plan.keep.iter().all(|one| !one.explain().is_empty()));
    }
}

#[test]
fn three_years_of_daily_use_leave_73_snapshots_in_any_zone() {
    let policy = policy("daily for 2 weeks, weekly for 6 months, all monthly");
    for zone in TZ_VARIANTS.map(|tz| zone(tz.name())) {
        let policy = policy.clone().with_zone(zone);
        let (from, to) = ("2022-10-02T12:30:00Z", "2025-10-02T12:30:00Z");
        let daily = Schedule::new(Span::days(1), at(from), at(to)).instants(zone);
        let plan = preview::<usize>(&[], daily, &policy, at(to));
        let by = |every| {
            let reasons = plan.keep.iter().flat_map(|one| &one.reasons);
            let own =
                |reason: &&Reason| matches!(reason, Reason::Rule(own) if own.rule.every == every);
            reasons.filter(own).count()
        };
        let counts = [Every::Day, Every::Week, Every::Month].map(by);
        assert_eq!((counts, plan.keep.len()), ([14, 26, 37], 73), "{zone}");
    }
}

#[test]
fn a_pause_does_not_empty_the_history() {
    let mut days = every(TimeDelta::days(1), at("2025-01-01T02:00:00Z"), 365);
    let after = newest(&days) + TimeDelta::days(300);
    days.push(Snapshot::new(365, after));
    let ages = policy("daily for 2 weeks, weekly for 6 months, all monthly");
    assert_eq!(plan(&days, &ages, after).keep.len(), 13);
    assert_eq!(plan(&days, &Policy::default(), after).keep.len(), 47);
}

#[test]
fn idle_days_eat_the_history_only_when_ages_count_from_now() {
    let days = every(TimeDelta::days(1), at("2024-03-01T02:00:00Z"), 400);
    let policy = policy("daily for 2 weeks, weekly for 6 months, all monthly");
    let later = newest(&days) + TimeDelta::days(100);
    let today = plan(&days, &policy, newest(&days)).keep.len();
    assert_eq!(plan(&days, &policy, later).keep.len(), today);
    let by_now = policy.with_anchor(Anchor::Now);
    assert!(plan(&days, &by_now, later).keep.len() < today - 20);
}
