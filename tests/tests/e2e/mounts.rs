//! What is mounted below a source.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hardsnap_tests::{Mount, Scratch, StoreView, TreeImage, assert_same, noon, snapshot_name};

use crate::filesystems::backup;
use crate::trees::simple;

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
    let apart = scratch.tree("apart").file("file", b"a").build();
    let Some(_bound) = Mount::bind(&other, &source.join("bound")) else {
        return;
    };
    let Some(_below) = Mount::bind(&apart, &source.join("below/bound")) else {
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
                .map(Vec::from)
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
fn a_file_that_is_a_mount_point_is_left_out_of_one_file_system() {
    let scratch = Scratch::new();
    let source = with_places(&scratch);
    let other = scratch.tree("other").file("file", b"secret").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    // It was in the last snapshot, which makes no difference.
    let Some(_bound) = Mount::bind(&other.join("file"), &source.join("bound file")) else {
        return;
    };
    backup(&scratch, &source, &store, 0);
    for day in 1..3 {
        let command = scratch
            .hardsnap("backup")
            .args(["--one-file-system", "--time", &noon(day)]);
        let outcome = command.arg(&source).arg(&store).json().expect(0);
        assert_eq!(outcome.text("status"), "complete", "{outcome}");
        assert_eq!(outcome.warnings("code"), ["mounts_left_out"], "{outcome}");
        let made = view.image(&snapshot_name(&noon(day)), &source);
        let size = made.get("bound file").map(|entry| entry.size);
        assert!(matches!(size, None | Some(0)), "{size:?} bytes, {outcome}");
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
