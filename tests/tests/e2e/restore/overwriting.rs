//! What is there stays unless a word says otherwise.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use filetime::FileTime;
use hardsnap_tests::{Outcome, Scratch, TreeImage, assert_same, assert_untouched, noon};

use super::{restore_in_place, restored};
use crate::trees::simple;

/// What a path had in the snapshot, and what became of it since.
const PATHS: [&str; 8] = [
    "equal",
    "gone",
    "newer",
    "older",
    "grown",
    "other mode",
    "now a link",
    "was a link",
];

/// A source with a snapshot, changed in every way since.
struct Changed {
    scratch: Scratch,
    source: PathBuf,
    store: PathBuf,
    before: TreeImage,
}

impl Changed {
    fn new() -> Changed {
        let scratch = Scratch::new();
        let mut tree = scratch.tree("source");
        for name in PATHS {
            tree = match name {
                "was a link" => tree.symlink(name, "equal"),
                _ => tree.file(name, b"then").mtime(1_600_000_000, 7),
            };
        }
        let source = tree.file("directory/inside", b"then").build();
        let store = scratch.join("store");
        scratch.snapshot(&source, &store, &noon(0));
        let before = TreeImage::of(&source);
        let at = |name: &str| source.join(name);
        fs::remove_file(at("gone")).unwrap();
        for (name, content, seconds) in [
            ("newer", "now!", 1_600_000_001),
            ("older", "old!", 1_500_000_000),
            ("grown", "grown since", 1_700_000_000),
        ] {
            fs::write(at(name), content).unwrap();
            filetime::set_file_mtime(at(name), FileTime::from_unix_time(seconds, 0)).unwrap();
        }
        fs::set_permissions(at("other mode"), PermissionsExt::from_mode(0o600)).unwrap();
        fs::remove_file(at("now a link")).unwrap();
        symlink("/etc/passwd", at("now a link")).unwrap();
        fs::remove_file(at("was a link")).unwrap();
        fs::write(at("was a link"), "a file now").unwrap();
        Changed {
            scratch,
            source,
            store,
            before,
        }
    }

    fn run(&self, overwrite: &str) -> Outcome {
        let command = restore_in_place(&self.scratch, &self.store, &self.source);
        command.args(["--overwrite", overwrite]).json()
    }

    /// The names that are as they were in the snapshot.
    fn restored(&self) -> Vec<&'static str> {
        let now = TreeImage::of(&self.source);
        let is_same = |name: &&str| now.get(name) == self.before.get(name);
        PATHS.into_iter().filter(is_same).collect()
    }
}

/// The names of the paths that an outcome's error lines say are in the way.
fn in_the_way(outcome: &Outcome) -> Vec<String> {
    let messages = outcome.messages();
    let named = messages.iter().filter(|line| line["code"] == "in_the_way");
    let paths = named.filter(|line| line["exit_code"].is_null());
    let name = |line: &serde_json::Value| {
        let path = Path::new(line["path"].as_str().unwrap());
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    paths.map(name).collect()
}

#[test]
fn by_default_all_that_is_in_the_way_is_listed_and_nothing_is_written() {
    let changed = Changed::new();
    let now = TreeImage::of(&changed.source);
    let differing = ["grown", "newer", "now a link", "older", "was a link"];
    for overwrite in [&[][..], &["--overwrite", "never"]] {
        let command = restore_in_place(&changed.scratch, &changed.store, &changed.source);
        let outcome = command.args(overwrite).json().expect(1);
        assert_eq!(in_the_way(&outcome), differing, "{outcome}");
        assert_untouched(&now, &TreeImage::of(&changed.source));
    }
    let command = restore_in_place(&changed.scratch, &changed.store, &changed.source);
    let told = command.run().expect(1);
    for name in differing {
        assert!(
            told.stderr().contains(&format!("{name} is in the way")),
            "{told}"
        );
    }
    assert!(told.stderr().contains("nothing was written"), "{told}");
    // A dry run tells the same, and ends the same.
    let command = restore_in_place(&changed.scratch, &changed.store, &changed.source);
    let dry = command.arg("--dry-run").json().expect(1);
    let listed = dry.summary()["in_the_way"].as_array().unwrap().len();
    assert_eq!(listed, differing.len());
    assert_untouched(&now, &TreeImage::of(&changed.source));
}

#[test]
fn what_is_not_in_the_way_comes_back_without_a_word() {
    let changed = Changed::new();
    for name in ["newer", "older", "grown", "now a link", "was a link"] {
        fs::remove_file(changed.source.join(name)).unwrap();
    }
    let outcome = changed.run("never").expect(3);
    // Only its mode differs: it is left, and that is told.
    let other = changed.source.join("other mode");
    assert_eq!(outcome.skipped(), [other.to_str().unwrap().as_bytes()]);
    assert_eq!(other.metadata().unwrap().mode() & 0o777, 0o600);
    let all_but_one: Vec<_> = PATHS
        .into_iter()
        .filter(|name| *name != "other mode")
        .collect();
    assert_eq!(changed.restored(), all_but_one);
    assert_eq!(outcome.number("replaced"), 0);
}

#[test]
fn changed_replaces_what_differs_and_nothing_else() {
    let changed = Changed::new();
    let inode = |name: &str| TreeImage::of(&changed.source).inode(name);
    let (equal, inside) = (inode("equal"), inode("directory/inside"));
    let outcome = changed.run("changed").expect(0);
    assert_same(&changed.before, &TreeImage::of(&changed.source));
    assert_eq!((inode("equal"), inode("directory/inside")), (equal, inside));
    assert_eq!(outcome.number("written"), 1, "{outcome}");
    // And its own directory, whose mtime had changed.
    assert_eq!(outcome.number("replaced"), 7, "{outcome}");
    let again = changed.run("changed").expect(0);
    assert_eq!(
        again.number("replaced") + again.number("written"),
        0,
        "{again}"
    );
}

#[test]
fn always_replaces_what_looks_the_same_too() {
    let changed = Changed::new();
    // What no look tells: other content of the same size and time.
    let sly = changed.source.join("equal");
    fs::write(&sly, "NOW!").unwrap();
    filetime::set_file_mtime(&sly, FileTime::from_unix_time(1_600_000_000, 7)).unwrap();
    changed.run("changed").expect(0);
    assert_eq!(fs::read(&sly).unwrap(), b"NOW!");
    changed.run("always").expect(0);
    assert_same(&changed.before, &TreeImage::of(&changed.source));
}

#[test]
fn newer_replaces_what_is_older_and_leaves_the_rest() {
    let changed = Changed::new();
    let link = changed.source.join("now a link");
    filetime::set_symlink_file_times(
        &link,
        FileTime::from_unix_time(1_500_000_000, 0),
        FileTime::from_unix_time(1_500_000_000, 0),
    )
    .unwrap();
    changed.run("newer").expect(0);
    assert_eq!(changed.restored(), ["equal", "gone", "older", "now a link"]);
    assert_eq!(fs::read(changed.source.join("newer")).unwrap(), b"now!");
    assert_eq!(
        fs::read(changed.source.join("grown")).unwrap(),
        b"grown since"
    );
}

#[test]
fn a_directory_is_never_replaced_by_something_else() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    fs::remove_file(source.join("file")).unwrap();
    fs::create_dir(source.join("file")).unwrap();
    fs::write(source.join("file/precious"), "mine").unwrap();
    let now = TreeImage::of(&source);
    for overwrite in ["never", "changed", "newer", "always"] {
        let command = restore_in_place(&scratch, &store, &source);
        let outcome = command.args(["--overwrite", overwrite]).json().expect(1);
        assert_eq!(in_the_way(&outcome), ["file"], "{outcome}");
        assert_untouched(&now, &TreeImage::of(&source));
    }
}

#[test]
fn a_file_gives_way_to_a_directory_only_if_it_may_be_replaced() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    let before = TreeImage::of(&source);
    fs::remove_dir_all(source.join("directory")).unwrap();
    fs::write(source.join("directory"), "a file now").unwrap();
    let command = restore_in_place(&scratch, &store, &source);
    let outcome = command.json().expect(1);
    assert_eq!(in_the_way(&outcome), ["directory"], "{outcome}");
    // Above what is restored nothing is ever replaced.
    let command = restore_in_place(&scratch, &store, &source.join("directory/other"));
    let outcome = command.args(["--overwrite", "always"]).json().expect(1);
    assert_eq!(in_the_way(&outcome), ["directory"], "{outcome}");
    assert_eq!(fs::read(source.join("directory")).unwrap(), b"a file now");
    let command = restore_in_place(&scratch, &store, &source);
    command.args(["--overwrite", "changed"]).run().expect(0);
    assert_same(&before, &TreeImage::of(&source));
}

#[test]
fn names_of_one_file_become_names_of_one_file_again() {
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("one/a", b"together")
        .hard_link("two/b", "one/a")
        .hard_link("two/c", "one/a")
        .build();
    let (store, to) = (scratch.join("store"), scratch.join("to"));
    scratch.snapshot(&source, &store, &noon(0));
    let before = TreeImage::of(&source);
    // Torn apart, each as it was but for that.
    for name in ["two/b", "two/c"] {
        let path = source.join(name);
        let time = FileTime::from_last_modification_time(&path.metadata().unwrap());
        fs::copy(&path, source.join("copy")).unwrap();
        fs::rename(source.join("copy"), &path).unwrap();
        filetime::set_file_mtime(&path, time).unwrap();
    }
    let outcome = restore_in_place(&scratch, &store, &source);
    outcome.args(["--overwrite", "changed"]).run().expect(0);
    assert_same(&before, &TreeImage::of(&source));
    // Of a group only what is asked for comes back, as one file.
    let command = super::restore(&scratch, &store, &to).arg(source.join("two"));
    command.run().expect(0);
    let image = restored(&to, &source);
    assert_eq!(image.inode("two/b"), image.inode("two/c"));
    assert!(image.find("one").is_none());
}

#[test]
fn a_restore_never_writes_to_a_file_that_is_there() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    fs::write(source.join("file"), "changed since").unwrap();
    // Another name of it, outside of what is restored.
    let kept = scratch.join("kept");
    fs::hard_link(source.join("file"), &kept).unwrap();
    let command = restore_in_place(&scratch, &store, &source);
    command.args(["--overwrite", "always"]).run().expect(0);
    assert_eq!(fs::read(&kept).unwrap(), b"changed since");
    assert_eq!(fs::read(source.join("file")).unwrap(), b"content");
}
