//! Who can write where something is restored gains nothing by it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use hardsnap_tests::{
    Canary, Repeating, Scratch, TreeImage, assert_unchanged, is_root, noon, skip_unless,
};

use super::{below, restore, restore_in_place};
use crate::trees::{many, simple};

#[test]
fn symlinks_where_something_is_restored_are_not_followed() {
    for overwrite in ["never", "changed", "always", "newer"] {
        let scratch = Scratch::new();
        let canary = Canary::new(&scratch);
        let source = simple(&scratch, "source").build();
        let (store, to) = (scratch.join("store"), scratch.join("to"));
        scratch.snapshot(&source, &store, &noon(0));
        let at = below(&to, &source);
        fs::create_dir_all(&at).unwrap();
        symlink(canary.path(), at.join("directory")).unwrap();
        symlink(canary.path().join("file"), at.join("file")).unwrap();
        let command = restore(&scratch, &store, &to);
        command.args(["--overwrite", overwrite]).run();
        canary.assert_untouched();
        // Above what is restored, they are in the way whatever is said.
        let other = scratch.join("other");
        fs::create_dir(&other).unwrap();
        let first = source.strip_prefix("/").unwrap().components().next();
        symlink(canary.path(), other.join(first.unwrap())).unwrap();
        let command = restore(&scratch, &store, &other).arg(&source);
        let refused = command.args(["--overwrite", overwrite]).run().expect(1);
        assert!(refused.stderr().contains("is in the way"), "{refused}");
        canary.assert_untouched();
    }
}

#[test]
fn an_entry_that_is_swapped_for_a_symlink_all_the_time_leads_nowhere() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = many(scratch.tree("source"), 2_000).build();
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    let at = below(&to, &source).join("many");
    let (outside, place) = (canary.path().to_path_buf(), at.clone());
    let swapper = Repeating::start(move |round| {
        let name = place.join(format!("{:03}", round % 20));
        // Each step may fail: the other side is at it too.
        let away = place.join("away");
        if fs::rename(&name, &away).is_ok() {
            let _ = symlink(&outside, &name);
            let _ = fs::remove_file(&name);
            let _ = fs::rename(&away, &name);
        }
    });
    for _ in 0..3 {
        let command = restore(&scratch, &store, &to);
        let outcome = command.args(["--overwrite", "always"]).run();
        assert!(
            [Some(0), Some(1), Some(3)].contains(&outcome.code()),
            "{outcome}"
        );
    }
    swapper.stop();
    canary.assert_untouched();
}

#[test]
fn names_that_a_restore_makes_meanwhile_cannot_be_planted() {
    let scratch = Scratch::new();
    let canary = Canary::new(&scratch);
    let source = scratch
        .tree("source")
        .file("file", b"content")
        .fifo("fifo")
        .build();
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    let at = below(&to, &source);
    fs::create_dir_all(&at).unwrap();
    // The name is no secret: whatever waits there is removed, not followed.
    let beside = |name: &str| {
        let hash = blake3::hash(name.as_bytes()).to_hex();
        at.join(format!(".hardsnap-restore-{}", &hash[..16]))
    };
    symlink(canary.path().join("file"), beside("file")).unwrap();
    symlink(canary.path().join("file"), beside("fifo")).unwrap();
    restore(&scratch, &store, &to)
        .arg(source.join("file"))
        .arg(source.join("fifo"))
        .run()
        .expect(0);
    assert_eq!(fs::read(at.join("file")).unwrap(), b"content");
    assert!(beside("file").symlink_metadata().is_err());
    canary.assert_untouched();
}

#[test]
fn nothing_is_restored_into_a_store() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    let before = TreeImage::of(&store);
    symlink(&store, scratch.join("way")).unwrap();
    for to in [
        "store",
        "store/latest",
        "store/new",
        "way",
        "store/.hardsnap/work",
    ] {
        let refused = restore(&scratch, &store, &scratch.join(to)).run().expect(1);
        assert!(refused.stderr().contains("lies in the store"), "{refused}");
        assert_unchanged(&before, &TreeImage::of(&store));
    }
}

#[test]
fn the_owner_of_the_directory_cannot_have_files_of_others_given_to_it() {
    if !skip_unless(is_root(), "owners take root") {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .symlink("link", "nowhere")
        .owner(1234, 5678)
        .fifo("fifo")
        .owner(1234, 5678)
        .mode(0o666)
        .build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    let secret = scratch.join("secret");
    fs::write(&secret, "s").unwrap();
    let before = secret.metadata().unwrap();
    fs::remove_file(source.join("link")).unwrap();
    fs::remove_file(source.join("fifo")).unwrap();
    let (place, target) = (source.clone(), secret.clone());
    let names: Vec<String> = ["link", "fifo"]
        .iter()
        .map(|name| {
            let hash = blake3::hash(name.as_bytes()).to_hex();
            format!(".hardsnap-restore-{}", &hash[..16])
        })
        .collect();
    let swapper = Repeating::start(move |round| {
        let name = place.join(&names[usize::from(round % 2 == 1)]);
        if fs::remove_file(&name).is_ok() {
            let _ = fs::hard_link(&target, &name);
        }
    });
    for _ in 0..30 {
        let command = restore_in_place(&scratch, &store, &source);
        command.args(["--overwrite", "always"]).run();
    }
    swapper.stop();
    let after = secret.metadata().unwrap();
    assert_eq!(
        (after.uid(), after.gid(), after.mode(), after.mtime()),
        (before.uid(), before.gid(), before.mode(), before.mtime())
    );
}
