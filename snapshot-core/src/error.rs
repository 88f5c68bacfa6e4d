//! The one error type of the crate.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What to know where a destination is full.
pub(crate) const NO_ROOM_HINT: &str =
    "nothing was published, and no snapshot was removed to make room";

/// What kept an operation from being done.
///
/// An error is only what stops a whole run. Trouble with one entry is a
/// [`Problem`](crate::Problem) in the report.
///
/// The message names the operation and the path; the cause, where there is
/// one, is the [`source`](std::error::Error::source).
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    path: Option<PathBuf>,
    second_path: Option<PathBuf>,
    hint: Option<String>,
    cause: Option<io::Error>,
}

/// The kinds of [`Error`], for code that decides by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The directory holds no store: there is no marker `.hardsnap/store.toml`.
    NotAStore,
    /// There is a store already where one was to be made.
    AlreadyAStore,
    /// The store was written by a newer version, or its marker can't be read.
    UnsupportedFormat,
    /// Others than its owner can write the store, so nothing in it can be trusted.
    UnsafeStore,
    /// Another run holds the store's lock.
    StoreLocked,
    /// The destination's filesystem cannot lock files.
    LockUnsupported,
    /// The destination's filesystem has no hard links.
    LinksUnsupported,
    /// The destination is a mount point that is not mounted.
    NotMounted,
    /// No source was given.
    NoSources,
    /// A source does not exist or cannot be read at all.
    SourceUnavailable,
    /// A source is the store itself, or lies inside it.
    SourceIsStore,
    /// The sources are not those of the series that the store holds.
    SourcesChanged,
    /// There is a snapshot of that time already.
    TimeTaken,
    /// No snapshot matches the name that was given.
    UnknownSnapshot,
    /// More than one snapshot matches the name that was given.
    AmbiguousSnapshot,
    /// Removing would take the newest complete snapshot.
    LastSnapshot,
    /// A snapshot that is held was to be deleted.
    SnapshotHeld,
    /// A snapshot that is being read was to be deleted, or one that is being
    /// removed was to be read.
    SnapshotInUse,
    /// The catalog is missing or damaged, or does not tell of what was asked.
    CatalogUnusable,
    /// The target of a tree exists and is not empty.
    TargetNotEmpty,
    /// The target of a restore lies in the store.
    TargetIsStore,
    /// Something is where an entry was to be restored; nothing was written.
    InTheWay,
    /// The snapshot does not have a path that was to be restored, or has no file
    /// there that could be opened.
    NotInSnapshot,
    /// `latest` exists and is not a symlink.
    LatestOccupied,
    /// The destination is full: bytes, inodes or quota.
    NoSpace,
    /// What was written could not be flushed; nothing was published.
    FlushFailed,
    /// An option is out of its range.
    InvalidOption,
    /// The run was stopped by its [`CancelToken`](crate::CancelToken).
    Cancelled,
    /// A system call failed; the cause says how.
    Io,
}

impl ErrorKind {
    /// The word for it that programs read: `not_a_store`, `no_space`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::NotAStore => "not_a_store",
            ErrorKind::AlreadyAStore => "already_a_store",
            ErrorKind::UnsupportedFormat => "unsupported_format",
            ErrorKind::UnsafeStore => "unsafe_store",
            ErrorKind::StoreLocked => "store_locked",
            ErrorKind::LockUnsupported => "lock_unsupported",
            ErrorKind::LinksUnsupported => "links_unsupported",
            ErrorKind::NotMounted => "not_mounted",
            ErrorKind::NoSources => "no_sources",
            ErrorKind::SourceUnavailable => "source_unavailable",
            ErrorKind::SourceIsStore => "source_is_store",
            ErrorKind::SourcesChanged => "sources_changed",
            ErrorKind::TimeTaken => "time_taken",
            ErrorKind::UnknownSnapshot => "unknown_snapshot",
            ErrorKind::AmbiguousSnapshot => "ambiguous_snapshot",
            ErrorKind::LastSnapshot => "last_snapshot",
            ErrorKind::SnapshotHeld => "snapshot_held",
            ErrorKind::SnapshotInUse => "snapshot_in_use",
            ErrorKind::CatalogUnusable => "catalog_unusable",
            ErrorKind::TargetNotEmpty => "target_not_empty",
            ErrorKind::TargetIsStore => "target_is_store",
            ErrorKind::InTheWay => "in_the_way",
            ErrorKind::NotInSnapshot => "not_in_snapshot",
            ErrorKind::LatestOccupied => "latest_occupied",
            ErrorKind::NoSpace => "no_space",
            ErrorKind::FlushFailed => "flush_failed",
            ErrorKind::InvalidOption => "invalid_option",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Io => "io",
        }
    }
}

impl Error {
    /// Makes an error of a kind with a message and no cause.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            path: None,
            second_path: None,
            hint: None,
            cause: None,
        }))
    }

    /// Makes the error "cannot OPERATION PATH" with its cause; a full
    /// destination becomes [`ErrorKind::NoSpace`].
    pub(crate) fn io(
        operation: &str,
        path: impl Into<PathBuf>,
        cause: impl Into<io::Error>,
    ) -> Error {
        let (path, cause) = (path.into(), cause.into());
        let kind = match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
            _ => ErrorKind::Io,
        };
        let mut error = Error::new(kind, format!("cannot {operation} {}", path.display()));
        error.0.path = Some(path);
        error.0.cause = Some(cause);
        error
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Error {
        self.0.kind = kind;
        self
    }

    pub(crate) fn with_path(mut self, path: impl Into<PathBuf>) -> Error {
        self.0.path = Some(path.into());
        self
    }

    pub(crate) fn with_second_path(mut self, path: impl Into<PathBuf>) -> Error {
        self.0.second_path = Some(path.into());
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The path that the operation failed on, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The second path of an operation on two.
    #[must_use]
    pub fn second_path(&self) -> Option<&Path> {
        self.0.second_path.as_deref()
    }

    /// What the user can do about it, as one sentence without a full stop.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The system's error number, if a system call failed.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.0.cause.as_ref()?.raw_os_error()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("cause", &self.0.cause)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| cause as _)
    }
}

impl From<Error> for io::Error {
    /// Keeps the whole error as the inner one and takes over the cause's kind.
    fn from(error: Error) -> io::Error {
        let kind = match error.kind() {
            ErrorKind::Cancelled => io::ErrorKind::Interrupted,
            _ => error
                .0
                .cause
                .as_ref()
                .map_or(io::ErrorKind::Other, io::Error::kind),
        };
        io::Error::new(kind, error)
    }
}
