//! What filters take and leave out, and what they refuse.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod filter_support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use filter_support::naive::{self, Naive};
use hardsnap::{
    ByteSize, EntryKind, Filter, FilterError, LeftOutBy, MarkerSign, PatternOrigin, PatternTrouble,
    Verdict,
};
use proptest::prelude::*;

use EntryKind::{Directory, File};

fn excluding(patterns: &[&str]) -> Filter {
    let builder = patterns.iter().fold(Filter::builder(), |builder, pattern| {
        builder.exclude(pattern)
    });
    builder.build().unwrap()
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn takes(filter: &Filter, name: &str, kind: EntryKind) -> bool {
    filter.verdict(Path::new(name), kind, 0) == Verdict::Take
}

/// As many cases as the environment asks for, and nothing written beside the
/// source when one fails.
fn cases() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The rule that leaves a file of one byte out, as text.
fn by(filter: &Filter, name: &str) -> Option<String> {
    let verdict = filter.verdict(Path::new(name), File, 1);
    verdict.left_out_by().map(|by| by.to_string())
}

#[test]
fn a_filter_without_rules_takes_everything() {
    for filter in [Filter::default(), Filter::builder().build().unwrap()] {
        assert!(filter.is_empty() && !filter.wants_paths() && !filter.wants_nodump());
        assert!(filter.markers().is_empty() && filter.description().is_empty());
        assert_eq!(
            filter.verdict(Path::new("a"), File, u64::MAX),
            Verdict::Take
        );
        assert_eq!(filter, Filter::default());
    }
}

#[test]
fn patterns_mean_what_gitignore_says() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("a", &["a", "b/a", "b/c/a"], &["ab", "a/b", "A"]),
        ("/a", &["a"], &["b/a"]),
        ("a/b", &["a/b"], &["c/a/b", "a/b/c", "a"]),
        ("/a/b", &["a/b"], &["c/a/b"]),
        ("*", &["a", "a/b", ".a"], &[]),
        ("/*", &["a", ".a"], &["a/b"]),
        (
            "*.o",
            &["a.o", ".o", "b/a.o", "a.b.o"],
            &["a.ob", "o", "a.o/b"],
        ),
        ("a*", &["a", "ab", "b/ab"], &["ba", "ab/c"]),
        ("a/*", &["a/b"], &["a", "a/b/c", "b/a/c"]),
        ("a?c", &["abc", "a.c"], &["ac", "a/c", "abbc"]),
        ("**/a", &["a", "b/a", "b/c/a"], &["ba"]),
        ("**/a/b", &["a/b", "c/a/b"], &["b", "ca/b"]),
        ("a/**", &["a/b", "a/b/c"], &["a", "b/a/c"]),
        (
            "a/**/b",
            &["a/b", "a/c/b", "a/c/d/b"],
            &["ab", "a/b/c", "c/a/b"],
        ),
        ("**", &["a", "a/b"], &[]),
        ("a**", &["a", "ab"], &["b"]),
        ("a**/b", &["a/b", "ac/b"], &["ab", "a/c/b"]),
        ("[ab]c", &["ac", "bc"], &["cc", "abc"]),
        ("[!ab]c", &["cc"], &["ac", "b/c/d", "/c"]),
        ("[^ab]c", &["cc"], &["ac"]),
        ("x[!a]y", &["xby"], &["x/y", "xay"]),
        ("x[.-0]y", &["x.y", "x0y"], &["x/y"]),
        ("a[[:digit:]]", &["a0", "b/a7"], &["ax", "a"]),
        ("{a,b}", &["{a,b}"], &["a", "b"]),
        (r"\*", &["*"], &["a"]),
        (r"\!a", &["!a"], &["a", r"\!a"]),
        (r"\#a", &["#a"], &["a"]),
        (r"a\ b", &["a b"], &[r"a\ b"]),
        (r"\[a]", &["[a]"], &["a"]),
        ("a b", &["a b"], &["a", "b"]),
        ("ä?", &["äx"], &["ä", "ax"]),
        ("lost+found", &["lost+found"], &["losttfound"]),
        ("a.b", &["a.b"], &["axb"]),
        ("(a|b)$", &["(a|b)$"], &["a", "b"]),
    ];
    for (pattern, left_out, taken) in cases {
        let filter = excluding(&[pattern]);
        for name in *left_out {
            assert!(!takes(&filter, name, File), "{pattern} leaves out {name}");
            assert!(
                !takes(&filter, name, Directory),
                "{pattern} leaves out {name}"
            );
        }
        for name in *taken {
            assert!(takes(&filter, name, File), "{pattern} takes {name}");
        }
    }
}

#[test]
fn a_slash_at_the_end_asks_for_a_directory() {
    for pattern in ["a/", "/a/", "**/a/", "[a]/", "*/"] {
        let filter = excluding(&[pattern]);
        assert!(!takes(&filter, "a", Directory), "{pattern}");
        for kind in [File, EntryKind::Symlink, EntryKind::Fifo, EntryKind::Socket] {
            assert!(takes(&filter, "a", kind), "{pattern} and a {kind:?}");
        }
    }
}

#[test]
fn the_last_pattern_that_matches_counts() {
    let filter = Filter::builder()
        .exclude("*.o")
        .include("keep.o")
        .patterns_from("list", "/x/keep.o\n!/x/y.o\n")
        .exclude("!z.o")
        .build()
        .unwrap();
    assert_eq!(by(&filter, "a.o").unwrap(), "--exclude *.o");
    assert_eq!(by(&filter, "keep.o"), None);
    assert_eq!(by(&filter, "y/keep.o"), None);
    assert_eq!(by(&filter, "x/keep.o").unwrap(), "list:1: /x/keep.o");
    assert_eq!(by(&filter, "x/y.o"), None);
    assert_eq!(by(&filter, "z.o"), None);
    // The other way round nothing is left to win back.
    let filter = Filter::builder().include("keep.o").exclude("*.o");
    let filter = filter.build().unwrap();
    assert_eq!(by(&filter, "keep.o").unwrap(), "--exclude *.o");
}

#[test]
fn thousands_of_patterns_keep_their_order() {
    let mut text: String = (0..2_500)
        .map(|n| format!("/dir{n}/*.o\nname{n}\n"))
        .collect();
    text += "!name7\n!/dir1200/a.o\n*.o\n!name2499\n!/dir1/b.o\n";
    let filter = Filter::builder()
        .patterns_from("list", &text)
        .build()
        .unwrap();
    assert_eq!(by(&filter, "name6").unwrap(), "list:14: name6");
    assert_eq!(by(&filter, "x/name2498").unwrap(), "list:4998: name2498");
    assert_eq!(by(&filter, "name7"), None);
    assert_eq!(by(&filter, "name2499"), None);
    assert_eq!(by(&filter, "dir1200/a.o").unwrap(), "list:5003: *.o");
    assert_eq!(by(&filter, "dir1/b.o"), None);
    assert_eq!(by(&filter, "dir1/b.c"), None);
}

#[test]
fn the_verdict_names_the_rule_as_data() {
    let filter = Filter::builder()
        .exclude("a")
        .patterns_from("dir/list", "\n# no\nb\n")
        .exclude_larger_than(ByteSize::from_bytes(10 << 20))
        .build()
        .unwrap();
    let Verdict::LeaveOut(LeftOutBy::Pattern(pattern)) =
        filter.verdict(Path::new("b"), File, u64::MAX)
    else {
        panic!("not by a pattern")
    };
    assert_eq!((pattern.text(), pattern.wins_back()), ("b", false));
    let (file, line) = ("dir/list".into(), 3);
    assert_eq!(*pattern.origin(), PatternOrigin::File { file, line });
    let verdict = filter.verdict(Path::new("c"), File, (10 << 20) + 1);
    let limit = ByteSize::from_bytes(10 << 20);
    assert_eq!(verdict, Verdict::LeaveOut(LeftOutBy::LargerThan(limit)));
    let by = verdict.left_out_by().unwrap();
    assert_eq!(by.to_string(), "--exclude-larger-than 10M");
    assert_eq!(LeftOutBy::Nodump.to_string(), "--exclude-nodump");
}

#[test]
fn names_that_are_not_utf_8_are_matched_by_their_bytes() {
    let matches = |pattern: &str, name: &[u8]| {
        let filter = excluding(&[pattern]);
        filter.verdict(path(name), File, 0) != Verdict::Take
    };
    assert!(matches("*", b"\xff\xfe"));
    assert!(matches("*.o", b"\xff.o"));
    assert!(matches("a*b", b"a\xc3b"));
    assert!(matches("a?b", b"a\xffb"));
    assert!(matches("a[!x]b", b"a\xffb"));
    assert!(matches("/x/**", b"x/\x80/\xff"));
    assert!(matches("*/keep", b"\xff/keep"));
    assert!(!matches("a[a-z]b", b"a\xffb"));
    assert!(!matches("\u{fffd}", b"\xff"), "not by what it is shown as");
    assert!(matches("a*b", b"a\n\r\t b"));
    assert!(matches("a?b", b"a\nb"));
    // Two bytes, so two of them.
    assert!(matches("a??b", "aäb".as_bytes()) && !matches("a?b", "aäb".as_bytes()));
}

#[test]
fn a_limit_of_size_is_for_regular_files_and_is_not_won_back() {
    let filter = Filter::builder()
        .exclude_larger_than("1k".parse().unwrap())
        .include("*")
        .build()
        .unwrap();
    let verdict = |kind, size| filter.verdict(Path::new("a"), kind, size);
    assert_eq!(verdict(File, 1024), Verdict::Take);
    assert_ne!(verdict(File, 1025), Verdict::Take);
    assert_ne!(filter.verdict_by_size(File, 1025), Verdict::Take);
    assert_eq!(filter.verdict_by_path(Path::new("a"), File), Verdict::Take);
    for kind in [Directory, EntryKind::Symlink, EntryKind::BlockDevice] {
        assert_eq!(verdict(kind, u64::MAX), Verdict::Take);
    }
    // The last limit counts.
    let filter = Filter::builder()
        .exclude_larger_than("1k".parse().unwrap())
        .exclude_larger_than("2k".parse().unwrap())
        .build()
        .unwrap();
    assert_eq!(filter.verdict(Path::new("a"), File, 2048), Verdict::Take);
    assert_eq!(filter.description(), ["exclude-larger-than 2k"]);
}

#[test]
fn the_root_of_a_source_is_always_taken() {
    let filter = excluding(&["*", "**", "/**"]);
    assert_eq!(filter.verdict(Path::new(""), Directory, 0), Verdict::Take);
}

#[test]
fn a_file_of_patterns_is_read_as_git_reads_it() {
    let text = "\u{feff}first\r\n\
        \n   \n\
        # comment\n\
        \\#kept\n \
        # a name\n\
        a b  \n\
        c\\ \n\
        \td\t\n\
        !first\n\
        last";
    let filter = Filter::builder()
        .patterns_from("list", text)
        .build()
        .unwrap();
    let expected = [
        "exclude first",
        "exclude \\#kept",
        "exclude  # a name",
        "exclude a b",
        "exclude c\\ ",
        "exclude \td\t",
        "include first",
        "exclude last",
    ];
    assert_eq!(filter.description(), expected);
    assert_eq!(by(&filter, "last").unwrap(), "list:11: last");
    for name in ["#kept", " # a name", "a b", "c ", "\td\t", "last"] {
        assert!(!takes(&filter, name, File), "{name:?}");
    }
    for name in ["first", "c", "d", "# comment", "a b  "] {
        assert!(takes(&filter, name, File), "{name:?}");
    }
}

#[test]
fn a_pattern_that_is_given_alone_is_taken_to_the_letter() {
    let filter = excluding(&["#a#", "b ", "c\t", "d\u{3000}"]);
    for name in ["#a#", "b ", "c\t", "d\u{3000}"] {
        assert!(!takes(&filter, name, File), "{name:?}");
        assert!(
            takes(&filter, name.trim(), File) || name == "#a#",
            "{name:?}"
        );
    }
}

#[test]
fn patterns_that_cannot_be_meant_are_refused_by_name_and_line() {
    for (pattern, trouble) in [
        ("", PatternTrouble::Empty),
        ("!", PatternTrouble::Empty),
        ("/", PatternTrouble::NeverMatches),
        ("a\0b", PatternTrouble::NeverMatches),
        ("[/]", PatternTrouble::NeverMatches),
        ("a\nb", PatternTrouble::LineBreak),
        ("./a", PatternTrouble::NoSuchComponent),
        ("../a", PatternTrouble::NoSuchComponent),
        ("a/../b", PatternTrouble::NoSuchComponent),
        ("..", PatternTrouble::NoSuchComponent),
        ("a//b", PatternTrouble::NoSuchComponent),
        ("a//", PatternTrouble::NoSuchComponent),
        ("//a", PatternTrouble::NoSuchComponent),
        ("[a", PatternTrouble::UnclosedClass),
        ("a[", PatternTrouble::UnclosedClass),
        ("[]", PatternTrouble::UnclosedClass),
        ("[b-a]", PatternTrouble::BackwardsRange),
        ("[[:letter:]]", PatternTrouble::UnknownClass),
        ("[äö]", PatternTrouble::NotAsciiInClass),
        ("a\\", PatternTrouble::DanglingEscape),
        ("a\\/", PatternTrouble::DanglingEscape),
    ] {
        let error = Filter::builder().exclude(pattern).build().unwrap_err();
        let expected = FilterError::Pattern {
            pattern: pattern.to_owned(),
            origin: PatternOrigin::Exclude,
            trouble,
        };
        assert_eq!(error, expected, "{pattern:?}");
        if !pattern.is_empty() && !pattern.contains('\n') {
            let text = format!("good\n\n{pattern}\nlater [");
            let builder = Filter::builder().patterns_from("the list", text);
            let message = builder.build().unwrap_err().to_string();
            let begin = format!("the list:3: `{pattern}`: ");
            assert!(message.starts_with(&begin), "{message}");
        }
    }
    let error = Filter::builder().include("!a").build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "--include: `!a`: `!` is said already; write `\\!` for a name that begins with it"
    );
    let error = Filter::builder()
        .patterns_from("list", b"a\nb\xff\n")
        .build();
    let message = error.unwrap_err().to_string();
    assert!(
        message.starts_with("list:2: `b\u{fffd}`: a pattern has to be UTF-8"),
        "{message}"
    );
    // What is not UTF-8 in a comment harms nobody.
    let filter = Filter::builder()
        .patterns_from("list", b"# \xff\nb\n")
        .build();
    assert_eq!(filter.unwrap().description(), ["exclude b"]);
}

#[test]
fn limits_and_markers_that_cannot_be_meant_are_refused() {
    let long = "n".repeat(256);
    for name in ["", ".", "..", "a/b", "/a", "a\0", "a\nb", &long] {
        let error = Filter::builder()
            .exclude_if_present(name)
            .build()
            .unwrap_err();
        assert_eq!(error, FilterError::Name { name: name.into() });
    }
    let longest = Filter::builder().exclude_if_present(&long[1..]);
    assert!(longest.build().is_ok());
    let limit = ByteSize::from_bytes(0);
    let error = Filter::builder().exclude_larger_than(limit).build();
    assert_eq!(error.unwrap_err(), FilterError::Limit { limit });
}

#[test]
fn the_first_thing_that_is_wrong_is_told() {
    let builder = Filter::builder().exclude("a").exclude("[1").include("[2");
    let message = builder
        .exclude_if_present("/")
        .build()
        .unwrap_err()
        .to_string();
    assert!(message.starts_with("--exclude: `[1`: "), "{message}");
}

#[test]
fn markers_tell_what_to_look_for_and_what_stays() {
    let filter = Filter::builder()
        .exclude_caches()
        .exclude_if_present(".nobackup")
        .exclude_if_present(".git")
        .exclude_if_present(".nobackup")
        .exclude_caches()
        .build()
        .unwrap();
    assert!(!filter.is_empty() && !filter.wants_paths());
    let names: Vec<_> = filter
        .markers()
        .iter()
        .map(hardsnap::Marker::name)
        .collect();
    assert_eq!(names, [c".git", c".nobackup", c"CACHEDIR.TAG"]);
    let [git, _, cache] = filter.markers() else {
        panic!("three markers")
    };
    assert_eq!(git.sign(), MarkerSign::Name);
    assert_eq!(git.left_out_by().to_string(), "--exclude-if-present .git");
    assert_eq!(git.left_out_by().all_but(), Some(".git"));
    let signature = b"Signature: 8a477f597d28d172789f06886806bc55";
    assert_eq!(cache.sign(), MarkerSign::FirstBytes(signature));
    assert_eq!(signature.len(), 43);
    assert_eq!(cache.left_out_by().to_string(), "--exclude-caches");
    assert_eq!(cache.left_out_by().all_but(), Some("CACHEDIR.TAG"));
    assert_eq!(LeftOutBy::Nodump.all_but(), None);
}

#[test]
fn filters_are_equal_by_their_rules_wherever_these_came_from() {
    let one = Filter::builder()
        .exclude("*.o")
        .include("a.o")
        .exclude_if_present("x")
        .exclude_if_present("b")
        .exclude_nodump()
        .exclude_caches()
        .exclude_larger_than("1024k".parse().unwrap())
        .build()
        .unwrap();
    let other = Filter::builder()
        .exclude_larger_than("1M".parse().unwrap())
        .exclude_caches()
        .exclude_if_present("b")
        .exclude_if_present("x")
        .exclude_if_present("b")
        .patterns_from("list", "# the same\n*.o  \n!a.o\n")
        .exclude_nodump()
        .build()
        .unwrap();
    assert_eq!(one, other);
    assert_eq!(one, one.clone());
    assert_eq!(
        one.description(),
        [
            "exclude *.o",
            "include a.o",
            "exclude-if-present b",
            "exclude-if-present x",
            "exclude-caches",
            "exclude-nodump",
            "exclude-larger-than 1M",
        ]
    );
    for (left, right) in [
        (excluding(&["a", "b"]), excluding(&["b", "a"])),
        (excluding(&["a"]), excluding(&["!a"])),
        (excluding(&["a"]), excluding(&["a "])),
        (excluding(&[]), excluding(&["a"])),
    ] {
        assert_ne!(left, right);
    }
}

#[test]
fn nothing_below_a_directory_that_is_left_out_is_won_back() {
    let tree = [
        ("cache", Directory),
        ("cache/keep", Directory),
        ("cache/keep/file", File),
        ("cache/other", File),
    ];
    let walked = |patterns: &[&str]| naive::walk(&excluding(patterns), &tree);
    assert_eq!(walked(&["/cache", "!/cache/keep"]), [""; 0]);
    assert_eq!(
        walked(&["/cache/*", "!/cache/keep"]),
        ["cache", "cache/keep", "cache/keep/file"]
    );
}

proptest! {
    #![proptest_config(cases())]

    /// The matcher agrees with one that is written to be obvious.
    #[test]
    fn verdicts_are_those_of_a_naive_matcher(
        patterns in prop::collection::vec(naive::pattern(), 1..6),
        paths in prop::collection::vec((naive::path(), any::<bool>()), 1..20),
    ) {
        let filter = patterns.iter().fold(Filter::builder(), |builder, pattern| {
            builder.exclude(pattern)
        });
        let filter = filter.build().unwrap();
        let naive = Naive::new(&patterns);
        for (name, is_directory) in paths {
            let kind = if is_directory { Directory } else { File };
            let verdict = filter.verdict(path(&name), kind, 0);
            let rule = match verdict.left_out_by() {
                Some(LeftOutBy::Pattern(pattern)) => Some(pattern.text()),
                _ => None,
            };
            prop_assert_eq!(
                rule,
                naive.rule(&name, is_directory),
                "{:?} on {}", patterns, name.escape_ascii()
            );
        }
    }

    /// Whatever is written, it is read or refused, and never panics.
    #[test]
    fn any_text_is_read_or_refused(text in any::<Vec<u8>>(), name in "[^\0]{1,20}") {
        if let Ok(filter) = Filter::builder().patterns_from("list", &text).build() {
            let _ = filter.verdict(Path::new(&name), File, 0);
        }
    }

    /// A name that is escaped is itself and nothing else.
    #[test]
    fn an_escaped_name_matches_itself_alone(name in "[^/\0\n]{1,12}", other in "[^/\0\n]{1,12}") {
        prop_assume!(name != "." && name != "..");
        let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
        let filter = excluding(&[&format!("/{escaped}")]);
        prop_assert!(!takes(&filter, &name, File));
        prop_assert_eq!(takes(&filter, &other, File), name != other);
    }
}
