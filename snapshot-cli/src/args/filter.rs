//! `--exclude…`, `--include`: what of the sources is taken.

use std::fs;
use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use hardsnap::{ByteSize, Filter};

use crate::exit::Failure;

pub(super) const SYNTAX_HELP: &str = "\
Patterns are those of .gitignore, seen from the root of each source: /cache is there alone, cache \
is anywhere, cache/ is a directory, * stays within a name and ** does not. The last one that \
matches counts. A directory that is left out is not read: to keep a part of it, leave out \
'/cache/*' and include /cache/keep.";

/// What to leave out. The order of patterns counts.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Filters", after_help = SYNTAX_HELP)]
struct Flags {
    /// Leave out what matches; a leading / is the root of the source
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Take what matches although an earlier pattern leaves it out
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Read patterns from FILE, one a line; `!` takes in again, `#` begins a comment
    #[arg(long, value_name = "FILE")]
    exclude_from: Vec<PathBuf>,
    /// Leave out the content of directories that hold NAME, except for NAME itself
    #[arg(long, value_name = "NAME")]
    exclude_if_present: Vec<String>,
    /// Leave out the content of cache directories, except for the CACHEDIR.TAG that marks them
    #[arg(long)]
    exclude_caches: bool,
    /// Leave out what has the attribute nodump (chattr +d)
    #[arg(long)]
    exclude_nodump: bool,
    /// Leave out files larger than SIZE: 512k, 10M, 1.5G, in powers of 1,024
    #[arg(long, value_name = "SIZE")]
    exclude_larger_than: Option<ByteSize>,
}

/// What of the sources is taken, as the command line says.
#[derive(Debug, Default)]
pub(crate) struct FilterArgs {
    flags: Flags,
    patterns: Vec<Patterns>,
}

/// Patterns that were given at one place of the command line.
#[derive(Debug)]
enum Patterns {
    Exclude(String),
    Include(String),
    From(PathBuf),
}

impl FilterArgs {
    /// Puts the filter together; the files are read now.
    pub(crate) fn read(&self) -> Result<Filter, Failure> {
        let Flags {
            exclude_if_present,
            exclude_caches,
            exclude_nodump,
            exclude_larger_than,
            ..
        } = &self.flags;
        let mut filter = Filter::builder();
        for patterns in &self.patterns {
            filter = match patterns {
                Patterns::Exclude(pattern) => filter.exclude(pattern),
                Patterns::Include(pattern) => filter.include(pattern),
                Patterns::From(file) => {
                    let text =
                        fs::read(file).map_err(|error| Failure::Unreadable(file.clone(), error))?;
                    filter.patterns_from(file, text)
                }
            };
        }
        for name in exclude_if_present {
            filter = filter.exclude_if_present(name);
        }
        if *exclude_caches {
            filter = filter.exclude_caches();
        }
        if *exclude_nodump {
            filter = filter.exclude_nodump();
        }
        if let Some(limit) = *exclude_larger_than {
            filter = filter.exclude_larger_than(limit);
        }
        Ok(filter.build()?)
    }
}

impl FromArgMatches for FilterArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<FilterArgs, clap::Error> {
        let mut flags = Flags::from_arg_matches(matches)?;
        let places = |flag| matches.indices_of(flag).into_iter().flatten();
        // Each flag has its values in a list of its own; the places on the
        // command line bring them back into one order.
        let exclude = places("exclude").zip(flags.exclude.drain(..).map(Patterns::Exclude));
        let include = places("include").zip(flags.include.drain(..).map(Patterns::Include));
        let from = places("exclude_from").zip(flags.exclude_from.drain(..).map(Patterns::From));
        let mut patterns: Vec<_> = exclude.chain(include).chain(from).collect();
        patterns.sort_by_key(|(place, _)| *place);
        Ok(FilterArgs {
            flags,
            patterns: patterns.into_iter().map(|(_, patterns)| patterns).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = FilterArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for FilterArgs {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        filter: FilterArgs,
        #[arg(long)]
        other: bool,
        paths: Vec<PathBuf>,
    }

    fn read(arguments: &[&str]) -> Result<Filter, String> {
        let line = Line::try_parse_from(["test"].iter().chain(arguments));
        let filter = line.map_err(|error| error.to_string())?.filter;
        filter.read().map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn no_option_is_no_filter() {
        assert!(read(&[]).unwrap().is_empty());
        assert!(read(&["--other", "path"]).unwrap().is_empty());
    }

    #[test]
    fn patterns_keep_the_order_of_the_command_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "# a comment\nc\n!d\n").unwrap();
        let from = file.path().to_str().unwrap();
        let arguments = [
            "--include=z",
            "--exclude",
            "a",
            "path",
            "--exclude-from",
            from,
            "--other",
            "--include",
            "e",
            "--exclude=f",
            "path",
            "--exclude-from",
            from,
            "--exclude",
            "g",
        ];
        let expected = [
            "include z",
            "exclude a",
            "exclude c",
            "include d",
            "include e",
            "exclude f",
            "exclude c",
            "include d",
            "exclude g",
        ];
        assert_eq!(read(&arguments).unwrap().description(), expected);
    }

    #[test]
    fn the_other_options_say_what_the_library_says() {
        let arguments = [
            "--exclude-larger-than",
            "1.5G",
            "--exclude-if-present",
            ".nobackup",
            "--exclude-nodump",
            "--exclude-if-present=.git",
            "--exclude-caches",
        ];
        let expected = Filter::builder()
            .exclude_caches()
            .exclude_nodump()
            .exclude_if_present(".nobackup")
            .exclude_if_present(".git")
            .exclude_larger_than(ByteSize::from_bytes(3 << 29))
            .build();
        assert_eq!(read(&arguments).unwrap(), expected.unwrap());
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "fine\n\n[a\n").unwrap();
        let from = file.path().to_str().unwrap();
        let cases: &[(&[&str], &str)] = &[
            (&["--exclude", "[a"], "--exclude: `[a`"),
            (&["--exclude", ""], "--exclude: ``"),
            (&["--include", "!a"], "--include: `!a`"),
            (&["--exclude", "./a"], "--exclude: `./a`"),
            (&["--exclude-from", from], &format!("{from}:3: `[a`")),
            (&["--exclude-from", "/nowhere/list"], "/nowhere/list"),
            (&["--exclude-if-present", "a/b"], "`a/b`"),
            (&["--exclude-larger-than", "10MB"], "`10MB` is not a size"),
            (&["--exclude-larger-than", "0"], "--exclude-larger-than: 0"),
            (&["--exclude-larger-than"], "a value is required"),
        ];
        for (arguments, expected) in cases {
            let message = read(arguments).unwrap_err();
            assert!(message.contains(expected), "{arguments:?}: {message}");
        }
    }
}
