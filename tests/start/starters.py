"""Many processes that start at the same moment: ``starters.py URL MANY``, then a line on stdin lets them go.

They are forked when everything is imported, for sixty-four interpreters that import it take longer than all else; each
then opens a backup of its own name, saves and closes. The exit code is how many of them failed.
"""

from __future__ import annotations

import os
import sys
import traceback

from stratvars import Backup
from stratvars.errors import StratvarsError
from stratvars.settings import resolve
from stratvars.store.opening import open_store


def start(url: str, number: int) -> None:
    with Backup(f"bot-{number}", url) as backup:
        assert backup.vars.all() == {}
        backup.vars.n = number
        backup.save()


def wait_and_start(go: int, url: str, number: int) -> int:
    os.read(go, 1)
    try:
        start(url, number)
    except (StratvarsError, AssertionError):
        traceback.print_exc()
        return 1
    return 0


def fork(go: tuple[int, int], url: str, number: int) -> int:
    child = os.fork()
    if child == 0:
        os.close(go[1])
        # Not the interpreter's own end: the parent's buffers and exit functions are the parent's.
        os._exit(wait_and_start(go[0], url, number))
    return child


def main(url: str, many: int) -> int:
    open_store(resolve(url)).close()  # imports the driver, and does not connect
    go = os.pipe()
    children = [fork(go, url, number) for number in range(many)]
    sys.stdin.readline()
    os.close(go[1])  # the end of the stream reaches all of them in one moment
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
