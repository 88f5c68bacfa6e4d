//! What a verification found, as text.

use std::fmt::Write;

use hardsnap::{Aspect, DamageKind, Damaged, GoodCopy, Mending, SnapshotName, VerifyReport};

use super::text::{Escaped, count, duration, plural, size};

/// Each damaged entry, with the snapshots that share it.
pub(crate) fn damaged(report: &VerifyReport) -> String {
    let mut text = String::new();
    for one in &report.damaged {
        let path = Escaped::new(&one.path);
        let (what, snapshots) = (problem(&one.kind), named(&one.snapshots));
        let _ = write!(text, "{path}\n    {what}, in {snapshots}\n");
        if let Some(copy) = copy(one) {
            let _ = writeln!(text, "    {copy}");
        }
    }
    let unnamed = report.damaged_entries - report.damaged.len() as u64;
    if unnamed > 0 {
        let _ = writeln!(text, "and {} more", plural(unnamed, "entry", "entries"));
    }
    text
}

/// What is wrong, in words.
fn problem(kind: &DamageKind) -> String {
    match kind {
        DamageKind::Missing => "missing".to_owned(),
        DamageKind::Unexpected => "never recorded".to_owned(),
        DamageKind::Replaced => "replaced by another file that is equal".to_owned(),
        DamageKind::Altered { differs } => {
            let words: Vec<_> = differs.iter().map(|aspect| word(*aspect)).collect();
            format!("altered ({})", words.join(", "))
        }
        DamageKind::Unreadable { error } => format!("cannot be read: {}", Escaped::new(error)),
        DamageKind::Miscounted { what } => format!("not what its record counts ({what})"),
        other => other.as_str().to_owned(),
    }
}

fn word(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Xattrs => "extended attributes",
        other => other.as_str(),
    }
}

/// `2026-11-20T…Z`, or `3 snapshots, 2026-11-20T…Z to 2026-11-22T…Z`.
fn named(snapshots: &[SnapshotName]) -> String {
    match snapshots {
        [] => "no snapshot".to_owned(),
        [one] => one.to_string(),
        [first, .., last] => {
            let many = plural(snapshots.len() as u64, "snapshot", "snapshots");
            format!("{many}, {first} to {last}")
        }
    }
}

/// Where a good copy is, and what became of the damage.
fn copy(damaged: &Damaged) -> Option<String> {
    let from = match &damaged.good_copy {
        Some(GoodCopy::Source) => Some("the source".to_owned()),
        Some(GoodCopy::Stored { snapshot, path }) => {
            Some(format!("{} in {snapshot}", Escaped::new(path)))
        }
        Some(GoodCopy::Catalog) => Some("what is recorded".to_owned()),
        _ => None,
    };
    Some(match (&damaged.mending, from) {
        (Some(Mending::Repaired), Some(from)) => format!("repaired from {from}"),
        (Some(Mending::Failed { reason }), _) => {
            format!("not repaired: {}", Escaped::new(reason))
        }
        (_, Some(from)) => format!("can be repaired from {from}"),
        (_, None) => return None,
    })
}

/// What was compared, and how much of it is damaged.
pub(crate) fn summary(report: &VerifyReport) -> String {
    let verified = (report.snapshots.len() + report.counted_only.len()) as u64;
    let mut text = format!(
        "verified {}, {}",
        plural(verified, "snapshot", "snapshots"),
        plural(report.checked_entries, "entry", "entries")
    );
    if report.checked_files > 0 {
        let files = plural(report.checked_files, "file", "files");
        text = format!("{text}; read {files} ({})", size(report.checked_bytes));
    }
    text = format!("{text} in {}\n", duration(report.elapsed));
    if report.unhashed_files > 0 {
        let _ = writeln!(
            text,
            "{} could not be compared: no hash was recorded",
            plural(report.unhashed_files, "file", "files")
        );
    }
    if !report.counted_only.is_empty() {
        let _ = writeln!(
            text,
            "{} only counted: the catalog does not tell of {}",
            plural(
                report.counted_only.len() as u64,
                "snapshot was",
                "snapshots were"
            ),
            match report.counted_only.len() {
                1 => "it",
                _ => "them",
            }
        );
    }
    text += &match (report.damaged_entries, report.unrepaired_entries()) {
        (0, _) => "no damage\n".to_owned(),
        (1, 0) => "1 damaged entry, repaired\n".to_owned(),
        (damaged, 0) => format!("{} damaged entries, all repaired\n", count(damaged)),
        (damaged, left) if left < damaged => format!(
            "{}, {} of them not repaired\n",
            plural(damaged, "damaged entry", "damaged entries"),
            count(left)
        ),
        (damaged, _) => format!("{}\n", plural(damaged, "damaged entry", "damaged entries")),
    };
    text
}

/// What can be done now.
pub(crate) fn hints(report: &VerifyReport) -> Vec<String> {
    let mut hints = Vec::new();
    let mendable = |one: &&Damaged| one.mending.is_none() && one.good_copy.is_some();
    let can_be_repaired = report.damaged.iter().filter(mendable).count();
    if can_be_repaired > 0 {
        hints.push(format!(
            "`hardsnap verify STORE --repair` puts good copies in the place of {}",
            plural(can_be_repaired as u64, "entry", "entries")
        ));
    }
    if let Some(place) = &report.kept_aside {
        hints.push(format!(
            "what was damaged is kept in {}; remove it when you need it no more",
            Escaped::new(place)
        ));
    }
    let is_left = |one: &&Damaged| !one.is_repaired();
    let left = || report.damaged.iter().filter(is_left);
    if left().any(|one| one.kind == DamageKind::Unexpected) {
        hints.push(
            "what was never recorded is no part of a snapshot: take it out by hand".to_owned(),
        );
    }
    if left().any(|one| matches!(one.kind, DamageKind::Unreadable { .. })) {
        hints.push(
            "the disk may be failing: look at the system's log, and copy what you need".to_owned(),
        );
    }
    if !report.counted_only.is_empty() {
        hints.push(
            "`hardsnap reindex STORE` makes a catalog that tells of all snapshots".to_owned(),
        );
    }
    hints
}
