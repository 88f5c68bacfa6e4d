//! A store that lives through one accident after another.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use filetime::FileTime;
use hardsnap_tests::{
    Canary, Hardsnap, Invariant, Outcome, Scratch, StoreView, TreeImage, assert_same, noon,
};

use crate::catalog::Agreement;
use crate::trees::{many, simple};

/// How many snapshots the backups of these tests keep.
const KEPT: usize = 3;

/// A store that lives through one accident after another.
pub(crate) struct Survivor {
    pub(crate) scratch: Scratch,
    canary: Canary,
    pub(crate) source: PathBuf,
    pub(crate) store: PathBuf,
    pub(crate) view: StoreView,
    pub(crate) agreement: Agreement,
    pub(crate) day: u64,
    /// Whether the source stays as it is between backups.
    pub(crate) idle: bool,
}

impl Survivor {
    pub(crate) fn new(files: usize) -> Self {
        let scratch = Scratch::new();
        let canary = Canary::new(&scratch);
        let source = many(
            simple(&scratch, "source")
                .fifo("fifo")
                .hard_link("linked", "file"),
            files,
        )
        .build();
        let store = scratch.join("store");
        let view = StoreView::new(&store);
        scratch.hardsnap("init").arg(&store).run().expect(0);
        let mut survivor = Self {
            agreement: Agreement::new(&store),
            scratch,
            canary,
            source,
            store,
            view,
            day: 0,
            idle: false,
        };
        // With one more there is a spare, too.
        for _ in 0..=KEPT {
            survivor.backup().run().expect(0);
        }
        survivor
    }

    /// Changes the source a little unless it is idle, and puts the next day's
    /// backup together.
    pub(crate) fn backup(&mut self) -> Hardsnap {
        self.day += 1;
        if !self.idle {
            self.change_source();
        }
        let time = noon(self.day);
        let command = self.scratch.hardsnap("backup").args([
            "--time",
            &time,
            "--keep-last",
            &KEPT.to_string(),
        ]);
        command.arg(&self.source).arg(&self.store)
    }

    fn change_source(&self) {
        let seconds = 1_700_000_000 + i64::try_from(self.day).unwrap();
        let time = FileTime::from_unix_time(seconds, 7);
        for name in ["file", &format!("new {}", self.day % 5)] {
            let path = self.source.join(name);
            fs::write(&path, self.day.to_string()).unwrap();
            filetime::set_file_mtime(&path, time).unwrap();
        }
        // A directory is new, and the one of yesterday gone.
        let made = |day| self.source.join(format!("made {day}"));
        drop(fs::remove_dir_all(made(self.day - 1)));
        let made = made(self.day);
        fs::create_dir_all(made.join("below")).unwrap();
        fs::write(made.join("below/file"), self.day.to_string()).unwrap();
        for name in ["fifo", "link"] {
            filetime::set_symlink_file_times(self.source.join(name), time, time).unwrap();
        }
    }

    /// Has an accident happen to the next backup, checks that it did no harm,
    /// then checks that the run after it is as if nothing had happened.
    pub(crate) fn survive(&mut self, accident: impl FnOnce(Hardsnap) -> Outcome) -> Outcome {
        let (outcome, made) = self.endure(accident);
        if let Some(name) = made {
            assert_same(&TreeImage::of(&self.source), &self.image(&name));
        }
        self.recover();
        // Nothing appears before the catalog has it.
        self.agreement.check();
        outcome
    }

    /// Has an accident happen to the next backup, which recycles, checks the
    /// invariant, and gives the snapshots that appeared, which is one at most.
    pub(crate) fn endure(
        &mut self,
        accident: impl FnOnce(Hardsnap) -> Outcome,
    ) -> (Outcome, Option<String>) {
        assert_eq!(self.view.spares().len(), 1);
        self.endure_again(accident)
    }

    /// The same, with what the last accident has left.
    pub(crate) fn endure_again(
        &mut self,
        accident: impl FnOnce(Hardsnap) -> Outcome,
    ) -> (Outcome, Option<String>) {
        let command = self.backup();
        let invariant = Invariant::new(&self.store, &self.canary);
        let before = self.view.names();
        let outcome = accident(command);
        let after = self.view.names();
        let mut made = after.iter().filter(|name| !before.contains(name)).cloned();
        let (first, second) = (made.next(), made.next());
        assert_eq!(second, None, "more than one snapshot appeared");
        // Pruning may have begun, but only once the new one was there.
        let removed: BTreeSet<String> = before
            .into_iter()
            .filter(|name| !after.contains(name))
            .collect();
        assert!(
            removed.len() <= usize::from(first.is_some()),
            "{removed:?} gone, {outcome}"
        );
        assert!(after.len() >= KEPT, "{after:?} left, {outcome}");
        invariant.check_without(&removed);
        (outcome, first)
    }

    /// Makes the next backup, which must be right and leave nothing behind.
    pub(crate) fn recover(&mut self) {
        let next = self.backup();
        let invariant = Invariant::new(&self.store, &self.canary);
        let next = next.json().expect(0);
        invariant.check_without(&next.texts("removed_snapshots").into_iter().collect());
        assert_eq!(self.view.names().len(), KEPT);
        assert_eq!(self.view.latest(), self.view.names().pop());
        assert_same(
            &TreeImage::of(&self.source),
            &self.image(&next.text("snapshot")),
        );
        self.view.assert_tidy();
        let ledger = self.agreement.check_told();
        let newest = ledger.snapshots.last().map(|told| &told.name);
        assert_eq!(newest, self.view.names().last(), "{next}");
        self.agreement.check_source(&ledger, &self.source);
    }

    /// Reads the source's tree in a snapshot.
    pub(crate) fn image(&self, name: &str) -> TreeImage {
        self.view.image(name, &self.source)
    }
}
