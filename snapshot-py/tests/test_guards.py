"""Marks on snapshots, suspicion, pauses and room."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import hardsnap
from helpers import DAY, START, backups, published
from test_store import cli


def test_what_is_held_stays_until_it_is_released(store: hardsnap.Store, source: Path) -> None:
    first, second, _ = (report.snapshot for report in backups(store, source, 3))
    report = store.hold(first, note="before the move")
    assert report.changed and report.snapshot.held and report.snapshot.note == "before the move"
    assert report.snapshot == store.resolve(first)
    assert not store.hold(store.resolve(first)).changed
    with pytest.raises(hardsnap.SnapshotHeldError) as caught:
        store.delete(first)
    assert caught.value.code == "snapshot_held"

    policy = hardsnap.RetentionPolicy("last 1")
    now = START + 4 * DAY
    assert [gone.id for gone in store.plan_prune(policy, now=now).remove] == [second]
    released = store.release(first)
    assert released.changed and not released.snapshot.held
    assert [gone.id for gone in store.plan_prune(policy, now=now).remove] == [first, second]
    assert store.hold(first).to_dict().keys() == cli("hold", store.path, first).keys()
    with pytest.raises(hardsnap.UnknownSnapshotError):
        store.hold("2027-01-01T00-00-00Z")
    with pytest.raises(hardsnap.UnknownSnapshotError):
        store.release("latest")


def test_a_lost_source_makes_a_snapshot_suspect_until_it_is_accepted(
    store: hardsnap.Store, source: Path
) -> None:
    for number in range(20):
        (source / f"{number}").write_bytes(b"x" * 100_000)
    whole = store.backup(source, time=START)
    shutil.rmtree(source)
    source.mkdir()
    report = store.backup(source, time=START + DAY)
    assert report.status == "suspect"
    (suspicion,) = report.suspicions
    assert suspicion.kind == "shrank" and suspicion.source == source
    assert suspicion.before is not None and suspicion.now is not None
    assert suspicion.before.bytes > 1_000_000 and suspicion.now.bytes == 0
    assert str(suspicion) == suspicion.text
    assert report.prune_paused is not None
    assert report.prune_paused.kind == "suspect" and suspicion.text in str(report.prune_paused)
    assert report.prune_paused.hint
    assert report.to_dict()["prune_paused"] == str(report.prune_paused)
    assert report.to_dict()["suspicions"] == [str(suspicion)]
    assert store.resolve(report.snapshot).suspicions == (suspicion,)
    assert [one.to_dict() for one in store] == cli("list", store.path)["snapshots"]
    assert store.resolve("latest").name == whole.snapshot

    accepted = store.accept(report.snapshot)
    assert accepted.changed and accepted.latest == report.snapshot
    assert accepted.snapshot.status == "complete" and accepted.snapshot.suspicions == ()


def test_a_pause_keeps_all_unless_it_is_overridden(
    store: hardsnap.Store, source: Path
) -> None:
    names = [report.snapshot for report in backups(store, source, 3)]
    policy = hardsnap.RetentionPolicy("last 1")
    plan = store.plan_prune(policy, now=START + DAY)
    assert plan.pause is not None and plan.pause.kind == "clock_behind"
    report = store.prune(plan)
    assert report.removed == () and report.prune_paused == plan.pause
    forced = store.plan_prune(policy, now=START + DAY, force=True)
    assert forced.pause is None and forced != plan
    assert store.prune(forced).prune_paused is None
    assert names[-1] in published(store.path)


def test_room_is_made_beyond_the_plan(store: hardsnap.Store, source: Path) -> None:
    names = [report.snapshot for report in backups(store, source, 5)]
    now = START + 6 * DAY
    room = store.room("1%")
    assert room.free_bytes > 0 and room.wanted_bytes > 0
    assert room.is_enough == (room.free_bytes >= room.wanted_bytes)
    assert store.room(17).wanted_bytes == 17 and store.room(17).is_enough

    modest = store.plan_prune(now=now, min_free=1)
    assert modest.candidates_for_room == tuple(names[:2])
    assert store.prune(modest).removed == ()
    everything = store.plan_prune(now=now, min_free="15E")
    report = store.prune(everything)
    assert report.removed == report.removed_for_room == tuple(names[:2])
    assert report.short_of_room is not None and not report.short_of_room.is_enough
    for wrong in (0, "0%", "100%", "much"):
        with pytest.raises(hardsnap.InvalidOptionError):
            store.plan_prune(min_free=wrong)
        with pytest.raises(hardsnap.InvalidOptionError):
            store.room(wrong)


def test_the_last_one_goes_only_if_it_is_not_spared(
    store: hardsnap.Store, source: Path
) -> None:
    name = store.backup(source).snapshot
    with pytest.raises(hardsnap.LastSnapshotError):
        store.delete(name)
    assert store.delete(name, spare_last=False).removed == (name,)
    assert published(store.path) == []
