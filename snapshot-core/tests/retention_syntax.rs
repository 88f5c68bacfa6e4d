//! The one-line policy, values and spans: read, written, refused.

mod retention_support;

use hardsnap::retention::{
    Anchor, Every, KeepValue, Pick, Policy, PolicyError, Rule, Span, Trouble, Zone,
};
use proptest::prelude::*;
use retention_support::{cases, period, rules, span};

#[test]
fn the_default_policy_is_its_documented_line() {
    let line = "all for 1 day, daily for 2 weeks min 14, weekly for 6 months min 26, all monthly";
    assert_eq!(Policy::default().to_string(), line);
    assert_eq!(line.parse(), Ok(Policy::default()));
    assert_eq!(Policy::default().zone().name(), "UTC");
    assert_eq!(Policy::default().anchor(), Anchor::Newest);
}

#[test]
fn lines_are_read_as_they_are_meant() {
    let day = Every::Day;
    let cases: &[(&str, &[Rule], &str)] = &[
        ("14 daily", &[Rule::count(day, 14)], "14 daily"),
        ("daily min 14", &[Rule::count(day, 14)], "14 daily"),
        (
            "daily for 2w",
            &[Rule::within(day, Span::weeks(2))],
            "daily for 2 weeks",
        ),
        (
            "daily for 1 day",
            &[Rule::within(day, Span::days(1))],
            "daily for 1 day",
        ),
        ("all daily", &[Rule::forever(day)], "all daily"),
        ("daily for ever", &[Rule::forever(day)], "all daily"),
        ("daily for forever", &[Rule::forever(day)], "all daily"),
        ("all", &[Rule::forever(Every::Snapshot)], "all"),
        ("all for ever", &[Rule::forever(Every::Snapshot)], "all"),
        (
            "all for 2 days",
            &[Rule::within(Every::Snapshot, Span::days(2))],
            "all for 2 days",
        ),
        ("last 10", &[Rule::count(Every::Snapshot, 10)], "last 10"),
        (
            "last of monthly for 2 years",
            &[Rule::within(Every::Month, Span::years(2)).with_pick(Pick::Last)],
            "last of monthly for 2 years",
        ),
        (
            "first of monthly for 2 years",
            &[Rule::within(Every::Month, Span::years(2))],
            "monthly for 2 years",
        ),
        (
            "last of 14 daily",
            &[Rule::count(day, 14).with_pick(Pick::Last)],
            "last of 14 daily",
        ),
        (
            "last of all weekly",
            &[Rule::forever(Every::Week).with_pick(Pick::Last)],
            "last of all weekly",
        ),
        (
            "hourly for 36h max 30 min 3",
            &[Rule::within(Every::Hour, Span::hours(36))
                .with_at_least(3)
                .with_at_most(30)],
            "hourly for 36 hours min 3 max 30",
        ),
        (
            "  Daily  FOR 2 Weeks MIN 14 ,ALL Monthly,\n3 yearly ",
            &[
                Rule::within(day, Span::weeks(2)).with_at_least(14),
                Rule::forever(Every::Month),
                Rule::count(Every::Year, 3),
            ],
            "daily for 2 weeks min 14, all monthly, 3 yearly",
        ),
        ("7 daily, 0 weekly", &[Rule::count(day, 7)], "7 daily"),
    ];
    for (text, rules, written) in cases {
        let policy: Policy = text
            .parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(policy.rules(), *rules, "{text}");
        assert_eq!(policy.to_string(), *written);
    }
}

#[test]
fn a_refusal_points_at_the_word() {
    let cases = [
        ("daily for 3m", "3m", 10, Trouble::MinuteOrMonth),
        ("14 daily, weekly for 3 m", "m", 23, Trouble::MinuteOrMonth),
        (
            "daily for 3 fortnights",
            "fortnights",
            12,
            Trouble::UnknownUnit,
        ),
        ("daily for 14", "14", 10, Trouble::MissingUnit),
        ("daily for 14, all monthly", "14", 10, Trouble::MissingUnit),
        ("daily for -2w", "-2w", 10, Trouble::Negative),
        ("-3 daily", "-3", 0, Trouble::Negative),
        ("all monthly, -3 daily", "-3", 13, Trouble::Negative),
        ("daily for 2 weeks min -1", "-1", 22, Trouble::Negative),
        ("99999999999 daily", "99999999999", 0, Trouble::TooLarge),
        ("daily for 2 weeks min 1 min 2", "min", 24, Trouble::Twice),
        ("14 daily min 2", "min", 9, Trouble::Twice),
        ("14 daily max 2 max 3", "max", 15, Trouble::Twice),
        ("last ten", "ten", 5, Trouble::Expected("a number")),
        ("daily 14", "14", 6, Trouble::Expected("`for` or `min`")),
        (
            "14 days",
            "days",
            3,
            Trouble::Expected("hourly, daily, weekly, monthly or yearly"),
        ),
        (
            "14 daily and 3 weekly",
            "and",
            9,
            Trouble::Expected("`,`, `min N` or `max N`"),
        ),
    ];
    for (text, word, position_bytes, trouble) in cases {
        let expected = PolicyError::Word {
            word: word.to_owned(),
            position_bytes,
            trouble,
        };
        assert_eq!(text.parse::<Policy>(), Err(expected), "{text}");
        assert_eq!(&text[position_bytes..][..word.len()], word);
    }
    for text in ["often", "14 daily,, all monthly", ", 14 daily"] {
        let error = text.parse::<Policy>().expect_err(text);
        assert!(
            error.to_string().contains("expected a rule such as"),
            "{error}"
        );
    }
}

#[test]
fn a_line_that_stops_too_early_says_what_is_missing() {
    let cases = [
        ("daily", "expected `for` or `min` after `daily`"),
        (
            "daily for",
            "expected a span such as `2 weeks` after `daily for`",
        ),
        (
            "14",
            "expected hourly, daily, weekly, monthly or yearly after `14`",
        ),
        (
            "daily for 2w min",
            "expected a number after `daily for 2w min`",
        ),
        ("last", "expected a number after `last`"),
    ];
    for (text, message) in cases {
        let error = text.parse::<Policy>().expect_err(text);
        assert_eq!(error.to_string(), message);
    }
    let error = " ".parse::<KeepValue>().expect_err("nothing");
    assert!(error.to_string().ends_with("and found nothing"), "{error}");
    let error = "14 daily,"
        .parse::<Policy>()
        .expect_err("a comma at the end");
    assert!(error.to_string().ends_with("after `14 daily,`"), "{error}");
}

#[test]
fn a_policy_that_keeps_nothing_is_refused() {
    assert_eq!("".parse::<Policy>(), Err(PolicyError::Empty));
    assert_eq!(" \n".parse::<Policy>(), Err(PolicyError::Empty));
    assert_eq!(Policy::new([]), Err(PolicyError::Empty));
    for text in [
        "0 daily",
        "last 0",
        "daily for 0 days",
        "all max 0",
        "0 daily, all for 0h",
    ] {
        assert_eq!(
            text.parse::<Policy>(),
            Err(PolicyError::KeepsNothing),
            "{text}"
        );
    }
    // A floor keeps what an empty window does not.
    assert!("daily for 0 days min 1".parse::<Policy>().is_ok());
}

#[test]
fn the_month_and_the_minute_are_told_apart() {
    let error = "3m".parse::<KeepValue>().expect_err("it may be either");
    assert_eq!(
        error.to_string(),
        "`3m`: minute or month? Write `mo` for months; the smallest unit is the hour (`h`)"
    );
}

#[test]
fn values_are_read_as_they_are_meant() {
    let span = |span| KeepValue::Span { span, at_least: 0 };
    let cases = [
        ("14", KeepValue::Count(14), "14"),
        ("0", KeepValue::Count(0), "0"),
        ("2w", span(Span::weeks(2)), "2 weeks"),
        ("14d", span(Span::days(14)), "14 days"),
        ("6mo", span(Span::months(6)), "6 months"),
        ("1y", span(Span::years(1)), "1 year"),
        ("36h", span(Span::hours(36)), "36 hours"),
        ("6 months", span(Span::months(6)), "6 months"),
        (" 1  YEAR ", span(Span::years(1)), "1 year"),
        ("all", KeepValue::All, "all"),
        ("forever", KeepValue::All, "all"),
        ("All", KeepValue::All, "all"),
        (
            "2w:min=14",
            KeepValue::Span {
                span: Span::weeks(2),
                at_least: 14,
            },
            "2 weeks:min=14",
        ),
        (
            "6 months : min = 26",
            KeepValue::Span {
                span: Span::months(6),
                at_least: 26,
            },
            "6 months:min=26",
        ),
    ];
    for (text, value, written) in cases {
        assert_eq!(text.parse(), Ok(value), "{text}");
        assert_eq!(value.to_string(), written);
        assert_eq!(written.parse(), Ok(value));
    }
}

#[test]
fn bad_values_point_at_the_word() {
    let cases = [
        ("-3", "-3", 0, Trouble::Negative),
        ("-2w", "-2w", 0, Trouble::Negative),
        ("3m", "3m", 0, Trouble::MinuteOrMonth),
        ("3 m", "m", 2, Trouble::MinuteOrMonth),
        ("4294967296", "4294967296", 0, Trouble::TooLarge),
        ("4294967296d", "4294967296d", 0, Trouble::TooLarge),
        ("3 q", "q", 2, Trouble::UnknownUnit),
        ("3min", "3min", 0, Trouble::UnknownUnit),
        ("1.5w", "1.5w", 0, Trouble::UnknownUnit),
        ("2w:min=-1", "-1", 7, Trouble::Negative),
        ("2w:14", "14", 3, Trouble::Expected("`min=N`")),
        ("2w:max=14", "max=14", 3, Trouble::Expected("`min=N`")),
        ("2w: 14 ", "14", 4, Trouble::Expected("`min=N`")),
        ("14:min=2", "14", 0, Trouble::MissingUnit),
        (
            "2w 3",
            "3",
            3,
            Trouble::Expected("nothing more after the span"),
        ),
        (
            "all of it",
            "of",
            4,
            Trouble::Expected("nothing more after `all`"),
        ),
        (
            "often",
            "often",
            0,
            Trouble::Expected(
                "a number, a span such as `2w` or `6 months`, `all`, or `SPAN:min=N`",
            ),
        ),
    ];
    for (text, word, position_bytes, trouble) in cases {
        let expected = PolicyError::Word {
            word: word.to_owned(),
            position_bytes,
            trouble,
        };
        assert_eq!(text.parse::<KeepValue>(), Err(expected), "{text}");
    }
    for text in ["", "   ", "2w:min=", ":min=3", "٣"] {
        assert!(text.parse::<KeepValue>().is_err(), "{text:?}");
    }
}

#[test]
fn names_are_read_and_written() {
    for every in ["snapshot", "hour", "day", "week", "month", "year"] {
        assert_eq!(every.parse::<Every>().expect(every).to_string(), every);
    }
    for pick in ["first", "last"] {
        assert_eq!(pick.parse::<Pick>().expect(pick).to_string(), pick);
    }
    for anchor in ["newest", "now"] {
        assert_eq!(anchor.parse::<Anchor>().expect(anchor).to_string(), anchor);
    }
    assert!("fortnight".parse::<Every>().is_err());
    assert!("middle".parse::<Pick>().is_err());
    assert!("then".parse::<Anchor>().is_err());
    assert_eq!(
        "Mars/Olympus"
            .parse::<Zone>()
            .expect_err("no such zone")
            .to_string(),
        "`Mars/Olympus`: unknown time zone: use an IANA name such as `Europe/Berlin`"
    );
}

#[test]
fn a_coarser_window_inside_a_finer_one_is_pointed_out() {
    let inside = [
        (
            "daily for 1 month, weekly for 2 weeks",
            "weekly for 2 weeks",
        ),
        (
            "weekly for 2 weeks, daily for 1 month",
            "weekly for 2 weeks",
        ),
        (
            "all for 1 year, monthly for 6 months",
            "monthly for 6 months",
        ),
        ("31 daily, 1 monthly", "1 monthly"),
        ("all monthly, 3 yearly", "3 yearly"),
        ("all daily, all monthly", "all monthly"),
    ];
    for (line, coarser) in inside {
        let warnings = retention_support::policy(line).warnings();
        assert_eq!(warnings.len(), 1, "{line}: {warnings:?}");
        let text = warnings[0].to_string();
        assert!(
            text.starts_with(&format!("`{coarser}` adds next to nothing")),
            "{text}"
        );
    }
    for line in [
        "daily for 2 weeks, weekly for 6 months, all monthly",
        "last 100, 14 daily, 8 weekly, 12 monthly, 3 yearly",
        "all daily max 7, 4 weekly",
        "daily for 2 weeks, weekly for 1 week min 26",
        "all daily, last of all daily",
    ] {
        assert_eq!(retention_support::policy(line).warnings(), [], "{line}");
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_policy_prints_a_line_that_reads_as_itself(
        mut rules in rules(),
        picks in prop::collection::vec(any::<bool>(), 5),
    ) {
        for (rule, last) in rules.iter_mut().zip(picks) {
            if last {
                rule.pick = Pick::Last;
            }
        }
        let policy = Policy::new(rules).expect("a policy");
        let line = policy.to_string();
        prop_assert_eq!(line.parse::<Policy>(), Ok(policy.clone()), "{}", line);
        for rule in policy.rules() {
            prop_assert_eq!(rule.to_string().parse(), Ok(*rule));
        }
    }

    #[test]
    fn every_value_prints_as_itself(span in span(), floor in 0_u32..40, every in period()) {
        let values = [
            KeepValue::Count(floor),
            KeepValue::All,
            KeepValue::Span { span, at_least: floor },
        ];
        for value in values {
            prop_assert_eq!(value.to_string().parse(), Ok(value));
            // The same as a flag and in the line.
            let rule = Rule::from_keep(every, value);
            prop_assert_eq!(rule.to_string().parse(), Ok(rule));
        }
        prop_assert_eq!(span.to_string().parse(), Ok(span));
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_word_of_it(text in "[0-9a-z:=,. \\-é]{0,30}|\\PC{0,20}") {
        let policy = text.parse::<Policy>();
        if let Err(PolicyError::Word { word, position_bytes, .. }) = policy {
            prop_assert!(text[position_bytes..].starts_with(&word), "{text}: {word}");
        }
        if let Err(PolicyError::Word { word, position_bytes, .. }) = text.parse::<KeepValue>() {
            prop_assert!(text[position_bytes..].starts_with(&word), "{text}: {word}");
        }
        let _ = text.parse::<Span>();
        let _ = text.parse::<Rule>();
    }

    #[test]
    fn words_in_any_order_never_make_the_readers_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "all", "daily", "weekly", "for", "min", "max", "last", "first", "of", "2", "0",
                "2w", "weeks", ",", "ever", "3m", "-1",
            ]),
            0..9,
        ),
    ) {
        if let Ok(policy) = words.join(" ").parse::<Policy>() {
            prop_assert_eq!(policy.to_string().parse::<Policy>(), Ok(policy));
        }
    }
}
