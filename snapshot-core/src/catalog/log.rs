//! The changes that a run makes to the catalog, kept apart until the walk is
//! over: in memory as long as they are few, and in a file of their own then.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags};

use crate::catalog::change::Change;
use crate::catalog::open::{Outcome, Trouble};
use crate::fs::dir::Dir;

/// So much waits in memory.
const CHUNK_BYTES: usize = 1 << 20;

/// The changes of one run, in an order in which each can be applied. The file
/// goes with this.
pub(crate) struct Log {
    dir: Dir,
    name: CString,
    has_file: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    waiting: Vec<u8>,
    file: Option<File>,
    failure: Option<io::Error>,
}

impl Log {
    /// Begins an empty one, whose file will have this name in `dir`.
    pub(crate) fn new(dir: Dir, name: CString) -> Log {
        Log {
            dir,
            name,
            has_file: AtomicBool::new(false),
            kept: Mutex::default(),
        }
    }

    /// Adds what [`Change::write`] wrote. Whoever comes later sees it before
    /// what they add. A failure is told when the changes are read.
    pub(crate) fn append(&self, changes: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.failure.is_some() {
            return;
        }
        kept.waiting.extend_from_slice(changes);
        if kept.waiting.len() < CHUNK_BYTES {
            return;
        }
        let chunk = std::mem::take(&mut kept.waiting);
        let written = match kept.file.take() {
            Some(file) => Ok(file),
            None => self.make(),
        };
        match written.and_then(|file| spill(file, &chunk)) {
            Ok(file) => kept.file = Some(file),
            Err(error) => kept.failure = Some(error),
        }
    }

    fn make(&self) -> io::Result<File> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(&self.dir, &self.name, flags, Mode::RUSR | Mode::WUSR)?;
        self.has_file.store(true, Ordering::Relaxed);
        Ok(File::from(handle))
    }

    /// Reads all changes in their order.
    pub(crate) fn drain(&self, mut apply: impl FnMut(Change) -> Outcome<()>) -> Outcome<()> {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(error) = kept.failure {
            return Err(Trouble::of_io(&error));
        }
        if let Some(mut file) = kept.file {
            file.rewind().map_err(|error| Trouble::of_io(&error))?;
            let mut file = BufReader::new(file);
            while let Some(chunk) = next_chunk(&mut file).map_err(|error| Trouble::of_io(&error))? {
                apply_all(&chunk, &mut apply)?;
            }
        }
        apply_all(&kept.waiting, &mut apply)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.has_file.load(Ordering::Relaxed) {
            // What stays is tidied away by the next run.
            let _ = rustix::fs::unlinkat(&self.dir, &self.name, AtFlags::empty());
        }
    }
}

/// Writes a chunk with its length and its checksum before it.
fn spill(mut file: File, chunk: &[u8]) -> io::Result<File> {
    file.write_all(&(chunk.len() as u64).to_le_bytes())?;
    file.write_all(&crc32fast::hash(chunk).to_le_bytes())?;
    file.write_all(chunk)?;
    Ok(file)
}

fn next_chunk(file: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let (mut length, mut sum) = ([0; 8], [0; 4]);
    match file.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    file.read_exact(&mut sum)?;
    let mut chunk = Vec::new();
    file.take(u64::from_le_bytes(length))
        .read_to_end(&mut chunk)?;
    if crc32fast::hash(&chunk) != u32::from_le_bytes(sum) {
        return Err(io::Error::other("the changes are not what was written"));
    }
    Ok(Some(chunk))
}

fn apply_all(mut chunk: &[u8], apply: &mut impl FnMut(Change) -> Outcome<()>) -> Outcome<()> {
    while !chunk.is_empty() {
        let change = Change::read(&mut chunk)
            .ok_or_else(|| Trouble::Unavailable("the changes cannot be read back".to_owned()))?;
        apply(change)?;
    }
    Ok(())
}
