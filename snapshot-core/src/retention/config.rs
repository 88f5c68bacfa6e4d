//! A policy in settings: a configuration file's keys, or a command line's flags.

use std::fmt;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::error::{PolicyError, Trouble};
use super::keep::KeepValue;
use super::policy::{Anchor, Every, Pick, Policy, Rule, Window};
use super::span::Span;
use super::zone::Zone;

/// Holds what a user set: `keep = "…"`, or the parts `keep-last` to `keep-yearly`; and how to
/// count.
///
/// # Examples
///
/// ```
/// use hardsnap::retention::{Policy, PolicyConfig};
///
/// let config: PolicyConfig = toml::from_str(
///     r#"
///     keep-daily = { for = "2 weeks", at-least = 14 }
///     keep-weekly = "6 months"
///     keep-yearly = 3
///     keep-zone = "Europe/Berlin"
///     "#,
/// )?;
/// let policy = config.apply_to(&Policy::default())?;
/// assert_eq!(
///     policy.to_string(),
///     "daily for 2 weeks min 14, weekly for 6 months, 3 yearly"
/// );
/// assert_eq!(policy.zone().name(), "Europe/Berlin");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct PolicyConfig {
    /// The whole policy in one line; excludes the parts below.
    #[serde(deserialize_with = "line", default)]
    pub keep: Option<Policy>,
    /// How many of the newest snapshots are kept.
    #[serde(default)]
    pub keep_last: Option<u32>,
    /// How long every snapshot is kept.
    #[serde(default)]
    pub keep_within: Option<Span>,
    /// One snapshot an hour.
    #[serde(default)]
    pub keep_hourly: Option<KeepSetting>,
    /// One snapshot a day.
    #[serde(default)]
    pub keep_daily: Option<KeepSetting>,
    /// One snapshot a week.
    #[serde(default)]
    pub keep_weekly: Option<KeepSetting>,
    /// One snapshot a month.
    #[serde(default)]
    pub keep_monthly: Option<KeepSetting>,
    /// One snapshot a year.
    #[serde(default)]
    pub keep_yearly: Option<KeepSetting>,
    /// Which snapshot represents a period, for parts that do not say it themselves.
    #[serde(default)]
    pub keep_pick: Option<Pick>,
    /// The zone of the calendar.
    #[serde(deserialize_with = "zone", default)]
    pub keep_zone: Option<Zone>,
    /// The instant from which ages are counted.
    #[serde(default)]
    pub keep_anchor: Option<Anchor>,
}

/// Says how much of one kind of period is kept.
///
/// In a file an integer is a count and a string an age (or whatever else [`KeepValue`] reads); a
/// table `{ for = "2 weeks", at-least = 14, at-most = 30, pick = "first" }` says everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct KeepSetting {
    /// How far back it reaches by age.
    pub within: Window,
    /// How many of the newest periods are kept whatever their age.
    pub at_least: u32,
    /// How many of the newest periods are kept at the most; `None` sets no limit.
    pub at_most: Option<u32>,
    /// Which snapshot represents a period.
    pub pick: Option<Pick>,
}

impl PolicyConfig {
    /// Returns the policy that these settings make of `base`: the rules, if any is set here,
    /// replace all of the base's; zone, anchor and pick replace each their own.
    ///
    /// # Errors
    ///
    /// As [`PolicyConfig::check`].
    pub fn apply_to(&self, base: &Policy) -> Result<Policy, PolicyError> {
        Ok(self.check()?.over(base))
    }

    /// Checks that the settings go together, before there is a policy to change.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Conflict`] if both the whole line and a part are set,
    /// [`PolicyError::KeepsNothing`] if all parts say zero.
    pub fn check(&self) -> Result<PolicyChange, PolicyError> {
        let parts = self.parts();
        let rules = match (&self.keep, parts.first()) {
            (Some(_), Some((second, _))) => {
                return Err(PolicyError::Conflict {
                    first: "keep",
                    second,
                });
            }
            (Some(line), None) => Some(with_pick(line, self.keep_pick)),
            (None, Some(_)) => Some(Policy::new(parts.into_iter().map(|(_, rule)| rule))?),
            (None, None) => None,
        };
        Ok(PolicyChange {
            rules,
            pick: self.keep_pick,
            zone: self.keep_zone,
            anchor: self.keep_anchor,
        })
    }

    /// Returns whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the rules that are set part by part, with the settings' names.
    fn parts(&self) -> Vec<(&'static str, Rule)> {
        let mut parts = Vec::new();
        if let Some(count) = self.keep_last {
            parts.push(("keep-last", Rule::count(Every::Snapshot, count)));
        }
        if let Some(span) = self.keep_within {
            parts.push(("keep-within", Rule::within(Every::Snapshot, span)));
        }
        let settings = [
            ("keep-hourly", Every::Hour, self.keep_hourly),
            ("keep-daily", Every::Day, self.keep_daily),
            ("keep-weekly", Every::Week, self.keep_weekly),
            ("keep-monthly", Every::Month, self.keep_monthly),
            ("keep-yearly", Every::Year, self.keep_yearly),
        ];
        for (name, every, setting) in settings {
            if let Some(setting) = setting {
                let pick = setting.pick.or(self.keep_pick).unwrap_or_default();
                parts.push((name, setting.rule(every).with_pick(pick)));
            }
        }
        parts
    }
}

/// Holds settings that go together, for whatever policy they change.
///
/// # Examples
///
/// ```
/// use hardsnap::retention::{Policy, PolicyConfig};
///
/// let mut config = PolicyConfig::default();
/// config.keep_daily = Some("2w:min=14".parse()?);
/// let change = config.check()?;
/// let policy = change.over(&Policy::default());
/// assert_eq!(policy.to_string(), "daily for 2 weeks min 14");
/// # Ok::<(), hardsnap::retention::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyChange {
    rules: Option<Policy>,
    pick: Option<Pick>,
    zone: Option<Zone>,
    anchor: Option<Anchor>,
}

impl PolicyChange {
    /// Returns the policy that the settings make of `base`.
    #[must_use]
    pub fn over(&self, base: &Policy) -> Policy {
        let policy = match &self.rules {
            Some(rules) => rules.clone(),
            None => with_pick(base, self.pick),
        };
        policy
            .with_zone(self.zone.unwrap_or_else(|| base.zone()))
            .with_anchor(self.anchor.unwrap_or_else(|| base.anchor()))
    }
}

fn with_pick(policy: &Policy, pick: Option<Pick>) -> Policy {
    match pick {
        Some(pick) => policy.clone().with_pick(pick),
        None => policy.clone(),
    }
}

impl KeepSetting {
    fn rule(self, every: Every) -> Rule {
        let mut rule = Rule::count(every, self.at_least);
        rule.within = self.within;
        rule.at_most = self.at_most;
        rule
    }
}

impl From<KeepValue> for KeepSetting {
    fn from(value: KeepValue) -> Self {
        let rule = Rule::from_keep(Every::Day, value);
        Self {
            within: rule.within,
            at_least: rule.at_least,
            at_most: rule.at_most,
            pick: None,
        }
    }
}

/// Reads what [`KeepValue`] reads.
impl FromStr for KeepSetting {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        text.parse().map(|value: KeepValue| value.into())
    }
}

impl<'de> Deserialize<'de> for KeepSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SettingVisitor)
    }
}

struct SettingVisitor;

/// The table form of a [`KeepSetting`].
#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct SettingTable {
    #[serde(rename = "for", deserialize_with = "window", default)]
    within: Window,
    #[serde(default)]
    at_least: u32,
    at_most: Option<u32>,
    pick: Option<Pick>,
}

impl<'de> Visitor<'de> for SettingVisitor {
    type Value = KeepSetting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count, an age such as \"2 weeks\", \"forever\", or a table with `for`")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<KeepSetting, E> {
        let trouble = if value < 0 {
            Trouble::Negative
        } else {
            Trouble::TooLarge
        };
        match u32::try_from(value) {
            Ok(count) => Ok(KeepValue::Count(count).into()),
            Err(_) => Err(E::custom(PolicyError::word(&value.to_string(), 0, trouble))),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<KeepSetting, E> {
        // Beyond i64 it is too large in any case.
        self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<KeepSetting, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KeepSetting, A::Error> {
        let table = SettingTable::deserialize(MapAccessDeserializer::new(map))?;
        if table.within == Window::None && table.at_least == 0 {
            return Err(A::Error::custom("the table needs `for` or `at-least`"));
        }
        Ok(KeepSetting {
            within: table.within,
            at_least: table.at_least,
            at_most: table.at_most,
            pick: table.pick,
        })
    }
}

fn window<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Window, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().eq_ignore_ascii_case("forever") {
        return Ok(Window::Forever);
    }
    text.parse().map(Window::Span).map_err(D::Error::custom)
}

fn line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Policy>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Zone>, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map(Some).map_err(D::Error::custom)
}
