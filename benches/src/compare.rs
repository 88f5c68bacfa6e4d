//! Says whether a finished tree equals its source.
//!
//! Reads directory by directory and keeps nothing but link groups, because
//! the memory that this program has used is the least that can be read of the
//! programs it starts.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::error::{At, Result};
use crate::interrupt;

const CHUNK_BYTES: usize = 64 * 1024;

/// A device number and an inode number.
type Inode = (u64, u64);

/// Compares two trees, and the target's links with the basis if there is one.
///
/// Kinds, names, sizes, bytes, modes, owners, mtimes, symlink targets and
/// link groups must be equal. With a basis, a file that equals its entry there
/// must be the same inode, and any other must not. Returns the first
/// difference, or `None` where there is none.
///
/// # Errors
///
/// Fails where a tree cannot be read, or when a signal asked for the end.
pub(crate) fn compare(
    source: &Path,
    target: &Path,
    basis: Option<&Path>,
) -> Result<Option<String>> {
    if !fs::symlink_metadata(target).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(Some(format!("no directory {}", target.display())));
    }
    let mut comparison = Comparison {
        source,
        target,
        basis,
        groups: HashMap::new(),
        buffers: [vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]],
    };
    let mut waiting = vec![PathBuf::new()];
    while let Some(directory) = waiting.pop() {
        interrupt::check()?;
        if let Some(difference) = comparison.directory(&directory, &mut waiting)? {
            return Ok(Some(difference));
        }
    }
    Ok(None)
}

struct Comparison<'a> {
    source: &'a Path,
    target: &'a Path,
    basis: Option<&'a Path>,
    /// The target's inode for each source inode with several names.
    groups: HashMap<Inode, Inode>,
    buffers: [Vec<u8>; 2],
}

impl Comparison<'_> {
    /// Compares a directory and what it holds; leaves its directories waiting.
    fn directory(&mut self, relative: &Path, waiting: &mut Vec<PathBuf>) -> Result<Option<String>> {
        let (source, target) = (self.source.join(relative), self.target.join(relative));
        let (source_metadata, target_metadata) = (look(&source)?, look(&target)?);
        if let Some(what) = different_attributes(&source_metadata, &target_metadata) {
            return Ok(Some(format!("{what} of {}", target.display())));
        }
        let (names, target_names) = (names(&source)?, names(&target)?);
        if names != target_names {
            return Ok(Some(format!("names in {}", target.display())));
        }
        for name in names {
            let entry = relative.join(name);
            if look(&self.source.join(&entry))?.is_dir() {
                waiting.push(entry);
            } else if let Some(what) = self.entry(&entry)? {
                let path = self.target.join(&entry);
                return Ok(Some(format!("{what} of {}", path.display())));
            }
        }
        Ok(None)
    }

    /// Compares anything but a directory.
    fn entry(&mut self, relative: &Path) -> Result<Option<&'static str>> {
        let (source, target) = (self.source.join(relative), self.target.join(relative));
        let (source_metadata, target_metadata) = (look(&source)?, look(&target)?);
        if let Some(what) = different_attributes(&source_metadata, &target_metadata) {
            return Ok(Some(what));
        }
        if source_metadata.is_symlink() {
            let same = fs::read_link(&source).at("read", &source)?
                == fs::read_link(&target).at("read", &target)?;
            return Ok((!same).then_some("link target"));
        }
        if !source_metadata.is_file() {
            return Ok(None);
        }
        if let Some(what) = self.links(relative, &source_metadata, &target_metadata)? {
            return Ok(Some(what));
        }
        let same = self.same_bytes(&source, &target)?;
        Ok((!same).then_some("content"))
    }

    /// Compares which names share an inode.
    fn links(
        &mut self,
        relative: &Path,
        source: &Metadata,
        target: &Metadata,
    ) -> Result<Option<&'static str>> {
        if inode(source) == inode(target) {
            return Ok(Some("inode, which is the source's,"));
        }
        if source.nlink() > 1 {
            let group = self.groups.entry(inode(source)).or_insert(inode(target));
            if *group != inode(target) {
                return Ok(Some("link group"));
            }
        }
        let Some(basis) = self.basis.map(|basis| basis.join(relative)) else {
            return Ok((source.nlink() != target.nlink()).then_some("number of links"));
        };
        match fs::symlink_metadata(&basis) {
            Ok(basis) if different_attributes(source, &basis).is_none() => {
                let linked = inode(&basis) == inode(target);
                Ok((!linked).then_some("missing link to the basis"))
            }
            // What is linked to nothing older has as many names as its source.
            Ok(_) => Ok((source.nlink() != target.nlink()).then_some("number of links")),
            // A new path may be that of an older file, which is linked or not.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at("look at", &basis),
        }
    }

    fn same_bytes(&mut self, source: &Path, target: &Path) -> Result<bool> {
        let mut source_file = File::open(source).at("open", source)?;
        let mut target_file = File::open(target).at("open", target)?;
        let [ours, theirs] = &mut self.buffers;
        loop {
            let count = source_file.read(ours).at("read", source)?;
            if count == 0 {
                return Ok(true);
            }
            // The sizes are equal: too few bytes here mean a file that shrank.
            if target_file.read_exact(&mut theirs[..count]).is_err()
                || ours[..count] != theirs[..count]
            {
                return Ok(false);
            }
        }
    }
}

fn inode(metadata: &Metadata) -> Inode {
    (metadata.dev(), metadata.ino())
}

fn look(path: &Path) -> Result<Metadata> {
    fs::symlink_metadata(path).at("look at", path)
}

fn names(directory: &Path) -> Result<Vec<OsString>> {
    let mut names: Vec<OsString> = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
        .at("list", directory)?;
    names.sort();
    Ok(names)
}

/// Names the first attribute that differs.
fn different_attributes(one: &Metadata, two: &Metadata) -> Option<&'static str> {
    let device = one.file_type().is_block_device() || one.file_type().is_char_device();
    if one.file_type() != two.file_type() {
        Some("kind")
    } else if one.mode() != two.mode() {
        Some("mode")
    } else if (one.uid(), one.gid()) != (two.uid(), two.gid()) {
        Some("owner")
    } else if (one.mtime(), one.mtime_nsec()) != (two.mtime(), two.mtime_nsec()) {
        Some("mtime")
    } else if !one.is_dir() && one.len() != two.len() {
        Some("size")
    } else if device && one.rdev() != two.rdev() {
        Some("device number")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::{Duration, SystemTime};

    use super::*;

    /// Two equal trees and a basis whose files the target links.
    struct Trees {
        _temp: tempfile::TempDir,
        source: PathBuf,
        target: PathBuf,
        basis: PathBuf,
    }

    const NEW: Duration = Duration::from_secs(2_000);
    const OLD: Duration = Duration::from_secs(1_000);

    fn date(path: &Path, age: Duration) {
        let time = SystemTime::UNIX_EPOCH + age;
        File::open(path).unwrap().set_modified(time).unwrap();
    }

    fn date_link(path: &Path) {
        let time = rustix::fs::Timespec {
            tv_sec: 1_000,
            tv_nsec: 0,
        };
        let times = rustix::fs::Timestamps {
            last_access: time,
            last_modification: time,
        };
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, path, &times, flags).unwrap();
    }

    impl Trees {
        fn new() -> Self {
            let temp = tempfile::tempdir().unwrap();
            let path = |name| temp.path().join(name);
            let trees = Self {
                source: path("source"),
                target: path("target"),
                basis: path("basis"),
                _temp: temp,
            };
            for root in [&trees.source, &trees.target, &trees.basis] {
                fs::create_dir_all(root.join("inner")).unwrap();
                symlink("gone", root.join("inner/symlink")).unwrap();
                date_link(&root.join("inner/symlink"));
            }
            for (name, linked) in [("same", true), ("inner/changed", false)] {
                fs::write(trees.source.join(name), "bytes").unwrap();
                fs::write(trees.basis.join(name), "bytes").unwrap();
                date(&trees.source.join(name), NEW);
                date(&trees.basis.join(name), if linked { NEW } else { OLD });
                if linked {
                    fs::hard_link(trees.basis.join(name), trees.target.join(name)).unwrap();
                } else {
                    fs::write(trees.target.join(name), "bytes").unwrap();
                    date(&trees.target.join(name), NEW);
                }
            }
            for root in [&trees.source, &trees.target] {
                fs::hard_link(root.join("inner/changed"), root.join("inner/second")).unwrap();
            }
            fs::hard_link(
                trees.basis.join("inner/changed"),
                trees.basis.join("inner/second"),
            )
            .unwrap();
            trees.settle();
            trees
        }

        /// Gives the directories their mtimes again.
        fn settle(&self) {
            for root in [&self.source, &self.target, &self.basis] {
                date(&root.join("inner"), OLD);
                date(root, OLD);
            }
        }

        fn difference(&self) -> String {
            compare(&self.source, &self.target, Some(&self.basis))
                .unwrap()
                .unwrap_or_default()
        }
    }

    /// Breaks the target and expects the difference to be named.
    fn expect(what: &str, damage: impl FnOnce(&Trees, &Path)) {
        let trees = Trees::new();
        assert_eq!(trees.difference(), "", "before {what}");
        damage(&trees, &trees.target);
        trees.settle();
        let difference = trees.difference();
        assert!(difference.starts_with(what), "{what}: {difference:?}");
    }

    #[test]
    fn every_difference_is_seen() {
        expect("names", |_, target| {
            fs::remove_file(target.join("same")).unwrap();
        });
        expect("names", |_, target| {
            fs::write(target.join("more"), "").unwrap();
        });
        expect("kind", |_, target| {
            fs::remove_file(target.join("inner/symlink")).unwrap();
            fs::create_dir(target.join("inner/symlink")).unwrap();
        });
        expect("link target", |_, target| {
            fs::remove_file(target.join("inner/symlink")).unwrap();
            symlink("here", target.join("inner/symlink")).unwrap();
            date_link(&target.join("inner/symlink"));
        });
        expect("mode", |_, target| {
            let mode = Permissions::from_mode(0o604);
            fs::set_permissions(target.join("inner/changed"), mode).unwrap();
        });
        expect("mode", |_, target| {
            fs::set_permissions(target.join("inner"), Permissions::from_mode(0o750)).unwrap();
        });
        expect("mtime", |_, target| {
            date(&target.join("inner/changed"), NEW + Duration::from_nanos(1));
        });
        expect("size", |_, target| {
            fs::write(target.join("inner/changed"), "byte").unwrap();
            date(&target.join("inner/changed"), NEW);
        });
        expect("content", |_, target| {
            fs::write(target.join("inner/changed"), "bites").unwrap();
            date(&target.join("inner/changed"), NEW);
        });
    }

    #[test]
    fn a_program_that_made_nothing_is_found_out() {
        let trees = Trees::new();
        fs::remove_dir_all(&trees.target).unwrap();
        assert!(trees.difference().starts_with("no directory"));
    }

    #[test]
    fn a_directory_mtime_is_compared() {
        let trees = Trees::new();
        date(&trees.target.join("inner"), NEW);
        assert!(trees.difference().starts_with("mtime"));
    }

    #[test]
    fn links_are_compared() {
        expect("missing link to the basis", |trees, target| {
            fs::remove_file(target.join("same")).unwrap();
            fs::copy(trees.source.join("same"), target.join("same")).unwrap();
            date(&target.join("same"), NEW);
        });
        expect("inode, which is the source's,", |trees, target| {
            fs::remove_file(target.join("same")).unwrap();
            fs::hard_link(trees.source.join("same"), target.join("same")).unwrap();
        });
        expect("link group", |trees, target| {
            fs::remove_file(target.join("inner/second")).unwrap();
            fs::copy(
                trees.source.join("inner/second"),
                target.join("inner/second"),
            )
            .unwrap();
            date(&target.join("inner/second"), NEW);
            // Both keep two names, so that only the group is wrong.
            for name in ["changed", "second"] {
                let spare = trees.target.with_extension(name);
                fs::hard_link(target.join("inner").join(name), spare).unwrap();
            }
        });
        expect("number of links", |trees, target| {
            let spare = trees.target.with_extension("spare");
            fs::hard_link(target.join("inner/changed"), spare).unwrap();
        });
    }

    #[test]
    fn without_a_basis_nothing_may_be_linked_to_it() {
        let trees = Trees::new();
        let difference = compare(&trees.source, &trees.target, None).unwrap();
        assert!(difference.is_some_and(|text| text.starts_with("number of links")));
    }

    #[test]
    fn owners_are_compared_where_they_can_be_set() {
        if rustix::process::geteuid().is_root() {
            expect("owner", |_, target| {
                std::os::unix::fs::chown(target.join("inner/changed"), Some(1), None).unwrap();
            });
        }
    }
}
