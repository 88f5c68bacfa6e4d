//! Where a directory stands in the catalog: its number, and whose rows tell
//! what the basis has of it.

use std::ffi::{CStr, CString};
use std::sync::Arc;

use crate::catalog::{Change, DirId, Facts, Known, MountId, NO_MOUNT, Origin, Version};
use crate::entry::{EntryKind, Metadata};
use crate::fs::dir::Dir;
use crate::node::Node;
use crate::walk::directory::Found;
use crate::walk::ledger::Ledger;
use crate::walk::level::Walked;
use crate::walk::moved::Elsewhere;
use crate::walk::state::Walk;

/// What the catalog knows of a directory as an entry of the one above.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownDirectory {
    facts: Facts,
    is_current: bool,
    has_xattrs: bool,
}

/// Where a directory stands.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) mount: MountId,
    pub(super) dir: DirId,
    pub(super) is_new: bool,
    pub(super) rows_of: Option<DirId>,
    pub(super) is_recorded: bool,
    /// It has no attributes, and need not be asked for them.
    pub(super) has_no_xattrs: bool,
    /// The basis, if it had another path.
    pub(super) elsewhere: Option<(Dir, Elsewhere)>,
}

impl KnownDirectory {
    /// Takes what is known of an entry, if that is a directory.
    pub(super) fn of(known: Known) -> Option<KnownDirectory> {
        let facts = known.facts?;
        (facts.kind == EntryKind::Directory).then_some(KnownDirectory {
            facts,
            is_current: known.is_current,
            has_xattrs: known.has_xattrs,
        })
    }

    fn id(&self) -> Option<DirId> {
        DirId::try_from(self.facts.stored?).ok()
    }

    fn is_version(&self, metadata: &Metadata, mount: MountId) -> bool {
        let now = Facts::of_source(metadata, mount);
        let facts = Facts {
            size_bytes: now.size_bytes,
            stored: now.stored,
            ..self.facts
        };
        mount != NO_MOUNT && self.is_current && facts == now
    }
}

impl Walk<'_> {
    /// Where the top of the trees stands.
    pub(super) fn top_in_catalog(&self, source: &Dir, metadata: &Metadata) -> Standing {
        let Some(ledger) = self.ledger else {
            return Standing::default();
        };
        let mount = ledger.identify(source, &self.mount_root);
        let rows = ledger.rows(0);
        let known = rows
            .find(c"")
            .and_then(|(_, known)| KnownDirectory::of(known));
        let is_recorded = known.is_some_and(|known| known.is_version(metadata, mount));
        Standing {
            mount,
            dir: ledger.top(),
            rows_of: Some(ledger.top()),
            is_recorded,
            ..Standing::default()
        }
    }

    /// Where a directory stands that is about to be entered.
    pub(super) fn in_catalog(
        &self,
        up: &Arc<Node<Walked>>,
        found: &Found<'_>,
        source: &Dir,
        metadata: &Metadata,
    ) -> Standing {
        let Some(ledger) = self.ledger else {
            return Standing::default();
        };
        let above = &up.level;
        let name = found.name.as_c_str();
        let mount = match metadata.id.device == above.metadata.id.device {
            true => above.mount,
            false => ledger.identify(source, &up.path_of(&self.mount_root, name)),
        };
        let known = found.known;
        let (dir, is_new) = self.number(ledger, above, known, name);
        let is_same_inode = known.is_some_and(|known| {
            known.facts.mount != mount || known.facts.inode == metadata.id.inode
        });
        let elsewhere = match is_same_inode {
            true => None,
            false => self.find_moved_directory(above, name, metadata),
        };
        let is_recorded = !above.is_adopted()
            && known
                .is_some_and(|known| known.id() == Some(dir) && known.is_version(metadata, mount));
        let own = known
            .and_then(|known| known.id())
            .or((!is_new).then_some(dir));
        Standing {
            mount,
            dir,
            is_new,
            rows_of: elsewhere.as_ref().map(|(id, ..)| *id).or(own),
            is_recorded,
            has_no_xattrs: is_recorded && known.is_some_and(|known| !known.has_xattrs),
            elsewhere: elsewhere.map(|(_, dir, elsewhere)| (dir, elsewhere)),
        }
    }

    /// The number of a directory's path; a new one is told to the catalog.
    fn number(
        &self,
        ledger: &Ledger<'_>,
        above: &Walked,
        known: Option<KnownDirectory>,
        name: &CStr,
    ) -> (DirId, bool) {
        let known = known.filter(|_| !above.is_adopted());
        if let Some(id) = known.and_then(|known| known.id()) {
            return (id, false);
        }
        let (id, is_new) = ledger.directory(above.dir, above.is_new, name);
        if is_new {
            self.log(&Change::Directory {
                id,
                up: above.dir,
                name: name.to_owned(),
            });
        }
        (id, is_new)
    }

    /// Notes a mount point that is left as an empty directory.
    pub(super) fn record_mount_point(
        &self,
        up: &Node<Walked>,
        found: &Found<'_>,
        given: &Metadata,
    ) {
        let Some(ledger) = self.writes() else {
            return;
        };
        let (dir, is_new) = self.number(ledger, &up.level, found.known, &found.name);
        let below = match is_new {
            true => Vec::new(),
            false => open_names(ledger, dir),
        };
        for name in below {
            self.log(&Change::Gone { dir, name });
        }
        // What is mounted there is not looked at, and nothing is known of it.
        let facts = Facts {
            kind: EntryKind::Directory,
            inode: 0,
            size_bytes: 0,
            stored: Some(dir as u64),
            ..Facts::of_source(given, NO_MOUNT)
        };
        self.log(&Change::Put {
            dir: up.level.dir,
            name: found.name.clone(),
            version: Version {
                facts,
                target: None,
                xattrs: None,
                hash: None,
            },
            origin: Origin::New,
        });
    }
}

fn open_names(ledger: &Ledger<'_>, dir: DirId) -> Vec<CString> {
    let mut names = Vec::new();
    let mut last = Vec::new();
    while let Some(page) = ledger
        .names_after(dir, &last)
        .filter(|page| !page.is_empty())
    {
        last = page
            .last()
            .map(|name| name.to_bytes().to_vec())
            .unwrap_or_default();
        names.extend(page);
    }
    names
}

impl Walked {
    /// Tells whether what is known of the entries is of another path.
    pub(crate) fn is_adopted(&self) -> bool {
        self.rows_of.is_some_and(|of| of != self.dir)
    }
}
