"""Starts the bots of a test, some at once: a JSON list of ``Order`` on stdin, a JSON list of exit codes on stdout.

A bot is an interpreter of its own, or a fork of this process, which has imported what it needs: that takes a fifth of
the time. What is under test, the end of the process, is the same.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from importlib import import_module
from typing import TypedDict

WARM = (
    *("asyncio", "multiprocessing", "click", "msgspec", "psycopg"),
    *("stratvars.aio", "stratvars.cli.run", "stratvars.strategy", "stratvars.archive"),
    *("stratvars.store.postgres.store", "stratvars.store.postgres.records"),
)


class Order(TypedDict):
    """A bot to start: its command without the interpreter, and the files that take what it says."""

    command: list[str]
    environment: dict[str, str]
    output: str
    errors: str
    is_forked: bool


def become(order: Order) -> None:
    for number, file in ((1, order["output"]), (2, order["errors"])):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    if not order["is_forked"]:
        os.execve(sys.executable, [sys.executable, *order["command"]], order["environment"])
    os.environ.clear()
    os.environ.update(order["environment"])
    first, *rest = order["command"]
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


def main(at_once: int) -> None:
    orders: list[Order] = json.load(sys.stdin)
    if any(order["is_forked"] for order in orders):
        for module in WARM:
            import_module(module)
    codes, running, number = [0] * len(orders), dict[int, int](), 0
    while number < len(orders) or running:
        if number < len(orders) and len(running) < at_once:
            child = os.fork()
            if child == 0:
                become(orders[number])
                return
            running[child] = number
            number += 1
        else:
            child, status = os.wait()
            codes[running.pop(child)] = os.waitstatus_to_exitcode(status)
    json.dump(codes, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
