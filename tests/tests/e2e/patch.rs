//! `diff --patch`: how the text of one file was changed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use hardsnap_tests::{Outcome, Scratch, noon, snapshot_name};

const ANY: [&str; 2] = ["latest~1", "latest"];

/// Two snapshots: one before something was changed, and one after.
fn two(scratch: &Scratch, before: &[u8], change: impl FnOnce(&Path)) -> (PathBuf, PathBuf) {
    let source = scratch
        .tree("source")
        .file("directory/file", before)
        .file("directory/other", b"as it is\n")
        .build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    change(&source);
    scratch.snapshot(&source, &store, &noon(1));
    (source, store)
}

fn patch(scratch: &Scratch, store: &Path, path: &Path) -> Outcome {
    let command = scratch.hardsnap("diff").arg(store).args(ANY);
    command.arg("--patch").arg(path).run()
}

fn fields(scratch: &Scratch, store: &Path, path: &Path) -> serde_json::Value {
    let command = scratch.hardsnap("diff").arg(store).args(ANY);
    let outcome = command.arg("--patch").arg(path).json().expect(0);
    assert_eq!(outcome.messages().len(), 1, "{outcome}");
    outcome.summary()
}

#[test]
fn the_changes_of_a_text_are_told_as_diff_does() {
    let scratch = Scratch::new();
    let before = b"one\ntwo\nthree\nfour\nfive\nsix\n";
    let (source, store) = two(&scratch, before, |source| {
        let after = "one\ntwo\nthree\nfour\n5\nsix\nseven";
        fs::write(source.join("directory/file"), after).unwrap();
    });
    let path = source.join("directory/file");
    let told = patch(&scratch, &store, &path).expect(0).stdout();
    let lines: Vec<&str> = told.lines().collect();
    let heads = ["---", "+++"];
    for (day, (head, line)) in heads.iter().zip(&lines).enumerate() {
        let label = format!(
            "{head} {}{}\t",
            snapshot_name(&noon(day as u64)),
            path.display()
        );
        assert!(line.starts_with(&label), "{told}");
    }
    let expected = [
        "@@ -2,5 +2,6 @@",
        " two",
        " three",
        " four",
        "-five",
        "+5",
        " six",
        "+seven",
        "\\ No newline at end of file",
    ];
    assert_eq!(lines[2..], expected, "{told}");
    let fields = fields(&scratch, &store, &path);
    assert_eq!(fields["patch"], told);
    assert_eq!(fields["content"], "text");
    assert_eq!(
        (&fields["added_lines"], &fields["removed_lines"]),
        (&2.into(), &1.into())
    );
    assert_eq!(
        (&fields["before_bytes"], &fields["after_bytes"]),
        (&28.into(), &30.into())
    );
    // A relative path starts where the command does.
    let relative = patch(&scratch, &store, Path::new("source/directory/file"));
    assert_eq!(relative.expect(0).stdout(), told);
    let same = patch(&scratch, &store, &source.join("directory/other"));
    assert_eq!(same.expect(0).stdout(), "");
}

#[test]
fn text_that_is_not_utf_8_is_told_byte_by_byte() {
    let scratch = Scratch::new();
    let (source, store) = two(&scratch, b"\xe9t\xe9\r\n", |source| {
        fs::write(source.join("directory/file"), b"\xe9t\xe9s\r\n").unwrap();
    });
    let path = source.join("directory/file");
    let command = scratch.hardsnap("diff").arg(&store).args(ANY);
    let out = scratch.join("patch");
    let command = command.arg("--patch").arg(&path);
    let file = fs::File::create(&out).unwrap();
    command.stdout_to(file).run().expect(0);
    let told = fs::read(&out).unwrap();
    let end = b"@@ -1 +1 @@\n-\xe9t\xe9\r\n+\xe9t\xe9s\r\n";
    assert!(told.ends_with(end), "{}", told.escape_ascii());
    let fields = fields(&scratch, &store, &path);
    assert_eq!(fields["patch"], String::from_utf8_lossy(&told).into_owned());
    let exactly = hardsnap::json::base64(&told);
    assert_eq!(fields["patch_base64"], exactly);
}

#[test]
fn a_binary_file_is_told_with_both_sizes() {
    let scratch = Scratch::new();
    let (source, store) = two(&scratch, b"\0one", |source| {
        fs::write(source.join("directory/file"), vec![0; 2048]).unwrap();
        fs::write(source.join("new"), b"\0").unwrap();
    });
    let path = source.join("directory/file");
    let (first, second) = (snapshot_name(&noon(0)), snapshot_name(&noon(1)));
    let expected = format!(
        "{} is a binary file: 4 B in {first}, 2.0 KiB in {second}\n",
        path.display()
    );
    assert_eq!(patch(&scratch, &store, &path).expect(0).stdout(), expected);
    let found = fields(&scratch, &store, &path);
    assert_eq!(found["content"], "binary");
    assert_eq!(
        (&found["before_bytes"], &found["after_bytes"]),
        (&4.into(), &2048.into())
    );
    assert_eq!(found["patch"], serde_json::Value::Null);
    let new = patch(&scratch, &store, &source.join("new")).expect(0);
    let expected = format!(": missing in {first}, 1 B in {second}\n");
    assert!(new.stdout().ends_with(&expected), "{new}");
}

#[test]
fn files_that_came_went_or_moved_are_followed() {
    let scratch = Scratch::new();
    let (source, store) = two(&scratch, b"one\n", |source| {
        fs::rename(source.join("directory"), source.join("folder")).unwrap();
        fs::write(source.join("folder/file"), "two\n").unwrap();
        fs::write(source.join("new"), "new\n").unwrap();
    });
    let (old, new) = (source.join("directory/file"), source.join("folder/file"));
    let told = patch(&scratch, &store, &new).expect(0).stdout();
    assert!(told.contains("directory/file\t") && told.contains("folder/file\t"));
    assert!(told.ends_with("@@ -1 +1 @@\n-one\n+two\n"), "{told}");
    // Either path will do.
    assert_eq!(patch(&scratch, &store, &old).expect(0).stdout(), told);
    let found = fields(&scratch, &store, &old);
    assert_eq!(found["from"], old.to_str().unwrap());
    assert_eq!(found["path"], new.to_str().unwrap());
    let added = patch(&scratch, &store, &source.join("new"))
        .expect(0)
        .stdout();
    assert!(added.starts_with("--- /dev/null\n+++ "), "{added}");
    assert!(added.ends_with("@@ -0,0 +1 @@\n+new\n"), "{added}");
}

#[test]
fn what_has_no_text_to_show_is_refused() {
    let scratch = Scratch::new();
    let (source, store) = two(&scratch, b"one\n", |source| {
        symlink("directory/file", source.join("link")).unwrap();
    });
    for (name, code) in [
        ("directory", "not_a_file"),
        ("link", "not_a_file"),
        ("nothing", "not_found"),
    ] {
        let command = scratch.hardsnap("diff").arg(&store).args(ANY);
        let path = source.join(name);
        let outcome = command.arg("--patch").arg(&path).json().expect(1);
        assert_eq!(outcome.messages()[0]["code"], code, "{outcome}");
        assert_eq!(outcome.messages()[0]["path"], path.to_str().unwrap());
    }
}

#[test]
fn a_symlink_in_the_place_of_a_stored_file_is_not_followed() {
    let scratch = Scratch::new();
    let (source, store) = two(&scratch, b"one\n", |source| {
        fs::write(source.join("directory/file"), "two\n").unwrap();
    });
    let path = source.join("directory/file");
    fs::write(scratch.join("secret"), "secret").unwrap();
    let below = path.strip_prefix("/").unwrap();
    let stored = store.join(snapshot_name(&noon(1))).join(below);
    fs::remove_file(&stored).unwrap();
    symlink(scratch.join("secret"), &stored).unwrap();
    let outcome = patch(&scratch, &store, &path).expect(1);
    assert!(!outcome.stdout().contains("secret"), "{outcome}");
    assert!(outcome.stderr().contains("symlink"), "{outcome}");
    // Nor on the way to it.
    let directory = stored.parent().unwrap();
    fs::remove_dir_all(directory).unwrap();
    fs::create_dir(scratch.join("elsewhere")).unwrap();
    fs::write(scratch.join("elsewhere/file"), "secret").unwrap();
    symlink(scratch.join("elsewhere"), directory).unwrap();
    let outcome = patch(&scratch, &store, &path).expect(1);
    assert!(!outcome.stdout().contains("secret"), "{outcome}");
}
