"""A row of numbers as a line of bars. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

BARS: Final = "▁▂▃▄▅▆▇█"


def sparkline(numbers: Sequence[float], width: int) -> str:
    """One bar for each number, from the lowest to the highest; of more numbers than ``width``, evenly chosen ones.

    The first and the last number are always among them. Equal numbers are bars of half the height.
    """
    if len(numbers) > width:
        last = len(numbers) - 1
        numbers = [numbers[round(place * last / (width - 1))] for place in range(width)]
    lowest, highest = min(numbers), max(numbers)
    # Halves, for the difference of two huge numbers may be infinite.
    span = highest / 2 - lowest / 2
    if span == 0:
        return BARS[len(BARS) // 2 - 1] * len(numbers)
    top = len(BARS) - 1
    return "".join(BARS[round((number / 2 - lowest / 2) / span * top)] for number in numbers)
