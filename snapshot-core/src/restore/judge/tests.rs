use super::*;
use crate::entry::{FileId, FileTime};

const ROOT: Caller = Caller {
    uid: 0,
    is_root: true,
};
const ALICE: Caller = Caller {
    uid: 1000,
    is_root: false,
};

fn file() -> Metadata {
    let time = |seconds| FileTime {
        seconds,
        nanoseconds: 123_456_789,
    };
    Metadata {
        kind: EntryKind::File,
        id: FileId {
            device: 1,
            inode: 2,
        },
        mode: 0o4750,
        uid: 1000,
        gid: 1000,
        size_bytes: 10,
        allocated_bytes: 4096,
        links: 1,
        mtime: time(1_000_000),
        ctime: time(2_000_000),
        nodump: false,
        device_number: 0,
    }
}

fn likeness(caller: Caller, change: impl Fn(&mut Metadata)) -> Likeness {
    let mut found = file();
    change(&mut found);
    compare(&file(), Some(&found), caller, true, true)
}

#[test]
fn every_case_of_overwriting_is_decided() {
    use Verdict::{InTheWay, Leave, LeaveDiffering, Replace, Write};
    let other = |is_directory, is_older| Likeness::Other {
        is_directory,
        is_older,
    };
    let differs = InTheWay(ObstacleReason::Differs);
    let directory = InTheWay(ObstacleReason::IsDirectory);
    let cases = [
        // never, always, changed, newer
        (Likeness::Nothing, [Write, Write, Write, Write]),
        (Likeness::Equal, [Leave, Replace, Leave, Leave]),
        (
            Likeness::OtherMetadata,
            [LeaveDiffering, Replace, Replace, Leave],
        ),
        (other(false, true), [differs, Replace, Replace, Replace]),
        (other(false, false), [differs, Replace, Replace, Leave]),
        (other(true, true), [directory; 4]),
        (other(true, false), [directory; 4]),
    ];
    let words = [
        Overwrite::Never,
        Overwrite::Always,
        Overwrite::Changed,
        Overwrite::Newer,
    ];
    for (likeness, verdicts) in cases {
        for (overwrite, verdict) in words.into_iter().zip(verdicts) {
            assert_eq!(
                judge(overwrite, likeness),
                verdict,
                "{likeness:?} {overwrite:?}"
            );
        }
    }
}

#[test]
fn content_is_told_by_kind_size_and_mtime() {
    assert_eq!(compare(&file(), None, ROOT, true, true), Likeness::Nothing);
    assert_eq!(likeness(ROOT, |_| {}), Likeness::Equal);
    let changes: [fn(&mut Metadata); 4] = [
        |found| found.size_bytes += 1,
        |found| found.mtime.nanoseconds += 1,
        |found| found.kind = EntryKind::Fifo,
        |found| found.device_number = 7,
    ];
    for change in changes {
        assert!(matches!(likeness(ROOT, change), Likeness::Other { .. }));
    }
    let other_target = compare(&file(), Some(&file()), ROOT, false, true);
    assert!(matches!(other_target, Likeness::Other { .. }));
    let changes: [fn(&mut Metadata); 3] = [
        |found| found.mode ^= 1,
        |found| found.uid += 1,
        |found| found.gid += 1,
    ];
    for change in changes {
        assert_eq!(likeness(ROOT, change), Likeness::OtherMetadata);
    }
    let other_xattrs = compare(&file(), Some(&file()), ROOT, true, false);
    assert_eq!(other_xattrs, Likeness::OtherMetadata);
}

#[test]
fn mtimes_that_a_filesystem_rounded_off_are_the_same() {
    for nanoseconds in [123_456_700, 123_456_000, 120_000_000, 0] {
        let found = likeness(ROOT, |found| found.mtime.nanoseconds = nanoseconds);
        assert_eq!(found, Likeness::Equal, "{nanoseconds}");
    }
    for (seconds, nanoseconds) in [(0, 123_456_788), (0, 200_000_000), (-1, 0), (1, 0)] {
        let found = likeness(ROOT, |found| {
            found.mtime.seconds += seconds;
            found.mtime.nanoseconds = nanoseconds;
        });
        assert!(
            matches!(found, Likeness::Other { .. }),
            "{seconds}.{nanoseconds}"
        );
    }
}

#[test]
fn what_an_ordinary_user_cannot_make_better_is_equal() {
    let mut wanted = file();
    (wanted.uid, wanted.gid) = (0, 0);
    let mut found = file();
    let compare = |found: &Metadata, caller| compare(&wanted, Some(found), caller, true, true);
    // Restored by alice: hers, and without setuid.
    found.mode = 0o750;
    assert_eq!(compare(&found, ALICE), Likeness::Equal);
    assert_eq!(compare(&found, ROOT), Likeness::OtherMetadata);
    found.mode = 0o4750;
    assert_eq!(compare(&found, ALICE), Likeness::OtherMetadata);
    (found.uid, found.mode) = (1001, 0o750);
    assert_eq!(compare(&found, ALICE), Likeness::OtherMetadata);
}

#[test]
fn what_is_there_is_older_only_if_its_mtime_is() {
    for (seconds, older) in [(-1, true), (1, false)] {
        let found = likeness(ROOT, |found| {
            found.size_bytes += 1;
            found.mtime.seconds += seconds;
        });
        let other = Likeness::Other {
            is_directory: false,
            is_older: older,
        };
        assert_eq!(found, other);
    }
}
