"""From the place a database is at to the store that serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratvars.errors import UsageError

if TYPE_CHECKING:
    from stratvars.database import Database
    from stratvars.store.base import Records, Store


def open_store(database: Database) -> Store:
    """The store a strategy writes to. Nothing is connected before its first verb."""
    if database.scheme == "memory":
        from stratvars.store.memory import MemoryStore

        return MemoryStore()
    if database.path is not None:
        from stratvars.store.sqlite.store import SqliteStore

        return SqliteStore(database.path)
    from stratvars.store.postgres.store import PostgresStore

    return PostgresStore(database)


def open_records(database: Database) -> Records:
    """The side that only reads.

    Raises:
        UsageError: it is in the memory of a process, or there is no file yet.
        RefusedError: it cannot be read.
        UnavailableError: it cannot be reached.
    """
    if database.scheme == "memory":
        raise UsageError(f"{database} lives in the process that made it; there is nothing to look at from here")
    if database.path is None:
        from stratvars.store.postgres.records import PostgresRecords

        return PostgresRecords(database)
    if not database.path.exists():
        raise UsageError(
            f"there is no database at {database.path} yet (chosen by: {database.origin}); it is made when a strategy "
            "first runs. Name another with --db or DB_CONNECTION_STR"
        )
    from stratvars.store.sqlite.records import SqliteRecords

    return SqliteRecords(database.path)
