"""Incremental hard-link snapshots, and a calculator that says which to keep.

Every snapshot is a complete, plain directory tree. What did not change is a
hard link to the snapshot before, so a snapshot costs what changed, and any of
them can be read, copied or removed with nothing but `cp` and `rm`.

    import hardsnap

    store = hardsnap.Store("/mnt/backup/home")
    report = store.backup(["/home", "/etc"], exclude=["*.o", "/home/*/.cache"])
    print(report.snapshot, report.counts.files_copied)

What the store remembers of all its snapshots:

    catalog = store.catalog()
    for change in catalog.changes(store.resolve("latest~1"), store.resolve("latest")):
        print(change.kind, change.path)

Which of anybody's snapshots to keep, without any store:

    policy = hardsnap.RetentionPolicy("daily for 2 weeks, all monthly")
    for gone in policy.plan(pairs_of_id_and_datetime, now).remove:
        print(gone.id, gone.why)

Paths are `str`, `bytes` or any `os.PathLike` where they go in, and
`pathlib.Path` where they come out. Datetimes have a time zone: naive ones are
refused. Every exception is a `hardsnap.Error`; where a call of the system
failed, it is an `OSError`, too.
"""

from hardsnap._catalog import (
    ROW_COLUMNS,
    CatalogEntry,
    CatalogSnapshot,
    EntryChange,
    EntryVersion,
    FoundPath,
    Row,
    Sizes,
)
from hardsnap._errors import (
    AlreadyAStoreError,
    AmbiguousSnapshotError,
    CancelledError,
    CatalogUnusableError,
    Error,
    FlushFailedError,
    InTheWayError,
    InvalidOptionError,
    LastSnapshotError,
    LatestOccupiedError,
    LinksUnsupportedError,
    LockUnsupportedError,
    NoSourcesError,
    NoSpaceError,
    NotAStoreError,
    NotInSnapshotError,
    NotMountedError,
    OperationError,
    SnapshotHeldError,
    SnapshotInUseError,
    SourceIsStoreError,
    SourcesChangedError,
    SourceUnavailableError,
    StoreLockedError,
    TargetIsStoreError,
    TargetNotEmptyError,
    TimeTakenError,
    UnknownSnapshotError,
    UnsafeStoreError,
    UnsupportedFormatError,
)
from hardsnap._files import StoredFile
from hardsnap._hardsnap import (
    CancelToken,
    Catalog,
    PrunePlan,
    RetentionPolicy,
    Schedule,
    Store,
    __version__,
    replicate_tree,
)
from hardsnap._reports import (
    BackupReport,
    Capabilities,
    Counts,
    Damaged,
    Extent,
    MarkReport,
    Notice,
    Pause,
    Problem,
    Progress,
    ReindexReport,
    RemovalReport,
    RestoreReport,
    Room,
    SnapshotInfo,
    Suspicion,
    TreeReport,
    VerifyReport,
)
from hardsnap._retention import Kept, Reason, Removed, RetentionPlan, Snapshot, Why

__all__ = [
    "ROW_COLUMNS",
    "AlreadyAStoreError",
    "AmbiguousSnapshotError",
    "BackupReport",
    "CancelToken",
    "CancelledError",
    "Capabilities",
    "Catalog",
    "CatalogEntry",
    "CatalogSnapshot",
    "CatalogUnusableError",
    "Counts",
    "Damaged",
    "EntryChange",
    "EntryVersion",
    "Error",
    "Extent",
    "FlushFailedError",
    "FoundPath",
    "InTheWayError",
    "InvalidOptionError",
    "Kept",
    "LastSnapshotError",
    "LatestOccupiedError",
    "LinksUnsupportedError",
    "LockUnsupportedError",
    "MarkReport",
    "NoSourcesError",
    "NoSpaceError",
    "NotAStoreError",
    "NotInSnapshotError",
    "NotMountedError",
    "Notice",
    "OperationError",
    "Pause",
    "Problem",
    "Progress",
    "PrunePlan",
    "Reason",
    "ReindexReport",
    "RemovalReport",
    "Removed",
    "RestoreReport",
    "RetentionPlan",
    "RetentionPolicy",
    "Room",
    "Row",
    "Schedule",
    "Sizes",
    "Snapshot",
    "SnapshotHeldError",
    "SnapshotInUseError",
    "SnapshotInfo",
    "SourceIsStoreError",
    "SourceUnavailableError",
    "SourcesChangedError",
    "Store",
    "StoreLockedError",
    "StoredFile",
    "Suspicion",
    "TargetIsStoreError",
    "TargetNotEmptyError",
    "TimeTakenError",
    "TreeReport",
    "UnknownSnapshotError",
    "UnsafeStoreError",
    "UnsupportedFormatError",
    "VerifyReport",
    "Why",
    "__version__",
    "replicate_tree",
]
