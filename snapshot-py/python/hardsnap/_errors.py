"""Why a call failed, as exceptions."""

from __future__ import annotations

from typing import Any, cast


class Error(Exception):
    """Why a call failed: the base of every exception of this package.

    Where a call of the system failed, the exception is an `OSError`, too, and
    the one that Python has for the error number: `PermissionError`,
    `FileNotFoundError` and so on.

    Attributes:
        code: The kind in one word, the same as in the JSON of the command line.
        hint: What can be done about it, or None. It speaks of the command line.
        errno: The system's error number, or None.
        strerror: The system's words, or None.
        filename: The path that it failed on, or None.
        filename2: The second path of an operation on two, or None.
    """

    code: str = "failed"
    hint: str | None
    errno: int | None
    strerror: str | None
    filename: Any
    filename2: Any

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        errno: int | None = None,
        strerror: str | None = None,
        filename: str | None = None,
        filename2: str | None = None,
    ) -> None:
        if isinstance(self, OSError):
            OSError.__init__(self, errno, strerror, filename, None, filename2)
        else:
            super().__init__(message)
            self.errno = errno
            self.strerror = strerror
            self.filename = filename
            self.filename2 = filename2
        self._message = message
        self.hint = hint

    def __str__(self) -> str:
        return self._message

    def __reduce__(self) -> tuple[Any, ...]:
        # A class with an error number's own is made, and has no name of its own.
        kind = next(cls for cls in type(self).__mro__ if "code" in vars(cls))
        described = {
            "hint": self.hint,
            "errno": self.errno,
            "strerror": self.strerror,
            "filename": self.filename,
            "filename2": self.filename2,
        }
        return _again, (kind, isinstance(self, OSError), self._message, described)


class NotAStoreError(Error):
    """The directory holds no store: there is no marker `.hardsnap/store.toml`."""

    code = "not_a_store"


class AlreadyAStoreError(Error):
    """There is a store already where one was to be made."""

    code = "already_a_store"


class UnsupportedFormatError(Error):
    """The store was written by a newer version, or its marker can't be read."""

    code = "unsupported_format"


class UnsafeStoreError(Error):
    """Others than its owner can write the store, so nothing in it can be trusted."""

    code = "unsafe_store"


class StoreLockedError(Error):
    """Another run holds the store's lock."""

    code = "store_locked"


class LockUnsupportedError(Error):
    """The destination's filesystem cannot lock files."""

    code = "lock_unsupported"


class LinksUnsupportedError(Error):
    """The destination's filesystem has no hard links."""

    code = "links_unsupported"


class NotMountedError(Error):
    """The destination is a mount point that is not mounted."""

    code = "not_mounted"


class NoSourcesError(Error, ValueError):
    """No source was given."""

    code = "no_sources"


class SourceUnavailableError(Error):
    """A source does not exist or cannot be read at all."""

    code = "source_unavailable"


class SourceIsStoreError(Error):
    """A source is the store itself, or lies inside it."""

    code = "source_is_store"


class SourcesChangedError(Error):
    """The sources are not those of the snapshots before."""

    code = "sources_changed"


class TimeTakenError(Error):
    """There is a snapshot of that time already."""

    code = "time_taken"


class UnknownSnapshotError(Error, LookupError):
    """No snapshot matches the name that was given."""

    code = "unknown_snapshot"


class AmbiguousSnapshotError(Error, LookupError):
    """More than one snapshot matches the name that was given."""

    code = "ambiguous_snapshot"


class LastSnapshotError(Error):
    """Removing would take the newest complete snapshot."""

    code = "last_snapshot"


class SnapshotHeldError(Error):
    """A snapshot that is held was to be deleted."""

    code = "snapshot_held"


class SnapshotInUseError(Error):
    """A snapshot that is being read was to be deleted, or the reverse."""

    code = "snapshot_in_use"


class CatalogUnusableError(Error):
    """The catalog is missing or damaged, or does not tell of what was asked."""

    code = "catalog_unusable"


class TargetNotEmptyError(Error):
    """The target of a tree exists and is not empty."""

    code = "target_not_empty"


class TargetIsStoreError(Error):
    """The target of a restore lies in the store."""

    code = "target_is_store"


class InTheWayError(Error):
    """Something is where an entry was to be restored; nothing was written.

    `filename` is the first; a dry run lists all in its report's `in_the_way`.
    """

    code = "in_the_way"


class NotInSnapshotError(Error, LookupError):
    """The snapshot does not have a path that was to be restored, or no file there."""

    code = "not_in_snapshot"


class LatestOccupiedError(Error):
    """`latest` exists and is not a symlink."""

    code = "latest_occupied"


class NoSpaceError(Error, OSError):
    """The destination is full: bytes, inodes or quota."""

    code = "no_space"


class FlushFailedError(Error, OSError):
    """What was written could not be flushed; nothing was published."""

    code = "flush_failed"


class InvalidOptionError(Error, ValueError):
    """An option is out of its range, a pattern or a policy cannot be read."""

    code = "invalid_option"


class CancelledError(Error):
    """The run was stopped by its `CancelToken`; nothing was published."""

    code = "cancelled"


class OperationError(Error, OSError):
    """A call of the system failed; `errno` says how."""

    code = "io"


_BY_CODE = {cls.code: cls for cls in Error.__subclasses__()}


_made: dict[tuple[type[Error], type[OSError]], type[Error]] = {}


def _class(kind: type[Error], errno: int | None) -> type[Error]:
    """The class of errors of this kind that Python would give this number."""
    number_class = OSError if errno is None else type(OSError(errno, ""))
    if issubclass(kind, number_class):
        return kind
    if (kind, number_class) not in _made:
        name = number_class.__name__ if kind is OperationError else kind.__name__
        described = {"__doc__": kind.__doc__, "__module__": kind.__module__}
        made = cast("type[Error]", type(name, (kind, number_class), described))
        # Another thread may have made it meanwhile.
        _made.setdefault((kind, number_class), made)
    return _made[kind, number_class]


def _again(kind: type[Error], is_os: bool, message: str, described: dict[str, Any]) -> Error:
    cls = _class(kind, described["errno"]) if is_os else kind
    return cls(message, **described)


def make(
    code: str,
    is_os: bool,
    message: str,
    hint: str | None,
    errno: int | None,
    filename: str | None,
    filename2: str | None,
    strerror: str | None,
) -> Error:
    """Makes the exception for an error of the engine."""
    described = {
        "hint": hint,
        "errno": errno,
        "strerror": strerror,
        "filename": filename,
        "filename2": filename2,
    }
    return _again(_BY_CODE.get(code, Error), is_os, message, described)


for _cls in [Error, *_BY_CODE.values()]:
    _cls.__module__ = "hardsnap"
