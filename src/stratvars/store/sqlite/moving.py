"""Moving strategies out of a SQLite file and into one; see ``stratvars.store.moving``."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stratvars.errors import UndecodableError
from stratvars.names import is_unicode
from stratvars.revision import Holder
from stratvars.store import sqlfiles
from stratvars.store.moving import BEGINNING, CurrentRow, HistoryRow, Place, There, Whole, WriterRow
from stratvars.store.sqlite.connect import explain, open_reader, open_writer
from stratvars.store.sqlite.lock import FileLock, lock_path
from stratvars.store.sqlite.rows import in_utc, time_in
from stratvars.store.sqlite.starts import is_start_held

_PACKAGE = __package__ or ""
_PATIENCE = 5.0
"""Seconds to wait for another writer, once for our lock and once for SQLite's."""
_MILLISECOND = 1000


class _Rows:
    """What both sides read."""

    def __init__(self, connection: sqlite3.Connection, path: Path, table: str) -> None:
        self._connection = connection
        self._path = path
        self._sql = sqlfiles.statements(_PACKAGE, table, "move.sql")

    def whole(self, strategy: str) -> Whole | None:
        row, writer = self._one("row", strategy), self._one("writer_row", strategy)
        if row is None and writer is None:
            return None
        current = None if row is None else CurrentRow(row[0], time_in(row[1]), row[2])
        return Whole(strategy, current, None if writer is None else _writer(writer))

    def since(self, strategy: str) -> Place:
        found = self._ask("since", {"strategy": strategy}).fetchone()
        return BEGINNING if found is None else (found[0], found[1])

    def count(self, strategy: str, since: Place) -> int:
        (found,) = self._ask("count", (strategy, *since)).fetchone()
        return int(found)

    def waiting(self, strategy: str) -> int:
        found = self._one("waiting", strategy)
        return 0 if found is None else int(found[0])

    def _one(self, name: str, strategy: str) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._ask(name, (strategy,)).fetchone()
        return found

    def _ask(self, name: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(self._sql[name], parameters)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error


class SqliteSource(_Rows):
    """See ``stratvars.store.moving.Source``; opened at once."""

    def __init__(self, path: Path, table: str) -> None:
        super().__init__(open_reader(path), path, table)
        self._table = table
        try:
            self._connection.execute("BEGIN")  # one moment, from the first look on
            query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)"
            self._is_there = self._connection.execute(query, (table,)).fetchone() is not None
        except sqlite3.Error as error:
            self._connection.close()
            raise explain(error, path, "read") from error

    def names(self) -> list[str]:
        return sorted(name for (name,) in self._ask("names")) if self._is_there else []

    def whole(self, strategy: str) -> Whole | None:
        return super().whole(strategy) if self._is_there else None

    def history(self, strategy: str, since: Place) -> Iterator[HistoryRow]:
        try:
            for row in self._ask("rows", (strategy, *since)):
                yield _history(row)
        except sqlite3.Error as error:
            raise explain(error, self._path, "read") from error

    def close(self) -> None:
        self._connection.close()


@contextmanager
def sqlite_target(path: Path, table: str) -> Iterator[SqliteTarget]:
    """A transaction on the file, made with its tables if it is not there; committed when the block is left well."""
    with closing(_lock(path)) as lock, lock.hold(_PATIENCE):
        is_new = not path.exists()
        is_done = False
        try:
            with closing(open_writer(path, _PATIENCE)) as connection:
                target = SqliteTarget(connection, path, table)
                with _transaction(connection, path, sqlfiles.statements(_PACKAGE, table)):
                    yield target
                    connection.execute("ROLLBACK" if target.is_cancelled else "COMMIT")
            is_done = not target.is_cancelled
        finally:
            if is_new and not is_done:
                path.unlink(missing_ok=True)  # under the lock: nobody else has written to it


@contextmanager
def _transaction(connection: sqlite3.Connection, path: Path, tables: Mapping[str, str]) -> Iterator[None]:
    try:
        connection.execute("BEGIN IMMEDIATE")
        for name in ("create_table", "create_writers", "create_history", "create_edits"):
            connection.execute(tables[name])
        yield
    except BaseException as error:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise explain(error, path) from error
        raise


class SqliteTarget(_Rows):
    """See ``stratvars.store.moving.Target``."""

    is_cancelled = False

    def find(self, strategy: str) -> There | None:
        whole, kept = self.whole(strategy), self.count(strategy, BEGINNING)
        if whole is None and kept == 0:
            return None
        holder = self._one("holder", strategy)
        whole = whole or Whole(strategy, None, None)
        newest = self._ask("start_of", (strategy, *whole.place)).fetchone()
        return There(whole, None if holder is None else Holder(*holder), newest[0] if newest else None, kept)

    def is_held(self, holder: Holder) -> bool | None:
        return is_start_held(lock_path(self._path), holder)

    def put(self, whole: Whole, over: There | None) -> None:
        key = {"strategy": whole.strategy}
        if whole.writer is not None:
            is_new = over is None or over.whole.writer is None
            self._ask("add_writer" if is_new else "put_writer", {**key, **asdict(whole.writer)})
        if whole.row is not None:
            times = {"last_updated": _text_of(whole.row.last_updated), "variables": _bound(whole.row.variables)}
            self._ask("put_row", {**key, "id": whole.row.id, "other": str(uuid.uuid4()), **times})

    def add(self, strategy: str, rows: Sequence[HistoryRow]) -> None:
        for row in rows:
            members = {**asdict(row), "saved_at": _text_of(row.saved_at), "changed": _bound(row.changed)}
            self._ask("add_history", {"strategy": strategy, **members})

    def rename(self, old: str, new: str) -> None:
        for name in ("rename_row", "rename_writer", "rename_history", "rename_edits"):
            self._ask(name, {"old": old, "new": new})

    def drop(self, strategy: str) -> None:
        for name in ("drop_row", "drop_writer", "drop_history", "drop_edits"):
            self._ask(name, (strategy,))

    def cancel(self) -> None:
        self.is_cancelled = True


def _lock(path: Path) -> FileLock:
    try:
        return FileLock(lock_path(path))
    except OSError as error:
        cause = sqlite3.OperationalError(error.strerror or "unable to open database file")
        cause.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise explain(cause, path) from error


def _writer(row: tuple[Any, ...]) -> WriterRow:
    writer = WriterRow(*row)
    return replace(writer, complete=bool(writer.complete))


def _history(row: tuple[Any, ...]) -> HistoryRow:
    found = HistoryRow(*row)
    return replace(found, saved_at=_time(row[2]), complete=bool(found.complete), snapshot=bool(found.snapshot))


def _time(text: str) -> datetime:
    try:
        return in_utc(text)
    except (TypeError, ValueError):
        raise UndecodableError("", "a time in the history is none; correct its saved_at") from None


def _text_of(time: datetime) -> str:
    """As this library writes it: thousandths of a second, unless a PostgreSQL knew it finer."""
    precision = "microseconds" if time.microsecond % _MILLISECOND else "milliseconds"
    return time.astimezone(UTC).isoformat(" ", precision)


def _bound(text: str) -> str | bytes:
    """A text for the driver, which takes none that is not UTF-8."""
    return text if is_unicode(text) else text.encode(errors="surrogateescape")
