//! What happens to a tree in a day.

use std::fs;
use std::path::Path;

use crate::error::{At, Result};
use crate::generator::Generator;
use crate::interrupt;
use crate::tree::{TreeShape, date_directory, is_second_name, write_file};

/// What the sequence of numbers is for that chooses the files of a day: this
/// and what follows, one for each day.
const CHANGE: u64 = 10_000;

/// In each thousand, these files are removed and renamed, two a day, and are
/// never among those that get new content.
const RESERVED: usize = 100;

/// The days for which there are enough files.
pub(crate) const MOST_DAYS: usize = RESERVED / 2 - 1;

impl TreeShape {
    /// Gives one file in each hundred new content and another size; adds,
    /// removes and renames one in each thousand.
    pub(crate) fn live_a_day(&self, root: &Path, day: usize) -> Result<()> {
        let directories = self.directory_paths(root);
        let sizes = self.sizes();
        for index in self.changed_files(day) {
            interrupt::check()?;
            let path = self.file_path(&directories, index);
            write_file(&path, day, index, sizes.of(index) + day as u64)?;
        }
        for thousand in (0..self.files).step_by(1_000) {
            let removed = thousand + RESERVED + 2 * day;
            let renamed = removed + 1;
            if renamed >= self.files {
                break;
            }
            let path = self.file_path(&directories, removed);
            fs::remove_file(&path).at("remove", &path)?;
            let added = directories[self.directory_of(thousand)].join(format!("new-{removed:07}"));
            write_file(&added, day, removed, sizes.of(removed))?;
            let path = self.file_path(&directories, renamed);
            let to = directories[self.directory_of(renamed + 1)].join(format!("old-{renamed:07}"));
            fs::rename(&path, &to).at("rename", &path)?;
            for file in [thousand, removed, renamed, renamed + 1] {
                let index = self.directory_of(file);
                // rsync does not set nanoseconds where the seconds are right,
                // as they would be just after the change.
                date_directory(&directories[index], day, index)?;
            }
        }
        Ok(())
    }

    /// Returns the files that change: one of each hundred, spread by chance.
    fn changed_files(&self, day: usize) -> impl Iterator<Item = usize> {
        (0..self.files).step_by(100).map(move |start| {
            // The hundred after the reserved one has two.
            let from = match start % 1_000 {
                RESERVED => start + RESERVED,
                _ => start,
            };
            let from = if from < self.files { from } else { 0 };
            let width = (self.files - from).min(100) as u64;
            let chance = Generator::new(CHANGE + day as u64, start).below(width);
            let index = from + chance as usize;
            if is_second_name(index) {
                index - 1
            } else {
                index
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    const SHAPE: TreeShape = TreeShape {
        files: 2_050,
        directories: 90,
        bytes: 3_000_000,
    };

    /// Reads back every file's inode and size, by name.
    fn files(root: &Path) -> BTreeMap<String, (u64, u64)> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![root.to_owned()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                let metadata = fs::symlink_metadata(entry.path()).unwrap();
                if metadata.is_dir() {
                    waiting.push(entry.path());
                } else if metadata.is_file() {
                    let name = entry.file_name().into_string().unwrap();
                    found.insert(name, (metadata.ino(), metadata.len()));
                }
            }
        }
        found
    }

    #[test]
    fn each_day_has_the_changes_it_is_said_to_have() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("tree");
        SHAPE.make(&root).unwrap();
        for day in [1, 2, MOST_DAYS] {
            let before = files(&root);
            SHAPE.live_a_day(&root, day).unwrap();
            let after = files(&root);

            let gone: Vec<_> = before
                .keys()
                .filter(|name| !after.contains_key(*name))
                .collect();
            let come: Vec<_> = after
                .keys()
                .filter(|name| !before.contains_key(*name))
                .collect();
            assert_eq!((gone.len(), come.len()), (4, 4), "two removed, two renamed");
            let moved = come.iter().filter(|name| name.starts_with("old-")).count();
            assert_eq!(moved, 2);
            let changed = before
                .iter()
                .filter(|(name, was)| after.get(*name).is_some_and(|is| is != *was))
                .inspect(|(name, was)| assert_eq!(after[*name].0, was.0, "same inode"))
                .count();
            assert!((17..=24).contains(&changed), "{changed} on day {day}");
        }
    }
}
