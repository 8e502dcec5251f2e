"""When to kill: chosen by a seeded generator, so that a run can be repeated."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise

ONE_IN = 3
"""One strike in so many waits for an order."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One kill.

    Attributes:
        day: the first day, counted from 0, it may fall on.
        last_day: the day it falls on at the latest.
        at_order: it waits for an order to be sent between the two; else it falls on ``day``.
        moment: from the child's word to the kill, as a part of the time a day takes: 0 is at once, 1 is a day later.
    """

    day: int
    last_day: int
    at_order: bool
    moment: float


def choose_strikes(seed: int, kills: int, days: int) -> list[Strike]:
    """As many strikes as asked for, in order, spread over all days.

    One in three waits for an order: so few days have one that strikes at random would hardly ever meet it.
    """
    # Not for secrets: the same seed must give the same strikes again.
    generator = random.Random(seed)  # noqa: S311  (see above)
    chosen = sorted(generator.randrange(days) for _ in range(kills))
    return [
        Strike(day, following, at_order=True, moment=generator.random())
        if number % ONE_IN == 0
        else Strike(day, day, at_order=False, moment=generator.random())
        for number, (day, following) in enumerate(pairwise([*chosen, days - 1]), start=1)
    ]
