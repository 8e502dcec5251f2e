"""The three stores as the machine needs them: what a start is given, what is stored, and what another hand can do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import psycopg

from stratvars.revision import Stored
from stratvars.settings import resolve
from stratvars.store.base import Records, Store
from stratvars.store.memory import MemoryStore
from stratvars.store.memory_rows import Row
from stratvars.store.postgres.records import PostgresRecords
from stratvars.store.postgres.store import PostgresStore
from stratvars.store.sqlite.records import SqliteRecords
from stratvars.store.sqlite.store import SqliteStore
from stratvars.store.verdict import Found

NAME = "bot"


class Place(Protocol):
    """Where one example keeps its variables, in a table of its own."""

    url: str
    table: str
    records: Records

    def store(self) -> Store:
        """A store for one process."""

    def write(self, text: str) -> None:
        """Another hand puts this into the column ``variables``."""

    def text(self) -> str | None:
        """What stands in that column."""

    def bury(self) -> None:
        """Have the owner in the writers' row be a process that has ended."""

    def end_lease(self) -> None:
        """Have the lease in the writers' row be over."""

    def all_reasons(self) -> list[str]:
        """Why each revision was taken, also those that were fenced, in their order."""

    def close(self) -> None:
        """It is used no more."""


def dead(owner: str) -> str:
    """The same process id, but of a process that was started at another time."""
    return json.dumps(json.loads(owner) | {"started": 1}, separators=(",", ":"))


class Memory:
    """One store that all processes share."""

    url = "memory://"

    def __init__(self) -> None:
        self.table = "vars_backup"
        self._store = MemoryStore()
        self._store.prepare(self.table)
        self.records: Records = self._store

    def store(self) -> Store:
        return self._store

    @property
    def _rows(self) -> dict[str, Row]:
        return self._store._tables[self.table]

    def write(self, text: str) -> None:
        unknown = Stored(NAME, "", 0, "", datetime.now(UTC), 0.0, 0, True, 0, "", False, {}, 0, 0)
        row = self._rows.setdefault(NAME, Row(Found(0, 0, "", "", stamp="0")))
        row.stored = replace(row.stored or unknown, variables=text, foreign=True)

    def text(self) -> str | None:
        stored = self._rows[NAME].stored if NAME in self._rows else None
        return None if stored is None else stored.variables

    def _alter(self, **members: str) -> None:
        self._rows[NAME].found = self._rows[NAME].found._replace(**members)  # type: ignore[arg-type]

    def bury(self) -> None:
        self._alter(owner=dead(self._rows[NAME].found.owner))

    def end_lease(self) -> None:
        self._alter(stamp="0.0")

    def all_reasons(self) -> list[str]:
        kept = [kept for kept, _ in self._rows[NAME].history] if NAME in self._rows else []
        fenced = self._rows[NAME].fenced if NAME in self._rows else []
        return [kept.reason for kept in (*kept, *fenced)]

    def close(self) -> None:
        self._store.close()


class Sql:
    """What the two kinds of database have in common.

    Args:
        run: one statement, with ``%s`` for each parameter; the rows, if it has any.
        past: a moment that is over, as the database says it.
    """

    def __init__(
        self, url: str, table: str, records: Records, run: Callable[[str, tuple[str, ...]], list[Any]], past: str
    ) -> None:
        self.url = url
        self.table = table
        self.records = records
        self._run = run
        self._past = past

    def write(self, text: str) -> None:
        now = self._past.replace("-1", "+0")
        self._run(
            f'INSERT INTO "{self.table}" (id, last_updated, variables, strategy_id) VALUES (%s, {now}, %s, %s) '
            "ON CONFLICT (strategy_id) DO UPDATE SET variables = excluded.variables",
            ("by hand", text, NAME),
        )

    def text(self) -> str | None:
        found = self._run(f'SELECT variables FROM "{self.table}" WHERE strategy_id = %s', (NAME,))
        return found[0][0] if found else None

    def bury(self) -> None:
        [(owner,)] = self._run(f'SELECT owner FROM "{self.table}_writers"', ())
        self._run(f'UPDATE "{self.table}_writers" SET owner = %s', (dead(owner),))

    def end_lease(self) -> None:
        self._run(f'UPDATE "{self.table}_writers" SET lease_until = {self._past}', ())

    def all_reasons(self) -> list[str]:
        found = self._run(f'SELECT reason FROM "{self.table}_history" ORDER BY epoch, revision', ())
        return [reason for (reason,) in found]

    def close(self) -> None:
        self.records.close()


class Sqlite(Sql):
    """A file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(SqliteStore(path)) as store:
            store.prepare("vars_backup")
        past = "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', '-1 seconds')"
        super().__init__(f"sqlite:///{path}", "vars_backup", SqliteRecords(path), self._do, past)

    def _do(self, statement: str, parameters: tuple[str, ...]) -> list[Any]:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            return connection.execute(statement.replace("%s", "?"), parameters).fetchall()

    def store(self) -> Store:
        return SqliteStore(self._path)


class Postgres(Sql):
    """Tables on a server."""

    def __init__(self, url: str, table: str) -> None:
        with closing(PostgresStore(resolve(url))) as store:
            store.prepare(table)
        self._connection = psycopg.connect(url, autocommit=True)
        past = "clock_timestamp() + interval '-1 seconds'"
        super().__init__(url, table, PostgresRecords(resolve(url)), self._do, past)

    def _do(self, statement: str, parameters: tuple[str, ...]) -> list[Any]:
        cursor = self._connection.execute(statement.encode(), parameters)
        return [] if cursor.description is None else cursor.fetchall()

    def store(self) -> Store:
        return PostgresStore(resolve(self.url))

    def close(self) -> None:
        super().close()
        self._connection.close()
