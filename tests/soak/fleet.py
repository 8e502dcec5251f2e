"""Many strategies of one process, each with a loop of its own: ``fleet.py URL MANY``. Ends when its stdin does.

Each says ``acked NAME NUMBER`` when a save returned; its number grows by one in each turn, from the one that it found.
One that was taken over says ``fenced NAME``, waits until it may have its name back, and goes on from what it finds.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
import traceback
import warnings

from stratvars import Backup
from stratvars.errors import FencedError, NotSavedError

SLEEPTIME = "0.2S"
LEASE = 5.0
_BOOK = 40
_ASKED = 0.4
"""Of all turns, those in which the bot asks for a save by itself; the others are kept at their ends."""


def say(*words: object) -> None:
    """One unbuffered write, whole or not at all."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def turn(name: str, backup: Backup) -> None:
    variables = backup.vars
    variables.number = variables.get("number", 0) + 1
    book = variables.setdefault("book", [])
    book.append((variables.number, random.random()))
    del book[:-_BOOK]
    if random.random() < _ASKED:
        try:
            backup.save(timeout=0.5)
        except NotSavedError:
            say("waits", name, variables.number)
        else:
            say("acked", name, variables.number)


def live(name: str, url: str, over: threading.Event) -> None:
    """One start: until the end, or until somebody else has the name."""
    with Backup(name, url, lease=LEASE, wait=120, start_timeout=120) as backup:
        say("started", name, backup.vars.get("number", 0))
        for _ in backup.every(SLEEPTIME):
            turn(name, backup)
            if over.is_set():
                break
    say("ended", name, backup.vars.number)


def go_on(name: str, url: str, over: threading.Event) -> None:
    try:
        while not over.is_set():
            try:
                live(name, url, over)
            except FencedError:
                say("fenced", name, 0)
    except BaseException:  # noqa: BLE001  whatever it is, the whole process is to fail by it
        traceback.print_exc()
        os._exit(1)


def main(url: str, many: str) -> None:
    """Run them until nothing more is to be read."""
    over = threading.Event()
    names = [f"bot-{number}" for number in range(int(many))]
    threads = [threading.Thread(target=go_on, args=(name, url, over)) for name in names]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    warnings.simplefilter("error")
    logging.basicConfig(level=logging.WARNING)
    main(*sys.argv[1:])
