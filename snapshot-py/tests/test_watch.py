"""Callbacks, cancelling, Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from pathlib import Path

import pytest

import hardsnap
from helpers import after, is_locked, many_files, published

FILES = 30_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source that takes some time."""
    folder = tmp_path_factory.mktemp("large")
    many_files(folder, FILES)
    return folder


def test_progress_comes_on_the_calling_thread_and_at_last_tells_all(
    store: hardsnap.Store, large: Path
) -> None:
    told: list[hardsnap.Progress] = []
    threads: set[int] = set()

    def progress(state: hardsnap.Progress) -> None:
        threads.add(threading.get_ident())
        told.append(state)

    report = store.backup(large, progress=progress)
    assert threads == {threading.get_ident()}
    done = [state.counts.entries for state in told]
    assert done == sorted(done) and done[-1] == report.counts.entries
    assert told[-1].snapshot == report.snapshot and told[-1].basis is None
    assert told[-1].expected is None and told[-1].fraction is None

    report = store.backup(large, progress=progress)
    assert told[-1].basis == report.basis
    assert told[-1].expected is not None and told[-1].fraction == 1.0
    assert report.counts.files_linked == FILES


def test_an_exception_in_a_callback_comes_through(store: hardsnap.Store, large: Path) -> None:
    def progress(_: hardsnap.Progress) -> None:
        raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose") as caught:
        store.backup(large, progress=progress)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert frames[-1].name == "progress" and frames[-1].line == 'raise LookupError("on purpose")'
    assert not is_locked(store.path) and published(store.path) == []

    # The next run tidies up and goes through.
    report = store.backup(large)
    assert report.status == "complete"
    assert "tidied_up" in [notice.code for notice in report.warnings]


def test_an_exception_while_told_of_a_notice_comes_through(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)

    def notify(_: hardsnap.Notice) -> None:
        raise SystemExit(7)

    with pytest.raises(SystemExit):
        hardsnap.Store.init(tmp_path / "open", notify=notify)


def test_a_token_stops_a_run_from_another_thread(store: hardsnap.Store, large: Path) -> None:
    token = hardsnap.CancelToken()
    assert not token.cancelled
    started = threading.Event()

    def cancel() -> None:
        started.wait()
        token.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(hardsnap.CancelledError) as caught:
        store.backup(large, cancel=token, jobs=1, progress=lambda _: started.set())
    canceller.join()
    assert token.cancelled and caught.value.code == "cancelled"
    assert not is_locked(store.path) and published(store.path) == []
    assert repr(token) == "<CancelToken cancelled>"


def test_a_token_that_was_used_stops_at_once(store: hardsnap.Store, source: Path) -> None:
    token = hardsnap.CancelToken()
    token.cancel()
    with pytest.raises(hardsnap.CancelledError):
        store.backup(source, cancel=token)
    with pytest.raises(hardsnap.CancelledError):
        hardsnap.replicate_tree(source, store.path.parent / "tree", cancel=token)


def test_an_exception_leaves_the_callers_token_alone(
    store: hardsnap.Store, large: Path
) -> None:
    token = hardsnap.CancelToken()

    def progress(_: hardsnap.Progress) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        store.backup(large, cancel=token, progress=progress)
    assert not token.cancelled


def test_other_threads_go_on_meanwhile(store: hardsnap.Store, large: Path) -> None:
    turns = 0
    stop = threading.Event()

    def count() -> None:
        nonlocal turns
        while not stop.wait(0.001):
            turns += 1

    thread = threading.Thread(target=count)
    thread.start()
    store.backup(large)
    stop.set()
    thread.join()
    assert turns > 5


SLOW = """
    import sys, time
    import hardsnap

    source, path = sys.argv[1:]
    store = hardsnap.Store.init(path)

    def progress(state):
        print("running", flush=True)
        {body}

    try:
        store.backup(source, progress=progress, jobs=1)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        store.probe()  # takes the lock
        print("free", flush=True)
        sys.exit(7)
    sys.exit(8)
"""


@pytest.mark.parametrize("body", ["pass", "time.sleep(0.01)"])
def test_ctrl_c_stops_within_a_second_and_frees_the_lock(
    large: Path, tmp_path: Path, body: str
) -> None:
    # Many times the files, so that it is under way for long.
    sources = tmp_path / "sources"
    sources.mkdir()
    for number in range(10):
        hardsnap.replicate_tree(large, sources / str(number), link_dest=large)
    script = textwrap.dedent(SLOW).format(body=body)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(sources), str(tmp_path / "store")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    for line in process.stdout:
        if line == "interrupted\n":
            break
    stopped = time.monotonic() - sent
    rest, _ = process.communicate()
    assert rest == "free\n" and process.returncode == 7
    assert published(tmp_path / "store") == []
    # Far beyond the promised second, for machines that do much else.
    assert stopped < 10


def test_a_signal_handler_runs_during_a_backup(store: hardsnap.Store, large: Path) -> None:
    caught: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: caught.append(number))
    try:
        main = threading.main_thread().ident
        assert main is not None

        def progress(_: hardsnap.Progress) -> None:
            if not caught:
                signal.pthread_kill(main, signal.SIGUSR1)

        with after(0.01, lambda: signal.pthread_kill(main, signal.SIGUSR1)):
            report = store.backup(large, progress=progress)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert caught and report.status == "complete"
