"""The examples do what they say."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import hardsnap
from helpers import is_locked, many_files, published

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "python"


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


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
