#!/usr/bin/env python3
"""The daily backup: makes the store once, backs up, shows how far it is, prunes.

    daily.py [--init] SOURCE... STORE

Exit codes are those of the command `hardsnap`: 0 done, 1 failed, 3 done with
entries missing, 4 done without pruning, 10 no store there, 11 another run is
under way, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import hardsnap

POLICY = hardsnap.RetentionPolicy(
    "daily for 2 weeks min 14, weekly for 6 months, all monthly", zone="Europe/Berlin"
)


def show(progress: hardsnap.Progress) -> None:
    """Draws one line, again and again."""
    done = progress.counts
    share = "" if progress.fraction is None else f" {progress.fraction:4.0%}"
    line = f"{progress.phase}{share} {done.entries:,} entries, {done.bytes_copied:,} bytes copied"
    print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def tell(news: hardsnap.Problem | hardsnap.Notice) -> None:
    """Says what somebody should know, as it comes."""
    print(f"daily.py: {ascii(str(news))}", file=sys.stderr)


def back_up(arguments: argparse.Namespace) -> int:
    on_terminal = sys.stderr.isatty()
    try:
        store = hardsnap.Store(arguments.store)
    except hardsnap.NotAStoreError:
        if not arguments.init:
            raise
        store = hardsnap.Store.init(arguments.store, policy=POLICY, notify=tell)

    with store:
        report = store.backup(
            arguments.sources,
            exclude=["*.o", "/*/.cache/*"],
            exclude_caches=True,
            progress=show if on_terminal else None,
            notify=tell,
        )
    if on_terminal:
        print(file=sys.stderr)
    counts = report.counts
    print(
        f"{report.snapshot}: {counts.files_linked} files linked, {counts.files_copied} copied "
        f"({counts.bytes_copied} bytes), {len(report.removed)} snapshots removed"
    )
    if report.skipped:
        return 3
    return 4 if report.prune_paused or report.left_behind else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="back up and prune")
    parser.add_argument("--init", action="store_true", help="make the store if there is none")
    parser.add_argument("sources", metavar="SOURCE", nargs="+", type=Path)
    parser.add_argument("store", metavar="STORE", type=Path)
    try:
        return back_up(parser.parse_args())
    except KeyboardInterrupt:
        print("daily.py: stopped before it was done", file=sys.stderr)
        return 130
    except hardsnap.Error as error:
        print(f"daily.py: {ascii(str(error))}", file=sys.stderr)
        if error.hint:
            print(f"daily.py: {ascii(error.hint)}", file=sys.stderr)
        match error:
            case hardsnap.NotAStoreError():
                return 10
            case hardsnap.StoreLockedError():
                return 11
            case _:
                return 1


if __name__ == "__main__":
    sys.exit(main())
