"""What the retention calculator takes and gives, as plain data."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Generic, Literal, TypeVar, cast, overload

from hardsnap._hardsnap import RetentionPolicy
from hardsnap._reports import Status

Id = TypeVar("Id")
Item = TypeVar("Item")
Every = Literal["snapshot", "hour", "day", "week", "month", "year"]


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[Id]):
    """Describes one snapshot to the calculator.

    Attributes:
        id: What the caller knows it by. Ids have to be unique; their order
            decides between snapshots of the same instant.
        time: When it was made: an aware datetime, or seconds since 1970.
        status: What it counts for: "complete"; "partial", which represents a
            period only where no complete one does; or "suspect", which no rule
            counts.
        held: Whether someone holds it: then it is kept, whatever the rules say.
    """

    id: Id
    time: datetime | int
    status: Status = "complete"
    held: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One reason to keep a snapshot. As text, what a person reads.

    Attributes:
        kind: "rule" if a rule keeps it; else what does: it is the "newest",
            "held", dated in the "future", "suspect" while none is newer, or the
            "basis" of the next one.
        text: The reason as a person reads it.
        rule: The rule, such as "daily for 2 weeks"; this and what follows only
            with kind "rule".
        every: The rule's kind of period.
        bucket: The period that the snapshot represents, such as "2026-W10".
        rank: The period's place among those that have a live snapshot, 0 for
            the newest.
        until: Until when the rule keeps it, in the policy's zone; "forever",
            also beyond the year 9999; None where a count decides.
    """

    kind: Literal["newest", "future", "held", "suspect", "basis", "rule"]
    text: str
    rule: str | None = None
    every: Every | None = None
    bucket: str | None = None
    rank: int | None = None
    until: datetime | Literal["forever"] | None = None

    def __str__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, Any]:
        """The fields of an object in `reasons` of `hardsnap retention preview`."""
        if self.kind != "rule":
            return {"kind": self.kind}
        until = _text(self.until) if isinstance(self.until, datetime) else self.until
        return {
            "kind": self.kind,
            "rule": self.rule,
            "every": self.every,
            "bucket": self.bucket,
            "rank": self.rank,
            "until": until,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Why(Generic[Id]):
    """The cause for which a snapshot is removed. As text, what a person reads.

    Attributes:
        kind: "represented" if another one of the same period is kept, "expired"
            if the period is older than any rule reaches back, "outnumbered" if
            there are enough newer periods, "superseded" if it is suspect and a
            live one is newer.
        text: The cause as a person reads it.
        bucket: The period, such as "2026-03-03"; None with "superseded".
        represented_by: The id of the one that is kept, with "represented".
        since: When it expired, in the policy's zone, with "expired".
        count: How many of the newest periods are kept, with "outnumbered".
        newer: The id of the newest live one, with "superseded".
    """

    kind: Literal["represented", "expired", "outnumbered", "superseded"]
    text: str
    bucket: str | None = None
    represented_by: Id | None = None
    since: datetime | None = None
    count: int | None = None
    newer: Id | None = None

    def __str__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, Any]:
        """The object `why` of `hardsnap retention preview`."""
        match self.kind:
            case "represented":
                own: dict[str, Any] = {"represented_by": _plain(self.represented_by)}
            case "expired":
                own = {"since": _plain(self.since)}
            case "outnumbered":
                own = {"count": self.count}
            case "superseded":
                return {"kind": self.kind, "newer": _plain(self.newer)}
        return {"kind": self.kind, "bucket": self.bucket, **own}


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept(Generic[Id]):
    """A snapshot that stays.

    Attributes:
        id: What the caller knows it by.
        time: When it was made, in UTC.
        reasons: Why it stays; never empty.
    """

    id: Id
    time: datetime
    reasons: tuple[Reason, ...]

    def explain(self) -> str:
        """All reasons in one line."""
        return "; ".join(map(str, self.reasons))

    def to_dict(self) -> dict[str, Any]:
        """The fields of an object in `keep` of `hardsnap retention preview`."""
        reasons = [reason.to_dict() for reason in self.reasons]
        return {"id": _plain(self.id), "time": _text(self.time), "reasons": reasons}


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed(Generic[Id]):
    """A snapshot that goes.

    Attributes:
        id: What the caller knows it by.
        time: When it was made, in UTC.
        why: Why it goes.
    """

    id: Id
    time: datetime
    why: Why[Id]

    def to_dict(self) -> dict[str, Any]:
        """The fields of an object in `remove` of `hardsnap retention preview`."""
        return {"id": _plain(self.id), "time": _text(self.time), "why": self.why.to_dict()}


class Lazy(Sequence[Item]):
    """A sequence whose items are made when they are looked at."""

    __slots__ = ("_get", "_length", "ids")

    def __init__(
        self, length: int, get: Callable[[int], Item], ids: Callable[[], list[Any]]
    ) -> None:
        self._length = length
        self._get = get
        self.ids = ids

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        # A range knows what indices and slices mean.
        places = range(self._length)[index]
        if isinstance(places, range):
            return tuple(map(self._get, places))
        return self._get(places)

    def __iter__(self) -> Iterator[Item]:
        return map(self._get, range(self._length))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Lazy, tuple, list)):
            return NotImplemented
        its = cast("Sequence[object]", other)
        return len(self) == len(its) and all(map(operator.eq, self, its))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if len(self) <= 10:
            return repr(tuple(self))
        shown = ", ".join(map(repr, self[:5]))
        return f"<{len(self)} items: {shown}, ...>"

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class RetentionPlan(Generic[Id]):
    """What a policy keeps and what it removes, each oldest first.

    Attributes:
        keep: What stays, with every reason for it.
        remove: What goes, with its cause.
        policy: The policy that decided.
        now: The instant that the plan is for, in UTC.
    """

    keep: Sequence[Kept[Id]]
    remove: Sequence[Removed[Id]]
    policy: RetentionPolicy
    now: datetime

    @property
    def keep_ids(self) -> list[Id]:
        """The ids of what stays, oldest first: quicker than one by one."""
        return _ids(self.keep)

    @property
    def remove_ids(self) -> list[Id]:
        """The ids of what goes, oldest first: quicker than one by one."""
        return _ids(self.remove)

    def __repr__(self) -> str:
        return f"<RetentionPlan keeps {len(self.keep)}, removes {len(self.remove)}>"

    def to_dict(self) -> dict[str, Any]:
        """The fields of the JSON summary of `hardsnap retention preview`."""
        return {
            "keep": [kept.to_dict() for kept in self.keep],
            "remove": [removed.to_dict() for removed in self.remove],
        }


def _ids(decided: Sequence[Kept[Id]] | Sequence[Removed[Id]]) -> list[Id]:
    if isinstance(decided, Lazy):
        ids: list[Id] = decided.ids()
        return ids
    return [one.id for one in decided]


def _plain(value: object) -> object:
    """An id or an instant as JSON has it."""
    return _text(value) if isinstance(value, datetime) else value


def _text(time: datetime) -> str:
    """An instant as RFC 3339, with as many digits as it needs: 0, 3 or 6."""
    time = time.astimezone(timezone.utc)
    if time.microsecond == 0:
        precision = "seconds"
    elif time.microsecond % 1000 == 0:
        precision = "milliseconds"
    else:
        precision = "microseconds"
    return time.isoformat(timespec=precision).replace("+00:00", "Z")
