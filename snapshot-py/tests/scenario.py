"""Does one act of the scenario; tests/scenario/README.md says which and how."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from typing import Any

import hardsnap


def act(verb: str, path: str, source: str, now: datetime, words: list[str]) -> Any:
    if verb == "init":
        policy = hardsnap.RetentionPolicy(words[0])
        return {"id": hardsnap.Store.init(path, policy=policy).id}
    store = hardsnap.Store(path)
    match verb:
        case "backup":
            return store.backup(source, time=now).to_dict()
        case "plan":
            return store.plan_prune(now=now).to_dict()
        case "prune":
            return store.prune(store.plan_prune(now=now)).to_dict()
        case "list":
            return {"snapshots": [snapshot.to_dict() for snapshot in store]}
        case "hold":
            name, note = words
            return store.hold(store.resolve(name), note=note).snapshot.to_dict()
        case "release":
            return store.release(store.resolve(words[0])).snapshot.to_dict()
        case "accept":
            return store.accept(store.resolve(words[0])).snapshot.to_dict()
        case "delete":
            return store.delete(store.resolve(words[0])).to_dict()
        case _:
            sys.exit(f"{verb}: no such act")


def main(verb: str, path: str, source: str, seconds: str, *words: str) -> None:
    now = datetime.fromtimestamp(int(seconds), timezone.utc)
    try:
        told = act(verb, path, source, now, list(words))
    except hardsnap.Error as error:
        print(error, file=sys.stderr)
        told = {"code": error.code}
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
