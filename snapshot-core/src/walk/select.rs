//! Which parts of the tree below `/` are the sources.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

/// What of a directory belongs to a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All that is in it.
    Whole,
    /// Only these names: it lies above a source.
    Only(BTreeMap<CString, Selection>),
}

impl Selection {
    /// Merges absolute, resolved paths. One that lies in another, or comes
    /// twice, adds nothing.
    pub(crate) fn of_paths<'p>(paths: impl IntoIterator<Item = &'p Path>) -> io::Result<Selection> {
        let mut root = Selection::Only(BTreeMap::new());
        for path in paths {
            let mut at = &mut root;
            for component in path
                .components()
                .filter(|component| *component != Component::RootDir)
            {
                let Selection::Only(names) = at else { break };
                let name = CString::new(component.as_os_str().as_bytes())?;
                at = names
                    .entry(name)
                    .or_insert_with(|| Selection::Only(BTreeMap::new()));
            }
            *at = Selection::Whole;
        }
        Ok(root)
    }

    /// Tells whether a path below this directory is part of a source.
    pub(crate) fn covers(&self, relative: &Path) -> bool {
        let mut selection = self;
        for component in relative.components() {
            if *selection == Selection::Whole {
                return true;
            }
            let Ok(name) = CString::new(component.as_os_str().as_bytes()) else {
                return false;
            };
            match selection.below(&name) {
                Some(below) => selection = below,
                None => return false,
            }
        }
        *selection == Selection::Whole
    }

    /// What is selected of an entry of this directory.
    pub(crate) fn below(&self, name: &CStr) -> Option<&Selection> {
        match self {
            Selection::Whole => Some(self),
            Selection::Only(names) => names.get(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(paths: &[&str]) -> Selection {
        Selection::of_paths(paths.iter().map(Path::new)).unwrap()
    }

    #[test]
    fn nested_and_repeated_sources_are_merged_in_any_order() {
        let expected = of(&["/home", "/etc/nginx"]);
        assert_eq!(of(&["/home/a/b", "/home", "/etc/nginx", "/home"]), expected);
        assert_eq!(of(&["/etc/nginx", "/home", "/home/a"]), expected);
        assert_eq!(of(&["/home", "/"]), Selection::Whole);
        assert_eq!(of(&["/", "/home"]), Selection::Whole);
    }

    #[test]
    fn only_the_names_above_a_source_are_selected() {
        let selection = of(&["/home/a"]);
        let home = selection.below(c"home").unwrap();
        assert_eq!(home.below(c"a"), Some(&Selection::Whole));
        assert_eq!(home.below(c"b"), None);
        assert_eq!(selection.below(c"etc"), None);
        for (path, covered) in [
            ("home/a", true),
            ("home/a/b", true),
            ("home", false),
            ("home/ab", false),
            ("", false),
        ] {
            assert_eq!(selection.covers(Path::new(path)), covered, "{path}");
        }
        assert!(of(&["/"]).covers(Path::new("etc")));
    }
}
