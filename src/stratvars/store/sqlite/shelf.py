"""The history of one strategy while it is thinned; see ``stratvars.store.thin.Shelf``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from stratvars.revision import Entry, Kept
from stratvars.store.current import kept_from, rewritten
from stratvars.store.sqlite import rows
from stratvars.thinning import Place


class SqliteShelf:
    """Used inside of one transaction that writes; see ``Shelf``."""

    def __init__(self, connection: sqlite3.Connection, sql: dict[str, str], strategy: str) -> None:
        self._connection = connection
        self._sql = sql
        self._strategy = strategy

    def page(self, since: Place) -> Iterable[Entry]:
        place = {"strategy": self._strategy, "epoch": since[0], "revision": since[1]}
        # One by one: SQLite reads a text to tell its length, and whoever asks may have seen enough.
        return map(rows.entry, self._connection.execute(self._sql["page"], place))

    def newest_crash(self) -> Place | None:
        found = self._connection.execute(self._sql["newest_crash"], {"strategy": self._strategy}).fetchone()
        return None if found is None else (found[0], found[1])

    def chain(self, first: Place, last: Place) -> list[Kept]:
        span = {"strategy": self._strategy, "epoch": first[0], "first": first[1], "last": last[1]}
        return [kept_from(row) for row in self._connection.execute(self._sql["chain"], span)]

    def rewrite(self, epoch: int, revisions: Sequence[Kept]) -> None:
        self._connection.executemany(
            self._sql["rewrite"], [rewritten(self._strategy, epoch, revision) for revision in revisions]
        )

    def remove(self, places: Sequence[Place]) -> None:
        gone = [{"strategy": self._strategy, "epoch": epoch, "number": number} for epoch, number in places]
        self._connection.executemany(self._sql["remove"], gone)
