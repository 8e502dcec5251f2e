"""How long revisions are kept, and how a user says so.

Everything is kept for a while, then the last revision of each hour, then of each day; and of all of them the newest
ones only, up to a number and a size. ``thinning.py`` tells what goes, and what stays whatever is said here.

A setting is a list of parts, ``everything=30d revisions=all``, with blanks or commas between them; what is not named in
it keeps its default. ``30d`` alone is ``everything=30d``, and ``all`` alone keeps every revision for ever.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from stratvars.errors import UsageError

_DAY: Final = 86_400
_ALL: Final = "all"
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": _DAY, "w": 7 * _DAY}
_BYTES: Final = {"kb": 10**3, "mb": 10**6, "gb": 10**9}
_NUMBER: Final = re.compile(r"(\d[\d_]*(?:\.\d+)?)([a-z]*)", re.ASCII)
_TIMES: Final = ("everything", "hourly", "daily")
_FORM: Final = (
    '"all", a time such as "30d" (s, m, h, d or w) for which every revision is kept, or parts such as '
    '"everything=7d hourly=90d daily=all revisions=100000 size=256MB", each with a value or all'
)


@dataclass(frozen=True, slots=True)
class Size:
    """So many revisions, which take so many bytes. Infinite is no bound."""

    revisions: float = 0
    bytes: float = 0

    def __add__(self, other: Size) -> Size:
        return Size(self.revisions + other.revisions, self.bytes + other.bytes)

    def __sub__(self, other: Size) -> Size:
        return Size(self.revisions - other.revisions, self.bytes - other.bytes)

    def __mul__(self, share: float) -> Size:
        return Size(self.revisions * share, self.bytes * share)

    @property
    def is_positive(self) -> bool:
        """Whether there is anything of it."""
        return self.revisions > 0 or self.bytes > 0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long revisions are kept.

    Attributes:
        everything: seconds for which every revision is kept.
        hourly: seconds after that for which the last one of each hour is kept.
        daily: seconds after that for which the last one of each day is kept.
        most: of all of them, the newest so many, which take so much.
    """

    everything: float = 7 * _DAY
    hourly: float = 90 * _DAY
    daily: float = math.inf
    most: Size = Size(100_000, 256_000_000)

    @property
    def keeps_all(self) -> bool:
        """Whether nothing ever goes."""
        return self == ALL


NOTHING: Final = Size()
ALL: Final = Retention(math.inf, 0, 0, Size(math.inf, math.inf))


def parse(text: str, origin: str) -> Retention:
    """What a setting says, given at ``origin``.

    Raises:
        UsageError: it says nothing that can be understood.
    """
    words = str(text).replace(",", " ").lower().split()
    if words == [_ALL]:
        return ALL
    if len(words) == 1 and "=" not in words[0]:
        words = [f"everything={words[0]}"]
    said: dict[str, float] = {}
    for word in words:
        name, _, value = word.partition("=")
        number = _number(name, value)
        if number is None or name in said:
            raise UsageError(f"{origin} is {text!r}, of which {word!r} is not understood; give {_FORM}")
        said[name] = number
    if not said:
        raise UsageError(f"{origin} is empty; give {_FORM}")
    default = Retention()
    most = Size(said.pop("revisions", default.most.revisions), said.pop("size", default.most.bytes))
    return Retention(**{name: getattr(default, name) for name in _TIMES} | said, most=most)


def _number(name: str, value: str) -> float | None:
    """The value of a part; None where it has none."""
    units = _UNITS if name in _TIMES else {"size": _BYTES, "revisions": {"": 1}}.get(name)
    if units is None:
        return None
    if value == _ALL:
        return math.inf
    found = _NUMBER.fullmatch(value)
    unit = None if found is None else units.get(found[2])
    if found is None or unit is None:
        return None
    number = float(found[1]) * unit
    return None if name == "revisions" and not number.is_integer() else number
