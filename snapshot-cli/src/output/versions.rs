//! The versions of a path as text, each with the command that brings it back.

use std::fmt::Write;
use std::path::PathBuf;

use hardsnap::retention::Zone;
use hardsnap::{EntryKind, EntryVersion, FileTime, Store};

use super::catalog::size_of;
use super::columns::{Colour, Paint, table};
use super::shell;
use super::text::{Escaped, clock, count, local_zone};

/// The versions of a path, each with the command that brings it back.
pub(crate) fn shown(store: &Store, versions: &[EntryVersion], all: bool, paint: Paint) -> String {
    let zone = local_zone();
    let heads = [
        "FIRST IN",
        "LOCAL TIME",
        "SNAPSHOTS",
        "MODE",
        "SIZE",
        "MODIFIED",
    ];
    let rows = versions.iter().map(|version| {
        let entry = &version.entry;
        [
            version.first.to_string().into(),
            clock(version.first.time(), zone).into(),
            count(version.snapshots as u64).into(),
            mode(entry.kind, entry.mode).into(),
            size_of(entry).into(),
            file_clock(entry.mtime, zone).into(),
        ]
    });
    let table = table(heads, rows, &[2, 4], paint);
    let mut lines = table.lines();
    let mut text = format!("{}\n", lines.next().unwrap_or_default());
    for (line, version) in lines.zip(versions) {
        let _ = writeln!(text, "{line}");
        if let Some(target) = &version.entry.link_target {
            let _ = writeln!(text, "    -> {}", Escaped::new(target));
        }
        if all {
            if let Some(place) = place(store, version) {
                let _ = writeln!(text, "    {}", Escaped::new(&place));
            }
        }
        let _ = match restore_command(store, version) {
            Some(command) => writeln!(text, "    {}", paint.text(Colour::GREEN, &command)),
            None => writeln!(text, "    not stored: the destination cannot hold it"),
        };
    }
    text
}

/// Where a version is in the store, if it is there.
fn place(store: &Store, version: &EntryVersion) -> Option<PathBuf> {
    let path = &version.entry.path;
    let below = path.strip_prefix("/").unwrap_or(path);
    let tree = store.path().join(version.last.to_string());
    version.entry.is_stored().then(|| tree.join(below))
}

/// The command that brings a version back, for a shell; none if the store could
/// not hold it. What is neither a file nor a directory, the catalog holds too.
pub(crate) fn restore_command(store: &Store, version: &EntryVersion) -> Option<String> {
    let entry = &version.entry;
    let is_held = match entry.kind {
        EntryKind::File | EntryKind::Directory => entry.is_stored(),
        _ => true,
    };
    is_held.then(|| {
        let (store, path) = (shell::word(store.path()), shell::word(&entry.path));
        format!("hardsnap restore {store} {} {path} --to DIR", version.last)
    })
}

/// Kind and permission bits as `ls` shows them: `-rw-r--r--`.
fn mode(kind: EntryKind, mode: u32) -> String {
    let kind = match kind {
        EntryKind::File => '-',
        EntryKind::Directory => 'd',
        EntryKind::Symlink => 'l',
        EntryKind::Fifo => 'p',
        EntryKind::Socket => 's',
        EntryKind::CharDevice => 'c',
        EntryKind::BlockDevice => 'b',
        _ => '?',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// A time as the clocks of `zone` show it, if there is a calendar for it.
fn file_clock(time: FileTime, zone: Zone) -> String {
    match time.to_utc() {
        Some(time) => clock(time, zone),
        None => format!("{} s after 1970", count_signed(time.seconds())),
    }
}

fn count_signed(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", count(number.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_look_as_ls_has_them() {
        for (kind, bits, text) in [
            (EntryKind::File, 0o644, "-rw-r--r--"),
            (EntryKind::Directory, 0o1777, "drwxrwxrwt"),
            (EntryKind::File, 0o4755, "-rwsr-xr-x"),
            (EntryKind::File, 0o6600, "-rwS--S---"),
            (EntryKind::Fifo, 0o1000, "p--------T"),
            (EntryKind::Symlink, 0o777, "lrwxrwxrwx"),
        ] {
            assert_eq!(mode(kind, bits), text);
        }
    }
}
