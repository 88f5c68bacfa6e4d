//! Attributes are carried to the last bit, and a difference in any of them
//! makes a new file and leaves the old one alone.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use filetime::FileTime;
use hardsnap_tests::{
    Hardsnap, NOBODY, Scratch, StoreView, TreeBuilder, TreeImage, assert_same, assert_unchanged,
    assert_untouched, can_trace, has_ordinary_user, have, is_root, noon, skip_unless,
    snapshot_name,
};
use rustix::fs::XattrFlags;
use walkdir::WalkDir;

use crate::trees::{everything, simple};

pub(crate) const ACCESS_ACL: &str = "system.posix_acl_access";
pub(crate) const DEFAULT_ACL: &str = "system.posix_acl_default";

/// Version 2, `cap_net_raw` permitted and effective.
const NET_RAW: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// Version 2, `cap_net_bind_service` permitted and effective.
const NET_BIND: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// What the owner may do is kept in every tree; the rest follows from this.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Every namespace, every owner.
    Root,
    /// `user.*` and ACLs of one's own files.
    Own,
}

/// An ACL as the kernel's attribute holds it, that lets `user` have the rights
/// `granted`, which are a mask of 4, 2 and 1.
pub(crate) fn acl(user: u32, granted: u16) -> Vec<u8> {
    const NONE: u32 = u32::MAX;
    let entries: [(u16, u16, u32); 6] = [
        (0x01, 6, NONE),
        (0x02, granted, user),
        (0x04, 4, NONE),
        (0x08, 1, 4242),
        (0x10, 7, NONE),
        (0x20, 0, NONE),
    ];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

/// Adds entries with attributes of all sorts, in `kept`.
pub(crate) fn with_attributes(mut tree: TreeBuilder, rights: Rights) -> TreeBuilder {
    tree = tree
        .file("kept/user", b"u")
        .xattr("user.one", b"1")
        .xattr("user.ü\n", b"\0\xff\n")
        .file("kept/empty value", b"e")
        .xattr("user.empty", b"")
        .file("kept/large value", b"l")
        .xattr("user.large", vec![b'v'; 3_000])
        .file("kept/acl", b"a")
        .xattr(ACCESS_ACL, acl(77, 6))
        .mode(0o664)
        .file("kept/acl of a masked user", b"a")
        .xattr(ACCESS_ACL, acl(77, 7))
        .mode(0o600)
        .file("kept/both", b"b")
        .xattr("user.both", b"x")
        .xattr(ACCESS_ACL, acl(1, 4))
        .hard_link("kept/both too", "kept/both")
        .hard_link("kept/elsewhere/both", "kept/both")
        .directory("kept/attribute")
        .xattr("user.directory", b"d")
        .file("kept/default/file without acl", b"f")
        .directory("kept/default/directory without acl")
        .directory("kept/default")
        .xattr(DEFAULT_ACL, acl(77, 7))
        .xattr(ACCESS_ACL, acl(78, 5))
        .mode(0o770)
        .file("kept/locked/inside/file", b"i")
        .xattr("user.inside", b"i")
        .symlink("kept/locked/link", "inside")
        .directory("kept/locked/inside")
        .mode(0o555)
        .directory("kept/locked")
        .xattr("user.locked", b"l")
        .xattr(DEFAULT_ACL, acl(79, 5))
        .mode(0o500);
    tree = tree.file("kept/many", b"m");
    for number in 0..50 {
        tree = tree.xattr(&format!("user.{number}"), number.to_string());
    }
    if rights == Rights::Own {
        return tree;
    }
    tree.file("kept/trusted", b"t")
        .xattr("trusted.one", b"\0")
        .file("kept/capability", b"c")
        .xattr("security.capability", NET_RAW)
        .mode(0o755)
        .file("kept/capability of another", b"c")
        .xattr("security.capability", NET_BIND)
        .owner(1234, 5678)
        .mode(0o6755)
        .directory("kept/trusted directory")
        .xattr("trusted.directory", b"d")
        .owner(1234, 5678)
        .mode(0o3777)
        .symlink("kept/trusted link", "nowhere")
        .xattr("trusted.link", b"l")
        .owner(1234, 5678)
        .fifo("kept/trusted fifo")
        .xattr("trusted.fifo", b"f")
        .character_device("kept/trusted device", 1, 3)
        .xattr("trusted.device", b"d")
}

/// One change that leaves size and mtime as they are.
struct Change {
    name: &'static str,
    rights: Rights,
    /// How the entry is described before.
    before: fn(TreeBuilder, &str) -> TreeBuilder,
    /// What is done to it.
    then: fn(&Path),
}

fn set(path: &Path, name: &str, value: impl AsRef<[u8]>) {
    rustix::fs::lsetxattr(path, name, value.as_ref(), XattrFlags::empty()).unwrap();
}

fn unset(path: &Path, name: &str) {
    rustix::fs::lremovexattr(path, name).unwrap();
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn plain(tree: TreeBuilder, path: &str) -> TreeBuilder {
    tree.file(path, b"content")
}

fn with_xattr(tree: TreeBuilder, path: &str) -> TreeBuilder {
    plain(tree, path).xattr("user.a", b"1")
}

fn with_acl(tree: TreeBuilder, path: &str) -> TreeBuilder {
    plain(tree, path).xattr(ACCESS_ACL, acl(77, 6)).mode(0o664)
}

fn with_capability(tree: TreeBuilder, path: &str) -> TreeBuilder {
    plain(tree, path)
        .xattr("security.capability", NET_RAW)
        .mode(0o755)
}

const CHANGES: &[Change] = &[
    own("a new attribute", plain, |path| set(path, "user.new", b"n")),
    own("an empty attribute", plain, |path| {
        set(path, "user.new", b"")
    }),
    own("another value", with_xattr, |path| {
        set(path, "user.a", b"2")
    }),
    own("a longer value", with_xattr, |path| {
        set(path, "user.a", b"1\0")
    }),
    own("no attribute", with_xattr, |path| unset(path, "user.a")),
    own("another name", with_xattr, |path| {
        unset(path, "user.a");
        set(path, "user.b", b"1");
    }),
    own("a new acl", plain, |path| {
        set(path, ACCESS_ACL, acl(77, 4));
        chmod(path, 0o644);
    }),
    own("another user in the acl", with_acl, |path| {
        set(path, ACCESS_ACL, acl(78, 6))
    }),
    own("other rights in the acl", with_acl, |path| {
        set(path, ACCESS_ACL, acl(77, 4))
    }),
    own("no acl", with_acl, |path| {
        unset(path, ACCESS_ACL);
        chmod(path, 0o664);
    }),
    own("mode", plain, |path| chmod(path, 0o640)),
    own("setuid", plain, |path| chmod(path, 0o4644)),
    own("setgid", plain, |path| chmod(path, 0o2755)),
    own("sticky", plain, |path| chmod(path, 0o1644)),
    root("unreadable", plain, |path| chmod(path, 0o200)),
    root("owner", plain, |path| chown(path, Some(77), None).unwrap()),
    root("group", plain, |path| chown(path, None, Some(77)).unwrap()),
    root("a trusted attribute", plain, |path| {
        set(path, "trusted.t", b"t")
    }),
    root("a capability", plain, |path| {
        set(path, "security.capability", NET_RAW)
    }),
    root("another capability", with_capability, |path| {
        set(path, "security.capability", NET_BIND);
    }),
    root("no capability", with_capability, |path| {
        unset(path, "security.capability")
    }),
    root(
        "an attribute of a link",
        |tree, path| tree.symlink(path, "to"),
        |path| {
            set(path, "trusted.l", b"l");
        },
    ),
    root(
        "an attribute of a fifo",
        |tree, path| tree.fifo(path),
        |path| {
            set(path, "trusted.f", b"f");
        },
    ),
    own(
        "a target of the same length",
        |tree, path| tree.symlink(path, "one"),
        |path| {
            let mtime = FileTime::from_last_modification_time(&path.symlink_metadata().unwrap());
            let owner = std::os::unix::fs::MetadataExt::uid(&path.symlink_metadata().unwrap());
            fs::remove_file(path).unwrap();
            symlink("two", path).unwrap();
            lchown(path, Some(owner), Some(owner)).unwrap();
            filetime::set_symlink_file_times(path, mtime, mtime).unwrap();
        },
    ),
];

const fn own(
    name: &'static str,
    before: fn(TreeBuilder, &str) -> TreeBuilder,
    then: fn(&Path),
) -> Change {
    Change {
        name,
        rights: Rights::Own,
        before,
        then,
    }
}

const fn root(
    name: &'static str,
    before: fn(TreeBuilder, &str) -> TreeBuilder,
    then: fn(&Path),
) -> Change {
    Change {
        name,
        rights: Rights::Root,
        before,
        then,
    }
}

fn changes(rights: Rights) -> impl Iterator<Item = &'static Change> {
    CHANGES
        .iter()
        .filter(move |change| rights == Rights::Root || change.rights == Rights::Own)
}

/// Adds an entry for each change, in `changed`.
pub(crate) fn with_changing(tree: TreeBuilder, rights: Rights) -> TreeBuilder {
    changes(rights).fold(tree, |tree, change| {
        (change.before)(tree, &format!("changed/{}", change.name))
    })
}

/// Makes the changes, each with the times left as they were.
pub(crate) fn make_changes(source: &Path, rights: Rights) {
    for change in changes(rights) {
        (change.then)(&source.join("changed").join(change.name));
    }
    // What was made anew moved the directory's time, to a new one.
    let time = FileTime::from_unix_time(1_600_000_000, 1);
    filetime::set_file_mtime(source.join("changed"), time).unwrap();
}

/// Makes three snapshots, with the changes after the first, and checks them.
pub(crate) fn three_days(
    scratch: &Scratch,
    source: &Path,
    store: &Path,
    rights: Rights,
    how: impl Fn(Hardsnap) -> Hardsnap,
) {
    let view = StoreView::new(store);
    let mut images: Vec<TreeImage> = Vec::new();
    for day in 0..3 {
        if day == 1 {
            make_changes(source, rights);
        }
        let expected = TreeImage::of(source);
        let command =
            scratch
                .hardsnap("backup")
                .args(["--init", "--no-prune", "--time", &noon(day)]);
        let outcome = how(command.arg(source).arg(store)).json().expect(0);
        assert_eq!(outcome.text("status"), "complete", "{outcome}");
        let warnings = outcome.warnings("code");
        let known = |code: &String| rights == Rights::Own && code == "owners_not_kept";
        assert!(warnings.iter().all(known), "{outcome}");
        assert_unchanged(&expected, &TreeImage::of(source));
        images.push(view.image(&snapshot_name(&noon(day)), source));
        assert_same(&expected, &images[images.len() - 1]);
        rsync_finds_nothing(source, &view.tree(&snapshot_name(&noon(day)), source));
        for (earlier, image) in images.iter().enumerate() {
            let name = snapshot_name(&noon(u64::try_from(earlier).unwrap()));
            let now = view.image(&name, source);
            assert_unchanged(image, &now);
            if day == 1 && earlier == 0 {
                // None of these is linked to, so not even a ctime may move.
                assert_untouched(&image.at("changed"), &now.at("changed"));
            }
        }
    }
    let all = images[0].files();
    let changed: BTreeSet<Vec<u8>> = changes(rights)
        .map(|change| format!("changed/{}", change.name).into_bytes())
        .collect();
    let shared = images[0].shared_with(&images[1]);
    let wrongly: Vec<_> = shared.intersection(&changed).collect();
    assert_eq!(wrongly, Vec::<&Vec<u8>>::new(), "linked although changed");
    let unshared: Vec<_> = all
        .difference(&shared)
        .filter(|path| !changed.contains(*path))
        .collect();
    assert_eq!(
        unshared,
        Vec::<&Vec<u8>>::new(),
        "not linked although unchanged"
    );
    let unshared: Vec<_> = all
        .difference(&images[1].shared_with(&images[2]))
        .cloned()
        .collect();
    assert_eq!(
        unshared,
        Vec::<Vec<u8>>::new(),
        "not linked on the third day"
    );
    view.assert_tidy();
}

/// Checks with rsync that two trees are equal.
#[track_caller]
fn rsync_finds_nothing(source: &Path, made: &Path) {
    if !have("rsync") {
        return;
    }
    let output = Command::new("rsync")
        .args(["-naHAXi", "--checksum", "--delete", "--numeric-ids"])
        .args(["--devices", "--specials", "--modify-window=-1"])
        .args([source.join(""), made.join("")])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

/// Gives a tree to the ordinary user, times and modes kept.
fn give_to_ordinary_user(source: &Path) {
    for found in WalkDir::new(source) {
        let found = found.unwrap();
        let mode = found.metadata().unwrap().permissions().mode();
        lchown(found.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        if !found.path_is_symlink() && mode & 0o6000 != 0 {
            chmod(found.path(), mode & 0o7777);
        }
    }
}

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
fn where_only_metadata_changed_the_source_is_not_read() {
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
    let touches = |trace: &str, name: &str| {
        let file = format!("<{}>", source.join(name).display());
        trace.lines().any(|line| line.contains(&file))
    };
    let (_, first) = traced(0);
    for name in NAMES {
        assert!(
            touches(&first, name) || touches(&first, "linked too"),
            "{name}: {first}"
        );
    }
    chmod(&source.join("mode"), 0o600);
    set(&source.join("attribute"), "user.a", b"2");
    unset(&source.join("less"), "user.a");
    set(&source.join("acl"), ACCESS_ACL, acl(77, 4));
    chmod(&source.join("linked"), 0o600);
    let (outcome, second) = traced(1);
    for name in NAMES.into_iter().chain(["linked too"]) {
        assert!(!touches(&second, name), "{name} was read: {second}");
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
    let Some(disk) = hardsnap_tests::Mount::ext4(32) else {
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
