use std::path::PathBuf;

use super::*;
use crate::cancel::CancelToken;
use crate::delete::Deletion;
use crate::options::{BackupOptions, InitOptions};

/// A store with two snapshots of a folder that has a file, a folder and a
/// symlink.
fn two_snapshots() -> (tempfile::TempDir, PathBuf, Store, [SnapshotName; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().canonicalize().unwrap().join("source");
    std::fs::create_dir_all(source.join("folder")).unwrap();
    std::fs::write(source.join("folder/letter"), "Dear Ada").unwrap();
    std::os::unix::fs::symlink("folder", source.join("link")).unwrap();
    let store = Store::init(folder.path().join("store"), &InitOptions::new(), &()).unwrap();
    let made = ["2026-11-22T12:00:00Z", "2026-11-23T12:00:00Z"].map(|time| {
        let options = BackupOptions::new([&source], time.parse().unwrap());
        let report = store.backup(&options, &(), &CancelToken::new());
        report.unwrap().snapshot
    });
    (folder, source, store, made)
}

#[test]
fn a_stored_file_is_read_and_its_snapshot_stays_meanwhile() {
    let (_folder, source, store, [old, _]) = two_snapshots();
    let mut file = store.open_file(old, source.join("folder/letter")).unwrap();
    assert_eq!(file.size_bytes(), 8);
    let delete = || store.delete(&[old], Deletion::SparingTheLast, &(), &CancelToken::new());
    let refused = delete().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SnapshotInUse);
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "Dear Ada");
    drop(file);
    assert_eq!(delete().unwrap().removed, [old]);
    let gone = store.open_file(old, source.join("folder/letter"));
    assert_eq!(gone.unwrap_err().kind(), ErrorKind::UnknownSnapshot);
}

#[test]
fn what_is_no_file_there_is_told_with_its_path() {
    let (_folder, source, store, [old, _]) = two_snapshots();
    let told = [
        ("folder", "is a directory, and no file"),
        ("link", "is a symlink, and no file"),
        ("nothing", "is not in the snapshot"),
        ("nothing/below", "is not in the snapshot"),
        ("folder/letter/below", "is not in the snapshot"),
        // Symlinks are not followed.
        ("link/letter", "is not in the snapshot"),
    ];
    for (name, told) in told {
        let path = source.join(name);
        let error = store.open_file(old, &path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotInSnapshot, "{name}: {error:?}");
        assert_eq!(error.path(), Some(path.as_path()));
        assert!(error.to_string().contains(told), "{error}");
    }
    let error = store.open_file(old, "folder/letter").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
    let error = store.open_file(old, "/").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInSnapshot);
}
