//! What a user asks for: rules, their zone and their anchor.

use super::error::PolicyError;
use super::keep::KeepValue;
use super::span::{Span, Unit};
use super::zone::Zone;

/// Names the period of which a rule keeps one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Every {
    /// No period: each snapshot stands for itself.
    Snapshot,
    /// A real hour, counted in UTC: the hour that the end of summer time repeats is two.
    Hour,
    /// A civil day in the policy's zone.
    Day,
    /// A civil week, from Monday.
    Week,
    /// A civil month.
    Month,
    /// A civil year.
    Year,
}

impl Every {
    /// Returns the period's mean length in seconds; nothing for single snapshots.
    fn mean_seconds(self) -> u64 {
        let unit = match self {
            Self::Snapshot => return 0,
            Self::Hour => Unit::Hour,
            Self::Day => Unit::Day,
            Self::Week => Unit::Week,
            Self::Month => Unit::Month,
            Self::Year => Unit::Year,
        };
        Span::new(1, unit).mean_seconds()
    }
}

/// Says how far back a rule reaches by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Window {
    /// Not at all: the rule is a mere count ([`Rule::at_least`]).
    #[default]
    None,
    /// As long as this, back from the anchor.
    Span(Span),
    /// Without end.
    Forever,
}

/// Names the snapshot that represents a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Pick {
    /// The earliest complete one. It stays the same until the period expires.
    #[default]
    First,
    /// The latest complete one.
    Last,
}

/// Names the instant from which ages are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Anchor {
    /// The newest live snapshot: without a new backup nothing expires.
    #[default]
    Newest,
    /// The clock.
    Now,
}

/// Keeps one snapshot of each period, as far back as its window or its counts reach.
///
/// # Examples
///
/// ```
/// use hardsnap::retention::{Every, Rule, Span};
///
/// let rule = Rule::within(Every::Week, Span::months(6)).with_at_least(26);
/// assert_eq!(rule.to_string(), "weekly for 6 months min 26");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Rule {
    /// The period.
    pub every: Every,
    /// How far back it reaches by age.
    pub within: Window,
    /// How many of the newest periods are kept whatever their age, in periods that have a live
    /// snapshot.
    pub at_least: u32,
    /// How many of the newest periods are kept at the most; `None` sets no limit.
    pub at_most: Option<u32>,
    /// Which snapshot represents the period. Without meaning for [`Every::Snapshot`].
    pub pick: Pick,
}

impl Rule {
    /// Makes a rule that keeps the newest `count` periods, whatever their age.
    #[must_use]
    pub const fn count(every: Every, count: u32) -> Self {
        Self {
            every,
            within: Window::None,
            at_least: count,
            at_most: None,
            pick: Pick::First,
        }
    }

    /// Makes a rule that keeps every period younger than `span`.
    #[must_use]
    pub const fn within(every: Every, span: Span) -> Self {
        Self {
            every,
            within: Window::Span(span),
            at_least: 0,
            at_most: None,
            pick: Pick::First,
        }
    }

    /// Makes a rule that keeps every period for ever.
    #[must_use]
    pub const fn forever(every: Every) -> Self {
        Self {
            every,
            within: Window::Forever,
            at_least: 0,
            at_most: None,
            pick: Pick::First,
        }
    }

    /// Makes a rule from the VALUE of a setting such as `--keep-daily VALUE`.
    #[must_use]
    pub const fn from_keep(every: Every, value: KeepValue) -> Self {
        match value {
            KeepValue::Count(count) => Self::count(every, count),
            KeepValue::Span { span, at_least } => Self::within(every, span).with_at_least(at_least),
            KeepValue::All => Self::forever(every),
        }
    }

    /// Sets how many of the newest periods are kept whatever their age. Default 0.
    #[must_use]
    pub const fn with_at_least(mut self, periods: u32) -> Self {
        self.at_least = periods;
        self
    }

    /// Sets how many of the newest periods are kept at the most. Default: no limit.
    #[must_use]
    pub const fn with_at_most(mut self, periods: u32) -> Self {
        self.at_most = Some(periods);
        self
    }

    /// Sets which snapshot represents a period. Default [`Pick::First`].
    #[must_use]
    pub const fn with_pick(mut self, pick: Pick) -> Self {
        self.pick = pick;
        self
    }

    /// Returns whether the rule keeps nothing at all, as `--keep-daily 0` does.
    #[must_use]
    pub fn keeps_nothing(&self) -> bool {
        let no_age = match self.within {
            Window::None => true,
            Window::Span(span) => span.is_zero(),
            Window::Forever => false,
        };
        self.at_most == Some(0) || (no_age && self.at_least == 0)
    }

    /// Returns about how far the rule reaches back on gap-free data, in seconds; the largest
    /// number for ever.
    pub(super) fn reach_seconds(&self) -> u64 {
        let age = match self.within {
            Window::None => 0,
            Window::Span(span) => span.mean_seconds(),
            Window::Forever => u64::MAX,
        };
        let period = self.every.mean_seconds();
        let floor = u64::from(self.at_least).saturating_mul(period);
        let ceiling = self
            .at_most
            .map_or(u64::MAX, |limit| u64::from(limit).saturating_mul(period));
        age.max(floor).min(ceiling)
    }
}

/// Holds what to keep: a union of rules, the zone of their calendar and the anchor of their ages.
///
/// A policy has at least one rule that keeps something. As text it is one line, such as
/// `daily for 2 weeks min 14, all monthly`; zone and anchor stand beside the line.
///
/// # Examples
///
/// ```
/// use hardsnap::retention::{Every, Policy, Rule, Span};
///
/// let built = Policy::new([
///     Rule::within(Every::Day, Span::weeks(2)).with_at_least(14),
///     Rule::forever(Every::Month),
/// ])?;
/// let read: Policy = "daily for 2 weeks min 14, all monthly".parse()?;
/// assert_eq!(built, read);
/// # Ok::<(), hardsnap::retention::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Policy {
    rules: Vec<Rule>,
    zone: Zone,
    anchor: Anchor,
}

impl Policy {
    /// Makes a policy of `rules` with zone UTC and anchor [`Anchor::Newest`].
    ///
    /// Rules that keep nothing are left out; the pick of rules for single snapshots is set to
    /// [`Pick::First`], since it has no meaning there.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Empty`] without any rule, [`PolicyError::KeepsNothing`] if no rule keeps
    /// anything.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Result<Self, PolicyError> {
        let mut rules = rules.into_iter().peekable();
        if rules.peek().is_none() {
            return Err(PolicyError::Empty);
        }
        let rules: Vec<Rule> = rules
            .filter(|rule| !rule.keeps_nothing())
            .map(|rule| match rule.every {
                Every::Snapshot => rule.with_pick(Pick::First),
                _ => rule,
            })
            .collect();
        if rules.is_empty() {
            return Err(PolicyError::KeepsNothing);
        }
        Ok(Self {
            rules,
            zone: Zone::UTC,
            anchor: Anchor::Newest,
        })
    }

    /// Sets the zone whose calendar says where days, weeks, months and years begin. Default UTC.
    #[must_use]
    pub const fn with_zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Sets the instant from which ages are counted. Default [`Anchor::Newest`].
    #[must_use]
    pub const fn with_anchor(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }

    /// Sets the representative of every rule's periods.
    #[must_use]
    pub fn with_pick(mut self, pick: Pick) -> Self {
        for rule in &mut self.rules {
            if rule.every != Every::Snapshot {
                rule.pick = pick;
            }
        }
        self
    }

    /// Returns the rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Returns the zone.
    #[must_use]
    pub const fn zone(&self) -> Zone {
        self.zone
    }

    /// Returns the anchor.
    #[must_use]
    pub const fn anchor(&self) -> Anchor {
        self.anchor
    }
}

/// Keeps all of the last day, a day for 2 weeks, a week for 6 months and a month for ever, with
/// floors: `all for 1 day, daily for 2 weeks min 14, weekly for 6 months min 26, all monthly`.
impl Default for Policy {
    fn default() -> Self {
        Self {
            rules: vec![
                Rule::within(Every::Snapshot, Span::days(1)),
                Rule::within(Every::Day, Span::weeks(2)).with_at_least(14),
                Rule::within(Every::Week, Span::months(6)).with_at_least(26),
                Rule::forever(Every::Month),
            ],
            zone: Zone::UTC,
            anchor: Anchor::Newest,
        }
    }
}
