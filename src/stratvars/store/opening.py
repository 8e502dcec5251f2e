"""From the place a database is at to the store that serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratvars.errors import UsageError

if TYPE_CHECKING:
    from stratvars.settings import Database
    from stratvars.store.base import Records, Store


def open_store(database: Database) -> Store:
    """The store a strategy writes to. Nothing is connected before its first verb.

    Raises:
        UsageError: no store serves databases of this kind.
    """
    if database.scheme == "memory":
        from stratvars.store.memory import MemoryStore

        return MemoryStore()
    if database.path is None:
        raise _unserved(database)
    from stratvars.store.sqlite.store import SqliteStore

    return SqliteStore(database.path)


def open_records(database: Database) -> Records:
    """The side that only reads.

    Raises:
        UsageError: no store serves databases of this kind, or there is no file yet.
        RefusedError: the file cannot be read.
    """
    if database.path is None:
        raise _unserved(database)
    if not database.path.exists():
        raise UsageError(
            f"there is no database at {database.path} yet (chosen by: {database.origin}); it is made when a strategy "
            "first runs. Name another with --db or DB_CONNECTION_STR"
        )
    from stratvars.store.sqlite.records import SqliteRecords

    return SqliteRecords(database.path)


def _unserved(database: Database) -> UsageError:
    return UsageError(
        f"{database} cannot be used by this version; name a file, sqlite:////path/to/file.db, in DB_CONNECTION_STR"
    )
