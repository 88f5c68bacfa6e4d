//! The changes that a run makes to the catalog, written down before the
//! snapshot is published and merged after: a run that is killed in between
//! leaves them to the next one.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags};

use crate::catalog::change::{Change, Made};
use crate::catalog::open::{Outcome, Trouble};
use crate::entry::EntryKind;
use crate::fs::dir::{Boundary, Dir, stat_handle};
use crate::fs::smallfile::Flush;

/// So much waits in memory.
const CHUNK_BYTES: usize = 256 << 10;

/// Where the chunks begin. What is before them is written last, and tells that
/// all are there.
const HEAD_BYTES: u64 = 4096;

/// The changes of one run, in an order in which each can be applied: in memory
/// as long as they are few, and in a file then, which goes with this unless it
/// was completed.
pub(crate) struct Log {
    dir: Dir,
    name: CString,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    waiting: Vec<u8>,
    file: Option<File>,
    failure: Option<io::Error>,
    /// So much was added.
    bytes: u64,
    /// The file is for others to read.
    is_complete: bool,
}

impl Log {
    /// Begins an empty one, whose file will have this name in `dir`.
    pub(crate) fn new(dir: Dir, name: CString) -> Log {
        Log {
            dir,
            name,
            kept: Mutex::default(),
        }
    }

    /// Opens what an earlier run completed; none if there is no such file, or
    /// if it is not complete.
    pub(crate) fn open(dir: Dir, name: CString) -> io::Result<Option<(Made, Log)>> {
        let mut file = match dir.open_file(&name, Boundary::Stay) {
            Ok(file) if stat_handle(file.as_fd())?.kind == EntryKind::File => File::from(file),
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut head = Vec::new();
        let Ok(true) = next_chunk(&mut file, &mut head) else {
            return Ok(None);
        };
        let found = head.split_last_chunk().and_then(|(text, length)| {
            let is_whole = file.metadata().ok()?.len() == u64::from_le_bytes(*length);
            Made::read(text).filter(|_| is_whole)
        });
        let log = Log::new(dir, name);
        log.kept().file = Some(file);
        log.kept().is_complete = true;
        Ok(found.map(|made| (made, log)))
    }

    /// Tells whether all changes can be read.
    pub(crate) fn is_whole(&self) -> bool {
        self.drain(|_| Ok(())).is_ok()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what [`Change::write`] wrote. Whoever comes later sees it before
    /// what they add. A failure is told when the changes are read.
    pub(crate) fn append(&self, changes: &[u8]) {
        let mut kept = self.kept();
        if kept.failure.is_some() {
            return;
        }
        kept.bytes += changes.len() as u64;
        kept.waiting.extend_from_slice(changes);
        if kept.waiting.len() < CHUNK_BYTES {
            return;
        }
        if let Err(error) = self.spill(&mut kept) {
            kept.failure = Some(error);
        }
    }

    /// What was added, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.kept().bytes
    }

    /// Writes what waits into the file.
    fn spill(&self, kept: &mut Kept) -> io::Result<()> {
        let Kept { waiting, file, .. } = kept;
        let file = match file {
            Some(file) => file,
            none => none.insert(self.make()?),
        };
        if !waiting.is_empty() {
            file.write_all(&frame(waiting))?;
            file.write_all(waiting)?;
            waiting.clear();
        }
        Ok(())
    }

    fn make(&self) -> io::Result<File> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(&self.dir, &self.name, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(handle);
        file.seek(SeekFrom::Start(HEAD_BYTES))?;
        Ok(file)
    }

    /// Completes the file: from now on a later run finds the changes there.
    pub(crate) fn complete(&self, made: &Made, flush: Flush) -> Outcome<()> {
        let mut kept = self.kept();
        if let Some(error) = kept.failure.take() {
            return Err(Trouble::of_io(&error));
        }
        let written = self.spill(&mut kept).and_then(|()| match &mut kept.file {
            Some(file) => write_head(file, made, flush),
            None => Ok(()),
        });
        kept.is_complete = written.is_ok();
        written.map_err(|error| Trouble::of_io(&error))
    }

    /// Reads all changes in their order.
    pub(crate) fn drain(&self, mut apply: impl FnMut(Change) -> Outcome<()>) -> Outcome<()> {
        let mut kept = self.kept();
        let failed = |error: io::Error| Trouble::of_io(&error);
        if let Some(error) = kept.failure.take() {
            return Err(failed(error));
        }
        if let Some(file) = &mut kept.file {
            file.seek(SeekFrom::Start(HEAD_BYTES)).map_err(failed)?;
            let mut chunk = Vec::new();
            while next_chunk(file, &mut chunk).map_err(failed)? {
                apply_all(&chunk, &mut apply)?;
            }
        }
        apply_all(&std::mem::take(&mut kept.waiting), &mut apply)
    }

    /// Lets the file go: its changes are of no use any more.
    pub(crate) fn discard(self) {
        self.kept().is_complete = false;
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let kept = self.kept();
        if kept.file.is_some() && !kept.is_complete {
            // What stays is tidied away by the next run.
            let _ = rustix::fs::unlinkat(&self.dir, &self.name, AtFlags::empty());
        }
    }
}

/// Writes what comes before the chunks: the snapshot, and how long the file is.
fn write_head(file: &mut File, made: &Made, flush: Flush) -> io::Result<()> {
    let length = file.stream_position()?;
    // Without a chunk it would end with the head.
    file.set_len(length)?;
    let head = [made.written(), length.to_le_bytes().to_vec()].concat();
    let head = [&frame(&head), head.as_slice()].concat();
    if head.len() as u64 > HEAD_BYTES {
        return Err(io::Error::other("the snapshot's rules are too long"));
    }
    file.write_all_at(&head, 0)?;
    match flush {
        Flush::Now => file.sync_all(),
        Flush::Later => Ok(()),
    }
}

/// What comes before a chunk: its length and its checksum.
fn frame(chunk: &[u8]) -> [u8; 12] {
    let mut frame = [0; 12];
    frame[..8].copy_from_slice(&(chunk.len() as u64).to_le_bytes());
    frame[8..].copy_from_slice(&crc32fast::hash(chunk).to_le_bytes());
    frame
}

/// Reads the next chunk; false if there is none.
fn next_chunk(file: &mut impl Read, chunk: &mut Vec<u8>) -> io::Result<bool> {
    let mut found = [0; 12];
    match file.read_exact(&mut found) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        other => other?,
    }
    let length = found
        .first_chunk()
        .map_or(0, |first| u64::from_le_bytes(*first));
    chunk.clear();
    file.take(length).read_to_end(chunk)?;
    if chunk.is_empty() || frame(chunk) != found {
        return Err(io::Error::other("the changes are not what was written"));
    }
    Ok(true)
}

fn apply_all(mut chunk: &[u8], apply: &mut impl FnMut(Change) -> Outcome<()>) -> Outcome<()> {
    while !chunk.is_empty() {
        let change = Change::read(&mut chunk)
            .ok_or_else(|| Trouble::Unavailable("the changes cannot be read back".to_owned()))?;
        apply(change)?;
    }
    Ok(())
}
