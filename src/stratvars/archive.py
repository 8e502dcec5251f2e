"""Looking at what is saved, from notebooks and tools, while the bots run or after they died. Never writes."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from stratvars import names, settings
from stratvars.database import Database
from stratvars.revision import Stored
from stratvars.store.opening import open_records


def open_archive(url: str | None = None, *, table: str = "vars_backup") -> Archive:
    """Open the read side of a database; close it, or use it in ``with``.

    Args:
        url: of the database; found as for a strategy when left out.
        table: the table's name.

    Raises:
        UsageError: the URL or the table cannot be used, or there is no database yet.
        RefusedError: it cannot be read.
    """
    return Archive(settings.resolve(url), table)


class Archive:
    """What is saved in one table of a database. For one thread at a time."""

    def __init__(self, database: Database, table: str) -> None:
        names.check_table_name(table)
        self.database = database
        self.table = table
        self._records = open_records(database)

    def strategies(self) -> list[Stored]:
        """The current state of every strategy, sorted by name."""
        return self._records.strategies(self.table)

    def current(self, name: str) -> Stored | None:
        """The current state of one strategy; None when nothing is saved under the name."""
        return self._records.current(self.table, name)

    def close(self) -> None:
        """End the connection. May be called twice."""
        self._records.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
