"""A source and a store for each test."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import hardsnap

# What a shell starts in the background ignores SIGINT, and so would all that the
# tests start: what is handled here has its default there.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a file, a symlink, a hard link and a folder."""
    root = tmp_path / "source"
    (root / "folder").mkdir(parents=True)
    (root / "file").write_bytes(b"12345")
    (root / "folder" / "other").write_bytes(b"123")
    os.link(root / "file", root / "folder" / "same")
    (root / "link").symlink_to("file")
    return root


@pytest.fixture
def store(tmp_path: Path) -> Iterator[hardsnap.Store]:
    with hardsnap.Store.init(tmp_path / "store") as store:
        yield store
