//! Snapshots that are made of expired ones.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use hardsnap_tests::{
    Canary, Hardsnap, Invariant, Mount, Outcome, Scratch, StoreView, TreeImage, assert_same,
    can_trace, is_root, noon, skip_unless, snapshot_name,
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
    fn new(scratch: Scratch, source: PathBuf, store: PathBuf) -> Self {
        let steady = Self {
            canary: Canary::new(&scratch),
            view: StoreView::new(&store),
            agreement: Agreement::new(&store),
            scratch,
            source,
            store,
            day: 0,
        };
        let init = steady.scratch.hardsnap("init").arg(&steady.store);
        init.run().expect(0);
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
        command.args(["--keep-last", "2", "--time", &time])
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
    let store = scratch.join("store");
    let mut steady = Steady::new(scratch, source, store).settled();
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
    let store = scratch.join("store");
    let mut steady = Steady::new(scratch, source, store).settled();
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
    let store = scratch.join("store");
    let mut steady = Steady::new(scratch, source, store).settled();
    fs::remove_file(steady.store.join(".hardsnap/catalog.db")).unwrap();
    fs::write(steady.source.join("empty"), b"no more").unwrap();
    let time = noon(4);
    let backup = steady.scratch.hardsnap("backup");
    let backup = backup.args(["--keep-last", "2", "--time", &time]);
    let backup = backup.arg(&steady.source).arg(&steady.store);
    let outcome = backup.json().expect(0);
    assert_eq!(outcome.text("recycled"), snapshot_name(&noon(1)));
    steady.day = 4;
    assert_same(&TreeImage::of(&steady.source), &steady.newest());
}

#[test]
fn what_somebody_did_to_the_spare_is_not_in_the_next_snapshot() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    let mut steady = Steady::new(scratch, source, store).settled();
    let spare = steady.spare();
    fs::remove_file(spare.join("file")).unwrap();
    fs::write(spare.join("file"), b"another").unwrap();
    fs::write(spare.join("directory/planted"), b"planted").unwrap();
    fs::remove_file(spare.join("link")).unwrap();
    fs::create_dir(spare.join("link")).unwrap();
    fs::write(spare.join("link/planted"), b"planted").unwrap();
    let outcome = steady.back_up(|command| command);
    assert_eq!(outcome.text("recycled"), snapshot_name(&noon(1)));
    assert_eq!(outcome.warnings("code"), [""; 0]);
}

#[test]
fn a_spare_is_left_alone_where_that_is_wanted() {
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    let mut steady = Steady::new(scratch, source, store).settled();
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
    let mut steady = Steady::new(scratch, source, store);
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
    let store = scratch.join("store");
    let mut steady = Steady::new(scratch, source, store).settled();
    let marker = steady.store.join(".hardsnap/store.toml");
    let text = fs::read_to_string(&marker).unwrap();
    let text = text.replacen("format = 1", "format = 1\nspare = false", 1);
    fs::write(&marker, text).unwrap();
    let outcome = steady.back_up(|command| command);
    assert!(outcome.summary()["recycled"].is_null());
    assert_eq!(steady.view.spares(), [""; 0]);
    steady.view.assert_tidy();
}

#[test]
fn what_cannot_be_taken_out_of_the_spare_makes_it_useless_and_no_more() {
    let Some(disk) = Mount::ext4(64) else { return };
    let scratch = Scratch::new();
    let source = many(simple(&scratch, "source"), 30).build();
    let store = disk.join("store");
    let mut steady = Steady::new(scratch, source, store);
    steady.back_up(|command| command);
    fs::write(steady.source.join("file"), b"changed").unwrap();
    for _ in 0..2 {
        steady.back_up(|command| command);
    }
    let chattr = |option: &str, path: &Path| {
        let status = Command::new("chattr").arg(option).arg(path).status();
        status.unwrap().success()
    };
    if !skip_unless(
        chattr("+i", &steady.spare().join("file")),
        "chattr +i is refused here",
    ) {
        return;
    }
    let outcome = steady.back_up(|command| command);
    assert!(outcome.summary()["recycled"].is_null());
    assert_eq!(outcome.warnings("code"), ["not_recycled"]);
    let [left] = steady.view.trash().try_into().unwrap();
    let left = steady.store.join(".hardsnap/trash").join(left);
    let left = left.join(steady.source.strip_prefix("/").unwrap());
    assert!(chattr("-i", &left.join("file")));
    steady.back_up(|command| command);
    steady.view.assert_tidy();
}

#[test]
fn nothing_that_is_mounted_in_the_spare_is_touched() {
    let Some(disk) = Mount::ext4(32) else { return };
    let scratch = Scratch::new();
    let source = simple(&scratch, "source").build();
    let store = scratch.join("store");
    let mut steady = Steady::new(scratch, source, store).settled();
    fs::write(disk.join("precious"), b"precious").unwrap();
    let at = steady.spare().join("directory");
    let mount = Command::new("mount")
        .arg("--bind")
        .arg(disk.path())
        .arg(&at);
    let mut mount = mount;
    if !skip_unless(mount.status().unwrap().success(), "no bind mounts here") {
        return;
    }
    let command = steady.command().arg(&steady.source).arg(&steady.store);
    let outcome = command.json();
    let found = Command::new("findmnt").args(["-n", "-o", "TARGET"]);
    let mut found = found;
    let found = found.output().unwrap().stdout;
    let below = String::from_utf8(found).unwrap();
    for line in below.lines().filter(|line| line.contains(".hardsnap")) {
        let at = line.trim_start_matches([' ', '│', '├', '─', '└', '|', '`', '-']);
        assert!(Command::new("umount").arg(at).status().unwrap().success());
    }
    assert!([Some(0), Some(4)].contains(&outcome.code()), "{outcome}");
    assert_eq!(fs::read(disk.join("precious")).unwrap(), b"precious");
    assert_same(&TreeImage::of(&steady.source), &steady.newest());
}

/// A new file must not get the group or the ACL of a directory that an older
/// snapshot had.
#[test]
fn what_is_made_in_a_directory_that_is_reused_inherits_nothing() {
    let scratch = Scratch::new();
    let mut tree = simple(&scratch, "source")
        .file("shared/file", b"content")
        .directory("shared");
    if is_root() {
        tree = tree.owner(1234, 5678);
    }
    let source = tree.mode(0o2775).build();
    let shared = source.join("shared");
    let acl = Command::new("setfacl")
        .args(["-d", "-m", "u:4321:rwx,o::rwx"])
        .arg(&shared)
        .status();
    skip_unless(
        acl.is_ok_and(|status| status.success()),
        "setfacl is not there",
    );
    let store = scratch.join("store");
    let mut steady = Steady::new(scratch, source, store).settled();
    fs::write(shared.join("new"), b"secret").unwrap();
    fs::create_dir(shared.join("below")).unwrap();
    let _ = Command::new("setfacl")
        .arg("-b")
        .arg(shared.join("new"))
        .status();
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(shared.join("new"), private).unwrap();
    std::os::unix::fs::chown(
        shared.join("new"),
        None,
        Some(rustix::process::getegid().as_raw()),
    )
    .unwrap();
    let outcome = steady.back_up(|command| command);
    assert_eq!(outcome.text("recycled"), snapshot_name(&noon(1)));
}

#[test]
fn a_run_that_was_cut_short_is_gone_on_with() {
    if !skip_unless(can_trace(), "strace is not there, or may not trace") {
        return;
    }
    let scratch = Scratch::new();
    let source = many(simple(&scratch, "source"), 500).build();
    let store = scratch.join("store");
    let mut steady = Steady::new(scratch, source, store);
    steady.back_up(|command| command);
    for number in 0..40 {
        let path = steady.source.join(format!("many/000/{number}"));
        fs::write(path, b"changed meanwhile").unwrap();
    }
    // It is killed before anything is flushed, and what it wrote last is lost.
    let command = steady.command().args(["--jobs", "1"]);
    let command = command.arg(&steady.source).arg(&steady.store);
    command.injecting("syncfs:signal=KILL:when=1").run();
    let [work] = steady.view.work().try_into().unwrap();
    let work = steady.store.join(".hardsnap/work").join(work);
    let tree = work.join(steady.source.strip_prefix("/").unwrap());
    let torn = tree.join("many/000/7");
    let mtime = filetime::FileTime::from_last_modification_time(&torn.metadata().unwrap());
    fs::write(&torn, b"changed \0\0\0\0\0\0\0\0\0").unwrap();
    filetime::set_file_mtime(&torn, mtime).unwrap();
    let kept = inode(&tree);
    let outcome = steady.back_up(|command| command.injecting("linkat:signal=KILL:when=90"));
    assert_eq!(outcome.warnings("code"), ["tidied_up"]);
    let made = steady
        .view
        .tree(&snapshot_name(&noon(steady.day)), &steady.source);
    assert_eq!(inode(&made), kept, "the very directory");
    steady.view.assert_tidy();
}
