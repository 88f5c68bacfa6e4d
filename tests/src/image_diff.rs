//! What differs between two trees, and what they share.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use crate::image::{Entry, Kind, Node, TreeImage};

/// One difference between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The path, relative to the root.
    pub path: Vec<u8>,
    /// The field of the entry, or what else differs there.
    pub field: &'static str,
    /// The expected value.
    pub expected: String,
    /// The value found.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            field,
            expected,
            found,
        } = self;
        // A path of 10,000 levels would hide all the others.
        let tail = &path[path.len().saturating_sub(300)..];
        let cut = if tail.len() < path.len() { "…" } else { "" };
        write!(
            out,
            "{cut}{}: {field} is {found} instead of {expected}",
            tail.escape_ascii()
        )
    }
}

impl TreeImage {
    /// Returns all that differs in `found` from this tree: names, every field
    /// of the entries, and which names share an inode.
    #[must_use]
    pub fn differences(&self, found: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        // Inodes of the two trees must stand one to one, or names are linked
        // to each other in the one and not in the other.
        let mut there: HashMap<(u64, u64), (u64, u64)> = HashMap::new();
        let mut back: HashMap<(u64, u64), (u64, u64)> = HashMap::new();
        for pair in self.pairs(found) {
            match pair {
                (Some(ours), None) => {
                    differences.push(presence(self.path(ours), "there", "missing"));
                }
                (None, Some(theirs)) => {
                    differences.push(presence(found.path(theirs), "missing", "there"));
                }
                (Some(ours), Some(theirs)) => {
                    let (left, right) = (&self.placed(ours), &found.placed(theirs));
                    let mut note = |field, expected: String, found: String| {
                        if expected != found {
                            differences.push(Difference {
                                path: self.path(ours),
                                field,
                                expected,
                                found,
                            });
                        }
                    };
                    if left.entry != right.entry {
                        compare(&left.entry, &right.entry, &mut note);
                    }
                    if left.entry.kind != Kind::Directory {
                        let linked = *there.entry(left.inode).or_insert(right.inode);
                        let linked_back = *back.entry(right.inode).or_insert(left.inode);
                        if linked != right.inode {
                            note(
                                "link group",
                                "with an earlier name".into(),
                                "apart from it".into(),
                            );
                        } else if linked_back != left.inode {
                            note(
                                "link group",
                                "apart from an earlier name".into(),
                                "with it".into(),
                            );
                        }
                    }
                }
                (None, None) => {}
            }
        }
        differences
    }

    /// Returns the paths, other than directories, that stand for the same
    /// inode in both trees.
    #[must_use]
    pub fn shared_with(&self, other: &Self) -> BTreeSet<Vec<u8>> {
        self.pairs(other)
            .filter_map(|pair| match pair {
                (Some(ours), Some(theirs)) => {
                    let shared = self.placed(ours).inode == other.placed(theirs).inode
                        && self.placed(ours).entry.kind != Kind::Directory;
                    shared.then(|| self.path(ours))
                }
                _ => None,
            })
            .collect()
    }

    /// Returns how many names of regular files stand for the same inode in
    /// both trees, where the paths themselves would be too long.
    #[must_use]
    pub fn count_shared_with(&self, other: &Self) -> usize {
        self.pairs(other)
            .filter(|pair| match pair {
                (Some(ours), Some(theirs)) => {
                    let (left, right) = (self.placed(*ours), other.placed(*theirs));
                    left.inode == right.inode && left.entry.kind == Kind::File
                }
                _ => false,
            })
            .count()
    }

    /// Returns the paths of all regular files, for [`TreeImage::shared_with`]
    /// to be compared with.
    #[must_use]
    pub fn files(&self) -> BTreeSet<Vec<u8>> {
        self.entries()
            .filter(|(_, entry)| entry.kind == Kind::File)
            .map(|(path, _)| path)
            .collect()
    }

    /// Returns, for every path that is not a directory, the paths that share
    /// its inode (itself among them).
    #[must_use]
    pub fn link_groups(&self) -> HashMap<Vec<u8>, BTreeSet<Vec<u8>>> {
        let mut by_inode: HashMap<(u64, u64), BTreeSet<Vec<u8>>> = HashMap::new();
        for (path, entry) in self.entries() {
            if entry.kind != Kind::Directory {
                by_inode.entry(self.inode(&path)).or_default().insert(path);
            }
        }
        by_inode
            .into_values()
            .flat_map(|group| {
                group
                    .clone()
                    .into_iter()
                    .map(move |path| (path, group.clone()))
            })
            .collect()
    }

    /// Walks both trees at once, by name, each directory before what it holds.
    pub(crate) fn pairs<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (Option<Node>, Option<Node>)> + 'a {
        let mut pending = vec![(Some(self.root()), Some(other.root()))];
        std::iter::from_fn(move || {
            let pair = pending.pop()?;
            if let (Some(ours), Some(theirs)) = pair {
                let (left, right) = (&self.placed(ours).below, &other.placed(theirs).below);
                let names: BTreeSet<&Vec<u8>> = left.keys().chain(right.keys()).collect();
                let below = names
                    .into_iter()
                    .rev()
                    .map(|name| (left.get(name).copied(), right.get(name).copied()));
                pending.extend(below);
            }
            Some(pair)
        })
    }
}

fn presence(path: Vec<u8>, expected: &str, found: &str) -> Difference {
    Difference {
        path,
        field: "name",
        expected: expected.into(),
        found: found.into(),
    }
}

fn compare(left: &Entry, right: &Entry, note: &mut impl FnMut(&'static str, String, String)) {
    let octal = |mode: u32| format!("{mode:04o}");
    let time = |(seconds, nanoseconds): (i64, u32)| format!("{seconds}.{nanoseconds:09}");
    let text = |target: &Option<Vec<u8>>| {
        target
            .as_ref()
            .map(|bytes| bytes.escape_ascii().to_string())
    };
    note(
        "kind",
        format!("{:?}", left.kind),
        format!("{:?}", right.kind),
    );
    note("mode", octal(left.mode), octal(right.mode));
    note("uid", left.uid.to_string(), right.uid.to_string());
    note("gid", left.gid.to_string(), right.gid.to_string());
    note("mtime", time(left.mtime), time(right.mtime));
    note("size", left.size.to_string(), right.size.to_string());
    note(
        "target",
        format!("{:?}", text(&left.target)),
        format!("{:?}", text(&right.target)),
    );
    note("device", left.rdev.to_string(), right.rdev.to_string());
    note(
        "content",
        format!("{:x?}", left.content),
        format!("{:x?}", right.content),
    );
    note(
        "xattrs",
        format!("{:?}", left.xattrs),
        format!("{:?}", right.xattrs),
    );
    note(
        "trouble",
        format!("{:?}", left.trouble),
        format!("{:?}", right.trouble),
    );
}

/// Checks that `found` equals `expected` in everything an image holds.
///
/// # Panics
///
/// With the first twenty differences, if there is any.
#[track_caller]
pub fn assert_same(expected: &TreeImage, found: &TreeImage) {
    report("the trees differ", &expected.differences(found));
}

/// Checks that a tree is what it was, down to the inode of each name: nothing
/// was replaced by an equal copy.
///
/// # Panics
///
/// With the first twenty differences, if there is any.
#[track_caller]
pub fn assert_unchanged(before: &TreeImage, after: &TreeImage) {
    let mut differences = before.differences(after);
    differences.extend(identity(before, after, |tree, node| {
        ("inode", format!("{:?}", tree.placed(node).inode))
    }));
    report("the tree changed", &differences);
}

/// Checks that nothing at all was done to a tree: beyond
/// [`assert_unchanged`], no inode's ctime moved, as it does with every link,
/// chmod or utime.
///
/// # Panics
///
/// With the first twenty differences, if there is any.
#[track_caller]
pub fn assert_untouched(before: &TreeImage, after: &TreeImage) {
    assert_unchanged(before, after);
    let differences = identity(before, after, |tree, node| {
        ("ctime", format!("{:?}", tree.placed(node).ctime))
    });
    report("the tree was touched", &differences);
}

fn identity(
    before: &TreeImage,
    after: &TreeImage,
    of: impl Fn(&TreeImage, Node) -> (&'static str, String),
) -> Vec<Difference> {
    let mut differences = Vec::new();
    for pair in before.pairs(after) {
        if let (Some(earlier), Some(later)) = pair {
            let ((field, expected), (_, found)) = (of(before, earlier), of(after, later));
            if expected != found {
                differences.push(Difference {
                    path: before.path(earlier),
                    field,
                    expected,
                    found,
                });
            }
        }
    }
    differences
}

#[track_caller]
fn report(what: &str, differences: &[Difference]) {
    if !differences.is_empty() {
        let shown: Vec<String> = differences
            .iter()
            .take(20)
            .map(|one| format!("  {one}"))
            .collect();
        panic!(
            "{what} in {} places:\n{}",
            differences.len(),
            shown.join("\n")
        );
    }
}
