# The types of the native half. What each thing does is in its docstring:
# `help(hardsnap.Store)`.

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, final, overload
from zoneinfo import ZoneInfo

from typing_extensions import Self

from hardsnap._catalog import (
    CatalogEntry,
    CatalogSnapshot,
    EntryChange,
    EntryVersion,
    FoundPath,
    Row,
    Sizes,
)
from hardsnap._files import StoredFile
from hardsnap._reports import (
    BackupReport,
    Capabilities,
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
    TreeReport,
    VerifyReport,
)
from hardsnap._retention import Kept, Removed, RetentionPlan, Snapshot

_Id = TypeVar("_Id")
_Path: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes]
_Paths: TypeAlias = _Path | Iterable[_Path]
_Texts: TypeAlias = str | Iterable[str]
_Overwrite: TypeAlias = Literal["never", "always", "changed", "newer"]
_Mounts: TypeAlias = Literal["local", "one-file-system", "all"]
_OnProgress: TypeAlias = Callable[[Progress], object]
_OnNotice: TypeAlias = Callable[[Notice], object]
_OnNews: TypeAlias = Callable[[Problem | Notice], object]
_Instant: TypeAlias = datetime | int
_Snapshot: TypeAlias = str | SnapshotInfo | CatalogSnapshot

class _Integers(Protocol):
    """What NumPy's arrays of integers have, and others that are buffers."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[_AnInteger]: ...

class _AnInteger(Protocol):
    def __index__(self) -> int: ...

__all__ = [
    "CancelToken",
    "Catalog",
    "PrunePlan",
    "RetentionPolicy",
    "Schedule",
    "Store",
    "__version__",
    "replicate_tree",
    "run_command_line",
]

__version__: str

@final
class CancelToken:
    def __new__(cls) -> Self: ...
    def cancel(self) -> None: ...
    @property
    def cancelled(self) -> bool: ...

@final
class Store:
    def __new__(cls, path: _Path) -> Self: ...
    @classmethod
    def open(cls, path: _Path) -> Self: ...
    @classmethod
    def init(
        cls,
        path: _Path,
        *,
        policy: RetentionPolicy | None = None,
        allow_full_copies: bool = False,
        spare: bool = True,
        notify: _OnNotice | None = None,
    ) -> Self: ...
    @property
    def path(self) -> Path: ...
    @property
    def id(self) -> str: ...
    @property
    def policy(self) -> RetentionPolicy: ...
    @property
    def snapshots(self) -> tuple[SnapshotInfo, ...]: ...
    def __iter__(self) -> Iterator[SnapshotInfo]: ...
    def resolve(self, name: str) -> SnapshotInfo: ...
    def catalog(self) -> Catalog: ...
    def open_file(self, snapshot: _Snapshot, path: _Path) -> StoredFile: ...
    def backup(
        self,
        sources: _Paths,
        *,
        exclude: _Texts = (),
        include: _Texts = (),
        exclude_from: _Paths = (),
        exclude_if_present: _Texts = (),
        exclude_caches: bool = False,
        exclude_nodump: bool = False,
        exclude_larger_than: int | str | None = None,
        mounts: _Mounts = "local",
        jobs: int | None = None,
        time: datetime | None = None,
        dry_run: bool = False,
        change_sources: bool = False,
        allow_full_copies: bool = False,
        checksum: bool = False,
        check_basis: bool = False,
        hashes: bool = True,
        recycle: bool = True,
        prune: bool | RetentionPolicy = True,
        note: str | None = None,
        cache_dir: _Path | None = None,
        progress: _OnProgress | None = None,
        notify: _OnNews | None = None,
        cancel: CancelToken | None = None,
    ) -> BackupReport: ...
    def plan_prune(
        self,
        policy: RetentionPolicy | None = None,
        *,
        now: datetime | None = None,
        force: bool = False,
        min_free: int | str | None = None,
    ) -> PrunePlan: ...
    def prune(
        self,
        plan: PrunePlan,
        *,
        progress: _OnProgress | None = None,
        notify: _OnNews | None = None,
        cancel: CancelToken | None = None,
    ) -> RemovalReport: ...
    def delete(
        self,
        names: _Snapshot | Iterable[_Snapshot],
        *,
        spare_last: bool = True,
        progress: _OnProgress | None = None,
        notify: _OnNews | None = None,
        cancel: CancelToken | None = None,
    ) -> RemovalReport: ...
    def restore(
        self,
        snapshot: _Snapshot,
        paths: _Paths | None = None,
        *,
        to: _Path | None = None,
        in_place: bool = False,
        overwrite: _Overwrite = "never",
        delete: bool | _Paths = False,
        dry_run: bool = False,
        jobs: int | None = None,
        progress: _OnProgress | None = None,
        notify: _OnNews | None = None,
        cancel: CancelToken | None = None,
    ) -> RestoreReport: ...
    def resolve_before(self, time: datetime) -> SnapshotInfo: ...
    def reindex(
        self,
        *,
        progress: _OnProgress | None = None,
        notify: _OnNews | None = None,
        cancel: CancelToken | None = None,
    ) -> ReindexReport: ...
    def verify(
        self,
        snapshots: _Snapshot | Iterable[_Snapshot] | None = None,
        *,
        content: Literal["unread", "since-last", "full"] = "unread",
        sample: float | str | None = None,
        repair: bool = False,
        jobs: int | None = None,
        progress: _OnProgress | None = None,
        notify: _OnNews | None = None,
        cancel: CancelToken | None = None,
    ) -> VerifyReport: ...
    def hold(self, name: _Snapshot, *, note: str | None = None) -> MarkReport: ...
    def release(self, name: _Snapshot) -> MarkReport: ...
    def accept(self, name: _Snapshot) -> MarkReport: ...
    def room(self, min_free: int | str) -> Room: ...
    def probe(self) -> Capabilities: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    @overload
    def __exit__(self, exc_type: None, exc: None, traceback: None, /) -> None: ...
    @overload
    def __exit__(
        self, exc_type: type[BaseException], exc: BaseException, traceback: TracebackType, /
    ) -> None: ...

@final
class Catalog:
    @property
    def snapshots(self) -> tuple[CatalogSnapshot, ...]: ...
    @property
    def unknown_snapshots(self) -> tuple[str, ...]: ...
    def entry(self, snapshot: _Snapshot, path: _Path) -> CatalogEntry | None: ...
    def entries(self, snapshot: _Snapshot, below: _Path = "/") -> Iterator[CatalogEntry]: ...
    def rows(self, snapshot: _Snapshot, below: _Path = "/") -> Iterator[Row]: ...
    def versions(self, path: _Path) -> list[EntryVersion]: ...
    def find(self, pattern: str) -> Iterator[FoundPath]: ...
    def changes(self, a: _Snapshot, b: _Snapshot) -> Iterator[EntryChange]: ...
    def sizes(self, snapshots: _Snapshot | Iterable[_Snapshot]) -> Sizes: ...
    def spare_sizes(self) -> tuple[str, Sizes] | None: ...
    def resolve(self, path: _Path) -> Path: ...

@final
class PrunePlan:
    @property
    def keep(self) -> tuple[Kept[str], ...]: ...
    @property
    def remove(self) -> tuple[Removed[str], ...]: ...
    @property
    def policy(self) -> RetentionPolicy: ...
    @property
    def now(self) -> datetime: ...
    @property
    def pause(self) -> Pause | None: ...
    @property
    def candidates_for_room(self) -> tuple[str, ...]: ...
    def to_dict(self) -> dict[str, Any]: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]

@final
class RetentionPolicy:
    def __new__(
        cls,
        rules: str | None = None,
        *,
        zone: str | ZoneInfo = "UTC",
        anchor: Literal["newest", "now"] = "newest",
    ) -> Self: ...
    @property
    def rules(self) -> tuple[str, ...]: ...
    @property
    def zone(self) -> str: ...
    @property
    def anchor(self) -> Literal["newest", "now"]: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...
    @overload
    def plan(
        self, snapshots: Iterable[_Instant] | _Integers, now: _Instant
    ) -> RetentionPlan[int]: ...
    @overload
    def plan(self, snapshots: Iterable[SnapshotInfo], now: _Instant) -> RetentionPlan[str]: ...
    @overload
    def plan(
        self, snapshots: Iterable[tuple[_Id, _Instant] | Snapshot[_Id]], now: _Instant
    ) -> RetentionPlan[_Id]: ...
    @overload
    def preview(
        self,
        schedule: Schedule,
        at: _Instant,
        *,
        existing: Sequence[SnapshotInfo],
    ) -> RetentionPlan[str | datetime]: ...
    @overload
    def preview(
        self,
        schedule: Schedule,
        at: _Instant,
        *,
        existing: Iterable[tuple[_Id, _Instant] | Snapshot[_Id]],
    ) -> RetentionPlan[_Id | datetime]: ...
    @overload
    def preview(
        self,
        schedule: Schedule,
        at: _Instant,
        *,
        existing: Iterable[_Instant] | _Integers = (),
    ) -> RetentionPlan[int | datetime]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, str]]: ...

@final
class Schedule:
    def __new__(cls, every: str, start: datetime, end: datetime) -> Self: ...
    @property
    def every(self) -> str: ...
    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...
    def instants(self, zone: str | ZoneInfo = "UTC") -> list[datetime]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __getnewargs__(self) -> tuple[str, datetime, datetime]: ...

def replicate_tree(
    source: _Path,
    target: _Path,
    *,
    link_dest: _Path | None = None,
    exclude: _Texts = (),
    include: _Texts = (),
    exclude_from: _Paths = (),
    exclude_if_present: _Texts = (),
    exclude_caches: bool = False,
    exclude_nodump: bool = False,
    exclude_larger_than: int | str | None = None,
    mounts: _Mounts = "local",
    jobs: int | None = None,
    dry_run: bool = False,
    progress: _OnProgress | None = None,
    notify: _OnNews | None = None,
    cancel: CancelToken | None = None,
) -> TreeReport: ...
def run_command_line(arguments: Sequence[str]) -> int: ...
