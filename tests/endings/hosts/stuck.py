"""Bots that end while their database hangs: ``stuck.py HOW``. "ready" on stdout, and a line on stdin begins the end."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
import time

from stratvars import Backup, Strategy, Trader
from stratvars.errors import StratvarsError

signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have had it ignored
faulthandler.register(signal.SIGALRM, chain=True)  # one that hangs says where, and is killed
signal.alarm(40)

HOW = sys.argv[1]
MANY = 12


def wait_for_the_word() -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    sys.stderr.write("the end begins\n")


def be_told() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def block() -> None:
    with Backup(HOW) as backup:
        wait_for_the_word()
        backup.vars.newest = 1


def loop() -> None:
    with Backup(HOW) as backup:
        for _ in backup.every("1H"):
            wait_for_the_word()
            backup.vars.newest = 1
            be_told()


async def ablock() -> None:
    async with Backup(HOW) as backup:
        wait_for_the_word()
        backup.vars.newest = 1


async def aloop() -> None:
    async with Backup(HOW) as backup:
        async for _ in backup.every("1H"):
            wait_for_the_word()
            backup.vars.newest = 1
            be_told()


def left_open(many: int) -> None:
    backups = [Backup(f"{HOW} {number}").open() for number in range(many)]
    wait_for_the_word()
    for backup in backups:
        backup.vars.newest = 1


def left_open_crash() -> None:
    left_open(1)
    raise ZeroDivisionError("the bot, on purpose")


class Told(Strategy):
    sleeptime = "1H"

    def on_trading_iteration(self) -> None:
        wait_for_the_word()
        self.vars.newest = 1
        be_told()


class Done(Told):
    def on_trading_iteration(self) -> None:
        wait_for_the_word()
        self.vars.newest = 1


class AsyncTold(Strategy):
    sleeptime = "1H"

    async def on_trading_iteration(self) -> None:
        await asyncio.to_thread(wait_for_the_word)
        self.vars.newest = 1
        be_told()


class One(Strategy):
    """Of many: waits for the others, then the first is told the word for all."""

    sleeptime = "1H"
    ready = 0
    is_stubborn = False

    def on_trading_iteration(self) -> None:
        self.vars.newest = 0
        self.backup_variables_to_db()
        One.ready += 1
        if self.name.endswith(" 0"):
            while One.ready < MANY:
                time.sleep(0.01)
            wait_for_the_word()
            One.ready = MANY + 1
        while One.ready <= MANY:
            time.sleep(0.01)
        self.vars.newest = 1
        if self.name.endswith(" 0"):
            be_told()
        if self.is_stubborn:
            time.sleep(60)


class Stubborn(One):
    is_stubborn = True


def trader(kind: type[One]) -> None:
    crew = Trader()
    for number in range(MANY):
        crew.add_strategy(kind(name=f"{HOW} {number}"))
    crew.run_all()


WAYS = {
    "block": block,
    "loop": loop,
    "ablock": lambda: asyncio.run(ablock()),
    "aloop": lambda: asyncio.run(aloop()),
    "told": lambda: Told(name=HOW).run(),
    "done": lambda: Done(name=HOW).run(max_iterations=1),
    "atold": lambda: AsyncTold(name=HOW).run(),
    "many": lambda: trader(One),
    "stubborn": lambda: trader(Stubborn),
    "left_open": lambda: left_open(1),
    "many_left_open": lambda: left_open(MANY),
    "left_open_crash": left_open_crash,
}

if __name__ == "__main__":
    try:
        WAYS[HOW]()
    except StratvarsError as error:
        sys.exit(f"stratvars: {error}")
