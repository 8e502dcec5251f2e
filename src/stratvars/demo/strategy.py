"""The strategy of the demonstration, and the way to send an order so that no crash can send it twice.

It buys when the average of the last days is above the average of many, and sells when it is below. One trading
iteration is one day.

An order takes three steps: write down in the variables what is about to be sent, make that durable, send it.
Whenever the process dies, the next start finds no order written down, so nothing was sent, or it finds the
order with its id, and asks the broker whether it has it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zlib import crc32

from stratvars import Strategy
from stratvars.demo.broker import Broker, Side
from stratvars.demo.prices import Price

FAST_DAYS = 5
SLOW_DAYS = 50
START_CASH = Decimal("100000.00")
CENT = Decimal("0.01")


class MovingAverage(Strategy):
    """All in while the fast average is above the slow one, all out while it is below.

    Args:
        prices: the days to trade.
        broker: where orders go.
        settings: the arguments of ``Strategy``.
    """

    sleeptime = 0

    def __init__(self, prices: Sequence[Price], broker: Broker, **settings: Any) -> None:
        super().__init__(**settings)
        self.prices = prices
        self.broker = broker

    def initialize(self) -> None:
        """The state of a strategy that never ran; a restart lays what was saved over it."""
        self.vars.day = 0
        self.vars.last_date = None
        self.vars.dates_checksum = 0
        self.vars.closes = []
        self.vars.cash = START_CASH
        self.vars.position = 0
        self.vars.trade_count = 0
        self.vars.pending = None

    def before_starting_trading(self) -> None:
        """Finish the order that the last process was about to send when it died, if there was one."""
        self.settle()

    def on_trading_iteration(self) -> None:
        """One day: look at the close, and trade if the averages crossed."""
        if self.vars.day == len(self.prices):
            sys.exit()
        today = self.prices[self.vars.day]
        self.look_at(today)
        side = self.decide()
        if side is not None:
            self.vars.pending = self.order(side, today)
            self.backup_variables_to_db()
            self.settle()

    def look_at(self, today: Price) -> None:
        """Count the day; the checksum would show a day that was counted twice or left out."""
        self.vars.day += 1
        self.vars.last_date = today.date
        self.vars.dates_checksum = crc32(today.date.isoformat().encode(), self.vars.dates_checksum)
        self.vars.closes.append(today.close)
        del self.vars.closes[:-SLOW_DAYS]

    def decide(self) -> Side | None:
        """What the averages call for today, if anything."""
        closes = self.vars.closes
        if len(closes) < SLOW_DAYS:
            return None
        fast = sum(closes[-FAST_DAYS:]) / FAST_DAYS
        slow = sum(closes) / SLOW_DAYS
        if fast > slow and self.vars.position == 0:
            return Side.BUY
        if fast < slow and self.vars.position > 0:
            return Side.SELL
        return None

    def order(self, side: Side, today: Price) -> dict[str, Any]:
        """The order for today. Its id follows from the day: however often the day is begun, it is the same."""
        quantity = int(self.vars.cash // today.close) if side is Side.BUY else self.vars.position
        return {"id": f"{today.date}-{side}", "side": side.value, "quantity": quantity, "price": today.close}

    def settle(self) -> None:
        """Send the order that is written down, unless the broker has it, and book it."""
        order = self.vars.pending
        if order is None:
            return
        side, quantity, price = Side(order["side"]), order["quantity"], order["price"]
        if not self.broker.has(order["id"]):
            self.broker.send(order["id"], side, quantity, price)
        bought = quantity if side is Side.BUY else -quantity
        self.vars.position += bought
        self.vars.cash -= (bought * price).quantize(CENT)
        self.vars.trade_count += 1
        self.vars.pending = None
