//! Trouble while something is restored.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;

use hardsnap_tests::{
    Mount, Scratch, StoreView, TreeImage, assert_same, can_trace, noon, skip_unless, snapshot_name,
};

use super::{below, restore, restore_in_place, restored};
use crate::trees::simple;

/// Changes a file in the store without a trace in its size and times.
fn damage(path: &std::path::Path) {
    let metadata = path.metadata().unwrap();
    let time = filetime::FileTime::from_last_modification_time(&metadata);
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.write_all(b"X").unwrap();
    drop(file);
    filetime::set_file_mtime(path, time).unwrap();
}

#[test]
fn a_damaged_file_is_listed_and_takes_no_good_one_s_place() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    let view = StoreView::new(&store);
    damage(&view.tree(&snapshot_name(&noon(0)), &source).join("file"));
    let outcome = restore(&scratch, &store, &to).json().expect(3);
    let file = below(&to, &source).join("file");
    assert_eq!(outcome.skipped(), [file.to_str().unwrap().as_bytes()]);
    let summary = outcome.summary();
    assert_eq!(summary["damaged"][0]["path"], file.to_str().unwrap());
    assert!(!file.exists());
    assert_same(
        &TreeImage::of(&source).without("file"),
        &restored(&to, &source).without("file"),
    );
    // Nor does it replace what is there.
    fs::write(source.join("file"), "newer").unwrap();
    let command = restore_in_place(&scratch, &store, &source);
    let told = command.args(["--overwrite", "always"]).run().expect(3);
    assert!(told.stderr().contains("not what was stored"), "{told}");
    assert_eq!(fs::read(source.join("file")).unwrap(), b"newer");
    assert!(fs::read_dir(&source).unwrap().all(|entry| {
        let name = entry.unwrap().file_name();
        !name.to_string_lossy().starts_with(".hardsnap")
    }));
}

#[test]
fn what_is_missing_or_other_in_the_store_is_listed() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .file("shorter", b"shorter now")
        .file("kind", b"k")
        .build();
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    let tree = StoreView::new(&store).tree(&snapshot_name(&noon(0)), &source);
    fs::remove_file(tree.join("file")).unwrap();
    fs::write(tree.join("shorter"), "short").unwrap();
    fs::remove_file(tree.join("kind")).unwrap();
    fs::create_dir(tree.join("kind")).unwrap();
    let outcome = restore(&scratch, &store, &to).json().expect(3);
    let at = below(&to, &source);
    let listed: Vec<Vec<u8>> = ["file", "kind", "shorter"]
        .iter()
        .map(|name| at.join(name).to_str().unwrap().as_bytes().to_vec())
        .collect();
    assert_eq!(outcome.skipped(), listed, "{outcome}");
    assert!(at.join("directory/other").exists());
}

#[test]
fn a_full_disk_ends_it_with_what_to_do_and_nothing_half_written() {
    let Some(disk) = Mount::tmpfs(600, 100) else {
        return;
    };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .file("large", vec![7; 2 << 20])
        .build();
    let (store, to) = (scratch.join("store"), disk.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    let outcome = restore(&scratch, &store, &to).run().expect(1);
    assert!(outcome.stderr().contains("make room"), "{outcome}");
    let image = TreeImage::of(&to);
    for (path, entry) in image.entries() {
        let name = String::from_utf8_lossy(&path).into_owned();
        assert!(!name.contains(".hardsnap"), "{name}");
        assert!(!name.ends_with("large"), "{name} {entry:?}");
    }
}

#[test]
fn errors_of_single_calls_are_told_and_the_next_run_completes() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .fifo("fifo")
        .hard_link("linked", "file")
        .build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    let mut injected = 0;
    for (call, error) in [
        ("fchmod", "EPERM"),
        ("utimensat", "EPERM"),
        ("mkdirat", "EACCES"),
        ("renameat2", "EACCES"),
        ("linkat", "EMLINK"),
        ("linkat", "EPERM"),
        ("symlinkat", "EOPNOTSUPP"),
        ("mknodat", "EPERM"),
        ("pwrite64,copy_file_range", "EIO"),
        ("pwrite64,copy_file_range", "ENOSPC"),
        ("syncfs", "EIO"),
        ("flock", "ENOLCK"),
    ] {
        for count in 1..4 {
            let to = scratch.join("to");
            let injection = format!("{call}:error={error}:when={count}");
            let command = restore(&scratch, &store, &to).args(["--jobs", "1"]);
            let outcome = command.injecting(&injection).run();
            assert!(
                [Some(0), Some(1), Some(3)].contains(&outcome.code()),
                "{injection}: {outcome}"
            );
            injected += u32::from(scratch.was_injected());
            // What was told to be missing is made up for.
            let command = restore(&scratch, &store, &to);
            command.args(["--overwrite", "changed"]).run().expect(0);
            assert_same(&TreeImage::of(&source), &restored(&to, &source));
            fs::remove_dir_all(&to).unwrap();
        }
    }
    assert!(injected >= 12, "{injected}");
}

#[test]
fn a_failed_flush_is_a_failure() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    let command = restore(&scratch, &store, &to);
    let outcome = command.injecting("syncfs:error=EIO").run().expect(1);
    assert!(outcome.stderr().contains("flush"), "{outcome}");
}

#[test]
fn a_restore_from_a_mount_for_reading_alone_works() {
    let Some(disk) = Mount::ext4(32) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, to) = (disk.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    let remount = |how: &str| {
        let mut command = std::process::Command::new("mount");
        let command = command.args(["-o", &format!("remount,{how}")]);
        assert!(command.arg(disk.path()).status().unwrap().success());
    };
    remount("ro");
    let inode = store.metadata().unwrap().ino();
    restore(&scratch, &store, &to).run().expect(0);
    assert_same(&TreeImage::of(&source), &restored(&to, &source));
    assert_eq!(store.metadata().unwrap().ino(), inode);
    remount("rw");
}
