"""How large the histories in a SQLite file are, what is free in it, and what keeps its log from being emptied."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
from pathlib import Path
from shlex import quote
from typing import Final

from stratvars.store.fact import Fact, ok, warn
from stratvars.store.growth import Histories, growth_from, size
from stratvars.thinning import ROW

ROWS: Final = 50_000
"""Revisions that are looked at, at most; where there are more, one of each so many."""
LARGE_LOG: Final = 64_000_000
"""Bytes, sixteen times the length at which a save empties the log."""
MUCH_FREE: Final = 100_000_000
_COUNTS: Final = ("page_size", "page_count", "freelist_count")
_LOCK: Final = re.compile(r"POSIX\s+\S+\s+READ (\d+) \S+:(\d+) (\d+) \d+$", re.MULTILINE)
_READERS: Final = range(123, 128)
"""The bytes of the log's index that readers lock; sqlite.org/walformat.html."""


def about_log(path: Path, mode: str) -> Fact:
    """The fact on the log of a file; ``mode`` says that it is one. Only its length is looked at."""
    log = path.with_name(path.name + "-wal")
    length = log.stat().st_size if log.exists() else 0
    if length < LARGE_LOG:
        return ok("journal", mode)
    text = f"the log is {size(length)} long beside {size(path.stat().st_size)}, and each reader has to look through it"
    processes = ", ".join(map(str, readers(path)))
    if processes:
        text += f"; process {processes} reads, and as long as one look lasts the log cannot begin anew"
        return warn("journal", text, f"end that look, or process {processes}; the file goes when the last bot stops")
    remedy = f"see which programs have it open (lsof {quote(str(path))}); the file goes when the last of them ends"
    return warn("journal", f"{text}: somebody looks at it without an end, or did, or saved very much at once", remedy)


def readers(path: Path) -> list[int]:
    """The processes that are in the middle of a look, as far as this system tells."""
    index = path.with_name(path.name + "-shm")
    if sys.platform != "linux" or not index.exists():
        return []
    # Not by opening the file: when a process closes it, all locks that the process has on it are gone.
    try:
        told = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return []
    node = index.stat().st_ino
    return sorted(
        {int(pid) for pid, inode, byte in _LOCK.findall(told) if int(inode) == node and int(byte) in _READERS}
    )


def about_content(connection: sqlite3.Connection, path: Path) -> Fact:
    """The fact on a file that is whole."""
    page, pages, free = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _COUNTS)
    text = "quick_check found no damage"
    if free > 0:
        text += f"; {size(free * page)} of {size(pages * page)} is free for what comes"
    if free * page < MUCH_FREE or free * 2 < pages:
        return ok("content", text)
    return warn("content", text, f"to give it back to the disk, stop the bots: sqlite3 {quote(str(path))} VACUUM")


def histories(connection: sqlite3.Connection, questions: dict[str, str], path: Path) -> Histories:
    """What is kept of each strategy; the table is there."""
    taken, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    first, last = connection.execute(questions["rowids"]).fetchone()
    if first is None:
        return Histories((), taken, is_sample=False, free=free)
    step = -(-(last - first + 1) // ROWS)
    wanted = {"first": first, "last": last, "step": step, "row": ROW}
    found = connection.execute(questions["growth"], wanted).fetchall()
    return Histories(tuple(growth_from(row, step) for row in found), taken, is_sample=step > 1, free=free)
