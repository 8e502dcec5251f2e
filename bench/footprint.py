"""What the library weighs: its start, and the memory of a strategy that does nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from frame import Row, Scale, compared, race, run, told
from places import sqlite_folder, sqlite_url

_YARDSTICK = ("-c", "import sqlite3, json")


def starts(scale: Scale) -> Iterator[Row]:
    times = race(
        {
            "bare": lambda: _start(*_YARDSTICK),
            "import": lambda: _start("-c", "import stratvars"),
            "help": lambda: _start("-m", "stratvars", "--help"),
        },
        rounds=scale.rounds,
    )
    told_as = 'python -c "import sqlite3, json"'
    yield compared("12", "`import stratvars`", f"`{told_as}`", 2.5, (times["import"], times["bare"]))
    yield compared("12", "`stratvars --help`", f"`{told_as}`", 6, (times["help"], times["bare"]))


def memory(scale: Scale) -> Iterator[Row]:
    """Resident memory of fresh processes, each with so many open backups of five variables in one SQLite file."""
    few, many = (10, 60) if scale.is_quick else (50, 550)
    sizes = []
    for count in (few, many):
        with sqlite_folder() as folder:
            sizes.append(int(_said(str(count), sqlite_url(folder))))
    each = (sizes[1] - sizes[0]) / (many - few) / 1000
    yield Row("13", "memory of one more idle strategy, beyond its thread", "", "30 KB", told(each, 30, " KB"))


def _said(*arguments: str) -> str:
    child = Path(__file__).with_name("idle.py")
    command = [sys.executable, str(child), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own child


def _start(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own starts


if __name__ == "__main__":
    run(__file__, starts, memory)
