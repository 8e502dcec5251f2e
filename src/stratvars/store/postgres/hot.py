"""Statements that are sent often: prepared once per connection, and bound without the driver's cursor.

A cursor looks each value's type up, guesses at the statement and keeps what came back; here all of that is known
before, and it takes as long as the rest of what the driver does. What is sent a second time on a connection is prepared
in the same round trip, in the protocol's pipeline (PostgreSQL's manual, libpq, "Pipeline Mode").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from operator import itemgetter
from typing import TYPE_CHECKING

from psycopg import capabilities, generators
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from stratvars.store.postgres.statements import statements

if TYPE_CHECKING:
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn, PGresult

    from stratvars.store.postgres.connect import WatchedConnection

Row = tuple[bytes | None, ...]
"""What came back, each value as the server's text of it."""

_PLACE = re.compile(r"%\((\w+)\)([sb])|%%")
_BINARY = "b"


@dataclass(frozen=True, slots=True)
class Statement:
    """One with numbered parameters, whose types it says itself.

    Attributes:
        text: as the server takes it.
        bound: the parameters in the order of their numbers, by name.
        formats: for each of them 1 where it is not a text but binary; None where all are texts.
    """

    text: bytes
    bound: Callable[[Mapping[str, bytes]], Sequence[bytes]]
    formats: Sequence[int] | None


@cache
def statement(table: str, name: str) -> Statement:
    """One of ``statements.sql``."""
    names: dict[str, int] = {}
    formats: list[int] = []

    def number(found: re.Match[str]) -> str:
        if found[1] is None:
            return "%"
        if found[1] not in names:
            names[found[1]] = len(names) + 1
            formats.append(int(found[2] == _BINARY))
        return f"${names[found[1]]}"

    text = _PLACE.sub(number, statements(table)[name]).encode()
    if len(names) == 1:
        [only] = names
        return Statement(text, lambda values: (values[only],), None)
    return Statement(text, itemgetter(*names), formats if any(formats) else None)


def ask(connection: WatchedConnection, wanted: Statement, values: Mapping[str, bytes]) -> list[Row]:
    """Send a statement and return its rows.

    Args:
        connection: on which nothing else is going on.
        wanted: the statement.
        values: its parameters as the server reads them, by name; no text holds a NUL.

    Raises:
        psycopg.Error: as the driver's own ``execute``.
    """
    result = connection.wait(_answer(connection, wanted, wanted.bound(values)))
    columns = range(result.nfields)
    return [tuple([result.get_value(row, column) for column in columns]) for row in range(result.ntuples)]


def is_ready(connection: WatchedConnection, wanted: Statement) -> bool:
    """Whether it is sent, and its answer read, without anything beside it: it is prepared, or never will be."""
    return connection.hot.get(wanted.text) is not None or connection.prepare_threshold is None


def _answer(connection: WatchedConnection, wanted: Statement, bound: Sequence[bytes]) -> PQGen[PGresult]:
    pgconn = connection.pgconn
    if connection.prepare_threshold is None or wanted.text not in connection.hot:
        connection.hot[wanted.text] = None
        pgconn.send_query_params(wanted.text, bound, param_formats=wanted.formats)
        results = yield from generators.execute(pgconn)
    elif (name := connection.hot[wanted.text]) is not None:
        pgconn.send_query_prepared(name, bound, wanted.formats)
        results = yield from generators.execute(pgconn)
    else:
        results = yield from _prepared(connection, wanted, bound)
    return _checked(connection, results)


def _prepared(connection: WatchedConnection, wanted: Statement, bound: Sequence[bytes]) -> PQGen[list[PGresult]]:
    """Prepare it and send it. Its name is noted only where the server has: it may be told to stop before."""
    pgconn = connection.pgconn
    # Behind a pooler a session may have been another process's: one name is one text, whoever prepared it.
    name = b"sv_" + sha256(wanted.text).hexdigest()[:16].encode()
    if capabilities.has_pipeline():
        made, results = yield from _pipelined(pgconn, name, wanted, bound)
        _checked(connection, made)
    else:
        pgconn.send_prepare(name, wanted.text)
        made = yield from generators.execute(pgconn)
        _checked(connection, made)
        pgconn.send_query_prepared(name, bound, wanted.formats)
        results = yield from generators.execute(pgconn)
    connection.hot[wanted.text] = name
    return results


def _pipelined(
    pgconn: PGconn, name: bytes, wanted: Statement, bound: Sequence[bytes]
) -> PQGen[tuple[list[PGresult], list[PGresult]]]:
    pgconn.enter_pipeline_mode()
    pgconn.send_prepare(name, wanted.text)
    pgconn.send_query_prepared(name, bound, wanted.formats)
    pgconn.pipeline_sync()
    made: list[PGresult] = yield from generators.execute(pgconn)
    results: list[PGresult] = yield from generators.fetch_many(pgconn)
    yield from generators.fetch_many(pgconn)  # the end of the pipeline
    pgconn.exit_pipeline_mode()
    return made, results


def _checked(connection: WatchedConnection, results: Sequence[PGresult]) -> PGresult:
    result = results[-1]
    if result.status == ExecStatus.FATAL_ERROR:
        raise error_from_result(result, encoding=connection.info.encoding)
    return result
