//! Calls that fail: one of them once, or all of a kind.

use hardsnap_tests::{
    Hardsnap, Kind, Outcome, Scratch, StoreView, TreeImage, assert_same, assert_untouched,
    can_trace, is_root, noon, skip_unless, snapshot_name,
};

use crate::catalog::{Ledger, journal};
use crate::survivor::Survivor;
use crate::trees::everything;

fn may_trace() -> bool {
    skip_unless(can_trace(), "strace is not there, or may not trace")
}

/// Lets each of these calls fail in turn, and checks that the exit code and
/// the list of what was skipped tell the truth.
fn fails_at(calls: &[&str], error: &str) {
    fails_with(&[], calls, error);
}

fn fails_with(options: &[&str], calls: &[&str], error: &str) {
    if !may_trace() {
        return;
    }
    let mut survivor = Survivor::new(4);
    for call in calls {
        let mut failed = 0;
        for count in 1.. {
            let injection = format!("{call}:error={error}:when={count}");
            // Shown when the test fails.
            println!("{injection}");
            let accident = |command: Hardsnap| {
                command
                    .args(["--jobs", "1", "--json"])
                    .args(options)
                    .injecting(&injection)
                    .run()
            };
            let (outcome, made) = survivor.endure(accident);
            check_truth(&survivor, &outcome, made.as_deref());
            if let Some(name) = made {
                check_told(&survivor, &outcome, &name);
            }
            let injected = survivor.scratch.was_injected();
            survivor.recover();
            if !injected {
                break;
            }
            failed += 1;
        }
        assert!(failed > 0, "{call} was never called");
    }
}

/// Checks that it is said if the catalog does not tell of a snapshot.
fn check_told(survivor: &Survivor, outcome: &Outcome, name: &str) {
    let is_told = match Ledger::try_of(&survivor.store) {
        Ok(ledger) => ledger.snapshots.iter().any(|told| told.name == name),
        // The next run that writes goes back to what was before.
        Err(_) => journal(&survivor.store)
            .metadata()
            .is_ok_and(|found| found.len() > 0),
    };
    let codes = outcome.surprises();
    let is_said = codes.iter().any(|code| code.starts_with("catalog_"));
    assert!(is_told || is_said, "{outcome}");
}

fn check_truth(survivor: &Survivor, outcome: &Outcome, made: Option<&str>) {
    let code = outcome.code();
    match (code, made) {
        (Some(0 | 4), Some(name)) => {
            assert_same(&TreeImage::of(&survivor.source), &survivor.image(name));
        }
        (Some(3), Some(name)) => {
            let skipped = outcome.skipped();
            assert!(!skipped.is_empty(), "{outcome}");
            let source = survivor.source.as_os_str().as_encoded_bytes();
            if skipped.iter().any(|path| source.starts_with(path)) {
                // All of the source is lost, and it says so.
                assert!(
                    !survivor.view.tree(name, &survivor.source).exists(),
                    "{outcome}"
                );
                return;
            }
            let mut expected = TreeImage::of(&survivor.source);
            for path in skipped {
                let path = path
                    .strip_prefix(source)
                    .unwrap_or_else(|| panic!("not below the source: {outcome}"));
                expected = expected.without(path);
            }
            assert_same(&expected, &survivor.image(name));
        }
        // The program was not even loaded.
        (Some(127), None) if outcome.stderr().contains("shared libraries") => {}
        (Some(1), None) => assert!(!outcome.stderr.is_empty(), "no reason given: {outcome}"),
        _ => panic!("made {made:?}: {outcome}"),
    }
}

#[test]
fn a_call_that_fails_once_while_reading_is_told_truthfully() {
    fails_at(&["openat2", "getdents64", "readlinkat", "statx"], "EIO");
}

#[test]
fn a_call_that_fails_once_while_writing_is_told_truthfully() {
    fails_at(
        &[
            "mkdirat",
            "linkat",
            "symlinkat",
            "mknodat",
            "fchmod",
            "utimensat",
        ],
        "EIO",
    );
}

#[test]
fn a_call_that_fails_once_while_copying_is_told_truthfully() {
    fails_at(&["pread64", "pwrite64"], "EIO");
    fails_with(&["--no-hash"], &["copy_file_range"], "EIO");
}

#[test]
fn a_full_disk_is_told_truthfully() {
    fails_at(&["pwrite64", "ftruncate"], "ENOSPC");
}

#[test]
fn a_call_that_fails_once_while_the_catalog_is_used_is_told_truthfully() {
    fails_at(&["openat", "newfstatat", "ftruncate"], "EIO");
    fails_at(&["fcntl"], "ENOLCK");
}

#[test]
fn a_call_that_fails_once_while_publishing_is_told_truthfully() {
    fails_at(&["renameat", "fsync", "syncfs", "unlinkat"], "EIO");
}

#[test]
fn a_failed_flush_is_not_tried_again() {
    if !may_trace() {
        return;
    }
    // A second try may succeed although what was written is lost.
    let mut survivor = Survivor::new(4);
    let (outcome, made) =
        survivor.endure(|command| command.injecting("syncfs:error=EIO:when=1").run());
    assert_eq!((outcome.code(), made), (Some(1), None), "{outcome}");
    survivor.recover();
}

/// Makes two snapshots of a tree with everything while all calls of a kind
/// fail, and checks that they are right all the same.
fn does_without(injection: &str, files_are_linked: bool) {
    does_without_with(&[], injection, files_are_linked);
}

fn does_without_with(options: &[&str], injection: &str, files_are_linked: bool) {
    if !may_trace() {
        return;
    }
    let scratch = Scratch::new();
    let source = everything(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let image = TreeImage::of(&source);
    let mut injected = false;
    for day in 0..2 {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--keep-last", "1", "--time", &noon(day)])
            .args(options);
        let outcome = command
            .arg(&source)
            .arg(&store)
            .injecting(injection)
            .json()
            .expect(0);
        injected |= scratch.was_injected();
        assert_same(&image, &view.image(&snapshot_name(&noon(day)), &source));
        assert_eq!(view.names(), [snapshot_name(&noon(day))]);
        if day == 1 {
            assert_eq!(
                outcome.number("files_copied") == 0,
                files_are_linked,
                "{outcome}"
            );
        }
        view.assert_tidy();
    }
    assert!(injected, "{injection} met no call");
}

#[test]
fn a_kernel_without_openat2_will_do() {
    does_without("openat2:error=ENOSYS", true);
}

#[test]
fn a_sandbox_that_forbids_openat2_will_do() {
    does_without("openat2:error=EPERM", true);
}

#[test]
fn a_filesystem_without_copies_of_its_own_will_do() {
    for error in ["ENOSYS", "EXDEV", "EOPNOTSUPP", "EINVAL"] {
        // What is hashed is read in any case.
        let injection = format!("copy_file_range:error={error}");
        does_without_with(&["--no-hash"], &injection, false);
    }
}

#[test]
fn a_filesystem_without_reflinks_will_do() {
    for error in ["EOPNOTSUPP", "EXDEV", "EINVAL", "ENOTTY"] {
        does_without(&format!("ioctl:error={error}"), true);
    }
}

#[test]
fn a_filesystem_that_refuses_links_gets_copies() {
    if !may_trace() {
        return;
    }
    for error in ["EPERM", "EOPNOTSUPP", "EMLINK"] {
        let mut survivor = Survivor::new(4);
        let injection = format!("linkat:error={error}");
        let (outcome, made) = survivor.endure(|command| {
            // What stays in a tree that is reused is not linked again.
            let command = command.args(["--json", "--no-recycle"]);
            command.injecting(&injection).run()
        });
        let outcome = outcome.expect(0);
        assert_eq!(outcome.number("files_linked"), 0, "{outcome}");
        // Without links a group cannot be one.
        let differences =
            TreeImage::of(&survivor.source).differences(&survivor.image(&made.unwrap()));
        assert!(
            differences.iter().all(|one| one.field == "link group"),
            "{differences:?}"
        );
        survivor.recover();
    }
}

#[test]
fn what_the_destination_cannot_hold_is_listed() {
    if !may_trace() {
        return;
    }
    let mut survivor = Survivor::new(4);
    let accident = |command: Hardsnap| command.arg("--json").injecting("mknodat:error=EPERM").run();
    let (outcome, made) = survivor.endure(accident);
    let outcome = outcome.expect(3);
    assert_eq!(
        outcome.skipped(),
        [survivor
            .source
            .join("fifo")
            .into_os_string()
            .into_encoded_bytes()]
    );
    check_truth(&survivor, &outcome, made.as_deref());
    survivor.recover();
}

#[test]
fn a_filesystem_without_locks_is_refused() {
    if !may_trace() {
        return;
    }
    let survivor = Survivor::new(4);
    let before = TreeImage::of(&survivor.store);
    let command = survivor
        .scratch
        .hardsnap("backup")
        .arg(&survivor.source)
        .arg(&survivor.store);
    let outcome = command.injecting("flock:error=ENOLCK").run().expect(1);
    assert!(!outcome.stderr.is_empty());
    assert_untouched(&before, &TreeImage::of(&survivor.store));
}

#[test]
fn a_destination_that_refuses_owners_still_links_what_is_unchanged() {
    if !may_trace() || !skip_unless(is_root(), "only root sets owners") {
        return;
    }
    // As an NFS export with root_squash does.
    let scratch = Scratch::new();
    let source = everything(&scratch, "source").build();
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    // A program that belongs to somebody else now is not to run as that user.
    let harmless = |image: TreeImage| {
        image.without_owners().map(|_, entry| {
            if entry.kind == Kind::File {
                entry.mode &= 0o777;
            }
        })
    };
    let expected = harmless(TreeImage::of(&source));
    for day in 0..2 {
        let command = scratch
            .hardsnap("backup")
            .args(["--init", "--time", &noon(day)])
            .arg(&source)
            .arg(&store);
        let outcome = command
            .injecting("chown,fchown,fchownat,lchown:error=EPERM")
            .json()
            .expect(0);
        let made = view.image(&snapshot_name(&noon(day)), &source);
        for (path, entry) in made.entries().filter(|(_, entry)| entry.kind == Kind::File) {
            let harmless = entry.mode & 0o6000 == 0 || entry.uid == 0;
            assert!(harmless, "{} is setuid to another", path.escape_ascii());
        }
        assert_same(&expected, &harmless(made));
        assert_eq!(outcome.number("files_copied") == 0, day == 1, "{outcome}");
    }
}
