#!/usr/bin/env python3
"""Several backups at once, with asyncio: one source into each of some stores.

    several.py SOURCE STORE...

A backup blocks the thread that asks for it, so each gets one of its own.
Cancelling a task does not stop its thread; a token does, and then it is waited
for, so that no run is left behind.
"""

from __future__ import annotations

import asyncio
import sys

import hardsnap


async def back_up(source: str, path: str) -> hardsnap.BackupReport:
    """Backs up in a thread, and stops it if the task is cancelled."""
    token = hardsnap.CancelToken()
    store = await asyncio.to_thread(hardsnap.Store, path)
    run = asyncio.ensure_future(asyncio.to_thread(store.backup, source, cancel=token))
    try:
        return await asyncio.shield(run)
    except asyncio.CancelledError:
        token.cancel()
        await asyncio.wait([run])
        if not run.cancelled():
            run.exception()  # It was seen: nobody is to warn of it.
        raise


async def main(source: str, paths: list[str]) -> int:
    runs = [back_up(source, path) for path in paths]
    results = await asyncio.gather(*runs, return_exceptions=True)
    failed = False
    for path, result in zip(paths, results):
        if isinstance(result, BaseException):
            failed = True
            print(f"{path}: {result}", file=sys.stderr)
        else:
            print(f"{path}: {result.snapshot}, {result.counts.files_copied} files copied")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: several.py SOURCE STORE...")
    try:
        sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
    except KeyboardInterrupt:
        sys.exit(130)
