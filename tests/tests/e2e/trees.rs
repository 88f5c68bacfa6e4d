//! Trees that several tests use.

use std::fs;
use std::path::PathBuf;

use hardsnap_tests::{Scratch, TreeBuilder, is_root, noon, snapshot_name};

/// Names that break what handles names carelessly.
pub(crate) const AWKWARD: [&[u8]; 17] = [
    b"new\nline",
    b"\xff\xfe not UTF-8",
    b"-rf",
    b"--delete",
    b"trailing space ",
    b" leading space",
    b"tab\there",
    b"back\\slash",
    b"*?[a]",
    b"$(touch canary)",
    b"\"'`",
    b"\x1b[31mred",
    b"...",
    b"latest",
    b".hardsnap",
    b"2024-01-01T12-00-00Z",
    "e\u{301} \u{200f}\u{1f4be}".as_bytes(),
];

/// A small tree with a file, a directory and a symlink.
pub(crate) fn simple(scratch: &Scratch, name: &str) -> TreeBuilder {
    scratch
        .tree(name)
        .file("file", b"content")
        .file("directory/other", b"more content")
        .symlink("link", "directory/other")
}

/// A tree with every kind of entry, awkward names, all sorts of modes and
/// times, and hard links; as root also with devices and other owners.
pub(crate) fn everything(scratch: &Scratch, name: &str) -> TreeBuilder {
    let long = [b'n'; 255];
    let large: Vec<u8> = (0..3_200_001_u32)
        .map(|n| n.wrapping_mul(n).to_le_bytes()[1])
        .collect();
    let mut tree = scratch
        .tree(name)
        .mode(0o751)
        .mtime(1_234_567_890, 987_654_321)
        .file("empty", b"")
        .file("one byte", b"x")
        .file("one page", vec![b'p'; 4096])
        .file("large", large)
        .file("setuid", b"s")
        .mode(0o4755)
        .file("setgid", b"s")
        .mode(0o2711)
        .file("read only", b"r")
        .mode(0o444)
        .file("before 1970", b"old")
        .mtime(-86_400, 999_999_999)
        .file("far ahead", b"new")
        .mtime(4_000_000_000, 1)
        .file("whole second", b"even")
        .mtime(1_500_000_000, 0)
        .directory("empty directory")
        .mode(0o700)
        .directory("sticky")
        .mode(0o1777)
        .file(
            "locked/inside",
            b"in a directory that its owner cannot write",
        )
        .directory("locked")
        .mode(0o555)
        .file("deep/er/and/deeper/file", b"down here")
        .symlink("dangling", "no/such/place")
        .symlink("absolute", "/etc/passwd")
        .symlink("to a directory", "deep")
        .symlink("long target", vec![b't'; 4000])
        .symlink("target is not UTF-8", b"\xff\n")
        .fifo("fifo")
        .mode(0o620)
        .socket("socket")
        .hard_link("deep/linked", "one page")
        .hard_link("deep/er/linked too", "one page")
        .file("zz first", b"a group whose names lie in two directories")
        .hard_link("aa/second", "zz first")
        .hard_link("fifo too", "fifo")
        .hard_link("dangling too", "dangling")
        .file(long, b"longest name")
        .directory([b"long/".as_slice(), &long].concat())
        .symlink([b"long/".as_slice(), &[b'l'; 255]].concat(), long);
    for name in AWKWARD {
        tree = tree
            .file([b"files/".as_slice(), name].concat(), name)
            .file([b"directories/".as_slice(), name, b"/file"].concat(), name)
            .symlink([b"symlinks/".as_slice(), name].concat(), name);
    }
    if is_root() {
        tree = tree
            .character_device("null", 1, 3)
            .mode(0o666)
            .block_device("disk", 7, 200)
            .owner(0, 6)
            .file("theirs", b"t")
            .owner(1234, 5678)
            .mode(0o6750)
            .symlink("their link", "theirs")
            .owner(4321, 8765)
            .file("their directory/file", b"d")
            .directory("their directory")
            .owner(1234, 5678)
            .mode(0o2770)
            .fifo("their fifo")
            .owner(1, 2)
            .file("nobody may read", b"n")
            .mode(0)
            .file("nobody may enter/file", b"n")
            .directory("nobody may enter")
            .mode(0);
    }
    tree
}

/// Adds `count` small files in directories of a hundred.
pub(crate) fn many(mut tree: TreeBuilder, count: usize) -> TreeBuilder {
    for number in 0..count {
        tree = tree.file(
            format!("many/{:03}/{number}", number / 100),
            number.to_string(),
        );
    }
    tree
}

/// A store with snapshots of days 0 to `count` − 1, none pruned.
pub(crate) fn history(scratch: &Scratch, count: u64) -> (PathBuf, PathBuf) {
    let source = simple(scratch, "source").build();
    let store = scratch.join("store");
    scratch.hardsnap("init").arg(&store).run().expect(0);
    for day in 0..count {
        fs::write(source.join("file"), day.to_string()).unwrap();
        let time = noon(day);
        let command = scratch
            .hardsnap("backup")
            .args(["--no-prune", "--time", &time]);
        command.arg(&source).arg(&store).run().expect(0);
    }
    (source, store)
}

/// Returns the names of the snapshots of these days.
pub(crate) fn names_of(days: impl IntoIterator<Item = u64>) -> Vec<String> {
    days.into_iter()
        .map(|day| snapshot_name(&noon(day)))
        .collect()
}
