//! The metadata of a directory, which belongs to one snapshot alone.

use std::io;
use std::os::fd::AsFd;

use crate::fs::make;
use crate::fs::xattr::{self, Place};
use crate::verify::anchors::open_in;
use crate::verify::findings::Finding;
use crate::verify::look::recorded_xattrs;
use crate::verify::repair::Mender;

impl Mender<'_, '_> {
    /// Gives a directory the metadata that were recorded.
    pub(super) fn directory(&self, finding: &Finding) -> io::Result<()> {
        use std::os::unix::ffi::OsStrExt;
        let path = finding.damaged.path.as_os_str().as_bytes();
        let recorded = finding.place.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
        let version = &recorded.row.version;
        for name in &finding.damaged.snapshots {
            let one = self
                .check
                .snapshots
                .iter()
                .find(|one| one.known.name == *name);
            let one = one.ok_or(io::ErrorKind::NotFound)?;
            let dir = open_in(self.check.store, one.known, path)?;
            let source = version.facts.as_metadata();
            make::set_owner(dir.as_fd(), &source, &one.rules)?;
            let xattrs = recorded_xattrs(version);
            xattr::remove_others(&dir, &xattrs)?;
            xattr::set(Place::Open(dir.as_fd()), &xattrs, one.rules.xattrs)?;
            make::set_mode_and_mtime(dir.as_fd(), &source, &one.rules)?;
            dir.sync()?;
        }
        Ok(())
    }
}
