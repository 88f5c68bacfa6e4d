//! The copy that is obviously right, to compare with.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, lchown, symlink};
use std::path::{Path, PathBuf};

use filetime::FileTime;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use walkdir::WalkDir;

use crate::skip::is_root;

/// Copies the tree at `source` to `target`, which must not exist, with all
/// attributes but extended ones, and hard links among its names.
///
/// As an ordinary user it leaves the owners as they come.
///
/// # Panics
///
/// If anything cannot be copied.
#[track_caller]
pub fn naive_copy(source: impl AsRef<Path>, target: impl AsRef<Path>) {
    let (source, target) = (source.as_ref(), target.as_ref());
    let mut directories = Vec::new();
    let mut copied: HashMap<(u64, u64), PathBuf> = HashMap::new();
    for found in WalkDir::new(source) {
        let found = found.expect("a readable source");
        let (from, metadata) = (found.path(), found.metadata().expect("attributes"));
        let to = match from.strip_prefix(source).expect("a path in the source") {
            root if root.as_os_str().is_empty() => target.to_path_buf(),
            relative => target.join(relative),
        };
        let kind = FileType::from_raw_mode(metadata.mode());
        let inode = (metadata.dev(), metadata.ino());
        let result = match kind {
            FileType::Directory => fs::create_dir(&to),
            _ if copied.contains_key(&inode) => fs::hard_link(&copied[&inode], &to),
            FileType::RegularFile => fs::copy(from, &to).map(drop),
            FileType::Symlink => fs::read_link(from).and_then(|link| symlink(link, &to)),
            special => mknodat(CWD, &to, special, Mode::RUSR, metadata.rdev()).map_err(Into::into),
        };
        result.unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
        if kind == FileType::Directory {
            directories.push((to, metadata));
        } else {
            // Through another name of the same file this does no harm.
            attributes(&to, &metadata);
            copied.insert(inode, to);
        }
    }
    for (to, metadata) in directories.iter().rev() {
        attributes(to, metadata);
    }
}

fn attributes(to: &Path, metadata: &fs::Metadata) {
    if is_root() {
        lchown(to, Some(metadata.uid()), Some(metadata.gid())).expect("the owner");
    }
    if !metadata.is_symlink() {
        fs::set_permissions(to, metadata.permissions()).expect("the mode");
    }
    let mtime = FileTime::from_last_modification_time(metadata);
    filetime::set_symlink_file_times(to, mtime, mtime).expect("the time");
}
