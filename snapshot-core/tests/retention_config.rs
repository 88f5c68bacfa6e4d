//! The settings of a configuration file.

mod retention_support;

use hardsnap::retention::{
    Anchor, Every, KeepSetting, KeepValue, Pick, Policy, PolicyConfig, PolicyError, Rule, Span,
};

fn read(text: &str) -> PolicyConfig {
    toml::from_str(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

fn line(text: &str) -> String {
    let policy = read(text).apply_to(&Policy::default());
    policy
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .to_string()
}

#[test]
fn each_form_says_what_the_line_says() {
    let cases = [
        ("keep = '14 daily, all monthly'", "14 daily, all monthly"),
        ("keep-daily = 14", "14 daily"),
        ("keep-weekly = '6 months'", "weekly for 6 months"),
        ("keep-monthly = 'forever'", "all monthly"),
        ("keep-yearly = 'all'", "all yearly"),
        ("keep-hourly = '2d:min=24'", "hourly for 2 days min 24"),
        ("keep-last = 10", "last 10"),
        ("keep-within = '2d'", "all for 2 days"),
        (
            "keep-daily = { for = '2 weeks', at-least = 14, at-most = 30, pick = 'last' }",
            "last of daily for 2 weeks min 14 max 30",
        ),
        ("keep-daily = { at-least = 14 }", "14 daily"),
        (
            "keep-daily = { for = 'forever', at-most = 9 }",
            "all daily max 9",
        ),
        (
            "keep-pick = 'last'\nkeep-daily = 3\nkeep-weekly = { for = '1y', pick = 'first' }",
            "last of 3 daily, weekly for 1 year",
        ),
        (
            "keep = '3 daily, last 2'\nkeep-pick = 'last'",
            "last of 3 daily, last 2",
        ),
        (
            "keep-yearly = 1\nkeep-monthly = 2\nkeep-weekly = 3\nkeep-daily = 4\nkeep-hourly = 5\n\
             keep-within = '1 day'\nkeep-last = 6",
            "last 6, all for 1 day, 5 hourly, 4 daily, 3 weekly, 2 monthly, 1 yearly",
        ),
        ("keep-daily = 7\nkeep-weekly = 0", "7 daily"),
        ("", &Policy::default().to_string()),
    ];
    for (text, expected) in cases {
        assert_eq!(line(text), expected, "{text}");
    }
}

#[test]
fn zone_and_anchor_stay_unless_they_are_set() {
    let base = Policy::default()
        .with_zone(retention_support::zone("Asia/Kathmandu"))
        .with_anchor(Anchor::Now);
    let same = read("keep-daily = 3").apply_to(&base).expect("a policy");
    assert_eq!((same.zone(), same.anchor()), (base.zone(), base.anchor()));
    let other = read("keep-zone = 'Europe/Berlin'\nkeep-anchor = 'newest'")
        .apply_to(&base)
        .expect("a policy");
    assert_eq!(other.zone().name(), "Europe/Berlin");
    assert_eq!(other.anchor(), Anchor::Newest);
    assert_eq!(other.rules(), base.rules());
    assert!(read("").is_empty() && !read("keep-last = 1").is_empty());
}

#[test]
fn a_pick_alone_changes_the_rules_that_there_are() {
    let change = read("keep-pick = 'last'").check().expect("a change");
    for (base, expected) in [
        ("7 daily, last 2", "last of 7 daily, last 2"),
        ("last of all monthly", "last of all monthly"),
    ] {
        let base = retention_support::policy(base);
        assert_eq!(change.over(&base).to_string(), expected);
    }
}

#[test]
fn the_struct_serves_flags_as_well() {
    let mut config = PolicyConfig::default();
    config.keep_daily = Some(KeepSetting::from(KeepValue::Count(14)));
    config.keep_within = Some(Span::days(2));
    config.keep_pick = Some(Pick::Last);
    let policy = config.apply_to(&Policy::default()).expect("a policy");
    assert_eq!(
        policy.rules(),
        [
            Rule::within(Every::Snapshot, Span::days(2)),
            Rule::count(Every::Day, 14).with_pick(Pick::Last),
        ]
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    let config = read("keep = '14 daily'\nkeep-weekly = 3");
    let error = config.apply_to(&Policy::default()).expect_err("both");
    assert_eq!(
        error.to_string(),
        "`keep` and `keep-weekly` cannot be given together"
    );
    let zeros = read("keep-daily = 0\nkeep-last = 0").apply_to(&Policy::default());
    assert_eq!(zeros, Err(PolicyError::KeepsNothing));
}

#[test]
fn a_mistake_is_shown_in_its_line() {
    let cases = [
        ("keep-daily = '3m'", "`3m`: minute or month?"),
        ("keep-daily = -3", "`-3`: must not be negative"),
        (
            "keep-daily = 4294967296",
            "`4294967296`: the number is too large",
        ),
        ("keep-daily = '-3'", "`-3`: must not be negative"),
        ("keep-daily = true", "a count, an age such as"),
        (
            "keep-daily = { at-most = 3 }",
            "the table needs `for` or `at-least`",
        ),
        ("keep-daily = { for = '3 m' }", "`m`: minute or month?"),
        ("keep-daily = { fore = '3 d' }", "unknown field `fore`"),
        (
            "keep-daily = { at-least = 3, pick = 'best' }",
            "`best`: expected `first` or `last`",
        ),
        ("keep = '14 days'", "`days`: expected hourly, daily"),
        ("keep = '0 daily'", "the policy keeps nothing"),
        ("keep-within = '14'", "`14`: a unit of time is missing"),
        (
            "keep-zone = 'Mars/Olympus'",
            "`Mars/Olympus`: unknown time zone",
        ),
        ("keep-anchor = 'then'", "`then`: expected `newest` or `now`"),
        ("keep-fortnightly = 3", "unknown field `keep-fortnightly`"),
    ];
    for (text, message) in cases {
        let text = format!("# settings\n{text}\n");
        let error = toml::from_str::<PolicyConfig>(&text)
            .expect_err(&text)
            .to_string();
        assert!(error.contains(message), "{error}");
        assert!(error.contains("line 2"), "{error}");
    }
}
