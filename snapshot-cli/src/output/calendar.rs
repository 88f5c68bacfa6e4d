//! A plan as a calendar: a strip for each month, a cell for each day.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::{Datelike, NaiveDate};
use hardsnap::retention::{Every, Plan, Reason, Zone};

use super::columns::{Colour, Paint};
use super::table::{Line, lines};

/// What a day's cell says: of all that is kept of that day, the reason that
/// keeps the longest, which is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Removed,
    Other,
    Future,
    Newest,
    Suspect,
    Held,
    Snapshot,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Mark {
    fn of(reason: &Reason) -> Mark {
        match reason {
            Reason::Newest => Mark::Newest,
            Reason::Future => Mark::Future,
            Reason::Held => Mark::Held,
            Reason::Suspect => Mark::Suspect,
            Reason::Rule(rule) => match rule.rule.every {
                Every::Snapshot => Mark::Snapshot,
                Every::Hour => Mark::Hour,
                Every::Day => Mark::Day,
                Every::Week => Mark::Week,
                Every::Month => Mark::Month,
                Every::Year => Mark::Year,
                _ => Mark::Other,
            },
            _ => Mark::Other,
        }
    }

    /// Its letter, its meaning, and its colour as the terminal numbers them.
    fn look(self) -> (char, &'static str, u8) {
        match self {
            Mark::Removed => ('.', "removed", 90),
            Mark::Other => ('+', "kept", 37),
            Mark::Future => ('f', "dated in the future", 31),
            Mark::Newest => ('n', "newest", 37),
            Mark::Suspect => ('?', "suspect", 31),
            Mark::Held => ('H', "held", 91),
            Mark::Snapshot => ('a', "all, last", 37),
            Mark::Hour => ('h', "hourly", 33),
            Mark::Day => ('d', "daily", 32),
            Mark::Week => ('w', "weekly", 36),
            Mark::Month => ('m', "monthly", 94),
            Mark::Year => ('y', "yearly", 95),
        }
    }

    fn cell(self, paint: Paint) -> String {
        let (letter, _, colour) = self.look();
        paint.text(Colour(colour), &letter.to_string()).into_owned()
    }
}

/// Draws the months that hold a snapshot, in the days of `zone`.
pub(crate) fn draw<Id: Ord>(plan: &Plan<Id>, zone: Zone, paint: Paint) -> String {
    let mut days: BTreeMap<NaiveDate, Mark> = BTreeMap::new();
    for line in lines(plan) {
        let day = zone.wall_time(line.time()).date_naive();
        let mark = match line {
            Line::Kept(kept) => kept.reasons.iter().map(Mark::of).max(),
            Line::Removed(_) => None,
        };
        let mark = mark.unwrap_or(Mark::Removed);
        days.entry(day)
            .and_modify(|seen| *seen = mark.max(*seen))
            .or_insert(mark);
    }
    let Some((first, _)) = days.first_key_value() else {
        return String::new();
    };
    let mut text =
        "         1       5         10        15        20        25        30\n".to_owned();
    let mut month = month_of(*first);
    let mut strip = Strip::default();
    for (day, mark) in &days {
        if month_of(*day) != month {
            strip.end(&mut text, month);
            if month_of(*day) > month + 1 {
                text += "…\n";
            }
            month = month_of(*day);
        }
        strip.add(day.day0(), &mark.cell(paint));
    }
    strip.end(&mut text, month);
    text + "\n" + &legend(&days.into_values().collect(), paint)
}

/// The cells of a month, as far as they are filled.
#[derive(Default)]
struct Strip {
    cells: String,
    filled: u32,
}

impl Strip {
    fn add(&mut self, day0: u32, cell: &str) {
        for _ in self.filled..day0 {
            self.cells += "  ";
        }
        self.cells.push(' ');
        self.cells += cell;
        self.filled = day0 + 1;
    }

    fn end(&mut self, text: &mut String, month: i32) {
        let Strip { cells, .. } = std::mem::take(self);
        let (year, month0) = (month.div_euclid(12), month.rem_euclid(12));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{year:04}-{:02} {cells}", month0 + 1);
    }
}

/// Months since the year 0.
fn month_of(day: NaiveDate) -> i32 {
    12 * day.year() + day.month0() as i32
}

/// Explains the letters that there are, in one line.
fn legend(seen: &BTreeSet<Mark>, paint: Paint) -> String {
    let parts: Vec<String> = seen
        .iter()
        .rev()
        .map(|mark| format!("{} {}", mark.cell(paint), mark.look().1))
        .collect();
    parts.join("   ") + "\n"
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use hardsnap::retention::{Policy, Snapshot, plan};

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn drawn(times: &[&str], line: &str, paint: Paint) -> String {
        let policy: Policy = line.parse().unwrap();
        let snapshots = times.iter().enumerate();
        let snapshots: Vec<_> = snapshots
            .map(|(id, time)| Snapshot::new(id, at(time)).with_held(id == 0))
            .collect();
        let plan = plan(&snapshots, &policy, at("2026-06-01T00:00:00Z"));
        draw(&plan, policy.zone(), paint)
    }

    const TIMES: [&str; 5] = [
        "2026-01-01T01:00:00Z",
        "2026-01-31T01:00:00Z",
        "2026-01-31T02:00:00Z",
        "2026-04-02T01:00:00Z",
        "2026-06-30T01:00:00Z",
    ];

    #[test]
    fn a_cell_says_what_keeps_the_day_longest_and_gaps_are_marked() {
        let expected = "         \
         1       5         10        15        20        25        30
2026-01  H                                                           .
…
2026-04    a
…
2026-06                                                            f

a all, last   H held   f dated in the future   . removed
";
        assert_eq!(drawn(&TIMES, "last 1", Paint::Plain), expected);
        let year = drawn(
            &TIMES,
            "all yearly, last of all monthly, last 4",
            Paint::Plain,
        );
        assert!(
            year.contains(
                "2026-01  y                                                           m\n"
            )
        );
        assert_eq!(drawn(&[], "last 1", Paint::Plain), "");
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let mut text = drawn(&TIMES, "last 1", Paint::Colours);
        assert!(text.contains("\x1b[91mH\x1b[0m"));
        for colour in (30..=37).chain(90..=97).chain([0]) {
            text = text.replace(&format!("\x1b[{colour}m"), "");
        }
        assert_eq!(text, drawn(&TIMES, "last 1", Paint::Plain));
    }
}
