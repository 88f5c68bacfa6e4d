//! `cargo bench -p hardsnap-benches --bench pure`: what a run decides without
//! touching a source, and what the catalog answers.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use criterion::{Criterion, Throughput};
use hardsnap::internals::Pairs;
use hardsnap::retention::{Policy, Snapshot, plan};
use hardsnap::{
    BackupOptions, CancelToken, EntryKind, Filter, InitOptions, SnapshotName, Store, Verdict,
};

const PATTERNS: &str = "*.o\n*~\n.cache\nnode_modules/\ntarget/\n/Downloads\n*.qcow2\n\
    *.log.[0-9]\n/var/cache/**\n**/cache/*.bin\n.config/**/GPUCache/\n!keep.o\nphotos/**/raw/*.dng\n";

const DIRECTORIES: usize = 80;
const FILES_A_DIRECTORY: usize = 25;

fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn filter(criterion: &mut Criterion) {
    let filter = Filter::builder()
        .patterns_from("patterns", PATTERNS)
        .build()
        .expect("patterns that can be read");
    let paths: Vec<PathBuf> = (0..10_000)
        .map(|index| {
            let ending = ["txt", "rs", "o", "log.1", "dng", "bin"][index % 6];
            PathBuf::from(format!(
                "d{:02}/project-{:03}/src/module_{:02}/file_{index:05}.{ending}",
                index / 500,
                index / 100,
                index % 50
            ))
        })
        .collect();
    let mut group = criterion.benchmark_group("filter");
    group.throughput(Throughput::Elements(paths.len() as u64));
    group.bench_function("13 patterns", |bencher| {
        bencher.iter(|| {
            let taken = |path: &&PathBuf| {
                filter.verdict(black_box(path), EntryKind::File, 1) == Verdict::Take
            };
            paths.iter().filter(taken).count()
        });
    });
    group.finish();
}

fn comparison(criterion: &mut Criterion) {
    let pairs = Pairs::new(10_000);
    let mut group = criterion.benchmark_group("comparison");
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("compare and plan", |bencher| {
        bencher.iter(|| black_box(&pairs).linked());
    });
    group.finish();
}

fn retention(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("retention");
    for (name, count, step) in [
        ("every 5 minutes", 10_000, TimeDelta::minutes(5)),
        ("daily", 3_650, TimeDelta::days(1)),
    ] {
        let snapshots: Vec<Snapshot<i32>> = (0..count)
            .map(|id| Snapshot::new(id, start() + step * id))
            .collect();
        let now = start() + step * count;
        let policy = Policy::default();
        group.throughput(Throughput::Elements(snapshots.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| plan(black_box(&snapshots), &policy, now));
        });
    }
    group.finish();
}

/// Makes a store with two snapshots of 2,000 files, one in ten of which
/// changed in between.
fn store(folder: &Path) -> (Store, [SnapshotName; 2]) {
    let source = folder.join("source");
    let write = |directory: usize, file: usize, text: &str| {
        let path = source.join(format!("directory-{directory:02}/file-{file:02}.data"));
        fs::write(path, text).expect("a file");
    };
    for directory in 0..DIRECTORIES {
        let path = source.join(format!("directory-{directory:02}"));
        fs::create_dir_all(path).expect("a directory");
        for file in 0..FILES_A_DIRECTORY {
            write(directory, file, "");
        }
    }
    let store =
        Store::init(folder.join("store"), &InitOptions::new(), &()).expect("a place for a store");
    let backup = |day: i64| {
        let options = BackupOptions::new([&source], start() + TimeDelta::days(day));
        let report = store.backup(&options, &(), &CancelToken::new());
        report.expect("a snapshot").snapshot
    };
    let first = backup(0);
    for directory in (0..DIRECTORIES).step_by(10) {
        for file in 0..FILES_A_DIRECTORY {
            write(directory, file, "changed");
        }
    }
    let second = backup(1);
    (store, [first, second])
}

fn catalog(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, [first, second]) = store(folder.path());
    let catalog = store.catalog().expect("a catalog");
    let path = folder.path().join("source/directory-40/file-12.data");
    let mut group = criterion.benchmark_group("catalog of 2,000 files");
    group.bench_function("versions of a path", |bencher| {
        bencher.iter(|| catalog.versions(black_box(&path)).expect("an answer").len());
    });
    for (name, pattern) in [
        ("find a name", "file-12.data"),
        ("find a pattern", "*-1?.data"),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| catalog.find(black_box(pattern)).expect("an answer").count());
        });
    }
    group.bench_function("entries of a snapshot", |bencher| {
        bencher.iter(|| catalog.entries(second, "/").expect("an answer").count());
    });
    group.bench_function("changes of a tenth", |bencher| {
        bencher.iter(|| catalog.changes(first, second).expect("an answer").count());
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    filter(&mut criterion);
    comparison(&mut criterion);
    retention(&mut criterion);
    catalog(&mut criterion);
    criterion.final_summary();
}
