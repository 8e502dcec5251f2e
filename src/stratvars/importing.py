"""Strategies on their way out of a file: all of them arrive in one transaction, or none does.

A strategy that is there under the name is never overwritten, unless it is an older state of the very one that comes and
does not run: then the file must have its newest revision.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from stratvars import names
from stratvars.database import Database
from stratvars.errors import NotSavedError, UndecodableError, UsageError
from stratvars.move import check_free, is_same
from stratvars.store.moving import HistoryRow, Target, There, Whole
from stratvars.store.opening import open_target
from stratvars.transfer import Record, records

_BATCH_BYTES = 1_000_000
_BATCH_ROWS = 500


class Arrival(StrEnum):
    """What became of a strategy in a file."""

    IMPORTED = "imported"
    UPDATED = "updated"
    """An older state of it was there."""
    UNCHANGED = "unchanged"
    """The same state was there."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What became of a strategy in a file; see ``Moved``."""

    name: str
    revision: int
    revisions: int
    arrival: Arrival


def import_strategies(
    database: Database,
    table: str,
    lines: Iterable[bytes],
    *,
    rename_to: str | None = None,
    pretend: bool = False,
) -> list[Arrived]:
    """Put the strategies of a file into a database, all of them or none.

    Args:
        database: where to; what is missing there is made.
        table: the table's name.
        lines: of the file.
        rename_to: the name for the one strategy in it.
        pretend: find out what would happen, and change nothing.

    Raises:
        UndecodableError, NewerFormatError: see ``transfer.records``.
        NotSavedError: there is another state under the name.
        OwnedError: there is an older state of it, and it runs.
        UsageError: a name cannot be used, or the file has several strategies and ``rename_to`` is given.
        UnavailableError: the database cannot be used; a note says when it is not known what happened.
    """
    names.check_table_name(table)
    if rename_to is not None:
        names.check_strategy_name(rename_to)
    with open_target(database, table) as target:
        arriving = _Arriving(target, rename_to, str(database))
        for record in records(lines):
            arriving.take(record)
        moved = arriving.done()
        if pretend:
            target.cancel()
    return moved


class _Arriving:
    """The records of a file, on their way into a target."""

    def __init__(self, target: Target, rename_to: str | None, where: str) -> None:
        self._target = target
        self._rename_to = rename_to
        self._where = where
        self._whole: Whole | None = None
        self._there: There | None = None
        self._is_same = False
        self._is_known = False
        self._count = 0
        self._batch: list[HistoryRow] = []
        self._size = 0
        self._moved: list[Arrived] = []

    def take(self, record: Record) -> None:
        """The next one."""
        if isinstance(record, Whole):
            self._finish()
            self._begin(record)
        elif self._whole is not None and not self._is_same:
            self._add(record)

    def done(self) -> list[Arrived]:
        """What was moved, when all records were taken."""
        self._finish()
        return self._moved

    def _begin(self, whole: Whole) -> None:
        if self._rename_to is not None:
            if self._moved:
                raise UsageError("the file has several strategies, and only a single one can be given another name")
            whole = replace(whole, strategy=self._rename_to)
        names.check_strategy_name(whole.strategy)
        if any(moved.name == whole.strategy for moved in self._moved):
            raise UndecodableError("", f"the file has {whole.strategy!r} twice; export again")
        there = self._target.find(whole.strategy)
        self._whole, self._there = whole, there
        self._is_same = there is not None and is_same(there.whole, whole)
        self._is_known = there is None
        if there is not None and not self._is_same:
            check_free(self._target, there.whole.strategy, there.holder)
            if there.newest is None or not there.whole.is_as_saved or whole.place <= there.whole.place:
                raise self._other(there)

    def _add(self, row: HistoryRow) -> None:
        there = self._there
        if there is not None and (row.place, row.start_id) == (there.whole.place, there.newest):
            self._is_known = True  # one start writes one content under one number: what is there is older
        self._batch.append(row)
        self._size += len(row.changed)
        self._count += 1
        if len(self._batch) >= _BATCH_ROWS or self._size >= _BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._whole is not None and self._batch:
            self._target.add(self._whole.strategy, self._batch)
        self._batch, self._size = [], 0

    def _finish(self) -> None:
        whole, there = self._whole, self._there
        if whole is None:
            return
        if self._is_same:
            self._whole = None
            self._moved.append(Arrived(whole.strategy, whole.place[1], 0, Arrival.UNCHANGED))
            return
        if there is not None and not self._is_known:
            raise self._other(there)
        self._flush()
        self._target.put(whole, there)
        arrival = Arrival.IMPORTED if there is None else Arrival.UPDATED
        self._moved.append(Arrived(whole.strategy, whole.place[1], self._count, arrival))
        self._whole, self._count = None, 0

    def _other(self, there: There) -> NotSavedError:
        name = there.whole.strategy
        return NotSavedError(
            f"{name!r} is in {self._where} already, at revision {there.whole.place[1]}, and that is not an older state "
            "that the file goes on from (with --history an export tells). Nothing was imported. Import it under "
            "another name with --as, or rename or drop the one that is there"
        )
