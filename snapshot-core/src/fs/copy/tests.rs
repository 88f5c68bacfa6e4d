use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use super::*;
use crate::fs::dir::stat_handle;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Bytes of which no two blocks are the same.
fn noise(size: u64) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

/// A file of this size with data at these places, from and to, and holes
/// elsewhere.
fn file(size: u64, data: &[(u64, u64)]) -> File {
    let file = tempfile::tempfile().unwrap();
    file.set_len(size).unwrap();
    for &(start, end) in data {
        file.write_all_at(&noise(end - start), start).unwrap();
    }
    file
}

fn content(mut file: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

fn metadata(file: &File) -> Metadata {
    stat_handle(file.as_fd()).unwrap()
}

type Proceed<'a> = &'a mut dyn FnMut(u64) -> bool;

fn hashing(from: &File, size: u64, proceed: Proceed<'_>) -> Result<Hash, CopyError> {
    hash(from.as_fd(), size, proceed)
}

fn copying(from: &File, size: u64, proceed: Proceed<'_>) -> Result<Hash, CopyError> {
    copy(from, size, proceed).1
}

/// Copies, and hashes on another thread, whatever the size.
fn copying_beside(from: &File, size: u64, proceed: Proceed<'_>) -> Result<Hash, CopyError> {
    let to = tempfile::tempfile().unwrap();
    let source = Metadata {
        size_bytes: size,
        ..metadata(from)
    };
    let ways = Ways::default();
    let hash = hasher::hash(|digest| {
        let pass = Pass {
            from: from.as_fd(),
            to: Some((to.as_fd(), &ways)),
            digest,
            proceed,
        };
        pass.copy(&source)
    })?;
    assert!(content(&to) == content(from)[..size as usize]);
    Ok(hash)
}

/// Copies as much of a file; gives the copy, and what was hashed meanwhile.
fn copy(from: &File, size: u64, proceed: Proceed<'_>) -> (File, Result<Hash, CopyError>) {
    let to = tempfile::tempfile().unwrap();
    let source = Metadata {
        size_bytes: size,
        ..metadata(from)
    };
    let copied = contents(
        from.as_fd(),
        to.as_fd(),
        &source,
        &Ways::default(),
        Hashing::Wanted,
        proceed,
    );
    (to, copied.map(|hash| hash.unwrap()))
}

/// Checks the hash of each way, and the copies, against the whole content.
fn assert_hashed_and_copied(from: &File) {
    let expected = content(from);
    let size = expected.len() as u64;
    for hashed in [hashing, copying, copying_beside] {
        let mut told = 0;
        let hash = hashed(from, size, &mut |bytes| {
            told += bytes;
            true
        });
        assert_eq!(hash.unwrap(), *blake3::hash(&expected).as_bytes());
        assert_eq!(told, size);
    }

    let (to, _) = copy(from, size, &mut |_| true);
    assert!(content(&to) == expected, "{size} bytes, hashed");

    let to = tempfile::tempfile().unwrap();
    let (source, ways) = (metadata(from), Ways::default());
    let unhashed = contents(
        from.as_fd(),
        to.as_fd(),
        &source,
        &ways,
        Hashing::Unwanted,
        &mut |_| true,
    );
    assert_eq!(unhashed.unwrap(), None);
    assert!(content(&to) == expected, "{size} bytes, not hashed");
}

#[test]
fn a_hash_is_the_blake3_of_the_content_whatever_its_size() {
    for size in [
        0,
        1,
        255 * KIB,
        256 * KIB,
        256 * KIB + 1,
        9 * MIB,
        17 * MIB + 4321,
    ] {
        assert_hashed_and_copied(&file(size, &[(0, size)]));
    }
}

#[test]
fn holes_are_hashed_as_zeros_and_stay_holes() {
    let size = 10 * MIB + 5;
    for data in [
        &[][..],
        &[(6 * MIB, size)],
        &[(0, 300 * KIB), (7 * MIB, size)],
        &[(0, 300 * KIB)],
        &[(3 * MIB, 3 * MIB + 1), (5 * MIB, 5 * MIB + 300 * KIB)],
    ] {
        let from = file(size, data);
        assert_hashed_and_copied(&from);
        let (to, _) = copy(&from, size, &mut |_| true);
        assert!(
            metadata(&to).allocated_bytes <= metadata(&from).allocated_bytes,
            "{data:?}: {:?}",
            metadata(&to)
        );
    }
    // Too small for a search for holes before it is hashed.
    assert_hashed_and_copied(&file(200 * KIB, &[(64 * KIB, 65 * KIB)]));
}

/// What a thread reads and writes, as the kernel counts it.
#[derive(Debug, PartialEq)]
struct Io {
    read_bytes: u64,
    read_calls: u64,
    written_bytes: u64,
    write_calls: u64,
}

impl Io {
    /// What `work` reads and writes; nothing where the kernel doesn't tell.
    fn of(work: impl FnOnce()) -> Option<Io> {
        let (start, looking_bytes) = Io::so_far()?;
        work();
        let (end, _) = Io::so_far()?;
        Some(Io {
            read_bytes: end.read_bytes - start.read_bytes - looking_bytes,
            read_calls: end.read_calls - start.read_calls - 1,
            written_bytes: end.written_bytes - start.written_bytes,
            write_calls: end.write_calls - start.write_calls,
        })
    }

    /// Looks at the sums by one call; says how many bytes that call reads, which
    /// are not among them yet.
    #[expect(clippy::disallowed_methods, reason = "the kernel's own file")]
    fn so_far() -> Option<(Io, u64)> {
        let mut buffer = [0; 4096];
        let length = File::open("/proc/thread-self/io")
            .and_then(|mut file| file.read(&mut buffer))
            .ok()?;
        let text = std::str::from_utf8(&buffer[..length]).ok()?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line?.trim().parse().ok()
        };
        let io = Io {
            read_bytes: value("rchar:")?,
            read_calls: value("syscr:")?,
            written_bytes: value("wchar:")?,
            write_calls: value("syscw:")?,
        };
        Some((io, length as u64))
    }
}

/// Says that a test does not run; the harness swallows what `eprintln` writes.
fn skip(reason: &str) {
    drop(writeln!(io::stderr(), "skipped: {reason}"));
}

#[test]
fn what_the_buffer_holds_is_read_by_one_call_and_written_by_one() {
    let size = BUFFER_BYTES as u64;
    let from = file(size, &[(0, size)]);
    let Some(copied) = Io::of(|| drop(copying(&from, size, &mut |_| true))) else {
        return skip("the kernel does not count what a thread reads");
    };
    let hashed = Io::of(|| drop(hashing(&from, size, &mut |_| true))).unwrap();
    let expected = |written_bytes, write_calls| Io {
        read_bytes: size,
        read_calls: 1,
        written_bytes,
        write_calls,
    };
    assert_eq!(copied, expected(size, 1));
    assert_eq!(hashed, expected(0, 0));
}

#[test]
fn holes_are_not_read() {
    let size = 10 * MIB;
    let from = file(size, &[(4 * MIB, 5 * MIB)]);
    if metadata(&from).allocated_bytes > 2 * MIB {
        return skip("the filesystem has no holes");
    }
    let Some(copied) = Io::of(|| drop(copying(&from, size, &mut |_| true))) else {
        return skip("the kernel does not count what a thread reads");
    };
    let hashed = Io::of(|| drop(hashing(&from, size, &mut |_| true))).unwrap();
    // Blocks can be larger than what was written into them.
    assert!((MIB..=2 * MIB).contains(&copied.read_bytes), "{copied:?}");
    assert_eq!(hashed.read_bytes, copied.read_bytes);
}

#[test]
fn what_a_file_grew_is_neither_hashed_nor_copied() {
    let from = file(MIB, &[(0, MIB)]);
    let expected = &content(&from)[..300_000];
    for hashed in [hashing, copying, copying_beside] {
        let hash = hashed(&from, 300_000, &mut |_| true).unwrap();
        assert_eq!(hash, *blake3::hash(expected).as_bytes());
    }
    let (to, _) = copy(&from, 300_000, &mut |_| true);
    assert!(content(&to) == expected);
}

#[test]
fn a_file_that_is_shorter_than_it_was_has_no_hash() {
    let small = file(100, &[(0, 100)]);
    let hole_at_end = file(4 * MIB, &[(0, MIB)]);
    for hashed in [hashing, copying, copying_beside] {
        for (file, size) in [(&small, 101), (&hole_at_end, 4 * MIB + 1)] {
            let hash = hashed(file, size, &mut |_| true);
            assert!(matches!(hash, Err(CopyError::Shrunk)), "{hash:?}");
        }
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_has_no_hash() {
    for hashed in [hashing, copying, copying_beside] {
        for data in [&[(0, 4 * MIB)][..], &[(0, MIB)]] {
            let from = file(4 * MIB, data);
            let hash = hashed(&from, 4 * MIB, &mut |_| {
                from.set_len(300 * KIB).unwrap();
                true
            });
            assert!(matches!(hash, Err(CopyError::Shrunk)), "{hash:?}");
        }
    }
}

#[test]
fn hashing_stops_when_it_is_told_to_also_inside_a_hole() {
    // All of 1 TiB would take minutes.
    let (size, data_end) = (1 << 40, MIB);
    let from = file(size, &[(0, data_end)]);
    for hashed in [hashing, copying, copying_beside] {
        for stop_at in [1, data_end + 1] {
            let mut told = 0;
            let hash = hashed(&from, size, &mut |bytes| {
                told += bytes;
                told < stop_at
            });
            assert!(matches!(hash, Err(CopyError::Cancelled)), "{hash:?}");
            assert!((stop_at..stop_at + MIB).contains(&told), "{told} bytes");
        }
    }
}

#[test]
fn files_are_hashed_beside_only_while_there_are_processors() {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let turns: Vec<Turn> = (0..=processors).map(|_| Turn::take()).collect();
    // Other tests may take turns too.
    let most = turns.iter().filter(|turn| turn.has_room).count();
    assert!(most <= processors / 2, "{most} of {processors}");
    assert!(turns.last().is_some_and(|turn| !turn.has_room));
}

#[test]
fn a_file_that_is_mostly_hole_is_not_hashed() {
    const GIB: u64 = 1 << 30;
    const TIB: u64 = 1 << 40;
    let some = metadata(&tempfile::tempfile().unwrap());
    let is_hashed = |size_bytes, allocated_bytes| {
        is_hashed(&Metadata {
            size_bytes,
            allocated_bytes,
            ..some
        })
    };
    assert!(is_hashed(0, 0));
    assert!(is_hashed(5, 4096));
    assert!(is_hashed(16 * TIB, 16 * TIB));
    // All hole, but not for long.
    assert!(is_hashed(GIB, 0));
    assert!(!is_hashed(GIB + 1, 0));
    // Half of it.
    assert!(is_hashed(8 * GIB, 4 * GIB));
    assert!(!is_hashed(8 * GIB, 4 * GIB - 512));
    assert!(!is_hashed(16 * TIB, MIB));
}
