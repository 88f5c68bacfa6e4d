//! Snapshots that are made of expired ones.

mod accidents;
mod choices;
mod tampering;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hardsnap_tests::{
    Canary, Hardsnap, Invariant, Mount, Outcome, Scratch, StoreView, TreeImage, assert_same, noon,
    snapshot_name,
};

use crate::catalog::Agreement;
use crate::trees::{everything, many, simple};

/// A store of which each backup keeps two snapshots.
struct Steady {
    scratch: Scratch,
    canary: Canary,
    source: PathBuf,
    store: PathBuf,
    view: StoreView,
    agreement: Agreement,
    day: u64,
}

impl Steady {
    fn new(scratch: Scratch, source: PathBuf) -> Self {
        let store = scratch.join("store");
        Self::with(scratch, source, store)
    }

    fn with(scratch: Scratch, source: PathBuf, store: PathBuf) -> Self {
        let steady = Self {
            canary: Canary::new(&scratch),
            view: StoreView::new(&store),
            agreement: Agreement::new(&store),
            scratch,
            source,
            store,
            day: 0,
        };
        let init = steady.scratch.hardsnap("init").args(["--keep-last", "2"]);
        init.arg(&steady.store).run().expect(0);
        steady
    }

    /// Makes three backups, so that there is a spare.
    fn settled(mut self) -> Self {
        for _ in 0..3 {
            self.back_up(|command| command);
        }
        assert_eq!(self.view.spares().len(), 1);
        self
    }

    fn command(&mut self) -> Hardsnap {
        self.day += 1;
        let time = noon(self.day);
        let command = self.scratch.hardsnap("backup");
        command.args(["--time", &time])
    }

    /// Makes the next day's backup, and checks it whole.
    fn back_up(&mut self, how: impl FnOnce(Hardsnap) -> Hardsnap) -> Outcome {
        let command = self.command();
        let invariant = Invariant::new(&self.store, &self.canary);
        let command = how(command).arg(&self.source).arg(&self.store);
        let outcome = command.json().expect(0);
        invariant.check_without(&outcome.texts("removed_snapshots").into_iter().collect());
        assert_same(&TreeImage::of(&self.source), &self.newest());
        self.agreement.check();
        assert_eq!(outcome.summary()["skipped"].as_array().unwrap().len(), 0);
        outcome
    }

    /// Makes the next day's backup, which has to recycle.
    fn recycles(&mut self, how: impl FnOnce(Hardsnap) -> Hardsnap) -> Outcome {
        let [spare] = self.view.spares().try_into().unwrap();
        let outcome = self.back_up(how);
        assert!(spare.starts_with(&outcome.text("recycled")), "{outcome}");
        assert_eq!(outcome.surprises(), [""; 0]);
        self.view.assert_tidy();
        outcome
    }

    fn newest(&self) -> TreeImage {
        self.view
            .image(&snapshot_name(&noon(self.day)), &self.source)
    }

    /// Where the source's tree is in the spare.
    fn spare(&self) -> PathBuf {
        let [spare] = self.view.spares().try_into().unwrap();
        let spare = self.store.join(".hardsnap/trash").join(spare);
        spare.join(self.source.strip_prefix("/").unwrap())
    }
}

fn inode(path: &Path) -> u64 {
    path.symlink_metadata().unwrap().ino()
}

#[test]
fn on_a_steady_day_the_tree_that_expired_becomes_the_next() {
    let scratch = Scratch::new();
    let source = everything(&scratch, "source").build();
    let mut steady = Steady::new(scratch, source).settled();
    let (spare, top) = (steady.spare(), inode(&steady.spare()));
    assert!(spare.is_dir());
    let outcome = steady.back_up(|command| command);
    assert_eq!(outcome.text("recycled"), snapshot_name(&noon(1)));
    let made = steady.view.tree(&snapshot_name(&noon(4)), &steady.source);
    assert_eq!(inode(&made), top, "the very directory");
    assert_eq!(outcome.number("files_copied"), 0);
    steady.view.assert_tidy();
}

#[test]
fn what_changed_since_is_put_in_and_what_is_gone_taken_out() {
    let scratch = Scratch::new();
    let source = many(everything(&scratch, "source"), 30).build();
    let mut steady = Steady::new(scratch, source).settled();
    let at = |name: &str| steady.source.join(name);
    fs::write(at("one byte"), b"y").unwrap();
    fs::write(at("new"), b"new").unwrap();
    fs::remove_file(at("empty")).unwrap();
    fs::remove_dir_all(at("many")).unwrap();
    fs::write(at("many"), b"a file now").unwrap();
    fs::remove_file(at("dangling")).unwrap();
    fs::create_dir_all(at("dangling/below")).unwrap();
    fs::rename(at("deep"), at("deeper")).unwrap();
    fs::set_permissions(at("sticky"), fs::Permissions::from_mode(0o711)).unwrap();
    fs::hard_link(at("large"), at("large too")).unwrap();
    let outcome = steady.back_up(|command| command);
    assert_eq!(outcome.text("recycled"), snapshot_name(&noon(1)));
    // The next one has the tree from before all that.
    let outcome = steady.back_up(|command| command);
    assert_eq!(outcome.text("recycled"), snapshot_name(&noon(2)));
    assert_eq!(outcome.number("files_copied"), 0);
}

#[test]
fn without_a_catalog_it_is_done_by_looking() {
    let scratch = Scratch::new();
    let source = everything(&scratch, "source").build();
    let mut steady = Steady::new(scratch, source).settled();
    fs::remove_file(steady.store.join(".hardsnap/catalog.db")).unwrap();
    fs::write(steady.source.join("empty"), b"no more").unwrap();
    let time = noon(4);
    let backup = steady.scratch.hardsnap("backup");
    let backup = backup.args(["--time", &time]);
    let backup = backup.arg(&steady.source).arg(&steady.store);
    let outcome = backup.json().expect(0);
    assert_eq!(outcome.text("recycled"), snapshot_name(&noon(1)));
    steady.day = 4;
    assert_same(&TreeImage::of(&steady.source), &steady.newest());
}

#[test]
fn a_spare_is_left_alone_where_that_is_wanted() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let mut steady = Steady::new(scratch, source).settled();
    let spare = steady.view.spares();
    let outcome = steady.back_up(|command| command.args(["--no-recycle", "--no-prune"]));
    assert!(outcome.summary()["recycled"].is_null());
    assert_eq!(steady.view.spares(), spare);
    // A newer one takes its place.
    steady.back_up(|command| command.arg("--no-recycle"));
    assert_eq!(steady.view.spares().len(), 1);
    assert_ne!(steady.view.spares(), spare);
    steady.view.assert_tidy();
}

#[test]
fn what_is_deleted_by_name_or_to_make_room_is_no_spare() {
    let Some(disk) = Mount::ext4(64) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = disk.join("store");
    let mut steady = Steady::with(scratch, source, store);
    for _ in 0..6 {
        steady.back_up(|command| command.arg("--no-prune"));
    }
    let delete = steady.scratch.hardsnap("delete").arg(&steady.store);
    let delete = delete.arg(snapshot_name(&noon(1))).arg("--yes");
    delete.run().expect(0);
    assert_eq!(steady.view.spares(), [""; 0]);
    let prune = |how: &[&str]| {
        let prune = steady.scratch.hardsnap("prune").arg(&steady.store);
        prune.args(["--now", &noon(6)]).args(how).run()
    };
    prune(&["--keep-last", "4"]).expect(0);
    assert_eq!(steady.view.spares().len(), 1);
    // Room is made of the spare first.
    prune(&["--min-free", "99%"]);
    assert_eq!(steady.view.spares(), [""; 0]);
    steady.view.assert_tidy();
}

#[test]
fn a_store_without_spares_keeps_none() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let mut steady = Steady::new(scratch, source).settled();
    let marker = steady.store.join(".hardsnap/store.toml");
    let text = fs::read_to_string(&marker).unwrap();
    let text = text.replacen("format = 1", "format = 1\nspare = false", 1);
    fs::write(&marker, text).unwrap();
    let outcome = steady.back_up(|command| command);
    assert!(outcome.summary()["recycled"].is_null());
    assert_eq!(steady.view.spares(), [""; 0]);
    steady.view.assert_tidy();
}
