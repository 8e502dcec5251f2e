"""Looking at what is stored without writing; the right to SELECT is enough, and a standby will do."""

from __future__ import annotations

from typing import Any

from stratvars.database import Database
from stratvars.revision import Stored
from stratvars.store.postgres import rows
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.session import Session, transaction
from stratvars.store.postgres.statements import statements, table_names

_READING = "REPEATABLE READ READ ONLY"


class PostgresRecords:
    """See ``stratvars.store.base.Records``. Connected with the first verb; usable from any thread."""

    def __init__(self, database: Database) -> None:
        self._session = Session(database)

    def strategies(self, table: str) -> list[Stored]:
        # Sorted here: the database's order depends on its collation.
        return sorted(self._fetch(table, "all_current", {}), key=lambda stored: stored.strategy)

    def current(self, table: str, strategy: str) -> Stored | None:
        found = self._fetch(table, "current", {"strategy": strategy})
        return found[0] if found else None

    def close(self) -> None:
        self._session.close()

    def _fetch(self, table: str, statement: str, parameters: dict[str, str]) -> list[Stored]:
        sql = statements(table)

        def work(connection: WatchedConnection) -> list[tuple[Any, ...]]:
            with transaction(connection, _READING):
                present = connection.execute(sql["present"].encode(), table_names(table)).fetchone()
                if present is None or present[0] is None:
                    return []
                return connection.execute(sql[statement].encode(), parameters).fetchall()

        return [rows.stored(row) for row in self._session.run(work)]
