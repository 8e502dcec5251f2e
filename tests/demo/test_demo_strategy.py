from __future__ import annotations

import signal
import subprocess
import sys
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest

from stratvars.demo.broker import Broker
from stratvars.demo.prices import Price, load_prices
from stratvars.demo.strategy import MovingAverage
from stratvars.vars import Vars


class Expected(NamedTuple):
    """What the rule comes to, computed with fractions and without a strategy."""

    position: int
    cash: Fraction
    orders: list[tuple[date, str, int]]


def follow_the_rule(prices: list[Price]) -> Expected:
    cash, position = Fraction(100_000), 0
    orders: list[tuple[date, str, int]] = []
    closes = [Fraction(price.close) for price in prices]
    for today in range(49, len(prices)):
        fast = sum(closes[today - 4 : today + 1]) / 5
        slow = sum(closes[today - 49 : today + 1]) / 50
        if fast > slow and not position:
            position = cash // closes[today]
            cash -= round(position * closes[today], 2)
            orders.append((prices[today].date, "buy", position))
        elif fast < slow and position:
            orders.append((prices[today].date, "sell", position))
            cash += round(position * closes[today], 2)
            position = 0
    return Expected(position, cash, orders)


class Attentive(MovingAverage):
    """Remembers which order was written down when it came back."""

    found_pending: str | None = None

    def before_starting_trading(self) -> None:
        if self.vars.pending is not None:
            self.found_pending = self.vars.pending["id"]
        super().before_starting_trading()


def trade(prices: list[Price], folder: Path) -> Attentive:
    with Broker(folder / "ledger") as broker:
        strategy = Attentive(prices, broker, name="average", db_connection_str=f"sqlite:///{folder}/state.db")
        with pytest.raises(SystemExit) as end:
            strategy.run()
    assert end.value.code is None
    return strategy


def assert_as_expected(state: Vars, prices: list[Price], folder: Path) -> None:
    expected = follow_the_rule(prices)
    assert (state.position, Fraction(state.cash)) == (expected.position, expected.cash)
    assert state.trade_count == len(expected.orders)
    assert (state.day, state.last_date) == (len(prices), prices[-1].date)
    assert state.closes == [price.close for price in prices[-50:]]
    assert state.pending is None
    with Broker(folder / "ledger") as broker:
        sent = [(order.order_id, order.quantity) for order in broker.orders()]
    assert sent == [(f"{day}-{side}", quantity) for day, side, quantity in expected.orders]


def test_thirteen_years_end_as_the_rule_computed_without_a_strategy(tmp_path: Path) -> None:
    prices = load_prices()
    state = trade(prices, tmp_path).vars

    assert_as_expected(state, prices, tmp_path)
    assert state.trade_count == 106
    assert isinstance(state.cash, Decimal)


def test_a_run_that_stopped_on_any_day_goes_on_from_there(tmp_path: Path) -> None:
    prices = load_prices()[:200]
    for stop in (1, 50, 57, 123):
        trade(prices[:stop], tmp_path)

    assert_as_expected(trade(prices, tmp_path).vars, prices, tmp_path)


def test_a_run_that_is_over_ends_at_once_and_changes_nothing(tmp_path: Path) -> None:
    prices = load_prices()[:100]
    before = trade(prices, tmp_path).vars.all()

    assert trade(prices, tmp_path).vars.all() == before


FATAL = """
import os, signal, sys
from pathlib import Path
from stratvars.demo.broker import Broker
from stratvars.demo.prices import load_prices
from stratvars.demo.strategy import MovingAverage

folder, where = sys.argv[1:]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class FatalBroker(Broker):
    def send(self, *order):
        if where == "before the order":
            die()
        super().send(*order)
        if where == "after the order":
            die()

class Fatal(MovingAverage):
    def order(self, side, today):
        if where == "before it is written down":
            die()
        return super().order(side, today)

    def settle(self):
        ordered = self.vars.pending is not None
        super().settle()
        if ordered and where == "after it is booked":
            die()

with FatalBroker(Path(folder, "ledger")) as broker:
    Fatal(load_prices()[:200], broker, name="average", db_connection_str=f"sqlite:///{folder}/state.db").run()
"""


@pytest.mark.parametrize(
    ("where", "sent", "written_down"),
    [
        ("before it is written down", 0, False),
        ("before the order", 0, True),
        ("after the order", 1, True),
        ("after it is booked", 1, True),
    ],
)
def test_a_kill_around_an_order_neither_repeats_nor_loses_it(
    tmp_path: Path, where: str, sent: int, written_down: bool
) -> None:
    prices = load_prices()[:200]
    died = subprocess.run([sys.executable, "-c", FATAL, tmp_path, where], capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    with Broker(tmp_path / "ledger") as broker:
        assert len(broker.orders()) == sent

    strategy = trade(prices, tmp_path)
    first_day, side, _ = follow_the_rule(prices).orders[0]
    assert strategy.found_pending == (f"{first_day}-{side}" if written_down else None)
    assert_as_expected(strategy.vars, prices, tmp_path)
