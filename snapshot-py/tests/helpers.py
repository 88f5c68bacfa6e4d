"""What several tests need."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import hardsnap

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, 2, tzinfo=timezone.utc)


def untyped(function: Callable[..., Any]) -> Any:
    """The same function, for calls that the types forbid."""
    return function


def is_locked(store: Path) -> bool:
    """Whether a run holds the lock of the store."""
    try:
        with open(store / ".hardsnap" / "lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def many_files(folder: Path, count: int) -> None:
    """Fills a folder with small files."""
    for first in range(0, count, 500):
        below = folder / str(first)
        below.mkdir(parents=True)
        for number in range(first, first + 500):
            (below / str(number)).write_bytes(b"content")


def published(store: Path) -> list[str]:
    """The names of the snapshots, seen without the library."""
    return sorted(name for name in os.listdir(store) if name.startswith("20"))


@contextmanager
def after(seconds: float, act: Callable[[], object]) -> Generator[None]:
    """Acts from another thread while the block runs."""
    timer = threading.Timer(seconds, act)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def days(count: int) -> list[datetime]:
    """So many days, each at the same time."""
    return [START + number * DAY for number in range(count)]


def backups(store: hardsnap.Store, source: Path, count: int) -> list[hardsnap.BackupReport]:
    """Backs up once a day, and prunes nothing."""
    return [store.backup(source, time=day, prune=False) for day in days(count)]
