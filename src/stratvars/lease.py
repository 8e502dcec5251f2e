"""The lease of a start as it counts it itself: from before a renewal was sent, so never longer than the database does.

By a clock that runs while the machine sleeps, where there is one (CLOCK_BOOTTIME in clock_gettime(2)).
"""

from __future__ import annotations

import sys
import time
from enum import StrEnum

_RENEWALS = 4
"""In a lease; so a start that was taken over learns it within a third of one, with time for the answer."""
_AGAIN = 1.0
"""Seconds after which a row that somebody had locked is tried again."""


class OnOutage(StrEnum):
    """What a strategy does while its database cannot be used."""

    TRADE = "trade"
    """It goes on; from the end of its lease another copy may run as well."""
    PAUSE = "pause"
    """It starts no iteration after the end of its lease."""


def now() -> float:
    """Seconds by the clock of all leases."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


class Lease:
    """When it ends, and when to renew it. Not thread-safe; the writer's lock guards what changes it.

    Args:
        length: seconds; infinite where no other process can be.
        since: when it was asked for, by ``now``.
    """

    def __init__(self, length: float, since: float) -> None:
        self.length = length
        self._since = since
        self._not_before = 0.0

    def renew(self, since: float) -> None:
        """The database has it begin anew, by a request that was sent at ``since``."""
        self._since = max(self._since, since)

    def put_off(self) -> None:
        """It could not be renewed just now."""
        self._not_before = now() + _AGAIN

    @property
    def left(self) -> float:
        """Seconds until it ends; negative when it has ended."""
        return self._since + self.length - now()

    @property
    def due_in(self) -> float:
        """Seconds until it is to be renewed; 0 when it is due."""
        return max(self.due_at - now(), 0.0)

    @property
    def due_at(self) -> float:
        """When it is to be renewed, by ``now``."""
        return max(self._since + self.length / _RENEWALS, self._not_before)
