"""Waiting for what another process or thread does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable

POLL = 0.005


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Ask until the answer is yes or the time is over; returns the last answer."""
    end = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < end:
        time.sleep(POLL)
    return answer
