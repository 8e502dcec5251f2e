"""Erases the variable from strategies that are named after where that is to be killed: ``save:1`` after the first save.

Each time in a process of its own; says how each of them ended: 9 where it was killed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from remembering import forgotten

from stratvars.store import erase
from stratvars.store.postgres.store import PostgresStore
from stratvars.store.sqlite.store import SqliteStore


def dying(verb: Callable[..., Any], answers: Iterator[int], last: int) -> Callable[..., Any]:
    def call(*arguments: object, **named: object) -> object:
        answer = verb(*arguments, **named)
        if next(answers) == last:
            os._exit(9)
        return answer

    return call


def die(url: str, name: str) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    erase._REVISIONS = 2  # type: ignore[misc]
    verb, last = name.split(":")
    for kind in (SqliteStore, PostgresStore):
        setattr(kind, verb, dying(getattr(kind, verb), count(1), int(last)))
    forgotten(url, name=name)
    os._exit(0)


if __name__ == "__main__":
    for name in sys.argv[2:]:
        print(die(sys.argv[1], name), flush=True)
