//! Real filesystems: what they hold, and their limits.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use filetime::FileTime;
use hardsnap_tests::{
    Mount, NOBODY, Outcome, Scratch, StoreView, TreeBuilder, TreeImage, assert_same,
    has_ordinary_user, have, noon, skip_unless, snapshot_name,
};

use crate::attributes::{
    ACCESS_ACL, DEFAULT_ACL, Rights, acl, three_days, with_attributes, with_changing,
};
use crate::trees::simple;

/// Makes a snapshot and keeps those before.
pub(crate) fn backup(scratch: &Scratch, source: &Path, store: &Path, day: u64) -> Outcome {
    let command = scratch
        .hardsnap("backup")
        .args(["--init", "--no-prune", "--time", &noon(day)]);
    command.arg(source).arg(store).json().expect(0)
}

/// Bytes that no filesystem makes smaller.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Checks that the form in which xfs keeps an ACL, and shows it to root beside
/// the ACL itself, is nowhere but on xfs.
fn assert_no_form_of_xfs(file: &Path, store: &Path) {
    const XFS_MAGIC: rustix::fs::FsWord = 0x5846_5342;
    let mut value = [0; 1024];
    let found = rustix::fs::lgetxattr(file, "trusted.SGI_ACL_FILE", value.as_mut_slice());
    let is_xfs = rustix::fs::statfs(store).unwrap().f_type == XFS_MAGIC;
    assert_eq!(found.is_ok(), is_xfs, "{}", file.display());
}

fn attributes_on(disk: &Mount) {
    let scratch = Scratch::new();
    // From memory, and from the filesystem to itself.
    for (source, store) in [
        (scratch.join("source"), disk.join("far")),
        (disk.join("source"), disk.join("near")),
        (disk.join("source for memory"), scratch.join("store")),
    ] {
        let tree = with_attributes(TreeBuilder::new(&source), Rights::Root);
        let tree = with_changing(tree, Rights::Root)
            .file("large", noise(3_000_001))
            .mode(0o4755);
        tree.build();
        three_days(&scratch, &source, &store, Rights::Root, |command| command);
        let stored = StoreView::new(&store).tree(&snapshot_name(&noon(0)), &source);
        assert_no_form_of_xfs(&stored.join("kept/acl"), &store);
    }
}

#[test]
fn attributes_on_ext4() {
    if let Some(disk) = Mount::ext4(64) {
        attributes_on(&disk);
    }
}

#[test]
fn attributes_on_xfs() {
    if let Some(disk) = Mount::xfs(320) {
        attributes_on(&disk);
    }
}

#[test]
fn attributes_on_btrfs() {
    if let Some(disk) = Mount::btrfs(256) {
        attributes_on(&disk);
    }
}

/// What the names in a directory stand for: inodes with their names' number.
fn inodes(directory: &Path) -> Vec<(u64, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for found in fs::read_dir(directory).unwrap() {
        *counts
            .entry(found.unwrap().metadata().unwrap().ino())
            .or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// Makes `count` names of one file in the new directory `directory`.
fn links(directory: &Path, count: u32) {
    fs::create_dir_all(directory).unwrap();
    let first = directory.join("0");
    fs::write(&first, b"one file").unwrap();
    for number in 1..count {
        fs::hard_link(&first, directory.join(number.to_string())).unwrap();
    }
}

#[test]
fn a_group_as_large_as_the_filesystem_holds() {
    let Some(disk) = Mount::ext4(256) else { return };
    let scratch = Scratch::new();
    let source = disk.join("source");
    links(&source, 65_000);
    assert!(fs::hard_link(source.join("0"), disk.join("one more")).is_err());
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    for day in 0..3 {
        let outcome = backup(&scratch, &source, &store, day);
        let made = view.tree(&snapshot_name(&noon(day)), &source);
        // It fits once and then never again beside itself.
        let groups = inodes(&made);
        assert_eq!(groups.iter().map(|(_, names)| names).sum::<usize>(), 65_000);
        assert_eq!(groups.len(), 1, "day {day}: {groups:?}");
        let expected: &[&str] = if day == 0 { &[] } else { &["link_limit"] };
        assert_eq!(outcome.warnings("code"), expected, "{outcome}");
        assert_eq!(outcome.number("files_copied"), 1, "{outcome}");
        assert_eq!(fs::read(made.join("64999")).unwrap(), b"one file");
    }
}

#[test]
fn a_group_larger_than_the_destination_holds_is_split() {
    let Some(disk) = Mount::ext4(256) else { return };
    let scratch = Scratch::new();
    let source = scratch.join("source");
    links(&source, 65_100);
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    let mtime = source.join("0").metadata().unwrap().modified().unwrap();
    for day in 0..3 {
        let outcome = backup(&scratch, &source, &store, day);
        let made = view.tree(&snapshot_name(&noon(day)), &source);
        let groups = inodes(&made);
        assert_eq!(groups.iter().map(|(_, names)| names).sum::<usize>(), 65_100);
        assert_eq!(groups.len(), 2, "day {day}: {groups:?}");
        assert_eq!(outcome.warnings("code"), ["link_limit"], "{outcome}");
        for number in 0..65_100 {
            let metadata = made.join(number.to_string()).metadata().unwrap();
            assert_eq!((metadata.len(), metadata.modified().unwrap()), (8, mtime));
        }
    }
}

#[test]
fn a_full_inode_is_copied_once_and_said_once() {
    let Some(disk) = Mount::ext4(64) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    backup(&scratch, &source, &store, 0);
    let stored = view.tree(&snapshot_name(&noon(0)), &source).join("file");
    fs::create_dir(disk.join("links")).unwrap();
    for number in 1..65_000 {
        fs::hard_link(&stored, disk.join(&format!("links/{number}"))).unwrap();
    }
    let mut counts = Vec::new();
    for day in 1..4 {
        let outcome = backup(&scratch, &source, &store, day);
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&noon(day)), &source),
        );
        counts.push((outcome.number("files_copied"), outcome.warnings("code")));
    }
    let nothing = (0, Vec::new());
    assert_eq!(
        counts,
        [(1, vec!["link_limit".to_owned()]), nothing.clone(), nothing]
    );
    let [two, three] = [1, 3].map(|day| view.image(&snapshot_name(&noon(day)), &source));
    assert!(two.shared_with(&three).is_superset(&two.files()));
}

/// Runs chattr; says that the test is skipped where that is refused.
fn chattr(flag: &str, path: &Path) -> bool {
    let status = Command::new("chattr").arg(flag).arg(path).status();
    skip_unless(
        status.is_ok_and(|status| status.success()),
        "chattr is refused here",
    )
}

#[test]
fn immutable_and_append_only_sources_are_no_different() {
    let Some(disk) = Mount::ext4(32) else { return };
    let scratch = Scratch::new();
    let source = TreeBuilder::new(disk.join("source"))
        .file("immutable", b"i")
        .xattr("user.a", b"1")
        .file("append only", b"a")
        .hard_link("append only too", "append only")
        .file("directory/file", b"f")
        .file("growing/file", b"f")
        .build();
    let flags = [
        ("+i", "immutable"),
        ("+a", "append only"),
        ("+i", "directory"),
        ("+a", "growing"),
    ];
    if !flags
        .iter()
        .all(|(flag, name)| chattr(flag, &source.join(name)))
    {
        return;
    }
    let expected = TreeImage::of(&source);
    for store in [disk.join("store"), scratch.join("store")] {
        let view = StoreView::new(&store);
        for day in 0..2 {
            let outcome = backup(&scratch, &source, &store, day);
            assert_same(&expected, &view.image(&snapshot_name(&noon(day)), &source));
            assert_eq!(outcome.warnings("code"), [""; 0], "{outcome}");
            // What is stored has no such flag: the second day links.
            assert_eq!(outcome.number("files_copied") == 0, day == 1, "{outcome}");
        }
        let prune = scratch.hardsnap("prune").arg(&store);
        prune
            .args(["--keep-last", "1", "--now", &noon(1)])
            .run()
            .expect(0);
        view.assert_tidy();
    }
}

#[test]
fn stored_files_that_cannot_be_linked_are_copied_and_it_is_said_once() {
    let Some(disk) = Mount::ext4(32) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .file("one", b"1")
        .file("two", b"2")
        .hard_link("two too", "two")
        .build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    backup(&scratch, &source, &store, 0);
    let stored = view.tree(&snapshot_name(&noon(0)), &source);
    for (flag, name) in [("+i", "one"), ("+a", "two")] {
        if !chattr(flag, &stored.join(name)) {
            return;
        }
    }
    let before = TreeImage::of(&stored);
    let outcome = backup(&scratch, &source, &store, 1);
    assert_eq!(outcome.warnings("code"), ["links_refused"], "{outcome}");
    assert_eq!(outcome.number("files_copied"), 2, "{outcome}");
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(1)), &source),
    );
    assert_same(&before, &TreeImage::of(&stored));
    let outcome = backup(&scratch, &source, &store, 2);
    assert_eq!(outcome.warnings("code"), [""; 0], "{outcome}");
    assert_eq!(outcome.number("files_copied"), 0, "{outcome}");
}

/// The access times of these paths; asking changes none.
fn access_times(paths: &[PathBuf]) -> Vec<FileTime> {
    let time = |path: &PathBuf| FileTime::from_last_access_time(&path.symlink_metadata().unwrap());
    paths.iter().map(time).collect()
}

fn access_times_stay(as_ordinary_user: bool) {
    let Some(disk) = Mount::ext4(32) else { return };
    let status = Command::new("mount")
        .args(["-o", "remount,strictatime"])
        .arg(disk.path())
        .status();
    if !skip_unless(
        status.is_ok_and(|status| status.success()),
        "no strictatime",
    ) {
        return;
    }
    let scratch = Scratch::new();
    let names = [
        "",
        "file",
        "large",
        "linked",
        "directory",
        "directory/file",
        "read only",
        "read only/file",
        "empty",
    ];
    let mut tree = TreeBuilder::new(disk.join("source"))
        .file("file", b"f")
        .xattr("user.a", b"1")
        .xattr(ACCESS_ACL, acl(77, 4))
        .file("large", noise(1_000_000))
        .hard_link("linked", "file")
        .file("directory/file", b"d")
        .directory("directory")
        .xattr("user.d", b"1")
        .xattr(DEFAULT_ACL, acl(77, 4))
        .file("read only/file", b"r")
        .directory("read only")
        .mode(0o555)
        .directory("empty");
    for number in 0..300 {
        tree = tree.file(format!("directory/more {number}"), b"m");
    }
    let source = tree.build();
    let paths: Vec<PathBuf> = names.iter().map(|name| source.join(name)).collect();
    let folder = scratch.ordinary_folder("folder");
    let mut above = vec![disk.path().to_path_buf()];
    if as_ordinary_user {
        for path in paths.iter().chain(
            (0..300)
                .map(|n| source.join(format!("directory/more {n}")))
                .collect::<Vec<_>>()
                .iter(),
        ) {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        // Only the owner may leave no trace.
        above.clear();
    }
    above.extend(paths);
    let before = access_times(&above);
    for day in 0..4 {
        let mut command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        if day == 2 {
            fs::set_permissions(source.join("large"), PermissionsExt::from_mode(0o600)).unwrap();
            filetime::set_file_mtime(
                source.join("directory/file"),
                FileTime::from_unix_time(5, 5),
            )
            .unwrap();
        }
        if day == 3 {
            command = command.args(["--jobs", "1"]);
        }
        command = command.arg(&source).arg(folder.join("store"));
        if as_ordinary_user {
            command = command.as_ordinary_user();
        }
        command.json().expect(0);
        for ((path, was), is) in above.iter().zip(&before).zip(access_times(&above)) {
            assert_eq!(*was, is, "day {day}: {}", path.display());
        }
    }
    // The filesystem does keep them.
    fs::read(source.join("file")).unwrap();
    fs::read_dir(&source).unwrap().for_each(drop);
    let moved = access_times(&[source.join("file"), source.clone()]);
    assert!(!before.contains(&moved[0]) && !before.contains(&moved[1]));
}

#[test]
fn access_times_of_the_source_stay() {
    access_times_stay(false);
}

#[test]
fn access_times_of_one_s_own_source_stay() {
    if has_ordinary_user() {
        access_times_stay(true);
    }
}

#[test]
fn memory_does_not_grow_with_a_directory() {
    const ENTRIES: u32 = 200_000;
    if !skip_unless(have("prlimit"), "prlimit is not installed") {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch.tree("source").build();
    let many = source.join("many");
    fs::create_dir(&many).unwrap();
    // The names alone are more than the limit.
    let name = |number: u32| format!("{number:0>200}");
    for number in 0..ENTRIES {
        fs::File::create(many.join(name(number))).unwrap();
    }
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for day in 0..3 {
        if day == 2 {
            // Nearly half of them go: with more it would be suspect.
            for number in (0..ENTRIES).filter(|number| number % 20 < 9) {
                fs::remove_file(many.join(name(number))).unwrap();
            }
        }
        let command = scratch.hardsnap("backup").args([
            "--init",
            "--no-prune",
            "--jobs",
            "4",
            "--time",
            &noon(day),
        ]);
        let command = command.arg(&source).arg(&store);
        let outcome = command
            .within(["prlimit", "--data=33554432"])
            .json()
            .expect(0);
        let (key, count) = match day {
            0 => ("files_copied", ENTRIES),
            1 => ("files_linked", ENTRIES),
            _ => ("files_linked", ENTRIES / 20 * 11),
        };
        assert_eq!(outcome.number(key), u64::from(count));
        assert_eq!(outcome.surprises(), [""; 0], "{outcome}");
    }
    let made = [0, 1].map(|day| view.tree(&snapshot_name(&noon(day)), &source).join("many"));
    for number in (0..ENTRIES).step_by(997) {
        let [one, two] =
            [&made[0], &made[1]].map(|tree| tree.join(name(number)).metadata().unwrap());
        assert_eq!(one.ino(), two.ino());
    }
    assert_eq!(fs::read_dir(&made[1]).unwrap().count(), 200_000);
    let prune = scratch.hardsnap("prune").arg(&store);
    let prune = prune.args(["--keep-last", "1", "--now", &noon(2)]);
    prune.within(["prlimit", "--data=33554432"]).run().expect(0);
    view.assert_tidy();
}
