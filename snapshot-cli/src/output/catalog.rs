//! What the catalog answers, as text. Times are those of the clocks here;
//! snapshots go by their names, which are in UTC.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use hardsnap::retention::Zone;
use hardsnap::{Aspect, CatalogEntry, ChangeKind, EntryChange, EntryKind, FoundPath};

use super::columns::{Colour, Paint, table};
use super::human::names;
use super::summary::{Diff, NextPrune, Set, Usage};
use super::text::{Escaped, clock, count, local_zone, plural, size};

/// Paths that were found. Their columns are as wide as they ever get to be: the
/// lines are printed as they come.
pub(crate) struct Findings {
    zone: Zone,
    paint: Paint,
}

impl Findings {
    pub(crate) fn new(paint: Paint) -> Findings {
        let zone = local_zone();
        Findings { zone, paint }
    }

    /// What stands over the lines.
    pub(crate) fn heads(&self) -> String {
        let columns = found_columns("FIRST IN", "LAST IN", "LOCAL TIME", "SNAPSHOTS", "SIZE");
        let heads = format!("{columns}  PATH");
        self.paint.text(Colour::BOLD, &heads).into_owned() + "\n"
    }

    pub(crate) fn line(&self, found: &FoundPath) -> String {
        let columns = found_columns(
            &found.first.to_string(),
            &found.last.to_string(),
            &clock(found.last.time(), self.zone),
            &count(found.snapshots as u64),
            &size_of(&found.entry),
        );
        let path = shown(&found.entry.path, &found.entry);
        let path = match found.entry.kind {
            EntryKind::Directory => self.paint.text(Colour::BLUE, &path),
            EntryKind::Symlink => self.paint.text(Colour::CYAN, &path),
            _ => path.as_str().into(),
        };
        format!("{columns}  {path}\n")
    }
}

fn found_columns(first: &str, last: &str, clock: &str, snapshots: &str, size: &str) -> String {
    format!("{first:20}  {last:20}  {clock:19}  {snapshots:>9}  {size:>8}")
}

/// The changes between two snapshots, told line by line. What says nothing by
/// itself is left out unless all is wanted: a directory's mtime, and what came
/// along with a directory that was moved.
pub(crate) struct Difference {
    paint: Paint,
    all: bool,
    /// The last directory that was moved: where to and where from.
    moved: Option<(PathBuf, PathBuf)>,
    left_out: u64,
}

impl Difference {
    pub(crate) fn new(paint: Paint, all: bool) -> Difference {
        Difference {
            paint,
            all,
            moved: None,
            left_out: 0,
        }
    }

    /// The line of a change; empty if it is left out.
    pub(crate) fn line(&mut self, change: &EntryChange) -> String {
        if self.is_left_out(change) && !self.all {
            self.left_out += 1;
            return String::new();
        }
        let word = format!("{:8}", change.kind.as_str());
        let word = match colour(change.kind) {
            Some(colour) => self.paint.text(colour, &word),
            None => word.as_str().into(),
        };
        let entry = change.after.as_ref().or(change.before.as_ref());
        let path = entry.map(|entry| shown(&change.path, entry));
        let mut remarks = Vec::new();
        if let (Some(from), Some(entry)) = (&change.from, entry) {
            remarks.push(format!("from {}", shown(from, entry)));
        }
        if let (Some(before), Some(after)) = (&change.before, &change.after) {
            let differs = change.differs.iter();
            remarks.extend(differs.map(|aspect| remark(*aspect, before, after)));
        }
        let mut line = format!("{word}  {}", path.unwrap_or_default());
        if !remarks.is_empty() {
            line = format!("{line}  ({})", remarks.join(", "));
        }
        line + "\n"
    }

    fn is_left_out(&mut self, change: &EntryChange) -> bool {
        let Some(after) = &change.after else {
            return false;
        };
        let is_directory = after.kind == EntryKind::Directory;
        if change.kind == ChangeKind::Metadata {
            return is_directory && change.differs == [Aspect::Mtime];
        }
        let Some(from) = &change.from else {
            return false;
        };
        let came_along = self.moved.as_ref().is_some_and(|(new, old)| {
            let below = change.path.strip_prefix(new);
            below.is_ok_and(|below| *from == old.join(below))
        });
        if is_directory && !came_along {
            self.moved = Some((change.path.clone(), from.clone()));
        }
        let says_nothing = is_directory && change.differs == [Aspect::Mtime];
        came_along && (change.differs.is_empty() || says_nothing)
    }

    /// How many changes there are, and how many of them were left out.
    pub(crate) fn totals(&self, totals: &Diff) -> String {
        let parts = [
            (totals.added, "added"),
            (totals.removed, "removed"),
            (totals.modified, "modified"),
            (totals.metadata, "with other metadata"),
            (totals.moved, "moved"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{} {what}", count(number)))
            .collect();
        if parts.is_empty() {
            return "no differences\n".to_owned();
        }
        let mut text = parts.join(", ");
        if self.left_out > 0 {
            let number = count(self.left_out);
            let _ = write!(text, "; {number} of them are shown with --verbose only");
        }
        text + "\n"
    }
}

fn colour(kind: ChangeKind) -> Option<Colour> {
    match kind {
        ChangeKind::Added => Some(Colour::GREEN),
        ChangeKind::Removed => Some(Colour::RED),
        ChangeKind::Modified => Some(Colour::YELLOW),
        ChangeKind::Metadata => Some(Colour::CYAN),
        ChangeKind::Moved => Some(Colour::BLUE),
        _ => None,
    }
}

/// In what an entry differs, with both values where they are short.
fn remark(aspect: Aspect, before: &CatalogEntry, after: &CatalogEntry) -> String {
    match aspect {
        Aspect::Kind => format!("{} -> {}", before.kind.as_str(), after.kind.as_str()),
        // Of symlinks.
        Aspect::Content if before.link_target != after.link_target => {
            let target = |entry: &CatalogEntry| entry.link_target.clone().unwrap_or_default();
            format!(
                "to {} -> {}",
                Escaped::new(&target(before)),
                Escaped::new(&target(after))
            )
        }
        Aspect::Content if before.size_bytes != after.size_bytes => {
            format!("{} -> {}", size(before.size_bytes), size(after.size_bytes))
        }
        Aspect::Mode => format!("mode {:04o} -> {:04o}", before.mode, after.mode),
        Aspect::Owner => format!(
            "owner {}:{} -> {}:{}",
            before.uid, before.gid, after.uid, after.gid
        ),
        other => other.as_str().to_owned(),
    }
}

/// What snapshots hold, as a table, and what they hold together.
pub(crate) fn usage(usage: &Usage, paint: Paint) -> String {
    let Usage {
        snapshots,
        together,
        next_prune,
        spare,
    } = usage;
    if snapshots.is_empty() {
        return "no snapshots\n".to_owned();
    }
    let zone = local_zone();
    let heads = ["SNAPSHOT", "LOCAL TIME", "ALONE", "FILES"];
    let rows = snapshots.iter().map(|alone| {
        [
            alone.name.to_string().into(),
            clock(alone.name.time(), zone).into(),
            size(alone.sizes.freed_bytes).into(),
            count(alone.sizes.files).into(),
        ]
    });
    let mut text = table(heads, rows, &[2, 3], paint);
    if let Some(together) = together {
        let snapshots = number_of(together);
        let _ = writeln!(text, "deleting {snapshots} would free {}", freed(together));
    }
    if let Some(NextPrune { set, prune_paused }) = next_prune {
        let would = match prune_paused {
            None => "the next prune would",
            Some(_) => "pruning is paused; otherwise it would",
        };
        let _ = match set.snapshots.len() {
            0 => writeln!(text, "{would} remove nothing"),
            _ => writeln!(
                text,
                "{would} remove {} and free {}\n    {}\n    (the tree of the newest may be kept as the spare until the next backup)",
                number_of(set),
                freed(set),
                names(&set.snapshots, false)
            ),
        };
    }
    if let Some(spare) = spare {
        let goes = match together {
            Some(_) => "; `delete` removes it as well",
            None => "",
        };
        let _ = writeln!(
            text,
            "the spare, the tree of the expired {} that the next backup reuses, holds {} more{goes}",
            spare.name,
            size(spare.sizes.freed_bytes)
        );
    }
    text
}

fn number_of(set: &Set) -> String {
    plural(set.snapshots.len() as u64, "snapshot", "snapshots")
}

/// `3.4 MiB: 12 files, and 100 KiB of directories`.
fn freed(set: &Set) -> String {
    format!(
        "{}: {}, and {} of directories",
        size(set.sizes.freed_bytes),
        plural(set.sizes.files, "file", "files"),
        size(set.sizes.directory_bytes)
    )
}

/// A path, of a directory with a slash behind it.
fn shown(path: &Path, entry: &CatalogEntry) -> String {
    let slash = match entry.kind {
        EntryKind::Directory if path != Path::new("/") => "/",
        _ => "",
    };
    format!("{}{slash}", Escaped::new(path))
}

/// The size of a file; nothing for what has none.
pub(super) fn size_of(entry: &CatalogEntry) -> String {
    match entry.kind {
        EntryKind::File => size(entry.size_bytes),
        _ => "-".to_owned(),
    }
}
