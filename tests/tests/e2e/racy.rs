//! Changes that follow each other within one tick of the clock.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use hardsnap_tests::{
    Mount, Scratch, StoreView, TreeBuilder, TreeImage, assert_same, noon, snapshot_name,
};

use crate::attributes::{chmod, set};
use crate::catalog::{Agreement, Ledger, aged, can_age};

/// Changes each entry again and again, no size and no name among it, and checks
/// that each snapshot has the last of it.
fn each_rewrite_is_seen(scratch: &Scratch, source: &Path) {
    TreeBuilder::new(source)
        .file("content", b"00")
        .file("replaced", b"00")
        .file("attribute", b"f")
        .file("mode", b"m")
        .file("directory/file", b"f")
        .hard_link("directory/linked", "content")
        .build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let mut agreement = Agreement::new(&store);
    for round in 0..40_u64 {
        let text = format!("{round:02}");
        fs::write(source.join("content"), &text).unwrap();
        fs::remove_file(source.join("replaced")).unwrap();
        fs::write(source.join("replaced"), &text).unwrap();
        for name in ["attribute", "directory"] {
            set(&source.join(name), "user.round", &text);
        }
        chmod(&source.join("mode"), 0o600 + round as u32 % 2);
        let link = source.join("link");
        drop(fs::remove_file(&link));
        symlink(&text, &link).unwrap();
        scratch
            .hardsnap("backup")
            .args(["--init", "--no-prune", "--time", &noon(round)])
            .arg(source)
            .arg(&store)
            .json()
            .expect(0);
        let image = view.image(&snapshot_name(&noon(round)), source);
        assert_same(&TreeImage::of(source), &image);
    }
    let ledger = agreement.check();
    agreement.check_source(&ledger, source);
}

#[test]
fn a_rewrite_within_the_same_tick_is_seen_on_the_next_run() {
    let scratch = Scratch::new();
    each_rewrite_is_seen(&scratch, &scratch.join("source"));
}

#[test]
fn a_rewrite_within_the_same_second_is_seen_where_times_are_whole_seconds() {
    let Some(disk) = Mount::ext4_of_whole_seconds(32) else {
        return;
    };
    each_rewrite_is_seen(&Scratch::new(), &disk.join("source"));
}

#[test]
fn what_changed_within_a_minute_is_read_once_more_and_linked() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("file", b"content")
        .file("directory/other", b"other")
        .symlink("link", "file")
        .build();
    let store = scratch.join("store");
    let is_racy = |name: &str| Ledger::of(&store).newest(&source.join(name)).racy;
    for (day, (ahead, racy)) in [(false, true), (false, true), (true, false), (true, false)]
        .into_iter()
        .enumerate()
    {
        let day = day as u64;
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        let command = command.arg(&source).arg(&store);
        let command = if ahead { aged(command) } else { command };
        let outcome = command.json().expect(0);
        assert_eq!(outcome.number("files_linked"), if day == 0 { 0 } else { 2 });
        for name in ["file", "directory/other"] {
            assert_eq!(is_racy(name), racy, "{name} on day {day}");
        }
    }
}
