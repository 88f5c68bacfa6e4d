"""The examples do what they say."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import hardsnap
from helpers import DAY, START, is_locked, many_files, published

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "python"


def run(
    name: str, *arguments: object, modules: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs an example; modules in a folder come before others of their name."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    paths = [str(modules or ""), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment
    )


def test_the_daily_backup(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "store"
    assert run("daily.py", source, path).returncode == 10
    assert not path.exists()
    first = run("daily.py", "--init", source, path)
    assert first.returncode == 0, first.stderr
    assert "1 files linked, 2 copied (8 bytes), 0 snapshots removed" in first.stdout
    again = run("daily.py", source, path)
    assert "3 files linked, 0 copied" in again.stdout
    with open(path / ".hardsnap" / "lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run("daily.py", source, path).returncode == 11
    missing = run("daily.py", tmp_path / "missing", path)
    assert missing.returncode == 1 and "No such file" in missing.stderr


def numbers(lines: list[str]) -> dict[str, int]:
    """What is said of each path."""
    pairs = [line.split(maxsplit=1) for line in lines]
    return {path: int(number.replace(",", "")) for number, path in pairs}


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_largest_directories(source: Path, tmp_path: Path, library: str) -> None:
    pytest.importorskip(library)
    path = tmp_path / "store"
    store = hardsnap.Store.init(path)
    raw = source / os.fsdecode(b"raw \xff")
    raw.mkdir()
    (raw / "large").write_bytes(bytes(1_000_000))
    first = store.backup(source, time=START).snapshot
    (source / "folder" / "new").write_bytes(bytes(50_000))
    second = store.backup(source, time=START + DAY).snapshot

    # Another one that could be found before it is hidden.
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for other in {"pandas", "polars"} - {library}:
        (hidden / f"{other}.py").write_text("raise ImportError")
    done = run("largest.py", path, modules=hidden)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    grew = told.index(f"grew since {first}, by bytes:")
    assert told[0] == f"largest in {second}, in bytes:"
    largest, grown = numbers(told[1:grew]), numbers(told[grew + 1 :])
    allocated = store.catalog().sizes(store.snapshots)
    files = allocated.freed_bytes - allocated.directory_bytes
    assert largest["/"] == largest[str(source)] == files
    assert largest[ascii(str(raw))[1:-1]] >= 1_000_000
    assert set(grown) == {str(source / "folder"), *map(str, (source / "folder").parents)}
    assert len(set(grown.values())) == 1
    assert run("largest.py", tmp_path / "none", modules=hidden).returncode == 10


def test_the_largest_directories_tell_what_to_install(
    store: hardsnap.Store, source: Path, tmp_path: Path
) -> None:
    store.backup(source)
    for name in ("pandas", "polars"):
        (tmp_path / f"{name}.py").write_text("raise ImportError")
    done = run("largest.py", store.path, modules=tmp_path)
    assert done.returncode == 1 and "pip install pandas" in done.stderr


def test_several_backups_at_once(source: Path, tmp_path: Path) -> None:
    stores = [tmp_path / name for name in ("a", "b", "c")]
    for path in stores:
        hardsnap.Store.init(path)
    done = run("several.py", source, *stores)
    assert done.returncode == 0, done.stderr
    assert [len(published(path)) for path in stores] == [1, 1, 1]
    mixed = run("several.py", source, stores[0], tmp_path / "none")
    assert mixed.returncode == 1 and "there is no store" in mixed.stderr


def test_ctrl_c_stops_several_backups(tmp_path: Path) -> None:
    source, path = tmp_path / "source", tmp_path / "store"
    many_files(source, 40_000)
    hardsnap.Store.init(path)
    process = subprocess.Popen([sys.executable, str(EXAMPLES / "several.py"), source, path])
    while not is_locked(path):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert published(path) == [] and not is_locked(path)
