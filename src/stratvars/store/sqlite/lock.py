"""An operating-system lock around every write, beside the lock that SQLite has itself.

SQLite waits for its own lock in ever longer sleeps, so that among many processes some wait for seconds; here the
sleeps stay short. It also keeps two connections from writing or checkpointing at the same time, which in SQLite
3.7.0 to 3.51.2 can meet the WAL-reset bug (sqlite.org/wal.html, "The WAL-reset bug").
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stratvars.errors import UnavailableError
from stratvars.locks import new_lock

_POLL = 0.001
"""Seconds between two looks; grows to twenty times of it, so that a long wait costs no processor time."""


class FileLock:
    """The lock of one database file, on a file of its own beside it.

    Held by a process, and by one connection in it, until ``hold`` is left or ``give`` called; the operating system
    takes it back when the process dies. Not reentrant; its user serialises the calls.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = str(path)
        self.openings = 0
        """How often it was opened: again where its file was removed, for locks in that one are nothing to others."""
        self._open()

    @contextmanager
    def hold(self, patience: float) -> Iterator[None]:
        """Hold the lock inside the block; raises what ``take`` does."""
        self.take(patience)
        try:
            yield
        finally:
            self.give()

    def take(self, patience: float) -> None:
        """Hold the lock until ``give``.

        Raises:
            UnavailableError: another process held it for ``patience`` seconds.
            OSError: its file was removed, and could not be made anew.
        """
        give_up = time.monotonic() + patience
        pause = _POLL
        while not self._try_lock():
            if time.monotonic() >= give_up:
                raise UnavailableError(f"another process kept {self._path} locked for {patience:g} s")
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL * 20)

    def give(self) -> None:
        """Let the next one have it."""
        _unlock(self._file)

    def _try_lock(self) -> bool:
        if not _try_lock(self._file):
            return False
        if identity(self._name) == self._identity:
            return True
        # The lock file was removed: whoever makes it anew would write beside us.
        removed = self._file
        self._open()  # first: where it fails, the number of a closed file could soon be that of somebody else's
        close_own(removed)
        return False

    def _open(self) -> None:
        self._file = open_own(self._name)
        self.openings += 1
        status = os.fstat(self._file)
        self._identity = (status.st_dev, status.st_ino)  # no other file is given it while this one is open

    def close(self) -> None:
        """Give the file back. May be called twice."""
        if self._file >= 0:
            close_own(self._file)
            self._file = -1


_own: set[int] = set()
_guard = new_lock()


def open_own(name: str) -> int:
    """Open a lock file for this process, and for no child that it forks.

    A lock belongs to the open file, which a forked child shares: it would outlive a process that is killed for as long
    as its child lives.
    """
    with _guard:
        file = os.open(name, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        _own.add(file)
    return file


def close_own(file: int) -> None:
    """Close it, and give back what is locked in it."""
    with _guard:
        _own.discard(file)
        os.close(file)


def _close_in_child() -> None:
    while _own:
        os.close(_own.pop())  # which leaves the parent's locks alone
    _guard.release()


if sys.platform != "win32":
    os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_close_in_child)


def lock_path(database: Path) -> Path:
    """The file beside a database that carries its locks."""
    return database.with_name(database.name + "-lock")


def identity(name: str) -> tuple[int, int]:
    """Which file stands at a name; (0, 0) where none can be looked at."""
    try:
        status = os.stat(name)  # noqa: PTH116 - at each save, and a Path takes twice as long
    except OSError:
        return (0, 0)
    return (status.st_dev, status.st_ino)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
