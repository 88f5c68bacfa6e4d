//! What comes back is what was backed up.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use hardsnap_tests::{
    Chain, NOBODY, OddDisk, Quirk, Scratch, TreeImage, assert_same, assert_unchanged,
    has_ordinary_user, is_root, noon, skip_unless, snapshot_name,
};

use super::{below, restore, restored};
use crate::trees::{everything, many, simple};

#[test]
fn everything_comes_back_as_it_was() {
    let scratch = Scratch::new();
    let source = everything(&scratch, "source")
        .file("attributed", b"a")
        .xattr("user.a", b"1")
        .xattr("user.b", [0xff; 300])
        .build();
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    let before = TreeImage::of(&store);
    let outcome = restore(&scratch, &store, &to).json();
    let code = if is_root() { Some(0) } else { outcome.code() };
    assert_eq!(outcome.code(), code, "{outcome}");
    assert_same(&TreeImage::of(&source), &restored(&to, &source));
    assert_unchanged(&before, &TreeImage::of(&store));
    // What is private in the source is not open at the top either.
    assert_eq!(to.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
    // Once more, there is nothing to do.
    let again = restore(&scratch, &store, &to).json();
    assert_eq!(again.code(), outcome.code(), "{again}");
    assert_eq!(again.number("written"), 0, "{again}");
    assert_eq!(again.number("replaced"), 0, "{again}");
    assert_eq!(again.number("left"), outcome.number("written"), "{again}");
}

#[test]
fn holes_stay_holes() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").build();
    let file = fs::File::create(source.join("sparse")).unwrap();
    file.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"data", 32 << 20).unwrap();
    drop(file);
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    restore(&scratch, &store, &to).run().expect(0);
    assert_same(&TreeImage::of(&source), &restored(&to, &source));
    let blocks = below(&to, &source)
        .join("sparse")
        .metadata()
        .unwrap()
        .blocks();
    assert!(blocks * 512 < 1 << 20, "{blocks}");
}

#[test]
fn a_deep_tree_and_a_large_directory_come_back_with_few_open_files() {
    let scratch = Scratch::new();
    let source = many(scratch.tree("source"), 300).build();
    for number in 0..9_000 {
        fs::write(source.join(format!("{number}")), b"").unwrap();
    }
    drop(Chain::new(3_000).build(source.join("deep")));
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    let command = restore(&scratch, &store, &to).with_open_files(128);
    command.run().expect(0);
    assert_same(&TreeImage::of(&source), &restored(&to, &source));
}

#[test]
fn only_the_paths_that_were_named_come_back_with_the_way_to_them() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .directory("directory")
        .mode(0o750)
        .mtime(1_000_000_000, 5)
        .file("elsewhere/file", b"e")
        .build();
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    let named = [source.join("directory/other"), source.join("link")];
    restore(&scratch, &store, &to).args(&named).run().expect(0);
    let image = restored(&to, &source);
    for path in ["directory/other", "link"] {
        assert_eq!(image.get(path), TreeImage::of(&source).get(path));
    }
    // The way there is as in the snapshot too.
    let directory = image.get("directory").unwrap();
    assert_eq!(
        (directory.mode, directory.mtime),
        (0o750, (1_000_000_000, 5))
    );
    for path in ["file", "elsewhere"] {
        assert!(image.find(path).is_none(), "{path}");
    }
    // A relative path is taken from the working directory, here the scratch
    // folder, and one that is gone in the source is found all the same.
    fs::remove_dir_all(source.join("elsewhere")).unwrap();
    let command = restore(&scratch, &store, &to).arg("source/elsewhere");
    command.run().expect(0);
    assert!(below(&to, &source).join("elsewhere/file").exists());
    let missing = restore(&scratch, &store, &scratch.join("other")).arg("/no/such");
    let missing = missing.run().expect(1);
    assert!(
        missing.stderr().contains("is not in the snapshot"),
        "{missing}"
    );
    assert!(!scratch.join("other").exists());
}

#[test]
fn a_snapshot_is_named_in_every_way() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").build();
    let store = scratch.join("store");
    for day in 0..4 {
        fs::write(source.join("day"), day.to_string()).unwrap();
        scratch.snapshot(&source, &store, &noon(day));
    }
    let words = |day: u64| {
        let name = snapshot_name(&noon(day));
        vec![
            name.clone(),
            name[..10].to_owned(),
            format!("latest~{}", 3 - day),
        ]
    };
    let mut cases: Vec<(u64, Vec<String>)> = (0..4)
        .flat_map(|day| words(day).into_iter().map(move |word| (day, vec![word])))
        .collect();
    cases.push((3, vec!["latest".to_owned()]));
    let before = |when: &str| vec!["--before".to_owned(), when.to_owned()];
    for (when, day) in [
        // A day is meant to its end.
        (&noon(1)[..10], 1),
        (&noon(1), 1),
        ("2024-01-02T11:59:59Z", 0),
        ("2024-01-02T13:30:00+01:00", 1),
        ("2030-01-01", 3),
    ] {
        cases.push((day, before(when)));
    }
    for (place, (day, words)) in cases.into_iter().enumerate() {
        let to = scratch.join(format!("to {place}"));
        let command = scratch.hardsnap("restore").arg(&store).args(&words);
        let command = command.arg(source.join("day")).arg("--to").arg(&to);
        let outcome = command.json().expect(0);
        assert_eq!(
            outcome.text("snapshot"),
            snapshot_name(&noon(day)),
            "{words:?}"
        );
        let content = fs::read_to_string(below(&to, &source).join("day")).unwrap();
        assert_eq!(content, day.to_string(), "{words:?}");
    }
    for words in [
        &["--before", "2023-12-31"][..],
        &["nonsense"],
        &["latest~4"],
        &["2024"],
    ] {
        let to = scratch.join("none");
        let command = scratch.hardsnap("restore").arg(&store).args(words);
        command.arg("--to").arg(&to).run().expect(1);
        assert!(!to.exists());
    }
    for words in [
        &[][..],
        &["latest"],
        &["--before", "yesterday", "--to", "x"],
        &["--to", "x"],
        &["latest", "--to", "x", "--in-place"],
        &["latest", "--to", "x", "--delete"],
        &["latest", "--in-place", "--delete"],
        &["latest", "--in-place", "--overwrite", "some"],
    ] {
        let command = scratch.hardsnap("restore").arg(&store).args(words);
        command.run().expect(2);
    }
}

#[test]
fn what_the_disk_of_the_store_refused_comes_back_from_the_catalog() {
    if !skip_unless(is_root(), "owners take root") {
        return;
    }
    let scratch = Scratch::new();
    let source = everything(&scratch, "source")
        .file("attributed", b"a")
        .xattr("user.a", b"1")
        .xattr("trusted.b", b"2")
        .build();
    let quirks = [Quirk::Squash, Quirk::NoXattrs, Quirk::NoSymlinks];
    let Some(disk) = OddDisk::mount(&quirks) else {
        return;
    };
    let (store, to) = (disk.join("store"), scratch.join("to"));
    let backup = scratch.hardsnap("backup").arg("--init").arg(&source);
    let made = backup.arg(&store).json();
    assert!([Some(0), Some(3)].contains(&made.code()), "{made}");
    let outcome = restore(&scratch, &store, &to).json().expect(0);
    assert_eq!(outcome.number("left"), 0);
    assert_same(&TreeImage::of(&source), &restored(&to, &source));
}

#[test]
fn without_a_catalog_the_tree_is_restored_and_that_is_said() {
    let scratch = Scratch::new();
    let source = everything(&scratch, "source").build();
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    fs::remove_file(store.join(".hardsnap/catalog.db")).unwrap();
    let outcome = restore(&scratch, &store, &to).json();
    assert!(
        outcome
            .warnings("code")
            .contains(&"restored_from_tree_alone".to_owned())
    );
    assert_same(&TreeImage::of(&source), &restored(&to, &source));
}

#[test]
fn a_destination_that_refuses_owners_gets_the_rest_and_each_is_listed() {
    if !skip_unless(is_root(), "owners take root") {
        return;
    }
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .file("theirs", b"t")
        .owner(1234, 5678)
        .mode(0o4750)
        .hard_link("theirs too", "theirs")
        .build();
    let Some(disk) = OddDisk::mount(&[Quirk::Squash, Quirk::PlainRename]) else {
        return;
    };
    let (store, to) = (scratch.join("store"), disk.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    for round in 0..2 {
        let outcome = restore(&scratch, &store, &to).json().expect(3);
        let skipped = outcome.skipped();
        let theirs = below(&to, &source).join("theirs");
        let theirs = theirs.to_str().unwrap().as_bytes();
        assert!(
            skipped.iter().any(|path| path.starts_with(theirs)),
            "{outcome}"
        );
        assert_eq!(outcome.number("written") == 0, round == 1, "{outcome}");
        let without = |image: TreeImage| {
            let image = image.without_owners();
            image.map(|_, entry| entry.mode &= !0o6000)
        };
        let expected = without(TreeImage::of(&source));
        assert_same(&expected, &without(restored(&to, &source)));
    }
}

#[test]
fn an_ordinary_user_gets_what_it_may_have_and_the_rest_is_listed() {
    if !skip_unless(is_root(), "owners take root") || !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let source = simple(&scratch, "source")
        .file("theirs", b"t")
        .owner(1234, 5678)
        .mode(0o4755)
        .build();
    for path in ["", "file", "directory", "directory/other"] {
        chown(source.join(path), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    std::os::unix::fs::lchown(source.join("link"), Some(NOBODY), Some(NOBODY)).unwrap();
    let store = scratch.ordinary_folder("store");
    let backup = scratch.hardsnap("backup").arg("--init").arg(&source);
    backup.arg(&store).as_ordinary_user().run().expect(0);
    let folder = scratch.ordinary_folder("folder");
    let to = folder.join("to");
    let run = |paths: &[&str]| {
        let paths = paths.iter().map(|path| source.join(path));
        let command = restore(&scratch, &store, &to).args(paths);
        command.as_ordinary_user().json()
    };
    // Nothing is listed of what is its own, nor of the way there, which is root's.
    let own = run(&["file", "directory", "link"]).expect(0);
    assert_eq!(own.skipped(), Vec::<Vec<u8>>::new());
    let at = below(&to, &source);
    let inside = at.join("x");
    let inside = inside.parent().unwrap().to_str().unwrap().as_bytes();
    let all = run(&[]).expect(3);
    assert!(
        all.skipped().contains(&[inside, b"/theirs"].concat()),
        "{all}"
    );
    let theirs = at.join("theirs").metadata().unwrap();
    assert_eq!((theirs.uid(), theirs.mode() & 0o7777), (NOBODY, 0o755));
    let expected = TreeImage::of(&source).without("theirs");
    assert_same(&expected, &restored(&to, &source).without("theirs"));
    let again = run(&[]);
    assert_eq!(again.number("written"), 0, "{again}");
}

#[test]
fn an_ordinary_user_s_own_files_come_back_below_what_it_may_not_list() {
    if !skip_unless(is_root(), "owners take root") || !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let users = scratch.tree("users").mode(0o711).build();
    let source = users.join("alice");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "then").unwrap();
    for path in [&source, &source.join("file")] {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let store = scratch.ordinary_folder("store");
    let backup = scratch.hardsnap("backup").arg("--init").arg(&source);
    backup.arg(&store).as_ordinary_user().run().expect(0);
    let before = TreeImage::of(&users);
    fs::write(source.join("file"), "since").unwrap();
    let run = || super::restore_in_place(&scratch, &store, &source).as_ordinary_user();
    let refused = run().run().expect(1);
    assert!(refused.stderr().contains("file is in the way"), "{refused}");
    run().args(["--overwrite", "changed"]).run().expect(0);
    assert_same(&before, &TreeImage::of(&users));
    fs::remove_file(source.join("file")).unwrap();
    run().run().expect(0);
    assert!(source.join("file").exists());
}

#[test]
fn what_is_made_is_not_more_open_than_it_was_where_acls_are_inherited() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    fs::create_dir(&to).unwrap();
    let set = std::process::Command::new("setfacl")
        .args(["-d", "-m", "u:12:rwx"])
        .arg(&to)
        .status();
    if !skip_unless(set.is_ok_and(|set| set.success()), "no setfacl, or no ACLs") {
        return;
    }
    restore(&scratch, &store, &to).run();
    assert_same(&TreeImage::of(&source), &restored(&to, &source));
    let top = to.join(
        source
            .strip_prefix("/")
            .unwrap()
            .components()
            .next()
            .unwrap(),
    );
    assert!(TreeImage::of(top).get("").unwrap().xattrs.is_empty());
}

#[test]
fn a_dry_run_writes_nothing_and_tells_what_it_would() {
    let scratch = Scratch::new();
    let tree = simple(&scratch, "source").hard_link("directory/linked", "file");
    let source = many(tree, 200).build();
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    let would = restore(&scratch, &store, &to)
        .arg("--dry-run")
        .json()
        .expect(0);
    assert!(!to.exists());
    let does = restore(&scratch, &store, &to).json().expect(0);
    for key in ["written", "replaced", "left", "bytes_written"] {
        assert_eq!(would.number(key), does.number(key), "{key}");
    }
    let before = TreeImage::of(&to);
    let again = restore(&scratch, &store, &to)
        .args(["--dry-run", "-v"])
        .run();
    assert!(again.expect(0).stdout().contains("left"));
    assert_unchanged(&before, &TreeImage::of(&to));
}

#[test]
fn what_is_being_restored_is_not_removed_meanwhile() {
    let scratch = Scratch::new();
    let source = many(scratch.tree("source"), 3_000).build();
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    scratch.snapshot(&source, &store, &noon(1));
    let name = snapshot_name(&noon(0));
    let command = scratch.hardsnap("restore").arg(&store).arg(&name);
    let mut running = command.arg("--to").arg(&to).spawn();
    let at_work = hardsnap_tests::wait_until("the restore is at work", || {
        let ended = running.has_ended();
        (ended || below(&to, &source).join("many").exists()).then_some(!ended)
    });
    if at_work {
        running.send(rustix::process::Signal::STOP);
        let delete = scratch
            .hardsnap("delete")
            .arg(&store)
            .args([&name, "--yes"]);
        let refused = delete.run();
        running.send(rustix::process::Signal::CONT);
        assert_eq!(refused.code(), Some(1), "{refused}");
        assert!(refused.stderr().contains("is being read"), "{refused}");
    }
    assert_eq!(running.wait().code(), Some(0));
    assert_same(&TreeImage::of(&source), &restored(&to, &source));
    let delete = scratch
        .hardsnap("delete")
        .arg(&store)
        .args([&name, "--yes"]);
    delete.run().expect(0);
}
