//! Trouble with one entry is listed and does not stop the rest.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use filetime::FileTime;
use hardsnap_tests::{
    Canary, Invariant, Mount, Outcome, Repeating, Scratch, StoreView, TreeImage, assert_same,
    assert_unchanged, has_ordinary_user, noon, snapshot_name,
};

use crate::trees::{many, simple};

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn what_cannot_be_read_is_listed_and_the_rest_is_complete() {
    if !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .file(b"secret \xff", b"not for you")
        .mode(0)
        .file("closed/inside", b"nor this")
        .file("after", b"readable")
        .build();
    mode(&source.join("closed"), 0);
    let (folder, image) = (
        scratch.ordinary_folder("folder"),
        TreeImage::of(&source).without_owners(),
    );
    let (store, view) = (folder.join("store"), StoreView::new(folder.join("store")));
    let backup = |day: u64| {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        command.arg(&source).arg(&store).as_ordinary_user().json()
    };
    let path = |name: &[u8]| [source.as_os_str().as_encoded_bytes(), b"/", name].concat();
    let readable = image.clone().without(b"secret \xff").without("closed");
    for day in 0..2 {
        let outcome = backup(day).expect(3);
        assert_eq!(outcome.skipped(), [path(b"closed"), path(b"secret \xff")]);
        assert_eq!(outcome.text("status"), "partial");
        let made = view
            .image(&snapshot_name(&noon(day)), &source)
            .without_owners();
        assert_same(&readable, &made);
        assert_eq!(view.latest(), Some(snapshot_name(&noon(day))));
        view.assert_tidy();
    }
    // A partial snapshot serves as a basis; what was left out comes then.
    mode(&source.join("closed"), 0o755);
    mode(
        &source.join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"secret \xff")),
        0o644,
    );
    let outcome = backup(2).expect(0);
    assert_eq!(outcome.text("status"), "complete");
    assert_eq!(
        [
            outcome.number("files_copied"),
            outcome.number("files_linked")
        ],
        [2, 3]
    );
    assert_same(
        &TreeImage::of(&source).without_owners(),
        &view
            .image(&snapshot_name(&noon(2)), &source)
            .without_owners(),
    );
}

#[test]
fn the_store_is_left_out_of_a_source_that_holds_it() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "home")
        .directory("backups")
        .file("zz last", b"z")
        .build();
    let (store, view) = (
        source.join("backups/store"),
        StoreView::new(source.join("backups/store")),
    );
    for day in 0..3 {
        scratch.snapshot(&source, &store, &noon(day));
        let made = view.image(&snapshot_name(&noon(day)), &source);
        assert_same(&TreeImage::of(&source).without("backups/store"), &made);
    }
    view.assert_tidy();
}

#[test]
fn the_store_is_left_out_through_a_bind_mount_as_well() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "home").directory("mounted").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch.hardsnap("init").arg(&store).run().expect(0);
    let Some(_mount) = Mount::bind(&store, &source.join("mounted")) else {
        return;
    };
    for day in 0..3 {
        scratch.snapshot(&source, &store, &noon(day));
        let made = view.image(&snapshot_name(&noon(day)), &source);
        assert_eq!(
            made.files(),
            [b"directory/other".to_vec(), b"file".to_vec()].into(),
            "on day {day}"
        );
    }
}

#[test]
fn a_file_that_is_written_meanwhile_is_never_torn_without_a_word() {
    const PAGE: usize = 4096;
    const PAGES: usize = 512;
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .file("busy", vec![0; PAGE * PAGES])
        .build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let path = source.join("busy");
    // Writes each round's number over the file from its start to its end: at
    // every moment the file is one round up to some point, and the round
    // before from there on.
    let writer = Repeating::start(move |round| {
        let file = fs::File::options().write(true).open(&path).unwrap();
        let page: Vec<u8> = (round + 1).to_le_bytes().repeat(PAGE / 8);
        for number in 0..PAGES {
            file.write_all_at(&page, (number * PAGE) as u64).unwrap();
        }
    });
    let (mut calm, mut listed) = (0, 0);
    for day in 0..40 {
        let command =
            scratch
                .hardsnap("backup")
                .args(["--init", "--no-prune", "--time", &noon(day)]);
        let outcome = command.arg(&source).arg(&store).json();
        let stored = view.tree(&snapshot_name(&noon(day)), &source).join("busy");
        if outcome.code() == Some(3) {
            assert_eq!(
                outcome.skipped(),
                [source.join("busy").into_os_string().into_encoded_bytes()]
            );
            listed += 1;
            continue;
        }
        let outcome = outcome.expect(0);
        let content = fs::read(stored).unwrap();
        assert_eq!(content.len(), PAGE * PAGES);
        let rounds: Vec<u64> = content
            .chunks(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
            .collect();
        let (first, last) = (rounds[0], rounds[rounds.len() - 1]);
        assert!(
            rounds.is_sorted_by(|one, next| one >= next),
            "torn, and not a word of it: {outcome}"
        );
        assert!(
            first - last <= 1,
            "torn from round {last} to {first}, and not a word of it: {outcome}"
        );
        calm += 1;
    }
    writer.stop();
    assert_eq!(calm + listed, 40);
    // Once it is left alone it is whole again, and nothing torn was linked on.
    scratch.snapshot(&source, &store, &noon(40));
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(40)), &source),
    );
}

#[test]
fn a_source_that_comes_and_goes_breaks_nothing() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = many(simple(&scratch, "source"), 400).build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let calm = TreeImage::of(&source).without("many");
    let (tree, away) = (source.clone(), scratch.join("away"));
    let churn = Repeating::start(move |round| {
        let directory = tree.join(format!("many/{:03}", round % 4));
        let name = |number: u64| directory.join((round % 4 * 100 + number).to_string());
        for number in 0..50 {
            fs::remove_file(name(number)).unwrap();
            fs::rename(name(number + 50), name(number)).unwrap();
        }
        fs::rename(&directory, &away).unwrap();
        fs::remove_dir_all(&away).unwrap();
        fs::create_dir(&directory).unwrap();
        for number in 0..100 {
            fs::write(name(number), round.to_string()).unwrap();
        }
    });
    let mut invariant = Invariant::new(&store, &canary);
    for day in 0..25 {
        let command =
            scratch
                .hardsnap("backup")
                .args(["--init", "--no-prune", "--time", &noon(day)]);
        let outcome = command.arg(&source).arg(&store).json();
        assert!([Some(0), Some(3)].contains(&outcome.code()), "{outcome}");
        assert_eq!(
            outcome.code() == Some(3),
            !outcome.skipped().is_empty(),
            "{outcome}"
        );
        let made = view.image(&snapshot_name(&noon(day)), &source);
        assert_same(&calm, &made.without("many"));
        invariant.check();
        invariant.remember();
        view.assert_tidy();
    }
    churn.stop();
    scratch.snapshot(&source, &store, &noon(40));
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(40)), &source),
    );
}

#[test]
fn a_stored_file_that_was_replaced_is_not_linked_on() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch.snapshot(&source, &store, &noon(0));
    let stored = view.tree(&snapshot_name(&noon(0)), &source);
    // By another file of the same size and time, or by another kind.
    let file = stored.join("file");
    let time = FileTime::from_last_modification_time(&file.metadata().unwrap());
    fs::write(stored.join("new"), b"CONTENT").unwrap();
    filetime::set_file_mtime(stored.join("new"), time).unwrap();
    fs::rename(stored.join("new"), file).unwrap();
    fs::remove_file(stored.join("link")).unwrap();
    fs::create_dir(stored.join("link")).unwrap();
    fs::remove_dir_all(stored.join("directory")).unwrap();
    fs::write(stored.join("directory"), b"").unwrap();
    let before = TreeImage::of(&stored);
    let outcome = scratch.snapshot(&source, &store, &noon(1));
    assert_eq!(outcome.surprises(), ["stored_files_replaced"]);
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(1)), &source),
    );
    assert_unchanged(&before, &TreeImage::of(&stored));
}

#[test]
fn a_stored_file_that_was_written_in_place_is_seen_when_asked_for() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch.snapshot(&source, &store, &noon(0));
    let stored = view.tree(&snapshot_name(&noon(0)), &source);
    fs::write(stored.join("file"), b"damaged in place").unwrap();
    let other = stored.join("directory/other");
    fs::set_permissions(other, PermissionsExt::from_mode(0o600)).unwrap();
    let before = TreeImage::of(&stored);
    let command = scratch
        .hardsnap("backup")
        .args(["--check-basis", "--time", &noon(1)]);
    let outcome = command.arg(&source).arg(&store).json().expect(0);
    assert_eq!(outcome.number("files_copied"), 2, "{outcome}");
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(1)), &source),
    );
    assert_unchanged(&before, &TreeImage::of(&stored));
}

#[test]
fn a_basis_that_is_gone_makes_the_next_snapshot_whole_all_the_same() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch.snapshot(&source, &store, &noon(0));
    scratch.snapshot(&source, &store, &noon(1));
    fs::remove_dir_all(view.snapshot(&snapshot_name(&noon(1)))).unwrap();
    let command = scratch
        .hardsnap("backup")
        .args(["--time", &noon(2)])
        .arg(&source)
        .arg(&store);
    let outcome: Outcome = command.json().expect(0);
    assert_eq!(outcome.text("basis"), snapshot_name(&noon(0)));
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(2)), &source),
    );
    assert_eq!(view.latest(), Some(snapshot_name(&noon(2))));
    view.assert_tidy();
}
