"""Threads, processes, asyncio, and the interpreter's end."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

import hardsnap
from helpers import is_locked, many_files, published


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source that takes some time."""
    folder = tmp_path_factory.mktemp("large")
    many_files(folder, 20_000)
    return folder


def back_up(arguments: tuple[Path, Path]) -> hardsnap.BackupReport:
    source, path = arguments
    return hardsnap.Store.init(path).backup(source)


def test_threads_back_up_side_by_side(source: Path, tmp_path: Path) -> None:
    stores = [tmp_path / f"store-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(back_up, [(source, path) for path in stores]))
    assert all(report.status == "complete" for report in reports)
    assert len({report.counts for report in reports}) == 1
    assert all(len(published(path)) == 1 for path in stores)


def test_threads_share_a_store_of_which_one_writes_at_a_time(
    store: hardsnap.Store, source: Path
) -> None:
    def run(_: int) -> bool:
        try:
            store.backup(source)
        except hardsnap.StoreLockedError:
            return False
        assert store.snapshots
        return True

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(run, range(4)))
    assert any(done) and len(store.snapshots) == sum(done)


def test_a_store_can_be_closed_while_it_is_used(store: hardsnap.Store, large: Path) -> None:
    report = store.backup(large, progress=lambda _: store.close())
    assert published(store.path) == [report.snapshot]


def test_a_callback_may_use_the_library(store: hardsnap.Store, source: Path) -> None:
    seen: list[int] = []

    def progress(_: hardsnap.Progress) -> None:
        seen.append(len(hardsnap.Store(store.path).snapshots))
        target = store.path.parent / f"tree-{len(seen)}"
        hardsnap.replicate_tree(source, target)

    store.backup(source, progress=progress)
    assert seen


def test_processes_that_fork_after_the_import_work(source: Path, tmp_path: Path) -> None:
    # The engine has started threads of its own in this process by then.
    back_up((source, tmp_path / "before"))
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(2, mp_context=fork) as pool:
        work = [(source, tmp_path / name) for name in ("a", "b", "c")]
        reports = list(pool.map(back_up, work))
    assert [report.status for report in reports] == ["complete"] * 3


def test_a_child_that_is_forked_during_a_run_does_not_keep_the_lock(
    store: hardsnap.Store, large: Path
) -> None:
    children: list[int] = []

    def progress(_: hardsnap.Progress) -> None:
        if not children:
            child = os.fork()
            if child == 0:
                signal.pause()
                os._exit(1)
            children.append(child)

    store.backup(large, progress=progress)
    try:
        assert not is_locked(store.path)
        store.backup(large, dry_run=True)
        store.probe()
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert children


def test_asyncio_runs_it_in_a_thread(source: Path, tmp_path: Path) -> None:
    async def main() -> list[hardsnap.BackupReport]:
        stores = [hardsnap.Store.init(tmp_path / name) for name in "ab"]
        runs = [asyncio.to_thread(store.backup, source) for store in stores]
        return await asyncio.gather(*runs)

    reports = asyncio.run(main())
    assert [report.counts.files_copied for report in reports] == [2, 2]


def test_a_callback_can_speak_to_the_loop(store: hardsnap.Store, large: Path) -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[hardsnap.Progress] = asyncio.Queue()

        def progress(state: hardsnap.Progress) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, state)

        run = asyncio.create_task(asyncio.to_thread(store.backup, large, progress=progress))
        first = await queue.get()
        await run
        return first.counts.entries

    assert asyncio.run(main()) >= 0


def test_a_run_in_a_daemon_thread_does_not_keep_the_process_from_ending(
    large: Path, tmp_path: Path
) -> None:
    script = """
        import sys, threading, time
        import hardsnap

        source, path = sys.argv[1:]
        store = hardsnap.Store.init(path)
        running = threading.Event()

        def run():
            store.backup(source, progress=lambda _: running.set(), jobs=1)

        threading.Thread(target=run, daemon=True).start()
        running.wait()
        print("ends", flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(large), str(tmp_path / "store")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ends\n", "")
    assert not is_locked(tmp_path / "store")
