//! `--keep-…`: a retention policy on the command line.

use hardsnap::retention::{
    Anchor, KeepSetting, Pick, Policy, PolicyChange, PolicyConfig, PolicyError, Span, Zone,
};

pub(super) const VALUE_HELP: &str = "\
VALUE is a count (14), an age (2w, 14d, 6mo, 1y, \"6 months\"), `all`, or an age with a floor \
(2w:min=14). Rules add up: a snapshot stays while one of them keeps it. Default: all for 1 day, \
daily for 2 weeks min 14, weekly for 6 months min 26, all monthly. What `init` is given stays with \
the store; elsewhere these options replace it for one run.";

/// What to keep. Nothing given means the store's own policy, or at `init` the
/// default one.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Retention", after_help = VALUE_HELP)]
pub(crate) struct KeepArgs {
    /// The whole policy in one line: `daily for 2 weeks min 14, all monthly`
    #[arg(long, value_name = "LINE", value_parser = str::parse::<Policy>)]
    keep: Option<Policy>,
    /// Keep the newest N snapshots
    #[arg(long, value_name = "N")]
    keep_last: Option<u32>,
    /// Keep all snapshots younger than SPAN
    #[arg(long, value_name = "SPAN", value_parser = str::parse::<Span>)]
    #[arg(allow_negative_numbers = true)]
    keep_within: Option<Span>,
    /// Keep the first snapshot of each hour, as far back as VALUE says
    #[arg(long, value_name = "VALUE", value_parser = str::parse::<KeepSetting>)]
    #[arg(allow_negative_numbers = true)]
    keep_hourly: Option<KeepSetting>,
    /// … of each day
    #[arg(long, value_name = "VALUE", value_parser = str::parse::<KeepSetting>)]
    #[arg(allow_negative_numbers = true)]
    keep_daily: Option<KeepSetting>,
    /// … of each week, which begins on Monday
    #[arg(long, value_name = "VALUE", value_parser = str::parse::<KeepSetting>)]
    #[arg(allow_negative_numbers = true)]
    keep_weekly: Option<KeepSetting>,
    /// … of each month
    #[arg(long, value_name = "VALUE", value_parser = str::parse::<KeepSetting>)]
    #[arg(allow_negative_numbers = true)]
    keep_monthly: Option<KeepSetting>,
    /// … of each year
    #[arg(long, value_name = "VALUE", value_parser = str::parse::<KeepSetting>)]
    #[arg(allow_negative_numbers = true)]
    keep_yearly: Option<KeepSetting>,
    /// Let the first or the last snapshot stand for its period [default: first]
    #[arg(long, value_name = "first|last", value_parser = str::parse::<Pick>)]
    keep_pick: Option<Pick>,
    /// Begin days, weeks, months and years in this time zone [default: the system's at `init`]
    #[arg(long, value_name = "ZONE", value_parser = str::parse::<Zone>)]
    keep_zone: Option<Zone>,
    /// Count ages from the newest snapshot or from now [default: newest]
    #[arg(long, value_name = "newest|now", value_parser = str::parse::<Anchor>)]
    keep_anchor: Option<Anchor>,
}

impl KeepArgs {
    /// Reads the options together; `None` if there are none.
    ///
    /// # Errors
    ///
    /// Rules that keep nothing at all, or that exclude each other.
    pub(crate) fn read(&self) -> Result<Option<PolicyChange>, PolicyError> {
        let mut config = PolicyConfig::default();
        config.keep.clone_from(&self.keep);
        config.keep_last = self.keep_last;
        config.keep_within = self.keep_within;
        config.keep_hourly = self.keep_hourly;
        config.keep_daily = self.keep_daily;
        config.keep_weekly = self.keep_weekly;
        config.keep_monthly = self.keep_monthly;
        config.keep_yearly = self.keep_yearly;
        config.keep_pick = self.keep_pick;
        config.keep_zone = self.keep_zone;
        config.keep_anchor = self.keep_anchor;
        if config.is_empty() {
            return Ok(None);
        }
        config.check().map(Some)
    }
}

/// The zone that the system is set to; UTC where it has none that is known.
///
/// `TZ` is not looked at: cron and a login shell must not make different
/// stores.
pub(crate) fn system_zone() -> Zone {
    iana_time_zone::get_timezone()
        .ok()
        .and_then(|name| name.parse().ok())
        .unwrap_or(Zone::UTC)
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

    fn zone(name: &str) -> Zone {
        name.parse().unwrap()
    }

    fn read(arguments: &[&str]) -> Result<Option<PolicyChange>, String> {
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
            (
                &["--keep", "7 daily", "--keep-pick", "last"],
                "last of 7 daily",
            ),
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
            &["--keep", ""],
            &["--keep", "often"],
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
            .with_zone(zone("Europe/Berlin"))
            .with_anchor(Anchor::Now);
        let rules_only = read(&["--keep-daily", "7"]).unwrap().unwrap().over(&base);
        assert_eq!(
            (rules_only.zone(), rules_only.anchor()),
            (zone("Europe/Berlin"), Anchor::Now)
        );
        assert_eq!(rules_only.rules().len(), 1);

        let arguments = ["--keep-zone", "Asia/Tokyo", "--keep-anchor", "newest"];
        let no_rules = read(&arguments).unwrap().unwrap().over(&base);
        assert_eq!(
            (no_rules.zone(), no_rules.anchor()),
            (zone("Asia/Tokyo"), Anchor::Newest)
        );
        assert_eq!(no_rules.rules(), base.rules());

        let pick_only = read(&["--keep-pick", "last"]).unwrap().unwrap();
        let base: Policy = "7 daily, last 2".parse().unwrap();
        assert_eq!(pick_only.over(&base).to_string(), "last of 7 daily, last 2");
    }

    #[test]
    fn a_mistake_is_shown_at_its_word() {
        for (arguments, message) in [
            (["--keep-daily", "3m"], "`3m`: minute or month?"),
            (["--keep", "daily for 3 m"], "`m`: minute or month?"),
            (["--keep", "14 daily, often"], "`often`: expected a rule"),
            (["--keep-weekly", "2w:max=3"], "`max=3`: expected `min=N`"),
            (["--keep-within", "5"], "`5`: a unit of time is missing"),
            (
                ["--keep-pick", "best"],
                "`best`: expected `first` or `last`",
            ),
            (
                ["--keep-anchor", "then"],
                "`then`: expected `newest` or `now`",
            ),
            (
                ["--keep-zone", "Mars/Base"],
                "`Mars/Base`: unknown time zone",
            ),
        ] {
            let error = read(&arguments).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        let error = read(&["--keep", "14 daily", "--keep-weekly", "3"]).unwrap_err();
        assert_eq!(error, "`keep` and `keep-weekly` cannot be given together");
    }
}
