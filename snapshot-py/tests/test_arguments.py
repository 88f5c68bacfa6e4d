"""Paths and datetimes of every kind, and garbage in every position."""

from __future__ import annotations

import array
import inspect
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

import pytest

import hardsnap
from helpers import START, published, untyped

RAW = os.fsdecode(b"caf\xe9 \n\x1b\xff")


class Like:
    """A path of another library."""

    def __init__(self, path: str | bytes) -> None:
        self.path = path

    def __fspath__(self) -> Any:
        return self.path


def test_a_path_is_anything_that_names_one(source: Path, tmp_path: Path) -> None:
    store = os.fsencode(tmp_path / "by-bytes")
    assert hardsnap.Store.init(store).path == Path(os.fsdecode(store))
    for one in (str(source), os.fsencode(source), source, Like(str(source))):
        report = hardsnap.Store(Like(store)).backup(one, dry_run=True)
        assert report.counts.files_copied == 2
    several: list[Path | bytes] = [source / "folder", os.fsencode(source / "file")]
    report = hardsnap.Store(store).backup(iter(several), dry_run=True)
    assert report.counts.files_copied + report.counts.files_linked == 3


def test_paths_keep_every_byte(tmp_path: Path) -> None:
    source, target = tmp_path / RAW, tmp_path / (RAW + "store")
    source.mkdir()
    (source / RAW).write_bytes(b"x")
    store = hardsnap.Store.init(target)
    assert store.path == target and repr(store) == f"Store({str(target)!r})"
    report = store.backup(source)
    assert store.snapshots[0].sources == (source,)
    assert os.listdir(f"{store.path / report.snapshot}{source}") == [RAW]
    with pytest.raises(hardsnap.NotAStoreError) as caught:
        hardsnap.Store(source)
    assert caught.value.filename == str(source)
    with pytest.raises(FileNotFoundError) as missing:
        store.backup(source / "missing", change_sources=True)
    assert missing.value.filename == str(source / "missing")


@pytest.mark.parametrize("path", ["a\0b", b"a\0b", Path("a\0b")])
def test_a_path_with_a_null_is_refused(path: str | bytes | Path, source: Path) -> None:
    for call in (hardsnap.Store, hardsnap.Store.open, hardsnap.Store.init):
        with pytest.raises(ValueError, match="null byte"):
            call(path)
    with pytest.raises(ValueError, match="null byte"):
        hardsnap.replicate_tree(source, path)


class NoOffset(tzinfo):
    """A zone that does not know its offset: still naive."""

    def utcoffset(self, when: datetime | None, /) -> timedelta | None:
        return None

    def tzname(self, when: datetime | None, /) -> str | None:
        return None

    def dst(self, when: datetime | None, /) -> timedelta | None:
        return None


@pytest.mark.parametrize("naive", [datetime(2026, 3, 1), datetime(2026, 3, 1, tzinfo=NoOffset())])
def test_a_naive_datetime_is_refused(
    store: hardsnap.Store, source: Path, naive: datetime
) -> None:
    policy = hardsnap.RetentionPolicy()
    calls: list[Callable[[], object]] = [
        lambda: store.backup(source, time=naive),
        lambda: store.plan_prune(now=naive),
        lambda: policy.plan([], naive),
        lambda: policy.plan([START, naive], START),
        lambda: policy.plan([("id", naive)], START),
        lambda: policy.plan([hardsnap.Snapshot("id", naive)], START),
        lambda: hardsnap.Schedule("1 day", naive, START),
        lambda: hardsnap.Schedule("1 day", START, naive),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="naive datetime 2026-03-01 00:00:00.*astimezone"):
            call()
    with pytest.raises(ValueError, match="snapshot 1 is the naive datetime"):
        policy.plan([START, naive], START)


def test_instants_at_the_ends_of_the_calendar_are_taken(store: hardsnap.Store) -> None:
    policy = hardsnap.RetentionPolicy()
    first = datetime.min.replace(tzinfo=timezone.utc)
    last = datetime.max.replace(tzinfo=timezone.utc)
    plan = policy.plan([first, last], last)
    assert [kept.time for kept in plan.keep] == [first, last]
    east, west = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
    # In UTC these are of the years 0 and 10000.
    for beyond in (datetime.min.replace(tzinfo=east), datetime.max.replace(tzinfo=west)):
        with pytest.raises(ValueError, match="years 1 to 9999 of UTC"):
            policy.plan([beyond], last)
    for seconds in (-62_135_596_801, 253_402_300_800, 2**63 - 1, -(2**63)):
        for form in ([seconds], array.array("q", [seconds])):
            with pytest.raises(ValueError, match="years 1 to 9999"):
                policy.plan(form, last)
    with pytest.raises(OverflowError):
        policy.plan([2**70], last)
    with pytest.raises(ValueError, match="9999"):
        untyped(policy.plan)(array.array("Q", [2**64 - 1]), last)


class Hostile:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __iter__(self) -> Any:
        raise RuntimeError("iter")

    def __len__(self) -> int:
        raise RuntimeError("len")

    def __index__(self) -> int:
        raise RuntimeError("index")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __hash__(self) -> int:
        raise RuntimeError("hash")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")


class Endless:
    """Says that it is longer than memory."""

    def __len__(self) -> int:
        return 2**62

    def __iter__(self) -> Any:
        return iter([object()])


GARBAGE: list[Any] = [
    None,
    True,
    0,
    -1,
    2**80,
    1.5,
    float("nan"),
    1j,
    "",
    "garbage",
    "\ud800",
    "nul\0",
    b"",
    b"\xff",
    bytearray(b"x"),
    memoryview(b"x"),
    array.array("d", [1.0]),
    array.array("q", [1]),
    [],
    [None],
    [[[]]],
    (1, 2, 3),
    ("id", "time"),
    {},
    {"a": 1},
    {1, 2},
    range(3),
    object(),
    object,
    len,
    Ellipsis,
    datetime(2026, 1, 1),
    START,
    timedelta(1),
    Path("/nowhere/at/all"),
    Like("x"),
    untyped(Like)(17),
    Hostile(),
    Endless(),
    hardsnap.CancelToken(),
    hardsnap.CatalogSnapshot(name="2026", sequence=1),
    untyped(hardsnap.CatalogSnapshot)(name=7, sequence=1),
    hardsnap.RetentionPolicy(),
    hardsnap.Snapshot("id", START),
    untyped(hardsnap.Snapshot)("id", "time"),
    untyped(hardsnap.Snapshot)("id", START, "odd"),
    untyped(hardsnap.Snapshot)("id", START, "complete", "yes"),
]

# What garbage may raise. RuntimeError is Hostile's own.
ANSWERS = (TypeError, ValueError, OverflowError, RuntimeError, LookupError, hardsnap.Error)


def functions(store: hardsnap.Store, catalog: hardsnap.Catalog) -> list[Any]:
    policy = hardsnap.RetentionPolicy()
    return [
        hardsnap.Store,
        hardsnap.Store.open,
        hardsnap.Store.init,
        store.resolve,
        store.backup,
        store.plan_prune,
        store.prune,
        store.delete,
        store.hold,
        store.release,
        store.accept,
        store.room,
        store.probe,
        store.catalog,
        store.__enter__,
        catalog.entry,
        catalog.entries,
        catalog.rows,
        catalog.versions,
        catalog.find,
        catalog.changes,
        catalog.sizes,
        catalog.spare_sizes,
        catalog.resolve,
        hardsnap.replicate_tree,
        hardsnap.CancelToken,
        hardsnap.RetentionPolicy,
        policy.plan,
        policy.preview,
        hardsnap.Schedule,
        hardsnap.Schedule("1 day", START, START).instants,
    ]


def test_garbage_in_every_position_is_answered_by_an_exception(
    store: hardsnap.Store, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Relative names, such as "garbage", are to lie somewhere harmless.
    monkeypatch.chdir(tmp_path)
    other = hardsnap.Store.init(tmp_path / "other")
    snapshot = other.backup(source).snapshot
    valid: dict[str, Any] = {
        "snapshot": snapshot,
        "a": snapshot,
        "b": snapshot,
        "pattern": "*",
        "path": tmp_path / "another",
        "name": "latest",
        "min_free": "1%",
        "sources": source,
        "plan": store.plan_prune(),
        "names": [],
        "source": source,
        "target": tmp_path / "target",
        "snapshots": [START],
        "now": START,
        "schedule": hardsnap.Schedule("1 day", START, START),
        "at": START,
        "every": "1 day",
        "start": START,
        "end": START,
    }
    answered = 0
    for function in functions(store, other.catalog()):
        parameters = inspect.signature(function).parameters
        needed = {
            name: valid[name]
            for name, parameter in parameters.items()
            if parameter.default is inspect.Parameter.empty
        }
        for name in parameters:
            for garbage in GARBAGE:
                arguments = {**needed, name: garbage}
                if "dry_run" in parameters:
                    arguments.setdefault("dry_run", True)
                try:
                    function(**arguments)
                except ANSWERS:
                    answered += 1
        for garbage in GARBAGE:
            for arguments_by_place in ((garbage,) * len(parameters), (garbage,) * 40):
                try:
                    function(*arguments_by_place)
                except ANSWERS:
                    answered += 1
    assert answered > 1000
    assert published(store.path) == []


def test_wrong_types_are_type_errors(store: hardsnap.Store, source: Path) -> None:
    backup = untyped(store.backup)
    snapshot = store.backup(source).snapshot
    catalog = store.catalog()
    policy = hardsnap.RetentionPolicy()
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: untyped(hardsnap.Store)(7), "int"),
        (lambda: untyped(hardsnap.Store)(), "path"),
        (lambda: backup(7), "int"),
        (lambda: backup([source, None]), "NoneType"),
        (lambda: backup(source, [source]), "positional"),
        (lambda: backup(source, exclude=7), "int"),
        (lambda: backup(source, exclude=b"*.o"), "bytes"),
        (lambda: backup(source, include=[7]), "int"),
        (lambda: backup(source, exclude_caches=1), "bool"),
        (lambda: backup(source, exclude_larger_than=True), "bool"),
        (lambda: backup(source, exclude_larger_than=1.5), "float"),
        (lambda: backup(source, jobs="2"), "int"),
        (lambda: backup(source, mounts=1), "str"),
        (lambda: backup(source, time="2026-03-01"), "time has to be an aware datetime, not str"),
        (lambda: backup(source, time=START.date()), "not date"),
        (lambda: backup(source, prune=1), "prune has to be bool or RetentionPolicy, not int"),
        (lambda: backup(source, note=b"note"), "str"),
        (lambda: backup(source, progress=7), "progress has to be callable, not int"),
        (lambda: backup(source, notify="x"), "notify has to be callable, not str"),
        (lambda: backup(source, cancel=True), "CancelToken"),
        (lambda: backup(source, nonsense=1), "nonsense"),
        (lambda: untyped(store.prune)([]), "PrunePlan"),
        (lambda: untyped(store.plan_prune)("last 1"), "RetentionPolicy"),
        (lambda: untyped(store.delete)([7]), "not int"),
        (lambda: untyped(catalog.rows)(7), "SnapshotInfo or CatalogSnapshot, not int"),
        (lambda: untyped(catalog.entries)(snapshot, below=7), "int"),
        (lambda: untyped(catalog.versions)(), "path"),
        (lambda: untyped(catalog.find)(b"*.o"), "str"),
        (lambda: untyped(catalog.sizes)(7), "iter"),
        (lambda: untyped(policy.plan)(7, START), "iter"),
        (lambda: untyped(policy.plan)("2026-03-01", START), "not str"),
        (lambda: untyped(policy.plan)(b"123", START), "not bytes"),
        (lambda: untyped(policy.plan)([START, "x"], START), "snapshot 1 has to be .*, not str"),
        (lambda: untyped(policy.plan)([1.5], START), "not float"),
        (lambda: untyped(policy.plan)([True], START), "not bool"),
        (lambda: untyped(policy.plan)(array.array("d", [1.0]), START), "not float"),
        (lambda: untyped(policy.plan)([("id", "x")], START), "snapshot 0 has to be"),
        (lambda: untyped(hardsnap.RetentionPolicy)(zone=timezone.utc), "zone has to be"),
        (lambda: untyped(hardsnap.RetentionPolicy)("last 1", "UTC"), "positional"),
    ]
    for call, expected in calls:
        with pytest.raises(TypeError, match=expected):
            call()


def test_wrong_values_are_value_errors(store: hardsnap.Store, source: Path) -> None:
    backup = untyped(store.backup)
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: backup([]), "source"),
        (lambda: backup(source, jobs=0), "jobs has to be at least 1, not 0"),
        (lambda: backup(source, jobs=-1), "not -1"),
        (lambda: backup(source, mounts="some"), "mounts has to be 'local'"),
        (lambda: backup(source, exclude="[a"), r"`\[a`"),
        (lambda: backup(source, exclude_larger_than="10MB"), "10MB"),
        (lambda: backup(source, exclude_larger_than=0), "every file"),
        (lambda: backup(source, exclude_if_present="a/b"), "a/b"),
        (lambda: untyped(hardsnap.RetentionPolicy)(anchor="then"), "anchor has to be"),
        (lambda: untyped(hardsnap.RetentionPolicy().plan)([(1, 2, 3)], START), "a pair"),
    ]
    for call, expected in calls:
        with pytest.raises(ValueError, match=expected):
            call()


def test_what_only_the_library_makes_cannot_be_made() -> None:
    for made in (hardsnap.PrunePlan, hardsnap.Catalog):
        with pytest.raises(TypeError):
            untyped(made)()
    for final in (hardsnap.Store, hardsnap.Catalog, hardsnap.RetentionPolicy, hardsnap.CancelToken):
        with pytest.raises(TypeError, match="not an acceptable base type"):
            type("Derived", (final,), {})
