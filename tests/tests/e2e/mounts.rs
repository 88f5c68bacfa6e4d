//! What is mounted below a source.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use hardsnap_tests::{
    Hardsnap, Mount, OddDisk, Scratch, StoreView, TreeImage, assert_same, can_trace, noon,
    skip_unless, snapshot_name,
};

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

/// Backs a source up in which a FUSE filesystem hangs at `place`, on a kernel
/// that is as it is made to be.
fn hanging(place: &str, as_if: impl Fn(Hardsnap) -> Hardsnap) {
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
        let mut run = as_if(command.arg(&source).arg(&store).arg("--json")).spawn();
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
    hanging("bound", |command| command);
}

#[test]
fn a_fuse_server_behind_a_file_that_does_not_answer_is_not_asked() {
    hanging("bound file", |command| command);
}

#[test]
fn a_fuse_server_that_does_not_answer_is_not_asked_without_openat2_either() {
    if skip_unless(can_trace(), "strace is missing or may not trace") {
        for place in ["bound", "bound file"] {
            hanging(place, |command| command.injecting("openat2:error=ENOSYS"));
        }
    }
}

#[test]
fn a_mount_that_is_named_is_entered_inside_another_source_too() {
    let scratch = Scratch::new();
    let source = with_places(&scratch);
    let Some(disk) = OddDisk::mount(&[]) else {
        return;
    };
    fs::write(disk.join("served"), b"far away").unwrap();
    let place = source.join("bound");
    let Some(_bound) = Mount::bind(disk.path(), &place) else {
        return;
    };
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for (day, sources) in [(0, vec![&source]), (1, vec![&source, &place])] {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        let outcome = command.args(&sources).arg(&store).json().expect(0);
        let made = view.image(&snapshot_name(&noon(day)), &source);
        let is_named = sources.len() > 1;
        assert_eq!(made.get("bound/served").is_some(), is_named, "{outcome}");
        let said: &[&str] = if is_named { &[] } else { &["mounts_left_out"] };
        assert_eq!(outcome.warnings("code"), said, "{outcome}");
    }
}

#[test]
fn a_subvolume_is_no_mount_point_and_is_entered() {
    let Some(disk) = Mount::btrfs(256) else {
        return;
    };
    let scratch = Scratch::new();
    let source = disk.join("source");
    fs::create_dir(&source).unwrap();
    let made = Command::new("btrfs")
        .args(["-q", "subvolume", "create"])
        .arg(source.join("below"))
        .status();
    if !skip_unless(
        made.is_ok_and(|status| status.success()),
        "btrfs makes no subvolume",
    ) {
        return;
    }
    fs::write(source.join("below/file"), b"in a subvolume").unwrap();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for (day, how) in [(0, "--no-prune"), (1, "--one-file-system")] {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", how, "--time", &noon(day)]);
        let outcome = command.arg(&source).arg(&store).json().expect(0);
        assert_eq!(outcome.warnings("code"), [""; 0], "{outcome}");
        let made = view.image(&snapshot_name(&noon(day)), &source);
        assert_same(&TreeImage::of(&source), &made);
    }
}

#[test]
fn an_overlay_is_a_source_like_any_other() {
    let scratch = Scratch::new();
    let lower = scratch
        .tree("lower")
        .file("below", b"below")
        .file("both", b"lower")
        .hard_link("linked", "below")
        .build();
    let upper = scratch.tree("upper").file("both", b"upper").build();
    let work = scratch.tree("work").build();
    let place = scratch.tree("merged").build();
    let Some(overlay) = Mount::overlay(&lower, &upper, &work, &place) else {
        return;
    };
    fs::write(overlay.join("new"), b"new").unwrap();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for day in 0..2 {
        let outcome = scratch.snapshot(&place, &store, &noon(day));
        let made = view.image(&snapshot_name(&noon(day)), &place);
        assert_eq!(
            made.get("both").unwrap().content,
            TreeImage::of(&upper).get("both").unwrap().content
        );
        assert_same(&TreeImage::of(&place), &made);
        assert_eq!(outcome.number("files_copied") == 0, day == 1, "{outcome}");
    }
}
