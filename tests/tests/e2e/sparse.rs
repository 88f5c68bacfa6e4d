//! Holes stay holes, and data that can be shared are shared.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hardsnap_tests::{Mount, Scratch, StoreView, TreeBuilder, TreeImage, noon, snapshot_name};

use crate::filesystems::{backup, noise};

/// A block, which is what an extent may take up more on each side.
const BLOCK_BYTES: u64 = 4096;

/// Makes a file of `size` bytes with data at these places.
fn sparse(path: &Path, size: u64, extents: &[(u64, usize)]) {
    let file = fs::File::create(path).unwrap();
    // xfs reserves space behind what is written at the end of a file, and
    // keeps it when the file grows.
    file.set_len(size).unwrap();
    for (position, length) in extents {
        file.write_all_at(&noise(*length), *position).unwrap();
    }
}

/// A name, a size in bytes, and where data of which length are.
type Pattern<'a> = (&'a str, u64, &'a [(u64, usize)]);

/// Files of every pattern of data and holes; the huge ones are in `huge`.
fn sparse_files(source: &Path) -> Vec<(PathBuf, u64)> {
    const MEBIBYTE: u64 = 1 << 20;
    fs::create_dir_all(source.join("huge")).unwrap();
    let apart: Vec<(u64, usize)> = (0..40)
        .map(|n| (n * 8 * MEBIBYTE / 10 + n, 5_000))
        .collect();
    let files: [Pattern<'_>; 10] = [
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
