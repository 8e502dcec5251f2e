"""The history of one strategy while it is thinned; see ``stratvars.store.thin.Shelf``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stratvars.retention import NOTHING
from stratvars.revision import Entry, Kept
from stratvars.store.current import kept_from, rewritten
from stratvars.store.postgres import rows
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.session import transaction
from stratvars.store.postgres.statements import statements, table_names
from stratvars.store.thin import thin
from stratvars.thinning import Place, Plan, Step

_PATIENCE = "200"
"""Milliseconds: a step may be made later, a save may not wait for it."""


class PostgresShelf:
    """Used inside of one transaction; see ``Shelf``."""

    def __init__(self, connection: WatchedConnection, table: str, strategy: str) -> None:
        self._connection = connection
        self._sql = statements(table)
        self._strategy = strategy

    def page(self, since: Place) -> Iterable[Entry]:
        return [rows.entry(row) for row in self._run("page", {"epoch": since[0], "revision": since[1]})]

    def newest_crash(self) -> Place | None:
        return next(((epoch, number) for epoch, number in self._run("newest_crash", {})), None)

    def chain(self, first: Place, last: Place) -> list[Kept]:
        span = {"epoch": first[0], "first": first[1], "last": last[1]}
        return [kept_from(row) for row in self._run("chain", span)]

    def rewrite(self, epoch: int, revisions: Sequence[Kept]) -> None:
        for revision in revisions:
            self._connection.execute(self._sql["rewrite"].encode(), rewritten(self._strategy, epoch, revision))

    def remove(self, places: Sequence[Place]) -> None:
        if places:
            gone = {"epochs": [epoch for epoch, _ in places], "numbers": [number for _, number in places]}
            self._connection.execute(self._sql["remove"].encode(), {"strategy": self._strategy, **gone})

    def _run(self, statement: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        query = self._sql[statement].encode()
        return self._connection.execute(query, {"strategy": self._strategy, **parameters}).fetchall()


def thin_one(connection: WatchedConnection, table: str, strategy: str, step: Step) -> Plan:
    """See ``stratvars.store.base.Store.thin``."""
    sql = statements(table)
    wanted = {"strategy": strategy, "history": table_names(table)["T_history"]}
    with transaction(connection):
        connection.execute(sql["settings"].encode(), {"patience": _PATIENCE})
        # Two that rewrite one chain from what each has read would leave a state that neither has seen.
        row = connection.execute(sql["thinner"].encode(), wanted).fetchone()
        if row != (True,):
            return Plan((), (), NOTHING, NOTHING, step.over, step.since, is_young=False)
        return thin(PostgresShelf(connection, table, strategy), step)
