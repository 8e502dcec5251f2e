"""How large the histories are, how fast they grow, and for how long there is room. Pure.

A history grows until its retention holds it, so the room that it will need is not that of all days to come: the growth
of each strategy counts up to the day on which it meets a limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stratvars.retention import Retention, Size
from stratvars.schedule import age

DAY: Final = 86_400.0
YOUNG: Final = 600.0
"""Seconds: what was saved in a shorter time is not multiplied by more than what would make a day of this."""
_AT_LIMIT: Final = 0.95
"""A history that reaches its limit is cut to this share of it."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The history of one strategy.

    Attributes:
        strategy: its name.
        kept: all that is kept of it.
        lately: what of that is younger than a day.
        age: seconds since the oldest of it was saved.
    """

    strategy: str
    kept: Size
    lately: Size
    age: float

    @property
    def per_day(self) -> Size:
        """What a day adds, as the last one did, or all of the history where it is younger."""
        return self.lately * (DAY / min(DAY, max(YOUNG, self.age)))


@dataclass(frozen=True, slots=True)
class Histories:
    """All histories in a table.

    Attributes:
        each: of every strategy that has one.
        taken: bytes that they take on the disk, with indexes and all.
        is_sample: they were not counted but estimated.
        free: bytes that are left on the disk; None where nobody can tell.
    """

    each: tuple[Growth, ...]
    taken: int
    is_sample: bool
    free: int | None = None


def growth_from(row: tuple[str, int, int, int, int, float], times: float) -> Growth:
    """A row of ``growth`` in ``doctor.sql``, where one revision stands for so many."""
    name, revisions, text, lately, text_lately, old = row
    return Growth(name, Size(revisions, text) * times, Size(lately, text_lately) * times, old)


def days_to_limit(growth: Growth, retention: Retention) -> tuple[float, str]:
    """In how many days a history meets the first limit of its retention, and which; 0: it has, infinite: never."""
    kept, daily, most = growth.kept, growth.per_day, retention.most
    found = [
        (_days(kept.revisions, daily.revisions, most.revisions), f"{most.revisions:,.0f} revisions"),
        (_days(kept.bytes, daily.bytes, most.bytes), size(most.bytes)),
        (max(0.0, retention.everything - growth.age) / DAY, age(min(retention.everything, 1e15))),
    ]
    return min(found, key=lambda one: one[0])


def _days(kept: float, daily: float, most: float) -> float:
    if kept >= most * _AT_LIMIT:
        return 0.0
    return (most - kept) / daily if daily > 0 else math.inf


def days_of_room(free: float, growing: Iterable[tuple[float, float]]) -> float:
    """In how many days so many bytes are used up by what grows by so much a day, each for so many days."""
    since, left = 0.0, free
    steps = sorted((limit, daily) for daily, limit in growing if daily > 0)
    rate = sum(daily for _, daily in steps)
    for limit, daily in steps:
        if rate * (limit - since) > left:
            break
        left -= rate * (limit - since)
        since, rate = limit, rate - daily
    else:
        return math.inf
    return since + left / rate


def size(count: float) -> str:
    """So many bytes, for a message: ``112 bytes``, ``12 kB``, ``3.4 MB``, ``120 GB``."""
    for unit, one in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= one:
            digits = 0 if unit == "kB" or count >= 100 * one else 1
            return f"{count / one:,.{digits}f} {unit}"
    return f"{count:.0f} bytes"
