//! Where what is damaged is to be had as it was recorded.

use std::collections::HashMap;

use crate::catalog::DirId;
use crate::entry::{EntryKind, Hash};
use crate::error::Result;
use crate::verify::case::{Case, From, Spot, has_hash};
use crate::verify::check::Check;
use crate::verify::findings::{Finding, Recorded};
use crate::verify::report::{DamageKind, GoodCopy};

/// What several findings may be about: one stored inode, or what is to be at
/// one path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Inode(u64),
    Row(DirId, Vec<u8>, u64),
}

/// A case, and the findings that it is about, by their places.
pub(super) type About = (Case, Vec<usize>);

/// Looks for a good copy of each; gives the cases that can be repaired by
/// putting something in the place of what is damaged.
pub(super) fn find(check: &Check<'_>, findings: &mut [Finding]) -> Result<Vec<About>> {
    let mut cases: Vec<About> = Vec::new();
    let mut known: HashMap<Key, usize> = HashMap::new();
    for (place, finding) in findings.iter_mut().enumerate() {
        let Some(recorded) = &finding.place else {
            continue;
        };
        if recorded.row.version.facts.kind == EntryKind::Directory {
            // Each snapshot has its own, and what is in it is another matter.
            let is_recorded = matches!(
                finding.damaged.kind,
                DamageKind::Altered { .. } | DamageKind::Missing
            );
            finding.damaged.good_copy = is_recorded.then_some(GoodCopy::Catalog);
            continue;
        }
        let key = key(check, recorded);
        if let Some(case) = known.get(&key) {
            cases[*case].1.push(place);
            continue;
        }
        known.insert(key, cases.len());
        cases.push((Case::look(check, recorded)?, vec![place]));
    }
    find_elsewhere(check, cases.iter_mut().map(|(case, _)| case))?;
    for (case, places) in &cases {
        for place in places {
            findings[*place].damaged.good_copy = case.good_copy();
        }
    }
    Ok(cases)
}

fn key(check: &Check<'_>, recorded: &Recorded) -> Key {
    let stored = recorded.row.version.facts.stored;
    match stored.filter(|_| check.catalog.has_numbers()) {
        Some(stored) => Key::Inode(stored),
        None => Key::Row(recorded.dir, recorded.name.clone(), recorded.row.first),
    }
}

/// Looks for other files with the same content.
pub(super) fn find_elsewhere<'c>(
    check: &Check<'_>,
    cases: impl Iterator<Item = &'c mut Case>,
) -> Result<()> {
    let mut cases: Vec<_> = cases.collect();
    let mut wanted: HashMap<Hash, Vec<usize>> = HashMap::new();
    for (place, case) in cases.iter().enumerate() {
        let hash = case.recorded.row.version.hash;
        if let Some(hash) = hash.filter(|_| case.from.is_none()) {
            wanted.entry(hash).or_default().push(place);
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    for copy in check.catalog.copies(wanted.keys().copied()) {
        let (hash, sharer) = copy?;
        let waits = |place: &&usize| cases[**place].from.is_none();
        let waiting = wanted.get(&hash).into_iter().flatten();
        let waiting: Vec<usize> = waiting.filter(waits).copied().collect();
        if waiting.is_empty() {
            continue;
        }
        for snapshot in &sharer.snapshots {
            let Some(spot) = Spot::of(*snapshot, &sharer.path) else {
                continue;
            };
            let found = spot
                .open(check)
                .and_then(|dir| Ok((dir.stat(&spot.name)?, dir)));
            let is_good = found
                .is_ok_and(|(metadata, dir)| has_hash(check, &dir, &spot.name, &metadata, &hash));
            check.check_on()?;
            if is_good {
                for place in waiting {
                    cases[place].from = Some(From::Data(spot.clone()));
                }
                break;
            }
        }
    }
    Ok(())
}
