//! The one-line policy: `daily for 2 weeks min 14, all monthly`.

use std::fmt;
use std::str::FromStr;

use super::error::{PolicyError, Trouble};
use super::policy::{Every, Pick, Policy, Rule, Window};
use super::span::{Span, Unit};
use super::words::Words;

const PERIODS: &str = "hourly, daily, weekly, monthly or yearly";
const RULE: &str = "a rule such as `daily for 2 weeks`, `14 daily`, `all monthly` or `last 10`";

/// Reads one line, such as `daily for 2 weeks min 14, all monthly`; the zone is UTC and the anchor
/// the newest snapshot.
///
/// Rules stand between commas: `daily for 2 weeks` (by age), `14 daily` (the newest 14 days),
/// `all monthly` (for ever); for single snapshots `all for 2 days`, `last 10` and `all`. After one
/// may stand `min N` and `max N`, before it `first of` or `last of`.
impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let mut words = Words::new(text);
        if words.peek().is_none() {
            return Err(PolicyError::Empty);
        }
        let mut rules = vec![rule(&mut words)?];
        while words.accept(",") {
            rules.push(rule(&mut words)?);
        }
        words.end("`,`, `min N` or `max N`")?;
        Self::new(rules)
    }
}

/// Writes the line that reads as these rules; zone and anchor are not in it.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.rules().iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            rule.fmt(f)?;
        }
        Ok(())
    }
}

/// Reads one rule of the line of a [`Policy`].
impl FromStr for Rule {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let mut words = Words::new(text);
        let rule = rule(&mut words)?;
        words.end("`min N` or `max N`")?;
        Ok(rule)
    }
}

fn rule(words: &mut Words<'_>) -> Result<Rule, PolicyError> {
    let mut ahead = words.clone();
    let pick = ahead.next(RULE)?.pick();
    match pick {
        Some(pick) if ahead.accept("of") => {
            *words = ahead;
            let rule = base(words)?;
            Ok(limits(words, rule)?.with_pick(pick))
        }
        _ => {
            let rule = base(words)?;
            limits(words, rule)
        }
    }
}

/// Reads a rule up to its limits.
fn base(words: &mut Words<'_>) -> Result<Rule, PolicyError> {
    let word = words.next(RULE)?;
    if word.is("all") {
        if let Some(every) = words
            .peek()
            .and_then(|next| Every::from_adjective(next.text))
        {
            words.next(PERIODS)?;
            return Ok(Rule::forever(every));
        }
        if words.accept("for") {
            return window(words, Every::Snapshot);
        }
        return Ok(Rule::forever(Every::Snapshot));
    }
    if word.is("last") {
        return Ok(Rule::count(Every::Snapshot, words.count()?));
    }
    if let Some(every) = Every::from_adjective(word.text) {
        if words.accept("for") {
            return window(words, every);
        }
        return match words.peek() {
            Some(next) if next.is("min") => Ok(Rule::count(every, 0)),
            Some(next) => Err(next.refuse(Trouble::Expected("`for` or `min`"))),
            None => Err(PolicyError::Unfinished {
                text: word.text.to_owned(),
                expected: "`for` or `min`",
            }),
        };
    }
    if word
        .text
        .starts_with(|c: char| c == '-' || c.is_ascii_digit())
    {
        let mut number = Words::new(word.text);
        let count = number.count().map_err(|error| error.moved(word.position))?;
        let period = words.next(PERIODS)?;
        let every = Every::from_adjective(period.text)
            .ok_or_else(|| period.refuse(Trouble::Expected(PERIODS)))?;
        return Ok(Rule::count(every, count));
    }
    Err(word.refuse(Trouble::Expected(RULE)))
}

/// Reads what follows `for`.
fn window(words: &mut Words<'_>, every: Every) -> Result<Rule, PolicyError> {
    if words.accept("ever") || words.accept("forever") {
        return Ok(Rule::forever(every));
    }
    Ok(Rule::within(every, words.span()?))
}

fn limits(words: &mut Words<'_>, mut rule: Rule) -> Result<Rule, PolicyError> {
    let mut floor_given = rule.within == Window::None && rule.at_least > 0;
    while let Some(word) = words.peek() {
        if word.is("min") {
            words.next("`min`")?;
            if floor_given {
                return Err(word.refuse(Trouble::Twice));
            }
            floor_given = true;
            rule = rule.with_at_least(words.count()?);
        } else if word.is("max") {
            words.next("`max`")?;
            if rule.at_most.is_some() {
                return Err(word.refuse(Trouble::Twice));
            }
            rule = rule.with_at_most(words.count()?);
        } else {
            break;
        }
    }
    Ok(rule)
}

/// Writes the rule as it stands in the line of a [`Policy`].
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pick == Pick::Last && self.every != Every::Snapshot {
            f.write_str("last of ")?;
        }
        let name = self.every.adjective();
        let floor = match (self.within, self.every) {
            (Window::None, Every::Snapshot) => {
                write!(f, "last {}", self.at_least)?;
                0
            }
            (Window::None, _) => {
                write!(f, "{} {name}", self.at_least)?;
                0
            }
            (Window::Span(span), _) => {
                write!(f, "{name} for {span}")?;
                self.at_least
            }
            (Window::Forever, Every::Snapshot) => {
                f.write_str("all")?;
                self.at_least
            }
            (Window::Forever, _) => {
                write!(f, "all {name}")?;
                self.at_least
            }
        };
        if floor > 0 {
            write!(f, " min {floor}")?;
        }
        if let Some(limit) = self.at_most {
            write!(f, " max {limit}")?;
        }
        Ok(())
    }
}

impl FromStr for Span {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let mut words = Words::new(text);
        let span = words.span()?;
        words.end("nothing more after the span")?;
        Ok(span)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit() {
            Unit::Hour => "hour",
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Year => "year",
        };
        let plural = if self.count() == 1 { "" } else { "s" };
        write!(f, "{} {unit}{plural}", self.count())
    }
}
