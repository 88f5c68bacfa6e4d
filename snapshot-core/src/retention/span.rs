//! Lengths of calendar time and the arithmetic with them.

use chrono::{Datelike, Days, Months, NaiveDateTime, NaiveTime, TimeDelta};

/// Names the unit of a [`Span`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// An hour of 3,600 seconds.
    Hour,
    /// A calendar day; 24 hours in rules for hours and for single snapshots.
    Day,
    /// Seven days.
    Week,
    /// A calendar month.
    Month,
    /// Twelve calendar months.
    Year,
}

/// Holds a length of calendar time: a whole number of one unit.
///
/// Printed as `2 weeks`; read from that, from `2w`, and from `h`, `d`, `w`, `mo` and `y` or the
/// whole words as units. A bare `m` is refused, since it may be a minute or a month.
///
/// # Examples
///
/// ```
/// use hardsnap::retention::{Span, Unit};
///
/// let span: Span = "6mo".parse()?;
/// assert_eq!(span, Span::new(6, Unit::Month));
/// assert_eq!(span.to_string(), "6 months");
/// assert!("3m".parse::<Span>().is_err());
/// # Ok::<(), hardsnap::retention::PolicyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    count: u32,
    unit: Unit,
}

impl Span {
    /// Makes a span of `count` units.
    #[must_use]
    pub const fn new(count: u32, unit: Unit) -> Self {
        Self { count, unit }
    }

    /// Makes a span of real hours.
    #[must_use]
    pub const fn hours(count: u32) -> Self {
        Self::new(count, Unit::Hour)
    }

    /// Makes a span of days.
    #[must_use]
    pub const fn days(count: u32) -> Self {
        Self::new(count, Unit::Day)
    }

    /// Makes a span of weeks.
    #[must_use]
    pub const fn weeks(count: u32) -> Self {
        Self::new(count, Unit::Week)
    }

    /// Makes a span of calendar months.
    #[must_use]
    pub const fn months(count: u32) -> Self {
        Self::new(count, Unit::Month)
    }

    /// Makes a span of calendar years.
    #[must_use]
    pub const fn years(count: u32) -> Self {
        Self::new(count, Unit::Year)
    }

    /// Returns the number of units.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// Returns the unit.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// Returns whether the span has no length.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.count == 0
    }

    /// Returns the mean length in seconds, good enough to compare two windows.
    pub(super) fn mean_seconds(self) -> u64 {
        let unit = match self.unit {
            Unit::Hour => 3_600,
            Unit::Day => 86_400,
            Unit::Week => 7 * 86_400,
            Unit::Month => MEAN_YEAR_SECONDS / 12,
            Unit::Year => MEAN_YEAR_SECONDS,
        };
        u64::from(self.count) * unit
    }

    /// Returns the wall time that lies this span before `time`.
    ///
    /// Where the month that is reached lacks the day, its last day stands for it, to that day's
    /// end: with the time of day kept, the cut-off would fall back by a day each time a month
    /// begins to lack days, and what had expired would count as young again.
    pub(super) fn before(self, time: NaiveDateTime) -> NaiveDateTime {
        let earlier = match self.fixed_or_months() {
            Length::Fixed(delta) => time.checked_sub_signed(delta),
            Length::Months(months) => {
                let clamped = time.date().checked_sub_months(months);
                clamped.map(|date| {
                    if date.day() == time.day() {
                        date.and_time(time.time())
                    } else {
                        date.and_time(last_moment())
                    }
                })
            }
        };
        earlier.unwrap_or(NaiveDateTime::MIN)
    }

    /// Returns the earliest wall time whose [`Span::before`] reaches `time`, or `None` beyond the
    /// calendar's end.
    pub(super) fn after(self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        match self.fixed_or_months() {
            Length::Fixed(delta) => time.checked_add_signed(delta),
            Length::Months(months) => {
                let date = time.date().checked_add_months(months)?;
                if date.day() == time.date().day() {
                    Some(date.and_time(time.time()))
                } else {
                    let next = date.checked_add_days(Days::new(1))?;
                    Some(next.and_time(NaiveTime::MIN))
                }
            }
        }
    }

    /// Returns the wall time that lies this span after `time`, on a shorter month's last day where
    /// the month lacks the day; `None` beyond the calendar's end.
    pub(super) fn clamped_after(self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        match self.fixed_or_months() {
            Length::Fixed(delta) => time.checked_add_signed(delta),
            Length::Months(months) => time.checked_add_months(months),
        }
    }

    fn fixed_or_months(self) -> Length {
        let count = self.count;
        match self.unit {
            Unit::Hour => Length::Fixed(TimeDelta::hours(i64::from(count))),
            Unit::Day => Length::Fixed(TimeDelta::days(i64::from(count))),
            Unit::Week => Length::Fixed(TimeDelta::weeks(i64::from(count))),
            Unit::Month => Length::Months(Months::new(count)),
            Unit::Year => Length::Months(Months::new(count.saturating_mul(12))),
        }
    }
}

/// The Gregorian year's mean length, in seconds.
const MEAN_YEAR_SECONDS: u64 = 31_556_952;

enum Length {
    Fixed(TimeDelta),
    Months(Months),
}

fn last_moment() -> NaiveTime {
    NaiveTime::from_hms_nano_opt(23, 59, 59, 999_999_999).unwrap_or(NaiveTime::MIN)
}
