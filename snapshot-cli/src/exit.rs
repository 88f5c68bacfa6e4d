//! How the command ends: exit codes, and what is said on the way out.

use std::error::Error as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hardsnap::retention::PolicyError;
use hardsnap::{EntryKind, Error, ErrorKind, FilterError};

use crate::output::{Console, human, json};
use crate::signal;

/// The command's work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// And nothing is left out.
    Done,
    /// Some entries are missing or unstable.
    Partial,
    /// The snapshot is there, but pruning is paused or left something behind.
    PruningIncomplete,
    /// What was to be removed is not gone.
    RemovalIncomplete,
    /// It would not be done: something is in the way.
    NotDone,
    /// Damage was found, whether or not it was repaired.
    Damaged,
}

impl Ending {
    fn code(self) -> u8 {
        match self {
            Ending::Done => 0,
            Ending::Partial => 3,
            Ending::PruningIncomplete => 4,
            Ending::RemovalIncomplete | Ending::NotDone => 1,
            Ending::Damaged => 5,
        }
    }
}

/// The command's work was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library says why.
    Engine(Error),
    /// A signal asked to stop.
    Stopped {
        /// Its number.
        signal: i32,
    },
    /// The arguments don't fit together.
    Usage(String),
    /// A file that the arguments name cannot be read.
    Unreadable(PathBuf, io::Error),
    /// What was read from stdin is not what the command takes.
    Input(String),
    /// No snapshot has it.
    NotFound(PathBuf),
    /// Neither of the two snapshots has it.
    InNeither(PathBuf),
    /// It is no file, but this.
    NotAFile(PathBuf, EntryKind),
    /// The user did not agree.
    Declined,
    /// What was asked for could not be written.
    Output(io::Error),
    /// The system refused something that the command itself needs.
    System(&'static str, io::Error),
}

impl Failure {
    /// An error of a run that `signal` may have stopped.
    pub(crate) fn of_run(error: Error, signal: Option<i32>) -> Failure {
        match signal {
            Some(signal) if error.kind() == ErrorKind::Cancelled => Failure::Stopped { signal },
            _ => Failure::Engine(error),
        }
    }

    fn code(&self) -> u8 {
        match self {
            Failure::Engine(error) => kind_code(error.kind()),
            Failure::Stopped { signal } => u8::try_from(128 + signal).unwrap_or(u8::MAX),
            Failure::Usage(_) => 2,
            // The reader had enough.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Failure::Unreadable(..)
            | Failure::Input(_)
            | Failure::NotFound(_)
            | Failure::InNeither(_)
            | Failure::NotAFile(..)
            | Failure::Declined
            | Failure::Output(_)
            | Failure::System(..) => 1,
        }
    }

    /// The chain of causes, in one line; paths in it as far as text can hold them.
    fn message(&self) -> String {
        match self {
            Failure::Engine(error) => {
                let mut text = error.to_string();
                let mut cause = error.source();
                while let Some(error) = cause {
                    text = format!("{text}: {error}");
                    cause = error.source();
                }
                text
            }
            Failure::Stopped { signal } => {
                format!("stopped by {} before it was done", signal::name(*signal))
            }
            Failure::Usage(text) | Failure::Input(text) => text.clone(),
            Failure::Unreadable(path, error) => format!("cannot read {}: {error}", path.display()),
            Failure::NotFound(path) => format!("no snapshot has {}", path.display()),
            Failure::InNeither(path) => {
                format!("neither of the two snapshots has {}", path.display())
            }
            Failure::NotAFile(path, kind) => {
                let kind = kind.as_str();
                format!("{} is a {kind}; a patch is of a file", path.display())
            }
            Failure::Declined => "nothing was deleted".to_owned(),
            Failure::Output(error) => format!("cannot write the output: {error}"),
            Failure::System(operation, error) => format!("cannot {operation}: {error}"),
        }
    }

    fn paths(&self) -> Vec<&Path> {
        match self {
            Failure::Engine(error) => error
                .path()
                .into_iter()
                .chain(error.second_path())
                .collect(),
            Failure::Unreadable(path, _)
            | Failure::NotFound(path)
            | Failure::InNeither(path)
            | Failure::NotAFile(path, _) => vec![path],
            _ => Vec::new(),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Failure::Engine(error) => error.kind().as_str(),
            Failure::Stopped { .. } => "cancelled",
            Failure::Usage(_) => "usage",
            Failure::Input(_) => "invalid_input",
            Failure::NotFound(_) | Failure::InNeither(_) => "not_found",
            Failure::NotAFile(..) => "not_a_file",
            Failure::Declined => "declined",
            Failure::Output(_) => "output",
            Failure::Unreadable(..) | Failure::System(..) => "io",
        }
    }

    fn hint(&self) -> Option<&str> {
        match self {
            Failure::Engine(error) => error.hint().or(kind_hint(error.kind())),
            Failure::Usage(_) => Some("see --help"),
            Failure::NotFound(_) => Some("`hardsnap find STORE NAME` looks for a name everywhere"),
            Failure::InNeither(_) => {
                Some("`hardsnap versions STORE PATH` tells which snapshots have it")
            }
            Failure::NotAFile(..) => {
                Some("without --patch, `hardsnap diff` tells what was changed")
            }
            _ => None,
        }
    }

    fn os_error(&self) -> Option<i32> {
        match self {
            Failure::Engine(error) => error.raw_os_error(),
            Failure::Unreadable(_, error) | Failure::Output(error) | Failure::System(_, error) => {
                error.raw_os_error()
            }
            _ => None,
        }
    }

    fn line(&self) -> json::Line<json::ErrorFields> {
        json::ErrorFields {
            message: self.message(),
            path: self.paths().first().map(|&path| path.into()),
            code: self.word(),
            operation: None,
            error: None,
            os_error: self.os_error(),
            hint: self.hint().map(str::to_owned),
            exit_code: Some(self.code()),
        }
        .line()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Engine(error)
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Failure {
        Failure::Usage(error.to_string())
    }
}

impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Failure {
        Failure::Usage(error.to_string())
    }
}

/// The code for what kept an operation from being done.
fn kind_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::NoSources | ErrorKind::InvalidOption => 2,
        ErrorKind::NotAStore => 10,
        ErrorKind::StoreLocked => 11,
        _ => 1,
    }
}

/// What to do about it, where the library has no advice of its own.
fn kind_hint(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::AlreadyAStore => Some("`hardsnap backup SOURCE... STORE` uses it as it is"),
        ErrorKind::StoreLocked => {
            Some("wait until it is done; the lock goes when its process does")
        }
        ErrorKind::UnknownSnapshot => Some("`hardsnap list STORE` shows those there are"),
        _ => None,
    }
}

/// Answers arguments that name no work: help, the version, or wrong usage.
pub(crate) fn answer(error: &clap::Error) -> u8 {
    let printed = error.print().and_then(|()| io::stdout().flush());
    match printed {
        _ if error.use_stderr() => 2,
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => 1,
        _ => 0,
    }
}

/// Says what is left to say, and turns it all into the exit code.
pub(crate) fn conclude(result: Result<Ending, Failure>, console: &Console) -> u8 {
    match result {
        Ok(ending) => {
            // What was done is done, whoever could not be told of it.
            if let Err(error) = console.written() {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    console.tell(format_args!("cannot write the output: {error}"));
                }
            }
            ending.code()
        }
        Err(failure) => fail(&failure, console),
    }
}

fn fail(failure: &Failure, console: &Console) -> u8 {
    let code = failure.code();
    if code == 0 {
        return code;
    }
    if console.is_json() {
        console.print_json(&failure.line());
    }
    console.tell(human::message(&failure.message(), &failure.paths()));
    if let Some(hint) = failure.hint() {
        console.hint(human::message(hint, &failure.paths()));
    }
    if let Failure::Stopped { signal } = failure {
        // Whoever waits for the process is to see what ended it.
        signal::die_of(*signal);
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_and_failures_have_the_documented_codes() {
        assert_eq!(Ending::Done.code(), 0);
        assert_eq!(Ending::Partial.code(), 3);
        assert_eq!(Ending::PruningIncomplete.code(), 4);
        assert_eq!(Ending::RemovalIncomplete.code(), 1);
        assert_eq!(Ending::Damaged.code(), 5);
        assert_eq!(Failure::Usage(String::new()).code(), 2);
        let missing = Failure::Unreadable("list".into(), io::ErrorKind::NotFound.into());
        assert_eq!(missing.code(), 1);
        assert_eq!(Failure::Input(String::new()).code(), 1);
        assert_eq!(Failure::NotFound("/a".into()).code(), 1);
        assert_eq!(Failure::Declined.code(), 1);
        assert_eq!(Failure::Stopped { signal: 15 }.code(), 143);
        assert_eq!(Failure::Output(io::ErrorKind::StorageFull.into()).code(), 1);
        assert_eq!(Failure::Output(io::ErrorKind::BrokenPipe.into()).code(), 0);
    }

    #[test]
    fn kinds_of_errors_have_the_documented_codes() {
        for (kind, code) in [
            (ErrorKind::NoSources, 2),
            (ErrorKind::InvalidOption, 2),
            (ErrorKind::NotAStore, 10),
            (ErrorKind::StoreLocked, 11),
            (ErrorKind::Io, 1),
            (ErrorKind::NotMounted, 1),
            (ErrorKind::SourceUnavailable, 1),
            (ErrorKind::SourcesChanged, 1),
            (ErrorKind::TimeTaken, 1),
            (ErrorKind::CatalogUnusable, 1),
            (ErrorKind::NoSpace, 1),
        ] {
            assert_eq!(kind_code(kind), code, "{kind:?}");
        }
    }
}
