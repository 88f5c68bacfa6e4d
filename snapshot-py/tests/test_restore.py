"""Getting data back."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

import hardsnap

from helpers import START, backups, untyped


def below(to: Path, source: Path) -> Path:
    return to / source.relative_to("/")


def test_paths_come_back_below_a_directory(
    store: hardsnap.Store, source: Path, tmp_path: Path
) -> None:
    backups(store, source, 1)
    newest = store.resolve("latest")
    to = tmp_path / "to"
    would = store.restore(newest, to=to, dry_run=True)
    assert would.dry_run and not to.exists()
    report = store.restore(newest, to=to)
    assert report.snapshot == newest.name and report.target == to
    assert (report.written, report.bytes_written) == (would.written, would.bytes_written)
    assert report.damaged == () and report.to_dict()["written"] == report.written
    for found in (path for path in source.rglob("*") if path.is_file()):
        restored = below(to, source) / found.relative_to(source)
        assert restored.read_bytes() == found.read_bytes()
        assert restored.stat().st_mtime_ns == found.stat().st_mtime_ns
    again = store.restore(newest.name, [source], to=os.fsencode(to), jobs=1)
    assert (again.written, again.replaced) == (0, 0)


def test_what_is_in_the_way_is_told_and_nothing_is_written(
    store: hardsnap.Store, source: Path
) -> None:
    (source / "mine").write_text("then")
    backups(store, source, 1)
    (source / "mine").write_text("mine now")
    newest = store.resolve("latest")
    with pytest.raises(hardsnap.InTheWayError) as caught:
        store.restore(newest, source, in_place=True)
    assert caught.value.filename == str(source / "mine")
    assert (source / "mine").read_text() == "mine now"
    would = store.restore(newest, source, in_place=True, dry_run=True)
    assert would.in_the_way == (source / "mine",)
    report = store.restore(newest, source, in_place=True, overwrite="changed")
    assert report.replaced >= 1 and (source / "mine").read_text() == "then"


def test_only_what_was_agreed_to_is_deleted(store: hardsnap.Store, source: Path) -> None:
    backups(store, source, 1)
    newest = store.resolve("latest")
    for name in ("gone", "kept"):
        (source / name).write_text(name)
    would = store.restore(newest, source, in_place=True, delete=True, dry_run=True)
    assert would.deleted == (source / "gone", source / "kept")
    report = store.restore(newest, source, in_place=True, delete=would.deleted[:1])
    assert report.deleted == (source / "gone",)
    assert (source / "kept").exists() and not (source / "gone").exists()


def test_a_snapshot_is_found_by_an_instant(store: hardsnap.Store, source: Path) -> None:
    first, second = backups(store, source, 2)
    found = store.resolve_before(START + timedelta(hours=1))
    assert found.name == first.snapshot
    assert store.resolve_before(START + timedelta(days=9)).name == second.snapshot
    with pytest.raises(hardsnap.UnknownSnapshotError):
        store.resolve_before(START - timedelta(seconds=1))


def test_wrong_arguments_are_refused(
    store: hardsnap.Store, source: Path, tmp_path: Path
) -> None:
    backups(store, source, 1)
    newest = store.resolve("latest")
    for wrong in ({}, {"to": tmp_path / "to", "in_place": True}):
        with pytest.raises(ValueError, match="in_place"):
            untyped(store.restore)(newest, **wrong)
    with pytest.raises(ValueError, match="overwrite"):
        untyped(store.restore)(newest, to=tmp_path / "to", overwrite="some")
    with pytest.raises(hardsnap.InvalidOptionError):
        store.restore(newest, to=tmp_path / "to", delete=True)
    with pytest.raises(hardsnap.NotInSnapshotError):
        store.restore(newest, "/no/such", to=tmp_path / "to")
    with pytest.raises(hardsnap.TargetIsStoreError):
        store.restore(newest, to=store.path)
    assert not (tmp_path / "to").exists()


def test_a_stopped_restore_goes_on(store: hardsnap.Store, source: Path, tmp_path: Path) -> None:
    for number in range(3_000):
        (source / f"file {number}").write_text(str(number))
    backups(store, source, 1)
    newest = store.resolve("latest")
    cancel = hardsnap.CancelToken()
    cancel.cancel()
    with pytest.raises(hardsnap.CancelledError):
        store.restore(newest, to=tmp_path / "to", cancel=cancel)
    phases: set[str] = set()
    report = store.restore(
        newest, to=tmp_path / "to", progress=lambda state: phases.add(state.phase)
    )
    assert phases <= {"starting", "looking", "restoring", "flushing"}
    # An ordinary user cannot make the directories above those of root.
    restored = below(tmp_path / "to", source)
    assert not [problem for problem in report.skipped if restored in problem.path.parents]
    assert len(list(below(tmp_path / "to", source).iterdir())) >= 3_000
