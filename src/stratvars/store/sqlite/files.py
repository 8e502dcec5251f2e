"""The files that a connection has open: the database, and the write-ahead log beside it.

SQLite opens both by name, once. One that is removed or replaced then is written to all the same, and is gone with the
last process that has it open; and a log that is left beside another database is applied to that one, which damages it
(sqlite.org/howtocorrupt.html, "Unlinking or renaming a database file while in use" and "Separating a database file from
its hot journal"). So who writes looks whether both are still what stands at their names.

Not by stat(2) of the log at each save. Since Linux 6.13 the next write to a file whose times somebody asked for notes
the time anew (docs.kernel.org/filesystems/multigrain-ts.html), and the fsync after it has the file's inode to write
beside the data: 80 us of a save that takes 300. Its folder tells as well: it changes with each name in it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import Final

from stratvars.errors import UnavailableError
from stratvars.store.sqlite.lock import identity

_log = logging.getLogger("stratvars")

_SECOND: Final = 10**9
_TICK: Final = _SECOND // 20
"""Nanoseconds after which a second change has another time than the first: a system's clock of files ticks each 10 ms
or faster."""
_COARSE: Final = 3 * _SECOND
"""The same where a file system keeps whole seconds, or every other one (FAT)."""


class Files:
    """See the module. Not thread-safe; the lock of the database is held wherever it is used.

    Args:
        path: of the database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = (str(path), f"{path}-wal")
        self._folder = str(path.parent)
        self._opened = ((0, 0), (0, 0))
        self._seen: tuple[int, int, int] | None = None
        """The folder when both were in place last, if what changes in it after that is sure to be seen."""

    def note(self) -> None:
        """A connection has them open now."""
        self._opened = self._found

    @property
    def are_in_place(self) -> bool:
        """Whether both are still those that the connection has open."""
        seen = _stamp_of(self._folder)  # first: what changes after it is met by the next look
        if seen is not None and seen == self._seen:
            return identity(self._names[0]) == self._opened[0]
        is_so = self._opened == self._found
        self._seen = seen if is_so else None
        return is_so

    def bring_in(self, connection: sqlite3.Connection) -> None:
        """Have the connection, which is to be given up, write into its database what its log holds.

        Raises:
            UnavailableError: somebody reads the database, or the disk fails; the log has the newest states alone.
        """
        try:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            problem = "another program is reading the database; end it" if busy else ""
        except sqlite3.Error as error:
            # Another bot has done so, and has emptied the log; the index that both share tells of the one after it.
            is_done = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHORT_READ
            problem = "" if is_done else str(error)
        if problem and not self._is_replaced:
            raise UnavailableError(
                f"{self._names[1]} was removed or replaced while it was in use, and what it holds cannot be brought "
                f"into the database: {problem}"
            )

    def clear_away(self) -> None:
        """After the connection is closed, and before the next: remove a log that belongs to another database."""
        if not self._is_replaced:
            _log.warning(
                "%s was removed or replaced while it was in use. Nothing is lost; leave the files beside a database to "
                "the bots.",
                self._names[1],
            )
        elif self._found[1] == self._opened[1]:
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    @property
    def _is_replaced(self) -> bool:
        """Whether the database itself is not the one any more that was opened; its log does not count then."""
        return self._found[0] != self._opened[0]

    @property
    def _found(self) -> tuple[tuple[int, int], tuple[int, int]]:
        database, log = self._names
        return identity(database), identity(log)


def _stamp_of(folder: str) -> tuple[int, int, int] | None:
    """Which folder it is, and when it changed last; None where a later change could have the same time."""
    try:
        status = os.stat(folder)  # noqa: PTH116 - at each save, and a Path takes twice as long
    except OSError:
        return None
    changed = _changed_at(status)
    # Git's index has the same trouble, and the same answer (git-scm.com/docs/racy-git).
    until_sure = _TICK if changed % _SECOND else _COARSE
    # The root of a FAT volume has no times, and the kernel tells 0 (Linux, fs/fat/misc.c).
    is_sure = changed != 0 and time.time_ns() - changed > until_sure
    return (status.st_dev, status.st_ino, changed) if is_sure else None


def _changed_at(status: os.stat_result) -> int:
    """Not by the time that ``touch`` and ``rsync`` set; on Windows there is no other."""
    return status.st_mtime_ns if sys.platform == "win32" else status.st_ctime_ns
