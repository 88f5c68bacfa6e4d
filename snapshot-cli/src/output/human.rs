//! Reports as short text.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use hardsnap::retention::{Status, Zone};
use hardsnap::{
    BackupReport, Counts, LeftOutBy, MarkReport, Outcome, Pause, Problem, PrunePlan, ReindexReport,
    RemovalReport, RestoreReport, Room, SnapshotInfo, SnapshotName, Store, Suspicion, TreeReport,
};

use super::columns::{Cell, Colour, Paint, table};
use super::summary::status;
use super::text::{Escaped, clock, count, duration, plural, size};

/// So many snapshots are named where they are not what was asked for.
const NAMED_SNAPSHOTS: usize = 5;

/// What was done with one entry, as a line.
pub(crate) fn entry(path: &Path, outcome: Outcome) -> String {
    let word = match outcome {
        Outcome::Linked | Outcome::LinkedWithin => "linked",
        Outcome::Moved => "moved",
        Outcome::Copied => "copied",
        Outcome::Made => "made",
        Outcome::LeftOut => "left out",
        Outcome::Written => "written",
        Outcome::Replaced => "replaced",
        Outcome::Left => "left",
        Outcome::Deleted => "deleted",
        _ => "done",
    };
    format!("{word:8} {}\n", Escaped::new(path))
}

/// What a filter left out, as a line: `left out PATH (RULE)`.
pub(crate) fn left_out(path: &Path, by: LeftOutBy<'_>) -> String {
    let mut rule = by.to_string();
    if let Some(name) = by.all_but() {
        rule = format!("all but {name}; {rule}");
    }
    format!(
        "left out {} ({})\n",
        Escaped::new(path),
        Escaped::new(&rule)
    )
}

/// Trouble with one entry.
pub(crate) fn problem(problem: &Problem) -> String {
    message(&problem.to_string(), &[&problem.path])
}

/// A message of the library, harmless for a terminal. Paths that it holds
/// lossily are put in exactly.
pub(crate) fn message(text: &str, paths: &[&Path]) -> String {
    let mut text = text.to_owned();
    for path in paths {
        let exact = Escaped::new(*path).to_string();
        let lossy = path.display().to_string();
        if exact != lossy {
            text = text.replace(&lossy, &exact);
        }
    }
    Escaped::new(&text).to_string()
}

/// A new store.
pub(crate) fn init(store: &Store) -> String {
    let path = Escaped::new(store.path());
    let policy = store.policy();
    format!(
        "store made: {path}\nkeeps {policy} (in the days of {})\n",
        policy.zone()
    )
}

/// A backup that was done.
pub(crate) fn backup(report: &BackupReport, dry_run: bool, all_names: bool) -> String {
    let Counts { excluded, .. } = report.counts;
    let mut text = if dry_run {
        "would make snapshot "
    } else {
        "snapshot "
    }
    .to_owned();
    text += &report.snapshot.to_string();
    if report.status != Status::Complete {
        text = format!("{text} ({})", status(report.status));
    }
    text = format!("{text}: {}", totals(&report.counts));
    text += &not_taken(report.skipped.len(), excluded);
    text = format!("{text} in {}\n", duration(report.elapsed));
    if !report.removed.is_empty() {
        let verb = if dry_run { "would prune" } else { "pruned" };
        text += &named(verb, &report.removed, all_names);
    }
    text
}

/// A tree that was replicated.
pub(crate) fn tree(report: &TreeReport, target: &Path, dry_run: bool) -> String {
    let verb = if dry_run { "would make " } else { "" };
    format!(
        "{verb}{}: {}{} in {}\n",
        Escaped::new(target),
        totals(&report.counts),
        not_taken(report.skipped.len(), report.counts.excluded),
        duration(report.elapsed)
    )
}

/// A restore that was done.
pub(crate) fn restore(report: &RestoreReport, dry_run: bool) -> String {
    let RestoreReport {
        counts,
        snapshot,
        deleted,
        ..
    } = report;
    let verb = if dry_run { "would restore" } else { "restored" };
    let mut text = format!(
        "{verb} {snapshot} to {}: {} written ({}), {} replaced, {} left",
        Escaped::new(&report.target),
        plural(counts.written, "entry", "entries"),
        size(counts.bytes_written),
        count(counts.replaced),
        count(counts.left)
    );
    if !deleted.is_empty() {
        text = format!("{text}, {} deleted", count(deleted.len() as u64));
    }
    if !report.damaged.is_empty() {
        let damaged = plural(report.damaged.len() as u64, "file", "files");
        text = format!("{text}; {damaged} damaged and not restored");
    }
    format!("{text} in {}\n", duration(report.elapsed))
}

/// What keeps a restore from beginning, and what it would delete.
pub(crate) fn restore_plan(report: &RestoreReport) -> String {
    let mut text = to_delete(&report.deleted);
    for obstacle in &report.in_the_way {
        text += &message(&obstacle.to_string(), &[&obstacle.path]);
        text.push('\n');
    }
    text
}

/// What is to be deleted, a line each.
pub(crate) fn to_delete(paths: &[PathBuf]) -> String {
    let line = |path: &PathBuf| format!("would delete {}\n", Escaped::new(path));
    paths.iter().map(line).collect()
}

/// `12,345 files linked, 17 copied (17.0 MiB new of 3.0 GiB), 812 directories`.
fn totals(counts: &Counts) -> String {
    let Counts {
        files_linked,
        files_copied,
        files_moved,
        directories,
        symlinks,
        specials,
        ..
    } = *counts;
    let files = if files_copied == counts.files() {
        format!(
            "{} copied ({})",
            plural(files_copied, "file", "files"),
            size(counts.bytes_copied)
        )
    } else {
        let moved = match files_moved {
            0 => String::new(),
            moved => format!(", {} moved", count(moved)),
        };
        format!(
            "{} linked{moved}, {} copied ({} new of {})",
            plural(files_linked, "file", "files"),
            count(files_copied),
            size(counts.bytes_copied),
            size(counts.bytes())
        )
    };
    let mut text = format!(
        "{files}, {}",
        plural(directories, "directory", "directories")
    );
    if symlinks > 0 {
        text = format!("{text}, {}", plural(symlinks, "symlink", "symlinks"));
    }
    if specials > 0 {
        text = format!(
            "{text}, {}",
            plural(specials, "special file", "special files")
        );
    }
    text
}

fn not_taken(skipped: usize, excluded: u64) -> String {
    let mut text = String::new();
    if skipped > 0 {
        text = format!("{text}, {} skipped", count(skipped as u64));
    }
    if excluded > 0 {
        text = format!("{text}, {} left out", count(excluded));
    }
    text
}

/// `pruned 2: NAME, NAME`.
pub(crate) fn named(verb: &str, snapshots: &[SnapshotName], all_names: bool) -> String {
    let number = count(snapshots.len() as u64);
    format!("{verb} {number}: {}\n", names(snapshots, all_names))
}

/// `NAME, NAME and 2 more`.
pub(super) fn names(snapshots: &[SnapshotName], all_names: bool) -> String {
    let shown = if all_names {
        snapshots.len()
    } else {
        snapshots.len().min(NAMED_SNAPSHOTS)
    };
    let (shown, rest) = snapshots.split_at(shown);
    let list: Vec<String> = shown.iter().map(SnapshotName::to_string).collect();
    let mut text = list.join(", ");
    if !rest.is_empty() {
        text = format!("{text} and {} more", count(rest.len() as u64));
    }
    text
}

/// The snapshots as a table.
pub(crate) fn list(
    snapshots: &[SnapshotInfo],
    with_sources: bool,
    zone: Zone,
    paint: Paint,
) -> String {
    if snapshots.is_empty() {
        return "no snapshots\n".to_owned();
    }
    let last = if with_sources {
        "SOURCES AND NOTE"
    } else {
        "NOTE"
    };
    let heads = [
        "SNAPSHOT",
        "LOCAL TIME",
        "STATUS",
        "FILES",
        "SIZE",
        "NEW",
        last,
    ];
    let rows = snapshots.iter().map(|snapshot| {
        let counts = &snapshot.counts;
        [
            snapshot.name.to_string().into(),
            clock(snapshot.name.time(), zone).into(),
            standing(snapshot),
            count(counts.files()).into(),
            size(counts.bytes()).into(),
            size(counts.bytes_copied).into(),
            remarks(snapshot, with_sources).into(),
        ]
    });
    table(heads, rows, &[3, 4, 5], paint)
}

/// What a snapshot counts for, and whether it is held.
fn standing(snapshot: &SnapshotInfo) -> Cell {
    let mut text = status(snapshot.status).to_owned();
    if snapshot.held {
        text += ", held";
    }
    match snapshot.status {
        Status::Complete if snapshot.held => Cell::coloured(text, Colour::CYAN),
        Status::Complete => text.into(),
        Status::Partial => Cell::coloured(text, Colour::YELLOW),
        _ => Cell::coloured(text, Colour::RED),
    }
}

/// The sources, if they are wanted, the note, and what looked wrong.
fn remarks(snapshot: &SnapshotInfo, with_sources: bool) -> String {
    let note = snapshot.note.iter();
    let note = note.map(|note| Escaped::new(note).to_string());
    let reasons = snapshot.suspicions.iter().map(suspicion);
    let remarks: Vec<String> = note.chain(reasons).collect();
    let remarks = remarks.join("; ");
    if !with_sources {
        return remarks;
    }
    let sources = snapshot.sources.iter();
    let sources: Vec<String> = sources
        .map(|source| Escaped::new(source).to_string())
        .collect();
    format!("{}  {remarks}", sources.join(" "))
}

/// What a prune would do, or will do, with each snapshot, oldest first.
pub(crate) fn plan(plan: &PrunePlan) -> String {
    let kept = plan
        .keep()
        .iter()
        .map(|kept| (kept.time, kept.id, "keep", kept.explain()));
    let removed = plan
        .remove()
        .iter()
        .map(|removed| (removed.time, removed.id, "remove", removed.why.to_string()));
    let mut lines: Vec<_> = kept.chain(removed).collect();
    lines.sort();
    let mut text = String::new();
    for (_, name, verb, reason) in lines {
        let _ = writeln!(text, "{verb:6}  {name}  {reason}");
    }
    text
}

/// Why nothing is removed.
pub(crate) fn pause(pause: &Pause) -> String {
    let paths: Vec<&Path> = match pause {
        Pause::Suspect { suspicions, .. } => suspicions.iter().map(Suspicion::source).collect(),
        Pause::DirectoryLost { path } => vec![path],
        _ => Vec::new(),
    };
    message(&pause.to_string(), &paths)
}

fn suspicion(suspicion: &Suspicion) -> String {
    message(&suspicion.to_string(), &[suspicion.source()])
}

/// A snapshot that was held, released or accepted.
pub(crate) fn mark(done: &str, report: &MarkReport) -> String {
    let snapshot = &report.snapshot;
    let mut standing = status(snapshot.status).to_owned();
    if snapshot.held {
        standing += ", held";
    }
    if report.changed {
        format!("{done} {} ({standing})\n", snapshot.name)
    } else {
        format!("nothing to change: {} is {standing}\n", snapshot.name)
    }
}

/// What may go to make room; how much that will be, nobody can tell before.
pub(crate) fn room_planned(plan: &PrunePlan, room: Room) -> String {
    let sizes = format!(
        "{} free, {} wanted",
        size(room.free_bytes),
        size(room.wanted_bytes)
    );
    match plan.candidates_for_room() {
        _ if room.is_enough() => format!("{sizes}\n"),
        [] => format!("{sizes}; nothing more may go to make room\n"),
        candidates => {
            let verb = "as far as that takes more, oldest first, of these";
            format!("{sizes}; {}", named(verb, candidates, true))
        }
    }
}

/// Not enough is free, and that is how it stays.
pub(crate) fn short_of_room(room: Room) -> String {
    format!(
        "{} free, {} wanted, and nothing more may go",
        size(room.free_bytes),
        size(room.wanted_bytes)
    )
}

/// The plan in one line.
pub(crate) fn plan_totals(plan: &PrunePlan) -> String {
    let kept = count(plan.keep().len() as u64);
    match plan.remove().len() {
        removed if removed > 0 && plan.pause().is_some() => format!(
            "paused; otherwise it would prune {}, keep {kept}\n",
            count(removed as u64)
        ),
        0 => format!("nothing to prune, {kept} kept\n"),
        removed => format!("would prune {}, keep {kept}\n", count(removed as u64)),
    }
}

/// A prune or a deletion that was done.
pub(crate) fn removal(verb: &str, report: &RemovalReport, all_names: bool) -> String {
    if report.removed.is_empty() {
        return format!("nothing {verb}\n");
    }
    let mut text = named(verb, &report.removed, all_names);
    if !report.removed_for_room.is_empty() {
        text += &named(
            "of these, to make room,",
            &report.removed_for_room,
            all_names,
        );
    }
    text
}

/// A catalog that was made anew, and what is not in it.
pub(crate) fn reindex(report: &ReindexReport) -> String {
    let mut text = format!(
        "catalog made anew: {}, {} in {}, in {}\n",
        plural(report.snapshots.len() as u64, "snapshot", "snapshots"),
        plural(report.entries, "entry", "entries"),
        plural(report.versions, "version", "versions"),
        duration(report.elapsed)
    );
    let lost = [
        (
            report.versions_without_ctime,
            "are known from trees alone, without the ctimes and inodes of the sources",
        ),
        (report.versions_without_hash, "have no hash"),
    ];
    for (versions, what) in lost {
        if versions > 0 {
            let _ = writeln!(text, "{} of the versions {what}", count(versions));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn totals_say_only_what_there_is() {
        let mut counts = Counts::default();
        counts.files_copied = 1;
        counts.bytes_copied = 5;
        counts.directories = 1;
        assert_eq!(totals(&counts), "1 file copied (5 B), 1 directory");
        counts.files_linked = 12_345;
        counts.files_copied = 17;
        counts.bytes_copied = 17 << 20;
        counts.bytes_linked = 3 << 30;
        counts.directories = 812;
        let all = "12,345 files linked, 17 copied (17.0 MiB new of 3.0 GiB), 812 directories";
        assert_eq!(totals(&counts), all);
        counts.symlinks = 2;
        counts.specials = 1;
        assert_eq!(
            totals(&counts),
            format!("{all}, 2 symlinks, 1 special file")
        );
        let mut counts = Counts::default();
        counts.files_moved = 10_000;
        counts.bytes_linked = 1 << 20;
        assert_eq!(
            totals(&counts),
            "0 files linked, 10,000 moved, 0 copied (0 B new of 1.0 MiB), 0 directories"
        );
        assert_eq!(not_taken(3, 1), ", 3 skipped, 1 left out");
        assert_eq!(not_taken(0, 0), "");
    }

    #[test]
    fn what_is_left_out_is_named_with_its_rule() {
        let filter = hardsnap::Filter::builder()
            .exclude("*\x1b")
            .exclude_if_present(".nobackup")
            .build()
            .unwrap();
        let path = Path::new("a\x1b");
        let verdict = filter.verdict(path, hardsnap::EntryKind::File, 0);
        let line = left_out(path, verdict.left_out_by().unwrap());
        assert_eq!(line, "left out a\\x1b (--exclude *\\x1b)\n");
        let line = left_out(Path::new("/b"), filter.markers()[0].left_out_by());
        let rule = "all but .nobackup; --exclude-if-present .nobackup";
        assert_eq!(line, format!("left out /b ({rule})\n"));
    }

    #[test]
    fn many_snapshots_are_not_all_named_unless_asked() {
        let names: Vec<SnapshotName> = (1..=7)
            .map(|day| format!("2026-03-0{day}T02-00-00Z").parse().unwrap())
            .collect();
        assert_eq!(
            named("pruned", &names[..1], false),
            "pruned 1: 2026-03-01T02-00-00Z\n"
        );
        let short = named("pruned", &names, false);
        assert!(
            short.starts_with("pruned 7: 2026-03-01T02-00-00Z, "),
            "{short}"
        );
        assert!(
            short.ends_with("2026-03-05T02-00-00Z and 2 more\n"),
            "{short}"
        );
        assert!(named("pruned", &names, true).ends_with(", 2026-03-07T02-00-00Z\n"));
    }

    #[test]
    fn a_message_names_its_path_exactly_and_stays_on_one_line() {
        let path = Path::new(OsStr::from_bytes(b"/a\n/\xff"));
        let text = format!("cannot open {}: Permission denied", path.display());
        let expected = "cannot open /a\\n/\\xff: Permission denied";
        assert_eq!(message(&text, &[path]), expected);
        assert_eq!(message("fine: /a/b", &[Path::new("/")]), "fine: /a/b");
    }
}
