//! Mount points below a source.

use std::ffi::CStr;
use std::os::fd::AsFd;
use std::sync::Arc;

use rayon::Scope;

use crate::entry::Metadata;
use crate::event::Outcome;
use crate::fs::dir::Boundary;
use crate::fs::make;
use crate::fs::mounts::{self, MountClass};
use crate::node::Node;
use crate::options::Mounts;
use crate::report::Operation;
use crate::walk::directory::Found;
use crate::walk::level::{Trio, Walked};
use crate::walk::state::{Tally, Walk, locked};
use crate::xattr::Xattrs;

impl Walk<'_> {
    /// Decides whether a mount is entered, before anything of it is touched.
    pub(super) fn mount_point<'s>(
        &'s self,
        scope: &Scope<'s>,
        up: &Arc<Node<Walked>>,
        trio: &Trio,
        found: Found<'s>,
    ) {
        let kind = trio
            .source()
            .and_then(|dir| mounts::type_at(dir, &found.name));
        match kind {
            Ok(kind) if self.enters(&kind) => {
                self.queue(
                    scope,
                    up,
                    Found {
                        boundary: Boundary::Cross,
                        ..found
                    },
                );
            }
            Ok(kind) => {
                let path = up.path_of(self.source_path, &found.name);
                locked(&self.notes.mounts_left_out).push((path, kind));
                self.count_left_out(up, &found.name);
                if let Some(target) = &trio.target {
                    let made = make::directory(target, &found.name).and_then(|dir| {
                        // Its own metadata cannot be read without touching it.
                        let metadata = Metadata {
                            mode: 0o755,
                            ..up.level.metadata
                        };
                        self.give(up, &found.name, dir.as_fd(), &metadata, &Xattrs::default())?;
                        self.sync_each(&dir)
                    });
                    if let Err(error) = made {
                        self.refused(up, &found.name, Operation::Create, error);
                    }
                }
                let mut tally = Tally::default();
                tally.counts.directories += 1;
                self.add(&tally);
            }
            Err(error) => self.problem(up, &found.name, Operation::Open, error),
        }
    }

    /// Tells whether mounts of a type are entered in this walk.
    pub(super) fn enters(&self, kind: &str) -> bool {
        match mounts::classify(kind) {
            MountClass::Local => self.mounts != Mounts::OneFileSystem,
            MountClass::Remote => self.mounts == Mounts::All,
            MountClass::Pseudo => false,
        }
    }

    pub(super) fn count_left_out(&self, node: &Node<Walked>, name: &CStr) {
        let mut tally = Tally::default();
        tally.counts.excluded += 1;
        self.add(&tally);
        self.tell(node, name, Outcome::LeftOut);
    }
}
