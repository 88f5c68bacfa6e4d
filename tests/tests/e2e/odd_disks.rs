//! Destinations that lack something, as real mounts: each lack is said once,
//! and the rest is right.

use std::fs;
use std::path::Path;
use std::process::Command;

use filetime::FileTime;
use hardsnap_tests::{
    Canary, Hardsnap, Invariant, Kind, OddDisk, Outcome, Quirk, Scratch, StoreView, TreeImage,
    assert_same, assert_untouched, noon, skip_unless, snapshot_name,
};

use crate::filesystems::noise;
use crate::trees::simple;

fn backup(scratch: &Scratch, source: &Path, store: &Path, day: u64) -> Hardsnap {
    let command = scratch.hardsnap("backup");
    let command = command.args(["--init", "--no-prune", "--time", &noon(day)]);
    command.arg(source).arg(store)
}

/// Makes three snapshots on a disk that lacks something, checks what is said
/// of it each day, and that from the second day on nothing is copied.
fn three_days(
    quirks: &[Quirk],
    scratch: &Scratch,
    source: &Path,
    said: &[&str],
    as_stored: impl Fn(TreeImage) -> TreeImage,
) -> Option<OddDisk> {
    let disk = OddDisk::mount(quirks)?;
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    let expected = as_stored(TreeImage::of(source));
    for day in 0..3 {
        let outcome = backup(scratch, source, &store, day).json().expect(0);
        assert_eq!(outcome.warnings("code"), said, "{outcome}");
        let copied = outcome.number("files_copied");
        assert_eq!(copied == 0, day > 0, "{outcome}");
        let made = view.image(&snapshot_name(&noon(day)), source);
        assert_same(&expected, &as_stored(made));
    }
    assert_records_tell(said, scratch, &store);
    view.assert_tidy();
    let prune = scratch.hardsnap("prune").arg(&store);
    prune
        .args(["--keep-last", "1", "--now", &noon(2)])
        .run()
        .expect(0);
    view.assert_tidy();
    assert_eq!(view.names(), [snapshot_name(&noon(2))]);
    Some(disk)
}

/// Checks that the records keep what was said to be lacking.
fn assert_records_tell(said: &[&str], scratch: &Scratch, store: &Path) {
    let word = |code: &&str| match *code {
        "owners_not_kept" => Some("owners"),
        "modes_not_kept" => Some("modes"),
        "no_symlinks" => Some("symlinks"),
        "case_insensitive" => Some("case"),
        "normalization_insensitive" => Some("normalization"),
        "coarse_mtimes" => Some("mtimes"),
        "xattrs_not_kept" => Some("xattrs:user"),
        _ => None,
    };
    let mut expected: Vec<&str> = said.iter().filter_map(word).collect();
    expected.sort_unstable();
    let listed = scratch.hardsnap("list").arg(store).json().expect(0);
    for snapshot in listed.summary()["snapshots"].as_array().unwrap() {
        let lacks = snapshot["lacks"].as_array().into_iter().flatten();
        let mut lacks: Vec<&str> = lacks.filter_map(|lack| lack.as_str()).collect();
        lacks.sort_unstable();
        assert_eq!(lacks, expected, "{snapshot}");
    }
}

#[test]
fn an_odd_disk_without_quirks_is_a_disk_like_others() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .hard_link("linked", "file")
        .xattr("user.a", b"1")
        .fifo("fifo")
        .build();
    three_days(&[], &scratch, &source, &[], |image| image);
}

#[test]
fn without_attributes_the_rest_is_right() {
    let scratch = Scratch::new();
    let tree = simple(&scratch, "source");
    let source = tree.file("attributed", b"a").xattr("user.a", b"1").build();
    let without = |image: TreeImage| image.map(|_, entry| entry.xattrs.clear());
    let said = ["xattrs_not_kept"];
    three_days(&[Quirk::NoXattrs], &scratch, &source, &said, without);
}

#[test]
fn where_nothing_can_be_given_away_the_rest_is_right() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let said = ["owners_not_kept"];
    let squash = [Quirk::Squash, Quirk::PlainRename];
    three_days(&squash, &scratch, &source, &said, TreeImage::without_owners);
}

#[test]
fn where_modes_do_not_stay_the_rest_is_right() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .file("program", b"p")
        .mode(0o4755)
        .build();
    let without = |image: TreeImage| image.map(|_, entry| entry.mode = 0);
    let said = ["modes_not_kept"];
    three_days(&[Quirk::NoModes], &scratch, &source, &said, without);
}

#[test]
fn coarse_mtimes_are_compared_no_finer() {
    for seconds in [1, 2] {
        let scratch = Scratch::new();
        let source = simple(&scratch, "source")
            .file("odd", b"o")
            .mtime(1_234_567_891, 999_999_999)
            .build();
        let coarse = |image: TreeImage| {
            image.map(|_, entry| {
                entry.mtime = (entry.mtime.0 - entry.mtime.0.rem_euclid(seconds), 0);
            })
        };
        let said = ["coarse_mtimes"];
        let quirks = [Quirk::Seconds(seconds.unsigned_abs())];
        three_days(&quirks, &scratch, &source, &said, coarse);
    }
}

#[test]
fn a_rename_without_flags_will_do() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    three_days(&[Quirk::PlainRename], &scratch, &source, &[], |image| image);
}

#[test]
fn without_symlinks_each_is_listed_and_there_is_no_latest() {
    let Some(disk) = OddDisk::mount(&[Quirk::NoSymlinks]) else {
        return;
    };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    for day in 0..2 {
        let outcome = backup(&scratch, &source, &store, day).json().expect(3);
        assert_eq!(outcome.warnings("code"), ["no_symlinks"], "{outcome}");
        let link = source.join("link").into_os_string().into_encoded_bytes();
        assert_eq!(outcome.skipped(), [link]);
        let expected = TreeImage::of(&source).without("link");
        let made = view.image(&snapshot_name(&noon(day)), &source);
        assert_same(&expected, &made);
        assert_eq!(made.count(Kind::Symlink), 0);
        assert_eq!(view.latest(), None);
    }
    // The word means the newest all the same.
    let delete = scratch.hardsnap("delete").arg("--yes").arg(&store);
    delete.arg("latest~1").run().expect(0);
    assert_eq!(view.names(), [snapshot_name(&noon(1))]);
}

#[test]
fn a_limit_of_links_is_met_by_a_copy_that_is_linked_on() {
    let Some(disk) = OddDisk::mount(&[Quirk::LinkLimit(3)]) else {
        return;
    };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    for day in 0..8 {
        let outcome = backup(&scratch, &source, &store, day).json().expect(0);
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&noon(day)), &source),
        );
        let is_full = day > 0 && day % 3 == 0;
        let copied = if day == 0 || is_full { 2 } else { 0 };
        assert_eq!(
            outcome.number("files_copied"),
            copied,
            "day {day}: {outcome}"
        );
        let said: &[&str] = if is_full { &["link_limit"] } else { &[] };
        assert_eq!(outcome.warnings("code"), said, "day {day}: {outcome}");
    }
}

/// Makes a source that has each name twice for a disk that folds them.
fn twins(scratch: &Scratch, one: &str, two: &str) -> std::path::PathBuf {
    let time = 1_234_567_890;
    scratch
        .tree("source")
        .file(format!("file {one}"), b"one")
        .mtime(time, 0)
        .file(format!("file {two}"), b"two")
        .mtime(time, 0)
        .file(format!("directory {one}/below"), b"one")
        .mtime(time, 0)
        .file(format!("directory {two}/below"), b"two")
        .mtime(time, 0)
        .build()
}

/// Checks that each file in a snapshot is the one that has its very name.
fn assert_each_is_itself(source: &Path, made: &Path) {
    for found in fs::read_dir(made).unwrap() {
        let name = found.unwrap().file_name();
        let [source, made] = [source, made].map(|root| root.join(&name));
        if made.is_dir() {
            assert_each_is_itself(&source, &made);
        } else {
            assert_eq!(
                fs::read(source).unwrap(),
                fs::read(made).unwrap(),
                "{name:?}"
            );
        }
    }
}

fn folded(quirk: Quirk, one: &str, two: &str, said: &str) {
    let Some(disk) = OddDisk::mount(&[quirk]) else {
        return;
    };
    let scratch = Scratch::new();
    let source = twins(&scratch, one, two);
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    for day in 0..2 {
        let outcome = backup(&scratch, &source, &store, day).json().expect(3);
        assert_eq!(outcome.warnings("code"), [said], "{outcome}");
        assert_eq!(outcome.skipped().len(), 2, "{outcome}");
        let made = view.tree(&snapshot_name(&noon(day)), &source);
        assert_eq!(fs::read_dir(&made).unwrap().count(), 2);
        assert_each_is_itself(&source, &made);
    }
    // The other one of the two is as large and as old, and is not taken for it.
    for (day, name) in [(2, one), (3, two), (4, one)] {
        fs::remove_dir_all(&source).unwrap();
        twins(&scratch, one, two);
        for other in [one, two].iter().filter(|other| **other != name) {
            fs::remove_file(source.join(format!("file {other}"))).unwrap();
            fs::remove_dir_all(source.join(format!("directory {other}"))).unwrap();
        }
        backup(&scratch, &source, &store, day).json().expect(0);
        let made = view.tree(&snapshot_name(&noon(day)), &source);
        assert_each_is_itself(&source, &made);
        assert!(made.join(format!("file {name}")).exists());
    }
    // What has one name only is linked as everywhere.
    let outcome = backup(&scratch, &source, &store, 5).json().expect(0);
    assert_eq!(outcome.number("files_copied"), 0, "{outcome}");
}

#[test]
fn of_names_that_differ_in_case_one_is_kept_and_the_other_listed() {
    folded(Quirk::FoldsCase, "name", "NAME", "case_insensitive");
}

#[test]
fn of_names_that_differ_in_accents_one_is_kept_and_the_other_listed() {
    let said = "normalization_insensitive";
    folded(Quirk::FoldsAccents, "\u{e9}", "e\u{301}", said);
}

#[test]
fn without_links_full_copies_have_to_be_allowed_once() {
    let Some(disk) = OddDisk::mount(&[Quirk::NoLinks]) else {
        return;
    };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    let refused = |outcome: Outcome| {
        let outcome = outcome.expect(1);
        assert!(
            outcome.stderr().contains("--allow-full-copies"),
            "{outcome}"
        );
    };
    refused(scratch.hardsnap("init").arg(&store).run());
    refused(backup(&scratch, &source, &store, 0).run());
    assert!(!store.exists());
    let first = backup(&scratch, &source, &store, 0).arg("--allow-full-copies");
    first.run().expect(0);
    let outcome = backup(&scratch, &source, &store, 1).json().expect(0);
    assert_eq!(outcome.number("files_copied"), 2, "{outcome}");
    assert_eq!(outcome.warnings("code"), ["links_refused"], "{outcome}");
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(1)), &source),
    );
}

#[test]
fn a_store_that_lost_its_links_is_not_filled_with_copies() {
    let Some(disk) = OddDisk::mount(&[Quirk::NoLinks]) else {
        return;
    };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    scratch.snapshot(&source, &scratch.join("store"), &noon(0));
    // The disk was exchanged, and the store brought over.
    let copied = Command::new("cp")
        .arg("-a")
        .arg(scratch.join("store"))
        .arg(disk.path())
        .status();
    assert!(copied.unwrap().success());
    let store = disk.join("store");
    let before = TreeImage::of(&store);
    for _ in 0..2 {
        let outcome = backup(&scratch, &source, &store, 1).run().expect(1);
        assert!(
            outcome.stderr().contains("--allow-full-copies"),
            "{outcome}"
        );
        let without_lock = |image: TreeImage| image.without(".hardsnap");
        assert_untouched(
            &without_lock(before.clone()),
            &without_lock(TreeImage::of(&store)),
        );
    }
    let allowed = backup(&scratch, &source, &store, 1).arg("--allow-full-copies");
    allowed.run().expect(0);
    backup(&scratch, &source, &store, 2).run().expect(0);
}

#[test]
fn a_disk_without_locks_gets_no_store() {
    let Some(disk) = OddDisk::mount(&[Quirk::NoLocks]) else {
        return;
    };
    let scratch = Scratch::new();
    let outcome = scratch
        .hardsnap("init")
        .arg(disk.join("store"))
        .run()
        .expect(1);
    assert!(outcome.stderr().contains("flock"), "{outcome}");
    assert!(!disk.join("store").exists());
}

#[test]
fn a_disk_that_fills_up_keeps_its_history() {
    let Some(disk) = OddDisk::mount(&[Quirk::Bytes(1 << 20)]) else {
        return;
    };
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = simple(&scratch, "source").build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    backup(&scratch, &source, &store, 0).run().expect(0);
    let mut invariant = Invariant::new(&store, &canary);
    for number in 0..16 {
        fs::write(source.join(format!("large {number}")), noise(100_000)).unwrap();
    }
    let outcome = backup(&scratch, &source, &store, 1).run().expect(1);
    assert!(outcome.stderr().contains("bytes"), "{outcome}");
    invariant.check();
    view.assert_tidy();
    for number in 0..12 {
        fs::remove_file(source.join(format!("large {number}"))).unwrap();
    }
    backup(&scratch, &source, &store, 2).run().expect(0);
    invariant.check();
    invariant.remember();
}

/// Changes the kept results and gives what a run says then.
fn with_kept(
    scratch: &Scratch,
    store: &Path,
    day: u64,
    change: impl Fn(&str) -> String,
) -> Outcome {
    let marker = store.join(".hardsnap/store.toml");
    let text = fs::read_to_string(&marker).unwrap();
    fs::write(&marker, change(&text)).unwrap();
    backup(scratch, &scratch.join("source"), store, day)
        .json()
        .expect(0)
}

#[test]
fn what_was_probed_is_kept_until_the_circumstances_change() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    backup(&scratch, &source, &store, 0).run().expect(0);
    let marker = store.join(".hardsnap/store.toml");
    let made = fs::read_to_string(&marker).unwrap();
    let old = FileTime::from_unix_time(1_234_567_890, 0);
    filetime::set_file_mtime(&marker, old).unwrap();
    backup(&scratch, &source, &store, 1).run().expect(0);
    let written = FileTime::from_last_modification_time(&marker.metadata().unwrap());
    assert_eq!(
        (fs::read_to_string(&marker).unwrap(), written),
        (made.clone(), old)
    );

    // It is gone by, not found out: as if there were no symlinks.
    let without = |text: &str| text.replace("symlinks = true", "symlinks = false");
    let outcome = with_kept(&scratch, &store, 2, without);
    assert!(
        outcome.warnings("code").contains(&"no_symlinks".to_owned()),
        "{outcome}"
    );
    // On another filesystem, for another caller, by another version, or
    // damaged: it is found out anew, and all else that is there stays.
    let changes: [(&str, &str); 5] = [
        ("filesystem_type = ", "filesystem_type = 1"),
        ("filesystem_id = \"", "filesystem_id = \"f"),
        ("caller = ", "caller = 1"),
        ("hard_links = ", "hard_lynx = "),
        ("case_sensitive = ", "case_sensitive = 7 #"),
    ];
    for (day, (was, is)) in (3..).zip(changes) {
        let change = |text: &str| {
            assert!(text.contains(was), "{text}");
            format!(
                "# mine\n{}\n[later]\nx = 1\n",
                without(text).replace(was, is)
            )
        };
        let outcome = with_kept(&scratch, &store, day, change);
        assert!(
            outcome
                .warnings("code")
                .iter()
                .all(|code| code != "no_symlinks"),
            "{outcome}"
        );
        let now = fs::read_to_string(&marker).unwrap();
        assert!(
            now.starts_with("# mine\n") && now.contains("\n[later]\nx = 1\n"),
            "{now}"
        );
        let probed = |text: &str| {
            text[text.find("[destination]").unwrap()..]
                .trim()
                .to_owned()
        };
        assert_eq!(probed(&now), probed(&made));
        fs::write(&marker, &made).unwrap();
    }
}

#[test]
fn what_is_kept_counts_for_one_caller() {
    if !skip_unless(rustix::process::geteuid().is_root(), "takes two users") {
        return;
    }
    let scratch = Scratch::new();
    let folder = scratch.ordinary_folder("folder");
    let source = simple(&scratch, "source").build();
    let store = folder.join("store");
    let own = backup(&scratch, &source, &store, 0)
        .as_ordinary_user()
        .json()
        .expect(0);
    assert!(
        own.warnings("code").contains(&"owners_not_kept".to_owned()),
        "{own}"
    );
    let roots = backup(&scratch, &source, &store, 1).run();
    // A store that another user could change meanwhile is none for root.
    assert_eq!(roots.code(), Some(1), "{roots}");
    let own = backup(&scratch, &source, &store, 2)
        .as_ordinary_user()
        .json()
        .expect(0);
    assert_eq!(own.number("files_copied"), 0, "{own}");
}
