//! Copying a file's data: by reference, inside the kernel, or by reading.

use std::cell::RefCell;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{self, SeekFrom};
use rustix::io::Errno;

use crate::entry::Metadata;

/// What one call copies at most, so that a cancelled run stops soon.
const CHUNK_BYTES: u64 = 8 << 20;
const BUFFER_BYTES: usize = 256 << 10;

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
/// `proceed` is told the bytes of each chunk and says whether to go on.
pub(crate) fn contents(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    source: &Metadata,
    ways: &Ways,
    proceed: &mut dyn FnMut(u64) -> bool,
) -> Result<(), CopyError> {
    let size = source.size_bytes;
    if size == 0 {
        return Ok(());
    }
    if source.allocated_bytes >= size {
        return range(from, to, 0, size, ways, proceed);
    }
    // The size comes first: a hole at the end has no byte that would set it,
    // and room that xfs reserves behind what seems the end stays allocated.
    fs::ftruncate(to, size).map_err(|error| CopyError::Write(error.into()))?;
    let mut position = 0;
    while let Some((start, end)) = next_data(from, position, size)? {
        range(from, to, start, end, ways, proceed)?;
        position = end;
    }
    Ok(())
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

fn range(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    start: u64,
    end: u64,
    ways: &Ways,
    proceed: &mut dyn FnMut(u64) -> bool,
) -> Result<(), CopyError> {
    let mut position = start;
    while position < end {
        let chunk = (end - position).min(CHUNK_BYTES);
        let copied = match copy_in_kernel(from, to, position, chunk, ways)? {
            0 => copy_by_reading(from, to, position, chunk)?,
            copied => copied,
        };
        position += copied;
        if !proceed(copied) {
            return Err(CopyError::Cancelled);
        }
    }
    Ok(())
}

/// Lets the kernel (or the file server) copy; 0 if it will not.
fn copy_in_kernel(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    position: u64,
    chunk: u64,
    ways: &Ways,
) -> Result<u64, CopyError> {
    if ways.no_kernel_copy.load(Ordering::Relaxed) {
        return Ok(0);
    }
    let (mut read_at, mut write_at) = (position, position);
    // A chunk is 8 MiB at most.
    match fs::copy_file_range(
        from,
        Some(&mut read_at),
        to,
        Some(&mut write_at),
        chunk as usize,
    ) {
        Ok(copied) => Ok(copied as u64),
        Err(error) if is_no_way(error) => {
            ways.no_kernel_copy.store(true, Ordering::Relaxed);
            Ok(0)
        }
        // Reading and writing by hand tells which of the two failed.
        Err(_) => Ok(0),
    }
}

/// Tells a refusal that concerns the pair of filesystems from one that
/// concerns the file.
fn is_no_way(error: Errno) -> bool {
    matches!(
        error,
        Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOTTY
    )
}

fn copy_by_reading(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    position: u64,
    chunk: u64,
) -> Result<u64, CopyError> {
    BUFFER.with_borrow_mut(|buffer| {
        let wanted = usize::try_from(chunk).map_or(BUFFER_BYTES, |chunk| chunk.min(BUFFER_BYTES));
        let read = loop {
            match rustix::io::pread(from, &mut buffer[..wanted], position) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(CopyError::Read(error.into())),
                Ok(0) => return Err(CopyError::Shrunk),
                Ok(read) => break read,
            }
        };
        let mut written = 0;
        while written < read {
            match rustix::io::pwrite(to, &buffer[written..read], position + written as u64) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(CopyError::Write(error.into())),
                Ok(0) => return Err(CopyError::Write(io::ErrorKind::WriteZero.into())),
                Ok(bytes) => written += bytes,
            }
        }
        Ok(read as u64)
    })
}
