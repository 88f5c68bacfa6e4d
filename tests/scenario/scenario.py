"""Does one act of the scenario; README.md beside this says which and how."""

import datetime
import json
import sys
from collections.abc import Iterable

import hardsnap


def act(verb: str, path: str, source: str, now: datetime.datetime, words: list[str]) -> object:
    if verb == "init":
        hardsnap.Store.init(path, policy=hardsnap.RetentionPolicy(words[0]))
        return {}
    store = hardsnap.Store(path)
    if verb == "backup":
        return store.backup([source], time=now).to_dict()
    if verb == "plan":
        return store.plan_prune(now=now).to_dict()
    if verb == "prune":
        return store.prune(store.plan_prune(now=now)).to_dict()
    if verb == "list":
        return {"snapshots": [snapshot.to_dict() for snapshot in store.snapshots]}
    if verb == "hold":
        return store.hold(store.resolve(words[0]), note=words[1]).snapshot.to_dict()
    if verb == "release":
        return store.release(store.resolve(words[0])).snapshot.to_dict()
    if verb == "accept":
        return store.accept(store.resolve(words[0])).snapshot.to_dict()
    if verb == "find":
        return answers(store.catalog().find(words[0]))
    if verb == "versions":
        return answers(store.catalog().versions(f"{source}/{words[0]}"))
    if verb == "changes":
        a, b = (store.resolve(word) for word in words)
        return answers(store.catalog().changes(a, b))
    if verb == "sizes":
        return store.catalog().sizes(store.resolve(words[0])).to_dict()
    if verb == "delete":
        return store.delete(store.resolve(words[0])).to_dict()
    raise SystemExit(f"{verb}: no such act")


Answer = hardsnap.FoundPath | hardsnap.EntryVersion | hardsnap.EntryChange


def answers(told: Iterable[Answer]) -> object:
    return {"answers": [answer.to_dict() for answer in told]}


def main() -> None:
    verb, path, source, seconds, *words = sys.argv[1:]
    now = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    try:
        done = act(verb, path, source, now, words)
    except hardsnap.Error as error:
        print(error, file=sys.stderr)
        done = {"code": error.code}
    print(json.dumps(done))


main()
