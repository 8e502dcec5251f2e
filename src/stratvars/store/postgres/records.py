"""Looking at what is stored without writing; the right to SELECT is enough, and a standby will do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from stratvars.database import Database
from stratvars.edits import Asked, Signature
from stratvars.revision import Entry, Holder, Kept, Landmark, Moment, Stored
from stratvars.store.current import HIGHEST, kept_from, listing
from stratvars.store.postgres import rows
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.session import Session, transaction
from stratvars.store.postgres.statements import statements, table_names
from stratvars.store.tenure import Tenure, tenure_from
from stratvars.thinning import Place

_READING = "REPEATABLE READ READ ONLY"


class PostgresRecords:
    """See ``stratvars.store.base.Records``. Connected with the first verb; usable from any thread."""

    def __init__(self, database: Database) -> None:
        self._session = Session(database)

    def strategies(self, table: str) -> list[Stored]:
        # Sorted here: the database's order depends on its collation.
        found = map(rows.stored, self._fetch(table, "all_current", {}))
        return sorted(found, key=lambda stored: stored.strategy)

    def current(self, table: str, strategy: str) -> Stored | None:
        found = self._fetch(table, "current", {"strategy": strategy})
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
        later = [] if until is None else self._fetch(table, "later", {"strategy": strategy, "until": until})
        epoch, revision = min([before or HIGHEST, *later])
        wanted = {
            "strategy": strategy,
            "epoch": epoch,
            "revision": revision,
            "reason": reason,
            "until": until,
            "limit": limit,
        }
        return [rows.entry(row) for row in self._fetch(table, listing(reason), wanted)]

    def edits(self, table: str, strategy: str, *, limit: int, number: int | None = None) -> list[Asked]:
        found = self._fetch(table, "edits", {"strategy": strategy, "limit": limit, "number": number})
        return [rows.asked(row) for row in found]

    def signatures(self, table: str, strategy: str, first: int, last: int) -> list[Signature]:
        wanted = {"strategy": strategy, "first": first, "last": last}
        return [Signature(*row) for row in self._fetch(table, "signatures", wanted)]

    def tenures(self, table: str) -> list[Tenure]:
        return [tenure_from(row) for row in self._fetch(table, "tenures", {})]

    def is_held(self, holder: Holder) -> bool | None:  # noqa: ARG002  the port's signature
        return None

    def page(self, table: str, strategy: str, since: Place) -> list[Entry]:
        wanted = {"strategy": strategy, "epoch": since[0], "revision": since[1]}
        return [rows.entry(row) for row in self._fetch(table, "page", wanted)]

    def close(self) -> None:
        self._session.close()

    def _fetch(self, table: str, statement: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        sql = statements(table)

        def work(connection: WatchedConnection) -> list[tuple[Any, ...]]:
            with transaction(connection, _READING):
                present = connection.execute(sql["present"].encode(), table_names(table)).fetchone()
                if present is None or present[0] is None:
                    return []
                return connection.execute(sql[statement].encode(), parameters).fetchall()

        return self._session.run(work)
