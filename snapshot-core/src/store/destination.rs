//! What a store's destination can hold, kept in its marker.

use std::io;

use crate::capabilities::{Capabilities, Probed};
use crate::compare::Rules;
use crate::error::Result;
use crate::fs::dir::Dir;
use crate::fs::probe;
use crate::fs::publish::Filesystem;
use crate::fs::smallfile::{self, Flush};
use crate::layout;
use crate::options::FullCopies;
use crate::record::Marker;
use crate::run::dry_rules;
use crate::store::{Store, c_name};

impl Store {
    /// Finds out, by trying, what the destination can hold, and keeps it in
    /// `store.toml`.
    ///
    /// [`Store::init`] does this, and [`Store::backup`] does it again when the
    /// filesystem, its mount or the caller is another one than when it was done.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreLocked`](crate::ErrorKind::StoreLocked),
    /// [`ErrorKind::NoSpace`](crate::ErrorKind::NoSpace),
    /// [`ErrorKind::Io`](crate::ErrorKind::Io).
    pub fn probe(&self) -> Result<Capabilities> {
        let _lock = self.lock()?;
        let work = self.open_control(layout::WORK)?;
        let probed =
            probe::probe(&work).map_err(|error| self.failed("write", layout::WORK, error))?;
        if !self.lost_links(&probed.capabilities) {
            self.keep(&probed);
        }
        Ok(probed.capabilities)
    }

    /// Tells if there were hard links and are none now. That is kept only once
    /// full copies are allowed: what is kept is gone by.
    fn lost_links(&self, now: &Capabilities) -> bool {
        let before = self.probed.as_ref().map(|probed| &probed.capabilities);
        !now.hard_links && before.is_none_or(|before| before.hard_links)
    }

    /// What the destination can hold, as far as that is known without trying.
    pub(crate) fn known_capabilities(&self) -> Option<&Capabilities> {
        let kept = self.probed.as_ref()?;
        let filesystem = Filesystem::of(&self.root).ok()?;
        let made_as = kept.circumstances.made_as;
        let now = probe::circumstances(&self.root, &filesystem, made_as).ok()?;
        (kept.circumstances == now).then_some(&kept.capabilities)
    }

    /// What the destination is taken to hold where nothing is made there.
    pub(crate) fn likely_rules(&self) -> Rules {
        let kept = self.probed.as_ref();
        kept.map_or_else(dry_rules, |kept| kept.capabilities.rules())
    }

    /// What the destination can hold, for a run that has the lock and has made
    /// the directory `tree` in it. Nothing is tried that is known already.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LinksUnsupported`](crate::ErrorKind::LinksUnsupported)
    /// where there are no hard links any more, unless full copies are allowed,
    /// or were when that was found out.
    pub(crate) fn capabilities(
        &self,
        tree: &Dir,
        filesystem: &Filesystem,
        full_copies: FullCopies,
    ) -> Result<Capabilities> {
        let failed = |error: io::Error| self.failed("probe", layout::WORK, error);
        let made = tree.stat_self().map_err(failed)?;
        let made_as = (made.uid, made.gid);
        let now = probe::circumstances(tree, filesystem, made_as).map_err(failed)?;
        if let Some(kept) = self
            .probed
            .as_ref()
            .filter(|kept| kept.circumstances == now)
        {
            return Ok(kept.capabilities.clone());
        }
        let probed = probe::probe(tree).map_err(failed)?;
        if self.lost_links(&probed.capabilities) {
            probed
                .capabilities
                .refuse_without_links(full_copies, self.path())?;
        }
        self.keep(&probed);
        Ok(probed.capabilities)
    }

    /// Keeps what was found out. Only spares later runs some calls: where it
    /// cannot be written, they find out for themselves.
    fn keep(&self, probed: &Probed) {
        let owner = self.control.stat(&c_name(layout::MARKER));
        // Another user, even root, would take the marker away from its owner.
        if !owner.is_ok_and(|found| found.uid == probed.capabilities.made_as.0) {
            return;
        }
        let Ok(marker) = smallfile::read(&self.control, layout::MARKER) else {
            return;
        };
        let text = std::str::from_utf8(&marker).ok();
        if let Some(text) = text.and_then(|text| Marker::with_probed(text, probed)) {
            let _ = smallfile::replace(&self.control, layout::MARKER, text.as_bytes(), Flush::Now);
        }
    }
}
