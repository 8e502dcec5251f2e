"""Two strategies in one process: the bot, and another one whose fate its own hooks and history tell."""

from __future__ import annotations

import sys
import threading

from bots import REACHED, AsyncBot, Bot
from deeds import ENDING, OTHER, TURNS

from stratvars import StratvarsError, Trader


def main() -> None:
    trader = Trader()
    # The other one is restored first: whatever keeps the bot from starting finds it started.
    trader.add_strategy(AsyncBot(name=OTHER, sleeptime=sys.argv[1]))
    trader.add_strategy(Bot())
    if ENDING == "LEFT_OPEN":
        threading.Thread(target=trader.run_all, daemon=True).start()
        REACHED.wait()
        return
    try:
        trader.run_all(TURNS)
    except StratvarsError as error:
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
