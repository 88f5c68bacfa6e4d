//! `--keep-…`: a retention policy on the command line.

use chrono_tz::Tz;
use clap::{ArgGroup, ValueEnum};
use hardsnap::retention::{Anchor, Every, KeepValue, Pick, Policy, PolicyError, Rule, Span};

pub(super) const VALUE_HELP: &str = "\
VALUE is a count (14), an age (2w, 14d, 6mo, 1y, \"6 months\"), `all`, or an age with a floor \
(2w:min=14). Rules add up: a snapshot stays while one of them keeps it. Default: all for 1 day, \
daily for 2 weeks min 14, weekly for 6 months min 26, all monthly. What `init` is given stays with \
the store; elsewhere these options replace it for one run.";

/// What to keep. Nothing given means the store's own policy, or at `init` the
/// default one.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Retention", group = ArgGroup::new("rules").multiple(true))]
#[command(after_help = VALUE_HELP)]
pub(crate) struct KeepArgs {
    /// The whole policy in one line: `daily for 2 weeks min 14, all monthly`
    #[arg(long, value_name = "LINE", value_parser = str::parse::<Policy>)]
    #[arg(conflicts_with_all = ["rules", "keep_pick"])]
    keep: Option<Policy>,
    /// Keep the newest N snapshots
    #[arg(long, value_name = "N", group = "rules")]
    keep_last: Option<u32>,
    /// Keep all snapshots younger than SPAN
    #[arg(long, value_name = "SPAN", group = "rules", value_parser = str::parse::<Span>)]
    #[arg(allow_negative_numbers = true)]
    keep_within: Option<Span>,
    /// Keep the first snapshot of each hour, as far back as VALUE says
    #[arg(long, value_name = "VALUE", group = "rules", value_parser = str::parse::<KeepValue>)]
    #[arg(allow_negative_numbers = true)]
    keep_hourly: Option<KeepValue>,
    /// … of each day
    #[arg(long, value_name = "VALUE", group = "rules", value_parser = str::parse::<KeepValue>)]
    #[arg(allow_negative_numbers = true)]
    keep_daily: Option<KeepValue>,
    /// … of each week, which begins on Monday
    #[arg(long, value_name = "VALUE", group = "rules", value_parser = str::parse::<KeepValue>)]
    #[arg(allow_negative_numbers = true)]
    keep_weekly: Option<KeepValue>,
    /// … of each month
    #[arg(long, value_name = "VALUE", group = "rules", value_parser = str::parse::<KeepValue>)]
    #[arg(allow_negative_numbers = true)]
    keep_monthly: Option<KeepValue>,
    /// … of each year
    #[arg(long, value_name = "VALUE", group = "rules", value_parser = str::parse::<KeepValue>)]
    #[arg(allow_negative_numbers = true)]
    keep_yearly: Option<KeepValue>,
    /// Let the first or the last snapshot stand for its period [default: first]
    #[arg(long, value_name = "WHICH", requires = "rules")]
    keep_pick: Option<PickArg>,
    /// Begin days, weeks, months and years in this time zone [default: the system's at `init`]
    #[arg(long, value_name = "ZONE", value_parser = parse_zone)]
    keep_zone: Option<Tz>,
    /// Count ages from the newest snapshot or from now [default: newest]
    #[arg(long, value_name = "WHAT")]
    keep_anchor: Option<AnchorArg>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PickArg {
    First,
    Last,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AnchorArg {
    Newest,
    Now,
}

/// What the options ask for; the rest is the store's.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    rules: Option<Policy>,
    zone: Option<Tz>,
    anchor: Option<Anchor>,
}

impl KeepArgs {
    /// Reads the options together; `None` if there are none.
    ///
    /// # Errors
    ///
    /// Rules that keep nothing at all.
    pub(crate) fn read(&self) -> Result<Option<Keep>, PolicyError> {
        let rules = match &self.keep {
            Some(policy) => Some(policy.clone()),
            None => self.rules()?,
        };
        let zone = self.keep_zone;
        let anchor = self.keep_anchor.map(|anchor| match anchor {
            AnchorArg::Newest => Anchor::Newest,
            AnchorArg::Now => Anchor::Now,
        });
        let any = rules.is_some() || zone.is_some() || anchor.is_some();
        Ok(any.then_some(Keep {
            rules,
            zone,
            anchor,
        }))
    }

    fn rules(&self) -> Result<Option<Policy>, PolicyError> {
        let last = self
            .keep_last
            .map(|count| Rule::count(Every::Snapshot, count));
        let within = self
            .keep_within
            .map(|span| Rule::within(Every::Snapshot, span));
        let periods = [
            (Every::Hour, self.keep_hourly),
            (Every::Day, self.keep_daily),
            (Every::Week, self.keep_weekly),
            (Every::Month, self.keep_monthly),
            (Every::Year, self.keep_yearly),
        ];
        let periods = periods
            .into_iter()
            .filter_map(|(every, value)| Some(Rule::from_keep(every, value?)));
        let rules: Vec<Rule> = last.into_iter().chain(within).chain(periods).collect();
        if rules.is_empty() {
            return Ok(None);
        }
        let policy = Policy::new(rules)?;
        Ok(Some(match self.keep_pick {
            Some(PickArg::Last) => policy.with_pick(Pick::Last),
            Some(PickArg::First) | None => policy,
        }))
    }
}

impl Keep {
    /// Lays what was asked for over the policy that there is.
    pub(crate) fn over(&self, base: &Policy) -> Policy {
        let rules = self.rules.as_ref().unwrap_or(base);
        rules
            .clone()
            .with_zone(self.zone.unwrap_or(base.zone()))
            .with_anchor(self.anchor.unwrap_or(base.anchor()))
    }
}

/// The zone that the system is set to; UTC where it has none that is known.
///
/// `TZ` is not looked at: cron and a login shell must not make different
/// stores.
pub(crate) fn system_zone() -> Tz {
    iana_time_zone::get_timezone()
        .ok()
        .and_then(|name| name.parse().ok())
        .unwrap_or(Tz::UTC)
}

fn parse_zone(text: &str) -> Result<Tz, String> {
    text.parse()
        .map_err(|_| "unknown time zone: use an IANA name such as `Europe/Berlin`".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        keep: KeepArgs,
    }

    fn read(arguments: &[&str]) -> Result<Option<Keep>, String> {
        let line = Line::try_parse_from(["test"].iter().chain(arguments));
        line.map_err(|error| error.to_string())?
            .keep
            .read()
            .map_err(|error| error.to_string())
    }

    fn policy(arguments: &[&str]) -> String {
        let keep = read(arguments).unwrap().expect("options");
        keep.over(&Policy::default()).to_string()
    }

    #[test]
    fn no_option_leaves_the_policy_alone() {
        assert!(read(&[]).unwrap().is_none());
    }

    #[test]
    fn options_say_what_the_line_says() {
        let cases: &[(&[&str], &str)] = &[
            (&["--keep-last", "10"], "last 10"),
            (&["--keep-within", "2d"], "all for 2 days"),
            (&["--keep-hourly", "24"], "24 hourly"),
            (&["--keep-daily", "14d"], "daily for 14 days"),
            (&["--keep-weekly", "6 months"], "weekly for 6 months"),
            (
                &["--keep-monthly", "all", "--keep-yearly", "3"],
                "all monthly, 3 yearly",
            ),
            (
                &["--keep-daily", "2w:min=14", "--keep-last", "3"],
                "last 3, daily for 2 weeks min 14",
            ),
            (
                &["--keep-monthly", "2y", "--keep-pick", "last"],
                "last of monthly for 2 years",
            ),
            (&["--keep-daily", "7", "--keep-weekly", "0"], "7 daily"),
        ];
        for (arguments, line) in cases {
            let expected: Policy = line.parse().unwrap();
            assert_eq!(policy(arguments), expected.to_string(), "{arguments:?}");
            assert_eq!(policy(&["--keep", line]), expected.to_string(), "{line}");
        }
    }

    #[test]
    fn contradictions_and_policies_that_keep_nothing_are_refused() {
        let cases: &[&[&str]] = &[
            &["--keep", "14 daily", "--keep-daily", "14"],
            &["--keep", "14 daily", "--keep-last", "1"],
            &["--keep", "14 daily", "--keep-pick", "last"],
            &["--keep", ""],
            &["--keep", "often"],
            &["--keep-pick", "last"],
            &["--keep-pick", "middle", "--keep-daily", "1"],
            &["--keep-daily", "6m"],
            &["--keep-daily", "-1"],
            &["--keep-daily", ""],
            &["--keep-last", "-1"],
            &["--keep-last", "0"],
            &["--keep-daily", "0", "--keep-weekly", "0"],
            &["--keep-within", "5"],
            &["--keep-zone", "Atlantis/Capital"],
            &["--keep-anchor", "yesterday"],
        ];
        for arguments in cases {
            assert!(read(arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn zone_and_anchor_stay_unless_they_are_given() {
        let base = Policy::default()
            .with_zone(Tz::Europe__Berlin)
            .with_anchor(Anchor::Now);
        let rules_only = read(&["--keep-daily", "7"]).unwrap().unwrap().over(&base);
        assert_eq!(
            (rules_only.zone(), rules_only.anchor()),
            (Tz::Europe__Berlin, Anchor::Now)
        );
        assert_eq!(rules_only.rules().len(), 1);

        let arguments = ["--keep-zone", "Asia/Tokyo", "--keep-anchor", "newest"];
        let no_rules = read(&arguments).unwrap().unwrap().over(&base);
        assert_eq!(
            (no_rules.zone(), no_rules.anchor()),
            (Tz::Asia__Tokyo, Anchor::Newest)
        );
        assert_eq!(no_rules.rules(), base.rules());
    }
}
