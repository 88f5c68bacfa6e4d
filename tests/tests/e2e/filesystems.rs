//! Real filesystems: their limits, what they share, and what is mounted below
//! a source.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use filetime::FileTime;
use hardsnap_tests::{
    Mount, NOBODY, Outcome, Scratch, StoreView, TreeBuilder, TreeImage, assert_same,
    has_ordinary_user, have, noon, skip_unless, snapshot_name,
};

use crate::metadata::{
    ACCESS_ACL, DEFAULT_ACL, Rights, acl, three_days, with_attributes, with_changing,
};
use crate::trees::simple;

/// A block, which is what an extent may take up more on each side.
const BLOCK_BYTES: u64 = 4096;

fn backup(scratch: &Scratch, source: &Path, store: &Path, day: u64) -> Outcome {
    let command = scratch
        .hardsnap("backup")
        .args(["--init", "--no-prune", "--time", &noon(day)]);
    command.arg(source).arg(store).json().expect(0)
}

/// Bytes that no filesystem makes smaller.
fn noise(length: usize) -> Vec<u8> {
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

/// Makes a file of `size` bytes with data at these places.
fn sparse(path: &Path, size: u64, extents: &[(u64, usize)]) {
    let file = fs::File::create(path).unwrap();
    for (position, length) in extents {
        file.write_all_at(&noise(*length), *position).unwrap();
    }
    file.set_len(size).unwrap();
}

/// Files of every pattern of data and holes; the huge ones are in `huge`.
fn sparse_files(source: &Path) -> Vec<(PathBuf, u64)> {
    const MEBIBYTE: u64 = 1 << 20;
    fs::create_dir_all(source.join("huge")).unwrap();
    let apart: Vec<(u64, usize)> = (0..40)
        .map(|n| (n * 8 * MEBIBYTE / 10 + n, 5_000))
        .collect();
    let files: [(&str, u64, &[(u64, usize)]); 10] = [
        ("hole", 30 * MEBIBYTE, &[]),
        (
            "hole at the start",
            30 * MEBIBYTE,
            &[(30 * MEBIBYTE - 3, 3)],
        ),
        ("hole at the end", 30 * MEBIBYTE, &[(0, 3)]),
        (
            "hole in the middle",
            30 * MEBIBYTE,
            &[(0, 9_000), (30 * MEBIBYTE - 9_000, 9_000)],
        ),
        ("apart", 40 * MEBIBYTE, &apart),
        ("odd size", 30 * MEBIBYTE + 1, &[(12_345_678, 1)]),
        ("one byte", 1, &[]),
        ("less than a block", 100, &[(99, 1)]),
        ("huge/hole", 10 << 40, &[]),
        ("huge/ends", 10 << 40, &[(0, 1), ((10 << 40) - 1, 1)]),
    ];
    let mut made = Vec::new();
    for (name, size, extents) in files {
        sparse(&source.join(name), size, extents);
        made.push((PathBuf::from(name), u64::try_from(extents.len()).unwrap()));
    }
    // Space reserved beyond the end makes a file look whole by its blocks.
    sparse(&source.join("reserved"), 8 * MEBIBYTE, &[(4 * MEBIBYTE, 3)]);
    let file = fs::File::options()
        .write(true)
        .open(source.join("reserved"))
        .unwrap();
    let keep = rustix::fs::FallocateFlags::KEEP_SIZE;
    if rustix::fs::fallocate(&file, keep, 8 * MEBIBYTE, 9 * MEBIBYTE).is_ok() {
        made.push((PathBuf::from("reserved"), 1));
    }
    made
}

fn holes_stay_holes(source: &Path, store: &Path) {
    let scratch = Scratch::new();
    let files = sparse_files(source);
    sync(source);
    let view = StoreView::new(store);
    for day in 0..2 {
        let start = Instant::now();
        backup(&scratch, source, store, day);
        let took = start.elapsed();
        assert!(took < Duration::from_secs(20), "took {took:?}");
        sync(store);
        let made = view.tree(&snapshot_name(&noon(day)), source);
        for (name, extents) in &files {
            let [from, to] = [source, &made].map(|tree| tree.join(name).metadata().unwrap());
            assert_eq!(from.len(), to.len(), "{}", name.display());
            let limit = from.blocks() * 512 + 2 * BLOCK_BYTES * extents;
            let taken = to.blocks() * 512;
            assert!(
                taken <= limit,
                "{}: {taken} bytes, at most {limit}",
                name.display()
            );
            // Nothing is taken where there is nothing.
            assert!(
                extents > &0 || taken == 0,
                "{}: {taken} bytes",
                name.display()
            );
        }
        // Ten tebibytes are not read back.
        let small = |tree: &Path| {
            let names = fs::read_dir(tree)
                .unwrap()
                .map(|found| found.unwrap().file_name());
            let names: BTreeSet<_> = names.filter(|name| name != "huge").collect();
            names
                .into_iter()
                .map(|name| (fs::read(tree.join(&name)).unwrap(), name))
                .collect::<Vec<_>>()
        };
        assert!(small(source) == small(&made), "the contents differ");
        let ends = fs::File::open(made.join("huge/ends")).unwrap();
        let mut last = [0];
        ends.read_exact_at(&mut last, (10 << 40) - 1).unwrap();
        assert_eq!(last[0], noise(1)[0]);
        // Another mode alone: the data come from the basis.
        for (name, _) in &files {
            fs::set_permissions(source.join(name), PermissionsExt::from_mode(0o600)).unwrap();
        }
    }
}

fn sync(path: &Path) {
    rustix::fs::syncfs(
        fs::File::open(path)
            .or_else(|_| fs::File::open(path.parent().unwrap()))
            .unwrap(),
    )
    .unwrap();
}

fn holes_on(disk: &Mount) {
    let scratch = Scratch::new();
    holes_stay_holes(&disk.join("source"), &disk.join("near"));
    // tmpfs tells holes as well.
    holes_stay_holes(&scratch.join("source"), &disk.join("far"));
    holes_stay_holes(&disk.join("other"), &scratch.join("store"));
}

#[test]
fn holes_on_ext4() {
    if let Some(disk) = Mount::ext4(256) {
        holes_on(&disk);
    }
}

#[test]
fn holes_on_xfs() {
    if let Some(disk) = Mount::xfs(400) {
        holes_on(&disk);
    }
}

#[test]
fn holes_on_btrfs() {
    if let Some(disk) = Mount::btrfs(300) {
        holes_on(&disk);
    }
}

/// Bytes in use, after all has been written.
fn used(disk: &Mount) -> u64 {
    // btrfs frees and counts with its next transaction.
    for _ in 0..2 {
        sync(disk.path());
    }
    let stat = rustix::fs::statvfs(disk.path()).unwrap();
    (stat.f_blocks - stat.f_bfree) * stat.f_frsize
}

fn data_are_shared(disk: &Mount) {
    const LARGE: u64 = 48 << 20;
    let scratch = Scratch::new();
    let source = TreeBuilder::new(disk.join("source"))
        .file("large", noise(48 << 20))
        .build();
    let grown_by = |what: &str, before: u64| {
        let grown = used(disk).saturating_sub(before);
        assert!(grown < LARGE / 4, "{what}: {grown} bytes more");
    };
    let before = used(disk);
    let store = disk.join("store");
    backup(&scratch, &source, &store, 0);
    grown_by("the first snapshot", before);
    fs::set_permissions(source.join("large"), PermissionsExt::from_mode(0o600)).unwrap();
    backup(&scratch, &source, &store, 1);
    grown_by("another mode", before);
    // From elsewhere: only the basis can be shared with.
    let other = scratch.tree("other").file("large", noise(48 << 20)).build();
    let store = disk.join("other");
    backup(&scratch, &other, &store, 0);
    let before = used(disk);
    fs::set_permissions(other.join("large"), PermissionsExt::from_mode(0o600)).unwrap();
    backup(&scratch, &other, &store, 1);
    grown_by("another mode of a file from elsewhere", before);
    for day in 0..2 {
        let name = snapshot_name(&noon(day));
        let image = StoreView::new(&store).image(&name, &other);
        assert_eq!(
            image.get("large").unwrap().content,
            TreeImage::of(&other).get("large").unwrap().content
        );
    }
}

#[test]
fn data_are_shared_on_xfs() {
    if let Some(disk) = Mount::xfs(400) {
        data_are_shared(&disk);
    }
}

#[test]
fn data_are_shared_on_btrfs() {
    if let Some(disk) = Mount::btrfs(400) {
        data_are_shared(&disk);
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
            command = command.args(["--exclude", "empty", "--jobs", "1"]);
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
    for day in 0..2 {
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
        let key = if day == 0 {
            "files_copied"
        } else {
            "files_linked"
        };
        assert_eq!(outcome.number(key), u64::from(ENTRIES));
    }
    let made = [0, 1].map(|day| view.tree(&snapshot_name(&noon(day)), &source).join("many"));
    for number in (0..ENTRIES).step_by(997) {
        let [one, two] =
            [&made[0], &made[1]].map(|tree| tree.join(name(number)).metadata().unwrap());
        assert_eq!(one.ino(), two.ino());
    }
    assert_eq!(fs::read_dir(&made[1]).unwrap().count(), 200_000);
    let prune = scratch.hardsnap("prune").arg(&store);
    let prune = prune.args(["--keep-last", "1", "--now", &noon(1)]);
    prune.within(["prlimit", "--data=33554432"]).run().expect(0);
    view.assert_tidy();
}

/// A source with places to mount something at.
fn with_places(scratch: &Scratch) -> PathBuf {
    simple(scratch, "source")
        .directory("bound")
        .directory("memory")
        .file("bound file", b"below")
        .directory("below/bound")
        .build()
}

#[test]
fn local_mounts_are_crossed_unless_one_file_system_is_asked_for() {
    let scratch = Scratch::new();
    let source = with_places(&scratch);
    let other = scratch
        .tree("other")
        .file("file", b"o")
        .xattr("user.a", b"1")
        .directory("directory")
        .mode(0o2750)
        .build();
    let Some(_bound) = Mount::bind(&other, &source.join("bound")) else {
        return;
    };
    let Some(_below) = Mount::bind(&source.join("directory"), &source.join("below/bound")) else {
        return;
    };
    let Some(_memory) = Mount::tmpfs_over(&source.join("memory")) else {
        return;
    };
    fs::write(source.join("memory/file"), b"m").unwrap();
    let view = StoreView::new(scratch.join("store"));
    for day in 0..2 {
        let outcome = backup(&scratch, &source, &scratch.join("store"), day);
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&noon(day)), &source),
        );
        assert_eq!(outcome.warnings("code"), [""; 0], "{outcome}");
    }
    let view = StoreView::new(scratch.join("one"));
    for day in 0..2 {
        let command =
            scratch
                .hardsnap("backup")
                .args(["--init", "--one-file-system", "--time", &noon(day)]);
        let outcome = command
            .arg(&source)
            .arg(scratch.join("one"))
            .json()
            .expect(0);
        let made = view.image(&snapshot_name(&noon(day)), &source);
        for place in ["bound", "memory", "below/bound"] {
            assert!(made.at(place).is_empty(), "{place}");
        }
        assert_eq!(
            made.files(),
            ["bound file", "directory/other", "file"]
                .map(|name| name.into())
                .into()
        );
        assert_eq!(outcome.warnings("code"), ["mounts_left_out"], "{outcome}");
        assert_eq!(outcome.text("status"), "complete");
    }
}

#[test]
fn a_file_may_be_a_mount_point() {
    let scratch = Scratch::new();
    let source = with_places(&scratch);
    let other = scratch
        .tree("other")
        .file("file", b"above, and longer")
        .build();
    let Some(_bound) = Mount::bind(&other.join("file"), &source.join("bound file")) else {
        return;
    };
    let view = StoreView::new(scratch.join("store"));
    for day in 0..2 {
        backup(&scratch, &source, &scratch.join("store"), day);
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&noon(day)), &source),
        );
    }
}

#[test]
fn pseudo_filesystems_are_said_once() {
    let scratch = Scratch::new();
    let source = with_places(&scratch);
    let expected = TreeImage::of(&source);
    let Some(_one) = Mount::proc(&source.join("bound")) else {
        return;
    };
    let Some(_two) = Mount::proc(&source.join("memory")) else {
        return;
    };
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for how in ["--no-prune", "--cross-network"] {
        let day = u64::from(how == "--cross-network");
        let command = scratch
            .hardsnap("backup")
            .args(["--init", how, "--time", &noon(day)]);
        let outcome = command.arg(&source).arg(&store).json().expect(0);
        let made = view.image(&snapshot_name(&noon(day)), &source);
        assert!(made.at("bound").is_empty() && made.at("memory").is_empty());
        assert_eq!(made.files(), expected.files());
        assert_eq!(outcome.warnings("code"), ["mounts_left_out"], "{outcome}");
        assert_eq!(outcome.text("status"), "complete");
    }
}

/// Backs a source up in which a FUSE filesystem hangs at `place`.
fn hanging(place: &str) {
    let scratch = Scratch::new();
    let source = with_places(&scratch);
    let Some(_hanging) = Mount::silent_fuse(&source.join(place)) else {
        return;
    };
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for day in 0..2 {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        let mut run = command.arg(&source).arg(&store).arg("--json").spawn();
        let start = Instant::now();
        while !run.has_ended() {
            // Dropping the run kills it, and then the filesystem is unmounted.
            assert!(start.elapsed() < Duration::from_secs(20), "it hangs");
            std::thread::sleep(Duration::from_millis(5));
        }
        let outcome = run.wait();
        assert!([Some(0), Some(3)].contains(&outcome.code()), "{outcome}");
        let made = view.image(&snapshot_name(&noon(day)), &source);
        assert_eq!(made.get("file").unwrap().size, 7);
        assert_eq!(outcome.warnings("code"), ["mounts_left_out"], "{outcome}");
        if place == "bound" {
            assert_eq!(outcome.code(), Some(0), "{outcome}");
            assert!(made.at("bound").is_empty());
        }
    }
}

#[test]
fn a_fuse_server_that_does_not_answer_is_not_asked() {
    hanging("bound");
}

#[test]
fn a_fuse_server_behind_a_file_that_does_not_answer_is_not_asked() {
    hanging("bound file");
}
