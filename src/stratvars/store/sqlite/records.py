"""Looking at a SQLite file without ever writing to it, while a bot runs or after it died."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stratvars.edits import Asked, Signature
from stratvars.revision import Entry, Holder, Kept, Landmark, Moment, Stored
from stratvars.store import sqlfiles
from stratvars.store.current import HIGHEST, kept_from, listing
from stratvars.store.sqlite import rows
from stratvars.store.sqlite.connect import explain, open_reader
from stratvars.store.sqlite.lock import lock_path
from stratvars.store.sqlite.starts import is_start_held
from stratvars.store.tenure import Tenure, tenure_from
from stratvars.thinning import Place

_PACKAGE = __package__ or ""
_Parameters = tuple[str, ...] | dict[str, str | int | None]


class SqliteRecords:
    """See ``stratvars.store.base.Records``. Opened at once; one thread at a time.

    Raises:
        RefusedError: the file is not there or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_reader(path)

    def strategies(self, table: str) -> list[Stored]:
        return [rows.stored(row) for row in self._fetch(table, "all_current", ())]

    def current(self, table: str, strategy: str) -> Stored | None:
        found = self._fetch(table, "current", (strategy,))
        return rows.stored(found[0]) if found else None

    def history(self, table: str, strategy: str, moment: Moment) -> list[Kept]:
        wanted = {"strategy": strategy, "revision": None if moment is Landmark.LAST_ITERATION else moment}
        return [kept_from(row) for row in self._fetch(table, "history", wanted)]

    def revisions(
        self,
        table: str,
        strategy: str,
        *,
        limit: int,
        before: tuple[int, int] | None = None,
        until: datetime | None = None,
        reason: str | None = None,
    ) -> list[Entry]:
        time = None if until is None else until.astimezone(UTC).isoformat()
        later = [] if time is None else self._fetch(table, "later", {"strategy": strategy, "until": time})
        epoch, revision = min([before or HIGHEST, *later])
        wanted: _Parameters = {
            "strategy": strategy,
            "epoch": epoch,
            "revision": revision,
            "reason": reason,
            "until": time,
            "limit": limit,
        }
        return [rows.entry(row) for row in self._fetch(table, listing(reason), wanted)]

    def edits(self, table: str, strategy: str, *, limit: int, number: int | None = None) -> list[Asked]:
        wanted: _Parameters = {"strategy": strategy, "limit": limit, "number": number}
        return [rows.asked(row) for row in self._fetch(table, "edits", wanted)]

    def signatures(self, table: str, strategy: str, first: int, last: int) -> list[Signature]:
        wanted: _Parameters = {"strategy": strategy, "first": first, "last": last}
        return [Signature(*row) for row in self._fetch(table, "signatures", wanted)]

    def tenures(self, table: str) -> list[Tenure]:
        return [tenure_from(row) for row in self._fetch(table, "tenures", ())]

    def is_held(self, holder: Holder) -> bool | None:
        return is_start_held(lock_path(self._path), holder)

    def page(self, table: str, strategy: str, since: Place) -> list[Entry]:
        wanted: _Parameters = {"strategy": strategy, "epoch": since[0], "revision": since[1]}
        return [rows.entry(row) for row in self._fetch(table, "page", wanted)]

    def close(self) -> None:
        self._connection.close()

    def _fetch(self, table: str, statement: str, parameters: _Parameters) -> list[tuple[Any, ...]]:
        sql = sqlfiles.statements(_PACKAGE, table)
        try:
            if not self._has(table):
                return []
            return self._connection.execute(sql[statement], parameters).fetchall()
        except sqlite3.Error as error:
            raise explain(error, self._path, "read") from error

    def _has(self, table: str) -> bool:
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)"
        return self._connection.execute(query, (table,)).fetchone() is not None
