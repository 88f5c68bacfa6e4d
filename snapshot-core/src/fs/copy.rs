//! Copying a file's data: by reference, inside the kernel, or by reading, and
//! hashing it.

mod hasher;

use std::cell::RefCell;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use blake3::Hasher;
use rustix::fs::{self, Advice, SeekFrom};
use rustix::io::Errno;

use crate::entry::{Hash, Metadata};
use crate::fs::copy::hasher::{Helper, Turn};

/// What one call copies at most, so that a cancelled run stops soon.
const CHUNK_BYTES: u64 = 8 << 20;
const BUFFER_BYTES: usize = 256 << 10;

/// Up to so many bytes of holes, a file is hashed whatever else it holds.
const LARGE_HOLES_BYTES: u64 = 1 << 30;

/// From this size on a thread to hash on is worth its start.
const BESIDE_BYTES: u64 = 8 << 20;

/// What a hole reads as.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

/// What turned out not to work with one source filesystem, or from there to
/// the destination, so that it is not tried for each file again.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    /// The filesystem has no extended attributes.
    pub(crate) no_xattrs: AtomicBool,
    no_reflink: AtomicBool,
    no_kernel_copy: AtomicBool,
}

/// Why a file's data could not be copied.
#[derive(Debug)]
pub(crate) enum CopyError {
    /// The source could not be read.
    Read(io::Error),
    /// The destination could not be written.
    Write(io::Error),
    /// The source is shorter than it was when it was opened.
    Shrunk,
    /// The run was cancelled.
    Cancelled,
}

/// Shares the data, where both filesystems are one that can; tells if it did.
pub(crate) fn by_reference(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    source: &Metadata,
    ways: &Ways,
) -> Result<bool, CopyError> {
    let size = source.size_bytes;
    if size == 0 || ways.no_reflink.load(Ordering::Relaxed) {
        return Ok(false);
    }
    match fs::ioctl_ficlone(to, from) {
        Ok(()) => {
            // What was added since the source was opened is cloned too.
            fs::ftruncate(to, size).map_err(|error| CopyError::Write(error.into()))?;
            return Ok(true);
        }
        Err(error) if is_no_way(error) => ways.no_reflink.store(true, Ordering::Relaxed),
        // Swap files, and files with other block sizes, are refused alone.
        Err(_) => {}
    }
    Ok(false)
}

/// Copies as many bytes as `source` had when it was opened; what it grows
/// meanwhile is not read, so that nothing is endless. Holes stay holes.
///
/// With [`Hashing::Wanted`] the bytes are read once, for the hash and for the
/// copy. While there are processors for it, a large file is hashed on a thread
/// of its own, so that what is copied alone does not wait for its hash.
///
/// `proceed` is told the bytes of each chunk and says whether to go on. Holes
/// are told where they take time: where they are hashed.
pub(crate) fn contents(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    source: &Metadata,
    ways: &Ways,
    hashing: Hashing,
    proceed: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<Hash>, CopyError> {
    let mut copy = |digest: Digest<'_>| {
        let pass = Pass {
            from,
            to: Some((to, ways)),
            digest,
            proceed,
        };
        pass.copy(source)
    };
    if hashing == Hashing::Unwanted {
        return copy(Digest::None).map(|()| None);
    }
    let turn = (source.size_bytes >= BESIDE_BYTES).then(Turn::take);
    let hash = match turn {
        Some(Turn { has_room: true, .. }) => hasher::hash(copy)?,
        _ => hash_here(copy)?,
    };
    Ok(Some(hash))
}

/// Whether a copy is to be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hashing {
    Wanted,
    Unwanted,
}

impl Hashing {
    pub(crate) fn when(is_wanted: bool) -> Hashing {
        match is_wanted {
            true => Hashing::Wanted,
            false => Hashing::Unwanted,
        }
    }
}

/// Hashes a file's first `size_bytes` bytes. Holes are not read.
///
/// `proceed` is told the bytes of each chunk, those of holes too, and says
/// whether to go on.
pub(crate) fn hash(
    from: BorrowedFd<'_>,
    size_bytes: u64,
    proceed: &mut dyn FnMut(u64) -> bool,
) -> Result<Hash, CopyError> {
    hash_here(|digest| {
        let mut pass = Pass {
            from,
            to: None,
            digest,
            proceed,
        };
        if size_bytes <= BUFFER_BYTES as u64 {
            // One call, where looking for holes would take two more.
            pass.data(0, size_bytes)
        } else {
            pass.data_and_holes(size_bytes)
        }
    })
}

/// Hashes what is passed, as it comes.
fn hash_here(pass: impl FnOnce(Digest<'_>) -> Result<(), CopyError>) -> Result<Hash, CopyError> {
    let mut hasher = Hasher::new();
    pass(Digest::Here(&mut hasher))?;
    Ok(hasher.finalize().into())
}

/// Hashes so many zeros.
fn hash_zeros(hasher: &mut Hasher, bytes: u64) {
    let mut left = bytes;
    while left > 0 {
        let now = left.min(ZEROS.len() as u64);
        hasher.update(&ZEROS[..now as usize]);
        left -= now;
    }
}

/// Tells whether a file's hash is worth its time: not if its holes are larger
/// than 1 GiB and larger than its data.
///
/// A hole takes no room and can be 16 TiB, but its zeros take as long to hash as
/// data. Where a filesystem counts compressed blocks, as ZFS does, what it saves
/// by compression passes for holes.
pub(crate) fn is_hashed(file: &Metadata) -> bool {
    let hole_bytes = file.size_bytes.saturating_sub(file.allocated_bytes);
    hole_bytes <= LARGE_HOLES_BYTES || hole_bytes <= file.stored_bytes()
}

/// One pass over a file's content, from its start to its end.
struct Pass<'a> {
    from: BorrowedFd<'a>,
    /// Where it is copied to, unless it is only hashed.
    to: Option<(BorrowedFd<'a>, &'a Ways)>,
    digest: Digest<'a>,
    proceed: &'a mut dyn FnMut(u64) -> bool,
}

/// What becomes of the bytes, beside their copy.
enum Digest<'a> {
    None,
    /// They are hashed as they come.
    Here(&'a mut Hasher),
    /// Another thread hashes them.
    Helper(Helper),
}

impl Pass<'_> {
    fn copy(mut self, source: &Metadata) -> Result<(), CopyError> {
        let size = source.size_bytes;
        if source.allocated_bytes >= size {
            return self.data(0, size);
        }
        // The size comes first: a hole at the end has no byte that would set
        // it, and room that xfs reserves behind what seems the end stays
        // allocated.
        if let Some((to, _)) = self.to {
            fs::ftruncate(to, size).map_err(|error| CopyError::Write(error.into()))?;
        }
        self.data_and_holes(size)
    }

    fn data_and_holes(&mut self, size: u64) -> Result<(), CopyError> {
        let mut position = 0;
        while let Some((start, end)) = next_data(self.from, position, size)? {
            self.hole(start - position)?;
            self.data(start, end)?;
            position = end;
        }
        // What was cut off the file is no hole, though it looks like one here.
        let is_hashed = !matches!(self.digest, Digest::None);
        if is_hashed && position < size && end_of(self.from)? < size {
            return Err(CopyError::Shrunk);
        }
        self.hole(size - position)
    }

    fn data(&mut self, start: u64, end: u64) -> Result<(), CopyError> {
        let (mut position, mut flushed) = (start, start);
        while position < end {
            if position - flushed >= CHUNK_BYTES {
                self.start_flushing(flushed, position);
                flushed = position;
            }
            let chunk = (end - position).min(CHUNK_BYTES);
            let done = match self.copy_in_kernel(position, chunk) {
                0 => self.read(position, chunk)?,
                copied => copied,
            };
            position += done;
            self.tell(done)?;
        }
        Ok(())
    }

    /// Lets the kernel write a stretch of the copy to the disk while the rest is
    /// being read: the run will wait for it in the end anyway.
    ///
    /// That is what the advice does to dirty pages. From the cache it takes only
    /// what has reached the disk by then.
    fn start_flushing(&self, start: u64, end: u64) {
        if let (Some((to, _)), Some(bytes)) = (self.to, NonZeroU64::new(end - start)) {
            // Where it is not understood, all is flushed at the end.
            let _ = fs::fadvise(to, start, Some(bytes), Advice::DontNeed);
        }
    }

    /// Passes a hole, which is zeros to the hash, and nothing to a copy.
    fn hole(&mut self, bytes: u64) -> Result<(), CopyError> {
        let mut left = bytes;
        while left > 0 {
            let done = left.min(BUFFER_BYTES as u64);
            match &mut self.digest {
                Digest::None => return Ok(()),
                Digest::Here(hasher) => hash_zeros(hasher, done),
                Digest::Helper(helper) => helper.hole(done),
            }
            left -= done;
            self.tell(done)?;
        }
        Ok(())
    }

    fn tell(&mut self, bytes: u64) -> Result<(), CopyError> {
        if (self.proceed)(bytes) {
            Ok(())
        } else {
            Err(CopyError::Cancelled)
        }
    }

    /// Lets the kernel (or the file server) copy; 0 if it will not, or if the
    /// bytes have to be seen.
    fn copy_in_kernel(&self, position: u64, chunk: u64) -> u64 {
        let (Some((to, ways)), Digest::None) = (self.to, &self.digest) else {
            return 0;
        };
        if ways.no_kernel_copy.load(Ordering::Relaxed) {
            return 0;
        }
        let (mut read_at, mut write_at) = (position, position);
        // A chunk is 8 MiB at most.
        match fs::copy_file_range(
            self.from,
            Some(&mut read_at),
            to,
            Some(&mut write_at),
            chunk as usize,
        ) {
            Ok(copied) => copied as u64,
            Err(error) => {
                if is_no_way(error) {
                    ways.no_kernel_copy.store(true, Ordering::Relaxed);
                }
                // Reading and writing by hand tells which of the two failed.
                0
            }
        }
    }

    /// Reads once, as much as the buffer holds, for the copy and the hash.
    fn read(&mut self, position: u64, chunk: u64) -> Result<u64, CopyError> {
        if let Digest::Helper(helper) = &self.digest {
            let mut buffer = helper.buffer();
            let bytes = self.transfer(&mut buffer, position, chunk)?;
            helper.data(buffer, bytes);
            return Ok(bytes as u64);
        }
        BUFFER.with_borrow_mut(|buffer| {
            let bytes = self.transfer(buffer, position, chunk)?;
            if let Digest::Here(hasher) = &mut self.digest {
                hasher.update(&buffer[..bytes]);
            }
            Ok(bytes as u64)
        })
    }

    /// Reads into the buffer, and writes that to the copy; returns the number
    /// of bytes.
    fn transfer(&self, buffer: &mut [u8], position: u64, chunk: u64) -> Result<usize, CopyError> {
        let wanted = usize::try_from(chunk).map_or(BUFFER_BYTES, |chunk| chunk.min(BUFFER_BYTES));
        let read = loop {
            match rustix::io::pread(self.from, &mut buffer[..wanted], position) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(CopyError::Read(error.into())),
                Ok(0) => return Err(CopyError::Shrunk),
                Ok(read) => break read,
            }
        };
        if let Some((to, _)) = self.to {
            write(to, &buffer[..read], position)?;
        }
        Ok(read)
    }
}

/// Finds the next stretch of data at or behind `position`.
fn next_data(
    from: BorrowedFd<'_>,
    position: u64,
    size: u64,
) -> Result<Option<(u64, u64)>, CopyError> {
    if position >= size {
        return Ok(None);
    }
    let start = match fs::seek(from, SeekFrom::Data(position)) {
        Ok(start) if start < size => start,
        // ENXIO: only a hole is left.
        Ok(_) | Err(Errno::NXIO) => return Ok(None),
        // A filesystem that does not tell holes: all is data.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(Some((position, size))),
        Err(error) => return Err(CopyError::Read(error.into())),
    };
    match fs::seek(from, SeekFrom::Hole(start)) {
        Ok(end) => Ok(Some((start, end.min(size)))),
        Err(Errno::NXIO) => Err(CopyError::Shrunk),
        Err(error) => Err(CopyError::Read(error.into())),
    }
}

fn end_of(file: BorrowedFd<'_>) -> Result<u64, CopyError> {
    fs::seek(file, SeekFrom::End(0)).map_err(|error| CopyError::Read(error.into()))
}

/// Tells a refusal that concerns the pair of filesystems from one that
/// concerns the file.
fn is_no_way(error: Errno) -> bool {
    matches!(
        error,
        Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOTTY
    )
}

fn write(to: BorrowedFd<'_>, bytes: &[u8], position: u64) -> Result<(), CopyError> {
    let mut written = 0;
    while written < bytes.len() {
        match rustix::io::pwrite(to, &bytes[written..], position + written as u64) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(CopyError::Write(error.into())),
            Ok(0) => return Err(CopyError::Write(io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
