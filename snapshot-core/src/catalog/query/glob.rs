//! Patterns of paths in a snapshot, in the syntax of `.gitignore`. Pure.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::{Error, ErrorKind, Result};
use crate::filter::{PatternTrouble, translate};

/// What to find.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Of the whole path if there is a slash in it, else of the name.
    whole: Gitignore,
    name: NamePattern,
    /// The names that every path begins with.
    prefix: Vec<Vec<u8>>,
    /// The prefix is all but the last name.
    is_in_one_directory: bool,
    is_anchored: bool,
    is_of_directories: bool,
}

/// What the last name of a path has to be.
#[derive(Debug)]
enum NamePattern {
    Exactly(Vec<u8>),
    Like(Gitignore),
    Any,
}

impl Pattern {
    pub(super) fn read(text: &str) -> Result<Pattern> {
        let refused = |trouble| refused(text, trouble);
        let line = translate(text).map_err(refused)?;
        let whole = matcher(&line).map_err(refused)?;
        let path = text.strip_suffix('/').unwrap_or(text);
        let is_of_directories = path.len() < text.len();
        let is_anchored = path.contains('/');
        let (above, last) = path.rsplit_once('/').unwrap_or(("", path));
        // Two stars alone match any number of names.
        let is_deep = last.len() > 1 && last.bytes().all(|byte| byte == b'*');
        let mut names = above.split('/').filter(|name| !name.is_empty());
        let mut prefix = Vec::new();
        let is_in_one_directory = is_anchored
            && names.all(|name| {
                let literal = literal(name);
                let is_literal = literal.is_some();
                prefix.extend(literal);
                is_literal
            })
            && !is_deep;
        let name = match literal(last) {
            // A slash may be inside of brackets.
            _ if above.contains('[') => NamePattern::Any,
            Some(name) => NamePattern::Exactly(name),
            None if !is_anchored => NamePattern::Any,
            None if is_deep => NamePattern::Any,
            None => translate(last)
                .and_then(|line| matcher(&line))
                .map_or(NamePattern::Any, NamePattern::Like),
        };
        Ok(Pattern {
            whole,
            name,
            prefix,
            is_in_one_directory,
            is_anchored,
            is_of_directories,
        })
    }

    /// Tells whether what has this name may be what is looked for.
    pub(super) fn may_be(&self, name: &[u8]) -> bool {
        match &self.name {
            NamePattern::Exactly(exactly) => name == exactly,
            NamePattern::Like(like) => matches(like, name, true),
            NamePattern::Any => self.is_anchored || matches(&self.whole, name, true),
        }
    }

    /// Tells whether this is what is looked for: `path` is a whole one, whose
    /// name may be.
    pub(super) fn matches(&self, path: &[u8], is_directory: bool) -> bool {
        let path = path.strip_prefix(b"/").unwrap_or(path);
        if path.is_empty() || (self.is_of_directories && !is_directory) {
            return false;
        }
        !self.is_anchored || matches(&self.whole, path, is_directory)
    }

    /// The name, if there is only one.
    pub(super) fn only_name(&self) -> Option<&[u8]> {
        match &self.name {
            NamePattern::Exactly(name) => Some(name),
            _ => None,
        }
    }

    /// The last name may be any: nothing is gained by looking at names.
    pub(super) fn is_of_any_name(&self) -> bool {
        self.is_anchored && matches!(self.name, NamePattern::Any)
    }

    /// The names that every path begins with, without the last one.
    pub(super) fn prefix(&self) -> &[Vec<u8>] {
        &self.prefix
    }

    /// The prefix is that of one directory, which everything is in.
    pub(super) fn is_in_one_directory(&self) -> bool {
        self.is_in_one_directory
    }
}

fn matcher(line: &str) -> std::result::Result<Gitignore, PatternTrouble> {
    let mut builder = GitignoreBuilder::new(".");
    let added = builder.add_line(None, line).is_ok();
    let built = builder.build().ok().filter(|_| added);
    built.ok_or(PatternTrouble::Unmatchable)
}

fn matches(matcher: &Gitignore, path: &[u8], is_directory: bool) -> bool {
    let path = Path::new(OsStr::from_bytes(path));
    matcher.matched(path, is_directory).is_ignore()
}

/// The name that a part of a pattern stands for; none if for many.
fn literal(part: &str) -> Option<Vec<u8>> {
    let mut name = String::with_capacity(part.len());
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' | '[' => return None,
            '\\' => name.push(chars.next()?),
            c => name.push(c),
        }
    }
    Some(name.into_bytes())
}

fn refused(text: &str, trouble: PatternTrouble) -> Error {
    let why = match trouble {
        PatternTrouble::NoSuchComponent => {
            "no path in a snapshot has an empty component, `.` or `..`".to_owned()
        }
        trouble => trouble.to_string(),
    };
    Error::new(
        ErrorKind::InvalidOption,
        format!("the pattern `{text}` finds nothing: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_a_slash_is_of_names_and_one_with_it_of_whole_paths() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("a", &["/a", "/b/a"], &["/a/b", "/aa", "/b/A"]),
            ("a/", &["/a/", "/b/a/"], &["/a", "/a/b"]),
            ("*.o", &["/x.o", "/b/.o"], &["/o", "/x.o/b", "/x.oo"]),
            ("/a", &["/a"], &["/b/a"]),
            ("a/b", &["/a/b"], &["/x/a/b", "/a/b/c"]),
            ("/a/*", &["/a/b"], &["/a", "/a/b/c"]),
            ("/a/**", &["/a/b", "/a/b/c"], &["/a", "/b/a"]),
            ("/a/***", &["/a/b", "/a/b/c"], &["/a", "/b/a"]),
            ("/a/b**", &["/a/b", "/a/bc"], &["/a/b/c"]),
            ("**/b", &["/b", "/a/b"], &["/b/a"]),
            ("/a/**/z", &["/a/z", "/a/b/c/z"], &["/a", "/z"]),
            ("/*/b", &["/a/b"], &["/b", "/a/c/b"]),
            (r"\*", &["/*", "/b/*"], &["/a"]),
            ("[ab]c", &["/ac", "/x/bc"], &["/cc"]),
            ("/x[a]/y", &["/xa/y"], &["/xb/y"]),
            ("!a", &["/!a"], &["/a"]),
            ("#a", &["/#a"], &["/a"]),
            ("{a,b}", &["/{a,b}"], &["/a"]),
            ("**", &["/a", "/a/b"], &["/"]),
        ];
        for (text, found, not_found) in cases {
            let pattern = Pattern::read(text).unwrap();
            let is_found = |path: &&str| {
                let plain = path.strip_suffix('/').unwrap_or(path);
                let name = plain.rsplit('/').next().unwrap().as_bytes();
                let is_directory = plain.len() < path.len();
                pattern.may_be(name) && pattern.matches(plain.as_bytes(), is_directory)
            };
            assert!(found.iter().all(is_found), "{text}");
            assert!(!not_found.iter().any(is_found), "{text}");
        }
    }

    #[test]
    fn wildcards_match_names_that_are_not_utf_8() {
        let pattern = Pattern::read("/x/a?*").unwrap();
        assert!(pattern.may_be(b"a\xff\xfe") && pattern.matches(b"/x/a\xff\xfe", false));
        assert!(!pattern.may_be(b"a") && !pattern.matches(b"/x/a", false));
    }

    #[test]
    fn what_a_pattern_says_of_the_place_is_made_use_of() {
        let read = |text| Pattern::read(text).unwrap();
        let names = |names: &[&str]| -> Vec<Vec<u8>> {
            names.iter().map(|name| name.as_bytes().to_vec()).collect()
        };
        let exact = read("/home/al\\ice/x");
        assert!(exact.is_in_one_directory() && !exact.is_of_any_name());
        assert_eq!(exact.prefix(), names(&["home", "alice"]));
        assert_eq!(exact.only_name(), Some(&b"x"[..]));
        let starred = read("home/*/x*");
        assert!(!starred.is_in_one_directory());
        assert_eq!(starred.prefix(), names(&["home"]));
        assert!(starred.may_be(b"xy") && !starred.may_be(b"y"));
        assert!(!read("x").is_in_one_directory() && !read("*").is_of_any_name());
        let deep = read("/x/***");
        assert!(!deep.is_in_one_directory() && deep.is_of_any_name());
        assert_eq!(deep.prefix(), names(&["x"]));
        assert!(read("/x").is_in_one_directory() && read("/x").prefix().is_empty());
        assert!(read("a[b/c]d").may_be(b"abd"));
    }

    #[test]
    fn a_pattern_that_can_find_nothing_is_refused_with_the_reason() {
        for text in ["", "/", "a//b", "../a", "[", "a\\", "a\0"] {
            let error = Pattern::read(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidOption, "{text:?}");
        }
    }
}
