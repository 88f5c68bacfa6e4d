//! What happens to the catalog while it is read, or before.

use std::fs;

use rusqlite::{Connection, ffi};

use super::model::{TestStore, name_of};
use super::rows::{Rows, snapshot, version};
use crate::cancel::CancelToken;
use crate::catalog::change::Made;
use crate::catalog::log::Log;
use crate::catalog::open::{Open, Trouble};
use crate::catalog::query::{Catalog, reading};
use crate::catalog::row::Place;
use crate::catalog::table::insert;
use crate::entry::EntryKind;
use crate::error::{Error, ErrorKind};
use crate::fs::smallfile::Flush;

/// More than are read in one turn.
const MANY: u64 = 3_000;

fn many() -> (TestStore, Catalog) {
    let mut rows = Rows::new(&[1, 2]);
    rows.connection.execute_batch("BEGIN").unwrap();
    for number in 0..MANY {
        rows.put(
            &format!("/file-{number:04}"),
            1,
            None,
            version(EntryKind::File, number),
        );
    }
    rows.connection.execute_batch("COMMIT").unwrap();
    rows.done()
}

/// Writes as a run does, which must not have to wait.
fn write(place: &TestStore, sql: &str) {
    let (connection, _) = place.store.open_catalog(Open::Write).unwrap();
    connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = OFF; BEGIN IMMEDIATE; {sql}; COMMIT"
        ))
        .unwrap();
}

fn kind_of<T>(result: Result<T, Error>) -> ErrorKind {
    result.err().unwrap().kind()
}

#[test]
fn a_run_commits_while_somebody_is_in_the_middle_of_the_answers() {
    let (place, catalog) = many();
    let mut entries = catalog.entries(name_of(1), "/").unwrap();
    let mut changes = catalog.changes(name_of(1), name_of(2)).unwrap();
    let mut found = catalog.find("file-*").unwrap();
    entries.next().unwrap().unwrap();
    assert!(changes.next().is_none());
    found.next().unwrap().unwrap();
    // What is in the newest snapshot no more goes to the other table.
    let (connection, _) = place.store.open_catalog(Open::Write).unwrap();
    connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    move_all(&connection, Some(3));
    drop(connection);
    assert_eq!(entries.map(Result::unwrap).count() as u64, MANY);
    assert_eq!(found.map(Result::unwrap).count() as u64, MANY - 1);
}

#[test]
fn rows_that_change_their_table_are_neither_missed_nor_counted_twice() {
    let (place, catalog) = many();
    let both = [name_of(1), name_of(2)];
    std::thread::scope(|scope| {
        let runs = scope.spawn(|| {
            for until in [Some(3), None, Some(3), None] {
                let (connection, _) = place.store.open_catalog(Open::Write).unwrap();
                connection
                    .execute_batch("PRAGMA synchronous = OFF")
                    .unwrap();
                move_all(&connection, until);
            }
        });
        loop {
            let was_last = runs.is_finished();
            match catalog.sizes(&both) {
                Ok(sizes) => assert_eq!(sizes.files, MANY),
                Err(error) => assert_eq!(error.kind(), ErrorKind::StoreLocked),
            }
            let found = catalog.find("file-*").unwrap();
            assert_eq!(found.map(Result::unwrap).count() as u64, MANY);
            if was_last {
                break;
            }
        }
    });
    assert_eq!(catalog.sizes(&both).unwrap().files, MANY);
}

/// Moves the files to the other table, as a run does once it made a snapshot in
/// which they are no more, and as one that undoes it does.
fn move_all(connection: &Connection, until: Option<u64>) {
    let sql = "BEGIN IMMEDIATE; DELETE FROM entry WHERE dir = 1; DELETE FROM past";
    connection.execute_batch(sql).unwrap();
    for number in 0..MANY {
        let name = format!("file-{number:04}");
        let row = Place {
            dir: 1,
            name: name.as_bytes(),
            first: 1,
            until,
        };
        insert(connection, &row, &version(EntryKind::File, number)).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
}

#[test]
fn answers_end_with_an_error_once_their_snapshot_is_removed() {
    let (place, catalog) = many();
    let mut entries = catalog.entries(name_of(1), "/").unwrap();
    entries.next().unwrap().unwrap();
    let sql =
        "DELETE FROM snapshot WHERE sequence = 1; DELETE FROM entry WHERE name > x'66696c652d32'";
    write(&place, sql);
    let mut rest = entries.by_ref().skip_while(Result::is_ok);
    assert_eq!(kind_of(rest.next().unwrap()), ErrorKind::UnknownSnapshot);
    assert!(rest.next().is_none());
    assert!(entries.next().is_none());
    assert_eq!(
        kind_of(catalog.sizes(&[name_of(1)])),
        ErrorKind::UnknownSnapshot
    );
    let changes = catalog.changes(name_of(1), name_of(2)).unwrap();
    assert_eq!(kind_of(changes.last().unwrap()), ErrorKind::UnknownSnapshot);
    // What asks for no snapshot tells of those that are left.
    let versions = catalog.versions("/file-0001").unwrap();
    assert_eq!((versions[0].first, versions[0].snapshots), (name_of(2), 1));
}

#[test]
fn a_snapshot_in_the_making_is_told_of_once_it_is_published() {
    let mut rows = Rows::new(&[1]);
    snapshot(&rows.connection, 2);
    rows.put("/file", 1, Some(2), version(EntryKind::File, 1));
    rows.put("/file", 2, None, version(EntryKind::File, 2));
    let (place, catalog) = rows.done();
    assert_eq!(catalog.snapshots().len(), 1);
    assert_eq!(catalog.versions("/file").unwrap().len(), 1);
    assert_eq!(catalog.sizes(&[name_of(1)]).unwrap().files, 1);
    assert_eq!(
        kind_of(catalog.entries(name_of(2), "/")),
        ErrorKind::UnknownSnapshot
    );
    // The run was killed before it could say so.
    place.publish(2);
    let catalog = place.store.catalog().unwrap();
    assert_eq!(catalog.snapshots().len(), 2);
    assert_eq!(catalog.versions("/file").unwrap().len(), 2);
}

#[test]
fn what_is_not_in_the_catalog_is_not_passed_over_in_silence() {
    let mut rows = Rows::new(&[2]);
    rows.put("/file", 2, None, version(EntryKind::File, 1));
    rows.place.publish(1);
    let (place, catalog) = rows.done();
    assert_eq!(catalog.unknown_snapshots(), [name_of(1)]);
    assert_eq!(catalog.snapshots().len(), 1);
    let error = catalog.entries(name_of(1), "/").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::CatalogUnusable);
    assert!(error.hint().unwrap().contains("hardsnap reindex STORE"));
    // It may share the file.
    assert_eq!(
        kind_of(catalog.sizes(&[name_of(2)])),
        ErrorKind::CatalogUnusable
    );
    place.unpublish(1);
    let catalog = place.store.catalog().unwrap();
    assert_eq!(catalog.sizes(&[name_of(2)]).unwrap().files, 1);
}

#[test]
fn what_a_run_is_still_to_tell_the_catalog_need_only_be_waited_for() {
    let mut rows = Rows::new(&[1]);
    rows.put("/file", 1, None, version(EntryKind::File, 1));
    rows.place.publish(2);
    let dir = rows.place.store.control.reopen().unwrap();
    let log = Log::new(dir, c"catalog.changes".to_owned());
    let made = Made {
        sequence: 2,
        name: name_of(2),
        after: 1,
        is_after_gap: false,
        rules: String::new(),
        directory_bytes: 0,
    };
    log.complete(&made, Flush::Later).unwrap();
    let (place, catalog) = rows.done();
    assert_eq!(catalog.unknown_snapshots(), [name_of(2)]);
    let waits = |hint: Option<&str>| assert!(hint.unwrap().contains("at its end"), "{hint:?}");
    waits(catalog.unknown_hint());
    waits(catalog.sizes(&[name_of(1)]).unwrap_err().hint());
    waits(catalog.entries(name_of(2), "/").err().unwrap().hint());
    // It was the first.
    let file = place.store.path().join(".hardsnap/catalog.db");
    let good = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    waits(place.store.catalog().unwrap_err().hint());
    fs::write(&file, good).unwrap();
    // Then it is not all that the catalog does not tell of.
    place.publish(3);
    let catalog = place.store.catalog().unwrap();
    assert!(catalog.unknown_hint().unwrap().contains("reindex"));
    log.discard();
    place.unpublish(3);
    let catalog = place.store.catalog().unwrap();
    assert!(catalog.unknown_hint().unwrap().contains("reindex"));
}

#[test]
fn nobody_tells_what_is_shared_on_another_disk() {
    let (place, _) = Rows::new(&[1]).done();
    write(&place, "UPDATE store SET inode = inode + 1");
    let catalog = place.store.catalog().unwrap();
    assert_eq!(
        kind_of(catalog.sizes(&[name_of(1)])),
        ErrorKind::CatalogUnusable
    );
    assert_eq!(catalog.entries(name_of(1), "/").unwrap().count(), 1);
}

#[test]
fn a_catalog_that_is_none_is_told_and_what_to_do() {
    let (place, catalog) = Rows::new(&[1]).done();
    drop(catalog);
    let file = place.store.path().join(".hardsnap/catalog.db");
    let good = fs::read(&file).unwrap();
    let unusable = |what: &str| {
        let error = place.store.catalog().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CatalogUnusable, "{what}");
        assert_eq!(error.path(), Some(file.as_path()));
        assert!(
            error.hint().unwrap().contains("hardsnap reindex STORE"),
            "{what}"
        );
    };
    fs::remove_file(&file).unwrap();
    unusable("missing");
    fs::write(&file, "").unwrap();
    unusable("empty");
    fs::write(&file, "no database at all, and long enough to look at").unwrap();
    unusable("garbage");
    fs::write(&file, &good[..good.len() / 2]).unwrap();
    unusable("cut short");
    fs::write(&file, &good).unwrap();
    write(&place, "UPDATE store SET id = 'other'");
    unusable("of another store");
    fs::write(&file, &good).unwrap();
    write(&place, "PRAGMA user_version = 7");
    let newer = place.store.catalog().unwrap_err();
    assert_eq!(newer.kind(), ErrorKind::UnsupportedFormat);
    let cause = std::error::Error::source(&newer).unwrap().to_string();
    assert!(
        cause.contains("schema is 7") && cause.contains("reads 1"),
        "{cause}"
    );
}

#[test]
fn a_catalog_that_a_run_was_killed_in_is_left_to_the_next_run() {
    let (place, catalog) = many();
    drop(catalog);
    let control = place.store.path().join(".hardsnap");
    let kept = place.folder.path().join("kept");
    fs::create_dir(&kept).unwrap();
    let files = ["catalog.db", "catalog.db-journal"];
    let (connection, _) = place.store.open_catalog(Open::Write).unwrap();
    // So much is changed that it has to be written before the commit.
    connection
        .execute_batch("PRAGMA cache_size = 5; BEGIN; UPDATE entry SET mode = mode + 1")
        .unwrap();
    for file in files {
        fs::copy(control.join(file), kept.join(file)).unwrap();
    }
    drop(connection);
    for file in files {
        fs::copy(kept.join(file), control.join(file)).unwrap();
    }
    let error = place.store.catalog().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CatalogUnusable);
    assert!(error.hint().unwrap().contains("next backup"), "{error:?}");
    assert_eq!(
        fs::read(control.join(files[0])).unwrap(),
        fs::read(kept.join(files[0])).unwrap()
    );
    drop(place.store.open_catalog(Open::Write).unwrap());
    let catalog = place.store.catalog().unwrap();
    let entries = catalog.entries(name_of(2), "/").unwrap();
    assert_eq!(entries.map(Result::unwrap).count() as u64, MANY + 1);
}

#[test]
fn a_run_that_writes_all_the_time_is_no_damage() {
    let busy = ffi::Error::new(ffi::SQLITE_BUSY);
    let trouble = Trouble::from(rusqlite::Error::SqliteFailure(busy, None));
    let error = reading::error("catalog.db".as_ref(), &trouble);
    assert_eq!(error.kind(), ErrorKind::StoreLocked);
}

#[test]
fn a_switch_stops_the_questions_that_it_was_given_to() {
    let (_place, catalog) = many();
    let cancel = CancelToken::new();
    let stopped = catalog.with_cancel(&cancel);
    let entries = stopped.entries(name_of(1), "/").unwrap();
    assert_eq!(entries.map(Result::unwrap).count() as u64, MANY + 1);
    let mut entries = stopped.entries(name_of(1), "/").unwrap();
    let found = stopped.find("file-*").unwrap();
    entries.next().unwrap().unwrap();
    cancel.cancel();
    let mut rest = entries.by_ref().skip_while(Result::is_ok);
    assert_eq!(kind_of(rest.next().unwrap()), ErrorKind::Cancelled);
    assert!(rest.next().is_none());
    assert_eq!(kind_of(found.last().unwrap()), ErrorKind::Cancelled);
    assert_eq!(kind_of(stopped.versions("/")), ErrorKind::Cancelled);
    assert_eq!(kind_of(stopped.sizes(&[name_of(1)])), ErrorKind::Cancelled);
    let entries = catalog.entries(name_of(1), "/").unwrap();
    assert_eq!(entries.map(Result::unwrap).count() as u64, MANY + 1);
}

#[test]
fn a_catalog_is_read_by_many_threads() {
    let (_place, catalog) = many();
    std::thread::scope(|scope| {
        let count = || {
            let catalog = catalog.clone();
            scope.spawn(move || {
                let entries = catalog.entries(name_of(1), "/").unwrap();
                entries.map(Result::unwrap).count() as u64
            })
        };
        let threads: Vec<_> = (0..4).map(|_| count()).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), MANY + 1);
        }
    });
}

/// Fails to compile if it does not hold.
#[test]
fn answers_may_be_sent_to_other_threads() {
    fn is_sent<T: Send + 'static>(_: &T) {}
    let (_place, catalog) = Rows::new(&[1]).done();
    is_sent(&catalog.entries(name_of(1), "/").unwrap());
    is_sent(&catalog.changes(name_of(1), name_of(1)).unwrap());
    is_sent(&catalog.find("*").unwrap());
}
