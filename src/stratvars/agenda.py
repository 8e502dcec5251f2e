"""What a writer has to do next: which lanes have something to send, and whose lease is to be renewed.

A turn of the writer looks at the lanes that have work, and at all of them only when a lease may be due: a thousand
that sleep cost the ones that save nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from itertools import islice

from stratvars import lease
from stratvars.lane import Lane


class Agenda:
    """Not thread-safe; the writer's lock guards it."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, None] = {}
        self._working: dict[Lane, None] = {}
        self._renew_at = math.inf
        """By the clock of leases: no lane that has nothing to send is due before."""

    def __len__(self) -> int:
        return len(self._lanes)

    def add(self, lane: Lane) -> None:
        """Serve a lane."""
        self._lanes[lane] = None
        self.note([lane])

    def remove(self, lane: Lane) -> None:
        """Serve it no more."""
        del self._lanes[lane]
        self._working.pop(lane, None)

    def note(self, lanes: Sequence[Lane]) -> None:
        """They have got something to send, or have sent it; some may not be served any more."""
        for lane in lanes:
            if lane not in self._lanes:
                continue
            if not lane.has_work:
                self._working.pop(lane, None)
                self._renew_at = min(self._renew_at, lane.lease.due_at)
            if lane.has_work:  # looked at again: a signal handler may have left something just now
                self._working[lane] = None

    def put_back(self, lanes: Sequence[Lane]) -> None:
        """``note`` of those that were sent: who has more to send is behind all who have not been sent yet."""
        for lane in lanes:
            self._working.pop(lane, None)
        self.note(lanes)

    def works_only(self, lane: Lane) -> bool:
        """Whether no other lane has something to send."""
        return len(self._working) - (lane in self._working) == 0

    @property
    def working(self) -> int:
        """How many have something to send."""
        return len(self._working)

    def ready(self, at_most: int | None = None) -> list[Lane]:
        """Those that have something to send, and may try it now; so many, who have waited longest."""
        return list(islice(self._ready(time.monotonic()), at_most))

    def _ready(self, now: float) -> Iterator[Lane]:
        return (lane for lane in self._working if lane.holder is None and lane.retry_at <= now)

    def due(self) -> list[Lane]:
        """Those that have nothing to send, and whose lease is to be renewed now."""
        if lease.now() < self._renew_at:
            return []
        now = time.monotonic()
        return [lane for lane in self._idle() if lane.retry_at <= now and lane.lease.due_in == 0]

    def delay(self) -> float:
        """Seconds until something is to be done; infinite where nothing is."""
        now, there = time.monotonic(), lease.now()
        if there >= self._renew_at:
            delays = [max(lane.retry_at - now, lane.lease.due_in) for lane in self._idle()]
            self._renew_at = there + min(delays, default=math.inf)
        if next(self._ready(now), None) is not None:
            return 0.0
        tries = [lane.retry_at - now for lane in self._working if lane.holder is None]
        return max(min([self._renew_at - there, *tries]), 0.0)

    def _idle(self) -> list[Lane]:
        return [lane for lane in self._lanes if lane.holder is None and not lane.has_work]
