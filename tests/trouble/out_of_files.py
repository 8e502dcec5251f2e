"""A bot in a process of its own that has no file handle left, or may not write its file any more, and goes on.

Usage: ``out_of_files.py URL TROUBLE CUT WARM``. Where its connection is to be cut by somebody else it says so, and goes
on after a line on its standard input. At the end it tells what it saw, and closes after another line. ``WARM`` is a
URL at which it runs once before: everything is imported while it may read the files of the library.
"""

from __future__ import annotations

import json
import os
import resource
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from stratvars import Backup
from stratvars.errors import NotSavedError

_NOBODY = 65_534
TURNS = 100
PACE = 0.02
"""Seconds that a turn takes."""
_FEW = 64


@contextmanager
def no_handles() -> Iterator[Callable[[], None]]:
    """No file handle is free, and again none after a call of what is given."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FEW, before[1]))
    taken: list[int] = []

    def take() -> None:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))

    take()
    yield take
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    for handle in taken:
        os.close(handle)


@contextmanager
def read_only(path: Path) -> Iterator[Callable[[], None]]:
    """The file and its log may be read, and no more; nor may a file be made beside them."""
    rights = {at: stat.S_IMODE(at.stat().st_mode) for at in (path.parent, *path.parent.glob(path.name + "*"))}
    for at, mode in rights.items():
        at.chmod(mode & ~0o222)
    yield lambda: None
    for at, mode in rights.items():
        at.chmod(mode)


@contextmanager
def full_disk() -> Iterator[None]:
    """Nothing can be written into a file, and SQLite's connection is given up for that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def cut(backup: Backup, how: str, worsen: Callable[[], None]) -> None:
    """Make the next save need another connection."""
    if how == "disk":
        with full_disk():
            backup.vars.n += 1
            with suppress(NotSavedError):
                backup.save(timeout=0.3)
            for _ in range(100):  # between two tries the files are closed
                worsen()
                time.sleep(0.005)
    elif how == "server":
        print("cut", flush=True)
        sys.stdin.readline()


def turns(backup: Backup, worsen: Callable[[], None]) -> list[float]:
    """For how long each turn was held up by its backup."""
    held: list[float] = []
    ended = None
    for _ in backup.every(0):
        if ended is not None:
            held.append(time.monotonic() - ended)
        if len(held) == TURNS:
            break
        worsen()
        backup.vars.n += 1
        time.sleep(PACE)
        ended = time.monotonic()
    return held


def main(url: str, trouble: str, how: str, warm: str) -> None:
    """Run the bot."""
    with Backup("bot", warm) as backup:
        backup.save()
    if trouble == "no right" and os.getuid() == 0:  # who may do everything meets no such trouble
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    path = Path(urlsplit(url).path)
    if how != "server":
        path.parent.mkdir()  # whose folder it is may close it
    with Backup("bot", url) as backup:
        for backup.vars.n in range(6):
            backup.save()
        with no_handles() if trouble == "no handle" else read_only(path) as worsen:
            cut(backup, how, worsen)
            held = turns(backup, worsen)
        print(json.dumps({"n": backup.vars.n, "held": held}), flush=True)
        sys.stdin.readline()
        backup.save()


if __name__ == "__main__":
    main(*sys.argv[1:])
