"""The turns of a loop that its owner writes: ``for _ in backup.every("10S")``, or ``async for``.

A turn is backed up when it ends, and the next begins on time, without drift; a missed one is left out. The loop ends
after the turn in which SIGINT or SIGTERM arrives, and wakes for them.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Protocol

from stratvars import schedule
from stratvars.grace import limited_by
from stratvars.signals import on_stop

LOOK = 0.05
"""Seconds between two looks whether a turn may begin."""


class Kept(Protocol):
    """What a loop needs of its backup."""

    def turn(self, is_inside: bool) -> None:
        """A turn begins, or has ended."""

    def save_as_it_stands(self) -> None:
        """A turn outlasts the time that a stop gives."""

    def may_begin(self) -> bool:
        """Whether a turn may begin now; raises when another process took over."""

    def apply_edits(self) -> object:
        """Give the variables what somebody asked for."""

    def when_edited(self, wake: Callable[[], object]) -> None:
        """Somebody asked for an edit: interrupt the wait for the next turn."""

    def when_fenced(self, wake: Callable[[], object]) -> None:
        """Another process took over: end the wait for the next turn."""


class Turns:
    """An iterable and an asynchronous iterable; each loop over it starts a schedule of its own.

    Args:
        backup: told of each turn.
        interval: seconds from the start of one turn to the start of the next.
        keep: backs a turn up.
        akeep: the same for an event loop.
    """

    def __init__(
        self, backup: Kept, interval: float, keep: Callable[[], None], akeep: Callable[[], Awaitable[None]]
    ) -> None:
        self._backup = backup
        self._interval = interval
        self._keep = keep
        self._akeep = akeep

    def __iter__(self) -> Iterator[None]:
        with on_stop() as stop, limited_by(stop, self._backup.save_as_it_stands):
            first = time.monotonic()
            self._backup.when_fenced(stop.request)
            rest = stop.follower()  # for this loop alone: others wait for the stop too, and could take its nudge
            self._backup.when_edited(rest.nudge)
            while not stop.requested:
                self._backup.apply_edits()
                if not self._backup.may_begin():
                    rest.wait(LOOK)
                    continue
                self._backup.turn(is_inside=True)
                yield
                self._backup.turn(is_inside=False)
                self._keep()
                end = self._next(first)
                while (left := end - time.monotonic()) > 0 and not rest.wait(left):
                    self._backup.apply_edits()
            self._backup.may_begin()  # raises when that is why it ended

    async def __aiter__(self) -> AsyncIterator[None]:
        from stratvars.aio import Bell  # asyncio is not for everybody, and slow to import

        bell = Bell()
        with on_stop(bell.ring) as stop, limited_by(stop, self._backup.save_as_it_stands):
            first = time.monotonic()
            self._backup.when_fenced(stop.request)
            self._backup.when_edited(bell.ring)
            while not stop.requested:
                self._backup.apply_edits()
                if not self._backup.may_begin():
                    await bell.wait(LOOK)
                    continue
                self._backup.turn(is_inside=True)
                yield
                self._backup.turn(is_inside=False)
                await self._akeep()
                end = self._next(first)
                while (left := end - time.monotonic()) > 0 and not stop.requested:
                    await bell.wait(left)
                    bell.reset()
                    self._backup.apply_edits()
            self._backup.may_begin()  # raises when that is why it ended

    def _next(self, first: float) -> float:
        return schedule.next_tick(first, self._interval, time.monotonic())
