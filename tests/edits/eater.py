"""A bot that eats what is sent to it: each variable ``e_…`` is taken out, and its value added to the list ``eaten``.

Iterates every 20 ms, and says each number of its iterations. Its history then holds each edit as often as it was made.
"""

from __future__ import annotations

import sys

from stratvars import Strategy


class Eater(Strategy):
    sleeptime = "0.02S"
    lease = 1

    def initialize(self) -> None:
        self.vars.eaten = []
        self.vars.turns = 0

    def on_trading_iteration(self) -> None:
        for name in [name for name in self.vars if name.startswith("e_")]:
            self.vars.eaten.append(self.vars.pop(name))
        self.vars.turns += 1
        print(self.vars.turns, flush=True)


if __name__ == "__main__":
    Eater(name="bot", db_connection_str=sys.argv[1]).run()
