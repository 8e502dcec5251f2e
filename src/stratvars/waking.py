"""Who waits until a state is durable, and how many of them are woken without getting into each other's way.

A thread that is woken waits for the interpreter's lock first. Hundreds that are woken at once each ask for it 200 times
a second, and are switched to and fro for that: it takes longer than their work. So the writer wakes one, and each wakes
the next as soon as it runs itself.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from msgspec import Struct, field

from stratvars.lane import Lane


class Watch(Struct, frozen=True, eq=False):
    """Somebody waits for a ticket of a lane; see ``Lane.offer``."""

    lane: Lane
    ticket: int

    @property
    def is_settled(self) -> bool:
        """Whether the ticket's state, or a newer one, is durable, or never will be."""
        return self.lane.done >= self.ticket or self.lane.holder is not None


class Call(Watch, frozen=True, eq=False):
    """``wake`` is called in the writer's thread as soon as the ticket is settled; it must not raise, and not wait."""

    wake: Callable[[], object]


def _taken() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class Alarm(Watch, frozen=True, eq=False):
    """A thread waits for a ticket. May be rung again, by anybody; a lock, for a signal may raise at any point."""

    _lock: threading.Lock = field(default_factory=_taken)

    def ring(self) -> None:
        """End the wait, or the one that is still to come."""
        try:  # noqa: SIM105  as quick as can be
            self._lock.release()
        except RuntimeError:  # it has rung
            pass

    @property
    def has_rung(self) -> bool:
        """Whether a wait would be over at once; before the wait is over."""
        return not self._lock.locked()

    def wait(self, timeout: float) -> None:
        """Wait until it rings, for so many seconds at most."""
        self._lock.acquire(timeout=timeout)


class Waiting:
    """All who wait for lanes of a writer. Under the writer's lock: ``add``, ``remove`` and ``take_settled``."""

    def __init__(self) -> None:
        self._by_lane: dict[Lane, list[Watch]] = {}
        self._sleepers: deque[Alarm] = deque()
        """Threads to be woken, each by the one before it."""
        self._first: Alarm | None = None

    def __contains__(self, lane: Lane) -> bool:
        """Whether somebody waits for it."""
        return lane in self._by_lane

    def __len__(self) -> int:
        return len(self._by_lane)

    @property
    def has_sleepers(self) -> bool:
        """Whether there are threads whose state is settled, and who are still to be woken."""
        return bool(self._sleepers)

    def add(self, watch: Watch) -> None:
        """Wake it when it is settled."""
        self._keep(watch.lane, [*self._by_lane.get(watch.lane, ()), watch])

    def remove(self, watch: Watch) -> None:
        """Wake it no more."""
        self._keep(watch.lane, [other for other in self._by_lane.get(watch.lane, []) if other is not watch])

    def take_settled(self, lanes: Sequence[Lane]) -> list[Watch]:
        """Those who need to wait for these lanes no longer; each is returned once, for ``wake``."""
        settled: list[Watch] = []
        for lane in lanes:
            watches = self._by_lane.get(lane, [])
            ripe = [watch for watch in watches if watch.is_settled]
            settled += ripe
            self._keep(lane, [watch for watch in watches if watch not in ripe])
        return settled

    def wake(self, settled: Sequence[Watch]) -> None:
        """Wake them: the threads one after the other, see the module."""
        self._sleepers.extend(watch for watch in settled if isinstance(watch, Alarm))
        self.wake_next()
        for watch in settled:
            if isinstance(watch, Call):
                watch.wake()

    def wake_next(self) -> None:
        """Wake the thread whose turn it is; called by each that is awake, in whatever way its wait has ended."""
        try:
            alarm = self._sleepers[0]
        except IndexError:
            return
        alarm.ring()  # before it is taken out: a signal may raise in between
        with suppress(ValueError):  # two threads may have rung the same one
            self._sleepers.remove(alarm)

    def wake_all_where_it_stands_still(self) -> None:
        """Whoever was to wake the next one was interrupted, or had left already: the same one is first as last time."""
        first = self._sleepers[0] if self._sleepers else None
        while self._sleepers and first is self._first:
            self.wake_next()
        self._first = first

    def _keep(self, lane: Lane, watches: list[Watch]) -> None:
        """In one step: a signal may raise in between, and who still waits must not be lost."""
        if watches:
            self._by_lane[lane] = watches
        else:
            self._by_lane.pop(lane, None)
