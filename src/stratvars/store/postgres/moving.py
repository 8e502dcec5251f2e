"""Moving strategies out of a PostgreSQL and into one; see ``stratvars.store.moving``."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from stratvars.database import Database
from stratvars.errors import RefusedError, UnavailableError
from stratvars.names import is_unicode
from stratvars.revision import Holder
from stratvars.store.moving import BEGINNING, CurrentRow, HistoryRow, Place, There, Whole, WriterRow
from stratvars.store.postgres import schema
from stratvars.store.postgres.connect import Connector, close
from stratvars.store.postgres.explain import explain
from stratvars.store.postgres.session import Session
from stratvars.store.postgres.statements import statements, table_names

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PATIENCE = "5000"
"""Milliseconds to wait for somebody's lock."""
_PAGE_BYTES = 1_000_000
_PAGE_ROWS = 1_000
_TWICE = "23505"
_TRIES = 5


class _Rows:
    """What both sides read, on a connection of their own that is in a transaction from begin to end."""

    def __init__(self, database: Database, table: str, mode: str) -> None:
        connector = Connector(database)
        self._connection = connector.open(prepared=False)
        self._place = connector.place
        self._table = table
        self._sql = statements(table, "move.sql")
        try:
            self._send(f"BEGIN ISOLATION LEVEL {mode}")
        except BaseException:
            self.close()
            raise

    def whole(self, strategy: str) -> Whole | None:
        row, writer = self._one("row", strategy), self._one("writer_row", strategy)
        if row is None and writer is None:
            return None
        current = None if row is None else CurrentRow(row[0], _time(row[1]), row[2])
        return Whole(strategy, current, None if writer is None else WriterRow(*writer))

    def since(self, strategy: str) -> Place:
        found = self._one("since", strategy)
        return BEGINNING if found is None else (found[0], found[1])

    def count(self, strategy: str, since: Place) -> int:
        return int(self._ask("count", {"strategy": strategy, **_at(since)})[0][0])

    def waiting(self, strategy: str) -> int:
        found = self._one("waiting", strategy)
        return 0 if found is None else int(found[0])

    def close(self) -> None:
        close(self._connection)

    def _one(self, name: str, strategy: str, **more: object) -> tuple[Any, ...] | None:
        found = self._ask(name, {"strategy": strategy, **more})
        return found[0] if found else None

    def _ask(self, name: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        return self._send(self._sql[name], parameters)

    def _send(self, statement: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        problem: UnavailableError
        try:
            cursor = self._connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description is not None else []
        except psycopg.Error as error:
            problem = explain(error, self._place)
            if error.sqlstate == _TWICE:
                problem = UnavailableError(f"{self._place}: a strategy of that name was just started; look again")
        raise problem  # outside of the block: on an error of ours must hang no text of the driver


class PostgresSource(_Rows):
    """See ``stratvars.store.moving.Source``; connected at once."""

    def __init__(self, database: Database, table: str) -> None:
        super().__init__(database, table, "REPEATABLE READ READ ONLY")
        try:
            [found] = self._send(statements(table)["present"], table_names(table))
        except BaseException:
            self.close()
            raise
        self._is_there = None not in found

    def names(self) -> list[str]:
        return sorted(name for (name,) in self._ask("names", {})) if self._is_there else []

    def whole(self, strategy: str) -> Whole | None:
        return super().whole(strategy) if self._is_there else None

    def history(self, strategy: str, since: Place) -> Iterator[HistoryRow]:
        limit = 1
        while page := self._ask("rows", {"strategy": strategy, **_at(since), "limit": limit}):
            for row in page:
                yield replace(HistoryRow(*row), saved_at=_time(row[2]))
            since = (page[-1][0], page[-1][1] + 1)
            # The next page is made larger as long as this one was small: a row may be a megabyte.
            is_small = sum(len(row[6]) for row in page) < _PAGE_BYTES
            limit = min(2 * limit, _PAGE_ROWS) if is_small else max(1, limit // 2)


@contextmanager
def postgres_target(database: Database, table: str) -> Iterator[PostgresTarget]:
    """A transaction on tables that are made if they are not there; committed when the block is left well."""
    with closing(Session(database)) as session:
        schema.prepare(session, table)
    with closing(PostgresTarget(database, table, "READ COMMITTED READ WRITE")) as target:
        target.begin()
        yield target
        if not target.is_cancelled:
            target.commit()


class PostgresTarget(_Rows):
    """See ``stratvars.store.moving.Target``. Closed before ``commit``, nothing of it has happened."""

    is_cancelled = False

    def begin(self) -> None:
        """A commit that is durable, and no long wait for somebody's lock."""
        self._send(statements(self._table)["settings"], {"patience": _PATIENCE})

    def commit(self) -> None:
        """Make it durable."""
        try:
            self._send("COMMIT")
        except UnavailableError as error:
            error.add_note("It is not known whether it was done: run the command again, it is not done twice.")
            raise

    def find(self, strategy: str) -> There | None:
        for _ in range(_TRIES):
            # The lock first: what is read after it is read under it. The writers' row again at the end: where that came
            # in between, another transaction has just put the strategy there, and it has to be locked, too.
            holder = self._one("holder", strategy)
            kept, whole = self.count(strategy, BEGINNING), self.whole(strategy)
            if holder is not None or whole is None or whole.writer is None:
                return self._there(whole or Whole(strategy, None, None), holder, kept)
        raise UnavailableError(f"{self._place}: the row of {strategy!r} comes and goes; run the command again")

    def _there(self, whole: Whole, holder: tuple[Any, ...] | None, kept: int) -> There | None:
        if whole.row is None and whole.writer is None and kept == 0:
            return None
        newest = self._one("start_of", whole.strategy, **_at(whole.place))
        return There(whole, None if holder is None else Holder(*holder), newest[0] if newest else None, kept)

    def is_held(self, holder: Holder) -> bool | None:  # noqa: ARG002  the port's signature
        return None

    def put(self, whole: Whole, over: There | None) -> None:
        key = {"strategy": whole.strategy}
        if whole.writer is not None:
            is_new = over is None or over.whole.writer is None
            self._ask("add_writer" if is_new else "put_writer", {**key, **self._storable(asdict(whole.writer))})
        if whole.row is not None:
            self._ask("put_row", {**key, "other": str(uuid.uuid4()), **self._storable(asdict(whole.row))})

    def add(self, strategy: str, rows: Sequence[HistoryRow]) -> None:
        members = [self._storable(asdict(row)) for row in rows]
        columns = {field.name: [row[field.name] for row in members] for field in fields(HistoryRow)}
        self._ask("add_history", {"strategy": strategy, **columns})

    def rename(self, old: str, new: str) -> None:
        for name in ("rename_writer", "rename_row", "rename_history", "rename_edits"):
            self._ask(name, {"old": old, "new": new})

    def drop(self, strategy: str) -> None:
        for name in ("drop_row", "drop_history", "drop_edits", "drop_writer"):
            self._ask(name, {"strategy": strategy})

    def cancel(self) -> None:
        self.is_cancelled = True

    def _storable(self, members: dict[str, Any]) -> dict[str, Any]:
        for name, value in members.items():
            if isinstance(value, str) and ("\0" in value or not is_unicode(value)):
                raise RefusedError(
                    f"{self._place} cannot keep what stands in {name}: it holds bytes that are no UTF-8, or a NUL. "
                    "Somebody put it there by hand; correct it where it comes from, or keep it in SQLite"
                )
        return members


def _at(place: Place) -> dict[str, object]:
    return {"epoch": place[0], "revision": place[1]}


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
