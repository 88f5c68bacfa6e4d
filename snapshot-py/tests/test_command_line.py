"""`python -m hardsnap` is the command line."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import hardsnap
from helpers import is_locked, many_files, published


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hardsnap", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_backs_up_and_lists(source: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert run("backup", "--init", source, store).returncode == 0
    listed = run("list", store)
    assert published(store)[0] in listed.stdout and listed.returncode == 0


def test_its_exit_codes_are_those_of_the_command(source: Path, tmp_path: Path) -> None:
    assert run("--version").stdout == f"hardsnap {hardsnap.__version__}\n"
    missing = run("list", tmp_path)
    assert missing.returncode == 10 and "there is no store" in missing.stderr
    usage = run("backup", "--no-such-option")
    assert usage.returncode == 2 and "Usage: hardsnap backup" in usage.stderr
    help_text = run("--help")
    assert help_text.returncode == 0 and "Usage: hardsnap" in help_text.stdout


def test_a_signal_ends_it_as_a_signal(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "store"
    many_files(source, 40_000)
    command = [sys.executable, "-m", "hardsnap", "--verbose", "backup", "--init", "--jobs", "1"]
    process = subprocess.Popen(
        [*command, str(source), str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    # The first entries: it is under way.
    for line in process.stdout:
        if str(source) in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert published(store) == [] and not is_locked(store)
