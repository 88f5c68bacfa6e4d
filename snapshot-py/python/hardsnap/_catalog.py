"""What the catalog answers, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final, Literal, TypeAlias

from hardsnap._reports import Told

EntryKind = Literal[
    "file", "directory", "symlink", "fifo", "socket", "char-device", "block-device"
]
ChangeKind = Literal["added", "removed", "modified", "metadata", "moved"]
Aspect = Literal["kind", "content", "mode", "owner", "mtime", "xattrs"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# The columns of the rows that `Catalog.rows` tells, whose docstring has their
# types and units: names of attributes of `CatalogEntry`.
ROW_COLUMNS: Final[tuple[str, ...]] = (
    "path",
    "kind",
    "mode",
    "uid",
    "gid",
    "size_bytes",
    "allocated_bytes",
    "mtime_ns",
    "link_target",
    "device_number",
    "blake3",
    "stored_inode",
)

Row: TypeAlias = tuple[
    str,
    EntryKind,
    int,
    int,
    int,
    int,
    int,
    int,
    str | None,
    int,
    bytes | None,
    int | None,
]


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogSnapshot:
    """A snapshot that the catalog tells of.

    Attributes:
        name: Its name.
        sequence: Its place in the order in which the store's snapshots were
            made, from 1.
    """

    name: str
    sequence: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogEntry(Told):
    """An entry of a snapshot, as it was in the source, also where the
    destination could not hold all of it.

    Attributes:
        path: The absolute path in the source, which is the one below the
            snapshot.
        kind: What it is.
        mode: Permission bits with setuid, setgid and sticky: 12 bits.
        uid: Number of the owner.
        gid: Number of the group.
        size_bytes: The size of a file, in bytes; of other kinds what the source
            told.
        allocated_bytes: What it takes in the store, in bytes; names of one file
            take it once. 0 for directories, of which each snapshot has its own:
            `Catalog.sizes` counts them.
        mtime_ns: When it was last modified, in nanoseconds since 1970.
        link_target: What a symlink points to, as `os.readlink` has it, or None.
        device_number: Number of the device that it is, as `os.stat` has it in
            `st_rdev`; 0 for other kinds.
        xattrs: Extended attributes, ACLs among them: pairs of a full name and a
            value, sorted.
        blake3: BLAKE3 of a file's content, 32 bytes, or None if it was not read.
        stored_inode: The inode in the store. Entries of one snapshot with the
            same one are names of one file. None for directories, of which each
            snapshot has its own, and for what the destination could not hold.
        is_stored: Whether the snapshot's tree has the entry, and not the catalog
            alone: some destinations hold no devices or symlinks.
    """

    path: Path
    kind: EntryKind
    mode: int
    uid: int
    gid: int
    size_bytes: int
    allocated_bytes: int
    mtime_ns: int
    link_target: str | None
    device_number: int
    xattrs: tuple[tuple[str, bytes], ...]
    blake3: bytes | None
    stored_inode: int | None
    is_stored: bool
    _json: str = field(default="{}", repr=False, compare=False)

    @property
    def mtime(self) -> datetime | None:
        """When it was last modified, in UTC and whole microseconds, rounded down.

        None if that is not in the years 1 to 9999.
        """
        try:
            return _EPOCH + timedelta(microseconds=self.mtime_ns // 1000)
        except OverflowError:
            return None


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryVersion(Told):
    """A version of a path, and the snapshots that have it.

    Attributes:
        entry: The entry.
        first: The name of the first snapshot that has it.
        last: The name of the last one.
        snapshots: The number of snapshots that have it: the first, the last, and
            all between them.
    """

    entry: CatalogEntry
    first: str
    last: str
    snapshots: int
    _json: str = field(default="{}", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundPath(Told):
    """A path that was found, and the snapshots that have it.

    Attributes:
        entry: The entry, as the last snapshot has it.
        first: The name of the first snapshot that has the path.
        last: The name of the last one.
        snapshots: The number of snapshots that have it. Not all between the
            first and the last need to.
    """

    entry: CatalogEntry
    first: str
    last: str
    snapshots: int
    _json: str = field(default="{}", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryChange(Told):
    """An entry that differs between two snapshots.

    Attributes:
        path: The path; of what was moved, the new one.
        kind: "added" if the path is only in the later one of the two, "removed"
            if only in the earlier one; "modified" if it is another kind of entry
            or has other content, "metadata" if only these differ; "moved" if what
            was at a path that is gone is at one that is new, as it was or
            altered.
        moved_from: Where it was, if it was moved, or None.
        before: The entry before; None if it was added.
        after: The entry after; None if it was removed.
        differs: In what the two differ; empty if only one of them is there, and
            if it was moved as it was.
    """

    path: Path
    kind: ChangeKind
    moved_from: Path | None
    before: CatalogEntry | None
    after: CatalogEntry | None
    differs: tuple[Aspect, ...]
    _json: str = field(default="{}", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes(Told):
    """What deleting a set of snapshots would free.

    Attributes:
        freed_bytes: All that would be free, in bytes: what files and other
            entries take that no other snapshot has, and the directories. The
            records, a few KiB each, are not counted.
        directory_bytes: What of this the directories take, in bytes. Every
            snapshot has its own.
        entries: The number of files and other entries that would be gone,
            directories left out. Several names of one file count once.
        files: The number of regular files among them.
        apparent_bytes: The sizes of these files, in bytes. They may take less,
            if they have holes, or more.
    """

    freed_bytes: int
    directory_bytes: int
    entries: int
    files: int
    apparent_bytes: int
    _json: str = field(default="{}", repr=False, compare=False)
