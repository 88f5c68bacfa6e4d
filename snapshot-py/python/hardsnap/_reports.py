"""What a run tells and what it did, as plain data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

Status = Literal["complete", "partial", "suspect"]
Phase = Literal[
    "starting",
    "tidying-up",
    "walking",
    "flushing",
    "removing",
    "reindexing",
    "looking",
    "restoring",
    "verifying",
    "repairing",
]
Operation = Literal[
    "stat", "open", "read", "list", "unstable", "create", "set-metadata", "remove"
]


class Told:
    """Something that the command line prints as JSON, too.

    The engine writes it; it follows from the other fields.
    """

    __slots__ = ()
    _json: str

    def to_dict(self) -> dict[str, Any]:
        """The fields that the command line prints of it with `--json`."""
        fields: dict[str, Any] = json.loads(self._json)
        return fields


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Totals of a walk. An entry counts once it is in place.

    Attributes:
        files_linked: Names of regular files that were made hard links, moved
            ones not included.
        files_copied: Regular files whose data was copied.
        files_moved: Regular files that were linked to an entry that the basis
            has under another name.
        bytes_linked: Sizes of the files that were linked, moved ones included,
            in bytes.
        bytes_copied: Sizes of the files that were copied, in bytes.
        directories: Directories.
        symlinks: Symlinks.
        specials: FIFOs, sockets and devices.
        excluded: Entries left out on purpose.
    """

    files_linked: int = 0
    files_copied: int = 0
    files_moved: int = 0
    bytes_linked: int = 0
    bytes_copied: int = 0
    directories: int = 0
    symlinks: int = 0
    specials: int = 0
    excluded: int = 0

    @property
    def files(self) -> int:
        """The number of regular files, a name at a time."""
        return self.files_linked + self.files_copied + self.files_moved

    @property
    def entries(self) -> int:
        """The number of entries of every kind."""
        return self.files + self.directories + self.symlinks + self.specials

    @property
    def bytes(self) -> int:
        """The sizes of all files, in bytes."""
        return self.bytes_linked + self.bytes_copied

    def to_dict(self) -> dict[str, int]:
        """The totals by their names."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem(Told):
    """Trouble with one entry; the others went on.

    Attributes:
        path: The path in the source; of removals, in the store.
        operation: What was being done.
        error: What the system or the engine said.
        errno: The system's error number, or None.
        text: All of it as a person reads it.
    """

    path: Path
    operation: Operation
    error: str
    errno: int | None
    text: str
    _json: str = field(default="{}", repr=False, compare=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice(Told):
    """Something to know that concerns no single entry's data.

    Attributes:
        code: What it is, in one word, such as `owners_not_kept`.
        message: The same in a sentence.
    """

    code: str
    message: str
    _json: str = field(default="{}", repr=False, compare=False)

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """How much a source holds.

    Attributes:
        entries: The number of its entries, its own directory included.
        bytes: The sizes of its files, in bytes.
    """

    entries: int
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspicion:
    """Why a snapshot is suspect: a source looks lost.

    Attributes:
        kind: "shrank" if the source holds less than half of what it held,
            "unmounted" if it was a mount point and is none now.
        text: The same as a person reads it.
        source: The source.
        before: What the basis has of it, with "shrank".
        now: What was found now, with "shrank".
    """

    kind: Literal["shrank", "unmounted"]
    text: str
    source: Path
    before: Extent | None = None
    now: Extent | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """Why nothing is removed although something was due.

    Attributes:
        kind: The newest snapshot is "suspect"; "clock_behind" the snapshot
            before; "mass_removal" after a jump of the clock or a long gap;
            "directory_lost" by a failing disk; or something "failed".
        text: The same as a person reads it.
        hint: What can be done about it, or None. It speaks of the command line.
    """

    kind: Literal["suspect", "clock_behind", "mass_removal", "directory_lost", "failed"]
    text: str
    hint: str | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What is free at the destination, and what is wanted.

    Attributes:
        free_bytes: What the caller could write, in bytes.
        wanted_bytes: What is to be free, in bytes.
    """

    free_bytes: int
    wanted_bytes: int

    @property
    def is_enough(self) -> bool:
        """Whether as much is free as is wanted."""
        return self.free_bytes >= self.wanted_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        phase: The part of the run that is under way.
        counts: What was done so far.
        expected: What the basis holds, or all snapshots together that are read
            again: an estimate of what is to come. None without a basis.
        problems: The number of entries with trouble so far.
        snapshot: The name of the snapshot in the making, once it is known.
        basis: The name of the snapshot it is compared with, if there is one.
        removed: The number of snapshots that have left the store.
    """

    phase: Phase
    counts: Counts
    expected: Counts | None = None
    problems: int = 0
    snapshot: str | None = None
    basis: str | None = None
    removed: int = 0

    @property
    def fraction(self) -> float | None:
        """How much of the expected entries is done, from 0 to 1, or None."""
        if self.expected is None or self.expected.entries == 0:
            return None
        return min(1.0, self.counts.entries / self.expected.entries)


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupReport(Told):
    """What `Store.backup` did; in a dry run, would do.

    Attributes:
        snapshot: The name of the snapshot, also that of its directory.
        status: "complete"; "partial" if anything is in `skipped`; "suspect" if
            anything is in `suspicions`.
        suspicions: What looks as if a source had been lost.
        basis: The snapshot it was compared with and linked to, or None.
        recycled: The expired snapshot whose tree it was made of, or None.
        counts: What is in it.
        skipped: Every entry that is missing or unstable in it.
        warnings: What else there is to know.
        removed: Snapshots that the policy gave up, oldest first.
        prune_paused: Why nothing was pruned although something was due, or None.
        left_behind: Expired entries that could not be removed; the next run
            tries again.
        elapsed_seconds: Time from the lock to the end, in seconds.
        dry_run: Whether nothing was written.
    """

    snapshot: str
    status: Status
    suspicions: tuple[Suspicion, ...]
    basis: str | None
    recycled: str | None
    counts: Counts
    skipped: tuple[Problem, ...]
    warnings: tuple[Notice, ...]
    removed: tuple[str, ...]
    prune_paused: Pause | None
    left_behind: tuple[Problem, ...]
    elapsed_seconds: float
    dry_run: bool
    _json: str = field(default="{}", repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The fields that the command line prints of it with `--json`."""
        return {**Told.to_dict(self), "dry_run": self.dry_run}


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeReport(Told):
    """What `replicate_tree` did; in a dry run, would do.

    Attributes:
        status: "complete", or "partial" if anything is in `skipped`.
        counts: What is in the tree.
        skipped: Every entry that is missing or unstable in it.
        warnings: What else there is to know.
        elapsed_seconds: Time from the first look to the end, in seconds.
        dry_run: Whether nothing was written.
    """

    status: Status
    counts: Counts
    skipped: tuple[Problem, ...]
    warnings: tuple[Notice, ...]
    elapsed_seconds: float
    dry_run: bool
    _json: str = field(default="{}", repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The fields that the command line prints of it with `--json`."""
        return {**Told.to_dict(self), "dry_run": self.dry_run}


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalReport(Told):
    """What `Store.prune` or `Store.delete` did.

    Attributes:
        removed: Snapshots that are gone, oldest first.
        removed_for_room: Those of them that no policy gave up.
        prune_paused: Why nothing was removed, or None.
        short_of_room: What is free, if that is less than was wanted and nothing
            more may go, or None.
        left_behind: Entries that could not be removed; the next run tries again.
        being_read: Snapshots in `left_behind` that stay because they are read.
        elapsed_seconds: Time from the lock to the end, in seconds.
    """

    removed: tuple[str, ...]
    removed_for_room: tuple[str, ...]
    prune_paused: Pause | None
    short_of_room: Room | None
    left_behind: tuple[Problem, ...]
    being_read: tuple[str, ...]
    elapsed_seconds: float
    _json: str = field(default="{}", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReindexReport(Told):
    """What `Store.reindex` did.

    Attributes:
        snapshots: The snapshots that the catalog tells of, in the order in which
            they were made.
        left_out: Those that it does not tell of, because something in their
            trees cannot be read.
        entries: The entries of all these snapshots, in each one anew.
        versions: The versions that these entries are.
        versions_without_ctime: Those of them that are known from trees alone: of
            the source neither ctimes and inodes nor what the destination could
            not hold.
        versions_without_hash: Those of them that are files with content of which
            there is no hash.
        skipped: Every entry of a tree that cannot be read.
        warnings: What else there is to know.
        elapsed_seconds: Time from the lock to the end, in seconds.
    """

    snapshots: tuple[str, ...]
    left_out: tuple[str, ...]
    entries: int
    versions: int
    versions_without_ctime: int
    versions_without_hash: int
    skipped: tuple[Problem, ...]
    warnings: tuple[Notice, ...]
    elapsed_seconds: float
    _json: str = field(default="{}", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreReport(Told):
    """What `Store.restore` did; in a dry run, would do.

    Attributes:
        snapshot: The name of the snapshot.
        target: The directory below which the paths are.
        written: The number of entries that were not there before.
        replaced: The number of entries that took the place of others.
        left: The number of entries that stayed as they were.
        bytes_written: The sizes of the files that were written or replaced, in
            bytes; names of one file count once.
        deleted: What was deleted because the snapshot does not have it.
        in_the_way: What is in the way; only of a dry run.
        skipped: Every entry that is not, or not in every respect, as it is in
            the snapshot.
        damaged: Those of them whose content in the store is damaged.
        warnings: What else there is to know.
        elapsed_seconds: Time from the first look to the end, in seconds.
        dry_run: Whether nothing was written.
    """

    snapshot: str
    target: Path
    written: int
    replaced: int
    left: int
    bytes_written: int
    deleted: tuple[Path, ...]
    in_the_way: tuple[Path, ...]
    skipped: tuple[Problem, ...]
    damaged: tuple[Path, ...]
    warnings: tuple[Notice, ...]
    elapsed_seconds: float
    dry_run: bool
    _json: str = field(default="{}", repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The fields that the command line prints of it with `--json`."""
        return {**Told.to_dict(self), "dry_run": self.dry_run}


@dataclass(frozen=True, kw_only=True, slots=True)
class Damaged:
    """An entry of a snapshot that is not as it was recorded.

    Attributes:
        path: The path in the source, which is the one below the snapshot.
        snapshots: The snapshots in which it is damaged, oldest first: those that
            share what is stored, also where they were not to be verified.
        problem: What is wrong. Others may be added.
        differs: In what it differs, if it was altered: "kind", "content", "mode",
            "owner", "mtime" or "xattrs".
        detail: What the system said of what cannot be read, or what was counted
            otherwise; else None.
        good_copy: Where it is to be had as it was, or None: "source", "stored"
            for another stored file, "catalog" if all that is wrong is recorded.
        good_copy_snapshot: A snapshot that has the other stored file, or None.
        good_copy_path: Its path there, or None.
        repaired: Whether it was repaired; None if that was not wanted.
        reason: Why it could not be repaired, or None.
    """

    path: Path
    snapshots: tuple[str, ...]
    problem: str
    differs: tuple[str, ...] = ()
    detail: str | None = None
    good_copy: Literal["source", "stored", "catalog"] | None = None
    good_copy_snapshot: str | None = None
    good_copy_path: Path | None = None
    repaired: bool | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyReport(Told):
    """What `Store.verify` found.

    Attributes:
        damaged: What is damaged; the first 10,000 entries.
        damaged_entries: The number of damaged entries, all of them.
        unrepaired_entries: The number of those that are not as they were recorded
            now.
        checked_files: The files whose content was read and compared. Several names
            of one file count once.
        checked_bytes: The sizes of these files, in bytes.
        unhashed_files: The files that would have been read, if their hashes were
            recorded.
        checked_entries: The entries of all snapshots, in each one anew.
        snapshots: The snapshots that were compared with the catalog.
        counted_only: Those that the catalog does not tell of: their entries were
            counted, and compared with what their records say.
        continued: Whether it went on where a run had been stopped.
        kept_aside: Where the damaged files are kept that were replaced, or None.
        warnings: What else there is to know.
        elapsed_seconds: Time from the first look to the end, in seconds.
    """

    damaged: tuple[Damaged, ...]
    damaged_entries: int
    unrepaired_entries: int
    checked_files: int
    checked_bytes: int
    unhashed_files: int
    checked_entries: int
    snapshots: tuple[str, ...]
    counted_only: tuple[str, ...]
    continued: bool
    kept_aside: Path | None
    warnings: tuple[Notice, ...]
    elapsed_seconds: float
    _json: str = field(default="{}", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotInfo(Told):
    """A published snapshot, as its record tells it.

    Attributes:
        name: Its name, which is its time, such as "2026-11-22T19-20-00Z".
        path: Its directory.
        time: When it was begun, in UTC.
        sequence: Its place in the order in which the store's snapshots were
            made, from 1.
        status: Whether all of the sources is in it.
        suspicions: Why it is suspect; empty unless it is.
        lacks: What the destination could not hold of the sources: "owners",
            "modes", "symlinks", "case", "normalization", "mtimes",
            "xattrs:user" and the like.
        held: Whether it is kept whatever the policy says.
        note: What the user wrote about it, or None.
        host: The machine it was made on.
        sources: The absolute paths that it holds.
        counts: What was linked and copied when it was made.
    """

    name: str
    path: Path
    time: datetime
    sequence: int
    status: Status
    suspicions: tuple[Suspicion, ...]
    lacks: tuple[str, ...]
    held: bool
    note: str | None
    host: str
    sources: tuple[Path, ...]
    counts: Counts
    _json: str = field(default="{}", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkReport(Told):
    """What `Store.hold`, `Store.release` or `Store.accept` did.

    Attributes:
        snapshot: The snapshot as it is now.
        changed: Whether that is news.
        latest: The name of the snapshot that `latest` names now, or None.
    """

    snapshot: SnapshotInfo
    changed: bool
    latest: str | None
    _json: str = field(default="{}", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a destination can hold, found out by trying.

    Attributes:
        hard_links: Files can have several names.
        symlink_links: Symlinks can have several names, too.
        link_limit: The most names a file can have, or None if it is not known.
        symlinks: There are symlinks.
        owners: Files can be given to other owners, by this caller.
        made_as: User and group that new files belong to.
        modes: Permission bits stay as they were set.
        xattrs: The namespaces of extended attributes that can be set, by this
            caller: of "user", "trusted", "security" and "acl".
        mtime_granularity_nanoseconds: How fine mtimes are, in nanoseconds.
        case_sensitive: Names that differ in upper and lower case are different.
        normalization_sensitive: Names that differ in how accents are encoded
            are different.
        reflinks: Data can be shared between files.
        exclusive_rename: A rename can be told not to replace anything.
        exchanging_rename: A rename can exchange two names.
        locks: Files can be locked.
        whole_flush: One flush of the whole filesystem reaches the disk.
        free_bytes: What is free for the caller, in bytes.
        free_inodes: How many inodes are, or None if they are made as needed.
    """

    hard_links: bool
    symlink_links: bool
    link_limit: int | None
    symlinks: bool
    owners: bool
    made_as: tuple[int, int]
    modes: bool
    xattrs: tuple[str, ...]
    mtime_granularity_nanoseconds: int
    case_sensitive: bool
    normalization_sensitive: bool
    reflinks: bool
    exclusive_rename: bool
    exchanging_rename: bool
    locks: bool
    whole_flush: bool
    free_bytes: int
    free_inodes: int | None
