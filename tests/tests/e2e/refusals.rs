//! What is refused is refused with its exit code and a reason, and leaves the
//! filesystem untouched.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use hardsnap_tests::{
    Hardsnap, Outcome, Scratch, StoreView, TreeImage, assert_untouched, have, is_root, noon,
    skip_unless, snapshot_name,
};

use crate::trees::simple;

/// Runs what must be refused with `code`, and checks that nothing was done.
#[track_caller]
fn refused(scratch: &Scratch, command: Hardsnap, code: i32) -> Outcome {
    let before = look(scratch);
    let outcome = command.run().expect(code);
    assert_untouched(&before, &look(scratch));
    assert!(!outcome.stderr.is_empty(), "no reason given: {outcome}");
    outcome
}

/// Reads all there is but the lock file, which names its last holder.
fn look(scratch: &Scratch) -> TreeImage {
    TreeImage::of(scratch.path())
        .without("store/.hardsnap/lock")
        .without("hardsnap-for-all")
}

struct Place {
    scratch: Scratch,
    source: PathBuf,
    store: PathBuf,
}

/// A source, and a store with one snapshot of it.
fn place() -> Place {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    Place {
        scratch,
        source,
        store,
    }
}

#[test]
fn a_folder_without_marker_is_no_store() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    scratch.tree("folder").build();
    scratch.tree("full/latest").file("x", b"y").build();
    for store in ["missing", "folder", "full", "missing/below"] {
        let store = scratch.join(store);
        let commands = [
            scratch.hardsnap("backup").arg(&source).arg(&store),
            scratch
                .hardsnap("backup")
                .arg("--dry-run")
                .arg(&source)
                .arg(&store),
            scratch.hardsnap("list").arg(&store),
            scratch.hardsnap("prune").arg(&store),
            scratch
                .hardsnap("delete")
                .arg(&store)
                .args(["latest", "--yes"]),
        ];
        for command in commands {
            refused(&scratch, command, 10);
        }
    }
}

#[test]
fn a_missing_source_is_refused() {
    let Place {
        scratch,
        source,
        store,
    } = place();
    let missing = scratch.join("missing");
    refused(
        &scratch,
        scratch.hardsnap("backup").arg(&missing).arg(&store),
        1,
    );
    refused(
        &scratch,
        scratch
            .hardsnap("backup")
            .arg(&source)
            .arg(&missing)
            .arg(&store),
        1,
    );
    symlink("nowhere", scratch.join("dangling")).unwrap();
    refused(
        &scratch,
        scratch.hardsnap("backup").args(["dangling"]).arg(&store),
        1,
    );
}

#[test]
fn a_missing_source_makes_no_store() {
    let scratch = Scratch::new();
    let missing = scratch.join("missing");
    refused(
        &scratch,
        scratch
            .hardsnap("backup")
            .arg("--init")
            .arg(missing)
            .arg(scratch.join("store")),
        1,
    );
}

#[test]
fn a_source_that_is_the_store_or_inside_it_is_refused() {
    let Place { scratch, store, .. } = place();
    symlink(&store, scratch.join("link")).unwrap();
    for source in [
        store.clone(),
        scratch.join("link"),
        store.join("../store"),
        store.join("latest"),
    ] {
        refused(
            &scratch,
            scratch
                .hardsnap("backup")
                .arg("--change-sources")
                .arg(source)
                .arg(&store),
            1,
        );
    }
}

#[test]
fn an_empty_list_of_sources_is_a_mistake_of_usage() {
    let Place { scratch, store, .. } = place();
    refused(&scratch, scratch.hardsnap("backup").arg(&store), 2);
    refused(&scratch, scratch.hardsnap("backup"), 2);
}

#[test]
fn mistakes_of_usage_do_nothing() {
    let Place {
        scratch,
        source,
        store,
    } = place();
    let mistakes = [
        scratch
            .hardsnap("backup")
            .arg("--no-such-option")
            .arg(&source)
            .arg(&store),
        scratch
            .hardsnap("backup")
            .args(["--time", "yesterday"])
            .arg(&source)
            .arg(&store),
        scratch
            .hardsnap("backup")
            .args(["--time", "2024-02-30T00:00:00Z"])
            .arg(&source)
            .arg(&store),
        scratch
            .hardsnap("backup")
            .args(["--jobs", "0"])
            .arg(&source)
            .arg(&store),
        scratch
            .hardsnap("backup")
            .args(["--keep-daily", "-3"])
            .arg(&source)
            .arg(&store),
        scratch
            .hardsnap("backup")
            .args(["--keep-last", "some"])
            .arg(&source)
            .arg(&store),
        scratch
            .hardsnap("prune")
            .arg(&store)
            .args(["--keep-last", "0"]),
        scratch.hardsnap("no-such-command").arg(&store),
    ];
    for mistake in mistakes {
        refused(&scratch, mistake, 2);
    }
}

#[test]
fn another_set_of_sources_is_refused_unless_it_is_meant() {
    let Place {
        scratch,
        source,
        store,
    } = place();
    let other = simple(&scratch, "other").build();
    refused(
        &scratch,
        scratch.hardsnap("backup").arg(&other).arg(&store),
        1,
    );
    refused(
        &scratch,
        scratch.hardsnap("backup").args([&source, &other, &store]),
        1,
    );
    scratch
        .hardsnap("backup")
        .arg("--change-sources")
        .args([&source, &other, &store])
        .run()
        .expect(0);
    refused(
        &scratch,
        scratch.hardsnap("backup").args([&source, &store]),
        1,
    );
    // The order of the sources does not matter.
    scratch
        .hardsnap("backup")
        .args([&other, &source, &store])
        .run()
        .expect(0);
    assert_eq!(StoreView::new(&store).names().len(), 3);
}

#[test]
fn a_time_that_is_taken_is_refused() {
    let Place {
        scratch,
        source,
        store,
    } = place();
    let again = scratch
        .hardsnap("backup")
        .args(["--time", &noon(0)])
        .arg(&source)
        .arg(&store);
    refused(&scratch, again, 1);
    // The same instant, said otherwise.
    let elsewhere = noon(0).replace("12:00:00Z", "14:00:00+02:00");
    let again = scratch
        .hardsnap("backup")
        .args(["--time", &elsewhere])
        .arg(&source)
        .arg(&store);
    refused(&scratch, again, 1);
}

#[test]
fn a_tree_is_not_made_in_a_target_that_holds_something() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let target = scratch.tree("target").file(".hidden", b"x").build();
    refused(
        &scratch,
        scratch.hardsnap("tree").arg(&source).arg(&target),
        1,
    );
    let basis = scratch.join("no basis");
    let command = scratch
        .hardsnap("tree")
        .arg("--link-dest")
        .arg(&basis)
        .arg(&source)
        .arg(scratch.join("new"));
    refused(&scratch, command, 1);
    refused(
        &scratch,
        scratch
            .hardsnap("tree")
            .arg(scratch.join("missing"))
            .arg(scratch.join("new")),
        1,
    );
    refused(
        &scratch,
        scratch
            .hardsnap("tree")
            .arg(&source)
            .arg(source.join("file")),
        1,
    );
}

#[test]
fn a_store_that_others_can_write_is_refused() {
    let Place {
        scratch,
        source,
        store,
    } = place();
    for mode in [0o777, 0o720, 0o702] {
        fs::set_permissions(&store, PermissionsExt::from_mode(mode)).unwrap();
        refused(
            &scratch,
            scratch.hardsnap("backup").arg(&source).arg(&store),
            1,
        );
    }
    fs::set_permissions(&store, PermissionsExt::from_mode(0o700)).unwrap();
    scratch
        .hardsnap("backup")
        .arg(&source)
        .arg(&store)
        .run()
        .expect(0);
}

#[test]
fn a_store_is_not_made_over_another() {
    let Place {
        scratch,
        source,
        store,
    } = place();
    let before = look(&scratch);
    let outcome = scratch.hardsnap("init").arg(&store).run();
    assert_ne!(outcome.code(), Some(101), "{outcome}");
    assert_untouched(&before, &look(&scratch));
    // Where there is a store, --init makes none.
    scratch
        .hardsnap("backup")
        .arg("--init")
        .arg(&source)
        .arg(&store)
        .run()
        .expect(0);
    assert_eq!(StoreView::new(&store).names().len(), 2);
}

#[test]
fn deleting_what_is_not_there_is_refused() {
    let Place { scratch, store, .. } = place();
    let wrong = [
        snapshot_name(&noon(1)),
        "2".repeat(20),
        "../source".into(),
        ".hardsnap".into(),
        String::new(),
    ];
    for name in wrong {
        refused(
            &scratch,
            scratch
                .hardsnap("delete")
                .arg(&store)
                .args([&name, "--yes"]),
            1,
        );
    }
}

#[test]
fn deleting_asks_first_and_takes_silence_for_a_no() {
    let Place {
        scratch,
        source,
        store,
    } = place();
    scratch.snapshot(&source, &store, &noon(1));
    let before = look(&scratch);
    let outcome = scratch
        .hardsnap("delete")
        .arg(&store)
        .arg(snapshot_name(&noon(0)))
        .run();
    assert!([Some(1), Some(2)].contains(&outcome.code()), "{outcome}");
    assert_untouched(&before, &look(&scratch));
}

#[test]
fn a_dry_run_does_nothing() {
    let Place {
        scratch,
        source,
        store,
    } = place();
    fs::write(source.join("new"), b"new").unwrap();
    let before = look(&scratch);
    let backup = scratch
        .hardsnap("backup")
        .arg("--dry-run")
        .arg(&source)
        .arg(&store)
        .json()
        .expect(0);
    assert_eq!(backup.number("files_copied"), 1);
    assert_eq!(backup.number("files_linked"), 2);
    scratch
        .hardsnap("prune")
        .args(["--dry-run", "--keep-last", "1"])
        .arg(&store)
        .json()
        .expect(0);
    assert_untouched(&before, &look(&scratch));
}

#[test]
fn no_store_is_made_on_a_mount_point_that_is_not_mounted() {
    if !skip_unless(is_root() && have("unshare"), "takes root and unshare") {
        return;
    }
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    scratch.tree("disk/below").build();
    let fstab = scratch.join("fstab");
    let point = scratch.join("disk");
    fs::write(
        &fstab,
        format!(
            "# disks\nLABEL=backup {} ext4 noauto 0 2\n",
            point.display()
        ),
    )
    .unwrap();
    for store in [
        point.clone(),
        point.join("store"),
        point.join("below/store"),
    ] {
        refused(
            &scratch,
            scratch.hardsnap("init").arg(&store).with_fstab(&fstab),
            1,
        );
        let command = scratch
            .hardsnap("backup")
            .arg("--init")
            .arg(&source)
            .arg(&store);
        refused(&scratch, command.with_fstab(&fstab), 1);
    }
    let command = scratch
        .hardsnap("backup")
        .arg("--init")
        .arg(&source)
        .arg(scratch.join("elsewhere"));
    command.with_fstab(&fstab).run().expect(0);
}
