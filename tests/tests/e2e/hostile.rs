//! Who owns part of the source, or plants things beside it, cannot make a run
//! read outside the source, write outside the store, or hang.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use hardsnap_tests::{
    Canary, Chain, Hardsnap, Invariant, Mount, Repeating, Scratch, StoreView, TreeBuilder,
    TreeImage, assert_same, can_trace, noon, skip_unless, snapshot_name,
};
use rustix::fs::{CWD, RenameFlags};
use walkdir::WalkDir;

use crate::trees::{many, simple};

fn exchange(one: &Path, other: &Path) {
    rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
}

/// Finds the files below `root`, those in `many` left out, that are none of
/// the source's own, which begin with "harmless".
fn strangers(root: &Path) -> Vec<PathBuf> {
    let found = WalkDir::new(root)
        .into_iter()
        .filter_entry(|found| found.file_name() != "many");
    let files = found
        .map(Result::unwrap)
        .filter(|found| found.file_type().is_file());
    let is_strange = |path: &PathBuf| !fs::read(path).unwrap().starts_with(b"harmless");
    files
        .map(walkdir::DirEntry::into_path)
        .filter(is_strange)
        .collect()
}

/// Runs backups while `swap` goes on, and checks that each is honest and holds
/// nothing but the source's own.
fn survives(scratch: &Scratch, canary: &Canary, swap: impl FnMut(u64) + Send + 'static) {
    let swapping = Repeating::start(swap);
    // With the calls of new kernels, and with those of old ones.
    backups(scratch, canary, 0..25, |command| command);
    if skip_unless(can_trace(), "strace is not there, or may not trace") {
        backups(scratch, canary, 25..35, |command| {
            command.injecting("openat2:error=ENOSYS")
        });
    }
    let swaps = swapping.stop();
    assert!(swaps > 100, "swapped {swaps} times only");
    canary.assert_untouched();
}

fn backups(
    scratch: &Scratch,
    canary: &Canary,
    days: std::ops::Range<u64>,
    how: impl Fn(Hardsnap) -> Hardsnap,
) {
    let (source, store) = (scratch.join("source"), scratch.join("store"));
    let view = StoreView::new(&store);
    let mut invariant = Invariant::new(&store, canary);
    for day in days {
        let command =
            scratch
                .hardsnap("backup")
                .args(["--init", "--no-prune", "--time", &noon(day)]);
        let outcome = how(command.arg(&source).arg(&store)).json();
        // What was swapped away may have been most of the source.
        assert!(
            [Some(0), Some(3), Some(4)].contains(&outcome.code()),
            "{outcome}"
        );
        let made = view.tree(&snapshot_name(&noon(day)), &source);
        assert_eq!(strangers(&made), Vec::<PathBuf>::new(), "{outcome}");
        assert_same(
            &TreeImage::of(source.join("many")),
            &TreeImage::of(made.join("many")),
        );
        if day % 10 == 9 {
            invariant.check();
            invariant.remember();
        }
    }
}

/// How many entries of a kind are exchanged for those of another: whatever a
/// run comes to, one of them is exchanged between its looks.
const PAIRS: u64 = 40;

/// Exchanges the pairs `one N` and `other N` in turn, each time.
fn exchange_all(source: &Path) -> impl FnMut(u64) + Send + use<> {
    let source = source.to_path_buf();
    move |round| {
        let [one, other] =
            ["one", "other"].map(|name| source.join(format!("{name} {}", round % PAIRS)));
        exchange(&one, &other);
    }
}

#[test]
fn a_directory_swapped_for_a_symlink_leads_nowhere() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let target = canary.path().as_os_str().as_encoded_bytes();
    let mut tree = many(scratch.tree("source"), 200);
    for number in 0..PAIRS {
        tree = tree
            .file(format!("one {number}/secret"), b"harmless")
            .file(format!("one {number}/below/file"), b"harmless too")
            .symlink(format!("other {number}"), target);
    }
    survives(&scratch, &canary, exchange_all(&tree.build()));
}

#[test]
fn a_file_swapped_for_a_symlink_leads_nowhere() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let secret = canary
        .path()
        .join("secret")
        .into_os_string()
        .into_encoded_bytes();
    let mut tree = many(scratch.tree("source"), 200);
    for number in 0..PAIRS {
        tree = tree
            .file(format!("one {number}"), b"harmless")
            .symlink(format!("other {number}"), &secret);
    }
    survives(&scratch, &canary, exchange_all(&tree.build()));
}

#[test]
fn a_directory_far_up_swapped_for_a_symlink_leads_nowhere() {
    // Deep enough that handles have to be opened anew, from far above.
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = many(scratch.tree("source"), 100).build();
    let chain = Chain::new(300).comb();
    chain.clone().saying("harmless").build(source.join("chain"));
    let secret = chain.saying(Canary::SECRET).build(scratch.join("secrets"));
    for level in [&b"d/d"[..], b"d/d/d/d/d/d"] {
        let level = Path::new(OsStr::from_bytes(level));
        let (one, other) = (source.join("chain").join(level), source.join("swap"));
        symlink(secret.join(level), &other).unwrap();
        let swapping = Repeating::start(move |_| exchange(&one, &other));
        backups(&scratch, &canary, 0..30, |command| {
            command.with_open_files(64)
        });
        swapping.stop();
        // An even number of exchanges, or one more to make it so.
        fs::remove_dir_all(scratch.join("store")).unwrap();
        let (one, other) = (source.join("chain").join(level), source.join("swap"));
        if one.is_symlink() {
            exchange(&one, &other);
        }
        fs::remove_file(other).unwrap();
    }
    canary.assert_untouched();
}

#[test]
fn a_file_swapped_for_a_fifo_does_not_hang() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let mut tree = many(scratch.tree("source"), 200);
    for number in 0..PAIRS {
        tree = tree
            .file(format!("one {number}"), b"harmless")
            .fifo(format!("other {number}"));
    }
    survives(&scratch, &canary, exchange_all(&tree.build()));
}

#[test]
fn directories_that_change_places_lead_nowhere() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = many(scratch.tree("source"), 200)
        .file("a/b/c/d/file", b"harmless")
        .build();
    // The directory is carried out of the source, next to the canary, and back.
    let (inside, outside) = (
        source.join("a/b"),
        canary.path().parent().unwrap().join("outside"),
    );
    survives(&scratch, &canary, move |_| {
        fs::rename(&inside, &outside).unwrap();
        fs::rename(&outside, &inside).unwrap();
    });
}

#[test]
fn an_inode_number_that_is_used_again_joins_no_group() {
    // Unlike tmpfs, ext4 gives the number of a removed file to the next one.
    let Some(disk) = Mount::ext4(32) else { return };
    let scratch = Scratch::new();
    let source = many(TreeBuilder::new(disk.join("source")), 300)
        .directory("a")
        .directory("z")
        .build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let (tree, draft) = (source.clone(), disk.join("draft"));
    // Every file says its name, which begins with its number, and has two.
    let names = move |number: u64| {
        [
            tree.join(format!("a/{number:06}")),
            tree.join(format!("z/{number:06}")),
        ]
    };
    let churn = Repeating::start(move |number| {
        fs::write(&draft, format!("{number:06}")).unwrap();
        let [one, two] = names(number);
        fs::hard_link(&draft, one).unwrap();
        fs::rename(&draft, two).unwrap();
        if let Some(old) = number.checked_sub(20) {
            names(old)
                .iter()
                .for_each(|name| fs::remove_file(name).unwrap());
        }
    });
    let mut seen = 0;
    for day in 0..60 {
        let command =
            scratch
                .hardsnap("backup")
                .args(["--init", "--keep-last", "1", "--time", &noon(day)]);
        let outcome = command.arg(&source).arg(&store).json();
        // What was swapped away may have been most of the source.
        assert!(
            [Some(0), Some(3), Some(4)].contains(&outcome.code()),
            "{outcome}"
        );
        let made = view.tree(&snapshot_name(&noon(day)), &source);
        for directory in ["a", "z"] {
            for found in fs::read_dir(made.join(directory)).unwrap() {
                let path = found.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                assert_eq!(
                    fs::read_to_string(&path).unwrap(),
                    name,
                    "{directory}/{name} holds another file"
                );
                seen += 1;
            }
        }
    }
    churn.stop();
    assert!(seen > 100, "{seen} files seen only");
}

#[test]
fn a_symlink_in_the_source_is_kept_and_not_followed() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let target = canary.path().as_os_str().as_encoded_bytes();
    let source = simple(&scratch, "source")
        .symlink("out", target)
        .symlink("up", b"../canary")
        .build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for day in 0..2 {
        scratch.snapshot(&source, &store, &noon(day));
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&noon(day)), &source),
        );
    }
    canary.assert_untouched();
}

#[test]
fn symlinks_planted_in_the_store_are_not_followed() {
    for planted in [
        "latest",
        ".hardsnap/lock",
        ".hardsnap/work",
        ".hardsnap/trash",
        ".hardsnap/snapshots",
    ] {
        for target in ["", "secret", "below", "new"] {
            let scratch = Scratch::new();
            let canary = Canary::new(&scratch);
            let source = simple(&scratch, "source").build();
            let store = scratch.join("store");
            for day in 0..2 {
                scratch.snapshot(&source, &store, &noon(day));
            }
            let invariant = Invariant::new(&store, &canary);
            let path = store.join(planted);
            if fs::symlink_metadata(&path).is_ok() {
                fs::rename(&path, scratch.join("moved away")).unwrap();
            }
            symlink(canary.path().join(target), &path).unwrap();
            // Refused or overcome, but never followed.
            let time = noon(2);
            let command = scratch
                .hardsnap("backup")
                .args(["--keep-last", "2", "--time", &time]);
            let outcome = command.arg(&source).arg(&store).run();
            assert!(outcome.code().is_some_and(|code| code < 100), "{outcome}");
            if planted == "latest" {
                invariant.check_without(&[snapshot_name(&noon(0))].into());
                assert_eq!(outcome.code(), Some(0), "{outcome}");
                assert_eq!(StoreView::new(&store).latest(), Some(snapshot_name(&time)));
            }
            canary.assert_untouched();
        }
    }
}

#[test]
fn a_tree_planted_where_ours_is_to_be_made_is_not_followed() {
    for planted in [".hardsnap/work", "."] {
        let scratch = Scratch::new();
        let canary = Canary::new(&scratch);
        let source = simple(&scratch, "source").build();
        let store = scratch.join("store");
        scratch.snapshot(&source, &store, &noon(0));
        let name = snapshot_name(&noon(1));
        fs::create_dir_all(store.join(planted)).unwrap();
        symlink(canary.path(), store.join(planted).join(&name)).unwrap();
        let command = scratch
            .hardsnap("backup")
            .args(["--time", &noon(1)])
            .arg(&source)
            .arg(&store);
        let outcome = command.run();
        canary.assert_untouched();
        if outcome.code() == Some(0) {
            assert_same(
                &TreeImage::of(&source),
                &StoreView::new(&store).image(&name, &source),
            );
        } else {
            assert_eq!(outcome.code(), Some(1), "{outcome}");
            let name = snapshot_name(&noon(0));
            assert_same(
                &TreeImage::of(&source),
                &StoreView::new(&store).image(&name, &source),
            );
        }
        let command = scratch
            .hardsnap("backup")
            .args(["--time", &noon(2)])
            .arg(&source)
            .arg(&store);
        command.run().expect(0);
        canary.assert_untouched();
    }
}

#[test]
fn nothing_in_the_making_is_open_to_others() {
    let scratch = Scratch::new();
    let source = many(scratch.tree("source").mode(0o777), 2_000).build();
    let store = scratch.join("store");
    fs::create_dir(&store).unwrap();
    fs::set_permissions(&store, PermissionsExt::from_mode(0o755)).unwrap();
    let seen = store.clone();
    // The store itself bars the way for others from the start to the end.
    scratch.hardsnap("init").arg(&store).run().expect(0);
    let looks = Repeating::start(move |_| {
        let mode = |path: &Path| {
            fs::symlink_metadata(path).map_or(0, |metadata| metadata.permissions().mode())
        };
        assert_eq!(mode(&seen) & 0o077, 0);
        assert_eq!(mode(&seen.join(".hardsnap")) & 0o077, 0);
    });
    for day in 0..3 {
        scratch.snapshot(&source, &store, &noon(day));
    }
    looks.stop();
}
