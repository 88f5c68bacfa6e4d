//! What may be named as a source and a store, and where it lands.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use hardsnap_tests::{Mount, Scratch, StoreView, TreeImage, assert_same, noon, snapshot_name};

use crate::trees::simple;

#[test]
fn each_source_lies_at_its_absolute_path() {
    let scratch = Scratch::new();
    let one = simple(&scratch, "one").build();
    let two = simple(&scratch, "below/two").build();
    symlink(&two, scratch.join("link to two")).unwrap();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    // One as a relative path, the other through a symlink.
    let outcome = scratch
        .hardsnap("backup")
        .args(["--init", "one", "link to two"])
        .arg(&store)
        .json()
        .expect(0);
    let name = outcome.text("snapshot");
    for source in [&one, &two] {
        assert_same(&TreeImage::of(source), &view.image(&name, source));
    }
    let listed = scratch
        .hardsnap("list")
        .arg(&store)
        .json()
        .expect(0)
        .summary();
    let sources: BTreeSet<&str> = listed["snapshots"][0]["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap())
        .collect();
    assert_eq!(
        sources,
        [&one, &two].map(|path| path.to_str().unwrap()).into()
    );
    // Nothing else is in the snapshot.
    let root = TreeImage::of(view.snapshot(&name)).without(
        one.strip_prefix("/")
            .unwrap()
            .as_os_str()
            .as_encoded_bytes(),
    );
    let rest = root.without(
        two.strip_prefix("/")
            .unwrap()
            .as_os_str()
            .as_encoded_bytes(),
    );
    assert_eq!(rest.files(), BTreeSet::new());
}

#[test]
fn a_source_may_be_one_file() {
    let scratch = Scratch::new();
    let folder = simple(&scratch, "folder").build();
    let (source, store) = (folder.join("file"), scratch.join("store"));
    let view = StoreView::new(&store);
    for day in 0..2 {
        let outcome = scratch.snapshot(&source, &store, &noon(day));
        assert_eq!(outcome.number("files_linked"), day);
        let made = view.image(&snapshot_name(&noon(day)), &folder);
        assert_eq!(made.get("file"), TreeImage::of(&folder).get("file"));
        assert_eq!(made.len(), 1);
    }
}

#[test]
fn sources_may_overlap() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .hard_link("directory/linked", "file")
        .build();
    let below = source.join("directory");
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let rounds = [
        [&source, &below, &source],
        [&below, &source, &below],
        [&source, &source, &below],
    ];
    for (day, sources) in (0..).zip(rounds) {
        let time = noon(day);
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &time])
            .args(sources);
        command.arg(&store).run().expect(0);
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&time), &source),
        );
    }
    view.assert_tidy();
}

#[test]
fn sources_and_stores_may_have_any_name() {
    let scratch = Scratch::new();
    for name in [
        &b"not UTF-8 \xff"[..],
        b"-dash",
        b"new\nline",
        b" ",
        b"latest",
    ] {
        let name = OsStr::from_bytes(name);
        let source = scratch.join("sources").join(name);
        fs::create_dir_all(&source).unwrap();
        fs::write(source.join("file"), b"content").unwrap();
        let store = scratch.join("stores").join(name);
        fs::create_dir_all(store.parent().unwrap()).unwrap();
        for day in 0..2 {
            scratch.snapshot(&source, &store, &noon(day));
        }
        let view = StoreView::new(&store);
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&noon(1)), &source),
        );
        assert_eq!(
            scratch
                .hardsnap("list")
                .arg(&store)
                .json()
                .expect(0)
                .summary()["snapshots"][1]["files"],
            1
        );
        view.assert_tidy();
    }
}

#[test]
fn a_store_may_be_named_through_a_symlink_or_from_within() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    scratch.snapshot(&source, &store, &noon(0));
    symlink("store", scratch.join("link")).unwrap();
    scratch
        .hardsnap("backup")
        .args(["source", "link"])
        .run()
        .expect(0);
    scratch
        .hardsnap("backup")
        .args(["./source/", "source/../store/"])
        .run()
        .expect(0);
    assert_eq!(view.names().len(), 3);
    view.assert_tidy();
}

#[test]
fn a_mount_below_the_source_is_crossed_when_it_is_a_local_disk() {
    let Some(disk) = Mount::ext4(16) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").directory("mounted").build();
    fs::create_dir(disk.join("shown")).unwrap();
    fs::write(disk.join("shown/file"), b"on the other disk").unwrap();
    let Some(_bound) = Mount::bind(&disk.join("shown"), &source.join("mounted")) else {
        return;
    };
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for day in 0..2 {
        let outcome = scratch.snapshot(&source, &store, &noon(day));
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&noon(day)), &source),
        );
        assert_eq!(outcome.number("files_copied"), if day == 0 { 3 } else { 0 });
    }
}

#[test]
fn a_pseudo_filesystem_below_the_source_is_left_as_an_empty_directory() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").directory("proc").build();
    let expected = TreeImage::of(&source).files();
    let Some(_mount) = Mount::proc(&source.join("proc")) else {
        return;
    };
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    for day in 0..2 {
        scratch.snapshot(&source, &store, &noon(day));
        let made = view.image(&snapshot_name(&noon(day)), &source);
        assert!(made.at("proc").is_empty());
        assert_eq!(made.files(), expected);
    }
}

/// What a run that is only tried says of its filter.
fn said(scratch: &Scratch, sources: &[&Path], options: &[&str]) -> Vec<(String, String)> {
    let command = scratch.hardsnap("backup").args(["--init", "--dry-run"]);
    let command = command.args(options).args(sources);
    let outcome = command.arg("store").json().expect(0);
    let codes = outcome.warnings("code").into_iter();
    codes
        .zip(outcome.warnings("message"))
        // What an ordinary user is told each time.
        .filter(|(code, _)| code != "owners_not_kept")
        .collect()
}

#[test]
fn a_pattern_that_is_an_absolute_path_is_told() {
    let scratch = Scratch::new();
    let home = scratch.tree("home").file(".cache/file", b"x").build();
    let path = home.join(".cache");
    let path = path.to_str().unwrap();
    let list = scratch.join("list");
    fs::write(&list, format!("# absolute\n{path}/\n")).unwrap();
    for options in [
        ["--exclude", path],
        ["--exclude-from", list.to_str().unwrap()],
    ] {
        let said = said(&scratch, &[&home], &options);
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0].0, "pattern_above_source");
        let means = if options[0] == "--exclude" {
            "/.cache"
        } else {
            "/.cache/"
        };
        assert!(
            said[0].1.ends_with(&format!("have to be {means}")),
            "{said:?}"
        );
    }
    // These do what they say.
    for pattern in ["/.cache", ".cache", home.to_str().unwrap()] {
        assert_eq!(said(&scratch, &[&home], &["--exclude", pattern]), []);
    }
    assert_eq!(
        said(
            &scratch,
            &[&home, scratch.path()],
            &["--exclude", "/home/.cache"]
        ),
        []
    );
}

#[test]
fn a_source_inside_another_that_the_filter_leaves_out_is_told() {
    let scratch = Scratch::new();
    let home = scratch.tree("home").file("caches/kept/file", b"x").build();
    let kept = home.join("caches/kept");
    for pattern in ["caches", "/caches/kept/", "kept"] {
        let said = said(&scratch, &[&home, &kept], &["--exclude", pattern]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0].0, "source_left_out");
        assert!(said[0].1.contains(kept.to_str().unwrap()), "{said:?}");
        assert!(
            said[0].1.contains(&format!("--exclude {pattern}")),
            "{said:?}"
        );
    }
    assert_eq!(said(&scratch, &[&home, &kept], &["--exclude", "file"]), []);
    // By itself it is taken.
    assert_eq!(said(&scratch, &[&kept], &["--exclude", "kept"]), []);
}
