//! A repair that is killed, or meets errors, at any call: another one ends it
//! well.

use hardsnap_tests::{Scratch, can_trace, skip_unless};

use super::repair::{assert_images, damage_all_kinds, images, of_all_kinds};
use crate::catalog::Agreement;

/// Has something happen to a repair at each of these calls in turn.
fn survives(calls: &[&str], accident: &str) {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    for call in calls {
        let mut happened = 0;
        for count in 1.. {
            let scratch = Scratch::new();
            let kept = of_all_kinds(&scratch);
            let before = images(&kept);
            damage_all_kinds(&kept);
            let injection = format!("{call}:{accident}:when={count}");
            // Shown when the test fails.
            println!("{injection}");
            let command = kept
                .verify()
                .args(["--full", "--repair", "--jobs", "1", "--json"]);
            let outcome = command.injecting(&injection).run();
            let was_injected = match accident.starts_with("signal") {
                true => outcome.signal() == Some(9) || outcome.code() == Some(137),
                false => scratch.was_injected(),
            };
            // Whatever it left, it can be repaired.
            kept.verify().args(["--full", "--repair"]).json();
            kept.assert_sound();
            assert_images(&before, &kept);
            kept.view.assert_tidy();
            Agreement::new(&kept.store).check();
            if !was_injected {
                break;
            }
            happened += 1;
        }
        assert!(happened > 0, "{call} was never called");
    }
}

#[test]
fn killed_where_something_is_made() {
    survives(
        &["mkdirat", "linkat", "symlinkat", "mknodat"],
        "signal=KILL",
    );
}

#[test]
fn killed_where_something_is_put_in_its_place() {
    survives(
        &["rename,renameat,renameat2", "unlinkat,unlink,rmdir"],
        "signal=KILL",
    );
}

#[test]
fn killed_where_something_is_finished() {
    survives(
        &[
            "fsync,fdatasync",
            "utimensat",
            "fchmod,fchmodat,?fchmodat2",
            "pwrite64",
        ],
        "signal=KILL",
    );
}

#[test]
fn errors_where_something_is_made_or_put_in_its_place() {
    survives(
        &["linkat", "renameat,renameat2", "symlinkat", "mknodat"],
        "error=EIO",
    );
}

#[test]
fn errors_where_something_is_finished() {
    survives(&["fsync", "utimensat", "fchmod"], "error=EIO");
    survives(&["pwrite64"], "error=ENOSPC");
}
