//! Trees of any depth.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, Timespec, Timestamps};

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// A chain of directories, each in the one before, with or without other
/// things on each level.
#[derive(Debug, Clone)]
#[must_use]
pub struct Chain {
    levels: usize,
    comb: bool,
    name: Vec<u8>,
    content: Option<Vec<u8>>,
}

impl Chain {
    /// Describes a chain of `levels` directories with a file in each.
    pub fn new(levels: usize) -> Self {
        Self {
            levels,
            comb: false,
            name: b"d".to_vec(),
            content: None,
        }
    }

    /// Adds a second directory with a file on each level, so that a walk has
    /// two ways to go everywhere.
    pub fn comb(self) -> Self {
        Self { comb: true, ..self }
    }

    /// Names each directory of the chain `name` instead of `d`.
    pub fn named(self, name: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            ..self
        }
    }

    /// Writes `content` to each file, which says its level otherwise.
    pub fn saying(self, content: impl AsRef<[u8]>) -> Self {
        Self {
            content: Some(content.as_ref().to_vec()),
            ..self
        }
    }

    /// Makes the chain at `root` and returns that path.
    ///
    /// # Panics
    ///
    /// If anything cannot be made.
    #[track_caller]
    pub fn build(&self, root: impl AsRef<Path>) -> PathBuf {
        let root = root.as_ref();
        std::fs::create_dir_all(root).expect("the root of the chain");
        let mut at =
            rustix::fs::openat(CWD, root, DIRECTORY, Mode::empty()).expect("the root of the chain");
        for level in 0..self.levels {
            let made = self.level(&at, level);
            at = made.unwrap_or_else(|error| panic!("level {level} of the chain: {error}"));
        }
        rustix::fs::futimens(&at, &times(self.levels)).expect("the end of the chain");
        root.to_path_buf()
    }

    fn level(&self, at: &OwnedFd, level: usize) -> rustix::io::Result<OwnedFd> {
        let times = times(level);
        let file = |at: &OwnedFd| {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            let file = rustix::fs::openat(at, c"f", flags, Mode::from_raw_mode(0o644))?;
            let number = level.to_string().into_bytes();
            rustix::io::write(&file, self.content.as_ref().unwrap_or(&number))?;
            rustix::fs::futimens(&file, &times)
        };
        file(at)?;
        rustix::fs::mkdirat(at, self.name.as_slice(), Mode::from_raw_mode(0o755))?;
        if self.comb {
            rustix::fs::mkdirat(at, c"e", Mode::from_raw_mode(0o755))?;
            let side = rustix::fs::openat(at, c"e", DIRECTORY, Mode::empty())?;
            file(&side)?;
            rustix::fs::futimens(&side, &times)?;
        }
        let below = rustix::fs::openat(at, self.name.as_slice(), DIRECTORY, Mode::empty())?;
        rustix::fs::futimens(at, &times)?;
        Ok(below)
    }
}

fn times(level: usize) -> Timestamps {
    let seconds = 1_600_000_000 + i64::try_from(level).expect("a level");
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 987_654_321,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
