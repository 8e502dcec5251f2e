"""Strategies on their way into a file, as they are at one moment, however long it takes and whoever saves meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from stratvars import names
from stratvars.database import Database
from stratvars.errors import UsageError
from stratvars.move import Moved
from stratvars.names import nothing_saved
from stratvars.store.moving import BEGINNING, Source, Whole
from stratvars.store.opening import open_source
from stratvars.transfer import Lines


def nobody(_: int) -> None:
    """Watches no progress."""


class Exporting:
    """Strategies on their way into a file, as they were at the moment this was made. Close it; for one thread.

    Args:
        database, table: where they are.
        wanted: their names; None for all.
        everything: with the whole history; else with what tells the current state and the last completed iteration.

    Raises:
        UsageError: there is no such strategy, or none at all.
        UnavailableError: the database cannot be used.
    """

    def __init__(self, database: Database, table: str, wanted: Sequence[str] | None, *, everything: bool) -> None:
        names.check_table_name(table)
        self._table = table
        self._source: Source = open_source(database, table)
        try:
            self._names = _chosen(self._source.names(), wanted, database, table)
            places = {name: BEGINNING if everything else self._source.since(name) for name in self._names}
            self._since = places
            self.revisions = sum(self._source.count(name, since) for name, since in places.items())
        except BaseException:
            self._source.close()
            raise
        self.moved: list[Moved] = []

    def lines(self, advance: Callable[[int], object] = nobody) -> Iterator[bytes]:
        """The lines of the file; ``moved`` grows with them. ``advance`` is told of each revision."""
        made = Lines()
        yield made.opening(self._table, datetime.now(UTC))
        for name, since in self._since.items():
            whole = self._source.whole(name) or Whole(name, None, None)
            yield made.strategy(whole)
            before = made.revisions
            for row in self._source.history(name, since):
                yield made.revision(row)
                advance(1)
            waiting = self._source.waiting(name)
            self.moved.append(Moved(name, whole.place[1], made.revisions - before, waiting))
        yield made.closing()

    def close(self) -> None:
        """End the connection. May be called twice."""
        self._source.close()


def _chosen(there: Sequence[str], wanted: Sequence[str] | None, database: Database, table: str) -> list[str]:
    if wanted is None and not there:
        raise UsageError(nothing_saved(None, there, database, table))
    for name in wanted or ():
        if name not in there:
            raise UsageError(nothing_saved(name, there, database, table))
    return list(there) if wanted is None else list(dict.fromkeys(wanted))
