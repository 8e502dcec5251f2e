"""A bot with a loop of its own: ``loops.py block`` saves by itself, ``loops.py loop`` uses ``every()``."""

from __future__ import annotations

import sys
import time

from deeds import ENDING, NAME, SLEEPTIME, TABLE, TURNS, begin, finish

from stratvars import Backup


def turn(backup: Backup) -> bool:
    """Whether it was the last one."""
    time.sleep(begin(backup, backup.save))
    finish(backup)
    return bool(backup.vars.n == TURNS)


def block(backup: Backup) -> None:
    while not turn(backup):
        if ENDING == "LEFT_OPEN" and backup.vars.n > 1:
            return
        backup.save()


def loop(backup: Backup) -> None:
    for _ in backup.every(SLEEPTIME):
        if turn(backup) or (ENDING == "LEFT_OPEN" and backup.vars.n > 1):
            break


def main(live: str) -> None:
    run = {"block": block, "loop": loop}[live]
    if ENDING.startswith("LEFT_OPEN"):
        run(Backup(NAME, table=TABLE).open())
        return
    with Backup(NAME, table=TABLE) as backup:
        run(backup)


if __name__ == "__main__":
    main(sys.argv[1])
