//! What must hold after whatever happened to a store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::image::TreeImage;
use crate::image_diff::{assert_unchanged, assert_untouched};
use crate::scratch::Scratch;

/// A look at a store from outside, by its documented layout.
#[derive(Debug, Clone)]
pub struct StoreView {
    path: PathBuf,
}

impl StoreView {
    /// Looks at the store at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns the names of the directories that look like snapshots, oldest
    /// first.
    ///
    /// # Panics
    ///
    /// If the store cannot be listed.
    #[must_use]
    #[track_caller]
    pub fn names(&self) -> Vec<String> {
        list(&self.path)
            .into_iter()
            .filter(|name| is_snapshot_name(name) && !self.path.join(name).is_symlink())
            .collect()
    }

    /// Returns the path of a snapshot.
    #[must_use]
    pub fn snapshot(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns where the tree of `source` lies in a snapshot.
    ///
    /// # Panics
    ///
    /// If the source's path is relative.
    #[must_use]
    pub fn tree(&self, name: &str, source: &Path) -> PathBuf {
        self.snapshot(name)
            .join(source.strip_prefix("/").expect("an absolute path"))
    }

    /// Reads the tree of `source` in a snapshot.
    ///
    /// # Panics
    ///
    /// If it cannot be read.
    #[must_use]
    #[track_caller]
    pub fn image(&self, name: &str, source: &Path) -> TreeImage {
        TreeImage::of(self.tree(name, source))
    }

    /// Returns the snapshot that `latest` names, checked to be a symlink to a
    /// published snapshot beside it.
    ///
    /// # Panics
    ///
    /// If `latest` is anything else.
    #[must_use]
    #[track_caller]
    pub fn latest(&self) -> Option<String> {
        let link = self.path.join("latest");
        if !link.is_symlink() {
            assert!(!link.exists(), "latest is no symlink");
            return None;
        }
        let target = fs::read_link(link).expect("the target of latest");
        let target = target.to_str().expect("a name").to_owned();
        assert!(
            self.names().contains(&target),
            "latest leads to {target}, not to a snapshot"
        );
        Some(target)
    }

    /// Returns the names that have a record.
    ///
    /// # Panics
    ///
    /// If the records cannot be listed.
    #[must_use]
    #[track_caller]
    pub fn records(&self) -> Vec<String> {
        let names = list(&self.path.join(".hardsnap/snapshots")).into_iter();
        names
            .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
            .collect()
    }

    /// Returns what is in the making.
    #[must_use]
    pub fn work(&self) -> Vec<String> {
        list_if_there(&self.path.join(".hardsnap/work"))
    }

    /// Returns what waits to be deleted.
    #[must_use]
    pub fn trash(&self) -> Vec<String> {
        let mut left = list_if_there(&self.path.join(".hardsnap/trash"));
        left.retain(|name| !is_spare(name));
        left
    }

    /// The trees that are kept to be made the next one: one, or none.
    #[must_use]
    pub fn spares(&self) -> Vec<String> {
        let mut kept = list_if_there(&self.path.join(".hardsnap/trash"));
        kept.retain(|name| is_spare(name));
        kept
    }

    /// Checks that nothing is left over: no tree in the making or given up,
    /// each snapshot with its record and no other, `latest` there if there is
    /// a snapshot.
    ///
    /// # Panics
    ///
    /// If something is.
    #[track_caller]
    pub fn assert_tidy(&self) {
        assert_eq!(self.work(), [""; 0], "left in work");
        assert_eq!(self.trash(), [""; 0], "left in trash");
        assert!(self.spares().len() < 2, "{:?}", self.spares());
        assert_eq!(self.records(), self.names(), "records and snapshots");
        assert_eq!(self.latest().is_some(), !self.names().is_empty(), "latest");
    }
}

fn is_spare(name: &str) -> bool {
    name.ends_with(".spare")
}

/// A tree beside the store that no run may touch or read from, holding a
/// secret.
#[derive(Debug)]
pub struct Canary {
    path: PathBuf,
    image: TreeImage,
}

impl Canary {
    /// What must never turn up in a snapshot.
    pub const SECRET: &str = "the secret of the canary";

    /// Makes the tree in `scratch`; its secret is its owner's alone.
    #[must_use]
    pub fn new(scratch: &Scratch) -> Self {
        let path = scratch
            .tree("canary")
            .file("secret", Self::SECRET)
            .mode(0o600)
            .file("below/file", b"song")
            .symlink("link", "secret")
            .build();
        let image = TreeImage::of(&path);
        Self { path, image }
    }

    /// Returns the path of the tree.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that nothing was done to the tree.
    ///
    /// # Panics
    ///
    /// If anything was.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_untouched(&self.image, &TreeImage::of(&self.path));
    }
}

/// What every fault must leave as it was: all snapshots made before, a valid
/// `latest`, and the canary.
#[derive(Debug)]
pub struct Invariant<'a> {
    store: StoreView,
    canary: &'a Canary,
    history: BTreeMap<String, TreeImage>,
}

impl<'a> Invariant<'a> {
    /// Takes the images of all that is in the store, which need not be there
    /// yet.
    #[must_use]
    #[track_caller]
    pub fn new(store: &Path, canary: &'a Canary) -> Self {
        let mut invariant = Self {
            store: StoreView::new(store),
            canary,
            history: BTreeMap::new(),
        };
        if store.exists() {
            invariant.remember();
        }
        invariant
    }

    /// Takes the images of the snapshots that are new.
    #[track_caller]
    pub fn remember(&mut self) {
        for name in self.store.names() {
            let path = self.store.snapshot(&name);
            self.history
                .entry(name)
                .or_insert_with(|| TreeImage::of(path));
        }
    }

    /// Checks the invariant.
    ///
    /// # Panics
    ///
    /// If it is broken.
    #[track_caller]
    pub fn check(&self) {
        self.check_without(&BTreeSet::new());
    }

    /// Checks the invariant where `removed` were to go, and are gone whole.
    ///
    /// # Panics
    ///
    /// If it is broken.
    #[track_caller]
    pub fn check_without(&self, removed: &BTreeSet<String>) {
        let names = self.store.names();
        for (name, image) in &self.history {
            if removed.contains(name) {
                assert!(!names.contains(name), "{name} should have gone");
            } else {
                assert!(names.contains(name), "{name} is gone");
                assert_unchanged(image, &TreeImage::of(self.store.snapshot(name)));
            }
        }
        // It may lag behind after a crash, but it never dangles.
        let _ = self.store.latest();
        self.canary.assert_untouched();
    }
}

/// Returns whether `name` has the form of a snapshot's name.
fn is_snapshot_name(name: &str) -> bool {
    let pattern = b"0000-00-00T00-00-00Z";
    name.len() == pattern.len()
        && name.bytes().zip(pattern).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            other => byte == *other,
        })
}

#[track_caller]
fn list(directory: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

fn list_if_there(directory: &Path) -> Vec<String> {
    if directory.exists() {
        list(directory)
    } else {
        Vec::new()
    }
}
