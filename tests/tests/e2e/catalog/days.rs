//! A store that is backed up to day after day.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use hardsnap_tests::{
    Canary, Hardsnap, Invariant, Outcome, Scratch, StoreView, TreeImage, assert_same, noon,
    snapshot_name,
};

use crate::catalog::{Agreement, aged};

/// A source and its store, backed up from day to day.
pub(crate) struct Days<'a> {
    pub(crate) scratch: &'a Scratch,
    pub(crate) source: PathBuf,
    pub(crate) store: PathBuf,
    pub(crate) view: StoreView,
    pub(crate) canary: Canary,
    pub(crate) agreement: Agreement,
    pub(crate) day: u64,
}

impl<'a> Days<'a> {
    /// Makes the first snapshot, of files that are all older than a minute.
    pub(crate) fn begin(scratch: &'a Scratch, source: PathBuf) -> Self {
        let store = scratch.join("store");
        let mut days = Self {
            scratch,
            view: StoreView::new(&store),
            canary: Canary::new(scratch),
            agreement: Agreement::new(&store),
            source,
            store,
            day: 0,
        };
        days.next();
        days
    }

    /// Makes the next one, again two minutes after all changes, and checks that
    /// the catalog tells of all.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Outcome {
        let outcome = self.run(|command| command);
        self.agreement.check();
        outcome
    }

    /// Makes the next one, and checks it and the catalog, and that no older one
    /// suffered.
    #[track_caller]
    pub(crate) fn run(&mut self, how: impl FnOnce(Hardsnap) -> Hardsnap) -> Outcome {
        let time = noon(self.day);
        let invariant = Invariant::new(&self.store, &self.canary);
        let expected = TreeImage::of(&self.source);
        let command = self
            .scratch
            .hardsnap("backup")
            .args(["--init", "--no-prune"]);
        let command = command.args(["--time", &time]).arg(&self.source);
        let outcome = how(aged(command.arg(&self.store))).json().expect(0);
        invariant.check();
        assert_same(
            &expected,
            &self.view.image(&snapshot_name(&time), &self.source),
        );
        let ledger = self.agreement.check_told();
        assert_eq!(ledger.snapshots.last().unwrap().name, snapshot_name(&time));
        self.agreement.check_source(&ledger, &self.source);
        self.day += 1;
        outcome
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.source.join(name)
    }

    /// Returns the inode that a name has in a snapshot, counted back from the
    /// newest.
    pub(crate) fn stored(&self, back: u64, name: &str) -> u64 {
        let snapshot = snapshot_name(&noon(self.day - 1 - back));
        let path = self.view.tree(&snapshot, &self.source).join(name);
        path.symlink_metadata().unwrap().ino()
    }
}
