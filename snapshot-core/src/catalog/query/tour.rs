//! A tour of some directories, in the order of their paths.

use std::collections::HashSet;

use crate::catalog::directory::{COLUMNS, DirectoryRow};
use crate::catalog::open::Outcome;
use crate::catalog::query::names::{Child, Children, Listing, Named, Wanted, damaged};
use crate::catalog::query::place::{ABOVE, above, push};
use crate::catalog::query::reading::{Progress, Reading};
use crate::catalog::row::{DirId, TOP};

/// Directories that were chosen.
#[derive(Debug)]
pub(super) struct Chosen {
    /// All of them were.
    all: bool,
    /// Those whose entries are to be looked at.
    dirs: HashSet<DirId>,
    /// Those and all above them.
    way: HashSet<DirId>,
}

impl Chosen {
    /// The top alone, which every tour begins with.
    pub(super) fn new() -> Chosen {
        Chosen {
            all: false,
            dirs: HashSet::from([ABOVE]),
            way: HashSet::from([ABOVE, TOP]),
        }
    }

    /// All directories that the tour comes to.
    pub(super) fn everything() -> Chosen {
        Chosen {
            all: true,
            ..Chosen::new()
        }
    }

    fn has(&self, dir: DirId) -> bool {
        self.all || self.dirs.contains(&dir)
    }

    /// Tells whether a directory, or one below it, was chosen.
    fn leads_to(&self, dir: DirId) -> bool {
        self.all || self.way.contains(&dir)
    }

    pub(super) fn into_dirs(self) -> Vec<DirId> {
        self.dirs.into_iter().collect()
    }

    /// Chooses a directory by its number alone.
    pub(super) fn add(&mut self, reading: &Reading<'_>, dir: DirId) -> Outcome<()> {
        if !self.dirs.insert(dir) {
            return Ok(());
        }
        let mut at = dir;
        while self.way.insert(at) {
            at = above(reading, at)?.dir;
            reading.count(0);
        }
        Ok(())
    }
}

/// Finds the directories in which a row began or ended after a sequence. Goes
/// through all paths of directories, and no other rows.
#[derive(Debug)]
pub(super) struct Chooser {
    after: u64,
    chosen: Chosen,
    /// All from this number on have been seen. The highest come first: the
    /// directories above have lower ones.
    below: DirId,
}

impl Chooser {
    pub(super) fn new(after: u64) -> Chooser {
        Chooser {
            after,
            chosen: Chosen::new(),
            below: DirId::MAX,
        }
    }

    pub(super) fn choose(&mut self, reading: &Reading<'_>) -> Progress<Chosen> {
        reading.go_on()?;
        let mut statement = reading.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM directory WHERE id < ?1 ORDER BY id DESC"
        ))?;
        let mut rows = statement.query([self.below])?;
        while let Some(row) = rows.next()? {
            reading.go_on()?;
            reading.count(0);
            let DirectoryRow {
                id, up, changed, ..
            } = DirectoryRow::of(row).ok_or_else(damaged)?;
            let Chosen { dirs, way, .. } = &mut self.chosen;
            if changed > self.after {
                dirs.insert(id);
                way.insert(id);
            }
            if way.contains(&id) {
                way.insert(up);
            }
            self.below = id;
        }
        Ok(std::mem::replace(&mut self.chosen, Chosen::new()))
    }
}

/// Goes through the names of the directories that were chosen. A directory's
/// own name comes before those that are in it.
#[derive(Debug)]
pub(super) struct Tour {
    chosen: Chosen,
    /// Names that all paths begin with.
    prefix: Vec<Vec<u8>>,
    /// The only name that is looked for.
    only_name: Option<Vec<u8>>,
    stages: Vec<Stage>,
    /// The path of the last name that was told.
    path: Vec<u8>,
}

#[derive(Debug)]
struct Stage {
    dir: DirId,
    /// The length of the directory's path.
    length: usize,
    names: Option<Listing>,
    children: Children,
    next_name: Option<Named>,
    next_child: Option<Child>,
}

impl Tour {
    pub(super) fn new(chosen: Chosen) -> Tour {
        let mut tour = Tour {
            chosen,
            prefix: Vec::new(),
            only_name: None,
            stages: Vec::new(),
            path: b"/".to_vec(),
        };
        tour.enter(ABOVE);
        tour
    }

    /// Passes over what is not below a path.
    pub(super) fn below(self, prefix: &[Vec<u8>]) -> Tour {
        Tour {
            prefix: prefix.to_vec(),
            ..self
        }
    }

    /// Looks for one name in each directory.
    pub(super) fn of_name(self, name: &[u8]) -> Tour {
        Tour {
            only_name: Some(name.to_vec()),
            ..self
        }
    }

    /// The path of the name that [`Tour::next`] told last.
    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    fn enter(&mut self, dir: DirId) {
        let depth = self.stages.len();
        let is_wanted = self.chosen.has(dir) && depth.saturating_sub(1) >= self.prefix.len();
        self.stages.push(Stage {
            dir,
            length: self.path.len(),
            names: is_wanted.then(|| match &self.only_name {
                Some(name) => Listing::of_name(dir, name),
                None => Listing::new(dir, depth),
            }),
            children: Children::new(dir, depth),
            next_name: None,
            next_child: None,
        });
    }

    /// The next name of which a row is wanted, and the directory that it is in.
    pub(super) fn next(
        &mut self,
        reading: &Reading<'_>,
        wanted: Wanted<'_>,
    ) -> Progress<Option<(DirId, Named)>> {
        loop {
            let depth = self.stages.len();
            let Some(stage) = self.stages.last_mut() else {
                return Ok(None);
            };
            if stage.next_name.is_none() {
                if let Some(names) = &mut stage.names {
                    stage.next_name = names.next(reading, wanted)?;
                }
            }
            if stage.next_child.is_none() {
                let chosen = &self.chosen;
                stage.next_child = stage.children.next(reading, |dir| chosen.leads_to(dir))?;
            }
            self.path.truncate(stage.length);
            let name_is_next = match (&stage.next_name, &stage.next_child) {
                (Some(named), Some((child, _))) => named.name <= *child,
                (named, _) => named.is_some(),
            };
            if name_is_next {
                let dir = stage.dir;
                let Some(named) = stage.next_name.take() else {
                    continue;
                };
                push(&mut self.path, &named.name);
                return Ok(Some((dir, named)));
            }
            match stage.next_child.take() {
                // The top is in the first stage, and is no part of the prefix.
                Some((name, _)) if depth > 1 && !self.leads_on(depth - 2, &name) => {}
                Some((name, dir)) => {
                    push(&mut self.path, &name);
                    self.enter(dir);
                }
                None => drop(self.stages.pop()),
            }
        }
    }

    /// Tells whether a path whose name at a place is this one may have the
    /// prefix.
    fn leads_on(&self, place: usize, name: &[u8]) -> bool {
        self.prefix.get(place).is_none_or(|prefix| prefix == name)
    }
}
