"""A lock of the operating system for each start, by which its death is known at once, in other containers too.

The locks are single bytes of the lock file, far beyond its end, each chosen by the id of a start. They belong to the
open file (F_OFD_SETLK in fcntl(2)): the kernel takes them back when the process dies, however it dies. Where there are
none (macOS, Windows) nothing is known by them.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

from stratvars.locks import new_lock
from stratvars.revision import Holder
from stratvars.store.sqlite.lock import close_own, open_own

_TOLERANCE = 0.05
"""Seconds between making the lock file and saying in the row that a start holds, and the error of both clocks."""


class StartLocks:
    """The locks of the starts of this process in one database. Thread-safe.

    Args:
        path: of the lock file; created with the first lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = new_lock()
        self._file = -1
        self._mine: set[str] = set()

    def hold(self, start_id: str) -> None:
        """Hold the lock of a start until ``give_back``, ``close`` or the end of the process. May be called again."""
        with self._mutex, suppress(OSError):  # without it a death is known when the lease ends
            _control(self._open(), _LOCK, start_id)
            self._mine.add(start_id)

    def give_back(self, start_id: str) -> None:
        """Hold the lock no more."""
        with self._mutex, suppress(OSError):
            if start_id in self._mine:
                self._mine.discard(start_id)
                _control(self._open(), _UNLOCK, start_id)

    def hold_anew(self) -> None:
        """The lock file may have been removed and made anew: hold there what is held in the removed one."""
        with self._mutex, suppress(OSError):
            if self._file < 0:
                return
            removed, self._file = self._file, -1
            try:
                for start_id in self._mine:
                    _control(self._open(), _LOCK, start_id)
            finally:
                close_own(removed)

    def is_held(self, holder: Holder) -> bool | None:
        """Whether a living process holds the lock of its start; None where that cannot be known."""
        with self._mutex, suppress(OSError):
            # The kernel tells an open file only of the locks of the others.
            return holder.start_id in self._mine or _is_held(holder, self._open())
        return None

    def close(self) -> None:
        """Give all back. May be called twice."""
        with self._mutex:
            if self._file >= 0:
                close_own(self._file)
                self._file = -1
            self._mine.clear()

    def _open(self) -> int:
        if self._file < 0:
            self._file = open_own(str(self._path))
        return self._file


def is_start_held(path: Path, holder: Holder) -> bool | None:
    """What ``StartLocks.is_held`` says, for one who only looks: a lock file that is not there is not made."""
    with suppress(OSError):
        file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            return _is_held(holder, file)
        finally:
            os.close(file)
    return None


def _is_held(holder: Holder, file: int) -> bool | None:
    is_locked = _is_locked(holder.start_id, file)
    renewed_at = time.time() + holder.left - holder.lease
    if is_locked is False and os.fstat(file).st_mtime > renewed_at + _TOLERANCE:
        return None  # made after that start was heard of last: it may hold its lock in one that was removed
    return is_locked


def _place(start_id: str) -> int:
    """The byte that stands for a start: of 2**62, so that two never share one."""
    return int.from_bytes(hashlib.blake2b(start_id.encode(), digest_size=8).digest(), "big") >> 2 | 1


if sys.platform == "linux":
    import fcntl

    _LOCK, _UNLOCK = fcntl.F_WRLCK, fcntl.F_UNLCK
    _FLOCK = "hhqqi"
    """struct flock of fcntl(2): type, whence, start, length, process."""

    def _control(file: int, kind: int, start_id: str) -> None:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, kind, os.SEEK_SET, _place(start_id), 1, 0))

    def _is_locked(start_id: str, file: int) -> bool | None:
        asked = struct.pack(_FLOCK, _LOCK, os.SEEK_SET, _place(start_id), 1, 0)
        return bool(struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_OFD_GETLK, asked))[0] != _UNLOCK)

else:
    _LOCK, _UNLOCK = 0, 0

    def _control(file: int, kind: int, start_id: str) -> None:
        """Nothing to hold."""

    def _is_locked(start_id: str, file: int) -> bool | None:  # noqa: ARG001
        return None
