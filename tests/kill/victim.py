"""The bot that is killed: see ``pieces.py`` for its state. It says a line on stdout for each step.

``restored N ok`` at the start, ``try N`` when the iteration has made state N, ``acked N`` when its backup returned.
"""

from __future__ import annotations

import os
import sys
import warnings

from pieces import fill, is_whole

from stratvars import Strategy


def say(*words: object) -> None:
    """One unbuffered write: what was said was said, whenever the process dies."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Victim(Strategy):
    sleeptime = 0

    def before_starting_trading(self) -> None:
        say("restored", self.vars.get("number", 0), "ok" if is_whole(self.vars) else "torn")

    def on_trading_iteration(self) -> None:
        number = self.vars.get("number", 0)
        if number:
            say("acked", number)
        fill(self.vars, number + 1)
        say("try", number + 1)


if __name__ == "__main__":
    warnings.simplefilter("error")
    Victim(name="victim", db_connection_str=sys.argv[1]).run()
