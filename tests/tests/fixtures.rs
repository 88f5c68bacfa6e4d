//! The fixtures themselves: what a mistake in them would let through.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use filetime::FileTime;
use hardsnap_tests::{
    Chain, Clock, Kind, Mount, Scratch, TreeBuilder, TreeImage, apply, assert_same,
    assert_unchanged, cases, day_of_edits, have, is_root, naive_copy, skip_unless,
};
use proptest::prelude::{prop_assert_eq, proptest};

fn sample(scratch: &Scratch, name: &str) -> TreeBuilder {
    scratch
        .tree(name)
        .file("file", b"content")
        .file("directory/other", b"more")
        .hard_link("directory/linked", "file")
        .symlink("symlink", "target")
        .fifo("fifo")
        .socket("socket")
}

/// Makes the sample, changes it, and tells the fields in which it differs.
fn fields_after(change: impl Fn(&Path)) -> Vec<String> {
    let scratch = Scratch::new();
    let root = sample(&scratch, "tree").build();
    let before = TreeImage::of(&root);
    assert_same(&before, &TreeImage::of(&root));
    change(&root);
    let after = TreeImage::of(&root);
    let describe = |one: &hardsnap_tests::Difference| {
        format!("{} {}", String::from_utf8_lossy(&one.path), one.field)
    };
    before.differences(&after).iter().map(describe).collect()
}

/// Changes `root/name` and puts the times of the root back.
fn quietly(root: &Path, change: impl Fn()) {
    let time = FileTime::from_last_modification_time(&root.metadata().unwrap());
    change();
    filetime::set_file_mtime(root, time).unwrap();
}

#[test]
fn an_image_sees_each_field() {
    let time = FileTime::from_unix_time(5, 6);
    let set = |root: &Path, name: &str| {
        filetime::set_symlink_file_times(root.join(name), time, time).unwrap();
    };
    assert_eq!(fields_after(|root| set(root, "symlink")), ["symlink mtime"]);
    assert_eq!(
        fields_after(|root| set(root, "directory")),
        ["directory mtime"]
    );
    assert_eq!(fields_after(|root| set(root, "fifo")), ["fifo mtime"]);
    assert_eq!(
        fields_after(|root| set(root, "directory/other")),
        ["directory/other mtime"]
    );
    assert_eq!(
        fields_after(|root| fs::set_permissions(
            root.join("directory"),
            PermissionsExt::from_mode(0o1755)
        )
        .unwrap()),
        ["directory mode"]
    );
    assert_eq!(
        fields_after(|root| {
            let file = root.join("file");
            let before = FileTime::from_last_modification_time(&file.metadata().unwrap());
            fs::write(&file, b"CONTENT").unwrap();
            filetime::set_file_mtime(&file, before).unwrap();
        }),
        ["directory/linked content", "file content"]
    );
}

#[test]
fn an_image_sees_names_kinds_targets_and_link_groups() {
    assert_eq!(
        fields_after(
            |root| quietly(root, || fs::rename(root.join("fifo"), root.join("pipe"))
                .unwrap())
        ),
        ["fifo name", "pipe name"]
    );
    assert_eq!(
        fields_after(|root| quietly(root, || {
            let copy = root.join("copy");
            naive_copy(root.join("file"), &copy);
            fs::rename(copy, root.join("file")).unwrap();
        })),
        ["file link group"]
    );
    assert_eq!(
        fields_after(|root| quietly(root, || {
            let link = root.join("symlink");
            let time = FileTime::from_last_modification_time(&link.symlink_metadata().unwrap());
            fs::remove_file(&link).unwrap();
            std::os::unix::fs::symlink("tarGet", &link).unwrap();
            filetime::set_symlink_file_times(&link, time, time).unwrap();
        })),
        ["symlink target"]
    );
    assert_eq!(
        fields_after(|root| quietly(root, || {
            let time =
                FileTime::from_last_modification_time(&root.join("socket").metadata().unwrap());
            fs::remove_file(root.join("socket")).unwrap();
            TreeBuilder::new(root.join("x"))
                .fifo("socket")
                .mtime(time.unix_seconds(), time.nanoseconds())
                .build();
            fs::rename(root.join("x/socket"), root.join("socket")).unwrap();
            fs::remove_dir(root.join("x")).unwrap();
        })),
        ["socket kind"]
    );
}

#[test]
fn an_image_sees_names_that_became_linked() {
    let fields = fields_after(|root| {
        quietly(&root.join("directory"), || {
            fs::remove_file(root.join("directory/other")).unwrap();
            fs::hard_link(root.join("file"), root.join("directory/other")).unwrap();
        });
    });
    assert!(
        fields.contains(&"directory/other link group".to_owned()),
        "{fields:?}"
    );
}

#[test]
fn an_image_sees_owners_and_devices() {
    if !skip_unless(is_root(), "owners take root") {
        return;
    }
    assert_eq!(
        fields_after(|root| chown(root.join("fifo"), Some(7), None).unwrap()),
        ["fifo uid"]
    );
    assert_eq!(
        fields_after(|root| chown(root, None, Some(9)).unwrap()),
        [" gid"]
    );
    let scratch = Scratch::new();
    let one = scratch.tree("one").character_device("device", 1, 3).build();
    let two = scratch.tree("two").character_device("device", 1, 5).build();
    let differences = TreeImage::of(one).differences(&TreeImage::of(two));
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0].field, "device");
}

#[test]
fn an_unchanged_tree_is_the_same_down_to_its_inodes() {
    let scratch = Scratch::new();
    let root = sample(&scratch, "tree").build();
    let before = TreeImage::of(&root);
    assert_unchanged(&before, &TreeImage::of(&root));
    let copy = scratch.join("copy");
    naive_copy(&root, &copy);
    let copied = TreeImage::of(&copy);
    assert_same(&before, &copied);
    assert!(std::panic::catch_unwind(|| assert_unchanged(&before, &copied)).is_err());
    assert_eq!(before.shared_with(&copied).len(), 0);
    assert_eq!(before.shared_with(&before).len(), 6);
}

#[test]
fn parts_of_an_image_can_be_taken_and_left_out() {
    let scratch = Scratch::new();
    let image = TreeImage::of(sample(&scratch, "tree").build());
    assert_eq!(image.at("directory").len(), 2);
    let rest = image.clone().without("directory");
    assert_eq!(rest.len(), image.len() - 3);
    assert!(rest.get("directory/other").is_none());
    assert_eq!(rest.get("file"), image.get("file"));
    assert_eq!(image.count(Kind::Fifo), 1);
    assert_eq!(image.get("directory/other").unwrap().size, 4);
}

#[test]
fn the_naive_copy_does_what_rsync_does() {
    if !skip_unless(have("rsync"), "rsync is not installed") {
        return;
    }
    let scratch = Scratch::new();
    let mut tree = sample(&scratch, "tree")
        .file("setuid", b"x")
        .mode(0o4755)
        .directory("directory")
        .mode(0o1777);
    if is_root() {
        tree = tree
            .character_device("device", 1, 3)
            .file("owned", b"x")
            .owner(12, 34);
    }
    let root = tree.build();
    naive_copy(&root, scratch.join("naive"));
    let status = Command::new("rsync")
        .arg("-aH")
        .arg(root.join(""))
        .arg(scratch.join("rsync/"))
        .status();
    assert!(status.unwrap().success());
    let expected = TreeImage::of(scratch.join("rsync"));
    assert_same(&expected, &TreeImage::of(scratch.join("naive")));
    assert_same(&expected, &TreeImage::of(root));
}

#[test]
fn ten_thousand_levels_are_made_read_and_removed() {
    let scratch = Scratch::new();
    let one = TreeImage::of(Chain::new(10_000).build(scratch.join("one")));
    assert_eq!(one.count(Kind::Directory), 10_001);
    assert_eq!(one.count(Kind::File), 10_000);
    let comb = TreeImage::of(Chain::new(10_000).comb().build(scratch.join("comb")));
    assert_eq!(comb.count(Kind::File), 20_000);
    assert_same(&one, &TreeImage::of(scratch.join("one")));
    assert_eq!(one.count_shared_with(&comb), 0);
}

#[test]
fn a_scratch_folder_goes_whatever_its_modes() {
    let scratch = Scratch::new();
    let path = scratch.path().to_path_buf();
    scratch
        .tree("tree")
        .file("a/b/c", b"x")
        .directory("a/b")
        .mode(0)
        .directory("a")
        .mode(0o200)
        .build();
    drop(scratch);
    assert!(!path.exists());
}

#[test]
fn mounts_come_and_go() {
    let Some(ext4) = Mount::ext4(16) else { return };
    fs::write(ext4.join("file"), b"x").unwrap();
    let path = ext4.path().to_path_buf();
    drop(ext4);
    assert!(!path.exists());
    let Some(small) = Mount::tmpfs(64, 100) else {
        return;
    };
    assert!(fs::write(small.join("file"), vec![1; 100_000]).is_err());
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn random_changes_are_the_same_each_time(
        days in proptest::collection::vec(day_of_edits(), 1..4),
    ) {
        let scratch = Scratch::new();
        let (one, two) = (sample(&scratch, "one").build(), sample(&scratch, "two").build());
        for root in [&one, &two] {
            let mut clock = Clock::default();
            days.iter().flatten().for_each(|edit| apply(edit, root, &mut clock));
        }
        let directories = |_: &[u8], entry: &mut hardsnap_tests::Entry| {
            if entry.kind == Kind::Directory {
                entry.mtime = (0, 0);
            }
        };
        let image = TreeImage::of(&one).map(directories);
        prop_assert_eq!(image.differences(&TreeImage::of(&two).map(directories)), vec![]);
        naive_copy(&one, scratch.join("copy"));
        assert_same(&TreeImage::of(&one), &TreeImage::of(scratch.join("copy")));
    }
}
