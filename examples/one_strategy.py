"""One strategy, whose martingale level must never come back wrong: ``stratvars run one_strategy.py``."""

import random
from decimal import Decimal

from stratvars import Strategy


class Martingale(Strategy):
    """Doubles after a loss; the level and the profit are durable before the next bet."""

    sleeptime = "1S"

    def initialize(self) -> None:
        """Set defaults; what is saved replaces them."""
        self.vars.level = 0
        self.vars.profit = Decimal("0.00")

    def on_trading_iteration(self) -> None:
        """Place one bet."""
        stake = Decimal("1.00") * 2**self.vars.level
        self.vars.at_risk = stake
        self.backup_variables_to_db()  # durable, or the next line is not reached
        has_won = random.choice([True, False])
        self.vars.profit += stake if has_won else -stake
        self.vars.level = 0 if has_won else min(self.vars.level + 1, 6)
        del self.vars.at_risk
        print(f"level {self.vars.level}, profit {self.vars.profit}", flush=True)


if __name__ == "__main__":
    Martingale().run()
