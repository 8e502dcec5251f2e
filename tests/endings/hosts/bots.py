"""Strategies for ``stratvars run``; as a script, one in a daemon thread that the interpreter's end leaves running."""

from __future__ import annotations

import asyncio
import threading
import time

from deeds import ENDING, HANG, SLEEPTIME, TABLE, begin, finish, in_hook

from stratvars import Strategy

REACHED = threading.Event()


class Bot(Strategy):
    sleeptime = SLEEPTIME
    backup_table_name = TABLE

    def initialize(self) -> None:
        time.sleep(in_hook(self, "initialize"))

    def before_starting_trading(self) -> None:
        time.sleep(in_hook(self, "before_starting_trading"))

    def on_trading_iteration(self) -> None:
        time.sleep(begin(self, self.backup_variables_to_db))
        if ENDING == "LEFT_OPEN" and self.vars.n > 1:
            REACHED.set()
            time.sleep(HANG)
        finish(self)

    def on_strategy_end(self) -> None:
        time.sleep(in_hook(self, "on_strategy_end"))

    def on_abrupt_closing(self) -> None:
        time.sleep(in_hook(self, "on_abrupt_closing"))

    def on_bot_crash(self, error: BaseException) -> bool:
        time.sleep(in_hook(self, "on_bot_crash"))
        return ENDING == "GOES_ON"

    def on_fenced(self) -> None:
        time.sleep(in_hook(self, "on_fenced"))


class AsyncBot(Strategy):
    sleeptime = SLEEPTIME
    backup_table_name = TABLE

    async def initialize(self) -> None:
        await asyncio.sleep(in_hook(self, "initialize"))

    async def before_starting_trading(self) -> None:
        await asyncio.sleep(in_hook(self, "before_starting_trading"))

    async def on_trading_iteration(self) -> None:
        await asyncio.sleep(begin(self, self.backup_variables_to_db))
        if ENDING == "LEFT_OPEN" and self.vars.n > 1:
            REACHED.set()
            await asyncio.sleep(HANG)
        finish(self)

    async def on_strategy_end(self) -> None:
        await asyncio.sleep(in_hook(self, "on_strategy_end"))

    async def on_abrupt_closing(self) -> None:
        await asyncio.sleep(in_hook(self, "on_abrupt_closing"))

    async def on_bot_crash(self, error: BaseException) -> bool:
        await asyncio.sleep(in_hook(self, "on_bot_crash"))
        return ENDING == "GOES_ON"

    async def on_fenced(self) -> None:
        await asyncio.sleep(in_hook(self, "on_fenced"))


if __name__ == "__main__":
    threading.Thread(target=Bot().run, daemon=True).start()
    REACHED.wait()
