"""Examining a SQLite file for strategies. Nothing is written, and no file is made: not even those of a log.

SQLite makes the two files of the write-ahead log even for a reader, and leaves them there, as files of whoever looked.
So where there is no log, which says that no bot runs, the file is read as one that nobody changes.
"""

from __future__ import annotations

import getpass
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from stratvars.database import Database
from stratvars.errors import UnavailableError
from stratvars.revision import Stored
from stratvars.store import sqlfiles
from stratvars.store.fact import Examination, Fact, Grade, another_shape, fail, lost_row, lost_table, ok, warn
from stratvars.store.sqlite import rows, upkeep
from stratvars.store.sqlite.connect import explain, open_at_rest, open_reader
from stratvars.store.sqlite.lock import FileLock
from stratvars.store.sqlite.place import about_place

OLDEST: Final = (3, 24, 0)
"""The first version with ON CONFLICT … DO UPDATE."""
LITTLE_SPACE: Final = 100_000_000
NEARLY_FULL: Final = 10_000_000
"""Bytes: the log alone takes four million before it is emptied, and a state may be of millions, too."""
_PATIENCE: Final = 1.0
_HEADER: Final = 20
_WAL: Final = 2
_TABLES: Final = ("", "_writers", "_history", "_edits")
_PACKAGE: Final = __package__ or ""
_USED: Final = ("save_row", "add_writer", "take_writer", "save_writer", "save_history", "current", "ask")
_ELSEWHERE: Final = "name another database in DB_CONNECTION_STR"


def examine(database: Database, table: str) -> Examination:
    """Look at everything that a strategy needs of the file and of its folder."""
    path = database.path or Path()
    folder = _folder(path.parent)
    if not os.access(path.parent, os.X_OK):
        return Examination((folder,))
    file = _file(path, database)
    space = about_space(shutil.disk_usage(path.parent).free)
    facts = [file, folder, *about_place(path), space, about_version(sqlite3.sqlite_version_info)]
    if file.grade is Grade.FAIL or not path.exists():
        return Examination(tuple(facts))
    found = _look_quietly(path, table)
    if len(found.facts) > 1:
        facts += [_journal(path), _lock(path)]
    return replace(found, facts=(*facts, *found.facts))


def _folder(folder: Path) -> Fact:
    if not os.path.isdir(folder):  # noqa: PTH112 - is_dir raises below a folder that may not be entered
        return fail("folder", f"there is no folder {folder} that this user can see", f"create it, or {_ELSEWHERE}")
    if os.access(folder, os.W_OK | os.X_OK):
        return ok("folder", f"{folder}, of {_owner(folder)}, can be written")
    return fail("folder", f"{folder}, of {_owner(folder)}, {_closed()}", f"give this user the right, or {_ELSEWHERE}")


def _file(path: Path, database: Database) -> Fact:
    chosen = f"(chosen by: {database.origin})"
    if not path.exists():
        return ok("file", f"{path} {chosen} is not there yet, and made at the first start")
    if not path.is_file():
        return fail("file", f"{path} {chosen} is not a file", _ELSEWHERE)
    # A log or a lock that another user left keeps a bot out just as the file itself does.
    beside = [path, _log(path), path.with_name(path.name + "-shm"), _lock_file(path)]
    closed = [file for file in beside if file.exists() and not os.access(file, os.R_OK | os.W_OK)]
    if closed:
        names = ", ".join(f"{file}, of {_owner(file)}," for file in closed)
        return fail("file", f"{names} {_closed()}", f"give this user the right to read and write them, or {_ELSEWHERE}")
    return ok("file", f"{path} {chosen}, of {_owner(path)}, {path.stat().st_size / 1000:.0f} kB")


def _closed() -> str:
    return f"cannot be written by this user, {getpass.getuser() if os.name == 'nt' else _name_of(os.geteuid())}"


def _owner(path: Path) -> str:
    return _name_of(path.stat().st_uid)


def _name_of(user: int) -> str:
    try:
        import pwd

        return pwd.getpwuid(user).pw_name
    except (ImportError, KeyError):  # another system than POSIX, or a user that has only a number
        return f"user {user}"


def about_space(free: int) -> Fact:
    """The fact on the bytes that are free where the file is."""
    text = f"{free / 1_000_000:,.0f} MB free"
    if free >= LITTLE_SPACE:
        return ok("space", text)
    if free < NEARLY_FULL:
        return fail("space", f"{text}: the next save may not find any", "make room on that disk")
    return warn("space", f"{text}: without any, nothing can be saved", "make room on that disk")


def about_version(version: tuple[int, int, int]) -> Fact:
    """The fact on the SQLite that this Python was built with."""
    text = f"SQLite {'.'.join(map(str, version))}"
    if version >= OLDEST:
        return ok("sqlite", text)
    oldest = ".".join(map(str, OLDEST))
    return fail("sqlite", f"{text} is too old; {oldest} is needed", "use a Python that was built with a newer SQLite")


def _journal(path: Path) -> Fact:
    with path.open("rb") as file:
        is_log = file.read(_HEADER)[18:19] == bytes([_WAL])
    mode = "a write-ahead log" if is_log else "to be made a write-ahead log at the next start"
    return upkeep.about_log(path, f"{mode}; every start sets synchronous=FULL for itself, and reads it back")


def _lock(path: Path) -> Fact:
    file = _lock_file(path)
    if not file.exists():
        return ok("lock", f"{file.name} is not there yet, and made at the first start")
    try:
        with closing(FileLock(file)) as lock, lock.hold(_PATIENCE):
            return ok("lock", f"{file.name} is free")
    except UnavailableError as error:
        remedy = f"see which process holds it (lsof {file}), and end that one when it hangs"
        return warn("lock", f"{error}: meanwhile nothing can be saved", remedy)


def _look_quietly(path: Path, table: str) -> Examination:
    before = _state(path)
    if before[0]:
        return _look(path, table, open_reader)
    found = _look(path, table, open_at_rest)
    # A bot that wrote meanwhile makes a mix of old and new pages look like damage; a reader that takes locks sees none.
    return found if _state(path) == before else _look(path, table, open_reader)


def _state(path: Path) -> tuple[bool, int, int]:
    status = path.stat()
    return _log(path).exists(), status.st_size, status.st_mtime_ns


def _look(path: Path, table: str, open_: Callable[[Path], sqlite3.Connection]) -> Examination:
    try:
        with closing(open_(path)) as connection:
            content = _content(connection, path)
            if content.grade is Grade.FAIL:
                return Examination((content,))
            found = _tables(connection, table, path)
            return replace(found, facts=(content, *found.facts))
    except UnavailableError as error:
        return Examination((fail("content", f"{path.name} cannot be read", str(error)),))
    except sqlite3.Error as error:
        return Examination((fail("content", f"{path.name} cannot be read", str(explain(error, path, "read"))),))


def _log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _lock_file(path: Path) -> Path:
    return path.with_name(path.name + "-lock")


def _content(connection: sqlite3.Connection, path: Path) -> Fact:
    """Every page and every row is looked at, which for a large file takes its time."""
    [said] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said == "ok":
        return upkeep.about_content(connection, path)
    return fail("content", f"it is damaged: {said}", f"put a copy back in the place of {path}, or {_ELSEWHERE}")


def _tables(connection: sqlite3.Connection, table: str, path: Path) -> Examination:
    sql, questions = sqlfiles.statements(_PACKAGE, table), sqlfiles.statements(_PACKAGE, table, "doctor.sql")
    names = [table + ending for ending in _TABLES]
    missing = [name for name in names if connection.execute(questions["present"], (name,)).fetchone() is None]
    if names[0] in missing and names[1] not in missing:
        return Examination((lost_table(table),))
    used = () if names[0] in missing else _USED[: 1 if missing else None]
    if not all(_fits(connection, sql, name) for name in used):
        return Examination((another_shape(table),))
    if missing:
        return Examination((ok("tables", f"{', '.join(missing)}: not there yet, will be made at the first start"),))
    found = [_read(row) for row in connection.execute(sql["all_current"])]
    facts = [ok("tables", f"{table} and those beside it are there")]
    facts += [lost_row(name) for (name,) in connection.execute(questions["lost"])]
    facts += [fact for fact in found if isinstance(fact, Fact)]
    strategies = tuple(stored for stored in found if isinstance(stored, Stored))
    return Examination(tuple(facts), strategies, upkeep.histories(connection, questions, path))


def _read(row: tuple[Any, ...]) -> Stored | Fact:
    try:
        return rows.stored(row)
    except (AttributeError, TypeError, ValueError):  # SQLite keeps anything in any column
        text = f"{row[0]}: its row in the table of the writers is not what stratvars writes there"
        return fail("strategy", text, "correct the row, or put back a copy of the database")


def _fits(connection: sqlite3.Connection, sql: dict[str, str], name: str) -> bool:
    """Whether SQLite compiles a statement; nothing is run."""
    # Counted in the statement for a plain name: the table's own may hold question marks.
    parameters = sqlfiles.statements(_PACKAGE, "T")[name].count("?")
    try:
        connection.execute("EXPLAIN " + sql[name], (None,) * parameters)
    except sqlite3.OperationalError:
        return False
    return True
