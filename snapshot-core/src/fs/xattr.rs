//! Reading and setting extended attributes.
//!
//! By handle where there is one. For an entry that cannot be opened (a
//! symlink, a device) or should not be (a file that did not change), the calls
//! take a path alone before Linux 6.13. It is the entry's name, with the
//! directory as the working directory of this thread; or, on threads that
//! share theirs with others, `/proc/self/fd/N/NAME`, which costs four times as
//! much. Both go through the directory's handle, and the calls do not follow
//! the name, so nobody can swap anything on the way.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::io;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{self, XattrFlags};
use rustix::io::Errno;

use crate::fs::dir::Dir;
use crate::xattr::{Namespaces, XattrNamespace, Xattrs};

/// The kernel allocates as much as it is offered, so a small buffer comes
/// first; no list and no value is longer than the second.
const BUFFER_BYTES: [usize; 2] = [1024, 64 * 1024];

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers {
        path: Vec::new(),
        list: vec![0; BUFFER_BYTES[1]],
        value: vec![0; BUFFER_BYTES[1]],
    });
}

struct Buffers {
    path: Vec<u8>,
    list: Vec<u8>,
    value: Vec<u8>,
}

/// Calls with the small buffer and, if that was too small, with the large one.
fn sized(
    buffer: &mut [u8],
    mut call: impl FnMut(&mut [u8]) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    match call(&mut buffer[..BUFFER_BYTES[0]]) {
        Err(Errno::RANGE) => call(buffer),
        other => other,
    }
}

/// What attributes are read from or set on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// An open file or directory.
    Open(BorrowedFd<'a>),
    /// An entry of a directory; it is not followed.
    Entry(&'a Dir, &'a CStr),
}

impl Place<'_> {
    /// Writes the path of an entry; an empty one stands for what is open.
    fn write_path(self, path: &mut Vec<u8>) -> io::Result<()> {
        path.clear();
        if let Place::Entry(dir, name) = self {
            if !OWN_DIRECTORY.get() || rustix::process::fchdir(dir).is_err() {
                write!(path, "/proc/self/fd/{}/", dir.as_fd().as_raw_fd())?;
            }
            path.extend_from_slice(name.to_bytes_with_nul());
        }
        Ok(())
    }
}

thread_local! {
    static OWN_DIRECTORY: Cell<bool> = const { Cell::new(false) };
}

/// Gives this thread, which has to be the engine's own, a working directory of
/// its own. A sandbox may forbid it; then paths go through `/proc`.
pub(crate) fn own_directory() {
    #[allow(deprecated, reason = "unsafe is only to unshare FILES, not FS")]
    let unshared = rustix::thread::unshare(rustix::thread::UnshareFlags::FS);
    OWN_DIRECTORY.set(unshared.is_ok());
}

/// Leaves the last directory, which would keep its filesystem busy.
pub(crate) fn leave_directory() {
    if OWN_DIRECTORY.get() && rustix::process::chdir(c"/").is_err() {
        OWN_DIRECTORY.set(false);
    }
}

fn c_str(path: &[u8]) -> io::Result<&CStr> {
    CStr::from_bytes_with_nul(path).map_err(io::Error::other)
}

/// Reads the attributes that are carried. None if the filesystem has no
/// attributes at all, so that its other entries need not be asked.
pub(crate) fn read(place: Place<'_>) -> io::Result<Option<Xattrs>> {
    BUFFERS.with_borrow_mut(|Buffers { path, list, value }| {
        place.write_path(path)?;
        let path = if path.is_empty() { c"" } else { c_str(path)? };
        let length = sized(list, |list| match place {
            Place::Open(handle) => fs::flistxattr(handle, list),
            Place::Entry(..) => fs::llistxattr(path, list),
        });
        let length = match length {
            Ok(0) => return Ok(Some(Xattrs::default())),
            Ok(length) => length,
            Err(Errno::OPNOTSUPP) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut attributes = Vec::new();
        for name in list[..length].split_inclusive(|&byte| byte == 0) {
            let name = c_str(name)?;
            if XattrNamespace::of(name).is_none() {
                continue;
            }
            let length = sized(value, |value| match place {
                Place::Open(handle) => fs::fgetxattr(handle, name, value),
                Place::Entry(..) => fs::lgetxattr(path, name, value),
            });
            match length {
                Ok(length) => attributes.push((name.to_owned(), value[..length].to_vec())),
                // Taken away in between, or not for us to see.
                Err(Errno::NODATA | Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(Xattrs::new(attributes)))
    })
}

/// Sets attributes on something that has none yet.
pub(crate) fn set(place: Place<'_>, xattrs: &Xattrs, kept: Namespaces) -> io::Result<()> {
    if xattrs.is_empty() {
        return Ok(());
    }
    let mut path = Vec::new();
    place.write_path(&mut path)?;
    // An ACL may take away the owner's right to set the others.
    let acls = Namespaces::default().with(XattrNamespace::Acl);
    let others = xattrs.within(kept.without(acls));
    for (name, value) in others.chain(xattrs.within(kept.and(acls))) {
        let done = match place {
            Place::Open(handle) => fs::fsetxattr(handle, name, value, XattrFlags::empty()),
            Place::Entry(..) => fs::lsetxattr(c_str(&path)?, name, value, XattrFlags::empty()),
        };
        done.map_err(|error| match error {
            // No room in the inode, which says nothing of the disk.
            Errno::NOSPC | Errno::RANGE => Errno::TOOBIG,
            other => other,
        })?;
    }
    Ok(())
}

/// Takes away what a new directory inherited, so that nothing made in it gets
/// more open than its original.
pub(crate) fn drop_inherited_acls(dir: &Dir) -> io::Result<()> {
    for name in [c"system.posix_acl_default", c"system.posix_acl_access"] {
        match fs::fremovexattr(dir, name) {
            Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
