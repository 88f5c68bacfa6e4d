//! What will be there on a day to come.

mod retention_support;

use chrono::TimeDelta;
use hardsnap::retention::{
    Policy, PreviewId, Schedule, Snapshot, Span, Status, When, plan, preview,
};
use retention_support::{at, every, newest, policy, zone};

#[test]
fn a_preview_is_what_daily_pruning_leaves() {
    let policy = Policy::default().with_zone(zone("Europe/Berlin"));
    let existing = every(TimeDelta::days(1), at("2026-01-01T02:00:00Z"), 40);
    let end = at("2027-12-24T12:00:00Z");
    let from = newest(&existing) + TimeDelta::days(1);
    let schedule = Schedule::new(Span::days(1), from, end);

    let mut stepped = existing.clone();
    for time in schedule.instants(policy.zone()) {
        stepped.push(Snapshot::new(stepped.len() + 1_000_000, time));
        let left: Vec<_> = plan(&stepped, &policy, time)
            .keep
            .into_iter()
            .map(|one| one.time)
            .collect();
        stepped.retain(|one| left.contains(&one.time));
    }
    let stepped: Vec<_> = stepped.iter().map(|one| one.time).collect();

    let previewed = preview(&existing, schedule.instants(policy.zone()), &policy, end);
    let previewed: Vec<_> = previewed.keep.iter().map(|one| one.time).collect();
    assert_eq!(previewed, stepped);
    assert!(previewed.len() > 50);
}

#[test]
fn what_exists_keeps_its_id_its_status_and_its_hold() {
    let existing = [
        Snapshot::new("a", at("2026-03-01T01:00:00Z")).with_held(true),
        Snapshot::new("b", at("2026-03-02T01:00:00Z")).with_status(Status::Suspect),
        Snapshot::new("c", at("2026-03-03T01:00:00Z")),
    ];
    let imagined = [at("2026-03-04T01:00:00Z"), at("2026-03-09T01:00:00Z")];
    let plan = preview(
        &existing,
        imagined,
        &policy("last 1"),
        at("2026-03-05T00:00:00Z"),
    );
    let kept: Vec<String> = plan.keep.iter().map(|one| one.id.to_string()).collect();
    assert_eq!(kept, ["a", "2026-03-04T01:00:00Z"]);
    let gone: Vec<_> = plan.remove.iter().map(|one| one.id.clone()).collect();
    assert_eq!(gone, [PreviewId::Existing("b"), PreviewId::Existing("c")]);
    assert_eq!(
        serde_json::to_value(&plan.keep[1].id).expect("JSON"),
        "2026-03-04T01:00:00Z"
    );
}

fn times(schedule: Schedule, name: &str) -> Vec<String> {
    let zone = zone(name);
    let instants = schedule.instants(zone);
    instants
        .map(|time| zone.wall_time(time).to_rfc3339())
        .collect()
}

#[test]
fn a_daily_schedule_keeps_the_time_of_day() {
    let schedule = Schedule::new(
        Span::days(1),
        at("2026-10-24T02:30:00+02:00"),
        at("2026-10-26T02:30:00+01:00"),
    );
    assert_eq!(
        times(schedule, "Europe/Berlin"),
        [
            "2026-10-24T02:30:00+02:00",
            "2026-10-25T02:30:00+02:00",
            "2026-10-26T02:30:00+01:00",
        ]
    );
}

#[test]
fn an_hourly_schedule_goes_by_real_hours() {
    let schedule = Schedule::new(
        Span::hours(1),
        at("2026-10-25T02:30:00+02:00"),
        at("2026-10-25T03:30:00+01:00"),
    );
    assert_eq!(
        times(schedule, "Europe/Berlin"),
        [
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:30:00+01:00",
            "2026-10-25T03:30:00+01:00",
        ]
    );
}

#[test]
fn a_monthly_schedule_does_not_forget_the_31st() {
    let schedule = Schedule::new(
        Span::months(1),
        at("2026-01-31T12:00:00Z"),
        at("2026-05-30T12:00:00Z"),
    );
    assert_eq!(
        times(schedule, "UTC"),
        [
            "2026-01-31T12:00:00+00:00",
            "2026-02-28T12:00:00+00:00",
            "2026-03-31T12:00:00+00:00",
            "2026-04-30T12:00:00+00:00",
        ]
    );
}

#[test]
fn a_schedule_ends() {
    let (early, late) = (at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z"));
    assert_eq!(
        Schedule::new(Span::days(0), early, late)
            .instants(zone("UTC"))
            .count(),
        1
    );
    assert_eq!(
        Schedule::new(Span::days(1), late, early)
            .instants(zone("UTC"))
            .count(),
        0
    );
    assert_eq!(
        Schedule::new(Span::years(u32::MAX), early, late)
            .instants(zone("UTC"))
            .count(),
        1
    );
    let far = chrono::DateTime::<chrono::Utc>::MAX_UTC;
    assert_eq!(
        Schedule::new(Span::years(100_000), early, far)
            .instants(zone("UTC"))
            .count(),
        3
    );
}

#[test]
fn a_day_lasts_from_its_first_instant_to_its_last() {
    let bounds = |text: &str, name: &str| {
        let (when, zone) = (text.parse::<When>().expect(text), zone(name));
        [when.start(zone), when.end(zone)].map(|time| zone.wall_time(time).to_rfc3339())
    };
    // The clock is put forward in the middle of the day, and at its very beginning.
    assert_eq!(
        bounds("2026-03-29", "Europe/Berlin"),
        [
            "2026-03-29T00:00:00+01:00",
            "2026-03-29T23:59:59.999999999+02:00"
        ]
    );
    assert_eq!(
        bounds("2018-11-04", "America/Sao_Paulo"),
        [
            "2018-11-04T01:00:00-02:00",
            "2018-11-04T23:59:59.999999999-02:00"
        ]
    );
    // A day that never was ends before it begins.
    let never: When = "2011-12-30".parse().expect("a day");
    let apia = zone("Pacific/Apia");
    assert!(never.end(apia) < never.start(apia));

    assert_eq!(
        bounds("2026-03-29T12:00:00+02:00", "UTC"),
        ["2026-03-29T10:00:00+00:00"; 2]
    );
}

#[test]
fn what_is_neither_a_day_nor_an_instant_is_refused() {
    for text in [
        "",
        "today",
        "2026-3-29",
        "2026-02-30",
        "+12026-03-29",
        "-026-03-29",
        "2026-03-29T12:00:00",
        "2026-03-29 12:00",
    ] {
        let error = text.parse::<When>().expect_err(text).to_string();
        assert!(
            error.contains("expected a day such as `2026-11-22`"),
            "{error}"
        );
    }
}
