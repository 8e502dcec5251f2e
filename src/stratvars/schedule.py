"""When the next iteration is due. Pure: no clock is read and nothing is waited for.

Iterations stand on a grid that starts with the first one: ``first + k * interval``. Each due time is computed
from the first, so that no drift adds up, and an iteration that took too long skips the points it missed.
"""

from __future__ import annotations

import math
import re
from typing import Final

from stratvars.errors import UsageError

_UNITS: Final = {"S": 1.0, "M": 60.0, "H": 3_600.0, "D": 86_400.0}
_SLEEPTIME: Final = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*([SMHD]?)\s*", re.ASCII | re.IGNORECASE)


def parse(sleeptime: str | float) -> float:
    """The seconds between two iterations.

    ``"10S"``, ``"5M"``, ``"2H"`` and ``"1D"`` are seconds, minutes, hours and days; decimals and blanks are
    allowed, and case does not matter. A bare number is minutes. 0 means: again at once.

    Raises:
        UsageError: it is none of these, or it is negative or not finite.
    """
    seconds = _parse_text(sleeptime) if isinstance(sleeptime, str) else _minutes(sleeptime)
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        raise UsageError(
            f"sleeptime cannot be {sleeptime!r}; write '10S', '5M', '2H' or '1D' for seconds, minutes, "
            "hours or days, a number for minutes, or 0 to go on at once"
        )
    return seconds


def _parse_text(text: str) -> float | None:
    match = _SLEEPTIME.fullmatch(text)
    if match is None:
        return None
    number, unit = match.groups()
    return float(number) * _UNITS[unit.upper() or "M"]


def _minutes(number: object) -> float | None:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    try:
        return float(number) * _UNITS["M"]
    except OverflowError:
        return None


def next_tick(first: float, interval: float, now: float) -> float:
    """The earliest ``first + k * interval``, with a whole k of at least 1, that lies after ``now``.

    An interval of 0 gives ``now``; one too short for the clock to tell gives the next moment it can tell.
    """
    if interval <= 0:
        return now
    if interval < math.ulp(max(abs(first), abs(now))):
        return math.nextafter(now, math.inf)
    k = max(1, math.floor((now - first) / interval) + 1)
    # The division rounds, so k may be off by one: never answer a moment that is past, nor skip one.
    while first + k * interval <= now:
        k += 1
    while k > 1 and first + (k - 1) * interval > now:
        k -= 1
    return first + k * interval


def describe(seconds: float) -> str:
    """An interval for a message: ``every 10 s``, ``every 5 min``, ``every 2 days``, ``at once``."""
    if seconds <= 0:
        return "at once"
    for unit, size in (("day", _UNITS["D"]), ("h", _UNITS["H"]), ("min", _UNITS["M"])):
        if seconds % size == 0:
            return f"every {_count(int(seconds // size), unit)}"
    return f"every {seconds:.10g} s"


def age(seconds: float) -> str:
    """How long ago, for a message: ``3 s``, ``4 min``, ``2 h``, ``5 days``; rounded down, never negative."""
    whole = int(max(0.0, seconds))
    for unit, size in (("day", 86_400), ("h", 3_600), ("min", 60)):
        if whole >= size:
            return _count(whole // size, unit)
    return _count(whole, "s")


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}s" if unit == "day" and number != 1 else f"{number} {unit}"
