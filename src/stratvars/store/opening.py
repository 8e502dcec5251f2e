"""From the place a database is at to the store that serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratvars.errors import UsageError
from stratvars.store.fact import Examination, warn

if TYPE_CHECKING:
    from pathlib import Path

    from stratvars.database import Database
    from stratvars.store.base import Records, Store
    from stratvars.store.moving import OpenTarget, Source


def open_store(database: Database) -> Store:
    """The store a strategy writes to. Nothing is connected before its first verb."""
    if database.scheme == "memory":
        from stratvars.store.memory import MemoryStore

        return MemoryStore(keeps_history=False)  # nobody can look at it from outside of the process
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
    _check_there(database, database.path)
    from stratvars.store.sqlite.records import SqliteRecords

    return SqliteRecords(database.path)


def _check_there(database: Database, path: Path) -> None:
    if not path.exists():
        raise UsageError(
            f"there is no database at {path} yet (chosen by: {database.origin}); it is made when a strategy "
            "first runs. Name another with --db or DB_CONNECTION_STR"
        )


def open_source(database: Database, table: str) -> Source:
    """What strategies are moved from; see ``moving.py``. Raises as ``open_records`` does."""
    if database.scheme == "memory":
        raise UsageError(f"{database} lives in the process that made it; there is nothing to take from here")
    if database.path is None:
        from stratvars.store.postgres.moving import PostgresSource

        return PostgresSource(database, table)
    _check_there(database, database.path)
    from stratvars.store.sqlite.moving import SqliteSource

    return SqliteSource(database.path, table)


def open_target(database: Database, table: str) -> OpenTarget:
    """What strategies are moved into, renamed in or removed from; see ``moving.py``.

    Raises:
        UsageError: it is in the memory of this process, and would end with it.
    """
    if database.scheme == "memory":
        raise UsageError(f"{database} ends with the process that made it; name another with --db")
    if database.path is None:
        from stratvars.store.postgres.moving import postgres_target

        return postgres_target(database, table)
    from stratvars.store.sqlite.moving import sqlite_target

    return sqlite_target(database.path, table)


def examine(database: Database, table: str) -> Examination:
    """Look at everything a strategy needs of the database. Nothing is written, and no file is made.

    Trouble with the database is a fact among the others, and no error.
    """
    if database.scheme == "memory":
        text = f"{database}: variables live in the process that makes them, and end with it"
        remedy = "to keep them, name sqlite:///file.db or postgresql://user@host/database in DB_CONNECTION_STR"
        return Examination((warn("database", text, remedy),))
    if database.path is None:
        from stratvars.store.postgres import examine as postgres

        return postgres.examine(database, table)
    from stratvars.store.sqlite import examine as sqlite

    return sqlite.examine(database, table)


def ddl(database: Database, table: str, role: str | None) -> tuple[str, str | None]:
    """What an administrator runs so that a role needs no right to create, and the role; nothing is connected.

    Args:
        database: its URL names the role unless ``role`` does.
        table: the table's name.
        role: who is to have the rights; without any, they are left out.

    Raises:
        UsageError: it is no PostgreSQL.
        RefusedError: the URL cannot be read.
    """
    if database.scheme != "postgresql":
        raise UsageError(
            f"{database} (chosen by: {database.origin}) needs no administrator: its tables are made at the first "
            "start. For a PostgreSQL, name it with --db or DB_CONNECTION_STR"
        )
    from stratvars.store.postgres import examine as postgres
    from stratvars.store.postgres import statements

    role = postgres.role_of(database) if role is None else role
    return statements.ddl(table, role), role
