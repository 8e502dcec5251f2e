from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from importlib import resources
from itertools import pairwise

from stratvars.demo.prices import Price, load_prices

LONGEST_CLOSURE = timedelta(days=7)  # the exchange was shut from 11 to 16 September 2001


def test_there_are_all_trading_days_of_thirteen_years() -> None:
    prices = load_prices()

    assert len(prices) == 3270
    assert prices[0] == Price(date(2000, 3, 1), Decimal("4.186662803811"))
    assert prices[-1] == Price(date(2013, 3, 1), Decimal("56.137353095488"))


def test_the_days_rise_without_gaps_and_fall_on_no_weekend() -> None:
    days = [price.date for price in load_prices()]

    assert all(before < after <= before + LONGEST_CLOSURE for before, after in pairwise(days))
    assert max(after - before for before, after in pairwise(days)) == LONGEST_CLOSURE
    assert not [day for day in days if day.weekday() >= 5]


def test_a_close_keeps_the_digits_that_are_printed() -> None:
    lines = resources.files("stratvars.demo").joinpath("aapl.csv").read_text("utf-8").splitlines()

    assert [f"{price.date},{price.close}" for price in load_prices()] == lines[4:]


def test_no_split_shows_as_a_jump() -> None:
    closes = [price.close for price in load_prices()]

    assert max(abs(after / before - 1) for before, after in pairwise(closes)) < Decimal("0.6")


def test_the_file_names_its_source_and_licence() -> None:
    header = resources.files("stratvars.demo").joinpath("aapl.csv").read_text("utf-8").split("date,")[0]

    assert "Quandl WIKI" in header
    assert "public domain" in header
    assert "bokeh_sampledata" in header
    assert "BSD-3-Clause" in header
