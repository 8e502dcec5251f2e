"""Opening a SQLite file so that an acknowledged commit survives the loss of power.

Write-ahead log with ``synchronous=FULL``: each commit is fsynced (sqlite.org/pragma.html#pragma_synchronous). Both
are read back, for SQLite keeps the old journal mode without an error where a file system cannot share memory.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path
from urllib.parse import quote

from stratvars.errors import RefusedError, UnavailableError
from stratvars.store.handles import lack_of_handles

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM}
_DENIED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_FULL = 2
_ELSEWHERE = "name another database in DB_CONNECTION_STR"


def open_writer(path: Path, patience: float) -> sqlite3.Connection:
    """The one connection that writes, in autocommit mode; usable from any thread, one at a time.

    The caller holds the file's lock: switching to the write-ahead log is a write. ``patience`` is how many seconds
    SQLite waits for a program that does not know that lock, such as the sqlite3 shell.

    Raises:
        UnavailableError: busy, full or failing.
        RefusedError: no such folder, no right to write, not a database, no write-ahead log possible there.
    """
    is_new = not path.exists()
    try:
        connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        connection.text_factory = _text
    except sqlite3.Error as error:
        raise explain(error, path) from error
    try:
        make_durable(connection, path)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the log of a new database, too
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from error
    except BaseException:
        connection.close()
        raise
    if is_new:
        sync_folder(path.parent)
    return connection


def make_durable(connection: sqlite3.Connection, path: Path) -> None:
    """Set what makes a commit durable, and read it back.

    Raises:
        RefusedError: the place cannot keep a write-ahead log.
    """
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("PRAGMA synchronous = FULL")
    (level,) = connection.execute("PRAGMA synchronous").fetchone()
    if sys.platform == "darwin":  # fsync alone does not reach the disk there (man 2 fsync)
        connection.execute("PRAGMA fullfsync = 1")
        connection.execute("PRAGMA checkpoint_fullfsync = 1")
    if mode != "wal" or level != _FULL:
        raise RefusedError(
            f"{path} cannot keep a write-ahead log (journal mode {mode}, synchronous {level}), as on some network "
            f"file systems; put it on a local disk, or {_ELSEWHERE}"
        )


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that can only read: it never writes a page, and never checkpoints when it closes.

    Raises:
        UnavailableError, RefusedError: as ``open_writer``.
    """
    try:
        return _open_reader(path, "mode=ro")
    except sqlite3.Error as error:
        if _code(error) not in _DENIED or path.with_name(path.name + "-wal").exists():
            raise explain(error, path, "read") from error
    # SQLite wants to make the log's files even to read. Where this user may not, and no bot left a log that holds the
    # newest state, the file alone is the database (sqlite.org/wal.html, "Read-Only Databases").
    try:
        return open_at_rest(path)
    except sqlite3.Error as error:
        raise explain(error, path, "read") from error


def open_at_rest(path: Path) -> sqlite3.Connection:
    """A connection to a file that nobody writes: it makes no file beside it. Raises ``sqlite3.Error``."""
    return _open_reader(path, "immutable=1")


def _open_reader(path: Path, how: str) -> sqlite3.Connection:
    url = f"file:{quote(str(path))}?{how}"
    connection = sqlite3.connect(url, uri=True, isolation_level=None, check_same_thread=False)
    connection.text_factory = _text
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def sync_folder(folder: Path) -> None:
    """Make a new file's name durable; SQLite itself does so for its log only."""
    if sys.platform == "win32":
        return  # a folder cannot be opened there, and NTFS journals names
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def explain(error: sqlite3.Error, path: Path, verb: str = "write") -> UnavailableError:
    """The error as one of ours, with the remedy. SQLite's own texts name columns and files, never values."""
    code = _code(error)
    if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return RefusedError(
            f"{path} is not a SQLite database or is damaged ({error}); it was left as it is. "
            f"Put a copy back in its place, or {_ELSEWHERE}"
        )
    if code in _BUSY:
        return UnavailableError(f"{path}: {error}")
    lack = lack_of_handles() if code == sqlite3.SQLITE_CANTOPEN else None
    if lack is not None:
        return UnavailableError(f"{path}: {lack}")
    if code in _DENIED:
        cannot = "written" if verb == "write" else "read"
        return RefusedError(f"{path} cannot be {cannot} ({error}): {_why_not(path, verb)}, or {_ELSEWHERE}")
    if getattr(error, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_TRIGGER":  # its author's text, and from the row
        return RefusedError(f"{path}: a trigger in it refuses what is written; remove the trigger, or {_ELSEWHERE}")
    return RefusedError(f"{path}: {error}")


def _text(found: bytes) -> str:
    """A text of the file. One that is not UTF-8 is kept byte for byte, for the codec to refuse.

    The driver's own refusal quotes it whole.
    """
    return found.decode(errors="surrogateescape")


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; an extended one has it in its lowest byte."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _why_not(path: Path, verb: str) -> str:
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist; create it"
    if path.is_dir():
        return "it is a folder; add a file name"
    return f"give this user the right to {verb} the file and its folder {path.parent}"
