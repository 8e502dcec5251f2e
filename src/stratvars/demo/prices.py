"""The market of the demonstration: AAPL's daily closes from 2000-03-01 to 2013-03-01.

The closes are adjusted for splits and dividends, so that a strategy sees no jump where the company split its
shares. They come from Quandl WIKI Prices, which its publisher declared public domain, by way of the Python
package bokeh_sampledata (BSD-3-Clause, Copyright (c) Bokeh Contributors), as ``aapl.csv`` says too.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import resources


@dataclass(frozen=True, slots=True)
class Price:
    """One trading day and its adjusted close, with the digits that are printed in the source."""

    date: date
    close: Decimal


def load_prices() -> list[Price]:
    """All trading days in order."""
    text = resources.files(__package__).joinpath("aapl.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return [Price(date.fromisoformat(row["date"]), Decimal(row["adj_close"])) for row in rows]
