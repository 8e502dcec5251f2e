"""What the doctor says of the histories: how large they are, how fast they grow, and for how long there is room."""

from __future__ import annotations

import math
from typing import Final

from stratvars.retention import NOTHING, Retention, Size
from stratvars.schedule import age
from stratvars.store.fact import Fact, ok, warn
from stratvars.store.growth import DAY, Growth, Histories, days_of_room, days_to_limit, size

ENOUGH: Final = 30.0
"""Days for which room has to last: a month is time to see the warning, and to do something about it."""
_NAMED: Final = 3
_BEYOND: Final = 1.2
"""One that runs never grows so far beyond its limit."""


def about_growth(histories: Histories, retention: Retention) -> list[Fact]:
    """The facts on what all histories take and will take, and on the largest ones.

    Args:
        histories: what was found.
        retention: as it is set where the doctor is; a strategy may say something else.
    """
    if not histories.each:
        return [ok("growth", "no history yet")]
    named = sorted(histories.each, key=lambda one: (one.per_day.bytes, one.kept.bytes), reverse=True)[:_NAMED]
    lines = [ok("growth", _line(growth, retention, is_sample=histories.is_sample)) for growth in named]
    return [_about_room(histories, retention), *lines]


def _about_room(histories: Histories, retention: Retention) -> Fact:
    text = _total(histories)
    if histories.free is None:
        return ok("growth", f"{text}. How much room is left on the server's disk is not told to its clients")
    growing = [(growth.per_day.bytes, days_to_limit(growth, retention)[0]) for growth in histories.each]
    days = days_of_room(histories.free, growing)
    if days == math.inf:
        more = sum(daily * limit for daily, limit in growing if daily > 0)
        return ok("growth", f"{text}. Until their retention holds them they take {size(more)} more; there is room")
    text = f"{text}. So the disk is full in {age(days * DAY)}"
    if days >= ENOUGH:
        return ok("growth", text)
    return warn(
        "growth", text, "make room on that disk, or keep less of the past: STRATVARS_RETENTION, stratvars prune"
    )


def _total(histories: Histories) -> str:
    kept, daily = NOTHING, NOTHING
    for growth in histories.each:
        kept, daily = kept + growth.kept, daily + growth.per_day
    many = "1 strategy" if len(histories.each) == 1 else f"{len(histories.each):,} strategies"
    revisions = _revisions(kept, is_sample=histories.is_sample)
    return (
        f"{revisions} of {many} take {size(histories.taken)} on the disk; at this rate a day adds {size(daily.bytes)}"
    )


def _line(growth: Growth, retention: Retention, *, is_sample: bool) -> str:
    kept, daily = growth.kept, growth.per_day
    text = f"{growth.strategy}: {_revisions(kept, is_sample=is_sample)}, {size(kept.bytes)}"
    text += f", the oldest {age(growth.age)} old"
    days, limit = days_to_limit(growth, retention)
    if kept.revisions > retention.most.revisions * _BEYOND or kept.bytes > retention.most.bytes * _BEYOND:
        return f"{text}, beyond its limit of {limit}; stratvars prune cuts it where its strategy does not run"
    if days == 0:
        return f"{text}, held by its limit of {limit}"
    if daily.bytes == 0:
        return f"{text}, nothing in the last day"
    when = "" if days == math.inf else f"; its limit of {limit} is reached in {age(days * DAY)}"
    return f"{text}, {size(daily.bytes)} a day{when}"


def _revisions(kept: Size, *, is_sample: bool) -> str:
    # Of what was estimated, three digits mean something.
    count = f"about {float(f'{kept.revisions:.3g}'):,.0f}" if is_sample else f"{kept.revisions:,.0f}"
    return f"{count} revision{'' if kept.revisions == 1 else 's'}"
