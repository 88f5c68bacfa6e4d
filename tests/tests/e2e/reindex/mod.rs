//! `reindex`: the catalog made anew from the trees.

mod trouble;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hardsnap_tests::{
    Chain, Clock, Edit, Mount, Outcome, Scratch, StoreView, apply, cases, day_of_all_edits,
    is_root, noon, skip_unless, snapshot_name,
};
use proptest::prelude::{Strategy, any, proptest};
use proptest::sample::Index;
use rusqlite::Connection;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::catalog::{Agreement, Days, Ledger, Version, aged, file, forget};
use crate::trees::many;

/// All that a catalog tells, by path and first snapshot, apart from how it
/// numbers directories, and from snapshots that are no more.
fn told(ledger: &Ledger) -> BTreeMap<(Vec<u8>, u64), Version> {
    let living = |sequence| {
        let mut sequences = ledger.snapshots.iter().map(|told| told.sequence);
        sequences.find(|living| *living >= sequence).unwrap()
    };
    let versions = ledger.versions.iter().map(|version| {
        let path = match version.dir {
            0 => Vec::new(),
            _ => ledger.path(version),
        };
        let mut version = version.clone();
        version.dir = 0;
        // It is one of all that was changed here.
        version.crc32 = 0;
        version.first = living(version.first);
        version.until = version.until.map(living);
        if version.is_directory() {
            version.stored = None;
        }
        ((path, version.first), version)
    });
    versions.collect()
}

#[track_caller]
fn assert_same_told(before: &Ledger, after: &Ledger) {
    let (before, after) = (told(before), told(after));
    let names = |told: &BTreeMap<(Vec<u8>, u64), Version>| -> Vec<String> {
        told.keys()
            .map(|(path, first)| format!("{} {first}", path.escape_ascii()))
            .collect()
    };
    assert_eq!(names(&before), names(&after));
    for (key, version) in &before {
        assert_eq!(*version, after[key], "{}", key.0.escape_ascii());
    }
}

/// Runs `reindex`, which has to succeed.
#[track_caller]
fn reindex(scratch: &Scratch, store: &Path) -> Outcome {
    let outcome = scratch.hardsnap("reindex").arg(store).json().expect(0);
    let ledger = Ledger::of(store);
    let versions = ledger.versions.len() as u64;
    assert_eq!(outcome.number("versions"), versions, "{outcome}");
    assert_eq!(outcome.texts("snapshots"), StoreView::new(store).names());
    assert_eq!(outcome.texts("left_out"), [""; 0]);
    assert_eq!(outcome.skipped(), [b""; 0]);
    let bare = ledger.versions.iter().filter(|version| version.mount == 0);
    let bare = bare.count() as u64;
    assert_eq!(outcome.number("versions_without_ctime"), bare, "{outcome}");
    outcome
}

fn history() -> impl Strategy<Value = Vec<(Vec<Edit>, bool, Option<Index>)>> {
    let deleted = proptest::option::of(any::<Index>());
    proptest::collection::vec((day_of_all_edits(), any::<bool>(), deleted), 2..7)
}

/// Plays a history: each day somebody edits, a backup is made, and now and then
/// a snapshot is deleted.
fn play(scratch: &Scratch, days: &[(Vec<Edit>, bool, Option<Index>)]) -> Agreement {
    let source = scratch
        .tree("source")
        .file("a", b"first")
        .file("b/a", vec![b'2'; 5000])
        .hard_link("b/c/a", "a")
        .file("b/c/longer name.txt", b"third")
        .symlink("b/-dash", "a")
        .fifo("b/c/b")
        .file("untouched/by/most", b"fourth")
        .xattr("user.kept", b"value")
        .directory("untouched")
        .xattr("user.kept", b"value")
        .build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let mut agreement = Agreement::new(&store);
    let mut clock = Clock::default();
    for (day, (edits, is_aged, deleted)) in (0..).zip(days) {
        for edit in edits {
            apply(edit, &source, &mut clock);
        }
        let command = scratch.hardsnap("backup").args(["--init", "--no-prune"]);
        let command = command.args(["--time", &noon(day)]);
        let command = command.arg(&source).arg(&store);
        let command = if *is_aged { aged(command) } else { command };
        let outcome = command.json();
        assert!(matches!(outcome.code(), Some(0 | 4)), "{outcome}");
        let names = view.names();
        if let Some(index) = deleted.as_ref().filter(|_| names.len() > 1) {
            let name = &names[index.index(names.len())];
            let delete = scratch.hardsnap("delete").arg(&store).arg(name);
            delete.args(["--yes", "--yes"]).run().expect(0);
        }
    }
    agreement.check();
    agreement
}

proptest! {
    #![proptest_config(cases(10))]

    #[test]
    fn a_lost_catalog_comes_back_from_the_trees(days in history()) {
        let scratch = Scratch::new();
        let mut agreement = play(&scratch, &days);
        let store = scratch.join("store");
        let before = Ledger::of(&store);
        forget(&store);
        let outcome = reindex(&scratch, &store);
        assert_eq!(outcome.surprises(), ["catalog_not_carried_over"]);
        let after = agreement.check();
        // What did not change is one version still. Ctimes, which are lost,
        // told some of them apart.
        assert!(after.versions.len() <= before.versions.len());
        // The next run is right, and the one after knows all again.
        let source = scratch.join("source");
        for day in 20..22 {
            let command = scratch.hardsnap("backup").args(["--no-prune", "--time", &noon(day)]);
            let outcome = aged(command.arg(&source).arg(&store)).json();
            assert!(matches!(outcome.code(), Some(0 | 4)), "{outcome}");
            let ledger = agreement.check();
            agreement.check_source(&ledger, &source);
        }
    }

    #[test]
    fn what_the_catalog_knew_is_taken_over(days in history()) {
        let scratch = Scratch::new();
        let mut agreement = play(&scratch, &days);
        let store = scratch.join("store");
        let before = Ledger::of(&store);
        let outcome = reindex(&scratch, &store);
        assert_eq!(outcome.surprises(), [""; 0], "{outcome}");
        let after = agreement.check();
        assert_same_told(&before, &after);
    }
}

#[test]
fn after_it_a_backup_has_nothing_to_write_down() {
    let scratch = Scratch::new();
    let source = many(scratch.tree("source"), 200)
        .hard_link("linked", "many/000/0")
        .symlink("link", "many/000/0")
        .build();
    let mut days = Days::begin(&scratch, source);
    days.next();
    reindex(&scratch, &days.store);
    let source = days.source.as_os_str().as_bytes()[1..].to_vec();
    let store = days.store.clone();
    let in_source = || {
        let mut told = told(&Ledger::of(&store));
        told.retain(|(path, _), _| path.starts_with(&source));
        told
    };
    let before = in_source();
    let outcome = days.next();
    assert_eq!(outcome.surprises(), [""; 0], "{outcome}");
    assert_eq!(outcome.number("files_copied"), 0, "{outcome}");
    // Every entry was taken for unchanged by what was taken over.
    assert_eq!(before, in_source());
}

#[test]
fn what_the_destination_refused_is_kept() {
    if !skip_unless(is_root(), "only root can make a device") {
        return;
    }
    let scratch = Scratch::new();
    let folder = scratch.ordinary_folder("theirs");
    let source = scratch
        .tree("source")
        .file("of another", b"text")
        .mode(0o644)
        .owner(7, 8)
        .build();
    mknodat(
        CWD,
        source.join("null"),
        FileType::CharacterDevice,
        Mode::from_raw_mode(0o666),
        rustix::fs::makedev(1, 3),
    )
    .unwrap();
    let store = folder.join("store");
    for day in 0..2 {
        let command = scratch.hardsnap("backup").args(["--init", "--time"]);
        let command = command.arg(noon(day)).arg(&source).arg(&store);
        command.as_ordinary_user().run().expect(3);
    }
    let before = Ledger::of(&store);
    let refused = before.newest(&source.join("null"));
    assert_eq!((refused.stored, refused.device), (None, 0x103));
    assert_eq!(before.newest(&source.join("of another")).owner, (7, 8));
    let command = scratch.hardsnap("reindex").arg(&store).as_ordinary_user();
    assert_eq!(command.json().expect(0).number("versions_without_ctime"), 0);
    assert_same_told(&before, &Ledger::of(&store));
}

#[test]
fn what_was_tampered_with_is_not_taken_over() {
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("a", b"one")
        .file("b", b"two")
        .file("c", b"three")
        .file("d", b"four")
        .build();
    let mut days = Days::begin(&scratch, source);
    days.next();
    let name = snapshot_name(&noon(1));
    let stored = |file: &str| days.view.tree(&name, &days.source).join(file);
    // Another file in the place of the stored one; one that grew; a row that is
    // not what was written.
    fs::remove_file(stored("a")).unwrap();
    fs::write(stored("a"), b"new").unwrap();
    fs::write(stored("b"), b"two and more").unwrap();
    let catalog = Connection::open(file(&days.store)).unwrap();
    let changed = catalog.execute("UPDATE entry SET ctime = ctime + 1 WHERE name = x'63'", []);
    assert_eq!(changed, Ok(1));
    drop(catalog);
    reindex(&scratch, &days.store);
    let ledger = Agreement::new(&days.store).check();
    for (file, is_known) in [("a", false), ("b", false), ("c", false), ("d", true)] {
        let version = ledger.newest(&days.path(file));
        assert_eq!(version.blake3.is_some(), is_known, "{file}");
        assert_eq!(version.mount != 0, is_known, "{file}");
    }
    // Of the replaced one the first snapshot has the old version.
    let first = ledger.snapshots[0].sequence;
    assert!(ledger.version(first, &days.path("a")).blake3.is_some());
}

#[test]
fn ten_thousand_levels_with_few_open_files() {
    let scratch = Scratch::new();
    let source = Chain::new(10_000).build(scratch.join("source"));
    let store = scratch.join("store");
    let backup = |day| {
        let command = scratch.hardsnap("backup").args(["--init", "--time"]);
        let command = command.arg(noon(day)).arg(&source).arg(&store);
        let outcome = aged(command.with_open_files(256)).json();
        outcome.expect(0)
    };
    backup(0);
    backup(1);
    let count = |table: &str| -> i64 {
        let catalog = Connection::open(file(&store)).unwrap();
        let sql = format!("SELECT count(*) FROM {table}");
        catalog.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let before = ["entry", "directory"].map(count);
    for is_lost in [false, true] {
        if is_lost {
            forget(&store);
        }
        let command = scratch.hardsnap("reindex").arg(&store);
        let outcome = command.with_open_files(256).json().expect(0);
        assert_eq!(before, ["entry", "directory"].map(count));
        assert!(outcome.number("entries") > 2 * 20_000, "{outcome}");
        let bare = outcome.number("versions_without_ctime");
        assert_eq!(bare > 0, is_lost, "{outcome}");
    }
    assert_eq!(backup(2).number("files_linked"), 10_000);
}

#[test]
fn a_directory_of_more_entries_than_are_held_at_once() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").build();
    for number in 0..40_000_u32 {
        let name = format!("{number} {}", "long name ".repeat(9));
        match number % 10 {
            0 => fs::create_dir(source.join(name)).unwrap(),
            _ => fs::write(source.join(name), b"").unwrap(),
        }
    }
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    let gone = fs::read_dir(&source).unwrap().step_by(1000);
    for found in gone.map(Result::unwrap) {
        match found.file_type().unwrap().is_dir() {
            true => fs::remove_dir(found.path()).unwrap(),
            false => fs::remove_file(found.path()).unwrap(),
        }
    }
    scratch.snapshot(&source, &store, &noon(1));
    let before = Ledger::of(&store);
    reindex(&scratch, &store);
    assert_same_told(&before, &Ledger::of(&store));
    forget(&store);
    let outcome = reindex(&scratch, &store);
    assert_eq!(outcome.number("versions"), before.versions.len() as u64);
}

/// Makes some snapshots on another filesystem, and checks that reindexing
/// there finds the same versions as the runs; `check` looks at the result.
fn finds_the_same_on(mount: Option<Mount>, check: impl Fn(&Path)) {
    let Some(mount) = mount else {
        return;
    };
    let scratch = Scratch::new();
    let source = many(scratch.tree("source"), 30)
        .hard_link("linked", "many/000/0")
        .symlink("link", "many/000/0")
        .fifo("fifo")
        .build();
    let store = mount.join("store");
    for day in 0..3 {
        fs::write(source.join("many/000/0"), day.to_string()).unwrap();
        scratch.snapshot(&source, &store, &noon(day));
    }
    let before = Ledger::of(&store);
    reindex(&scratch, &store);
    assert_same_told(&before, &Ledger::of(&store));
    check(&store);
    forget(&store);
    let outcome = reindex(&scratch, &store);
    assert!(outcome.number("versions") <= before.versions.len() as u64);
    check(&store);
}

/// Compares the catalog with the trees.
fn agrees(store: &Path) {
    Agreement::new(store).check();
}

#[test]
fn on_ext4_it_finds_what_the_runs_told() {
    finds_the_same_on(Mount::ext4(64), agrees);
}

#[test]
fn where_mtimes_are_whole_seconds_it_finds_what_the_runs_told() {
    // The trees don't have the mtimes that the catalog tells.
    finds_the_same_on(Mount::ext4_of_whole_seconds(64), |_| {});
}

#[test]
fn on_xfs_it_finds_what_the_runs_told() {
    finds_the_same_on(Mount::xfs(320), agrees);
}

#[test]
fn on_btrfs_it_finds_what_the_runs_told() {
    finds_the_same_on(Mount::btrfs(160), agrees);
}

#[test]
fn where_inode_numbers_need_not_last_it_finds_what_the_runs_told() {
    // Not every filesystem can be the upper one of an overlay.
    let Some(memory) = Mount::tmpfs(64 << 10, 10_000) else {
        return;
    };
    let [lower, upper, work, path] = ["lower", "upper", "work", "overlay"].map(|name| {
        let path = memory.join(name);
        fs::create_dir(&path).unwrap();
        path
    });
    finds_the_same_on(Mount::overlay(&lower, &upper, &work, &path), agrees);
}
