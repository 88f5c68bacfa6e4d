//! The tree that is copied: made the same way each time.

use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT};

use crate::error::{At, Result};
use crate::generator::Generator;
use crate::interrupt;

/// 2024-01-01T00:00:00Z in seconds since the epoch.
const FIRST_MTIME_SECONDS: u64 = 1_704_067_200;
const YEAR_SECONDS: u64 = 365 * 24 * 60 * 60;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const CHUNK_BYTES: usize = 64 * 1024;
/// How many directories a directory holds.
const FAN_OUT: usize = 8;
/// One name in so many is a second name of the file before it.
const FILES_PER_SECOND_NAME: usize = 1_000;
/// One directory in so many holds a symlink.
const DIRECTORIES_PER_SYMLINK: usize = 40;
/// One directory in so many belongs, with its files, to an ordinary user.
const DIRECTORIES_PER_OWNER: usize = 16;
const ORDINARY_USER: u32 = 1_000;

/// What a sequence of numbers is for.
mod purpose {
    pub(super) const SIZE: u64 = 1;
    pub(super) const MTIME: u64 = 2;
    pub(super) const DIRECTORY_MTIME: u64 = 3;
    /// These and what follows them: one for each day.
    pub(super) const CONTENT: u64 = 100;
    pub(super) const DIRECTORY_DAY: u64 = 200;
}

/// Describes a tree by three numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TreeShape {
    /// Names of regular files, second names of the same file included.
    pub(crate) files: usize,
    /// Directories below the root.
    pub(crate) directories: usize,
    /// The size of all files together.
    pub(crate) bytes: u64,
}

impl fmt::Display for TreeShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = grouped(self.files);
        match self.bytes {
            0 => write!(f, "{files} empty files")?,
            bytes => write!(f, "{files} files, {:.1} MB", bytes as f64 / 1e6)?,
        }
        match self.directories {
            1 => write!(f, ", one directory"),
            many => write!(f, ", {} directories", grouped(many)),
        }
    }
}

/// Writes a number with its thousands apart.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl TreeShape {
    /// Makes the tree at `root`, which must not exist.
    pub(crate) fn make(&self, root: &Path) -> Result<()> {
        let directories = self.directory_paths(root);
        for directory in &directories {
            fs::create_dir(directory).at("make", directory)?;
        }
        let owned = rustix::process::geteuid().is_root();
        let sizes = self.sizes();
        for index in 0..self.files {
            interrupt::check()?;
            let path = self.file_path(&directories, index);
            if is_second_name(index) {
                let first = self.file_path(&directories, index - 1);
                fs::hard_link(&first, &path).at("link", &path)?;
                continue;
            }
            write_file(&path, 0, index, sizes.of(index))?;
            if owned && is_of_ordinary_user(self.directory_of(index)) {
                chown(&path, Some(ORDINARY_USER), Some(ORDINARY_USER)).at("chown", &path)?;
            }
        }
        for (index, directory) in directories.iter().enumerate() {
            if index % DIRECTORIES_PER_SYMLINK == 1 {
                let link = directory.join("nearby");
                symlink("../somewhere/else", &link).at("make", &link)?;
                set_mtime(&link, purpose::DIRECTORY_MTIME, index)?;
            }
        }
        for (index, directory) in directories.iter().enumerate() {
            if owned && is_of_ordinary_user(index) {
                chown(directory, Some(ORDINARY_USER), Some(ORDINARY_USER))
                    .at("chown", directory)?;
            }
            let mode = if index % 10 == 3 { 0o700 } else { 0o755 };
            fs::set_permissions(directory, Permissions::from_mode(mode)).at("chmod", directory)?;
            set_mtime(directory, purpose::DIRECTORY_MTIME, index)?;
        }
        Ok(())
    }

    /// Returns the number of all entries below the root.
    pub(crate) fn entries(&self) -> usize {
        let symlinks = self.directories.div_ceil(DIRECTORIES_PER_SYMLINK);
        self.files + self.directories + symlinks
    }

    /// Returns the root and every directory below it, the upper ones first.
    pub(crate) fn directory_paths(&self, root: &Path) -> Vec<PathBuf> {
        let mut paths = vec![root.to_owned()];
        for index in 1..=self.directories {
            let above = &paths[(index - 1) / FAN_OUT];
            paths.push(above.join(format!("directory-{index:05}")));
        }
        paths
    }

    pub(crate) fn directory_of(&self, file: usize) -> usize {
        1 + file % self.directories
    }

    pub(crate) fn file_path(&self, directories: &[PathBuf], file: usize) -> PathBuf {
        directories[self.directory_of(file)].join(format!("file-{file:07}.data"))
    }

    /// Returns the rule for the files' sizes.
    pub(crate) fn sizes(&self) -> Sizes {
        let mut sizes = Sizes {
            bytes: self.bytes,
            weights: 1.0,
            rest: 0,
        };
        if self.bytes > 0 {
            sizes.weights = (0..self.files).map(weight).sum();
            let given: u64 = (0..self.files).map(|index| sizes.of(index)).sum();
            sizes.rest = self.bytes.saturating_sub(given);
        }
        sizes
    }
}

/// The files' sizes: log-normal, and `bytes` together. They are not kept, since
/// the memory that this program uses is the least that it can measure.
pub(crate) struct Sizes {
    bytes: u64,
    weights: f64,
    /// What rounding left over goes to the first.
    rest: u64,
}

impl Sizes {
    /// Returns the size of a file in bytes.
    pub(crate) fn of(&self, index: usize) -> u64 {
        let share = (self.bytes as f64 * weight(index) / self.weights) as u64;
        share + if index == 0 { self.rest } else { 0 }
    }
}

fn weight(index: usize) -> f64 {
    if is_second_name(index) {
        return 0.0;
    }
    // A deviation of 1.5 puts half of the files below a third of the mean.
    (1.5 * Generator::new(purpose::SIZE, index).normal()).exp()
}

pub(crate) fn is_second_name(file: usize) -> bool {
    file % FILES_PER_SECOND_NAME == FILES_PER_SECOND_NAME - 1
}

fn is_of_ordinary_user(directory: usize) -> bool {
    directory % DIRECTORIES_PER_OWNER == 7
}

/// Writes a file as it is on some day: a new one, or an old one anew in its
/// inode.
pub(crate) fn write_file(path: &Path, day: usize, index: usize, size: u64) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .at("make", path)?;
    let mut generator = Generator::new(purpose::CONTENT + day as u64, index);
    let mut buffer = [0_u8; CHUNK_BYTES];
    let mut rest = size;
    while rest > 0 {
        let chunk = &mut buffer[..rest.min(CHUNK_BYTES as u64) as usize];
        generator.fill(chunk);
        file.write_all(chunk).at("write", path)?;
        rest -= chunk.len() as u64;
    }
    let mode = match index % 16 {
        0 => 0o755,
        8 => 0o600,
        _ => 0o644,
    };
    file.set_permissions(Permissions::from_mode(mode))
        .at("chmod", path)?;
    set_file_mtime(&file, day, index).at("set the mtime of", path)
}

fn set_file_mtime(file: &File, day: usize, index: usize) -> std::io::Result<()> {
    let (seconds, nanoseconds) = mtime(purpose::MTIME, index);
    let first = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    file.set_modified(first + DAY * day as u32)
}

/// Gives a directory the mtime it has since some day.
pub(crate) fn date_directory(directory: &Path, day: usize, index: usize) -> Result<()> {
    set_mtime(directory, purpose::DIRECTORY_DAY + day as u64, index)
}

/// Sets the mtime of a directory or of a symlink itself.
fn set_mtime(path: &Path, purpose: u64, index: usize) -> Result<()> {
    let (seconds, nanoseconds) = mtime(purpose, index);
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: seconds as _,
            tv_nsec: nanoseconds as _,
        },
    };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).at("set the mtime of", path)
}

/// Returns a time within the first year, as seconds and nanoseconds.
fn mtime(purpose: u64, index: usize) -> (u64, u32) {
    let mut generator = Generator::new(purpose, index);
    let seconds = FIRST_MTIME_SECONDS + generator.below(YEAR_SECONDS);
    (seconds, generator.below(1_000_000_000) as u32)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    const SHAPE: TreeShape = TreeShape {
        files: 2_050,
        directories: 90,
        bytes: 3_000_000,
    };

    /// Reads back every file's path, inode, size and mtime, sorted by path.
    fn files(root: &Path) -> Vec<(PathBuf, u64, u64, i64)> {
        let mut found = Vec::new();
        let mut waiting = vec![root.to_owned()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                if metadata.is_dir() {
                    waiting.push(path);
                } else if metadata.is_file() {
                    let relative = path.strip_prefix(root).unwrap().to_owned();
                    found.push((relative, metadata.ino(), metadata.len(), metadata.mtime()));
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn a_tree_has_the_numbers_it_was_asked_for() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("tree");
        SHAPE.make(&root).unwrap();

        let found = files(&root);
        assert_eq!(found.len(), SHAPE.files);
        crate::scan::scan(&root, 2, SHAPE.entries()).unwrap();
        let inodes: std::collections::HashMap<u64, u64> =
            found.iter().map(|file| (file.1, file.2)).collect();
        assert_eq!(inodes.len(), SHAPE.files - 2, "two second names");
        assert_eq!(inodes.values().sum::<u64>(), SHAPE.bytes);
    }

    #[test]
    fn a_shape_is_told_with_its_thousands_apart() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(100_000), "100,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(SHAPE.to_string(), "2,050 files, 3.0 MB, 90 directories");
    }

    #[test]
    fn two_trees_of_one_shape_are_equal() {
        let temp = tempfile::tempdir().unwrap();
        let (one, two) = (temp.path().join("one"), temp.path().join("two"));
        SHAPE.make(&one).unwrap();
        SHAPE.make(&two).unwrap();
        assert_eq!(crate::compare::compare(&one, &two, None).unwrap(), None);
    }
}
