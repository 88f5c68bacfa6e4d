//! `verify`: the snapshots against what was recorded of them.

mod content;
mod course;
mod finding;
mod repair;
mod repair_accidents;
mod repair_directories;

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use filetime::FileTime;
use hardsnap_tests::{Hardsnap, Outcome, Scratch, StoreView, TreeBuilder, noon, snapshot_name};

/// A source with a snapshot of each of some days.
pub(crate) struct Kept<'a> {
    pub(crate) scratch: &'a Scratch,
    pub(crate) source: PathBuf,
    pub(crate) store: PathBuf,
    pub(crate) view: StoreView,
    day: u64,
}

/// What a run found damaged: snapshot, path in the source, problem.
pub(crate) type Damage = BTreeSet<(String, String, String)>;

impl<'a> Kept<'a> {
    pub(crate) fn new(scratch: &'a Scratch, tree: &TreeBuilder, days: u64) -> Self {
        let store = scratch.join("store");
        let mut kept = Self {
            source: tree.build(),
            view: StoreView::new(&store),
            scratch,
            store,
            day: 0,
        };
        for _ in 0..days {
            kept.backup();
        }
        kept
    }

    pub(crate) fn backup(&mut self) {
        let command = self
            .scratch
            .hardsnap("backup")
            .args(["--init", "--no-prune"]);
        let command = command.args(["--time", &noon(self.day)]);
        command.arg(&self.source).arg(&self.store).run().expect(0);
        self.day += 1;
    }

    pub(crate) fn verify(&self) -> Hardsnap {
        self.scratch.hardsnap("verify").arg(&self.store)
    }

    /// Verifies all content, which has to be good.
    #[track_caller]
    pub(crate) fn assert_sound(&self) -> Outcome {
        let outcome = self.verify().arg("--full").json().expect(0);
        assert_eq!(damage(&outcome, &self.source), Damage::new(), "{outcome}");
        outcome
    }

    /// Verifies, and gives what is damaged.
    #[track_caller]
    pub(crate) fn damage(&self, arguments: &[&str]) -> Damage {
        let outcome = self.verify().args(arguments).json();
        let damage = damage(&outcome, &self.source);
        outcome.expect(if damage.is_empty() { 0 } else { 5 });
        damage
    }

    /// Where a file is stored, in the snapshot of a day.
    pub(crate) fn stored(&self, day: u64, name: &str) -> PathBuf {
        self.view.tree(&name_of(day), &self.source).join(name)
    }

    /// The same problem of some paths in the snapshots of some days.
    pub(crate) fn of(&self, days: &[u64], names: &[&str], problem: &str) -> Damage {
        let days = days.iter().flat_map(|day| {
            let one = |name: &&str| (name_of(*day), (*name).to_owned(), problem.to_owned());
            names.iter().map(one)
        });
        days.collect()
    }
}

pub(crate) fn name_of(day: u64) -> String {
    snapshot_name(&noon(day))
}

/// What a run found damaged, paths seen from the source.
#[track_caller]
pub(crate) fn damage(outcome: &Outcome, source: &Path) -> Damage {
    let summary = outcome.summary();
    let damaged = summary["damaged"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    damaged
        .iter()
        .map(|one| {
            let path = PathBuf::from(text(&one["path"]));
            let path = path.strip_prefix(source).unwrap_or(&path);
            let differs = one["differs"].as_array();
            let differs = differs.into_iter().flatten().map(text);
            let differs: Vec<_> = differs.collect();
            let problem = match differs.is_empty() {
                true => text(&one["problem"]),
                false => differs.join(" "),
            };
            (
                text(&one["snapshot"]),
                path.to_str().unwrap().to_owned(),
                problem,
            )
        })
        .collect()
}

/// Does something to an entry, and puts the mtime of its directory back.
pub(crate) fn quietly(path: &Path, change: impl FnOnce(&Path)) {
    let above = path.parent().unwrap();
    let before = above.metadata().unwrap();
    fs::set_permissions(above, PermissionsExt::from_mode(0o700)).unwrap();
    change(path);
    fs::set_permissions(above, before.permissions()).unwrap();
    filetime::set_file_mtime(above, FileTime::from_last_modification_time(&before)).unwrap();
}

/// Turns a bit of a stored file over, as a failing disk does: nothing else of it
/// changes but its ctime.
pub(crate) fn flip(path: &Path, offset: u64) {
    let before = path.metadata().unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
    fs::set_permissions(path, before.permissions()).unwrap();
    filetime::set_file_mtime(path, FileTime::from_last_modification_time(&before)).unwrap();
}
