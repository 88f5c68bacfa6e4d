"""Files of snapshots, opened for reading."""

from __future__ import annotations

import gc
import io
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import hardsnap
from helpers import DAY, START, backups, published, untyped
from test_arguments import RAW

# More than one call of the system reads.
LARGE = bytes(range(256)) * 12_345


def test_a_file_is_read_as_each_snapshot_has_it(store: hardsnap.Store, source: Path) -> None:
    first = store.backup(source, time=START).snapshot
    (source / "file").write_bytes(b"another")
    store.backup(source, time=START + DAY)
    with store.open_file(first, source / "file") as file:
        assert isinstance(file, hardsnap.StoredFile)
        assert file.size_bytes == 5
        assert (file.read(2), file.read(), file.read(), file.read(1)) == (b"12", b"345", b"", b"")
    for snapshot in (store.resolve("latest"), store.catalog().snapshots[-1]):
        with store.open_file(snapshot, os.fsencode(source / "file")) as file:
            assert file.read() == b"another"


def test_it_is_a_file_like_others(store: hardsnap.Store, source: Path, tmp_path: Path) -> None:
    (source / RAW).write_bytes(LARGE)
    (source / "text").write_text("Zeile\r\nnaïve\nend", encoding="utf-8")
    name = store.backup(source).snapshot

    file = store.open_file(name, source / RAW)
    assert isinstance(file, io.RawIOBase)
    assert file.readable() and not file.writable() and not file.seekable()
    room = bytearray(b"x" * (len(LARGE) + 7))
    assert file.readinto(room) == len(LARGE)
    assert room == LARGE + b"x" * 7
    assert file.readinto(room) == 0
    with pytest.raises(io.UnsupportedOperation):
        file.seek(0)
    with pytest.raises(io.UnsupportedOperation):
        file.fileno()
    file.close()
    with store.open_file(name, source / RAW) as file, pytest.raises(TypeError):
        untyped(file.readinto)(b"which stays")

    with store.open_file(name, source / RAW) as file, open(tmp_path / "copy", "wb") as copy:
        shutil.copyfileobj(file, copy)
    assert (tmp_path / "copy").read_bytes() == LARGE
    with io.BufferedReader(store.open_file(name, source / RAW)) as buffered:
        assert buffered.peek(4)[:4] == LARGE[:4]
        assert buffered.read(2_000_000) + buffered.read() == LARGE
    buffered = io.BufferedReader(store.open_file(name, source / "text"))
    with io.TextIOWrapper(buffered, encoding="utf-8") as text:
        assert list(text) == ["Zeile\n", "naïve\n", "end"]
    raw = store.open_file(name, source / "text")
    with untyped(io.TextIOWrapper)(raw, encoding="utf-8", newline="") as text:
        assert text.read() == "Zeile\r\nnaïve\nend"
    assert raw.closed
    with store.open_file(name, source / "text") as file:
        assert file.readline() == b"Zeile\r\n"
        assert list(file) == ["naïve\n".encode(), b"end"]


def test_a_closed_file_is_closed(store: hardsnap.Store, source: Path) -> None:
    file = store.open_file(store.backup(source).snapshot, source / "file")
    assert not file.closed
    file.close()
    file.close()
    assert file.closed and file.size_bytes == 5
    for refused in (file.read, file.readable, file.__enter__, lambda: file.readinto(bytearray(1))):
        with pytest.raises(ValueError, match="closed file"):
            refused()


def test_a_snapshot_stays_as_long_as_a_file_of_it_is_open(
    store: hardsnap.Store, source: Path
) -> None:
    first = backups(store, source, 2)[0].snapshot
    file = store.open_file(first, source / "file")
    with pytest.raises(hardsnap.SnapshotInUseError):
        store.delete(first)
    plan = store.plan_prune(hardsnap.RetentionPolicy("last 1"), now=START + DAY)
    report = store.prune(plan)
    assert (report.being_read, report.removed) == ((first,), ())
    # Also after the store was closed.
    path = store.path
    store.close()
    store = hardsnap.Store(path)
    with pytest.raises(hardsnap.SnapshotInUseError):
        store.delete(first)
    assert file.read() == b"12345"
    file.close()
    file = store.open_file(first, source / "file")
    # Who forgets to close it does so at the latest when it is gone.
    del file
    gc.collect()
    assert store.delete(first).removed == (first,)
    assert published(path) == [store.snapshots[0].name]
    with pytest.raises(hardsnap.UnknownSnapshotError):
        store.open_file(first, source / "file")


def test_what_is_no_file_there_is_told(store: hardsnap.Store, source: Path) -> None:
    name = store.backup(source).snapshot
    for below in ("folder", "link", "nothing", "folder/nothing", "file/below"):
        with pytest.raises(hardsnap.NotInSnapshotError) as told:
            store.open_file(name, source / below)
        assert str(source / below) in str(told.value)
        assert not isinstance(told.value, OSError)
    with pytest.raises(hardsnap.UnknownSnapshotError):
        store.open_file("2020-01-01T00-00-00Z", source / "file")
    with pytest.raises(hardsnap.UnknownSnapshotError):
        store.open_file("latest", source / "file")
    with pytest.raises(hardsnap.InvalidOptionError):
        store.open_file(name, "file")
    with pytest.raises(TypeError):
        untyped(store.open_file)(name, 5)
    with pytest.raises(TypeError):
        untyped(store.open_file)(5, source / "file")
    store.close()
    with pytest.raises(ValueError, match="closed"):
        store.open_file(name, source / "file")


def test_several_threads_may_have_one_file(store: hardsnap.Store, source: Path) -> None:
    """Each byte comes once, and closing waits for who reads."""
    (source / "large").write_bytes(LARGE)
    name = store.backup(source).snapshot
    with store.open_file(name, source / "large") as file, ThreadPoolExecutor(4) as threads:
        start = threading.Barrier(4)

        def read_some() -> int:
            start.wait()
            return sum(len(piece) for piece in iter(lambda: file.read(10_000), b""))

        counts = [threads.submit(read_some) for _ in range(4)]
        assert sum(count.result() for count in counts) == len(LARGE)
