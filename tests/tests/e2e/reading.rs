//! What is read, looked at and hashed, by default and when it is asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hardsnap_tests::{
    Hardsnap, Mount, Scratch, StoreView, TreeBuilder, TreeImage, assert_same, can_trace, noon,
    skip_unless, snapshot_name,
};

use crate::attributes::chmod;
use crate::catalog::{Agreement, Days, aged, can_age};

#[test]
fn a_change_that_nothing_shows_is_found_by_reading_everything() {
    if !can_age() {
        return;
    }
    let Some(disk) = Mount::ext4(32) else {
        return;
    };
    const NEEDLE: [&[u8]; 2] = [b"this is what the file was", b"this is what the disk has"];
    let scratch = Scratch::new();
    let source = disk.join("source");
    TreeBuilder::new(&source)
        .file("file", NEEDLE[0].repeat(1000))
        .file("other", b"other")
        .build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let backup = |day, options: &[&str]| {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)]);
        let command = command.args(options).arg(&source).arg(&store);
        aged(command).json().expect(0)
    };
    backup(0, &[]);
    disk.change_image(|bytes| {
        let start = bytes
            .windows(NEEDLE[0].len())
            .position(|found| found == NEEDLE[0]);
        bytes[start.unwrap()..][..NEEDLE[1].len()].copy_from_slice(NEEDLE[1]);
    });
    assert!(
        fs::read(source.join("file"))
            .unwrap()
            .starts_with(NEEDLE[1])
    );
    // The filesystem is still known, and nobody looks at what did not change.
    let outcome = backup(1, &[]);
    assert_eq!(outcome.number("files_linked"), 2, "{outcome}");
    assert_eq!(outcome.surprises(), [""; 0], "{outcome}");
    let outcome = backup(2, &["--checksum"]);
    assert_eq!(outcome.number("files_linked"), 1, "{outcome}");
    assert_eq!(outcome.number("files_copied"), 1, "{outcome}");
    let image = |day| view.image(&snapshot_name(&noon(day)), &source);
    assert_same(&TreeImage::of(&source), &image(2));
    assert_eq!(image(0).get("file"), image(1).get("file"));
    assert_ne!(image(0).get("file"), image(2).get("file"));
    Agreement::new(&store).check();
}

/// The files of the source that a run reads.
fn read(days: &mut Days<'_>, how: impl FnOnce(Hardsnap) -> Hardsnap) -> BTreeSet<String> {
    let log = days.scratch.join("read.log");
    let calls =
        "trace=read,readv,pread64,preadv,preadv2,sendfile,splice,copy_file_range,ioctl,mmap";
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
    days.run(|command| how(command).within(line));
    let log = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    let files = TreeImage::of(&days.source).files().into_iter();
    let files = files.map(|path| String::from_utf8(path).unwrap());
    files
        .filter(|path| log.contains(&format!("<{}>", days.path(path).display())))
        .collect()
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn only_what_may_have_changed_is_read_unless_all_is_to_be() {
    let can_trace = || skip_unless(can_trace(), "strace is not there, or may not trace");
    if !can_age() || !can_trace() {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("one", b"1")
        .file("two", vec![b'2'; 200_000])
        .file("below/three", b"3")
        .file("below/four", b"4")
        .build();
    let mut days = Days::begin(&scratch, source);
    assert_eq!(read(&mut days, |command| command), names([]));
    chmod(&days.path("one"), 0o600);
    fs::rename(days.path("two"), days.path("zwei")).unwrap();
    assert_eq!(read(&mut days, |command| command), names(["one", "zwei"]));
    let all = names(["one", "zwei", "below/three", "below/four"]);
    assert_eq!(read(&mut days, |command| command.arg("--checksum")), all);
    // Of what is looked at in the basis nothing is read.
    let looked = read(&mut days, |command| command.arg("--check-basis"));
    assert_eq!(looked, names([]));
    let outcome = days.run(|command| command.arg("--checksum"));
    assert_eq!(outcome.number("files_linked"), 4, "{outcome}");
}

#[test]
fn without_hashes_what_has_another_ctime_is_copied() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch
        .tree("source")
        .file("one", b"1")
        .file("two", b"22")
        .file("three", b"333")
        .build();
    let mut days = Days::begin(&scratch, source);
    let touch = |path: &Path| {
        chmod(path, 0o600);
        chmod(path, 0o644);
    };
    let hashed = |days: &mut Days<'_>| {
        let ledger = days.agreement.check();
        ["one", "two", "three"].map(|name| ledger.newest(&days.path(name)).blake3.is_some())
    };
    let run = |days: &mut Days<'_>, options: &[&str], linked| {
        let outcome = days.run(|command| command.args(options));
        assert_eq!(outcome.number("files_linked"), linked, "{outcome}");
        assert_eq!(outcome.number("files_copied"), 3 - linked, "{outcome}");
    };
    assert_eq!(hashed(&mut days), [true, true, true]);
    // What has one keeps it, and is known by it.
    touch(&days.path("one"));
    fs::write(days.path("two"), b"zz").unwrap();
    run(&mut days, &["--no-hash"], 2);
    assert_eq!(hashed(&mut days), [true, false, true]);
    touch(&days.path("two"));
    run(&mut days, &["--no-hash"], 2);
    assert_eq!(hashed(&mut days), [true, false, true]);
    touch(&days.path("two"));
    run(&mut days, &[], 2);
    assert_eq!(hashed(&mut days), [true, true, true]);
    touch(&days.path("two"));
    run(&mut days, &[], 3);
}
