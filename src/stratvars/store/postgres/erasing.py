"""Erasing variables from a PostgreSQL; see ``stratvars.store.erase.Erasable``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

import psycopg
from psycopg.errors import Diagnostic

from stratvars.erasing import Erased, Erasing, Noted, Said
from stratvars.revision import Entry
from stratvars.store.erase import erase, placed
from stratvars.store.postgres import rows
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.session import transaction
from stratvars.store.postgres.statements import statements, table_names
from stratvars.thinning import Place

_PATIENCE: Final = "1000"
"""Milliseconds to wait for somebody's lock."""


class PostgresErasable:
    """Used inside of one transaction; see ``Erasable``."""

    def __init__(self, connection: WatchedConnection, table: str, strategy: str) -> None:
        self._connection = connection
        self._sql = statements(table)
        self._strategy = strategy

    def page(self, since: Place) -> Iterable[Entry]:
        return [rows.entry(row) for row in self._ask("page", epoch=since[0], revision=since[1])]

    def said(self, first: Place, last: Place) -> list[Said]:
        span = {"epoch": first[0], "revision": first[1], "last_epoch": last[0], "last_revision": last[1]}
        return [Said((epoch, number), *texts) for epoch, number, *texts in self._ask("said", **span)]

    def say(self, anew: Sequence[Said]) -> None:
        for said in anew:
            self._send("say", **placed(said))

    def noted(self, after: int, last: int, limit: int) -> list[Noted]:
        return [Noted(*row) for row in self._ask("noted", after=after, last=last, limit=limit)]

    def note(self, anew: Sequence[Noted]) -> None:
        for noted in anew:
            self._send("note", **asdict(noted))

    def _ask(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._send(statement, **parameters).fetchall()

    def _send(self, statement: str, **parameters: object) -> psycopg.Cursor[tuple[Any, ...]]:
        query = self._sql[statement].encode()
        return self._connection.execute(query, {"strategy": self._strategy, **parameters})


def erase_one(connection: WatchedConnection, table: str, strategy: str, step: Erasing) -> Erased:
    """See ``stratvars.store.base.Store.erase``."""
    sql = statements(table)
    wanted = {"strategy": strategy, "history": table_names(table)["T_history"]}
    with transaction(connection):
        connection.execute(sql["settings"].encode(), {"patience": _PATIENCE})
        # One that thins a chain would write again what it has read before it was erased.
        if connection.execute(sql["thinner"].encode(), wanted).fetchone() != (True,):
            return Erased(0, step)
        return erase(PostgresErasable(connection, table, strategy), step)


def scrub(connection: WatchedConnection, table: str) -> list[str]:
    """Give the room of old rows free, where the role may; what there is to say of the bytes that were in it."""
    skipped: list[str] = []

    def listen(warning: Diagnostic) -> None:
        if warning.severity_nonlocalized == "WARNING":
            skipped.append(warning.sqlstate or "")

    connection.add_notice_handler(listen)
    try:
        connection.execute(statements(table)["vacuum"].encode(), {}, prepare=False)
    except psycopg.Error:  # held up, or it takes longer than a statement may here
        skipped.append("")
    finally:
        connection.remove_notice_handler(listen)
    tables = ", ".join(table_names(table).values())
    who = "so let their owner run" if skipped else "so to be sure, run"
    room = (
        "PostgreSQL writes over the bytes of old rows in its files when it needs their room, "
        f"{who}: VACUUM FULL {tables}; it locks each table while it writes it anew"
    )
    return [room, "the server's log (WAL), archives, standbys, backups and exports still have what they had"]
