"""Thins the histories of the strategies that a writer serves, one small step at a time, while it has nothing to save.

A strategy's history is gone through once after its start, which also tells how much there is, and again when enough was
saved since then for it to be too much; once an hour its old end alone, where revisions come of age. Of too much so much
goes that there is room for a while. A strategy that no longer runs is thinned by nobody but ``stratvars prune``.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final

from stratvars.errors import RefusedError, UnavailableError
from stratvars.lane import Lane
from stratvars.outage import describe
from stratvars.retention import NOTHING, Retention, Size
from stratvars.store.base import Store
from stratvars.thinning import ROW, Plan, Step

_log = logging.getLogger("stratvars")

FIRST: Final = 10.0
"""Seconds after a start for which nothing is thinned: a start has other things to do."""
_OFTEN: Final = 3_600.0
_PASSES: Final = 24
"""An old end is gone through so often, in seconds, and the whole after so many times at the latest."""
_AFTER_REFUSAL: Final = 86_400.0
_AFTER_TROUBLE: Final = 60.0
_LEAST_PAUSE: Final = 0.2
_SHARE: Final = 20
"""A pause is so many times as long as the step before it: thinning takes a twentieth of the time at most."""
_FULL: Final = 0.99
_ROOM: Final = 0.95
"""The share of what is allowed that counts as too much, and that is left then."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is to be done for so many seconds, or until a revision is acknowledged."""

    seconds: float
    until: float


Course = Generator[Step | Rest, Plan | None, None]


def course(retention: Retention, acknowledged: Callable[[], int]) -> Course:
    """The steps through one history and the rests between them, for ever; to be sent what became of each step."""
    while True:
        total, seen = NOTHING, acknowledged()
        step: Step | None = Step(retention)
        while step is not None:
            plan = yield step
            total, step = total + _kept(plan), _following(step, plan)
        if (total - retention.most * _FULL).is_positive:
            step = Step(retention, over=total - retention.most * _ROOM)
            while step is not None and step.over.is_positive:
                plan = yield step
                total, step = total - _removed(plan), _following(step, plan)
        whole_from = seen + _room(total, retention.most * _FULL)
        for _ in range(_PASSES):
            yield Rest(_OFTEN, whole_from)
            if acknowledged() >= whole_from:
                break
            step = Step(retention)
            while step is not None:
                plan = yield step
                step = None if plan is None or plan.is_young else _following(step, plan)


def _kept(plan: Plan | None) -> Size:
    return NOTHING if plan is None else plan.kept


def _removed(plan: Plan | None) -> Size:
    return NOTHING if plan is None else plan.removed


def _following(step: Step, plan: Plan | None) -> Step | None:
    return None if plan is None or plan.after is None else Step(step.retention, plan.after, plan.left)


def _room(total: Size, most: Size) -> float:
    """How many revisions like those that are there may be added."""
    average = total.bytes / total.revisions if total.revisions else ROW
    return max(1.0, min(most.revisions - total.revisions, (most.bytes - total.bytes) / average))


@dataclass(slots=True)
class _Walk:
    course: Course
    wanted: Step | Rest
    due_at: float

    def is_due(self, lane: Lane, now: float) -> bool:
        is_early = isinstance(self.wanted, Rest) and lane.acknowledged >= self.wanted.until
        return lane.trouble_since is None and (is_early or self.due_at <= now)


class Pruner:
    """See the module. ``turn`` is called by one thread at a time.

    Args:
        store: with the histories.
        clock: the monotonic one.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._walks: dict[Lane, _Walk] = {}
        self._refused: set[str] = set()

    def add(self, lane: Lane, retention: Retention) -> None:
        """Thin the history of the lane's strategy from now on."""
        if not retention.keeps_all:
            steps = course(retention, lambda: lane.acknowledged)
            self._walks[lane] = _Walk(steps, next(steps), self._clock() + FIRST)

    def forget(self, lane: Lane) -> None:
        """Thin it no more."""
        self._walks.pop(lane, None)

    def turn(self) -> float:
        """Make one step of those that are due; the seconds until the next may be, infinite where there is none."""
        living = {lane: walk for lane, walk in [*self._walks.items()] if lane.holder is None}
        now = self._clock()
        due = [lane for lane, walk in living.items() if walk.is_due(lane, now)]
        if due:
            lane = min(due, key=lambda lane: living[lane].due_at)
            self._go_on(lane, living[lane], now)
        delays = [walk.due_at - self._clock() for lane, walk in living.items() if lane.trouble_since is None]
        return max(min(delays, default=math.inf), 0.0)

    def _go_on(self, lane: Lane, walk: _Walk, now: float) -> None:
        try:
            done = self._make(lane, walk.wanted)
        except Exception as error:  # noqa: BLE001  whatever it is, the thread that saves must live
            is_passing = isinstance(error, UnavailableError) and not isinstance(error, RefusedError)
            walk.due_at = now + (_AFTER_TROUBLE if is_passing else _AFTER_REFUSAL)
            if not is_passing:
                self._report(lane, error)
            return
        walk.wanted = walk.course.send(done)
        if isinstance(walk.wanted, Rest):
            walk.due_at = now + walk.wanted.seconds
        else:
            walk.due_at = now + max(_LEAST_PAUSE, _SHARE * (self._clock() - now))

    def _make(self, lane: Lane, wanted: Step | Rest) -> Plan | None:
        return None if isinstance(wanted, Rest) else self._store.thin(lane.claim.table, lane.claim.strategy, wanted)

    def _report(self, lane: Lane, error: Exception) -> None:
        """Once for each table: what hinders one strategy there hinders all."""
        if lane.claim.table in self._refused:
            return
        self._refused.add(lane.claim.table)
        _log.warning(
            "The history in %r is not thinned, and grows; saves are not hindered. %s", lane.claim.table, describe(error)
        )
