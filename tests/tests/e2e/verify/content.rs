//! Content: which files are read, and that nothing of them escapes.

use std::fs;

use hardsnap_tests::{Scratch, noon};
use rusqlite::Connection;

use super::{Damage, Kept, flip};
use crate::catalog::file as catalog_file;
use crate::trees::{many, simple};

#[test]
fn a_damaged_byte_anywhere_is_found_and_all_sharers_are_named() {
    let scratch = Scratch::new();
    let large: Vec<u8> = (0..3_000_001_u32)
        .map(|n| n.wrapping_mul(n).to_le_bytes()[1])
        .collect();
    let tree = simple(&scratch, "source")
        .file("large", large)
        .hard_link("directory/linked", "large")
        .file("sparse", b"x");
    let mut kept = Kept::new(&scratch, &tree, 0);
    let sparse = fs::OpenOptions::new()
        .write(true)
        .open(kept.source.join("sparse"))
        .unwrap();
    sparse.set_len(5_000_000).unwrap();
    kept.backup();
    // Another path of the same file.
    fs::rename(kept.source.join("sparse"), kept.source.join("moved")).unwrap();
    kept.backup();
    kept.backup();
    kept.assert_sound();
    for offset in [0, 1, 262_143, 262_144, 1_500_000, 2_999_999, 3_000_000] {
        let file = kept.stored(1, "large");
        flip(&file, offset);
        let mut expected = kept.of(&[0, 1, 2], &["large", "directory/linked"], "content");
        assert_eq!(kept.damage(&["--full"]), expected, "{offset}");
        // Of one snapshot, but all that share it are named.
        expected = kept.of(&[0, 1, 2], &["large", "directory/linked"], "content");
        assert_eq!(kept.damage(&["--full", "latest"]), expected, "{offset}");
        flip(&file, offset);
        kept.assert_sound();
    }
    for offset in [0, 2_500_000, 4_999_999] {
        let file = kept.stored(0, "sparse");
        flip(&file, offset);
        let mut expected = kept.of(&[0], &["sparse"], "content");
        expected.extend(kept.of(&[1, 2], &["moved"], "content"));
        assert_eq!(kept.damage(&["--full"]), expected, "{offset}");
        flip(&file, offset);
    }
    kept.assert_sound();
}

#[test]
fn each_stored_file_is_read_once() {
    let scratch = Scratch::new();
    let tree = many(simple(&scratch, "source").hard_link("linked", "file"), 50);
    let mut kept = Kept::new(&scratch, &tree, 4);
    fs::write(kept.source.join("file"), b"new content").unwrap();
    kept.backup();
    let outcome = kept.assert_sound();
    // `file` has two versions.
    assert_eq!(outcome.number("checked_files"), 50 + 1 + 2, "{outcome}");
}

#[test]
fn damage_is_told_until_it_is_good_again() {
    let scratch = Scratch::new();
    let kept = Kept::new(&scratch, &many(simple(&scratch, "source"), 50), 2);
    let file = kept.stored(0, "many/000/7");
    // Nobody reads it.
    flip(&file, 0);
    assert_eq!(kept.damage(&[]), Damage::new());
    let expected = kept.of(&[0, 1], &["many/000/7"], "content");
    assert_eq!(kept.damage(&["--since-last"]), expected);
    for arguments in [
        &[][..],
        &["--since-last"],
        &["--sample", "0.001%"],
        &["latest"],
    ] {
        assert_eq!(kept.damage(arguments), expected, "{arguments:?}");
    }
    flip(&file, 0);
    assert_eq!(kept.damage(&[]), Damage::new());
    let outcome = kept.verify().json().expect(0);
    assert_eq!(outcome.number("checked_files"), 0, "{outcome}");
}

#[test]
fn since_the_last_time_only_what_is_new_is_read() {
    let scratch = Scratch::new();
    let mut kept = Kept::new(&scratch, &many(simple(&scratch, "source"), 50), 2);
    let since_last = |kept: &Kept<'_>| {
        let outcome = kept.verify().arg("--since-last").json().expect(0);
        outcome.number("checked_files")
    };
    assert_eq!(since_last(&kept), 52);
    assert_eq!(since_last(&kept), 0);
    fs::write(kept.source.join("file"), b"new").unwrap();
    fs::write(kept.source.join("another"), b"new too").unwrap();
    kept.backup();
    kept.backup();
    assert_eq!(since_last(&kept), 2);
    // A run over one snapshot, or of a part, says nothing about all.
    fs::write(kept.source.join("file"), b"newer").unwrap();
    kept.backup();
    kept.verify().args(["--full", "latest"]).json().expect(0);
    kept.verify().args(["--sample", "100%"]).json().expect(0);
    assert_eq!(since_last(&kept), 1);
    // One of all does.
    fs::write(kept.source.join("file"), b"newest").unwrap();
    kept.backup();
    kept.assert_sound();
    assert_eq!(since_last(&kept), 0);
}

#[test]
fn samples_read_every_file_in_the_end() {
    let scratch = Scratch::new();
    let kept = Kept::new(&scratch, &many(simple(&scratch, "source"), 200), 1);
    // All are damaged, so that each one that is read is told.
    for number in 0..200 {
        flip(
            &kept.stored(0, &format!("many/{:03}/{number}", number / 100)),
            0,
        );
    }
    let mut found = 0;
    for round in 1..=4 {
        let outcome = kept.verify().args(["--sample", "25%"]).json().expect(5);
        let now = outcome.number("damaged_entries");
        assert!(
            (found..=found + 100).contains(&now),
            "round {round}: {found}, {now}"
        );
        found = now;
    }
    assert_eq!(found, 200);
}

#[test]
fn what_has_no_hash_is_counted() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").file("empty", b"").build();
    let store = scratch.join("store");
    let command = scratch
        .hardsnap("backup")
        .args(["--init", "--no-hash", "--time", &noon(0)]);
    command.arg(&source).arg(&store).run().expect(0);
    let verify = |how: &str| {
        scratch
            .hardsnap("verify")
            .arg(&store)
            .arg(how)
            .json()
            .expect(0)
    };
    let outcome = verify("--full");
    let numbers = ["checked_files", "unhashed_files"].map(|key| outcome.number(key));
    assert_eq!(numbers, [0, 2], "{outcome}");
    assert_eq!(verify("--since-last").number("unhashed_files"), 0);
}

#[test]
fn a_row_that_is_not_what_was_written_is_no_measure() {
    let scratch = Scratch::new();
    let kept = Kept::new(&scratch, &simple(&scratch, "source"), 1);
    let catalog = Connection::open(catalog_file(&kept.store)).unwrap();
    let changed = catalog.execute(
        "UPDATE entry SET size = size + 1 WHERE name = ?1",
        [b"file"],
    );
    assert_eq!(changed.unwrap(), 1);
    drop(catalog);
    let outcome = kept.verify().arg("--full").run().expect(1);
    assert!(outcome.stderr().contains("reindex"), "{outcome}");
}
