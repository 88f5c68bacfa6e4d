"""Questions to the catalog."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import pytest

import hardsnap
from helpers import DAY, START, backups, many_files, untyped
from test_arguments import RAW
from test_store import cli

FILES = 20_000
T = TypeVar("T", bound=hardsnap.FoundPath | hardsnap.EntryVersion | hardsnap.EntryChange)


def within(source: Path, answers: Iterable[hardsnap.EntryChange]) -> list[hardsnap.EntryChange]:
    """The changes below the source: the folders above it change as they like."""
    return [answer for answer in answers if source in answer.path.parents]


def lines(*arguments: object) -> list[dict[str, Any]]:
    """All that the command line prints but for the summary."""
    command = [sys.executable, "-m", "hardsnap", "--json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    told = [json.loads(line) for line in done.stdout.splitlines()[:-1]]
    for line in told:
        del line["message_type"], line["schema_version"]
    return told


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> hardsnap.Store:
    """A store with a snapshot of so many files that they take several pages."""
    source = tmp_path_factory.mktemp("large")
    many_files(source, FILES)
    store = hardsnap.Store.init(tmp_path_factory.mktemp("stores") / "store")
    store.backup(source, time=START)
    return store


def test_an_entry_has_all_that_is_known_of_it(store: hardsnap.Store, source: Path) -> None:
    file = source / "file"
    file.chmod(0o4751)
    os.utime(file, ns=(0, 1_234_567_890_123_456_789))
    name = store.backup(source).snapshot
    catalog = store.catalog()
    entry = catalog.entry(name, file)
    assert entry is not None
    assert (entry.path, entry.kind, entry.mode) == (file, "file", 0o4751)
    assert (entry.uid, entry.gid) == (os.getuid(), os.getgid())
    assert entry.size_bytes == 5 and entry.allocated_bytes > 0 and entry.is_stored
    assert entry.mtime_ns == 1_234_567_890_123_456_789
    assert entry.mtime == datetime(2009, 2, 13, 23, 31, 30, 123_456, timezone.utc)
    stored = Path(f"{store.path / name}{file}")
    assert entry.stored_inode == stored.stat().st_ino
    assert entry.blake3 is not None and len(entry.blake3) == 32
    assert (entry.link_target, entry.device_number, entry.xattrs) == (None, 0, ())
    # Another name of the same file, given in another form.
    same = catalog.entry(store.resolve("latest"), os.fsencode(source / "folder" / "same"))
    assert same is not None and same.stored_inode == entry.stored_inode

    link = catalog.entry(catalog.snapshots[0], str(source / "link"))
    assert link is not None and (link.kind, link.link_target) == ("symlink", "file")
    folder = catalog.entry(name, source)
    assert folder is not None and folder.kind == "directory" and folder.is_stored
    assert (folder.stored_inode, folder.allocated_bytes, folder.blake3) == (None, 0, None)
    assert catalog.entry(name, source / "nothing") is None


def test_entries_come_in_the_order_of_their_paths(store: hardsnap.Store, source: Path) -> None:
    name = store.backup(source).snapshot
    catalog = store.catalog()
    below = [entry.path.relative_to(source) for entry in catalog.entries(name, source)]
    names = [".", "file", "folder", "folder/other", "folder/same", "link"]
    assert below == [Path(name) for name in names]
    everything = list(catalog.entries(name))
    assert everything[0].path == Path(f"/{source.parts[1]}") or everything[0].path == Path("/")
    assert everything[-len(names) :] == list(catalog.entries(name, below=source))
    assert list(catalog.entries(name, source / "nothing")) == []
    assert [entry.path for entry in catalog.entries(name, source / "file")] == [source / "file"]


def test_rows_are_entries_as_tuples(store: hardsnap.Store, source: Path) -> None:
    os.mkfifo(source / "fifo")
    (source / RAW).symlink_to(f"./a//{RAW}/")
    name = store.backup(source).snapshot
    catalog = store.catalog()
    rows = list(catalog.rows(name, source))
    assert all(type(row) is tuple and len(row) == len(hardsnap.ROW_COLUMNS) for row in rows)
    for row, entry in zip(rows, catalog.entries(name, source), strict=True):
        values = [getattr(entry, column) for column in hardsnap.ROW_COLUMNS]
        assert row == (str(values[0]), *values[1:])
    assert list(catalog.rows(name))[-len(rows) :] == rows
    documented = catalog.rows.__doc__ or ""
    assert all(column in documented for column in hardsnap.ROW_COLUMNS)


def test_paths_keep_every_byte(store: hardsnap.Store, tmp_path: Path) -> None:
    source = tmp_path / "raw"
    source.mkdir()
    (source / RAW).write_bytes(b"x")
    target = f".//{RAW}/."
    (source / "link").symlink_to(target)
    name = store.backup(source).snapshot
    catalog = store.catalog()
    assert catalog.entry(name, os.fsencode(source / RAW)) is not None
    (version,) = catalog.versions(source / RAW)
    assert version.entry.path == source / RAW
    assert "path_base64" in version.to_dict()
    assert [row[0] for row in catalog.rows(name, source / RAW)] == [str(source / RAW)]
    (found,) = catalog.find("link")
    assert found.entry.link_target == os.readlink(source / "link") == target


def test_times_beyond_the_calendar_are_told_in_nanoseconds(
    store: hardsnap.Store, source: Path
) -> None:
    times = {"past": -1, "first": -62_135_596_800 * 10**9, "future": 253_402_300_800 * 10**9}
    for name, ns in times.items():
        (source / name).touch()
        os.utime(source / name, ns=(ns, ns))
        if (source / name).stat().st_mtime_ns != ns:
            pytest.skip("this filesystem holds no such times")
    name = store.backup(source).snapshot
    catalog = store.catalog()
    found = {each: catalog.entry(name, source / each) for each in times}
    assert {each: entry and entry.mtime_ns for each, entry in found.items()} == times
    mtimes = [entry and entry.mtime for entry in found.values()]
    before = datetime(1969, 12, 31, 23, 59, 59, 999_999, timezone.utc)
    assert mtimes == [before, datetime.min.replace(tzinfo=timezone.utc), None]


def test_extended_attributes_come_as_bytes(store: hardsnap.Store, source: Path) -> None:
    try:
        os.setxattr(source / "file", "user.b", b"\0\xff")
        os.setxattr(source / "file", "user.a", b"")
    except OSError as error:
        pytest.skip(f"no attributes here: {error.strerror}")
    name = store.backup(source).snapshot
    entry = store.catalog().entry(name, source / "file")
    assert entry is not None
    assert entry.xattrs == (("user.a", b""), ("user.b", b"\0\xff"))


def test_versions_tell_which_snapshots_have_them(store: hardsnap.Store, source: Path) -> None:
    names: list[str] = []
    for day, content in enumerate([b"one", b"one", b"two"]):
        (source / "file").write_bytes(content)
        os.utime(source / "file", ns=(0, 0))
        names.append(store.backup(source, time=START + day * DAY, prune=False).snapshot)
    first, second = store.catalog().versions(source / "file")
    assert (first.first, first.last, first.snapshots) == (names[0], names[1], 2)
    assert (second.first, second.last, second.snapshots) == (names[2], names[2], 1)
    assert first.entry.blake3 != second.entry.blake3
    assert store.catalog().versions(source / "nothing") == []


def test_changes_lead_from_one_snapshot_to_the_other(
    store: hardsnap.Store, source: Path
) -> None:
    (source / "unlinked").write_bytes(b"only one name")
    a = store.backup(source, time=START).snapshot
    (source / "folder" / "other").write_bytes(b"longer than before")
    (source / "link").unlink()
    (source / "new").touch()
    (source / "unlinked").rename(source / "folder" / "moved")
    b = store.backup(source, time=START + DAY).snapshot
    catalog = store.catalog()
    changes = within(source, catalog.changes(a, b))
    told = {str(change.path.relative_to(source)): change for change in changes}
    assert {path: change.kind for path, change in told.items()} == {
        "folder": "metadata",
        "folder/moved": "moved",
        "folder/other": "modified",
        "link": "removed",
        "new": "added",
    }
    assert told["folder"].differs == ("mtime",)
    assert told["folder/moved"].moved_from == source / "unlinked"
    assert told["folder/moved"].differs == ()
    modified = told["folder/other"]
    assert "content" in modified.differs and modified.moved_from is None
    assert modified.before is not None and modified.before.size_bytes == 3
    assert modified.after is not None and modified.after.size_bytes == 18
    assert told["link"].after is None and told["new"].before is None
    back = {change.path: change.kind for change in within(source, catalog.changes(b, a))}
    assert back[source / "link"] == "added" and back[source / "new"] == "removed"
    assert back[source / "unlinked"] == "moved"
    assert list(catalog.changes(a, a)) == []


def test_paths_are_found_in_all_snapshots(store: hardsnap.Store, source: Path) -> None:
    first = store.backup(source, time=START).snapshot
    (source / "file").unlink()
    store.backup(source, time=START + DAY)
    catalog = store.catalog()
    (gone,) = catalog.find(f"{source}/fil?")
    assert gone.entry.path == source / "file"
    assert (gone.first, gone.last, gone.snapshots) == (first, first, 1)
    (folder,) = catalog.find(f"{source}/*/")
    assert folder.entry.path == source / "folder" and folder.snapshots == 2
    assert list(catalog.find("nothing-like-that")) == []


def test_sizes_are_those_of_what_no_other_snapshot_has(
    store: hardsnap.Store, source: Path
) -> None:
    first, second, _ = (report.snapshot for report in backups(store, source, 3))
    catalog = store.catalog()
    none = catalog.sizes(second)
    assert (none.files, none.entries, none.apparent_bytes) == (0, 0, 0)
    assert none.freed_bytes == none.directory_bytes
    everything = catalog.sizes(catalog.snapshots)
    assert (everything.files, everything.apparent_bytes) == (2, 8)
    assert catalog.sizes([first, store.resolve(first)]) == catalog.sizes(first)
    assert catalog.sizes([]).freed_bytes == 0


def test_a_path_of_a_user_is_found_where_the_snapshots_have_it(
    store: hardsnap.Store, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.backup(source)
    catalog = store.catalog()
    monkeypatch.chdir(source)
    assert catalog.resolve("folder/other") == source / "folder" / "other"
    assert catalog.resolve(source / "link") == source / "link"


def test_the_snapshots_are_those_there_were(store: hardsnap.Store, source: Path) -> None:
    first, second = (report.snapshot for report in backups(store, source, 2))
    catalog = store.catalog()
    assert [(one.name, one.sequence) for one in catalog.snapshots] == [(first, 1), (second, 2)]
    assert catalog.unknown_snapshots == ()
    assert repr(catalog) == "<Catalog of 2 snapshots>"
    store.backup(source, time=START + 9 * DAY)
    assert len(catalog.snapshots) == 2 and len(store.catalog().snapshots) == 3


def test_to_dict_gives_the_fields_of_the_command_line(
    store: hardsnap.Store, source: Path
) -> None:
    (source / RAW).touch()
    a = store.backup(source, time=START).snapshot
    (source / RAW).rename(source / "folder" / RAW)
    (source / "file").write_bytes(b"other")
    b = store.backup(source, time=START + DAY).snapshot
    catalog = store.catalog()

    def dicts(answers: Iterable[T]) -> list[dict[str, Any]]:
        return [answer.to_dict() for answer in answers]

    assert dicts(catalog.find("f*")) == lines("find", store.path, "f*")
    assert dicts(catalog.changes(a, b)) == lines("diff", store.path, a, b)
    file = source / "file"
    told = lines("versions", store.path, file)
    for line in told:
        # The command line alone tells these, for people.
        del line["appeared"], line["restore_command"]
    assert dicts(catalog.versions(file)) == told
    together = cli("du", store.path, a)["together"]
    assert catalog.sizes(a).to_dict() == {
        key: value for key, value in together.items() if key != "snapshots"
    }
    entry = catalog.entry(b, file)
    assert entry is not None and entry.to_dict().items() <= dicts(catalog.find("file"))[0].items()


def test_answers_are_frozen_comparable_and_can_be_pickled(
    store: hardsnap.Store, source: Path
) -> None:
    a, b = (report.snapshot for report in backups(store, source, 2))
    catalog = store.catalog()
    answers: list[Any] = [
        catalog.entry(a, source),
        *catalog.entries(a, source),
        *catalog.versions(source / "file"),
        *catalog.find("file"),
        *catalog.changes(a, b),
        catalog.sizes(a),
        *catalog.snapshots,
    ]
    for answer in answers:
        again = pickle.loads(pickle.dumps(answer))
        assert again == answer and hash(again) == hash(answer)
        with pytest.raises(AttributeError):
            setattr(answer, dataclasses.fields(answer)[0].name, None)


def iterators(catalog: hardsnap.Catalog, name: str) -> list[Iterator[object]]:
    return [
        catalog.entries(name),
        catalog.rows(name),
        catalog.find("*"),
        catalog.changes(name, catalog.snapshots[0]),
    ]


def test_iterators_outlive_the_catalog_and_the_store(source: Path, tmp_path: Path) -> None:
    store = hardsnap.Store.init(tmp_path / "store")
    store.backup(source, time=START)
    (source / "new").touch()
    name = store.backup(source, time=START + DAY).snapshot
    catalog = store.catalog()
    opened = iterators(catalog, name)
    expected = [len(list(iterator)) for iterator in iterators(catalog, name)]
    store.close()
    assert len(catalog.versions(source)) == 2
    del store, catalog
    gc.collect()
    assert [len(list(iterator)) for iterator in opened] == expected
    assert all(iter(iterator) is iterator and not list(iterator) for iterator in opened)


def test_a_snapshot_that_is_removed_ends_what_is_told_of_it(
    large: hardsnap.Store, source: Path
) -> None:
    name = large.backup(
        large.snapshots[0].sources, time=START + DAY, change_sources=True
    ).snapshot
    catalog = large.catalog()
    others = list(catalog.find("file"))
    opened = [catalog.entries(name), catalog.rows(name)]
    for iterator in opened:
        next(iterator)
    large.delete(name)
    for iterator in opened:
        with pytest.raises(hardsnap.UnknownSnapshotError, match=name):
            for _ in iterator:
                pass
        assert next(iterator, None) is None
    with pytest.raises(hardsnap.UnknownSnapshotError, match=name):
        catalog.sizes(name)
    with pytest.raises(hardsnap.UnknownSnapshotError):
        next(catalog.changes(name, catalog.snapshots[0]))
    assert [found.entry.path for found in catalog.find("file")] == [
        found.entry.path for found in others
    ]


def test_a_catalog_that_is_not_there_is_an_error_of_its_own(
    store: hardsnap.Store, source: Path
) -> None:
    first = store.backup(source, time=START).snapshot
    file = store.path / ".hardsnap" / "catalog.db"
    file.unlink()
    with pytest.raises(hardsnap.CatalogUnusableError) as caught:
        store.catalog()
    error = caught.value
    assert error.code == "catalog_unusable" and error.filename == str(file)
    assert error.hint is not None and "hardsnap reindex" in error.hint
    assert str(error) == f"cannot read the catalog {file}: there is none"
    assert type(pickle.loads(pickle.dumps(error))) is type(error)

    second = store.backup(source, time=START + DAY).snapshot
    catalog = store.catalog()
    assert catalog.unknown_snapshots == (first,)
    assert [known.name for known in catalog.snapshots] == [second]
    for ask in (catalog.entries, catalog.rows, catalog.sizes):
        with pytest.raises(hardsnap.CatalogUnusableError, match=first):
            untyped(ask)(first)


def test_what_cannot_be_asked_is_refused(store: hardsnap.Store, source: Path) -> None:
    name = store.backup(source, time=START).snapshot
    catalog = store.catalog()
    refused: list[Callable[[], object]] = [
        lambda: catalog.entry(name, "relative"),
        lambda: catalog.entries(name, "relative"),
        lambda: catalog.versions("relative"),
        lambda: catalog.find("[a"),
        lambda: catalog.find(""),
    ]
    for ask in refused:
        with pytest.raises(hardsnap.InvalidOptionError):
            ask()
    unknown: list[Callable[[], object]] = [
        lambda: catalog.entries("2027-01-01T00-00-00Z"),
        lambda: catalog.rows("latest"),
        lambda: catalog.changes(name, "2027-01-01T00-00-00Z"),
        lambda: catalog.sizes([name, "2027-01-01T00-00-00Z"]),
    ]
    for ask in unknown:
        with pytest.raises(hardsnap.UnknownSnapshotError):
            ask()
    store.close()
    with pytest.raises(ValueError, match="closed"):
        store.catalog()


def test_threads_share_a_catalog(large: hardsnap.Store) -> None:
    catalog = large.catalog()
    name = catalog.snapshots[0]

    def count(_: int) -> int:
        return sum(1 for _ in catalog.rows(name))

    # So many that some wait for a turn on the processor for long.
    with ThreadPoolExecutor(32) as pool:
        (counted,) = set(pool.map(count, range(32)))
    assert counted > FILES


def test_other_threads_go_on_meanwhile(large: hardsnap.Store) -> None:
    turns = 0
    stop = threading.Event()

    def count() -> None:
        nonlocal turns
        while not stop.wait(0.0005):
            turns += 1

    thread = threading.Thread(target=count)
    thread.start()
    catalog = large.catalog()
    for _ in range(5):
        assert list(catalog.find("nothing-like-that")) == []
        assert sum(1 for _ in catalog.rows(catalog.snapshots[0])) > FILES
    stop.set()
    thread.join()
    assert turns > 5


class Alarm:
    """A handler that is called again and again while the block runs."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def __enter__(self) -> None:
        self.before = signal.signal(signal.SIGALRM, self.handle)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        self.act()

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)


def test_what_a_handler_raises_comes_through_and_ends_the_iterator(
    large: hardsnap.Store,
) -> None:
    catalog = large.catalog()
    name = catalog.snapshots[0]
    everything = list(catalog.rows(name))

    def interrupt() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise LookupError("on purpose")

    for _ in range(1000):
        rows = catalog.rows(name)
        taken = 0
        with pytest.raises(LookupError, match="on purpose"), Alarm(interrupt):
            for _ in rows:
                taken += 1
            while True:
                catalog.versions("/")
        rest = list(rows)
        if taken < len(everything) - 1 and not rest:
            return
        # It was raised between two rows.
        assert rest == everything[len(everything) - len(rest) :]
    pytest.fail("never while a page was fetched")


def test_a_handler_that_asks_in_turn_does_not_wait_for_ever(large: hardsnap.Store) -> None:
    catalog = large.catalog()
    refused: list[str] = []

    def ask() -> None:
        assert len(catalog.versions("/")) <= 1
        try:
            next(rows, None)
        except ValueError as error:
            refused.append(str(error))

    for _ in range(1000):
        rows = catalog.rows(catalog.snapshots[0])
        with Alarm(ask):
            for _ in rows:
                pass
        if refused:
            break
    assert refused[0] == "iterator already executing"


ENDLESS = """
    import sys
    import hardsnap

    catalog = hardsnap.Store(sys.argv[1]).catalog()
    (name,) = catalog.snapshots
    try:
        print("running", flush=True)
        while True:
            {body}
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        sys.exit(7)
"""


@pytest.mark.parametrize(
    "body",
    [
        "sum(1 for _ in catalog.rows(name))",
        "list(catalog.entries(name))",
        "list(catalog.find('nothing'))",
        "catalog.sizes(name)",
    ],
)
def test_ctrl_c_stops_a_long_iteration_soon(large: hardsnap.Store, body: str) -> None:
    script = textwrap.dedent(ENDLESS).format(body=body)
    command = [sys.executable, "-c", script, str(large.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert rest == "interrupted\n" and process.returncode == 7
