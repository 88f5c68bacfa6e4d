"""The calculator: what goes in, what comes out."""

from __future__ import annotations

import array
import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import hardsnap
from hardsnap import Kept, RetentionPolicy, Schedule, Snapshot
from helpers import DAY, START, backups, days, untyped

NOW = START + 60 * DAY
POLICY = RetentionPolicy("daily for 1 week, all monthly")


def ids(decided: Sequence[Any]) -> list[Any]:
    return [one.id for one in decided]


def test_instants_are_known_by_their_places() -> None:
    plan = POLICY.plan(days(60), NOW)
    assert ids(plan.keep) == [0, 31, *range(53, 60)]
    assert ids(plan.remove) == [*range(1, 31), *range(32, 53)]
    assert plan.keep[0].time == START and plan.keep[0].time.tzinfo is timezone.utc
    assert plan.policy == POLICY and plan.now == NOW
    assert repr(plan) == "<RetentionPlan keeps 9, removes 51>"
    assert plan.keep_ids == ids(plan.keep) and plan.remove_ids == ids(plan.remove)
    again = pickle.loads(pickle.dumps(plan))
    assert again.remove_ids == plan.remove_ids


def test_every_form_of_input_gives_the_same_plan() -> None:
    instants = days(60)
    seconds = [int(instant.timestamp()) for instant in instants]
    expected = POLICY.plan(instants, NOW)
    berlin = ZoneInfo("Europe/Berlin")
    for form in (
        [instant.astimezone(berlin) for instant in instants],
        iter(instants),
        (instant for instant in instants),
        seconds,
        tuple(seconds),
        [*instants[:30], *seconds[30:]],
        array.array("q", seconds),
        array.array("l", seconds),
        array.array("i", seconds),
        array.array("Q", seconds),
        array.array("I", seconds),
        memoryview(array.array("q", seconds)),
        list(enumerate(instants)),
        list(enumerate(seconds)),
        [Snapshot(place, instant) for place, instant in enumerate(instants)],
    ):
        assert untyped(POLICY.plan)(form, NOW) == expected
    assert POLICY.plan(seconds, int(NOW.timestamp())) == expected


def test_ids_are_the_callers_own() -> None:
    pairs = [(f"tank@{place}", instant) for place, instant in enumerate(days(10))]
    plan = POLICY.plan(pairs, NOW)
    assert ids(plan.remove) == ["tank@1", "tank@2"]
    why = plan.remove[0].why
    assert why.kind == "represented" and why.represented_by == "tank@0"
    assert str(why) == why.text == "2026-03 is represented by tank@0"
    objects = [(object(), START), (object(), START + DAY)]
    plan_of_objects = POLICY.plan(objects, NOW)
    assert plan_of_objects.keep[0].id is objects[0][0]


def test_status_and_holds_count() -> None:
    snapshots = [
        Snapshot("held", START + DAY, held=True),
        Snapshot("first", START, status="partial"),
        Snapshot("complete", START + 2 * DAY),
        Snapshot("suspect", START + 3 * DAY, "suspect"),
        Snapshot("last", START + 40 * DAY),
    ]
    plan = RetentionPolicy("all monthly").plan(snapshots, NOW)
    assert ids(plan.keep) == ["held", "last"]
    assert [reason.kind for reason in plan.keep[0].reasons] == ["held", "rule"]
    assert [gone.why.kind for gone in plan.remove] == [
        "represented",
        "represented",
        "superseded",
    ]
    assert plan.remove[2].why.newer == "last"


def test_a_store_s_snapshots_are_taken_as_they_are(
    store: hardsnap.Store, source: Path
) -> None:
    names = [report.snapshot for report in backups(store, source, 3)]
    plan = RetentionPolicy("last 1").plan(store.snapshots, NOW)
    assert ids(plan.keep) == names[2:] and ids(plan.remove) == names[:2]
    of_store = store.plan_prune(RetentionPolicy("last 1"), now=NOW)
    assert tuple(plan.keep) == of_store.keep and of_store.remove == plan.remove


def test_reasons_are_data_and_text() -> None:
    policy = RetentionPolicy("daily for 1 week, all monthly", zone="Europe/Berlin")
    plan = policy.plan([("a", START)], START)
    (kept,) = plan.keep
    newest, daily, monthly = kept.reasons
    assert kept.explain() == (
        "newest; daily (first of 2026-03-01, until 2026-03-08); "
        "monthly (first of 2026-03, for ever)"
    )
    assert newest == hardsnap.Reason(kind="newest", text="newest")
    assert (daily.kind, daily.rule, daily.every) == ("rule", "daily for 1 week", "day")
    assert (daily.bucket, daily.rank) == ("2026-03-01", 0)
    assert daily.until == datetime(2026, 3, 8, tzinfo=ZoneInfo("Europe/Berlin"))
    assert isinstance(daily.until, datetime)
    assert daily.until.utcoffset() == timedelta(hours=1)
    assert monthly.until == "forever"

    gone = RetentionPolicy("last 1").plan(days(2), NOW).remove[0].why
    assert (gone.kind, gone.count) == ("outnumbered", 1)
    gone = RetentionPolicy("daily for 1 day").plan(days(9), NOW).remove[0].why
    assert gone.kind == "expired" and gone.since == datetime(2026, 3, 2, tzinfo=timezone.utc)
    far = RetentionPolicy("daily for 9000 years").plan([START], NOW).keep[0].reasons[1]
    assert far.until == "forever" and far.text.startswith("daily (first of")


def test_of_one_instant_the_smallest_id_counts_whatever_the_order() -> None:
    policy = RetentionPolicy("daily for 1 day")
    for names in ("abc", "cab", "bca"):
        plan = policy.plan([(name, START) for name in names], NOW)
        assert ids(plan.keep) == ["a"] and ids(plan.remove) == ["b", "c"]
    with pytest.raises(TypeError, match="not supported between"):
        policy.plan([(1j, START), (2j, START)], NOW)
    # Without such a tie, nothing is asked of them.
    assert ids(policy.plan([(1j, START), (2j, START + DAY)], NOW).keep) == [2j]


def test_microseconds_count() -> None:
    tick = timedelta(microseconds=1)
    plan = RetentionPolicy("last 1").plan([START + tick, START, START + 2 * tick], NOW)
    assert ids(plan.keep) == [2] and ids(plan.remove) == [1, 0]
    assert plan.keep[0].time == START + 2 * tick


def test_the_repeated_hour_is_two() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2026, 10, 25, 2, 30, tzinfo=berlin)
    plan = RetentionPolicy("2 hourly").plan([first, first.replace(fold=1)], NOW + 999 * DAY)
    assert len(plan.keep) == 2
    assert plan.keep[1].time - plan.keep[0].time == timedelta(hours=1)


def test_parts_of_a_plan_are_sequences() -> None:
    plan = POLICY.plan(days(60), NOW)
    assert isinstance(plan.remove, Sequence)
    assert len(plan.remove) == 51 and plan.remove[-1].id == 52
    assert ids(plan.remove[1:3]) == [2, 3] and ids(plan.remove[::-25]) == [52, 26, 1]
    assert plan.keep[0] in plan.keep and plan.keep.index(plan.keep[3]) == 3
    assert list(reversed(plan.keep))[-1] == plan.keep[0]
    for same in (tuple(plan.keep), list(plan.keep)):
        assert plan.keep == same and same == plan.keep
    for other in (plan.remove, 3, None):
        assert plan.keep != other
    with pytest.raises(IndexError):
        plan.keep[9]
    with pytest.raises(IndexError):
        plan.keep[-10]
    assert repr(plan.remove).startswith("<51 items: Removed(id=1,")
    assert repr(plan.keep).startswith("(Kept(id=0,")
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert copy.deepcopy(plan) == plan
    assert isinstance(plan.keep[0], Kept)


def test_plans_compare_by_what_they_say() -> None:
    assert POLICY.plan(days(9), NOW) == POLICY.plan(days(9), NOW)
    assert POLICY.plan(days(9), NOW) != POLICY.plan(days(8), NOW)
    assert POLICY.plan(days(9), NOW) != POLICY.plan(days(9), NOW + DAY)


def test_nothing_is_a_plan_too() -> None:
    nothings: list[object] = [[], (), array.array("q"), iter(())]
    for nothing in nothings:
        plan = untyped(POLICY.plan)(nothing, NOW)
        assert plan.keep == () and plan.remove == ()


def test_to_dict_is_what_the_command_line_prints() -> None:
    instants = [instant + timedelta(milliseconds=place) for place, instant in enumerate(days(60))]
    lines = "".join(f"{instant.isoformat()}\n" for instant in instants)
    line = "daily for 1 week, 3 weekly, monthly for 1 month min 1"
    done = subprocess.run(
        [sys.executable, "-m", "hardsnap", "retention", "preview", "--json"]
        + ["--keep", line, "--keep-zone", "Europe/Berlin", "--now", NOW.isoformat()],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = json.loads(done.stdout)
    del expected["message_type"], expected["schema_version"]
    policy = RetentionPolicy(line, zone="Europe/Berlin")
    assert policy.plan(instants, NOW).to_dict() == expected


def test_a_preview_looks_ahead() -> None:
    policy = RetentionPolicy()
    end = datetime(2028, 12, 31, 12, tzinfo=timezone.utc)
    first = datetime(2026, 1, 1, 2, tzinfo=timezone.utc)
    schedule = Schedule("1 day", first + DAY, end)
    plan = policy.preview(schedule, end, existing=[("first", first)])
    assert len(plan.keep) == 74
    assert plan.keep[0].id == "first" and plan.keep[1].id == plan.keep[1].time
    represented = {gone.why.represented_by for gone in plan.remove}
    assert "first" in represented
    assert "is represented by 2028-12-11T02:00:00Z" in str(plan.remove[-1].why)
    assert json.loads(json.dumps(plan.to_dict()))["keep"][1]["id"] == "2026-02-01T02:00:00Z"
    assert plan.remove_ids == ids(plan.remove) and plan.keep_ids[0] == "first"
    assert len(policy.preview(schedule, end).keep) == 74
    assert len(policy.preview(schedule, first + DAY).keep) == 1
    with pytest.raises(ValueError, match="more than 1000000 backups"):
        policy.preview(Schedule("1h", first, first + 365 * 200 * DAY), end)


def test_a_schedule_is_a_value() -> None:
    schedule = Schedule("1d", START, START + 2 * DAY)
    assert (schedule.every, schedule.start, schedule.end) == ("1 day", START, START + 2 * DAY)
    assert schedule.instants() == days(3)
    assert schedule == Schedule("1 day", START, START + 2 * DAY) != Schedule("1 day", START, NOW)
    assert hash(schedule) == hash(copy.copy(schedule))
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert repr(schedule).startswith("Schedule('1 day', datetime.datetime(2026, 3, 1,")
    spring = datetime(2026, 3, 28, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    instants = Schedule("1 day", spring, spring + 2 * DAY).instants(ZoneInfo("Europe/Berlin"))
    assert [instant.strftime("%H:%M") for instant in instants] == ["01:30", "01:00", "00:30"]


def test_a_policy_is_a_value() -> None:
    policy = RetentionPolicy("14 daily,all monthly", zone=ZoneInfo("Europe/Berlin"), anchor="now")
    assert str(policy) == "14 daily, all monthly"
    assert policy.rules == ("14 daily", "all monthly")
    assert (policy.zone, policy.anchor) == ("Europe/Berlin", "now")
    assert eval(repr(policy)) == policy
    assert policy != RetentionPolicy("14 daily, all monthly")
    assert hash(policy) == hash(pickle.loads(pickle.dumps(policy)))
    assert copy.deepcopy(policy) == policy
    assert policy.warnings == ()
    (warning,) = RetentionPolicy("daily for 1 month, weekly for 2 weeks").warnings
    assert "adds next to nothing" in warning
    assert str(RetentionPolicy()).startswith("all for 1 day, daily for 2 weeks min 14")
    with pytest.raises(AttributeError):
        setattr(policy, "zone", "UTC")


def test_what_a_policy_cannot_be_is_said_by_the_word() -> None:
    for line, word in (
        ("daily for 3m", "`3m`"),
        ("sometimes", "`sometimes`"),
        ("", "at least one rule"),
        ("0 daily", "keeps nothing"),
    ):
        with pytest.raises(hardsnap.InvalidOptionError) as caught:
            RetentionPolicy(line)
        assert word in str(caught.value) or "expected" in str(caught.value)
        assert isinstance(caught.value, ValueError)
    with pytest.raises(hardsnap.InvalidOptionError, match="unknown time zone"):
        RetentionPolicy(zone="Europe/Atlantis")
    with pytest.raises(hardsnap.InvalidOptionError):
        Schedule("now and then", START, NOW)
