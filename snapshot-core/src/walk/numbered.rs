//! Where a directory stands in the catalog: its number, and whose rows tell
//! what the basis has of it.

use std::ffi::CStr;
use std::sync::Arc;

use crate::catalog::{Change, DirId, Facts, Glance, MountId, NO_MOUNT, Origin, Version};
use crate::entry::{EntryKind, Metadata};
use crate::fs::dir::Dir;
use crate::node::Node;
use crate::walk::directory::Found;
use crate::walk::ledger::{Ledger, is_marked};
use crate::walk::level::Walked;
use crate::walk::moved::Elsewhere;
use crate::walk::state::Walk;

/// What the catalog knows of a directory as an entry of the one above: the
/// directory whose row it is, and the row.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownDirectory {
    pub(super) of: DirId,
    pub(super) glance: Glance,
}

/// Where a directory stands.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) mount: MountId,
    pub(super) dir: DirId,
    pub(super) is_new: bool,
    pub(super) rows_of: Option<DirId>,
    pub(super) is_recorded: bool,
    /// The basis has a directory of the name.
    pub(super) is_in_basis: bool,
    /// The tree that is reused has it in this version.
    pub(super) is_of_spare: bool,
    /// It has no attributes, and need not be asked for them.
    pub(super) has_no_xattrs: bool,
    /// The basis, if it had another path.
    pub(super) elsewhere: Option<(Dir, Elsewhere)>,
}

/// What came of comparing a directory with its row.
#[derive(Default)]
struct Compared {
    id: Option<DirId>,
    /// It is another directory than the row tells of.
    is_another: bool,
    is_recorded: bool,
    has_no_xattrs: bool,
}

impl Compared {
    fn of(
        ledger: &Ledger<'_>,
        known: Option<KnownDirectory>,
        name: &CStr,
        metadata: &Metadata,
        mount: MountId,
    ) -> Compared {
        let Some(KnownDirectory { of, glance }) = known.filter(|known| known.glance.is_of_basis)
        else {
            return Compared {
                is_another: true,
                ..Compared::default()
            };
        };
        let id = |stored: Option<u64>| DirId::try_from(stored?).ok();
        if is_marked(metadata, mount, &glance) {
            return Compared {
                id: id(glance.stored),
                is_another: false,
                is_recorded: glance.is_current(),
                has_no_xattrs: true,
            };
        }
        let version = ledger.version(of, name);
        let Some(version) = version.filter(|version| version.facts.kind == EntryKind::Directory)
        else {
            return Compared {
                is_another: true,
                ..Compared::default()
            };
        };
        let facts = version.facts;
        let now = Facts {
            size_bytes: facts.size_bytes,
            stored: facts.stored,
            ..Facts::of_source(metadata, mount)
        };
        Compared {
            id: id(facts.stored),
            is_another: facts.mount == mount && facts.inode != metadata.id.inode,
            is_recorded: glance.is_current() && mount != NO_MOUNT && facts == now,
            has_no_xattrs: false,
        }
    }
}

impl Walk<'_> {
    /// Where the top of the trees stands.
    pub(super) fn top_in_catalog(&self, source: &Dir, metadata: &Metadata) -> Standing {
        let Some(ledger) = self.ledger else {
            return Standing::default();
        };
        let mount = ledger.identify(source, &self.mount_root);
        let glance = ledger.glance(0, c"");
        let known = glance.map(|glance| KnownDirectory { of: 0, glance });
        let compared = Compared::of(ledger, known, c"", metadata, mount);
        Standing {
            mount,
            dir: ledger.top(),
            rows_of: Some(ledger.top()),
            is_recorded: compared.is_recorded,
            is_of_spare: glance.is_some_and(|glance| glance.is_of_spare),
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
        let compared = Compared::of(ledger, found.known, name, metadata, mount);
        let (dir, is_new) = self.number(ledger, above, compared.id, name);
        let elsewhere = match compared.is_another {
            true => self.find_moved_directory(above, name, metadata),
            false => None,
        };
        let is_recorded = compared.is_recorded && compared.id == Some(dir);
        let own = compared.id.or((!is_new).then_some(dir));
        Standing {
            mount,
            dir,
            is_new,
            rows_of: elsewhere.as_ref().map(|(id, ..)| *id).or(own),
            is_recorded,
            is_in_basis: compared.id.is_some(),
            is_of_spare: found.known.is_some_and(|known| known.glance.is_of_spare),
            has_no_xattrs: is_recorded && compared.has_no_xattrs,
            elsewhere: elsewhere.map(|(_, dir, elsewhere)| (dir, elsewhere)),
        }
    }

    /// The number of a directory's path; a new one is told to the catalog.
    fn number(
        &self,
        ledger: &Ledger<'_>,
        above: &Walked,
        known: Option<DirId>,
        name: &CStr,
    ) -> (DirId, bool) {
        if let Some(id) = known.filter(|_| !above.is_adopted()) {
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
        let (dir, is_new) = self.number(ledger, &up.level, None, &found.name);
        if !is_new {
            ledger.each_name(dir, |name| {
                self.log(&Change::Gone {
                    dir,
                    name: name.to_owned(),
                });
            });
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
            version: Box::new(Version {
                facts,
                target: None,
                xattrs: None,
                hash: None,
            }),
            origin: Origin::New,
        });
    }
}

impl Walked {
    /// Tells whether what is known of the entries is of another path.
    pub(crate) fn is_adopted(&self) -> bool {
        self.rows_of.is_some_and(|of| of != self.dir)
    }
}
