//! A plan as a table, a line for each snapshot.

use std::fmt::{self, Display, Write as _};
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use hardsnap::retention::{Kept, Plan, Removed, Zone};

/// What becomes of one snapshot.
pub(super) enum Line<'a, Id> {
    Kept(&'a Kept<Id>),
    Removed(&'a Removed<Id>),
}

impl<Id> Line<'_, Id> {
    fn id(&self) -> &Id {
        match self {
            Line::Kept(kept) => &kept.id,
            Line::Removed(removed) => &removed.id,
        }
    }

    pub(super) fn time(&self) -> DateTime<Utc> {
        match self {
            Line::Kept(kept) => kept.time,
            Line::Removed(removed) => removed.time,
        }
    }
}

/// Yields what is kept and what is removed together, oldest first.
pub(super) fn lines<Id: Ord>(plan: &Plan<Id>) -> impl Iterator<Item = Line<'_, Id>> {
    let mut keep = plan.keep.iter().peekable();
    let mut remove = plan.remove.iter().peekable();
    std::iter::from_fn(move || {
        let kept_is_next = match (keep.peek(), remove.peek()) {
            (Some(kept), Some(removed)) => (kept.time, &kept.id) < (removed.time, &removed.id),
            (kept, _) => kept.is_some(),
        };
        if kept_is_next {
            keep.next().map(Line::Kept)
        } else {
            remove.next().map(Line::Removed)
        }
    })
}

/// Writes the table, with times as the clocks of `zone` show them.
pub(crate) fn write<Id: Ord + Display>(
    out: &mut dyn Write,
    plan: &Plan<Id>,
    zone: Zone,
    heading: Option<&str>,
) -> io::Result<()> {
    let shown = |time: DateTime<Utc>| {
        let time = zone.wall_time(time);
        time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
    };
    let id_width = heading.map(|heading| {
        let widths = lines(plan).map(|line| width(line.id()));
        widths.fold(heading.len(), usize::max)
    });
    let widths = lines(plan).map(|line| shown(line.time()).len());
    let time_width = widths.fold("TIME".len(), usize::max);
    let mut row = |id: &dyn Display, time: &str, verb: &str, why: &dyn Display| {
        if let Some(width) = id_width {
            write!(out, "{id:width$}  ")?;
        }
        writeln!(out, "{time:time_width$}  {verb:6}  {why}")
    };
    row(&heading.unwrap_or_default(), "TIME", "PLAN", &"WHY")?;
    for line in lines(plan) {
        let id = line.id().to_string();
        let time = shown(line.time());
        match line {
            Line::Kept(kept) => row(&id, &time, "keep", &kept.explain())?,
            Line::Removed(removed) => row(&id, &time, "remove", &removed.why)?,
        }
    }
    Ok(())
}

/// Counts the characters of a text that is not kept.
fn width(text: impl Display) -> usize {
    struct Counter(usize);
    impl fmt::Write for Counter {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.chars().count();
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Counting cannot fail.
    let _ = write!(counter, "{text}");
    counter.0
}
