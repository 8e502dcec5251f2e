"""The same as loops.py, in an event loop: ``aloops.py block`` and ``aloops.py loop``."""

from __future__ import annotations

import asyncio
import sys

from deeds import ENDING, HANG, NAME, SLEEPTIME, TABLE, TURNS, begin, finish

from stratvars import Backup


async def turn(backup: Backup) -> bool:
    """Whether it was the last one."""
    await asyncio.sleep(begin(backup, backup.save))
    if ENDING == "LEFT_OPEN" and backup.vars.n > 1:
        LEFT.set()
        await asyncio.sleep(HANG)
    finish(backup)
    return bool(backup.vars.n == TURNS)


async def block(backup: Backup) -> None:
    while not await turn(backup):
        await backup.asave()


async def loop(backup: Backup) -> None:
    async for _ in backup.every(SLEEPTIME):
        if await turn(backup):
            break


async def main(live: str) -> None:
    async with Backup(NAME, table=TABLE) as backup:
        await {"block": block, "loop": loop}[live](backup)


LEFT = asyncio.Event()

if __name__ == "__main__":
    if ENDING == "LEFT_OPEN":  # nobody ends the tasks of this loop
        runner = asyncio.new_event_loop()
        left_behind = [runner.create_task(main(sys.argv[1]))]
        runner.run_until_complete(LEFT.wait())
    else:
        asyncio.run(main(sys.argv[1]))
