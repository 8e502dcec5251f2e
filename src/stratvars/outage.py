"""The database's trouble as a lane sees it: when to try again, and the two lines in the log, one at each end."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from stratvars.errors import UnavailableError
from stratvars.lane import Lane

_log = logging.getLogger("stratvars")

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 1.0
"""Seconds between two tries of a lane in trouble, doubling from the first to the longest."""
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Ended:
    """A strategy whose trouble is over: what is durable now, and since when nothing was, by the monotonic clock."""

    strategy: str
    revision: int
    since: float


def begin(lane: Lane, grace: float = 0.0) -> bool:
    """A save of the lane failed: put the next try off. True when that is news. Under the writer's lock.

    Args:
        lane: whose.
        grace: seconds for which it may fail before that is trouble.
    """
    now = time.monotonic()
    is_first = lane.failing_since is None
    lane.pause = _FIRST_PAUSE if is_first else min(lane.pause * 2, _LONGEST_PAUSE)
    lane.retry_at = now + lane.pause
    lane.failing_since = now if lane.failing_since is None else lane.failing_since
    if lane.trouble_since is not None or now - lane.failing_since < grace:
        return False
    lane.trouble_since = lane.failing_since
    return True


def end(lane: Lane) -> float | None:
    """A save of the lane succeeded; since when it was in trouble, None when it was not. Under the writer's lock."""
    since, lane.trouble_since, lane.failing_since = lane.trouble_since, None, None
    lane.retry_at = 0.0
    return since


def report_begin(lanes: Sequence[Lane], error: Exception) -> None:
    """Log what hinders the lanes, in one line."""
    if len(lanes) == 1:
        _log.warning(
            "%r cannot be saved: %s. The last durable revision is %d; the newest state is kept and tried again.%s",
            lanes[0].claim.strategy,
            describe(error),
            lanes[0].acknowledged,
            _until(lanes),
        )
    elif lanes:
        _log.warning(
            "%s cannot be saved: %s. Their newest states are kept and tried again.%s",
            _named([lane.claim.strategy for lane in lanes]),
            describe(error),
            _until(lanes),
        )


def report_end(ended: Sequence[Ended]) -> None:
    """Log that the trouble is over, in one line."""
    if len(ended) == 1:
        _log.warning(
            "%r is saved again, with revision %d, after %.1f s of trouble.",
            ended[0].strategy,
            ended[0].revision,
            time.monotonic() - ended[0].since,
        )
    elif ended:
        _log.warning(
            "%s are saved again, after %.1f s of trouble.",
            _named([end.strategy for end in ended]),
            time.monotonic() - min(end.since for end in ended),
        )


def describe(error: Exception) -> str:
    """What to log of an error: the sentence of one of ours, else only its type, for a driver's text may hold values."""
    return str(error) if isinstance(error, UnavailableError) else type(error).__name__


def _until(lanes: Sequence[Lane]) -> str:
    """From when on the leases no longer keep another copy out, by the clock on the wall."""
    left = min(lane.lease.left for lane in lanes)
    if not math.isfinite(left):
        return ""
    at = time.strftime("%H:%M:%S", time.localtime(time.time() + left))
    return f" If that lasts, another copy may start from {at} on."


def _named(strategies: Sequence[str]) -> str:
    more = f" and {len(strategies) - _NAMED} more" if len(strategies) > _NAMED else ""
    return ", ".join(map(repr, strategies[:_NAMED])) + more
