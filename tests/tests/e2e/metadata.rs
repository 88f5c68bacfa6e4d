//! Attributes are carried to the last bit, and a difference in any of them
//! makes a new file and leaves the old one alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use filetime::FileTime;
use hardsnap_tests::{
    Mount, NOBODY, Scratch, StoreView, TreeImage, assert_same, can_trace, has_ordinary_user,
    is_root, noon, skip_unless, snapshot_name,
};

use crate::attributes::{
    ACCESS_ACL, DEFAULT_ACL, Rights, acl, chmod, give_to_ordinary_user, set, three_days, unset,
    with_attributes, with_changing,
};
use crate::trees::{everything, simple};

#[test]
fn every_attribute_is_kept_and_every_change_makes_a_new_file() {
    if !skip_unless(is_root(), "trusted attributes and capabilities take root") {
        return;
    }
    let scratch = Scratch::new();
    let tree = with_attributes(everything(&scratch, "source"), Rights::Root);
    let source = with_changing(tree, Rights::Root).build();
    // A sparse file among them.
    let sparse = source.join("kept/user");
    fs::File::options()
        .write(true)
        .open(&sparse)
        .unwrap()
        .set_len(1 << 24)
        .unwrap();
    filetime::set_file_mtime(&sparse, FileTime::from_unix_time(1_650_000_000, 7)).unwrap();
    let store = scratch.join("store");
    three_days(&scratch, &source, &store, Rights::Root, |command| command);
}

#[test]
fn an_ordinary_user_s_attributes_are_kept() {
    if !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let tree = with_attributes(simple(&scratch, "source"), Rights::Own);
    let source = with_changing(tree, Rights::Own).build();
    if is_root() {
        give_to_ordinary_user(&source);
    }
    let folder = scratch.ordinary_folder("folder");
    three_days(
        &scratch,
        &source,
        &folder.join("store"),
        Rights::Own,
        |command| command.as_ordinary_user(),
    );
}

#[test]
fn attributes_are_kept_of_what_its_owner_cannot_write() {
    if !has_ordinary_user() {
        return;
    }
    // Who sets a `user.*` attribute has to be allowed to write.
    let scratch = Scratch::new();
    let mut tree = scratch.tree("source");
    for mode in [0o400, 0o444, 0o500, 0o550] {
        tree = tree
            .file(format!("file {mode:o}"), b"f")
            .xattr("user.a", b"1")
            .xattr(ACCESS_ACL, acl(77, 4))
            .mode(mode)
            .directory(format!("directory {mode:o}"))
            .xattr("user.a", b"1")
            .xattr(DEFAULT_ACL, acl(77, 4))
            .mode(mode | 0o500);
    }
    let source = tree.build();
    if is_root() {
        give_to_ordinary_user(&source);
    }
    let folder = scratch.ordinary_folder("folder");
    let (store, view) = (folder.join("store"), StoreView::new(folder.join("store")));
    for day in 0..2 {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        let command = command.arg(&source).arg(&store).as_ordinary_user();
        let outcome = command.json().expect(0);
        assert_same(
            &TreeImage::of(&source),
            &view.image(&snapshot_name(&noon(day)), &source),
        );
        assert_eq!(outcome.number("files_linked"), 4 * day);
    }
}

#[test]
fn where_only_metadata_changed_the_data_come_from_the_basis() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    const NAMES: [&str; 5] = ["mode", "attribute", "less", "acl", "linked"];
    let scratch = Scratch::new();
    let mut tree = scratch.tree("source");
    for name in NAMES {
        tree = tree.file(name, name.repeat(1 << 18)).xattr("user.a", b"1");
    }
    let source = tree.hard_link("linked too", "linked").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let log = scratch.join("trace.log");
    let calls =
        "trace=read,readv,pread64,preadv,preadv2,sendfile,splice,copy_file_range,ioctl,mmap";
    let traced = |day| {
        let line = [
            "strace",
            "-f",
            "-qq",
            "-y",
            "-e",
            calls,
            "-o",
            log.to_str().unwrap(),
        ];
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        let outcome = command
            .arg(&source)
            .arg(&store)
            .within(line)
            .json()
            .expect(0);
        let bytes = fs::read(&log).unwrap();
        (outcome, String::from_utf8_lossy(&bytes).into_owned())
    };
    let touches = |trace: &str, tree: &Path, name: &str| {
        let file = format!("<{}>", tree.join(name).display());
        trace.lines().any(|line| line.contains(&file))
    };
    let either = |trace: &str, tree: &Path, name: &str| {
        touches(trace, tree, name) || (name == "linked" && touches(trace, tree, "linked too"))
    };
    let (_, first) = traced(0);
    for name in NAMES {
        assert!(either(&first, &source, name), "{name}: {first}");
    }
    chmod(&source.join("mode"), 0o600);
    set(&source.join("attribute"), "user.a", b"2");
    unset(&source.join("less"), "user.a");
    set(&source.join("acl"), ACCESS_ACL, acl(77, 4));
    chmod(&source.join("linked"), 0o600);
    let (outcome, second) = traced(1);
    // Their ctimes changed, so that they are read to see whether their content
    // did; but what is stored is taken from what was stored.
    let basis = view.tree(&snapshot_name(&noon(0)), &source);
    for name in NAMES {
        assert!(either(&second, &source, name), "{name}: {second}");
        assert!(either(&second, &basis, name), "{name}: {second}");
    }
    assert_eq!(outcome.number("files_copied"), 5);
    assert_same(
        &TreeImage::of(&source),
        &view.image(&snapshot_name(&noon(1)), &source),
    );
    let [one, two] = [0, 1].map(|day| view.image(&snapshot_name(&noon(day)), &source));
    assert!(one.shared_with(&two).is_empty());
}

/// Checks that what the store keeps for itself is closed to others: the mask
/// of an ACL shows as the rights of the group.
fn assert_closed(store: &Path) {
    let own = TreeImage::of(store.join(".hardsnap"));
    let open = own.entries().filter(|(_, entry)| entry.mode & 0o077 != 0);
    let open: Vec<_> = open
        .map(|(path, _)| path.escape_ascii().to_string())
        .collect();
    assert_eq!(open, [""; 0]);
    assert_eq!(
        store.metadata().unwrap().permissions().mode() & 0o7777,
        0o700
    );
}

fn default_acl_widens_nothing(scratch: &Scratch, folder: &Path) {
    let widest = acl(NOBODY, 7);
    let source = simple(scratch, "source")
        .file("private/secret", b"s")
        .mode(0o640)
        .directory("private")
        .mode(0o750)
        .fifo("fifo")
        .mode(0o660)
        .build();
    fs::create_dir(folder).unwrap();
    set(folder, DEFAULT_ACL, &widest);
    let (store, view) = (folder.join("store"), StoreView::new(folder.join("store")));
    for day in 0..4 {
        if day == 2 {
            // Somebody gave one to the store itself, and to what it keeps.
            for path in [".", ".hardsnap", ".hardsnap/work", ".hardsnap/snapshots"] {
                set(&store.join(path), DEFAULT_ACL, &widest);
            }
        }
        chmod(
            &source.join("file"),
            if day % 2 == 0 { 0o640 } else { 0o660 },
        );
        fs::write(source.join("new"), day.to_string()).unwrap();
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        command
            .arg(&source)
            .arg(&store)
            .with_umask("0")
            .json()
            .expect(0);
        let name = snapshot_name(&noon(day));
        assert_same(&TreeImage::of(&source), &view.image(&name, &source));
        let made = TreeImage::of(view.snapshot(&name));
        let with = made.entries().filter(|(_, entry)| !entry.xattrs.is_empty());
        let with: Vec<_> = with
            .map(|(path, _)| path.escape_ascii().to_string())
            .collect();
        assert_eq!(with, [""; 0]);
        assert!(
            made.get("").unwrap().xattrs.is_empty(),
            "{:?}",
            made.get("")
        );
        assert_closed(&store);
    }
    // The plumbing as well, in a target of its own and in one that is there.
    fs::create_dir(folder.join("there")).unwrap();
    for target in ["target", "there"] {
        let target = folder.join(target);
        scratch
            .hardsnap("tree")
            .arg(&source)
            .arg(&target)
            .with_umask("0")
            .run()
            .expect(0);
        assert_same(&TreeImage::of(&source), &TreeImage::of(&target));
    }
}

#[test]
fn an_inherited_default_acl_widens_nothing() {
    let scratch = Scratch::new();
    default_acl_widens_nothing(&scratch, &scratch.join("folder"));
}

#[test]
fn an_inherited_default_acl_widens_nothing_on_disk() {
    let Some(disk) = Mount::ext4(32) else {
        return;
    };
    let scratch = Scratch::new();
    default_acl_widens_nothing(&scratch, &disk.join("folder"));
}

#[test]
fn directory_times_are_exact_also_where_nobody_may_write() {
    if !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let mut tree = scratch.tree("source").mode(0o555);
    for mode in [0o555, 0o500, 0o510, 0o1555, 0o2555] {
        for (place, depth) in [("one", 1), ("three", 3)] {
            let path = format!("{mode:o} {place}{}", "/down".repeat(depth));
            tree = tree
                .file(format!("{path}/file"), b"f")
                .symlink(format!("{path}/link"), "file")
                .fifo(format!("{path}/fifo"))
                .directory(&path)
                .mode(mode);
            tree = tree.directory(format!("{mode:o} {place}")).mode(mode);
        }
    }
    let source: PathBuf = tree.build();
    if is_root() {
        give_to_ordinary_user(&source);
    }
    let folder = scratch.ordinary_folder("folder");
    let (store, view) = (folder.join("store"), StoreView::new(folder.join("store")));
    let expected = TreeImage::of(&source);
    for day in 0..3 {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        command
            .arg(&source)
            .arg(&store)
            .as_ordinary_user()
            .json()
            .expect(0);
        assert_same(&expected, &view.image(&snapshot_name(&noon(day)), &source));
    }
    // What cannot be written can still be removed when its time has come.
    let prune = scratch.hardsnap("prune").arg(&store);
    prune
        .args(["--keep-last", "1", "--now", &noon(2)])
        .as_ordinary_user()
        .json()
        .expect(0);
    assert_eq!(view.names(), [snapshot_name(&noon(2))]);
    view.assert_tidy();
}
