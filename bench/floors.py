"""Floors: the least that any code could do which keeps the promises of a save. Nothing of this library is in them.

A save that keeps them has a *fence*, a row that only the newest start can move on; the current state, in the contract's
four columns, replaced only where it is as the last save left it; and the revision in a history, found by its key. All
of it is one transaction, durable whatever the role's settings say. Texts and numbers are ready-made.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from marshal import dumps
from pathlib import Path

import psycopg

_START_ID = "5b0c7d8e4f6a4c3f9a1e2d3c4b5a6978"
# Rows that share a page find room in it for their next version.
_TABLES = """
CREATE TABLE floor_writers (
    strategy_id text PRIMARY KEY, epoch bigint NOT NULL, revision bigint NOT NULL, start_id text NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE floor_state (
    id text PRIMARY KEY, last_updated timestamptz NOT NULL, variables text NOT NULL, strategy_id text NOT NULL UNIQUE
) WITH (fillfactor = 50);
CREATE TABLE floor_history (
    epoch bigint NOT NULL, revision bigint NOT NULL, saved_at timestamptz NOT NULL, complete boolean NOT NULL,
    strategy_id text NOT NULL, reason text NOT NULL, changed text NOT NULL,
    PRIMARY KEY (strategy_id, epoch, revision)
);
"""
_WRITERS = b"INSERT INTO floor_writers SELECT name, 1, 0, %s FROM unnest(%s::text[]) AS name"
_STATES = b"""
INSERT INTO floor_state SELECT gen_random_uuid()::text, now(), '{}', name FROM unnest(%s::text[]) AS name
RETURNING xmin::text
"""
_DURABLE = (
    "CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END"
)
_SAVE = f"""
WITH fence AS (
    UPDATE floor_writers SET revision = %(number)s::bigint
    WHERE strategy_id = %(strategy)s::text AND epoch = 1 AND start_id = %(start_id)s::text
        AND revision = %(number)s::bigint - 1
    RETURNING strategy_id
), state AS (
    UPDATE floor_state t SET last_updated = clock_timestamp(), variables = %(text)s::text
    FROM fence
    WHERE t.strategy_id = %(strategy)s::text AND t.xmin = %(xmin)s::text::xid
    RETURNING t.xmin::text AS xmin
), kept AS (
    INSERT INTO floor_history (epoch, revision, saved_at, complete, strategy_id, reason, changed)
    SELECT 1, %(number)s::bigint, clock_timestamp(), true, strategy_id, 'iteration', %(changed)s::text FROM fence
)
SELECT xmin, {_DURABLE} FROM state
""".encode()
_SAVE_ALL = f"""
WITH mine AS MATERIALIZED (
    SELECT * FROM unnest(%(strategies)b::text[], %(start_ids)b::text[], %(xmins)b::text[], %(texts)b::text[],
        %(changes)b::text[]) AS mine (strategy_id, start_id, xmin, variables, changed)
), fence AS (
    UPDATE floor_writers w SET revision = %(number)s::bigint
    FROM mine
    WHERE w.strategy_id = mine.strategy_id AND w.epoch = 1 AND w.start_id = mine.start_id
        AND w.revision = %(number)s::bigint - 1
    RETURNING mine.*
), state AS (
    UPDATE floor_state t SET last_updated = clock_timestamp(), variables = fence.variables
    FROM fence
    WHERE t.strategy_id = fence.strategy_id AND t.xmin = fence.xmin::xid
    RETURNING t.xmin::text AS xmin
), kept AS (
    INSERT INTO floor_history (epoch, revision, saved_at, complete, strategy_id, reason, changed)
    SELECT 1, %(number)s::bigint, clock_timestamp(), true, strategy_id, 'iteration', changed FROM fence
)
SELECT min(xmin), count(*), {_DURABLE} FROM state
""".encode()


class PostgresFloor:
    """So many strategies, held by one start, and one prepared statement for a save of one or of all of them."""

    def __init__(self, connection: psycopg.Connection, strategies: int = 1) -> None:
        self._connection = connection
        self._names = [f"bot-{number}" for number in range(strategies)]
        self._number = 0
        connection.execute(_TABLES.encode())
        connection.execute(_WRITERS, (_START_ID, self._names))
        self._xmin = _only(connection.execute(_STATES, (self._names,)).fetchone())

    def save(self, text: str) -> None:
        """Of the first one, all of whose variables changed."""
        self._number += 1
        parameters = {"strategy": self._names[0], "start_id": _START_ID, "number": self._number, "xmin": self._xmin}
        cursor = self._connection.execute(_SAVE, {**parameters, "text": text, "changed": text}, prepare=True)
        self._xmin = _only(cursor.fetchone())

    def save_all(self, texts: Sequence[str]) -> None:
        """Of all of them at once."""
        self._number += 1
        many = len(self._names)
        parameters = {"strategies": self._names, "start_ids": [_START_ID] * many, "xmins": [self._xmin] * many}
        cursor = self._connection.execute(
            _SAVE_ALL, {**parameters, "number": self._number, "texts": texts, "changes": texts}, prepare=True
        )
        self._xmin = _only(cursor.fetchone(), many)


def _only(row: tuple[object, ...] | None, many: int | None = None) -> str:
    """The transaction that wrote what a save is to have written."""
    if row is None or (many is not None and row[1] != many):
        raise RuntimeError("a floor that does not write is none")
    return str(row[0])


@contextmanager
def postgres_floor(url: str, strategies: int = 1) -> Iterator[PostgresFloor]:
    """On a connection of its own, sent from the caller's thread."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        yield PostgresFloor(connection, strategies)


@contextmanager
def uncompressed(url: str) -> Iterator[Callable[[str], object]]:
    """A bare update of one text that the server stores as it is: of a large state all the rest is little."""
    update = b"UPDATE floor_large SET variables = %s WHERE strategy_id = 'bot'"
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute("CREATE TABLE floor_large (strategy_id text PRIMARY KEY, variables text NOT NULL)")
        connection.execute("ALTER TABLE floor_large ALTER COLUMN variables SET STORAGE EXTERNAL")
        connection.execute("INSERT INTO floor_large VALUES ('bot', '')")
        yield lambda text: connection.execute(update, (text,), prepare=True).close()


def looking(values: Mapping[str, object], floor: Callable[[str], object]) -> Callable[[str], object]:
    """The same by somebody who sees that nothing has changed in place, and knows the text again by its SHA-256.

    marshal is the fastest of the standard library that tells an int from a bool and a list from a tuple.
    """
    restless = [value for value in values.values() if not isinstance(value, int | float | str)]
    kept = dumps(restless)

    def save(text: str) -> None:
        if dumps(restless) != kept:
            raise RuntimeError("it has changed")
        sha256(text.encode()).hexdigest()
        floor(text)

    return save


class SqliteFloor:
    """The same in a SQLite file: a transaction that writes three pages."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._number = 0
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE floor_writers (strategy_id TEXT PRIMARY KEY, epoch INTEGER, revision INTEGER, start_id TEXT)"
            " WITHOUT ROWID"
        )
        connection.execute(
            "CREATE TABLE floor_state (id TEXT PRIMARY KEY, last_updated TIMESTAMP, variables TEXT, "
            "strategy_id TEXT UNIQUE)"
        )
        connection.execute(
            "CREATE TABLE floor_history (strategy_id TEXT, epoch INTEGER, revision INTEGER, saved_at TIMESTAMP, "
            "reason TEXT, complete INTEGER, changed TEXT, PRIMARY KEY (strategy_id, epoch, revision)) WITHOUT ROWID"
        )
        connection.execute("INSERT INTO floor_writers VALUES ('bot', 1, 0, ?)", (_START_ID,))
        connection.execute("INSERT INTO floor_state VALUES ('row', CURRENT_TIMESTAMP, '{}', 'bot')")
        self._version = self._seen()

    def save(self, text: str) -> None:
        """A state, all of whose variables changed."""
        self._number += 1
        execute, number = self._connection.execute, self._number
        execute("BEGIN IMMEDIATE")
        fence = execute(
            "UPDATE floor_writers SET revision = ? WHERE strategy_id = 'bot' AND epoch = 1 AND start_id = ? "
            "AND revision = ?",
            (number, _START_ID, number - 1),
        )
        if fence.rowcount != 1 or self._seen() != self._version:
            raise RuntimeError("somebody else has written")
        execute(
            "UPDATE floor_state SET last_updated = CURRENT_TIMESTAMP, variables = ? WHERE strategy_id = 'bot'", (text,)
        )
        execute("INSERT INTO floor_history VALUES ('bot', 1, ?, CURRENT_TIMESTAMP, 'iteration', 1, ?)", (number, text))
        execute("COMMIT")

    def _seen(self) -> int:
        """Another number once another connection has written."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


class Texts:
    """What a save has to know of a state before it is sent: its text, what changed, and by what it is known again."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, values: Mapping[str, object]) -> str:
        """The text of the state, all of which has changed; of plain values alone, whose types JSON keeps."""
        texts = {name: _json_of(value) for name, value in values.items()}
        changed = {name: text for name, text in texts.items() if self._known.get(name) != text}
        if len(changed) < len(texts):
            raise RuntimeError("something has not changed")
        self._known = texts
        text = "{" + ", ".join([f'"{name}": {text}' for name, text in texts.items()]) + "}"
        sha256(text.encode()).hexdigest()
        return text


_json_of = json.JSONEncoder(ensure_ascii=False).encode


@contextmanager
def in_its_place(path: Path, save: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """The same by somebody whom no other process meets, and who sees when the file is not the one he has open."""
    there, beside = _place_of(path), _place_of(path.parent)

    def guarded(text: str) -> None:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            if _place_of(path) != there or _place_of(path.parent) != beside:
                raise RuntimeError("somebody has put another file there")
            save(text)
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)

    with path.with_name("floor.lock").open("w") as lock:
        yield guarded


def _place_of(path: Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - a Path takes twice as long
    return status.st_dev, status.st_ino


@contextmanager
def sqlite_floor(folder: Path) -> Iterator[SqliteFloor]:
    """In a file of its own; usable from any thread, one at a time."""
    path = floor_path(folder)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        yield SqliteFloor(connection)


def floor_path(folder: Path) -> Path:
    """The file of ``sqlite_floor``."""
    return folder / "floor.db"
