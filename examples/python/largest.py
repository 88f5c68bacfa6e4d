#!/usr/bin/env python3
"""The largest directories of a snapshot, and those that grew since another one.

    largest.py STORE [SNAPSHOT [BEFORE]]

Asks the store's catalog, and no tree. It loads the rows of a snapshot into a
table of pandas or, without that, of polars, and adds up what each directory
takes in the store with all below it. Snapshots are named as for the command
`hardsnap`; without names it is the last one, and the one before it.

Exit codes are those of the command: 0 done, 1 failed, 10 no store there, 130
stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, Final

import hardsnap

# Places of columns in a row; `hardsnap.ROW_COLUMNS` names all of them.
PATH: Final = 0
ALLOCATED_BYTES: Final = 6
STORED_INODE: Final = 11


def library() -> Any:
    """Imports pandas, or else polars."""
    for name in ("pandas", "polars"):
        try:
            return importlib.import_module(name)
        except ImportError:
            pass
    sys.exit("largest.py: neither pandas nor polars is installed: pip install pandas")


def stored(
    catalog: hardsnap.Catalog, snapshot: hardsnap.SnapshotInfo
) -> list[tuple[bytes, int, int]]:
    """The directory, the bytes and the inode of all that the snapshot's tree has.

    Paths as bytes: not every table has text that need not be UTF-8.
    """
    return [
        (os.fsencode(row[PATH]).rpartition(b"/")[0], row[ALLOCATED_BYTES], inode)
        for row in catalog.rows(snapshot)
        if (inode := row[STORED_INODE]) is not None
    ]


def directly(tables: Any, rows: list[tuple[bytes, int, int]]) -> Iterable[tuple[bytes, int]]:
    """Adds up what is directly in each directory. Names of one file count once."""
    if tables.__name__ == "pandas":
        table = tables.DataFrame(rows, columns=["folder", "bytes", "inode"])
        table = table.drop_duplicates("inode")
        sums: Iterable[tuple[bytes, int]] = table.groupby("folder")["bytes"].sum().items()
    else:
        number = tables.UInt64
        schema = {"folder": tables.Binary, "bytes": number, "inode": number}
        table = tables.DataFrame(rows, schema=schema, orient="row")
        table = table.unique("inode", keep="first", maintain_order=True)
        sums = table.group_by("folder").agg(tables.col("bytes").sum()).rows()
    return sums


def totals(
    tables: Any, catalog: hardsnap.Catalog, snapshot: hardsnap.SnapshotInfo
) -> Counter[str]:
    """What each directory takes with all below it, in bytes."""
    sums: Counter[str] = Counter()
    for folder, size in directly(tables, stored(catalog, snapshot)):
        path = PurePosixPath(os.fsdecode(folder) or "/")
        for above in (path, *path.parents):
            sums[str(above)] += int(size)
    return sums


def show(title: str, sums: list[tuple[str, int]]) -> None:
    print(title)
    for path, size in sums:
        print(f"{size:>18,}  {ascii(path)[1:-1]}")


def compare(arguments: argparse.Namespace) -> None:
    tables = library()
    with hardsnap.Store(arguments.store) as store:
        snapshot = store.resolve(arguments.snapshot)
        if arguments.before is not None:
            before = [store.resolve(arguments.before)]
        else:
            before = [one for one in store if one.sequence < snapshot.sequence][-1:]
        catalog = store.catalog()
    now = totals(tables, catalog, snapshot)
    show(f"largest in {snapshot.name}, in bytes:", now.most_common(10))
    for earlier in before:
        now.subtract(totals(tables, catalog, earlier))
        grown = [(path, size) for path, size in now.most_common(10) if size > 0]
        show(f"grew since {earlier.name}, by bytes:", grown)


def main() -> int:
    parser = argparse.ArgumentParser(description="which directories are large, and which grew")
    parser.add_argument("store", metavar="STORE")
    parser.add_argument("snapshot", metavar="SNAPSHOT", nargs="?", default="latest")
    parser.add_argument("before", metavar="BEFORE", nargs="?")
    try:
        compare(parser.parse_args())
    except KeyboardInterrupt:
        print("largest.py: stopped", file=sys.stderr)
        return 130
    except hardsnap.Error as error:
        print(f"largest.py: {ascii(str(error))}", file=sys.stderr)
        if error.hint:
            print(f"largest.py: {ascii(error.hint)}", file=sys.stderr)
        return 10 if isinstance(error, hardsnap.NotAStoreError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
