//! What a filter leaves out, and that nothing else is missing for it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use hardsnap_tests::{
    Hardsnap, Kind, Mount, Outcome, Scratch, StoreView, TreeBuilder, TreeImage, assert_same,
    has_ordinary_user, have, noon, skip_unless, snapshot_name, wait_until,
};
use serde_json::Value;

use crate::trees::AWKWARD;

const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# more\n";

fn backup(scratch: &Scratch, day: u64) -> Hardsnap {
    scratch
        .hardsnap("backup")
        .args(["--init", "--time", &noon(day)])
}

/// Backs `source` up on days 0 and 1 with `options`; checks that both snapshots
/// hold all of it but `left_out`, and that the second cost nothing.
#[track_caller]
fn check_without(scratch: &Scratch, source: &Path, options: &[&str], left_out: &[&str]) -> Outcome {
    let view = StoreView::new(scratch.join("store"));
    let expected = left_out.iter().fold(TreeImage::of(source), |image, path| {
        assert!(image.find(path).is_some(), "{path} is in the source");
        image.without(path)
    });
    let run = |day| {
        let outcome = backup(scratch, day).args(options).arg(source).arg("store");
        let outcome = outcome.json().expect(0);
        assert_eq!(outcome.text("status"), "complete");
        assert_same(&expected, &view.image(&snapshot_name(&noon(day)), source));
        outcome
    };
    let first = run(0);
    let second = run(1);
    assert_eq!(second.number("files_copied"), 0, "{second}");
    assert_eq!(second.number("excluded"), first.number("excluded"));
    view.assert_tidy();
    first
}

/// A tree of sources and what was made of them.
fn project(scratch: &Scratch) -> TreeBuilder {
    scratch
        .tree("source")
        .file("main.c", b"int main;")
        .file("main.o", b"object")
        .file("keep.o", b"kept object")
        .file("sub/part.c", b"part")
        .file("sub/part.o", b"part's object")
        .file("sub/keep.o", b"kept object below")
        .file("build/out", b"built")
        .file("sub/build/out", b"built below")
        .file("sub/deep/build", b"a file of that name")
        .symlink("link.o", "main.o")
        .fifo("pipe.o")
}

#[test]
fn the_order_of_patterns_is_that_of_the_command_line() {
    let scratch = Scratch::new();
    let source = project(&scratch).build();
    fs::write(
        scratch.join("list"),
        "# what can be made again\n\nbuild/\r\n/sub/keep.o\n!link.o\n",
    )
    .unwrap();
    let options = [
        "--include",
        "main.o",
        "--exclude",
        "*.o",
        "--include=keep.o",
        "--exclude-from",
        "list",
    ];
    let left_out = [
        "main.o",
        "sub/part.o",
        "sub/keep.o",
        "build",
        "sub/build",
        "pipe.o",
    ];
    let outcome = check_without(&scratch, &source, &options, &left_out);
    assert_eq!(outcome.number("excluded"), 6);
}

#[test]
fn each_source_is_seen_from_its_own_root() {
    let scratch = Scratch::new();
    let tree = |name: &str| {
        let tree = scratch.tree(name).file("cache/file", b"1");
        tree.file("below/cache/file", b"2").build()
    };
    let sources = [tree("one"), tree("in/two")];
    let command = backup(&scratch, 0).args(["--exclude", "/cache"]);
    command.args(&sources).arg("store").run().expect(0);
    let view = StoreView::new(scratch.join("store"));
    for source in &sources {
        assert_same(
            &TreeImage::of(source).without("cache"),
            &view.image(&snapshot_name(&noon(0)), source),
        );
    }
}

#[test]
fn what_is_named_as_a_source_is_taken_whatever_the_filter_says() {
    let scratch = Scratch::new();
    let folder = scratch.tree("folder").file("in/side", b"x").build();
    let file = scratch.tree("more").file("film.mkv", vec![0; 5000]).build();
    let options = ["--exclude", "*", "--exclude-larger-than", "1k"];
    let command = backup(&scratch, 0).args(options).arg(&folder);
    let outcome = command.arg(file.join("film.mkv")).arg("store").json();
    assert_eq!(outcome.expect(0).number("files_copied"), 1);
    let view = StoreView::new(scratch.join("store"));
    let name = snapshot_name(&noon(0));
    assert!(view.image(&name, &folder).is_empty());
    assert_same(&TreeImage::of(&file), &view.image(&name, &file));
}

#[test]
fn a_directory_that_is_left_out_is_not_read() {
    if !has_ordinary_user() {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("open/file", b"seen")
        .file("closed/won back", b"unseen")
        .directory("closed")
        .mode(0)
        .build();
    let store = scratch.ordinary_folder("store");
    let command = |options: &[&str]| {
        let command = scratch.hardsnap("backup").args(["--init"]).args(options);
        command.arg(&source).arg(&store).as_ordinary_user().json()
    };
    command(&[]).expect(3);
    // Nothing below it can be won back, so nobody has to look.
    let outcome = command(&["--exclude", "/closed", "--include", "/closed/won back"]);
    assert_eq!(outcome.expect(0).number("excluded"), 1);
}

#[test]
fn a_mount_that_is_left_out_is_not_touched() {
    let scratch = Scratch::new();
    let source = project(&scratch).directory("mounted").build();
    // Whoever touches it hangs.
    let Some(_silent) = Mount::silent_fuse(&source.join("mounted")) else {
        return;
    };
    let command = backup(&scratch, 0).args(["--cross-network", "--exclude=/mounted"]);
    let mut run = command.arg(&source).arg("store").arg("--json").spawn();
    wait_until("it ends", || run.has_ended().then_some(()));
    let outcome = run.wait().expect(0);
    assert_eq!(outcome.number("excluded"), 1);
    let view = StoreView::new(scratch.join("store"));
    let made = view.image(&snapshot_name(&noon(0)), &source);
    assert!(made.find("mounted").is_none() && made.find("main.c").is_some());
}

#[test]
fn a_marker_empties_its_directory_and_stays() {
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("plain/file", b"taken")
        .file("marked/.nobackup", b"")
        .file("marked/file", b"left out")
        .file("marked/below/file", b"left out")
        .directory("marked")
        .mode(0o750)
        .file("dir marker/.nobackup/inside", b"taken with it")
        .file("dir marker/file", b"left out")
        .symlink("link marker/.nobackup", "nowhere")
        .file("link marker/file", b"left out")
        .file("other/.nobackup~", b"no marker")
        .build();
    let left_out = [
        "marked/file",
        "marked/below",
        "dir marker/file",
        "link marker/file",
    ];
    let options = ["--exclude-if-present", ".nobackup"];
    let outcome = check_without(&scratch, &source, &options, &left_out);
    // Their content is not read, and so not counted.
    assert_eq!(outcome.number("excluded"), 3);
}

#[test]
fn a_source_that_is_marked_is_empty_and_the_directories_above_do_not_count() {
    let scratch = Scratch::new();
    let source = scratch.tree("above/source").file("file", b"x").build();
    fs::write(scratch.join("above/.nobackup"), "").unwrap();
    let options = ["--exclude-if-present", ".nobackup"];
    let view = StoreView::new(scratch.join("store"));
    let run = |day, code| {
        let command = backup(&scratch, day).args(options).arg(&source);
        command.arg("store").run().expect(code);
        view.image(&snapshot_name(&noon(day)), &source)
    };
    assert_same(&TreeImage::of(&source), &run(0, 0));
    fs::write(source.join(".nobackup"), "").unwrap();
    // By the same filters, it was emptied.
    assert_same(&TreeImage::of(&source).without("file"), &run(1, 4));
}

#[test]
fn caches_are_known_by_the_signature_of_their_tag() {
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("cache/CACHEDIR.TAG", CACHE_TAG)
        .file("cache/file", b"left out")
        .file("cache/below/file", b"left out")
        .file("exact/CACHEDIR.TAG", &CACHE_TAG[..43])
        .file("exact/file", b"left out")
        .file("short/CACHEDIR.TAG", &CACHE_TAG[..42])
        .file("short/file", b"taken")
        .file("late/CACHEDIR.TAG", format!(" {CACHE_TAG}"))
        .file("late/file", b"taken")
        .file("lower/cachedir.tag", CACHE_TAG)
        .file("lower/file", b"taken")
        .symlink("link/CACHEDIR.TAG", "../cache/CACHEDIR.TAG")
        .file("link/file", b"taken")
        .fifo("pipe/CACHEDIR.TAG")
        .file("pipe/file", b"taken")
        .file("folder/CACHEDIR.TAG/file", b"taken")
        .build();
    let left_out = ["cache/file", "cache/below", "exact/file"];
    check_without(&scratch, &source, &["--exclude-caches"], &left_out);
}

#[test]
fn a_limit_of_size_is_for_files_alone_and_counts_bytes_not_blocks() {
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("at the limit", vec![1; 1024])
        .file("above", vec![1; 1025])
        .symlink("long link", vec![b'x'; 2000])
        .file("below/empty", b"")
        .file("below/sparse", b"")
        .build();
    // No blocks, but many bytes.
    let sparse = fs::File::options()
        .write(true)
        .open(source.join("below/sparse"));
    sparse.unwrap().set_len(1 << 20).unwrap();
    let options = ["--exclude-larger-than", "1k"];
    let left_out = ["above", "below/sparse"];
    let outcome = check_without(&scratch, &source, &options, &left_out);
    assert_eq!(outcome.number("excluded"), 2);
}

#[test]
fn what_has_the_attribute_nodump_is_left_out_if_asked() {
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("plain", b"taken")
        .file("flagged", b"left out")
        .file("folder/file", b"left out")
        .file("other/flagged too", b"left out")
        .build();
    let flagged = ["flagged", "folder", "other/flagged too"];
    let chattr = |path: &&str| {
        let status = Command::new("chattr")
            .arg("+d")
            .arg(source.join(path))
            .status();
        status.is_ok_and(|status| status.success())
    };
    if !skip_unless(flagged.iter().all(chattr), "chattr +d is refused here") {
        return;
    }
    check_without(&scratch, &source, &["--exclude-nodump"], &flagged);
    // Unasked, the attribute means nothing.
    let command = backup(&scratch, 2).arg(&source).arg("store");
    command.run().expect(0);
    let view = StoreView::new(scratch.join("store"));
    let made = view.image(&snapshot_name(&noon(2)), &source);
    assert_eq!(made.files(), TreeImage::of(&source).files());
}

#[test]
fn a_link_group_holds_together_without_the_names_that_are_left_out() {
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("a/one", b"shared")
        .hard_link("b/two", "a/one")
        .hard_link("c/left", "a/one")
        .hard_link("a/left", "a/one")
        .hard_link("d/three", "a/one")
        .build();
    let options = ["--exclude", "left"];
    check_without(&scratch, &source, &options, &["c/left", "a/left"]);
    let view = StoreView::new(scratch.join("store"));
    let made = view.image(&snapshot_name(&noon(1)), &source);
    assert_eq!(made.inode("a/one"), made.inode("b/two"));
    assert_eq!(made.inode("a/one"), made.inode("d/three"));
}

#[test]
fn what_is_left_out_today_is_missing_today_only() {
    let scratch = Scratch::new();
    let source = project(&scratch).build();
    let view = StoreView::new(scratch.join("store"));
    for (day, options) in [(0, &[][..]), (1, &["--exclude=*.o"]), (2, &[])] {
        let command = backup(&scratch, day).args(options).arg(&source);
        command.arg("store").run().expect(0);
    }
    let whole = TreeImage::of(&source);
    for day in [0, 2] {
        assert_same(&whole, &view.image(&snapshot_name(&noon(day)), &source));
    }
    let between = view.image(&snapshot_name(&noon(1)), &source);
    assert!(between.find("main.o").is_none() && between.find("main.c").is_some());
}

#[test]
fn the_record_keeps_the_filter_that_was_in_force() {
    let scratch = Scratch::new();
    let source = project(&scratch).build();
    let options = ["--exclude-caches", "--exclude=*.o", "--include=a.o"];
    let command = backup(&scratch, 0).args(options).arg(&source);
    command.arg("store").run().expect(0);
    let name = snapshot_name(&noon(0));
    let path = format!("store/.hardsnap/snapshots/{name}.json");
    let record: Value = serde_json::from_slice(&fs::read(scratch.join(path)).unwrap()).unwrap();
    let expected = ["exclude *.o", "include a.o", "exclude-caches"];
    assert_eq!(record["filters"], Value::from(expected.to_vec()));
}

#[test]
fn a_verbose_dry_run_lists_what_goes_in_and_what_is_left_out_by_which_rule() {
    let scratch = Scratch::new();
    let source = project(&scratch)
        .file("film", vec![0; 3000])
        .file("cache/CACHEDIR.TAG", CACHE_TAG)
        .file("cache/file", b"cached")
        .build();
    fs::write(scratch.join("list"), "\nbuild/\n").unwrap();
    // Also where there is a basis, and most is merely linked.
    backup(&scratch, 0)
        .arg(&source)
        .arg("store")
        .run()
        .expect(0);
    let options = [
        "--dry-run",
        "--verbose",
        "--exclude=*.o",
        "--include=keep.o",
        "--exclude-from=list",
        "--exclude-caches",
        "--exclude-larger-than=2k",
    ];
    let command = || backup(&scratch, 1).args(options).arg(&source).arg("store");
    let outcome = command().run().expect(0);
    let printed = outcome.stdout();
    let path = |name: &str| source.join(name).to_str().unwrap().to_owned();
    let lines: BTreeSet<&str> = printed.lines().collect();
    for (name, rule) in [
        ("main.o", "--exclude *.o"),
        ("sub/part.o", "--exclude *.o"),
        ("link.o", "--exclude *.o"),
        ("build", "list:2: build/"),
        ("sub/build", "list:2: build/"),
        ("film", "--exclude-larger-than 2k"),
        ("cache", "all but CACHEDIR.TAG; --exclude-caches"),
    ] {
        let line = format!("left out {} ({rule})", path(name));
        assert!(lines.contains(line.as_str()), "{line}\n{printed}");
    }
    for (name, word) in [
        ("main.c", "linked"),
        ("keep.o", "linked"),
        ("sub/keep.o", "linked"),
        ("sub/deep/build", "linked"),
        ("cache/CACHEDIR.TAG", "linked"),
        ("cache", "made"),
        ("sub", "made"),
    ] {
        let line = format!("{word:8} {}", path(name));
        assert!(lines.contains(line.as_str()), "{line}\n{printed}");
    }
    assert!(!printed.contains("cache/file"), "{printed}");
    assert!(!printed.contains("build/out"), "{printed}");

    let messages = command().json().expect(0).messages();
    let told = |name: &str, outcome: &str| {
        let path = path(name);
        let mut found = messages
            .iter()
            .filter(|line| line["message_type"] == "entry" && line["path"] == *path);
        found
            .find(|line| line["outcome"] == outcome)
            .unwrap_or_else(|| panic!("{name} is not {outcome}"))
    };
    assert_eq!(told("main.o", "left-out")["by"], "--exclude *.o");
    assert_eq!(told("build", "left-out")["by"], "list:2: build/");
    assert_eq!(told("cache", "left-out")["by"], "--exclude-caches");
    assert_eq!(told("cache", "left-out")["all_but"], "CACHEDIR.TAG");
    assert!(told("main.c", "linked").get("by").is_none());
    assert_eq!(StoreView::new(scratch.join("store")).names().len(), 1);
}

#[test]
fn a_tree_is_filtered_like_a_backup() {
    let scratch = Scratch::new();
    let source = project(&scratch).build();
    let run = |basis: Option<&str>, target: &str| {
        let mut command = scratch.hardsnap("tree").args(["--exclude", "*.o"]);
        if let Some(basis) = basis {
            command = command.args(["--link-dest", basis]);
        }
        command.arg(&source).arg(target).json().expect(0)
    };
    assert_eq!(run(None, "first").number("excluded"), 6);
    assert_eq!(run(Some("first"), "second").number("files_copied"), 0);
    let kept = |path: &&[u8]| !path.ends_with(b".o");
    let expected: BTreeSet<Vec<u8>> = TreeImage::of(&source)
        .files()
        .into_iter()
        .filter(|path| kept(&path.as_slice()))
        .collect();
    for target in ["first", "second"] {
        assert_eq!(TreeImage::of(scratch.join(target)).files(), expected);
    }
}

/// The files and symlinks that git takes of a tree with these patterns.
fn taken_by_git(scratch: &Scratch, source: &Path, list: &Path) -> BTreeSet<Vec<u8>> {
    let git_dir = scratch.join("git");
    let git = |arguments: &[&std::ffi::OsStr]| {
        let output = Command::new("git")
            .arg("--git-dir")
            .arg(&git_dir)
            .arg("--work-tree")
            .arg(source)
            .args(arguments)
            .current_dir(source)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", scratch.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    git(&["init".as_ref(), "--quiet".as_ref()]);
    let mut from = std::ffi::OsString::from("--exclude-from=");
    from.push(list);
    let listed = git(&["ls-files".as_ref(), "-oz".as_ref(), &from]);
    let paths = listed.split(|byte| *byte == 0);
    paths
        .filter(|path| !path.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

#[test]
fn a_file_of_patterns_means_what_it_means_to_git() {
    if !skip_unless(have("git"), "git is not installed") {
        return;
    }
    let scratch = Scratch::new();
    let mut tree = project(&scratch)
        .file("{a,b}", b"braces")
        .file("[x]", b"brackets")
        .file("#hash", b"hash")
        .file("!mark", b"mark")
        .file("dir.o/file", b"in a directory named so")
        .file("x-y/x^y/x!y", b"signs")
        .file("tail ", b"space at the end")
        .file("Upper/lower/CamelCase9", b"letters");
    for name in AWKWARD {
        tree = tree
            .file([b"awkward/".as_slice(), name].concat(), name)
            .file([b"awkward/in/", name, b"/", name].concat(), name);
    }
    let source = tree.build();
    let list = scratch.join("list");
    let lists = [
        "*\n",
        "*.o\n!keep.o\n",
        "*.o/\n",
        "/*.o\n/sub/*\n!/sub/keep.o\n",
        "build\n!sub/deep/build\n",
        "**/build/\nsub/**/build\n",
        "sub/**\n!sub/part.c\n",
        "/awkward/**\n!/awkward/in/\n",
        "awkward/in/*/*\n",
        "{a,b}\n[[]x]\n\\#hash\n\\!mark\n",
        "#hash\n!mark\ntail \n",
        "tail\\ \n",
        "[[:upper:]]*\n",
        "*[[:digit:]]\n*[!a-z0-9]?\n",
        "x[!a-z]y\n!x[^-]y\n",
        "x[-^]y/\n*[[:space:]]*\n",
        "*\\\\*\n*\\**\n-*\n",
        "*\u{301}*\n?\n",
        "/s*/d*p\r\n  \nlatest\r\n",
        "awk*/**/*[\\]]\n***/in\n",
        "/*\n!/awkward\n!/sub/\n/sub/b*\n",
    ];
    for (round, text) in lists.iter().enumerate() {
        fs::write(&list, text).unwrap();
        let target: PathBuf = scratch.join(format!("target{round}"));
        let command = scratch.hardsnap("tree").arg("--exclude-from").arg(&list);
        command.arg(&source).arg(&target).run().expect(0);
        let made = TreeImage::of(&target);
        let taken: BTreeSet<Vec<u8>> = made
            .entries()
            .filter(|(_, entry)| matches!(entry.kind, Kind::File | Kind::Symlink))
            .map(|(path, _)| path)
            .collect();
        let expected = taken_by_git(&scratch, &source, &list);
        let differing: Vec<String> = taken
            .symmetric_difference(&expected)
            .map(|path| std::ffi::OsStr::from_bytes(path).to_string_lossy().into())
            .collect();
        assert!(differing.is_empty(), "{text:?}: {differing:?}");
        fs::remove_dir_all(&target).unwrap();
    }
}
