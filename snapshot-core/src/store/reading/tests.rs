use super::*;
use crate::cancel::CancelToken;
use crate::delete::Deletion;
use crate::options::{BackupOptions, InitOptions};

/// A store with two snapshots.
fn two_snapshots() -> (tempfile::TempDir, Store, [SnapshotName; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("letter"), "Dear Ada").unwrap();
    let store = Store::init(folder.path().join("store"), &InitOptions::new(), &()).unwrap();
    let made = ["2026-11-22T12:00:00Z", "2026-11-23T12:00:00Z"].map(|time| {
        let options = BackupOptions::new([&source], time.parse().unwrap());
        let report = store.backup(&options, &(), &CancelToken::new());
        report.unwrap().snapshot
    });
    (folder, store, made)
}

fn delete(store: &Store, name: SnapshotName) -> Result<()> {
    let deleted = store.delete(&[name], Deletion::SparingTheLast, &(), &CancelToken::new());
    deleted.map(|report| assert_eq!(report.removed, [name]))
}

#[test]
fn what_is_read_stays_until_the_last_reader_is_done() {
    let (_folder, store, [old, _]) = two_snapshots();
    let readers = [store.read(old).unwrap(), store.read(old).unwrap()];
    for reader in readers {
        assert_eq!(reader.snapshot.name, old);
        let refused = delete(&store, old).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::SnapshotInUse);
        assert!(store.has_tree(old).unwrap());
        drop(reader);
    }
    delete(&store, old).unwrap();
    let gone = store.read(old).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::UnknownSnapshot);
}

#[test]
fn what_is_read_stays_although_its_record_is_replaced() {
    let (_folder, store, [old, _]) = two_snapshots();
    let reader = store.read(old).unwrap();
    store.hold(old, Some("wait")).unwrap();
    store.release(old).unwrap();
    let refused = delete(&store, old).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SnapshotInUse);
    drop(reader);
    delete(&store, old).unwrap();
}

#[test]
fn the_record_alone_tells_of_a_reader_on_another_machine() {
    let (_folder, store, [old, _]) = two_snapshots();
    let record = c_name(&layout::record(old));
    let handle = store.records.open_file(&record, Boundary::Stay).unwrap();
    let elsewhere = lock::shared(handle).unwrap();
    assert!(elsewhere.is_some());
    let refused = delete(&store, old).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SnapshotInUse);
    drop(elsewhere);
    delete(&store, old).unwrap();
}

#[test]
fn nobody_begins_to_read_what_is_being_removed() {
    let (_folder, store, [old, new]) = two_snapshots();
    let claimed = store.claim_unread(old).unwrap();
    assert!(claimed.is_some());
    let refused = store.read(old).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SnapshotInUse);
    store.read(new).unwrap();
    drop(claimed);
    store.read(old).unwrap();
}

#[test]
fn a_reader_that_comes_too_late_is_told_so() {
    let (_folder, store, [old, _]) = two_snapshots();
    let claimed = store.claim_unread(old).unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| store.read(old).map(|_| ()));
        let trash = store.open_control(layout::TRASH).unwrap();
        let tree = layout::tree(old);
        crate::fs::publish::rename(&store.root, &tree, &trash, &tree).unwrap();
        drop(claimed);
        let gone = reader.join().unwrap().unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::UnknownSnapshot);
    });
}
