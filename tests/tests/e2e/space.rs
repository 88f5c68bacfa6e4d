//! A destination that runs out of something leaves history as it is.

use std::fs;
use std::path::Path;
use std::process::Command;

use hardsnap_tests::{
    Canary, Invariant, Mount, Scratch, StoreView, TreeImage, assert_same, assert_untouched,
    naive_copy, noon, skip_unless, snapshot_name,
};

use crate::trees::{many, simple};

/// Fills the filesystem of a store by its second run, which must fail, then
/// makes room, and checks that the next run is as if nothing had happened.
fn runs_out(disk: &Path, fill: impl Fn(&Path), make_room: impl Fn(&Path)) {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = simple(&scratch, "source").build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    // Two, of which the policy would give up one: it is not given up for room.
    for day in 0..2 {
        scratch.snapshot(&source, &store, &noon(day));
    }
    let mut invariant = Invariant::new(&store, &canary);
    fill(&source);
    let backup = |day: u64| {
        let command = scratch.hardsnap("backup").args(["--time", &noon(day)]);
        command.arg(&source).arg(&store)
    };
    for day in 2..4 {
        let outcome = backup(day).args(["--keep-last", "1"]).run().expect(1);
        assert!(!outcome.stderr.is_empty());
        invariant.check();
        assert_eq!(view.names().len(), 2);
        assert_eq!(view.latest(), Some(snapshot_name(&noon(1))));
    }
    make_room(&source);
    backup(4).args(["--no-prune"]).run().expect(0);
    invariant.check();
    invariant.remember();
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(4)), &source),
    );
    view.assert_tidy();
}

#[test]
fn no_space_in_memory() {
    let Some(disk) = Mount::tmpfs(1024, 1000) else {
        return;
    };
    let large = |source: &Path| fs::write(source.join("large"), vec![7; 3 << 20]).unwrap();
    runs_out(disk.path(), large, |source| {
        fs::remove_file(source.join("large")).unwrap();
    });
}

#[test]
fn no_inodes() {
    let Some(disk) = Mount::tmpfs(65_536, 200) else {
        return;
    };
    let fill = |source: &Path| {
        let scratch = Scratch::new();
        naive_copy(many(scratch.tree("many"), 400).build(), source.join("many"));
    };
    runs_out(disk.path(), fill, |source| {
        fs::remove_dir_all(source.join("many")).unwrap();
    });
}

#[test]
fn no_space_on_disk() {
    let Some(disk) = Mount::ext4(8) else { return };
    let large = |source: &Path| {
        for number in 0..40 {
            fs::write(source.join(format!("large {number}")), vec![7; 1 << 18]).unwrap();
        }
    };
    let room = |source: &Path| {
        for number in 0..40 {
            fs::remove_file(source.join(format!("large {number}"))).unwrap();
        }
    };
    runs_out(disk.path(), large, room);
}

#[test]
fn a_read_only_destination_is_left_alone() {
    let Some(disk) = Mount::tmpfs(1024, 1000) else {
        return;
    };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = disk.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    let remount = |option: &str| {
        let status = Command::new("mount")
            .args(["-o", option])
            .arg(disk.path())
            .status();
        assert!(status.unwrap().success());
    };
    remount("remount,ro");
    let before = TreeImage::of(disk.path());
    let outcome = scratch
        .hardsnap("backup")
        .arg(&source)
        .arg(&store)
        .run()
        .expect(1);
    assert!(!outcome.stderr.is_empty());
    scratch.hardsnap("list").arg(&store).json().expect(0);
    assert_untouched(&before, &TreeImage::of(disk.path()));
    remount("remount,rw");
    scratch
        .hardsnap("backup")
        .arg(&source)
        .arg(&store)
        .run()
        .expect(0);
}

#[test]
fn a_file_with_as_many_links_as_the_filesystem_holds_is_copied_once() {
    let Some(disk) = Mount::ext4(64) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .hard_link("linked", "file")
        .build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    scratch.snapshot(&source, &store, &noon(0));
    // ext4 holds 65,000 links: there is room for one name more of the two.
    let stored = view.tree(&snapshot_name(&noon(0)), &source).join("file");
    fs::create_dir(disk.join("links")).unwrap();
    for number in 0..65_000 - 3 {
        fs::hard_link(&stored, disk.join(&format!("links/{number}"))).unwrap();
    }
    assert!(
        fs::hard_link(&stored, disk.join("one")).is_ok()
            && fs::hard_link(&stored, disk.join("two")).is_err()
    );
    fs::remove_file(disk.join("one")).unwrap();
    for day in 1..5 {
        scratch.snapshot(&source, &store, &noon(day));
        // Whether the two names stay one group depends on which is met first.
        let differences =
            TreeImage::of(&source).differences(&view.image(&snapshot_name(&noon(day)), &source));
        assert!(
            differences.iter().all(|one| one.field == "link group"),
            "{differences:?}"
        );
    }
    // Copied once or twice, and from then on linked.
    let [one, two] = [3, 4].map(|day| view.image(&snapshot_name(&noon(day)), &source));
    assert!(one.shared_with(&two).is_superset(&one.files()));
}

#[test]
fn a_file_that_cannot_be_linked_is_copied() {
    let Some(disk) = Mount::ext4(32) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    scratch.snapshot(&source, &store, &noon(0));
    let stored = view.tree(&snapshot_name(&noon(0)), &source).join("file");
    let status = Command::new("chattr").arg("+i").arg(&stored).status();
    if !skip_unless(
        status.is_ok_and(|status| status.success()),
        "chattr +i is refused here",
    ) {
        return;
    }
    let outcome = scratch.snapshot(&source, &store, &noon(1));
    assert_eq!(
        [
            outcome.number("files_copied"),
            outcome.number("files_linked")
        ],
        [1, 1]
    );
    let made = view.image(&snapshot_name(&noon(1)), &source);
    assert_same(&TreeImage::of(&source), &made);
    // From then on the copy is linked.
    let outcome = scratch.snapshot(&source, &store, &noon(2));
    assert_eq!(
        [
            outcome.number("files_copied"),
            outcome.number("files_linked")
        ],
        [0, 2]
    );
}

/// Fills a first snapshot's destination too full, and gives what is said.
fn too_large(disk: &Path, source: &Path, scratch: &Scratch) -> String {
    let store = disk.join("store");
    let outcome = scratch
        .hardsnap("backup")
        .args(["--init", "--time", &noon(0)])
        .arg(source)
        .arg(&store)
        .run()
        .expect(1);
    let view = StoreView::new(&store);
    assert_eq!(view.names(), [""; 0]);
    assert_eq!(view.work(), [""; 0]);
    assert_eq!(view.records(), [""; 0]);
    outcome.stderr()
}

/// The bytes that were written to a disk until now, at most.
fn taken(disk: &Path) -> u64 {
    let stat = rustix::fs::statvfs(disk).unwrap();
    (stat.f_blocks - stat.f_bfree) * stat.f_frsize
}

#[test]
fn a_first_snapshot_that_cannot_fit_is_refused_before_anything_is_copied() {
    let Some(disk) = Mount::ext4(16) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .hard_link("linked", "file")
        .build();
    for number in 0..20 {
        fs::write(source.join(format!("large {number}")), vec![7; 1 << 20]).unwrap();
    }
    // A hole takes no room.
    let sparse = fs::File::create(source.join("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let before = taken(disk.path());
    let said = too_large(disk.path(), &source, &scratch);
    let (_, numbers) = said.split_once("the sources need ").unwrap();
    let mut numbers = numbers
        .split(' ')
        .filter_map(|word| word.parse::<u64>().ok());
    let (needed, inodes) = (numbers.next().unwrap(), numbers.next().unwrap());
    assert!((20 << 20..21 << 20).contains(&needed), "{said}");
    // 23 files, a symlink, and the directories down to the last one.
    let directories = source.components().count() as u64 + 1;
    assert_eq!(inodes, 23 + 1 + directories, "{said}");
    assert!(numbers.next().unwrap() < 16 << 20, "{said}");
    assert!(taken(disk.path()) < before + (1 << 20));
    for number in 8..20 {
        fs::remove_file(source.join(format!("large {number}"))).unwrap();
    }
    scratch.snapshot(&source, &disk.join("store"), &noon(1));
}

#[test]
fn too_many_files_are_refused_before_the_first() {
    let Some(disk) = Mount::tmpfs(65_536, 200) else {
        return;
    };
    let scratch = Scratch::new();
    let source = many(scratch.tree("source"), 400).build();
    let said = too_large(disk.path(), &source, &scratch);
    assert!(
        said.contains("the sources need") && said.contains("inodes"),
        "{said}"
    );
}

#[test]
fn a_large_file_is_refused_before_its_first_byte() {
    let Some(disk) = Mount::ext4(16) else { return };
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = simple(&scratch, "source").build();
    let (store, view) = (disk.join("store"), StoreView::new(disk.join("store")));
    scratch.snapshot(&source, &store, &noon(0));
    let invariant = Invariant::new(&store, &canary);
    fs::write(source.join("large"), vec![7; 20 << 20]).unwrap();
    let before = taken(disk.path());
    let outcome = scratch
        .hardsnap("backup")
        .args(["--time", &noon(1)])
        .arg(&source)
        .arg(&store)
        .run()
        .expect(1);
    let said = outcome.stderr();
    assert!(said.contains("large needs 20971520 bytes"), "{said}");
    assert!(said.contains("bytes free"), "{said}");
    assert!(taken(disk.path()) < before + (1 << 20));
    invariant.check();
    view.assert_tidy();
}
