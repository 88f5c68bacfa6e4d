//! `reindex` when something is in its way.

use std::fs;
use std::path::{Path, PathBuf};

use hardsnap_tests::{
    Mount, Running, Scratch, StoreView, TreeImage, assert_unchanged, can_trace, is_ignored, noon,
    skip_unless, snapshot_name, wait_until,
};
use rusqlite::Connection;
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;

use super::{reindex, told};
use crate::catalog::{Agreement, Days, Ledger, Version, file};
use crate::trees::{many, simple};

/// Where the new catalog is until it is complete.
fn draft(store: &Path) -> PathBuf {
    store.join(".hardsnap/catalog.db.new")
}

/// Starts to reindex a store, and sends a signal while it is at work.
fn interrupted(scratch: &Scratch, store: &Path, signal: Signal) -> Option<Running> {
    for _ in 0..20 {
        let mut running = scratch.hardsnap("reindex").arg(store).arg("--json").spawn();
        let at_work = wait_until("it is at work", || {
            let ended = running.has_ended();
            (ended || draft(store).exists()).then_some(!ended)
        });
        if at_work {
            running.send(signal);
            return Some(running);
        }
        running.wait().expect(0);
    }
    None
}

fn large(scratch: &Scratch) -> PathBuf {
    let store = scratch.join("store");
    let source = many(scratch.tree("source"), 8_000).build();
    for day in 0..2 {
        scratch.snapshot(&source, &store, &noon(day));
    }
    store
}

#[test]
fn killed_at_any_call_the_catalog_is_the_old_one_or_the_new_one() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, simple(&scratch, "source").build());
    days.next();
    let mut killed = 0;
    for call in [
        "openat",
        "pwrite64",
        "fsync,fdatasync",
        "unlinkat,renameat",
        "close",
    ] {
        let expected = told(&days.agreement.check());
        // Each tenth of what is done often.
        for count in (1..20).chain((20..).step_by(10)) {
            let injection = format!("{call}:signal=KILL:when={count}");
            let command = scratch.hardsnap("reindex").arg(&days.store);
            let outcome = command.injecting(&injection).run();
            match (outcome.signal(), outcome.code()) {
                (Some(9), None) | (None, Some(137)) => killed += 1,
                (None, Some(0)) => break,
                _ => panic!("{injection}: {outcome}"),
            }
            assert_eq!(expected, told(&days.agreement.check()), "{injection}");
        }
        // The next run leaves nothing behind, and finds nothing missing.
        let outcome = days.next();
        assert_eq!(outcome.number("files_copied"), 0, "{outcome}");
        assert!(!draft(&days.store).exists());
        days.view.assert_tidy();
    }
    assert!(killed >= 20, "killed {killed} times only");
}

#[test]
fn stopped_it_leaves_nothing_behind() {
    if !skip_unless(!is_ignored(Signal::TERM), "the signal is ignored here") {
        return;
    }
    let scratch = Scratch::new();
    let store = large(&scratch);
    let before = fs::read(file(&store)).unwrap();
    let running = interrupted(&scratch, &store, Signal::TERM).expect("a run that can be stopped");
    let outcome = running.wait();
    if outcome.code() == Some(0) {
        // It was quicker than the signal.
        return;
    }
    assert_eq!(outcome.signal(), Some(Signal::TERM.as_raw()), "{outcome}");
    assert!(!draft(&store).exists());
    assert_eq!(StoreView::new(&store).work(), [""; 0]);
    assert!(fs::read(file(&store)).unwrap() == before);
}

#[test]
fn beside_it_the_store_is_listed_and_the_old_catalog_asked() {
    let scratch = Scratch::new();
    let store = large(&scratch);
    let running = interrupted(&scratch, &store, Signal::STOP).expect("a run that can be stopped");
    let list = scratch.hardsnap("list").arg(&store).json().expect(0);
    assert_eq!(list.summary()["snapshots"].as_array().unwrap().len(), 2);
    let path = scratch.join("source/many");
    let find = scratch.hardsnap("versions").arg(&store).arg(&path);
    find.json().expect(0);
    let other = scratch.hardsnap("reindex").arg(&store).run().expect(11);
    assert!(other.stderr().contains("locked by another run"), "{other}");
    running.send(Signal::CONT);
    running.wait().expect(0);
    Agreement::new(&store).check();
}

#[test]
fn without_the_lock_or_a_store_it_does_nothing() {
    let scratch = Scratch::new();
    let nowhere = scratch.join("nowhere");
    scratch.hardsnap("reindex").arg(&nowhere).run().expect(10);
    assert!(!nowhere.exists());
    scratch.hardsnap("reindex").run().expect(2);
    let store = scratch.join("store");
    scratch.snapshot(&simple(&scratch, "source").build(), &store, &noon(0));
    let lock = fs::File::open(store.join(".hardsnap/lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let before = TreeImage::of(&store);
    scratch.hardsnap("reindex").arg(&store).run().expect(11);
    assert_unchanged(&before, &TreeImage::of(&store));
}

#[test]
fn a_snapshot_of_which_something_cannot_be_read_is_left_out() {
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("a/file", b"text")
        .file("b/file", b"text")
        .build();
    let mut days = Days::begin(&scratch, source);
    days.next();
    days.next();
    let name = snapshot_name(&noon(1));
    let there = days.view.tree(&name, &days.source).join("a");
    let Some(mount) = Mount::bind(&days.path("b"), &there) else {
        return;
    };
    let command = || scratch.hardsnap("reindex").arg(&days.store);
    let outcome = command().json().expect(3);
    assert_eq!(outcome.texts("left_out"), [name.as_str()]);
    let path = there.to_str().unwrap().as_bytes();
    assert_eq!(outcome.skipped(), [path]);
    let others = [0, 2].map(|day| snapshot_name(&noon(day)));
    assert_eq!(outcome.texts("snapshots"), others);
    let text = command().run().expect(3).stderr();
    assert!(
        text.contains("is a mount point, which is not crossed"),
        "{text}"
    );
    assert!(
        text.contains(&format!("left out of the catalog 1: {name}")),
        "{text}"
    );
    let ledger = days.agreement.check_told();
    // Files that all have are the same in the others.
    let mut ended = ledger.versions.iter().filter(|one| one.until.is_some());
    assert!(ended.all(Version::is_directory));
    drop(mount);
    reindex(&scratch, &days.store);
    days.agreement.check();
}

#[test]
fn a_newer_catalog_is_refused() {
    let scratch = Scratch::new();
    let store = scratch.join("store");
    scratch.snapshot(&simple(&scratch, "source").build(), &store, &noon(0));
    let catalog = Connection::open(file(&store)).unwrap();
    catalog.pragma_update(None, "user_version", 2).unwrap();
    drop(catalog);
    let before = fs::read(file(&store)).unwrap();
    let outcome = scratch.hardsnap("reindex").arg(&store).run().expect(1);
    let reason = "its schema is 2, and this version of hardsnap reads 1";
    assert!(outcome.stderr().contains(reason), "{outcome}");
    assert!(fs::read(file(&store)).unwrap() == before);
}

#[test]
fn a_damaged_catalog_is_replaced() {
    let scratch = Scratch::new();
    let store = scratch.join("store");
    let source = simple(&scratch, "source").build();
    scratch.snapshot(&source, &store, &noon(0));
    let mut agreement = Agreement::new(&store);
    for content in [&b""[..], b"no catalog at all"] {
        fs::write(file(&store), content.repeat(2_000)).unwrap();
        let outcome = reindex(&scratch, &store);
        assert_eq!(outcome.surprises(), ["catalog_not_carried_over"]);
        agreement.check();
    }
    // A page in the middle.
    let mut bytes = fs::read(file(&store)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..][..16_384].fill(0xa5);
    fs::write(file(&store), bytes).unwrap();
    reindex(&scratch, &store);
    agreement.check();
}

#[test]
fn of_two_snapshots_with_one_number_the_first_is_taken() {
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, simple(&scratch, "source").build());
    days.next();
    let records = days.store.join(".hardsnap/snapshots");
    let [first, second] = [0, 1].map(|day| snapshot_name(&noon(day)));
    let path = records.join(format!("{second}.json"));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"sequence\": 2", "\"sequence\": 1")).unwrap();
    let command = scratch.hardsnap("reindex").arg(&days.store);
    let outcome = command.json().expect(3);
    assert_eq!(outcome.texts("snapshots"), [first]);
    assert_eq!(outcome.texts("left_out"), [second]);
    fs::write(&path, text).unwrap();
    reindex(&scratch, &days.store);
    days.agreement.check();
}

#[test]
fn a_store_without_snapshots_gets_a_catalog_without_any() {
    let scratch = Scratch::new();
    let store = scratch.join("store");
    scratch.hardsnap("init").arg(&store).run().expect(0);
    let outcome = scratch.hardsnap("reindex").arg(&store).json().expect(0);
    assert_eq!(outcome.surprises(), [""; 0]);
    assert_eq!(outcome.number("versions"), 0);
    assert_eq!(Ledger::of(&store).versions, []);
    scratch.snapshot(&simple(&scratch, "source").build(), &store, &noon(0));
    Agreement::new(&store).check();
}

#[test]
fn the_summary_says_what_is_lost() {
    let scratch = Scratch::new();
    let store = scratch.join("store");
    scratch.snapshot(&simple(&scratch, "source").build(), &store, &noon(0));
    let run = || {
        scratch
            .hardsnap("reindex")
            .arg(&store)
            .arg("--verbose")
            .run()
    };
    let known = run().expect(0);
    assert!(
        known.stdout().contains("catalog made anew: 1 snapshot, "),
        "{known}"
    );
    assert!(
        !known.stdout().contains("known from trees alone"),
        "{known}"
    );
    fs::remove_file(file(&store)).unwrap();
    let lost = run().expect(0);
    assert!(
        lost.stdout().contains("are known from trees alone"),
        "{lost}"
    );
    assert!(lost.stdout().contains("have no hash"), "{lost}");
    assert!(
        lost.stderr()
            .contains("is lost, or some of it: there is none"),
        "{lost}"
    );
}
