"""Making, opening, backing up, listing, pruning and deleting."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import hardsnap
from helpers import DAY, START, backups, published, untyped


def test_a_snapshot_is_the_tree_and_its_report_says_so(
    store: hardsnap.Store, source: Path
) -> None:
    report = store.backup([source], note="the first")
    assert report.status == "complete"
    assert report.basis is None
    assert report.counts == hardsnap.Counts(
        files_linked=1,
        files_copied=2,
        bytes_linked=5,
        bytes_copied=8,
        directories=report.counts.directories,
        symlinks=1,
    )
    assert report.counts.entries == 4 + report.counts.directories
    assert report.counts.bytes == 13
    assert report.skipped == () and report.left_behind == () and not report.dry_run
    assert report.elapsed_seconds > 0

    tree = Path(f"{store.path / report.snapshot}{source}")
    assert (tree / "file").read_bytes() == b"12345"
    assert os.readlink(tree / "link") == "file"
    assert (tree / "file").samefile(tree / "folder" / "same")

    (snapshot,) = store.snapshots
    assert snapshot.name == report.snapshot
    assert snapshot.path == store.path / report.snapshot
    assert snapshot.note == "the first"
    assert snapshot.sources == (source,)
    assert snapshot.counts == report.counts
    assert snapshot.status == "complete" and not snapshot.held and snapshot.sequence == 1
    assert snapshot.time.tzinfo is timezone.utc
    assert list(store) == [snapshot]


def test_what_did_not_change_is_linked_to_the_snapshot_before(
    store: hardsnap.Store, source: Path
) -> None:
    first = store.backup(source, time=START)
    (source / "file").write_bytes(b"new")
    second = store.backup(source, time=START + DAY)
    assert second.basis == first.snapshot
    assert (second.counts.files_linked, second.counts.files_copied) == (2, 1)
    inside = f"{source}/folder/other"
    assert os.path.samefile(
        f"{store.path / first.snapshot}{inside}", f"{store.path / second.snapshot}{inside}"
    )


def test_a_time_dates_the_snapshot_in_any_zone(store: hardsnap.Store, source: Path) -> None:
    time = datetime(2026, 3, 1, 3, 30, 15, 999_999, tzinfo=ZoneInfo("Europe/Berlin"))
    report = store.backup(source, time=time)
    assert report.snapshot == "2026-03-01T02-30-15Z"
    assert store.snapshots[0].time == time.replace(microsecond=0)
    with pytest.raises(hardsnap.TimeTakenError):
        store.backup(source, time=time)


def test_a_dry_run_writes_nothing(store: hardsnap.Store, source: Path) -> None:
    report = store.backup(source, dry_run=True)
    assert report.dry_run and report.counts.files_copied == 2
    assert store.snapshots == () and published(store.path) == []


def test_filters_leave_out_what_they_say(
    store: hardsnap.Store, source: Path, tmp_path: Path
) -> None:
    for name in ["a.o", "b.o", "large", "from-file", "cache/content", "cache/.nobackup"]:
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(b"x" * (2048 if name == "large" else 1))
    patterns = tmp_path / "patterns"
    patterns.write_text("# a comment\nfrom-file\n")
    report = store.backup(
        source,
        exclude=["*.o"],
        include="b.o",
        exclude_from=patterns,
        exclude_if_present=".nobackup",
        exclude_larger_than="1k",
    )
    tree = Path(f"{store.path / report.snapshot}{source}")
    assert sorted(os.listdir(tree)) == ["b.o", "cache", "file", "folder", "link"]
    assert os.listdir(tree / "cache") == [".nobackup"]
    report = store.backup(source, exclude_larger_than=4, dry_run=True)
    assert report.counts.bytes == 3 + 5


def test_the_defaults_are_those_that_the_signature_shows(
    store: hardsnap.Store, source: Path
) -> None:
    report = store.backup(
        source,
        exclude=(),
        include=(),
        exclude_from=(),
        exclude_if_present=(),
        exclude_caches=False,
        exclude_nodump=False,
        exclude_larger_than=None,
        mounts="local",
        jobs=None,
        time=None,
        dry_run=True,
        change_sources=False,
        allow_full_copies=False,
        checksum=False,
        check_basis=False,
        hashes=True,
        recycle=True,
        prune=True,
        note=None,
    )
    assert report.counts == store.backup(source, dry_run=True).counts


def test_mounts_and_jobs_are_taken(store: hardsnap.Store, source: Path) -> None:
    for mounts in ("local", "one-file-system", "all"):
        report = store.backup(source, mounts=mounts, jobs=3, dry_run=True)
        assert report.counts.files_copied == 2


def test_what_is_read_and_hashed_can_be_chosen(store: hardsnap.Store, source: Path) -> None:
    report = store.backup(source, checksum=True, check_basis=True, hashes=False)
    assert report.status == "complete"
    assert (report.counts.files, report.counts.files_copied) == (3, 2)
    assert report.counts.files_moved == report.to_dict()["files_moved"] == 0
    for keyword in ("checksum", "check_basis", "hashes", "recycle"):
        with pytest.raises(TypeError, match=keyword):
            store.backup(source, **{keyword: "yes"})  # type: ignore[arg-type]


def test_an_expired_snapshot_becomes_the_next_if_that_is_wanted(
    source: Path, tmp_path: Path
) -> None:
    policy = hardsnap.RetentionPolicy("last 2")
    store = hardsnap.Store.init(tmp_path / "kept", policy=policy)
    reports = [store.backup(source, time=START + day * DAY) for day in range(4)]
    assert [report.recycled for report in reports] == [None, None, None, reports[0].snapshot]
    spare = store.catalog().spare_sizes()
    assert spare is not None
    name, sizes = spare
    assert name == reports[1].snapshot
    assert sizes.freed_bytes == sizes.directory_bytes and sizes.files == 0
    report = store.backup(source, time=START + 4 * DAY, recycle=False)
    assert report.recycled is None and report.to_dict()["recycled"] is None

    store = hardsnap.Store.init(tmp_path / "none", policy=policy, spare=False)
    reports = [store.backup(source, time=START + day * DAY) for day in range(4)]
    assert all(report.recycled is None for report in reports)
    assert store.catalog().spare_sizes() is None


def test_other_sources_need_a_word(store: hardsnap.Store, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    store.backup(source, time=START)
    with pytest.raises(hardsnap.SourcesChangedError):
        store.backup([source, other], time=START + DAY)
    store.backup([source, other], time=START + DAY, change_sources=True)
    assert store.resolve("latest").sources == (other, source)


def test_snapshots_are_found_by_name(store: hardsnap.Store, source: Path) -> None:
    names = [report.snapshot for report in backups(store, source, 3)]
    assert [snapshot.name for snapshot in store.snapshots] == names
    assert store.resolve("latest").name == names[2]
    assert store.resolve("latest~2").name == names[0]
    assert store.resolve("2026-03-02").name == names[1]
    with pytest.raises(hardsnap.AmbiguousSnapshotError):
        store.resolve("2026")
    with pytest.raises(hardsnap.UnknownSnapshotError) as caught:
        store.resolve("2027")
    assert isinstance(caught.value, LookupError)
    assert caught.value.code == "unknown_snapshot" and caught.value.hint


def test_a_backup_prunes_by_the_store_by_another_policy_or_not(
    tmp_path: Path, source: Path
) -> None:
    policy = hardsnap.RetentionPolicy("last 2")
    store = hardsnap.Store.init(tmp_path / "pruned", policy=policy)
    assert store.policy == policy
    backups(store, source, 4)
    assert len(store.snapshots) == 4
    time = START + 4 * DAY
    kept_three = hardsnap.RetentionPolicy("last 3")
    assert len(store.backup(source, time=time, prune=kept_three).removed) == 2
    report = store.backup(source, time=time + DAY)
    assert report.removed == ("2026-03-03T02-00-00Z", "2026-03-04T02-00-00Z")
    assert len(published(store.path)) == 2


def test_a_plan_is_made_shown_and_carried_out(store: hardsnap.Store, source: Path) -> None:
    names = [report.snapshot for report in backups(store, source, 4)]
    policy = hardsnap.RetentionPolicy("last 1")
    now = START + 5 * DAY
    plan = store.plan_prune(policy, now=now)
    assert [gone.id for gone in plan.remove] == names[:3]
    assert [kept.id for kept in plan.keep] == names[3:]
    assert plan.keep[0].explain() == "newest; last (the newest snapshot)"
    assert plan.policy == policy and plan.now == now
    assert plan == store.plan_prune(policy, now=now)
    assert plan != store.plan_prune(now=now)
    assert repr(plan) == "<PrunePlan keeps 1, removes 3>"
    assert len(published(store.path)) == 4

    report = store.prune(plan)
    assert report.removed == tuple(names[:3]) and report.left_behind == ()
    assert published(store.path) == names[3:]
    assert store.prune(plan).removed == ()
    assert store.plan_prune().now <= datetime.now(timezone.utc)


def test_delete_takes_full_names_and_snapshots(store: hardsnap.Store, source: Path) -> None:
    names = [report.snapshot for report in backups(store, source, 5)]
    assert store.delete(names[0]).removed == (names[0],)
    assert store.delete(store.resolve(names[1])).removed == (names[1],)
    report = store.delete([names[2], store.resolve("latest~1")])
    assert report.removed == tuple(names[2:4])
    with pytest.raises(hardsnap.UnknownSnapshotError):
        store.delete(["latest"])
    with pytest.raises(hardsnap.UnknownSnapshotError):
        store.delete([names[0]])
    with pytest.raises(hardsnap.LastSnapshotError):
        store.delete([names[4]])
    assert published(store.path) == names[4:]


def test_the_catalog_is_made_anew(store: hardsnap.Store, source: Path) -> None:
    names = tuple(report.snapshot for report in backups(store, source, 2))
    told: list[hardsnap.Progress] = []
    report = store.reindex(progress=told.append)
    assert report.snapshots == names and report.left_out == () and report.skipped == ()
    assert report.entries > report.versions > 0
    assert report.versions_without_ctime == report.versions_without_hash == 0
    assert report.warnings == ()
    assert told[-1].phase == "reindexing"
    assert told[-1].expected is not None and told[-1].fraction == 1.0
    assert told[-1].counts.entries == report.entries

    (store.path / ".hardsnap" / "catalog.db").unlink()
    report = store.reindex()
    assert report.versions_without_ctime == report.versions
    assert [notice.code for notice in report.warnings] == ["catalog_not_carried_over"]

    cancel = hardsnap.CancelToken()
    cancel.cancel()
    with pytest.raises(hardsnap.CancelledError):
        store.reindex(cancel=cancel)


def test_damage_is_found_and_repaired(store: hardsnap.Store, source: Path) -> None:
    names = tuple(report.snapshot for report in backups(store, source, 2))
    told: list[hardsnap.Progress] = []
    report = store.verify(content="full", progress=told.append)
    assert report.damaged == () and report.damaged_entries == 0
    assert report.snapshots == names and report.counted_only == ()
    assert report.checked_files > 0 and report.unhashed_files == 0
    assert not report.continued and report.kept_aside is None
    assert "verifying" in [state.phase for state in told]
    assert store.verify(content="since-last").checked_files == 0

    stored = Path(f"{store.path / names[0]}{source}") / "file"
    before = stored.stat()
    stored.write_bytes(b"12x45")
    os.utime(stored, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.verify().damaged == ()
    report = store.verify(names[1], content="full")
    assert report.damaged_entries == report.unrepaired_entries == len(report.damaged)
    damaged = next(one for one in report.damaged if one.path == source / "file")
    assert damaged.snapshots == names
    assert damaged.problem == "altered" and damaged.differs == ("content",)
    assert damaged.good_copy == "source" and damaged.good_copy_path is None
    assert damaged.repaired is None and damaged.reason is None

    report = store.verify(sample="100%", repair=True)
    assert report.unrepaired_entries == 0 and all(one.repaired for one in report.damaged)
    assert report.kept_aside == store.path / ".hardsnap" / "damaged"
    assert stored.read_bytes() == b"12345"
    assert store.verify(sample=12.5).damaged == ()

    for wrong in ({"content": "all"}, {"sample": "0%"}, {"sample": 101}):
        with pytest.raises(ValueError):
            untyped(store.verify)(**wrong)
    with pytest.raises(ValueError):
        store.verify(content="full", sample="5%")
    with pytest.raises(hardsnap.UnknownSnapshotError):
        store.verify("2001-01-01T00-00-00Z")


def test_a_store_knows_itself(store: hardsnap.Store, tmp_path: Path) -> None:
    again = hardsnap.Store.open(str(tmp_path / "store"))
    assert again.path == store.path == (tmp_path / "store").resolve()
    assert again.id == store.id and len(store.id) == 36
    assert again.policy == hardsnap.RetentionPolicy()
    assert repr(store) == f"Store({str(store.path)!r})"
    found = store.probe()
    assert found.hard_links and found.symlinks and found.made_as[0] == os.getuid()


def test_a_closed_store_is_of_no_use(store: hardsnap.Store, source: Path) -> None:
    with store as entered:
        assert entered is store
    for use in (
        lambda: store.snapshots,
        lambda: store.backup(source),
        lambda: store.resolve("latest"),
        lambda: iter(store),
        store.__enter__,
    ):
        with pytest.raises(ValueError, match="closed"):
            use()
    store.close()
    assert store.path.is_dir()


def test_init_tells_what_there_is_to_know(tmp_path: Path) -> None:
    path = tmp_path / "open-to-all"
    path.mkdir(mode=0o755)
    told: list[hardsnap.Notice] = []
    hardsnap.Store.init(path, notify=told.append)
    notice = next(notice for notice in told if notice.code == "store_tightened")
    assert "0755" in str(notice)


def test_one_tree_without_a_store(source: Path, tmp_path: Path) -> None:
    monday, tuesday = tmp_path / "monday", tmp_path / "tuesday"
    report = hardsnap.replicate_tree(source, monday, exclude="folder/")
    assert report.status == "complete" and report.counts.files_copied == 1
    assert sorted(os.listdir(monday)) == ["file", "link"]
    report = hardsnap.replicate_tree(source, tuesday, link_dest=monday, dry_run=True)
    assert report.dry_run and not tuesday.exists()
    report = hardsnap.replicate_tree(source, tuesday, link_dest=monday)
    assert (tuesday / "file").samefile(monday / "file")
    assert (tuesday / "file").samefile(tuesday / "folder" / "same")
    with pytest.raises(hardsnap.TargetNotEmptyError) as caught:
        hardsnap.replicate_tree(source, tuesday)
    assert caught.value.filename == str(tuesday)


def cli(*arguments: object) -> dict[str, Any]:
    """The summary that the command line prints."""
    command = [sys.executable, "-m", "hardsnap", "--json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert summary.pop("message_type") == "summary", done
    assert summary.pop("schema_version") == 1
    return summary


def test_to_dict_gives_the_fields_of_the_command_line(
    store: hardsnap.Store, source: Path, tmp_path: Path
) -> None:
    source = source / os.fsdecode(b"not utf-8 \xff")
    source.mkdir()
    (source / "file").touch()

    def timeless(summary: dict[str, Any]) -> dict[str, Any]:
        del summary["elapsed_seconds"]
        return summary

    mine = store.backup(source, dry_run=True, time=START).to_dict()
    its = cli("backup", "--dry-run", "--time", START.isoformat(), source, store.path)
    assert timeless(mine) == timeless(its)

    backups(store, source, 3)
    assert [snapshot.to_dict() for snapshot in store] == cli("list", store.path)["snapshots"]

    now = START + 3 * DAY
    plan = store.plan_prune(hardsnap.RetentionPolicy("last 2"), now=now)
    its = cli("prune", "--dry-run", "--keep-last", 2, "--now", now.isoformat(), store.path)
    assert plan.to_dict().items() <= its.items()
    assert its.keys() - plan.to_dict().keys() == {"dry_run", "prune_paused"}

    tree = hardsnap.replicate_tree(source, tmp_path / "mine").to_dict()
    assert timeless(tree) == timeless(cli("tree", source, tmp_path / "its"))

    assert timeless(store.reindex().to_dict()) == timeless(cli("reindex", store.path))

    assert timeless(store.verify().to_dict()) == timeless(cli("verify", store.path))

    removal = store.delete(store.snapshots[0])
    assert removal.to_dict().keys() == cli("delete", "--yes", store.path, "latest~1").keys()
    assert removal.to_dict()["removed_snapshots"] == list(removal.removed)


def test_reports_are_frozen_comparable_and_can_be_pickled(
    store: hardsnap.Store, source: Path
) -> None:
    report = store.backup(source)
    with pytest.raises(AttributeError):
        setattr(report, "snapshot", "another")
    assert pickle.loads(pickle.dumps(report)) == report
    assert hash(report) == hash(pickle.loads(pickle.dumps(report)))
    assert "BackupReport(snapshot='20" in repr(report)
    (snapshot,) = store.snapshots
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot


def test_the_elapsed_time_is_in_seconds(store: hardsnap.Store, source: Path) -> None:
    begun = datetime.now(timezone.utc)
    report = store.backup(source)
    assert timedelta(seconds=report.elapsed_seconds) <= datetime.now(timezone.utc) - begun
