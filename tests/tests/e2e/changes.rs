//! What counts as changed, and what becomes of files that have another name
//! now.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use filetime::FileTime;
use hardsnap_tests::{
    Mount, Outcome, Scratch, StoreView, TreeBuilder, TreeImage, assert_same, can_trace, noon,
    skip_unless, snapshot_name,
};

use crate::attributes::{chmod, set};
use crate::catalog::{Agreement, Days, Ledger, Version, aged, can_age, edit_quietly};

#[track_caller]
fn assert_counts(outcome: &Outcome, linked: u64, moved: u64, copied: u64) {
    let counts = ["files_linked", "files_moved", "files_copied"].map(|key| outcome.number(key));
    assert_eq!(
        counts,
        [linked, moved, copied],
        "linked, moved, copied: {outcome}"
    );
    assert_eq!(outcome.surprises(), [""; 0], "{outcome}");
}

/// A tree of three files that differ in content and size.
fn three(scratch: &Scratch) -> TreeBuilder {
    scratch
        .tree("source")
        .file("one", b"the first")
        .file("two", vec![b'2'; 5000])
        .file("below/three", vec![b'3'; 100_000])
        .xattr("user.a", b"1")
        .symlink("link", "one")
}

fn mtime(path: &Path) -> FileTime {
    FileTime::from_last_modification_time(&path.symlink_metadata().unwrap())
}

#[test]
fn nothing_is_read_or_written_down_of_what_did_not_change() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, three(&scratch).build());
    // The directories above change with everything that lies in them.
    let below = |days: &Days<'_>| {
        let (ledger, source) = (Ledger::of(&days.store), days.source.as_os_str().as_bytes());
        let is_below = |version: &&Version| ledger.path(version).starts_with(&source[1..]);
        let below: Vec<Version> = ledger.versions.iter().filter(is_below).cloned().collect();
        below
    };
    let before = below(&days);
    assert_counts(&days.next(), 3, 0, 0);
    assert_eq!((before.len(), &before), (6, &below(&days)));
}

#[test]
fn an_edit_that_puts_the_mtime_back_is_in_the_next_snapshot() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, three(&scratch).build());
    for name in ["one", "below/three"] {
        edit_quietly(&days.path(name));
        assert_counts(&days.next(), 2, 0, 1);
    }
    // In a file that takes the place of the old one, too.
    let (path, new) = (days.path("two"), days.path("new"));
    fs::copy(&path, &new).unwrap();
    edit_quietly(&new);
    filetime::set_file_mtime(&new, mtime(&path)).unwrap();
    fs::rename(&new, &path).unwrap();
    assert_counts(&days.next(), 2, 0, 1);
}

#[test]
fn where_only_the_ctime_differs_the_file_is_linked() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, three(&scratch).build());
    let path = days.path("two");
    let ctime = |path: &Path| {
        (
            path.metadata().unwrap().ctime(),
            path.metadata().unwrap().ctime_nsec(),
        )
    };
    type Touch = (&'static str, fn(&Path));
    let touches: [Touch; 4] = [
        ("a mode there and back", |path| {
            chmod(path, 0o600);
            chmod(path, 0o644);
        }),
        ("a name there and back", |path| {
            fs::rename(path, path.with_extension("away")).unwrap();
            fs::rename(path.with_extension("away"), path).unwrap();
        }),
        ("a second name for a while", |path| {
            fs::hard_link(path, path.with_extension("again")).unwrap();
            fs::remove_file(path.with_extension("again")).unwrap();
        }),
        ("an equal copy in its place", |path| {
            let copy = path.with_extension("copy");
            fs::copy(path, &copy).unwrap();
            filetime::set_file_mtime(&copy, mtime(path)).unwrap();
            fs::rename(copy, path).unwrap();
        }),
    ];
    for (what, touch) in touches {
        let before = ctime(&path);
        touch(&path);
        assert_ne!(before, ctime(&path), "{what}");
        assert_counts(&days.next(), 3, 0, 0);
        assert_eq!(days.stored(0, "two"), days.stored(1, "two"), "{what}");
    }
}

#[test]
fn other_metadata_make_a_new_inode_of_the_same_content() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, three(&scratch).build());
    let changes: [fn(&Path); 3] = [
        |path| chmod(path, 0o600),
        |path| set(path, "user.a", b"2"),
        |path| filetime::set_file_mtime(path, FileTime::from_unix_time(7, 7)).unwrap(),
    ];
    for change in changes {
        change(&days.path("below/three"));
        assert_counts(&days.next(), 2, 0, 1);
        assert_ne!(days.stored(0, "below/three"), days.stored(1, "below/three"));
    }
}

#[test]
fn a_renamed_file_is_linked() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, three(&scratch).build());
    fs::rename(days.path("two"), days.path("below/deux")).unwrap();
    assert_counts(&days.next(), 2, 1, 0);
    assert_eq!(days.stored(0, "below/deux"), days.stored(1, "two"));
    // Another file where it was changes nothing about it.
    fs::rename(days.path("below/deux"), days.path("below/zwei")).unwrap();
    fs::write(days.path("below/deux"), b"something else").unwrap();
    assert_counts(&days.next(), 2, 1, 1);
    assert_eq!(days.stored(0, "below/zwei"), days.stored(1, "below/deux"));
    // With another mode it is made anew, and the old one is as it was.
    fs::rename(days.path("below/zwei"), days.path("two")).unwrap();
    chmod(&days.path("two"), 0o600);
    assert_counts(&days.next(), 3, 0, 1);
    assert_ne!(days.stored(0, "two"), days.stored(1, "below/zwei"));
    // With other bytes as well.
    fs::rename(days.path("below/three"), days.path("three")).unwrap();
    edit_quietly(&days.path("three"));
    assert_counts(&days.next(), 3, 0, 1);
}

#[test]
fn two_files_that_change_names_are_linked() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, three(&scratch).build());
    let [one, two, away] = ["one", "two", "away"].map(|name| days.path(name));
    fs::rename(&one, &away).unwrap();
    fs::rename(&two, &one).unwrap();
    fs::rename(&away, &two).unwrap();
    assert_counts(&days.next(), 1, 2, 0);
    assert_eq!(days.stored(0, "one"), days.stored(1, "two"));
    assert_eq!(days.stored(0, "two"), days.stored(1, "one"));
}

#[test]
fn rotated_logs_are_linked() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let source = three(&scratch)
        .file("log", b"the newest lines")
        .file("log.1", vec![b'1'; 9000])
        .file("log.2", vec![b'2'; 8000])
        .build();
    let mut days = Days::begin(&scratch, source);
    for round in 0..3 {
        fs::rename(days.path("log.1"), days.path("log.2")).unwrap();
        fs::rename(days.path("log"), days.path("log.1")).unwrap();
        fs::write(days.path("log"), format!("lines of {round}")).unwrap();
        assert_counts(&days.next(), 3, 2, 1);
        assert_eq!(days.stored(0, "log.1"), days.stored(1, "log"));
        assert_eq!(days.stored(0, "log.2"), days.stored(1, "log.1"));
    }
}

#[test]
fn another_name_for_a_file_is_one_in_the_snapshot_too() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, three(&scratch).build());
    // Before the old name, and after it, in the order of a walk.
    for (number, name) in ["below/again", "zz", "a"].into_iter().enumerate() {
        fs::hard_link(days.path("two"), days.path(name)).unwrap();
        let outcome = days.next();
        assert_eq!(outcome.number("files_copied"), 0, "{outcome}");
        let names = 4 + number as u64;
        let (linked, moved) = (
            outcome.number("files_linked"),
            outcome.number("files_moved"),
        );
        assert_eq!(linked + moved, names, "{outcome}");
        assert_eq!(days.stored(0, name), days.stored(1, "two"));
    }
    for (left, name) in [(5, "two"), (4, "zz")] {
        fs::remove_file(days.path(name)).unwrap();
        assert_counts(&days.next(), left, 0, 0);
    }
}

/// Runs the next backup under strace; tells what came of it, and which files of
/// the source were opened.
fn opened(days: &mut Days<'_>) -> (Outcome, Vec<String>) {
    let log = days.scratch.join("opened.log");
    let line = [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=open,openat,openat2",
        "-o",
    ];
    let line = line
        .map(str::to_owned)
        .into_iter()
        .chain([log.to_str().unwrap().to_owned()]);
    let outcome = days.run(|command| command.within(line));
    let log = fs::read(log).unwrap();
    let names = TreeImage::of(&days.source).files();
    let opened = names.iter().filter_map(|path| {
        let name = String::from_utf8_lossy(path.rsplit(|byte| *byte == b'/').next().unwrap());
        let is_opened = String::from_utf8_lossy(&log).contains(&format!("\"{name}\""));
        is_opened.then(|| name.into_owned())
    });
    (outcome, opened.collect())
}

#[test]
fn a_renamed_directory_is_linked_and_none_of_its_files_is_opened() {
    let can_trace = || skip_unless(can_trace(), "strace is not there, or may not trace");
    if !can_age() || !can_trace() {
        return;
    }
    let scratch = Scratch::new();
    let mut tree = three(&scratch);
    for number in 0..300 {
        let name = format!("many/{}/unread {number}", number / 100);
        tree = tree.file(name, format!("{number}")).xattr("user.a", b"1");
    }
    let mut days = Days::begin(&scratch, tree.symlink("many/link", "away").build());
    fs::rename(days.path("many"), days.path("below/more")).unwrap();
    let (outcome, names) = opened(&mut days);
    assert_counts(&outcome, 3, 300, 0);
    assert_eq!(names, [""; 0]);
    // One by one, they have other ctimes and are read, and linked again.
    for number in 0..3 {
        let old = days.path(&format!("below/more/0/unread {number}"));
        fs::rename(&old, days.path(&format!("below/more/0/read {number}"))).unwrap();
    }
    let (outcome, names) = opened(&mut days);
    assert_counts(&outcome, 300, 3, 0);
    assert_eq!(names, ["read 0", "read 1", "read 2"]);
    // In two steps at once, and back into what has its name now.
    fs::rename(days.path("below/more"), days.path("many")).unwrap();
    fs::rename(days.path("many/1"), days.path("many/2/1")).unwrap();
    fs::create_dir_all(days.path("below/more/1")).unwrap();
    fs::write(days.path("below/more/1/new"), b"another").unwrap();
    let (outcome, names) = opened(&mut days);
    assert_counts(&outcome, 3, 300, 1);
    assert_eq!(names, ["new"]);
}

#[test]
fn what_changed_in_a_renamed_directory_is_seen() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let source = three(&scratch)
        .file("old/kept", b"kept")
        .file("old/edited", b"edited")
        .file("old/chmodded", b"chmodded")
        .file("old/gone", b"gone")
        .file("old/down/kept", b"kept below")
        .directory("old/down")
        .mode(0o700)
        .build();
    let mut days = Days::begin(&scratch, source);
    fs::rename(days.path("old"), days.path("new")).unwrap();
    edit_quietly(&days.path("new/edited"));
    chmod(&days.path("new/chmodded"), 0o600);
    fs::remove_file(days.path("new/gone")).unwrap();
    fs::write(days.path("new/made"), b"made").unwrap();
    chmod(&days.path("new/down"), 0o755);
    assert_counts(&days.next(), 3, 2, 3);
    // Directories that change names with each other, and one into the other.
    fs::rename(days.path("new"), days.path("away")).unwrap();
    fs::rename(days.path("below"), days.path("new")).unwrap();
    fs::rename(days.path("away"), days.path("below")).unwrap();
    assert_counts(&days.next(), 2, 6, 0);
    fs::rename(days.path("new"), days.path("below/new")).unwrap();
    assert_counts(&days.next(), 7, 1, 0);
    fs::rename(days.path("below/new"), days.path("new")).unwrap();
    fs::rename(days.path("below"), days.path("new/below")).unwrap();
    assert_counts(&days.next(), 2, 6, 0);
    // What lay in a directory of the name that another one has now.
    fs::rename(days.path("new/below/down"), days.path("down")).unwrap();
    fs::rename(days.path("new"), days.path("old")).unwrap();
    fs::create_dir(days.path("new")).unwrap();
    fs::rename(days.path("down"), days.path("new/down")).unwrap();
    assert_counts(&days.next(), 2, 6, 0);
    fs::rename(days.path("new/down"), days.path("old/down")).unwrap();
    fs::remove_dir(days.path("new")).unwrap();
    fs::rename(days.path("old"), days.path("new")).unwrap();
    assert_counts(&days.next(), 3, 5, 0);
}

#[test]
fn a_file_whose_directory_took_the_place_of_its_old_one_is_linked() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let source = three(&scratch)
        .file("new/stays", b"stays")
        .file("old/moves", b"moves")
        .build();
    let mut days = Days::begin(&scratch, source);
    fs::rename(days.path("old/moves"), days.path("new/moves")).unwrap();
    fs::remove_dir(days.path("old")).unwrap();
    fs::rename(days.path("new"), days.path("old")).unwrap();
    assert_counts(&days.next(), 3, 2, 0);
    assert_eq!(days.stored(0, "old/moves"), days.stored(1, "old/moves"));
}

#[test]
fn an_inode_number_that_another_file_got_fools_nobody() {
    if !can_age() {
        return;
    }
    // Here the number that was freed last is given first.
    let Some(disk) = Mount::ext4(32) else {
        return;
    };
    let scratch = Scratch::new();
    let source = disk.join("source");
    let mut tree = TreeBuilder::new(&source).file("stays", b"stays");
    for number in 0..8 {
        tree = tree.file(format!("old {number}"), format!("content {number}"));
    }
    let mut days = Days::begin(&scratch, tree.build());
    let mut reused = 0;
    for number in 0..8 {
        let old = days.path(&format!("old {number}"));
        let new = match number % 2 {
            0 => old.clone(),
            _ => days.path(&format!("new {number}")),
        };
        let (inode, time) = (old.metadata().unwrap().ino(), mtime(&old));
        fs::remove_file(&old).unwrap();
        fs::write(&new, format!("another {number}")).unwrap();
        filetime::set_file_mtime(&new, time).unwrap();
        reused += usize::from(new.metadata().unwrap().ino() == inode);
        assert_counts(&days.next(), 8, 0, 1);
    }
    // So it is with symlinks and their targets.
    for target in ["one", "two"] {
        let link = days.path("link");
        drop(fs::remove_file(&link));
        symlink(target, &link).unwrap();
        let time = FileTime::from_unix_time(5, 5);
        filetime::set_symlink_file_times(&link, time, time).unwrap();
        assert_counts(&days.next(), 9, 0, 0);
    }
    assert!(reused >= 4, "only {reused} numbers came again");
}

#[test]
fn empty_files_are_linked_too() {
    if !can_age() {
        return;
    }
    let scratch = Scratch::new();
    let mut days = Days::begin(&scratch, three(&scratch).file("empty", b"").build());
    chmod(&days.path("empty"), 0o600);
    chmod(&days.path("empty"), 0o644);
    assert_counts(&days.next(), 4, 0, 0);
    fs::set_permissions(days.path("one"), PermissionsExt::from_mode(0o640)).unwrap();
    assert_counts(&days.next(), 3, 0, 1);
}

#[test]
fn what_the_destination_can_hold_by_now_is_given_to_files_that_did_not_change() {
    let can_trace = || skip_unless(can_trace(), "strace is not there, or may not trace");
    if !can_age() || !can_trace() {
        return;
    }
    let touches: [fn(&Path); 4] = [
        |_| {},
        |path| {
            chmod(path, 0o600);
            chmod(path, 0o644);
        },
        |path| fs::rename(path, path.with_extension("renamed")).unwrap(),
        |path| {
            let above = path.parent().unwrap();
            fs::rename(above, above.with_extension("renamed")).unwrap();
        },
    ];
    for touch in touches {
        let scratch = Scratch::new();
        let source = three(&scratch).build();
        let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
        let mut agreement = Agreement::new(&store);
        let command = |day| {
            let command = scratch
                .hardsnap("backup")
                .args(["--init", "--time", &noon(day)]);
            aged(command.arg(&source).arg(&store))
        };
        let refusing = command(0).injecting("setxattr,lsetxattr,fsetxattr:error=EOPNOTSUPP");
        let outcome = refusing.json().expect(0);
        assert_eq!(outcome.surprises(), ["xattrs_not_kept"]);
        let image = |day| view.image(&snapshot_name(&noon(day)), &source);
        assert!(image(0).get("below/three").unwrap().xattrs.is_empty());
        touch(&source.join("below/three"));
        // As the manual says, for what a server came to take.
        let marker = store.join(".hardsnap/store.toml");
        let text = fs::read_to_string(&marker).unwrap();
        fs::write(&marker, &text[..text.find("[destination]").unwrap()]).unwrap();
        command(1).json().expect(0);
        assert_same(&TreeImage::of(&source), &image(1));
        agreement.check();
    }
}
