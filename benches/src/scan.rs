//! A look at every entry of a tree and nothing else: what no backup that looks
//! at its source can be faster than.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, StatxFlags, openat, statx};

use crate::error::{At, Error, Result};

const BUFFER_BYTES: usize = 64 * 1024;

/// Directories that wait, and how many are being read.
#[derive(Default)]
struct Queue {
    waiting: Vec<CString>,
    busy: usize,
    failed: bool,
}

/// Lists each directory and asks for the metadata of each entry, on as many
/// threads; fails if there are not just as many entries below `root` as
/// expected.
///
/// # Errors
///
/// Fails where something cannot be read.
pub(crate) fn scan(root: &Path, threads: usize, expected_entries: usize) -> Result<()> {
    let start = CString::new(root.as_os_str().as_bytes())
        .map_err(std::io::Error::from)
        .at("scan", root)?;
    let queue = Mutex::new(Queue {
        waiting: vec![start],
        ..Queue::default()
    });
    let news = Condvar::new();
    let entries = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work(&queue, &news)))
            .collect();
        let mut entries = 0;
        for worker in workers {
            let counted = worker.join().unwrap_or(Ok(0));
            entries += counted.at("scan", root)?;
        }
        Ok(entries)
    })?;
    if entries == expected_entries {
        Ok(())
    } else {
        Err(Error::Different {
            program: "the scan".to_owned(),
            difference: format!("{entries} entries, and not {expected_entries}"),
        })
    }
}

/// Reads directories until none is left; returns the number of entries.
fn work(queue: &Mutex<Queue>, news: &Condvar) -> std::io::Result<usize> {
    let lock = || queue.lock().unwrap_or_else(PoisonError::into_inner);
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER_BYTES];
    let mut entries = 0;
    loop {
        let mut state = lock();
        let path = loop {
            if state.failed {
                return Ok(entries);
            }
            if let Some(path) = state.waiting.pop() {
                break path;
            }
            if state.busy == 0 {
                return Ok(entries);
            }
            state = news.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        state.busy += 1;
        drop(state);
        let mut found = Vec::new();
        let read = read(&path, &mut buffer, &mut found);
        let mut state = lock();
        state.busy -= 1;
        state.failed |= read.is_err();
        state.waiting.append(&mut found);
        drop(state);
        news.notify_all();
        entries += read?;
    }
}

/// Looks at each entry of a directory, and puts those that are directories
/// with `found`.
fn read(
    path: &CString,
    buffer: &mut [MaybeUninit<u8>],
    found: &mut Vec<CString>,
) -> std::io::Result<usize> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory: OwnedFd = openat(CWD, path, flags, Mode::empty())?;
    let mut listing = RawDir::new(directory.as_fd(), buffer);
    let mut entries = 0;
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        entries += 1;
        let metadata = statx(
            &directory,
            name,
            AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT,
            StatxFlags::BASIC_STATS,
        )?;
        if FileType::from_raw_mode(metadata.stx_mode.into()) == FileType::Directory {
            let path = [path.to_bytes(), b"/", name.to_bytes()].concat();
            found.push(CString::new(path)?);
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_meets_every_entry_once() {
        let temp = tempfile::tempdir().unwrap();
        for name in ["one/two/three", "one/four", "five"] {
            std::fs::create_dir_all(temp.path().join(name)).unwrap();
        }
        std::fs::write(temp.path().join("one/two/file"), "").unwrap();
        for threads in [1, 3] {
            scan(temp.path(), threads, 6).unwrap();
            assert!(scan(temp.path(), threads, 7).is_err());
        }
        assert!(scan(&temp.path().join("none"), 2, 0).is_err());
    }
}
