//! The metadata of a directory, which belongs to one snapshot alone.

use std::io;
use std::os::fd::AsFd;

use crate::catalog::Version;
use crate::catalog::query::CatalogSnapshot;
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
        for name in &finding.damaged.snapshots {
            let mut snapshots = self.check.snapshots.iter().map(|one| one.known);
            let snapshot = snapshots.find(|one| one.name == *name);
            let snapshot = snapshot.ok_or(io::ErrorKind::NotFound)?;
            self.give(snapshot, path, &recorded.row.version)?;
        }
        Ok(())
    }

    /// Gives the directory at a path, which begins with a slash, the metadata of
    /// a version.
    pub(super) fn give(
        &self,
        snapshot: CatalogSnapshot,
        path: &[u8],
        version: &Version,
    ) -> io::Result<()> {
        let rules = self.check.rules_of(snapshot);
        let dir = open_in(self.check.store, snapshot, path)?;
        let source = version.facts.as_metadata();
        make::set_owner(dir.as_fd(), &source, &rules)?;
        let xattrs = recorded_xattrs(version);
        xattr::remove_others(&dir, &xattrs)?;
        xattr::set(Place::Open(dir.as_fd()), &xattrs, rules.xattrs)?;
        make::set_mode_and_mtime(dir.as_fd(), &source, &rules)?;
        dir.sync()
    }
}
