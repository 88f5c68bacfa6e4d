//! Finishing a directory: what goes, and its metadata, come last.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::fs::dir::Dir;
use crate::fs::give::{Receiver, give};
use crate::fs::remove;
use crate::fs::xattr;
use crate::node::Node;
use crate::restore::directory::look;
use crate::restore::level::Restored;
use crate::restore::run::Restoring;
use crate::xattr::{Namespaces, XattrNamespace};

impl Restoring<'_> {
    /// Counts one thing in a directory as done; the last one finishes it and
    /// counts in the one above, and so on.
    pub(super) fn done(&self, node: &Arc<Node<Restored>>) {
        let mut node = Arc::clone(node);
        while node.one_is_done() {
            // What is not complete stays unfinished, for the next run to see.
            if self.is_writing() && !self.is_stopping() {
                self.finish(&node);
            }
            let Some(up) = node.up().map(Arc::clone) else {
                return;
            };
            node.close();
            node = up;
        }
    }

    fn finish(&self, node: &Arc<Node<Restored>>) {
        let doomed = match self.task.doomed.is_empty() {
            true => None,
            false => self.task.doomed.get(&self.path_of(node, c"")),
        };
        let Restored {
            given,
            is_as_wanted,
            is_touched,
            ..
        } = &node.level;
        // What was put into a directory that was as it is to be has changed
        // its mtime.
        let is_right = *is_as_wanted && !is_touched.load(Ordering::Relaxed);
        if doomed.is_none() && (given.is_none() || is_right) {
            return;
        }
        let finished = node.handles().and_then(|handles| {
            let Some(target) = &handles.target else {
                return Ok(());
            };
            for name in doomed.into_iter().flatten() {
                // It may have made way for something else already.
                if look(&handles.tree, name)?.is_none() {
                    self.delete(node, target, name)?;
                }
            }
            match given {
                Some(given) => {
                    let (metadata, xattrs) = &**given;
                    // A label of a security module is the system's own.
                    let own = [XattrNamespace::User, XattrNamespace::Acl];
                    let own = own
                        .into_iter()
                        .fold(Namespaces::default(), Namespaces::with);
                    xattr::remove_others_of(target, xattrs, own)?;
                    let ground = self.ground(target, node.level.device)?;
                    let given = give(Receiver::Open(target.as_fd()), metadata, xattrs)?;
                    if let Some(lacks) = given.lacks {
                        self.lacks(node, c"", lacks);
                    }
                    if ground.is_fuse {
                        target.sync()
                    } else {
                        Ok(())
                    }
                }
                None => Ok(()),
            }
        });
        if let Err(error) = finished {
            self.refused(node, c"", error);
        }
    }

    fn delete(
        &self,
        node: &Node<Restored>,
        target: &Dir,
        name: &std::ffi::CStr,
    ) -> std::io::Result<()> {
        if look(target, name)?.is_none() {
            return Ok(());
        }
        let root = self.path_of(node, c"");
        let left = remove::tree(target, name, &root, self.cancel())?;
        if left.is_empty() && !self.is_stopping() {
            self.deleted(self.path_of(node, name));
        }
        left.into_iter().for_each(|problem| self.note(problem));
        Ok(())
    }
}
