"""Fifty strategies in one process, each on its own schedule: one writer's thread and one connection serve them all."""

import random

from stratvars import Strategy, Trader


class Momentum(Strategy):
    """Follows one symbol."""

    def __init__(self, symbol: str, sleeptime: str) -> None:
        super().__init__(name=f"momentum-{symbol}", sleeptime=sleeptime)

    def on_trading_iteration(self) -> None:
        """Look at the price, and turn the position when it crosses its average."""
        price = 100 + random.gauss(0, 1)
        average = self.vars.get("average", price)
        self.vars.average = 0.9 * average + 0.1 * price
        self.vars.position = "long" if price > average else "short"
        self.vars.iterations = self.vars.get("iterations", 0) + 1


if __name__ == "__main__":
    trader = Trader()
    for number in range(50):
        trader.add_strategy(Momentum(f"SYM{number:02}", sleeptime=f"{1 + number % 5}S"))
    trader.run_all()
