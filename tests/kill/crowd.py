"""Several strategies of one process that save as fast as they can: ``crowd.py URL MANY``; see ``pieces.py``.

Each says ``try NAME N`` when state N is made and ``acked NAME N`` when its save returned. While the database is away
they go on. With a third word, ``unprotected``, the saves do without the line that makes a commit durable where
``synchronous_commit`` is off: what that loses must be seen by the test, or the test would see nothing.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
import warnings

from pieces import fill

from stratvars import Backup
from stratvars.errors import NotSavedError
from stratvars.store.postgres import statements

PROTECTION = "set_config('synchronous_commit', 'on', true)"


def say(*words: object) -> None:
    """One unbuffered write, whole or not at all."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def live(name: str, url: str) -> None:
    backup = Backup(name, url).open()
    number = backup.vars.get("number", 0)
    while True:
        number += 1
        fill(backup.vars, number)
        say("try", name, number)
        try:
            backup.save(timeout=0.5)
        except NotSavedError:
            continue
        say("acked", name, number)


def live_or_fail(name: str, url: str) -> None:
    try:
        live(name, url)
    finally:
        traceback.print_exc()
        os._exit(1)


def remove_the_protection() -> None:
    """Take the line out of every statement of this process."""
    protected = statements.statements("vars_backup")
    assert {key for key, sql in protected.items() if PROTECTION in sql} >= {"save"}
    for key, sql in protected.items():
        protected[key] = sql.replace(PROTECTION, "NULL")


def main(url: str, many: str, *words: str) -> None:
    if words == ("unprotected",):
        remove_the_protection()
    threads = [threading.Thread(target=live_or_fail, args=(f"bot-{number}", url)) for number in range(int(many))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(*sys.argv[1:])
