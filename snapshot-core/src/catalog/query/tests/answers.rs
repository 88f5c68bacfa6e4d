//! Answers that are worth an example.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::model::name_of;
use super::rows::{Rows, version};
use crate::catalog::query::{Aspect, Catalog, ChangeKind, EntryChange};
use crate::catalog::row::encode_xattrs;
use crate::entry::{EntryKind, FileTime};
use crate::error::ErrorKind;
use crate::xattr::Xattrs;

const FILE: EntryKind = EntryKind::File;
const DIRECTORY: EntryKind = EntryKind::Directory;

fn changes(catalog: &Catalog, a: u64, b: u64) -> Vec<EntryChange> {
    let changes = catalog.changes(name_of(a), name_of(b)).unwrap();
    changes.map(Result::unwrap).collect()
}

/// `KIND PATH` or `KIND PATH < FROM`.
fn told(catalog: &Catalog, a: u64, b: u64) -> Vec<String> {
    let line = |change: EntryChange| {
        let from = change.from.map(|from| format!(" < {}", from.display()));
        let (kind, path) = (change.kind.as_str(), change.path.display());
        format!("{kind} {path}{}", from.unwrap_or_default())
    };
    changes(catalog, a, b).into_iter().map(line).collect()
}

#[test]
fn an_entry_comes_with_all_that_a_restore_needs() {
    let mut rows = Rows::new(&[1]);
    let mut file = version(FILE, 9);
    file.facts.mode = 0o4755;
    (file.facts.uid, file.facts.gid) = (7, 8);
    let xattrs = Xattrs::new(vec![
        (c"user.b".to_owned(), b"\0\xff".to_vec()),
        (c"security.capability".to_owned(), vec![1]),
    ]);
    file.xattrs = encode_xattrs(&xattrs);
    rows.put("/file", 1, None, file);
    let mut link = version(EntryKind::Symlink, 3);
    link.target = Some(b"../x".to_vec());
    rows.put("/link", 1, None, link);
    let mut disk = version(EntryKind::BlockDevice, 4);
    (disk.facts.stored, disk.facts.device_number) = (None, 2049);
    rows.put("/disk", 1, None, disk);
    let (_place, catalog) = rows.done();
    let entry = |path: &str| catalog.entry(name_of(1), path).unwrap().unwrap();
    let file = entry("/file");
    assert_eq!(
        (file.kind, file.mode, file.uid, file.gid),
        (FILE, 0o4755, 7, 8)
    );
    assert_eq!((file.size_bytes, file.allocated_bytes), (9, 4096));
    let time = file.mtime.to_utc().unwrap().to_rfc3339();
    assert_eq!(time, "1970-01-01T00:00:09.000000007+00:00");
    let names: Vec<OsString> = file.xattrs.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, ["security.capability", "user.b"]);
    assert_eq!(file.xattrs[1].1, b"\0\xff");
    assert_eq!((file.blake3, file.stored_inode), (Some([9; 32]), Some(109)));
    assert_eq!(entry("/link").link_target, Some(PathBuf::from("../x")));
    assert_eq!(entry("/disk").device_number, 2049);
    assert!(file.is_stored() && entry("/").is_stored() && !entry("/disk").is_stored());
    assert_eq!(
        (entry("/").stored_inode, entry("/").allocated_bytes),
        (None, 0)
    );
    assert_eq!(catalog.entry(name_of(1), "/nothing").unwrap(), None);
    assert_eq!(catalog.entry(name_of(1), "/file/below").unwrap(), None);
}

#[test]
fn times_beyond_any_calendar_come_as_they_are() {
    let mut rows = Rows::new(&[1]);
    for (name, seconds) in [("/early", i64::MIN), ("/late", i64::MAX)] {
        let mut file = version(FILE, 1);
        file.facts.mtime = FileTime {
            seconds,
            nanoseconds: 999_999_999,
        };
        rows.put(name, 1, None, file);
    }
    let (_place, catalog) = rows.done();
    let time = |path: &str| catalog.entry(name_of(1), path).unwrap().unwrap().mtime;
    assert_eq!(
        (time("/early").seconds(), time("/early").to_utc()),
        (i64::MIN, None)
    );
    assert_eq!(
        (time("/late").seconds(), time("/late").to_utc()),
        (i64::MAX, None)
    );
    assert_eq!(time("/late").nanoseconds(), 999_999_999);
}

#[test]
fn entries_come_in_the_order_of_their_paths_and_not_of_their_text() {
    let mut rows = Rows::new(&[1]);
    for dir in ["/a", "/a/b"] {
        rows.put(dir, 1, None, version(DIRECTORY, 1));
    }
    for file in ["/a.txt", "/a/b/c", "/a/b!", "/a/é"] {
        rows.put(file, 1, None, version(FILE, 1));
    }
    let (_place, catalog) = rows.done();
    let entries = catalog.entries(name_of(1), "/").unwrap();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path).collect();
    let expected = ["/", "/a", "/a/b", "/a/b/c", "/a/b!", "/a/é", "/a.txt"];
    assert_eq!(paths, expected.map(PathBuf::from));
}

#[test]
fn a_directory_that_was_moved_is_told_with_all_that_came_along() {
    let mut rows = Rows::new(&[1, 2]);
    for (dir, inode) in [("/old", 20), ("/old/sub", 21)] {
        rows.put(dir, 1, Some(2), version(DIRECTORY, inode));
    }
    for (dir, inode) in [("/new", 20), ("/new/sub", 21)] {
        let mut version = version(DIRECTORY, inode);
        if inode == 20 {
            // Something was put into it afterwards.
            version.facts.mtime.seconds += 100;
        }
        rows.put(dir, 2, None, version);
    }
    for name in ["/sub/x", "/y"] {
        let number = name.len() as u64;
        rows.put(&format!("/old{name}"), 1, Some(2), version(FILE, number));
        rows.put(&format!("/new{name}"), 2, None, version(FILE, number));
    }
    rows.put("/new/later", 2, None, version(FILE, 50));
    rows.put("/old/gone", 1, Some(2), version(FILE, 51));
    rows.put("/old/altered", 1, Some(2), version(FILE, 52));
    rows.put("/new/altered", 2, None, version(FILE, 53));
    let (_place, catalog) = rows.done();
    let expected = [
        "moved /new < /old",
        "moved /new/altered < /old/altered",
        "added /new/later",
        "moved /new/sub < /old/sub",
        "moved /new/sub/x < /old/sub/x",
        "moved /new/y < /old/y",
        "removed /old/gone",
    ];
    assert_eq!(told(&catalog, 1, 2), expected);
    let moved = changes(&catalog, 1, 2);
    assert_eq!(moved[0].differs, [Aspect::Mtime]);
    assert_eq!(moved[0].before.as_ref().unwrap().path, Path::new("/old"));
    assert_eq!(moved[1].differs, [Aspect::Content, Aspect::Mtime]);
    let back = told(&catalog, 2, 1);
    assert!(back.contains(&"moved /old < /new".to_owned()), "{back:?}");
}

#[test]
fn a_new_directory_with_the_inode_of_one_that_is_gone_was_not_moved() {
    let mut rows = Rows::new(&[1, 2]);
    rows.put("/old", 1, Some(2), version(DIRECTORY, 20));
    rows.put("/old/same-name", 1, Some(2), version(FILE, 30));
    let mut other = version(DIRECTORY, 20);
    other.facts.mtime.seconds += 100;
    rows.put("/new", 2, None, other);
    rows.put("/new/same-name", 2, None, version(FILE, 31));
    let (_place, catalog) = rows.done();
    let expected = [
        "added /new",
        "added /new/same-name",
        "removed /old",
        "removed /old/same-name",
    ];
    assert_eq!(told(&catalog, 1, 2), expected);
}

#[test]
fn directories_whose_inodes_are_not_known_are_not_taken_for_one() {
    let mut rows = Rows::new(&[1, 2]);
    let mut unknown = version(DIRECTORY, 0);
    unknown.facts.mount = 0;
    rows.put("/old", 1, Some(2), unknown.clone());
    rows.put("/new", 2, None, unknown);
    let (_place, catalog) = rows.done();
    assert_eq!(told(&catalog, 1, 2), ["added /new", "removed /old"]);
}

#[test]
fn names_of_one_file_that_were_moved_keep_to_their_names() {
    let mut rows = Rows::new(&[1, 2]);
    for dir in ["/from", "/to"] {
        rows.put(dir, 1, None, version(DIRECTORY, 1));
    }
    for name in ["a", "b"] {
        rows.put(&format!("/from/{name}"), 1, Some(2), version(FILE, 5));
    }
    for name in ["b", "c", "d"] {
        rows.put(&format!("/to/{name}"), 2, None, version(FILE, 5));
    }
    let (_place, catalog) = rows.done();
    let expected = [
        "moved /to/b < /from/b",
        "moved /to/c < /from/a",
        "added /to/d",
    ];
    assert_eq!(told(&catalog, 1, 2), expected);
}

#[test]
fn what_only_the_engine_sees_is_no_change() {
    let mut rows = Rows::new(&[1, 2]);
    let before = version(FILE, 5);
    let mut after = before.clone();
    after.facts.ctime.seconds += 1;
    (after.facts.inode, after.facts.mount) = (77, 2);
    (after.facts.racy, after.facts.allocated_bytes) = (true, 8192);
    // A copy of what the hash says is the same.
    after.facts.stored = Some(999);
    rows.put("/file", 1, Some(2), before);
    rows.put("/file", 2, None, after);
    let (_place, catalog) = rows.done();
    assert!(changes(&catalog, 1, 2).is_empty());
    let versions = catalog.versions("/file").unwrap();
    assert_eq!((versions.len(), versions[0].snapshots), (1, 2));
    assert_eq!(versions[0].entry.stored_inode, Some(999));
}

#[test]
fn content_is_known_by_its_hash_and_else_by_size_and_mtime() {
    let with = |hash: Option<u8>, stored: u64, mtime: i64, mode: u32| {
        let mut file = version(FILE, 5);
        file.hash = hash.map(|byte| [byte; 32]);
        file.facts.stored = Some(stored);
        file.facts.mtime.seconds = mtime;
        file.facts.mode = mode;
        file
    };
    let before = with(Some(1), 1, 1, 0o600);
    let unknown = with(None, 1, 1, 0o600);
    let cases = [
        (
            "same hash, touched",
            &before,
            with(Some(1), 2, 2, 0o600),
            ChangeKind::Metadata,
        ),
        (
            "time put back",
            &before,
            with(Some(2), 2, 1, 0o600),
            ChangeKind::Modified,
        ),
        (
            "touched, not hashed",
            &unknown,
            with(Some(2), 2, 2, 0o600),
            ChangeKind::Modified,
        ),
        (
            "chmod, not hashed",
            &unknown,
            with(None, 2, 1, 0o644),
            ChangeKind::Metadata,
        ),
        (
            "copied without a reason",
            &unknown,
            with(None, 2, 1, 0o600),
            ChangeKind::Modified,
        ),
    ];
    let mut rows = Rows::new(&[1, 2]);
    for (name, before, after, _) in &cases {
        rows.put(&format!("/{name}"), 1, Some(2), (*before).clone());
        rows.put(&format!("/{name}"), 2, None, after.clone());
    }
    let (_place, catalog) = rows.done();
    let found = changes(&catalog, 1, 2);
    assert_eq!(found.len(), cases.len());
    for (name, _, _, kind) in cases {
        let path = Path::new("/").join(name);
        let change = found.iter().find(|change| change.path == path).unwrap();
        assert_eq!(change.kind, kind, "{name}");
    }
}

#[test]
fn a_path_that_was_gone_for_a_while_has_two_versions() {
    let mut rows = Rows::new(&[1, 2, 3, 4]);
    rows.put("/file", 1, Some(2), version(FILE, 5));
    rows.put("/file", 3, None, version(FILE, 5));
    let (_place, catalog) = rows.done();
    let versions = catalog.versions("/file").unwrap();
    let ranges: Vec<_> = versions
        .iter()
        .map(|version| (version.first, version.last, version.snapshots))
        .collect();
    let expected = [(name_of(1), name_of(1), 1), (name_of(3), name_of(4), 2)];
    assert_eq!(ranges, expected);
}

#[test]
fn what_is_no_path_of_a_snapshot_is_refused() {
    let (_place, catalog) = Rows::new(&[1]).done();
    for path in ["", "a", "./a", "/a/../b"] {
        let error = catalog.versions(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{path}");
        assert!(catalog.entries(name_of(1), path).is_err(), "{path}");
    }
    assert!(catalog.versions("//a//./b/").unwrap().is_empty());
    let unknown = catalog.entries(name_of(2), "/").err().unwrap();
    assert_eq!(unknown.kind(), ErrorKind::UnknownSnapshot);
}

#[test]
fn a_path_is_taken_as_given_before_symlinks_are_followed() {
    let place = tempfile::tempdir().unwrap();
    let real = place.path().canonicalize().unwrap();
    std::fs::create_dir(real.join("dir")).unwrap();
    std::fs::write(real.join("dir/file"), "").unwrap();
    std::os::unix::fs::symlink("dir", real.join("link")).unwrap();
    std::os::unix::fs::symlink("file", real.join("dir/name")).unwrap();
    let text = |path: &str| real.join(path).to_str().unwrap().to_owned();
    let mut rows = Rows::new(&[1]);
    rows.put(&text("dir"), 1, None, version(DIRECTORY, 1));
    for file in ["dir/file", "dir/gone/file", "link"] {
        rows.put(&text(file), 1, None, version(FILE, 1));
    }
    let (_place, catalog) = rows.done();
    for (given, expected) in [
        // There is a snapshot of the symlink itself.
        ("link", "link"),
        ("link/file", "dir/file"),
        ("link/gone/file", "dir/gone/file"),
        ("link/gone/../file", "dir/file"),
        ("link/../dir/file", "dir/file"),
        ("dir//./file/", "dir/file"),
        // Of this one there is none, but of what it leads to.
        ("link/name", "dir/file"),
        ("link/never", "dir/never"),
    ] {
        let found = catalog.resolve(real.join(given)).unwrap();
        assert_eq!(found, real.join(expected), "{given}");
    }
}

#[test]
fn a_file_of_many_names_is_freed_once_and_only_with_its_last_one() {
    let mut rows = Rows::new(&[1, 2, 3]);
    for number in 0..30 {
        rows.put(&format!("/early-{number}"), 1, Some(2), version(FILE, 5));
        rows.put(&format!("/late-{number}"), 2, Some(3), version(FILE, 5));
        rows.put(&format!("/kept-{number}"), 1, Some(2), version(FILE, 6));
    }
    rows.put("/kept", 3, None, version(FILE, 6));
    let (_place, catalog) = rows.done();
    let freed = |set: &[u64]| {
        let set: Vec<_> = set.iter().map(|sequence| name_of(*sequence)).collect();
        let sizes = catalog.sizes(&set).unwrap();
        (sizes.freed_bytes, sizes.files, sizes.apparent_bytes)
    };
    assert_eq!(freed(&[1]), (0, 0, 0));
    assert_eq!(freed(&[2]), (0, 0, 0));
    assert_eq!(freed(&[1, 2]), (4096, 1, 5));
    assert_eq!(freed(&[1, 2, 3]), (8192, 2, 11));
    assert_eq!(freed(&[]), (0, 0, 0));
    assert_eq!(freed(&[2, 1, 2]), freed(&[1, 2]));
}
