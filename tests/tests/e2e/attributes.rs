//! Trees with attributes of all sorts, and what may happen to each within a
//! day.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::Path;
use std::process::Command;

use filetime::FileTime;
use hardsnap_tests::{
    Hardsnap, NOBODY, Scratch, StoreView, TreeBuilder, TreeImage, assert_same, assert_unchanged,
    assert_untouched, have, noon, skip_unless, snapshot_name,
};
use rustix::fs::XattrFlags;
use walkdir::WalkDir;

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
        (0x01, 7, NONE),
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

pub(crate) fn set(path: &Path, name: &str, value: impl AsRef<[u8]>) {
    rustix::fs::lsetxattr(path, name, value.as_ref(), XattrFlags::empty()).unwrap();
}

pub(crate) fn unset(path: &Path, name: &str) {
    rustix::fs::lremovexattr(path, name).unwrap();
}

pub(crate) fn chmod(path: &Path, mode: u32) {
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
        set(path, "user.new", b"");
    }),
    own("another value", with_xattr, |path| {
        set(path, "user.a", b"2");
    }),
    own("a longer value", with_xattr, |path| {
        set(path, "user.a", b"1\0");
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
        set(path, ACCESS_ACL, acl(78, 6));
        chmod(path, 0o664);
    }),
    own("other rights in the acl", with_acl, |path| {
        set(path, ACCESS_ACL, acl(77, 4));
        chmod(path, 0o664);
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
        set(path, "trusted.t", b"t");
    }),
    root("a capability", plain, |path| {
        set(path, "security.capability", NET_RAW);
    }),
    root("another capability", with_capability, |path| {
        set(path, "security.capability", NET_BIND);
    }),
    root("no capability", with_capability, |path| {
        unset(path, "security.capability");
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
    if !skip_unless(have("rsync"), "rsync is not installed") {
        return;
    }
    let output = Command::new("rsync")
        .args(["-naHAXi", "--checksum", "--delete", "--numeric-ids"])
        // The form in which xfs keeps an ACL is not to be compared as well.
        .args(["--modify-window=-1", "--filter=-x trusted.SGI_ACL_*"])
        // With a filter of its own, rsync no longer leaves these to --acls.
        .arg("--filter=-x system.*")
        .args([source.join(""), made.join("")])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

/// Gives a tree to the ordinary user, times and modes kept.
pub(crate) fn give_to_ordinary_user(source: &Path) {
    for found in WalkDir::new(source) {
        let found = found.unwrap();
        let mode = found.metadata().unwrap().permissions().mode();
        lchown(found.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        if !found.path_is_symlink() && mode & 0o6000 != 0 {
            chmod(found.path(), mode & 0o7777);
        }
    }
}
