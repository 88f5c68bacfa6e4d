//! Restores that are killed.

use std::fs;
use std::path::{Path, PathBuf};

use hardsnap_tests::{
    Scratch, TreeImage, assert_same, can_trace, noon, skip_unless, snapshot_name,
};
use rustix::process::Signal;

use super::{below, restore, restore_in_place, restored};
use crate::trees::{many, simple};

/// A source with a snapshot, where all kinds of entries have changed since.
struct Changed {
    scratch: Scratch,
    source: PathBuf,
    store: PathBuf,
    then: TreeImage,
}

impl Changed {
    fn new() -> Changed {
        let scratch = Scratch::new();
        let source = simple(&scratch, "source")
            .file("large", vec![b'l'; 300_000])
            .fifo("fifo")
            .hard_link("directory/linked", "file")
            .directory("closed")
            .mode(0o500)
            .mtime(1_000_000_000, 1)
            .build();
        let store = scratch.join("store");
        scratch.snapshot(&source, &store, &noon(0));
        Changed {
            then: TreeImage::of(&source),
            scratch,
            source,
            store,
        }
    }

    /// Changes the source: content that takes the place of what it was is
    /// either the one or the other.
    fn change(&self) {
        let at = |name: &str| self.source.join(name);
        for name in ["file", "large", "link", "directory/other", "fifo"] {
            let _ = fs::remove_file(at(name));
            fs::write(at(name), "now").unwrap();
        }
        let _ = fs::remove_dir_all(at("closed"));
    }

    /// Checks that each entry is as it was or as it is, whole.
    fn assert_whole(&self, now: &TreeImage, injection: &str) {
        for (path, entry) in TreeImage::of(&self.source).entries() {
            let name = String::from_utf8_lossy(&path).into_owned();
            if name.contains(".hardsnap-restore-") {
                continue;
            }
            let is_directory = entry.kind == hardsnap_tests::Kind::Directory;
            let is = |image: &TreeImage| {
                image.get(&path).is_some_and(|expected| match is_directory {
                    // It may be on its way.
                    true => expected.kind == entry.kind,
                    false => expected == entry,
                })
            };
            assert!(
                is(&self.then) || is(now),
                "{injection}: {name} is {entry:?}"
            );
        }
        for (path, _) in now.entries() {
            let name = path.escape_ascii().to_string();
            assert!(
                TreeImage::of(&self.source).find(&path).is_some(),
                "{injection}: {name} is lost"
            );
        }
    }
}

fn killed_at(calls: &[&str]) {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let changed = Changed::new();
    let (mut killed, mut ended) = (0, 0);
    for call in calls {
        for count in 1.. {
            changed.change();
            let now = TreeImage::of(&changed.source);
            let injection = format!("{call}:signal=KILL:when={count}");
            let run = || {
                let command = restore_in_place(&changed.scratch, &changed.store, &changed.source);
                command.args(["--overwrite", "changed", "--jobs", "1"])
            };
            let outcome = run().injecting(&injection).run();
            let was_killed = match (outcome.signal(), outcome.code()) {
                (Some(9), None) | (None, Some(137)) => true,
                (None, Some(0)) => false,
                _ => panic!("{injection}: {outcome}"),
            };
            changed.assert_whole(&now, &injection);
            run().run().expect(0);
            // Nothing is left of what was in the making.
            assert_same(&changed.then, &TreeImage::of(&changed.source));
            if !was_killed {
                ended += 1;
                break;
            }
            killed += 1;
        }
    }
    assert_eq!(ended, calls.len());
    assert!(killed >= 2 * calls.len(), "killed {killed} times only");
}

#[test]
fn kill_9_at_any_call_that_makes_something_loses_nothing() {
    killed_at(&[
        "mkdirat",
        "linkat",
        "symlinkat",
        "mknodat",
        "openat,openat2",
    ]);
}

#[test]
fn kill_9_at_any_call_that_finishes_something_loses_nothing() {
    killed_at(&[
        "fchmod,fchmodat,chmod",
        "utimensat",
        "write,copy_file_range,pwrite64",
        "renameat,renameat2",
        "unlinkat",
        "syncfs",
        "close",
    ]);
}

#[test]
fn an_interrupted_restore_goes_on_by_the_same_command() {
    let scratch = Scratch::new();
    let source = many(simple(&scratch, "source"), 3_000)
        .directory("many")
        .mode(0o711)
        .mtime(1_000_000_000, 3)
        .build();
    let store = scratch.join("store");
    scratch.snapshot(&source, &store, &noon(0));
    let mut stopped = 0;
    for (round, signal) in [Signal::KILL, Signal::TERM, Signal::INT]
        .into_iter()
        .enumerate()
    {
        let to = scratch.join(format!("to {round}"));
        let mut running = restore(&scratch, &store, &to).arg("--json").spawn();
        let is_at_work = |path: &Path| fs::read_dir(path).is_ok_and(|names| names.count() > 2);
        hardsnap_tests::wait_until("the restore is at work", || {
            let at = below(&to, &source).join("many");
            (running.has_ended() || is_at_work(&at)).then_some(())
        });
        running.send(signal);
        let outcome = running.wait();
        stopped += u32::from(outcome.signal() == Some(signal.as_raw()));
        let done = TreeImage::of(&to).len();
        // No word is needed: what is there is what it made.
        let again = restore(&scratch, &store, &to).json().expect(0);
        assert_eq!(again.number("replaced"), 0, "{again}");
        assert!(
            again.number("left") + 5 >= u64::try_from(done).unwrap() / 2,
            "{again}"
        );
        assert_same(&TreeImage::of(&source), &restored(&to, &source));
    }
    assert!(stopped > 0, "each restore was quicker than its signal");
    let name = snapshot_name(&noon(0));
    let delete = scratch.hardsnap("delete").arg(&store).arg(&name);
    // A reader that was killed holds nothing.
    delete.args(["--yes", "--yes"]).run().expect(0);
}
