//! What the catalog is told of each entry: nothing, as long as nothing changed.

use std::ffi::CStr;
use std::sync::atomic::Ordering;

use crate::catalog::{Change, Facts, Origin, Version, encode_xattrs};
use crate::entry::{EntryKind, Metadata};
use crate::event::Outcome;
use crate::node::Node;
use crate::walk::entry::Here;
use crate::walk::groups::Stored;
use crate::walk::ledger::{Ledger, Said};
use crate::walk::level::Walked;
use crate::walk::listing::Listed;
use crate::walk::state::{Tally, Walk};
use crate::xattr::Xattrs;

impl Tally {
    /// Notes a change of the catalog.
    pub(crate) fn change(&mut self, change: &Change) {
        change.write(&mut self.changes);
    }
}

impl<'run> Walk<'run> {
    /// The catalog, if something is to be written into it.
    pub(super) fn writes(&self) -> Option<&'run Ledger<'run>> {
        self.ledger.filter(|ledger| ledger.log.is_some())
    }

    /// Writes down a change at once.
    pub(super) fn log(&self, change: &Change) {
        if let Some(log) = self.ledger.and_then(|ledger| ledger.log.as_ref()) {
            let mut text = Vec::new();
            change.write(&mut text);
            log.append(&text);
        }
    }

    /// The version of an entry, of which `source` is what it was made from and
    /// `stored` what was made, if it could be.
    pub(super) fn version_of(
        &self,
        here: &Here<'_>,
        source: &Metadata,
        stored: Option<&Metadata>,
        xattrs: &Xattrs,
    ) -> Version {
        let mut facts = self.facts(&here.node.level, source);
        facts.stored = stored.map(|stored| stored.id.inode);
        facts.allocated_bytes = stored.map_or(0, |stored| stored.allocated_bytes);
        Version {
            facts,
            target: None,
            xattrs: encode_xattrs(xattrs),
            hash: None,
        }
    }

    fn facts(&self, level: &Walked, source: &Metadata) -> Facts {
        Facts {
            racy: self.ledger.is_some_and(|ledger| ledger.is_racy(source)),
            // The other names have rows of their own.
            shared: source.kind != EntryKind::Directory && source.links > 1,
            ..Facts::of_source(source, level.mount)
        }
    }

    /// Notes an entry that is in the new tree. `made` tells what is new in it;
    /// otherwise it is that of the basis.
    pub(super) fn record(
        &self,
        here: &Here<'_>,
        outcome: Outcome,
        made: Option<Box<Version>>,
        tally: &mut Tally,
    ) {
        let Some(ledger) = self.writes() else {
            return;
        };
        if let Some(listing) = here.listing {
            listing.keep(here.name, here.listed.as_ref());
        }
        let change = match made {
            Some(version) => Some((version, Origin::New)),
            // Another name of a file that is recorded under this one too.
            None if outcome == Outcome::LinkedWithin => None,
            None => self.linked(ledger, here),
        };
        if let Some((version, origin)) = change {
            tally.change(&Change::Put {
                dir: here.node.level.dir,
                name: here.name.to_owned(),
                version,
                origin,
            });
        }
    }

    /// What is new of an entry that was linked to the basis, if anything is.
    fn linked(&self, ledger: &Ledger<'_>, here: &Here<'_>) -> Option<(Box<Version>, Origin)> {
        let inode = here.basis_inode()?;
        if here.is_recorded(Some(inode)) {
            return None;
        }
        let of = here.listing.map(|listing| listing.of);
        let (before, origin) = match (&here.moved, of) {
            (Some(moved), _) => {
                let (dir, name) = (moved.dir, moved.name.clone());
                let origin = match moved.is_earlier {
                    true => Origin::SamePath,
                    false => Origin::Moved { dir, name },
                };
                (Some(Box::new(moved.version.clone())), origin)
            }
            (None, Some(of)) => {
                let is_known = here.listed.is_some_and(|listed| listed.glance.is_of_basis);
                let before = match &here.before {
                    None if is_known => ledger.version(of, here.name),
                    before => before.clone(),
                };
                let origin = match here.listing.is_some_and(|listing| listing.is_adopted) {
                    true => Origin::Moved {
                        dir: of,
                        name: here.name.to_owned(),
                    },
                    false => Origin::SamePath,
                };
                (before, origin)
            }
            (None, None) => (None, Origin::SamePath),
        };
        // What is told of another stored inode is no word on this one.
        let before = before.filter(|before| before.facts.stored == Some(inode));
        let mut facts = self.facts(&here.node.level, &here.source);
        facts.stored = Some(inode);
        facts.allocated_bytes = match (&here.basis, &before) {
            (Some(basis), _) => basis.allocated_bytes,
            (None, Some(before)) => before.facts.allocated_bytes,
            (None, None) => 0,
        };
        let version = Version {
            facts,
            target: match &here.target {
                Some(target) => Some(target.to_bytes().to_vec()),
                None => before.as_ref().and_then(|before| before.target.clone()),
            },
            xattrs: match &here.seen {
                Some(seen) => encode_xattrs(&seen.xattrs),
                None => before.as_ref().and_then(|before| before.xattrs.clone()),
            },
            hash: here
                .seen
                .as_ref()
                .and_then(|seen| seen.hash)
                .or(before.and_then(|before| before.hash)),
        };
        Some((Box::new(version), origin))
    }

    /// The version that a file has which was linked to the basis, for its other
    /// names; none if the catalog has it.
    pub(super) fn version_linked(&self, here: &Here<'_>) -> Option<Box<Version>> {
        let (version, _) = self.linked(self.writes()?, here)?;
        Some(version)
    }

    /// The version that another name of a file gets; none if the catalog has
    /// it under that name.
    pub(super) fn version_within(&self, here: &Here<'_>, stored: &Stored) -> Option<Box<Version>> {
        let ledger = self.writes()?;
        if here.is_recorded(stored.inode) {
            return None;
        }
        stored
            .version
            .clone()
            .or_else(|| ledger.version(stored.of?, &stored.name))
    }

    /// Notes a directory of the new tree, unless it is as it was.
    pub(super) fn record_directory(&self, node: &Node<Walked>, tally: &mut Tally) {
        let level = &node.level;
        if self.writes().is_none() || level.is_recorded {
            return;
        }
        let mut facts = self.facts(level, &level.metadata);
        // What its entries take has nothing to do with what they are.
        facts.size_bytes = 0;
        // A directory's number takes the place of an inode.
        facts.stored = Some(level.dir as u64);
        tally.change(&Change::Put {
            dir: level.above,
            name: node.name().to_owned(),
            version: Box::new(Version {
                facts,
                target: None,
                xattrs: encode_xattrs(&level.xattrs),
                hash: None,
            }),
            origin: Origin::New,
        });
    }

    /// Notes that an entry of a directory could not be had.
    pub(super) fn record_gone(&self, node: &Node<Walked>, name: &CStr) {
        if self.writes().is_some() {
            self.log(&Change::Gone {
                dir: node.level.dir,
                name: name.to_owned(),
            });
        }
    }

    /// Adds up what the directories of the new tree take.
    pub(super) fn weigh(&self, target: &crate::fs::dir::Dir) -> std::io::Result<()> {
        if self.writes().is_some() {
            self.weigh_as(&target.stat_self()?);
        }
        Ok(())
    }

    /// The same of a directory that was looked at.
    pub(super) fn weigh_as(&self, target: &Metadata) {
        if let Some(ledger) = self.writes() {
            let bytes = target.allocated_bytes;
            ledger.directory_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

impl Here<'_> {
    /// Tells whether the catalog has this very version, as one of the newest
    /// snapshot, with this stored inode.
    fn is_recorded(&self, stored: Option<u64>) -> bool {
        let is_of_this_path = self.listing.is_some_and(|listing| !listing.is_adopted);
        self.said == Said::Unchanged
            && is_of_this_path
            && self
                .listed
                .is_some_and(|Listed { glance, .. }| glance.is_current() && glance.stored == stored)
    }
}
