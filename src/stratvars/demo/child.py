"""The process that trades, and that gets killed: ``python -m stratvars.demo.child NAME LEDGER DAYS``.

The database comes from the environment, as in real life. The child tells its parent each day what it has, and
waits for the answer, so that the parent always knows the day it kills the child on.
"""

from __future__ import annotations

import os
import sys
from decimal import Decimal
from pathlib import Path

from stratvars.demo import TABLE
from stratvars.demo.broker import Broker, Side
from stratvars.demo.messages import Message, Restored, Saved, Sending, digest_of, to_line
from stratvars.demo.prices import load_prices
from stratvars.demo.strategy import MovingAverage
from stratvars.errors import StratvarsError

STDIN = 0
STDOUT = 1


class WatchedBroker(Broker):
    """The broker, with a word to the parent before each order."""

    def send(self, order_id: str, side: Side, quantity: int, price: Decimal) -> None:
        """Tell the parent, then give the order."""
        tell(Sending(order_id, side))
        super().send(order_id, side, quantity, price)


class WatchedStrategy(MovingAverage):
    """The strategy, with a word to the parent at each start and before each day."""

    backup_table_name = TABLE

    def before_starting_trading(self) -> None:
        """Tell the parent what came back."""
        super().before_starting_trading()
        tell(Restored.of(self.vars))

    def on_trading_iteration(self) -> None:
        """Tell the parent what the last backup held, wait for its answer, then trade."""
        tell(Saved(self.vars.day, digest_of(self.vars)))
        if os.read(STDIN, 1) == b"":
            sys.exit("the demonstration ended before the run did")
        super().on_trading_iteration()


def tell(message: Message) -> None:
    """Write the line at once, past every buffer, which a kill would empty."""
    os.write(STDOUT, to_line(message))


def main(name: str, ledger: str, days: str) -> int:
    """Trade from where the last process stopped to the last day.

    Returns:
        The exit code, with one sentence on stderr when it is not 0.
    """
    prices = load_prices()[: int(days)]
    with WatchedBroker(Path(ledger)) as broker:
        try:
            WatchedStrategy(prices, broker, name=name).run(resume=False)
        except StratvarsError as error:
            sys.stderr.write(f"{error}\n")
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
