//! Random histories: after each step the catalog tells what is in the trees.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hardsnap_tests::{
    Canary, Clock, Edit, Invariant, Outcome, Scratch, StoreView, TreeImage, apply, assert_same,
    day_of_all_edits, day_of_hidden_edits, noon, snapshot_name,
};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::sample::Index;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::catalog::{Agreement, Ledger, aged, file, forget};

/// A day: what somebody does to the source, a backup, and what happens then.
#[derive(Clone, Debug)]
struct Day {
    edits: Vec<Edit>,
    /// All that is in the source is older than a minute when it is read.
    is_aged: bool,
    incident: Incident,
}

/// What happens beside backups.
#[derive(Clone, Debug)]
enum Incident {
    Nothing,
    /// A snapshot is deleted.
    Deleted(Index),
    /// The newest one is.
    NewestDeleted,
    /// All but so many of the newest are pruned, and one may be kept as the
    /// spare.
    Pruned(usize),
    /// The catalog is lost before the backup.
    Lost,
    /// It is made anew after the backup.
    Reindexed,
    /// The store is copied to other inodes before the backup.
    Copied,
    /// The source is as good as empty when it is backed up, and whole again
    /// after that; or somebody says that it should be so.
    Emptied {
        is_accepted: bool,
    },
}

fn day(edits: impl Strategy<Value = Vec<Edit>>, twin: Twin) -> impl Strategy<Value = Day> {
    // Without a catalog nobody can see what size and mtime hide.
    let lost = match twin {
        Twin::WithoutCatalog => Incident::Lost,
        Twin::Alone => Incident::Nothing,
    };
    let incident = prop_oneof![
        5 => Just(Incident::Nothing),
        2 => any::<Index>().prop_map(Incident::Deleted),
        1 => Just(Incident::NewestDeleted),
        6 => (1..4_usize).prop_map(Incident::Pruned),
        1 => Just(lost),
        1 => Just(Incident::Reindexed),
        1 => Just(Incident::Copied),
        1 => any::<bool>().prop_map(|is_accepted| Incident::Emptied { is_accepted }),
    ];
    (edits, any::<bool>(), incident).prop_map(|(edits, is_aged, incident)| Day {
        edits,
        is_aged,
        incident,
    })
}

/// Plays `count` random histories, or `HARDSNAP_HISTORIES`; or the one that
/// `HARDSNAP_SEED` began.
fn play<S: Strategy<Value = Vec<Edit>>>(count: u64, edits: impl Fn() -> S, twin: Twin) {
    let asked = |name| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let seeds: Vec<u64> = match asked("HARDSNAP_SEED") {
        Some(seed) => vec![seed],
        None => {
            let first = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
            (0..asked("HARDSNAP_HISTORIES").unwrap_or(count))
                .map(|case| first.wrapping_add(case))
                .collect()
        }
    };
    for seed in seeds {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config = ProptestConfig {
            cases: 1,
            failure_persistence: None,
            max_shrink_iters: 200,
            ..ProptestConfig::default()
        };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let history = proptest::collection::vec(day(edits(), twin), 2..9);
        let played = runner.run(&history, |days| {
            History::new(twin).play(&days);
            Ok::<_, TestCaseError>(())
        });
        if let Err(error) = played {
            panic!("HARDSNAP_SEED={seed}: {error}");
        }
    }
}

/// Whether there is a second store of the same source that never has a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Twin {
    Alone,
    WithoutCatalog,
}

/// A store under test.
struct History {
    scratch: Scratch,
    canary: Canary,
    source: PathBuf,
    store: PathBuf,
    twin: Option<PathBuf>,
    agreement: Agreement,
    /// The snapshots that the catalog has to tell of.
    told: BTreeSet<String>,
    clock: Clock,
    day: u64,
}

impl History {
    fn new(twin: Twin) -> Self {
        let scratch = Scratch::new();
        let canary = Canary::new(&scratch);
        let source = scratch
            .tree("source")
            .file("a", b"first")
            .file("b/a", vec![b'2'; 5000])
            .hard_link("b/c/a", "a")
            .file("b/c/longer name.txt", b"third")
            .symlink("b/-dash", "a")
            .fifo("b/c/b")
            .file("untouched/by/most", b"fourth")
            .file("untouched/by/others", vec![b'5'; 70_000])
            .xattr("user.kept", b"value")
            .directory("untouched")
            .xattr("user.kept", b"value")
            .build();
        let store = scratch.join("store");
        let twin = (twin == Twin::WithoutCatalog).then(|| scratch.join("twin"));
        for store in twin.iter().chain([&store]) {
            scratch.hardsnap("init").arg(store).run().expect(0);
        }
        Self {
            agreement: Agreement::new(&store),
            scratch,
            canary,
            source,
            store,
            twin,
            told: BTreeSet::new(),
            clock: Clock::default(),
            day: 0,
        }
    }

    fn play(mut self, days: &[Day]) {
        for day in days {
            for edit in &day.edits {
                apply(edit, &self.source, &mut self.clock);
            }
            match day.incident {
                Incident::Lost => {
                    forget(&self.store);
                    self.told.clear();
                }
                Incident::Copied => self.copy(),
                _ => {}
            }
            let away = matches!(day.incident, Incident::Emptied { .. }).then(|| self.empty());
            self.back_up(day);
            if let Some(away) = away {
                self.fill(&away);
            }
            let names = StoreView::new(&self.store).names();
            match &day.incident {
                Incident::Deleted(index) => self.delete(&names[index.index(names.len())]),
                Incident::NewestDeleted => self.delete(&names[names.len() - 1]),
                Incident::Reindexed => self.reindex(names),
                Incident::Pruned(kept) => self.prune(*kept),
                _ => {}
            }
        }
    }

    fn copy(&mut self) {
        let from = self.scratch.join("copied");
        fs::rename(&self.store, &from).unwrap();
        let copied = Command::new("cp")
            .arg("-a")
            .args([&from, &self.store])
            .status();
        assert!(copied.unwrap().success());
        fs::remove_dir_all(from).unwrap();
        self.agreement = Agreement::new(&self.store);
    }

    fn reindex(&mut self, names: Vec<String>) {
        let reindex = self.scratch.hardsnap("reindex").arg(&self.store);
        reindex.run().expect(0);
        self.told = names.into_iter().collect();
        self.check();
    }

    /// Moves all that is in the source away.
    fn empty(&self) -> PathBuf {
        let away = self.scratch.join("away");
        fs::create_dir(&away).unwrap();
        for found in fs::read_dir(&self.source).unwrap() {
            let path = found.unwrap().path();
            fs::rename(&path, away.join(path.file_name().unwrap())).unwrap();
        }
        away
    }

    fn fill(&self, away: &Path) {
        for found in fs::read_dir(away).unwrap() {
            let path = found.unwrap().path();
            fs::rename(&path, self.source.join(path.file_name().unwrap())).unwrap();
        }
        fs::remove_dir(away).unwrap();
    }

    fn back_up(&mut self, day: &Day) {
        let time = noon(self.day);
        self.day += 1;
        let name = snapshot_name(&time);
        let image = TreeImage::of(&self.source);
        let invariant = Invariant::new(&self.store, &self.canary);
        let view = StoreView::new(&self.store);
        let lost = !file(&self.store).exists();
        let is_first = view.names().is_empty();
        let outcome = self.run(&self.store, &time, day.is_aged);
        invariant.check();
        assert_eq!((view.work(), view.trash()), (Vec::new(), Vec::new()));
        assert_same(&image, &view.image(&name, &self.source));
        let mut warned = outcome.surprises();
        // Of what was known to a lost catalog alone the new one has no word.
        warned.retain(|code| code != "entries_unrecorded");
        let expected = match day.incident {
            _ if is_first => None,
            _ if lost => Some("catalog_unusable"),
            Incident::Copied => Some("store_moved"),
            _ => None,
        };
        assert_eq!(warned, Vec::from_iter(expected), "{outcome}");
        self.told.insert(name.clone());
        let ledger = self.check();
        self.agreement.check_source(&ledger, &self.source);
        if let Some(twin) = &self.twin {
            forget(twin);
            self.run(twin, &time, day.is_aged);
            let view = StoreView::new(twin);
            assert_same(&image, &view.image(&name, &self.source));
        }
        let stores: Vec<_> = self.twin.iter().chain([&self.store]).collect();
        let is_accepted = !matches!(day.incident, Incident::Emptied { is_accepted: false });
        if outcome.text("status") == "suspect" && is_accepted {
            for store in stores {
                let accept = self.scratch.hardsnap("accept").arg(store);
                accept.arg(&name).run().expect(0);
            }
        }
    }

    fn run(&self, store: &Path, time: &str, is_aged: bool) -> Outcome {
        let command = self.scratch.hardsnap("backup");
        let mut command = command.args(["--no-prune", "--time", time]);
        if is_aged {
            command = aged(command);
        }
        let outcome = command.arg(&self.source).arg(store).json();
        assert!(matches!(outcome.code(), Some(0 | 4)), "{outcome}");
        outcome
    }

    fn delete(&mut self, name: &str) {
        let view = StoreView::new(&self.store);
        if view.names().len() < 2 {
            return;
        }
        for store in self.twin.iter().chain([&self.store]) {
            let delete = self.scratch.hardsnap("delete").arg(store);
            let outcome = delete.arg(name).args(["--yes", "--yes"]).run();
            outcome.expect(0);
        }
        self.told.remove(name);
        assert!(!view.names().contains(&name.to_owned()));
        self.check();
    }

    fn prune(&mut self, kept: usize) {
        for store in self.twin.iter().chain([&self.store]) {
            let (kept, now) = (kept.to_string(), noon(self.day));
            let prune = self.scratch.hardsnap("prune").arg(store);
            let outcome = prune.args(["--keep-last", &kept, "--now", &now]).json();
            assert!(matches!(outcome.code(), Some(0 | 4)), "{outcome}");
            if *store == self.store {
                for name in outcome.texts("removed_snapshots") {
                    self.told.remove(&name);
                }
            }
        }
        self.check();
    }

    /// Checks that the catalog tells what is in the trees.
    fn check(&mut self) -> Ledger {
        let ledger = self.agreement.check_told();
        let spares = StoreView::new(&self.store).spares();
        let told: BTreeSet<String> = ledger
            .snapshots
            .iter()
            .filter(|told| !spares.contains(&told.spare()))
            .map(|told| told.name.clone())
            .collect();
        assert_eq!(told, self.told);
        ledger
    }
}

#[test]
fn with_and_without_a_catalog_the_trees_are_the_same() {
    play(12, day_of_all_edits, Twin::WithoutCatalog);
}

#[test]
fn what_size_and_mtime_hide_is_in_the_next_snapshot() {
    play(20, day_of_hidden_edits, Twin::Alone);
}
