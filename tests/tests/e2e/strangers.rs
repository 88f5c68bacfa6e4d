//! What lies in a store and is not its own survives every command.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use hardsnap_tests::{
    Canary, Mount, Scratch, TreeImage, assert_unchanged, naive_copy, noon, snapshot_name,
};

use crate::trees::{history, names_of};

/// A store of five snapshots among strangers.
struct Beset<'a> {
    scratch: &'a Scratch,
    source: PathBuf,
    store: PathBuf,
    /// What has to stay as it is, in the store itself.
    strangers: Vec<String>,
    // In the way of removing; none for an ordinary user.
    _mounts: Vec<Mount>,
}

impl<'a> Beset<'a> {
    fn new(scratch: &'a Scratch, canary: &Canary) -> Self {
        let (source, store) = history(scratch, 5);
        let mut strangers = Vec::new();
        let mut stranger = |name: &str| {
            strangers.push(name.to_owned());
            store.join(name)
        };
        // Look-alikes, and what nearly is one.
        for name in [
            "2023-01-01T12-00-00Z",
            "2023-01-01T12-00-00Z.old",
            "2023-02-30T12-00-00Z",
            "2023-01-01",
            "latest~1",
        ] {
            fs::create_dir(stranger(name)).unwrap();
            fs::write(store.join(name).join("keep me"), name).unwrap();
        }
        fs::write(stranger("2023-01-02T12-00-00Z"), b"a file").unwrap();
        symlink(canary.path(), stranger("2023-01-03T12-00-00Z")).unwrap();
        // A snapshot of ours, in whose place there is a symlink now.
        let replaced = stranger(&snapshot_name(&noon(1)));
        fs::rename(&replaced, scratch.join("moved away")).unwrap();
        symlink(canary.path(), replaced).unwrap();
        // Another store's snapshot with its record, and another store whole.
        let foreign = scratch.join("foreign");
        scratch.snapshot(&source, &foreign, "2023-01-04T12:00:00Z");
        let name = "2023-01-04T12-00-00Z";
        naive_copy(foreign.join(name), stranger(name));
        let record = format!(".hardsnap/snapshots/{name}.json");
        fs::copy(foreign.join(&record), store.join(record)).unwrap();
        naive_copy(&foreign, stranger("2023-01-05T12-00-00Z"));
        // In the trash and among the work, where everything is to go.
        let trash = store.join(".hardsnap/trash");
        symlink(canary.path(), trash.join("2023-01-06T12-00-00Z")).unwrap();
        symlink(
            canary.path(),
            store.join(".hardsnap/work/2023-01-07T12-00-00Z"),
        )
        .unwrap();
        let below = trash.join("2023-01-08T12-00-00Z/below/mounted");
        fs::create_dir_all(&below).unwrap();
        let at_once = trash.join("2023-01-09T12-00-00Z");
        fs::create_dir(&at_once).unwrap();
        let ours = snapshot_name(&noon(2));
        let points = [below, at_once, store.join(&ours)];
        let mounts = points
            .iter()
            .map_while(|point| Mount::bind(canary.path(), point));
        let mounts: Vec<Mount> = mounts.collect();
        if !mounts.is_empty() {
            assert_eq!(mounts.len(), points.len());
            strangers.push(ours);
        }
        Beset {
            scratch,
            source,
            store,
            strangers,
            _mounts: mounts,
        }
    }

    /// The strangers as they are.
    fn look(&self) -> TreeImage {
        let own = [".hardsnap".to_owned(), "latest".to_owned()];
        let own = names_of(0..9).into_iter().chain(own);
        let own = own.filter(|name| !self.strangers.contains(name));
        let all = TreeImage::of(&self.store);
        let image = own.fold(all, TreeImage::without).map(|path, entry| {
            // The store's own directory changes with the snapshots in it.
            if path.is_empty() {
                entry.mtime = (0, 0);
            }
        });
        for name in &self.strangers {
            assert!(image.find(name).is_some(), "{name} is gone");
        }
        image
    }

    /// Runs a command line, in which SOURCE and STORE stand for the folders.
    fn run(&self, line: &str) {
        let folders = [("SOURCE", &self.source), ("STORE", &self.store)];
        let mut words = line.split(' ').map(|word| {
            let put = |word: String, (name, folder): (&str, &PathBuf)| {
                word.replace(name, folder.to_str().unwrap())
            };
            folders.into_iter().fold(word.to_owned(), put)
        });
        let command = self.scratch.hardsnap(&words.next().unwrap());
        let outcome = command.args(words).run();
        // Done, refused or left behind; not a panic's 101.
        assert!(outcome.code().is_some_and(|code| code <= 10), "{outcome}");
    }

    fn listed(&self) -> Vec<String> {
        let list = self.scratch.hardsnap("list").arg(&self.store).json();
        let list = list.expect(0).summary()["snapshots"].clone();
        let names = list.as_array().unwrap().iter();
        names
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn strangers_in_a_store_survive_every_command() {
    for line in [
        "init STORE",
        "list STORE",
        "backup --time 2024-01-07T12:00:00Z SOURCE STORE",
        "backup --time 2024-01-07T12:00:00Z --keep-last 1 SOURCE STORE",
        "backup --time 2024-01-07T12:00:00Z --keep-last 1 --dry-run SOURCE STORE",
        "backup --time 2024-01-07T12:00:00Z --init --no-prune SOURCE STORE",
        "prune STORE --now 2024-01-07T12:00:00Z --keep-last 1",
        "prune STORE --now 2024-01-07T12:00:00Z --keep-last 1 --dry-run --explain",
        "delete --yes STORE 2024-01-01",
        "delete --yes STORE 2024-01-02T12-00-00Z",
        "delete --yes STORE 2024-01-03T12-00-00Z",
        "delete --yes STORE latest~1",
        "delete --yes STORE 2023-01-01",
        "delete --yes STORE 2023-01-03T12-00-00Z",
        "delete --yes STORE 2023-01-05T12-00-00Z",
        "retention preview --store STORE --now 2024-01-07T12:00:00Z --keep-last 1",
        "tree SOURCE STORE/2023-01-01T12-00-00Z",
        "tree SOURCE STORE/2023-01-03T12-00-00Z",
        "tree --link-dest STORE/2023-01-03T12-00-00Z SOURCE made",
    ] {
        let scratch = Scratch::new();
        let canary = Canary::new(&scratch);
        let beset = Beset::new(&scratch, &canary);
        let before = beset.look();
        beset.run(line);
        assert_unchanged(&before, &beset.look());
        canary.assert_untouched();
        let ours = names_of(0..7);
        let listed = beset.listed();
        assert!(
            listed.iter().all(|name| ours.contains(name)),
            "{line}: {listed:?}"
        );
        // And what comes next is not held up by it either.
        beset.run("backup --time 2024-01-09T12:00:00Z --keep-last 1 SOURCE STORE");
        assert_eq!(beset.listed().last(), names_of([8]).last());
        assert_unchanged(&before, &beset.look());
        canary.assert_untouched();
    }
}
