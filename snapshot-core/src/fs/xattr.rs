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
use std::ffi::{CStr, CString};
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
    /// Something that was not opened, through a handle of its own.
    Reference(BorrowedFd<'a>),
}

/// Makes a directory the working directory of this thread; where that cannot
/// be, writes the beginning of a path that leads through its handle.
fn enter(dir: &Dir, path: &mut Vec<u8>) -> io::Result<()> {
    path.clear();
    if !OWN_DIRECTORY.get() || rustix::process::fchdir(dir).is_err() {
        write!(path, "/proc/self/fd/{}/", dir.as_fd().as_raw_fd())?;
    }
    Ok(())
}

/// A place as the calls take it.
#[derive(Clone, Copy)]
enum Target<'a> {
    Handle(BorrowedFd<'a>),
    Path(&'a CStr),
    /// A path in `/proc` that stands for the entry itself.
    Followed(&'a CStr),
}

impl<'a> Place<'a> {
    /// `path` is room for the path of an entry.
    fn target(self, path: &'a mut Vec<u8>) -> io::Result<Target<'a>> {
        match self {
            Place::Open(handle) => Ok(Target::Handle(handle)),
            Place::Entry(dir, name) => {
                enter(dir, path)?;
                path.extend_from_slice(name.to_bytes_with_nul());
                Ok(Target::Path(c_str(path)?))
            }
            Place::Reference(handle) => {
                path.clear();
                write!(path, "/proc/self/fd/{}\0", handle.as_raw_fd())?;
                Ok(Target::Followed(c_str(path)?))
            }
        }
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
        read_target(place.target(path)?, list, value)
    })
}

/// Reads the attributes of several entries of a directory like [`read`], going
/// there once.
pub(crate) fn read_entries<'n>(
    dir: &Dir,
    names: impl Iterator<Item = &'n CStr>,
) -> Vec<io::Result<Option<Xattrs>>> {
    BUFFERS.with_borrow_mut(|Buffers { path, list, value }| {
        let entered = enter(dir, path);
        let start = path.len();
        names
            .map(|name| {
                if let Err(error) = &entered {
                    return Err(error.kind().into());
                }
                path.truncate(start);
                path.extend_from_slice(name.to_bytes_with_nul());
                read_target(Target::Path(c_str(path)?), list, value)
            })
            .collect()
    })
}

fn read_target(
    target: Target<'_>,
    list: &mut [u8],
    value: &mut [u8],
) -> io::Result<Option<Xattrs>> {
    let length = sized(list, |list| match target {
        Target::Handle(handle) => fs::flistxattr(handle, list),
        Target::Path(path) => fs::llistxattr(path, list),
        Target::Followed(path) => fs::listxattr(path, list),
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
        let length = sized(value, |value| match target {
            Target::Handle(handle) => fs::fgetxattr(handle, name, value),
            Target::Path(path) => fs::lgetxattr(path, name, value),
            Target::Followed(path) => fs::getxattr(path, name, value),
        });
        match length {
            Ok(length) => attributes.push((name.to_owned(), value[..length].to_vec())),
            // Taken away in between, or not for us to see.
            Err(Errno::NODATA | Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(Xattrs::new(attributes)))
}

/// Sets attributes on something that has none yet.
pub(crate) fn set(place: Place<'_>, xattrs: &Xattrs, kept: Namespaces) -> io::Result<()> {
    if xattrs.is_empty() {
        return Ok(());
    }
    let mut path = Vec::new();
    let target = place.target(&mut path)?;
    for (name, value) in in_order(xattrs, kept) {
        set_one(target, name, value)?;
    }
    Ok(())
}

/// The order in which attributes are set: an ACL may take away the owner's right
/// to set the others.
fn in_order(xattrs: &Xattrs, kept: Namespaces) -> impl Iterator<Item = (&CStr, &[u8])> {
    let acls = Namespaces::default().with(XattrNamespace::Acl);
    let others = xattrs.within(kept.without(acls));
    others.chain(xattrs.within(kept.and(acls)))
}

/// Takes the attributes that a directory is not to have from it.
pub(crate) fn remove_others(dir: &Dir, wanted: &Xattrs) -> io::Result<()> {
    remove_others_of(dir, wanted, Namespaces::all())
}

/// Takes the attributes of some namespaces that a directory is not to have from
/// it.
pub(crate) fn remove_others_of(dir: &Dir, wanted: &Xattrs, of: Namespaces) -> io::Result<()> {
    let found = read(Place::Open(dir.as_fd()))?.unwrap_or_default();
    for (name, _) in found.within(of) {
        if wanted.iter().any(|(other, _)| other == name) {
            continue;
        }
        match fs::fremovexattr(dir, name) {
            Ok(()) | Err(Errno::NODATA) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Sets as many attributes as it can, and tells which were refused.
pub(crate) fn set_each(place: Place<'_>, xattrs: &Xattrs) -> io::Result<Vec<(CString, Errno)>> {
    let mut refused = Vec::new();
    if xattrs.is_empty() {
        return Ok(refused);
    }
    let mut path = Vec::new();
    let target = place.target(&mut path)?;
    for (name, value) in in_order(xattrs, Namespaces::all()) {
        if let Err(error) = set_one(target, name, value) {
            refused.push((name.to_owned(), error));
        }
    }
    Ok(refused)
}

fn set_one(target: Target<'_>, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    let flags = XattrFlags::empty();
    let done = match target {
        Target::Handle(handle) => fs::fsetxattr(handle, name, value, flags),
        Target::Path(path) => fs::lsetxattr(path, name, value, flags),
        Target::Followed(path) => fs::setxattr(path, name, value, flags),
    };
    done.map_err(|error| match error {
        // No room in the inode, which says nothing of the disk.
        Errno::NOSPC | Errno::RANGE => Errno::TOOBIG,
        other => other,
    })
}

/// Tells whether what is made in a directory inherits an ACL.
pub(crate) fn has_default_acl(dir: &Dir) -> bool {
    let mut nothing: [u8; 0] = [];
    // With no room for it, its size is told.
    fs::fgetxattr(dir, c"system.posix_acl_default", &mut nothing[..]).is_ok_and(|size| size > 0)
}

/// Takes away what a new file or directory inherited, so that neither it nor
/// anything made in it gets more open than its original.
pub(crate) fn drop_inherited_acls(made: &impl AsFd) -> io::Result<()> {
    for name in [c"system.posix_acl_default", c"system.posix_acl_access"] {
        match fs::fremovexattr(made, name) {
            Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
