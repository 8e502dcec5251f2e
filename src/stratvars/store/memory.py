"""The store in memory: for backtests, and the executable specification of what a store does."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from stratvars.revision import Claim, Holder, Outcome, Revision, Saved, Stored, WentBack
from stratvars.store.verdict import Found, grant, judge


@dataclass(slots=True)
class _Row:
    """What the two rows of a strategy are in a database."""

    found: Found
    stored: Stored | None = None


class MemoryStore:
    """See ``stratvars.store.base.Store`` and ``Records``; lives as long as the object, and keeps no history."""

    def __init__(self) -> None:
        self._mutex = threading.RLock()
        self._tables: dict[str, dict[str, _Row]] = {}

    def prepare(self, table: str) -> None:
        with self._mutex:
            self._tables.setdefault(table, {})

    def acquire(
        self,
        table: str,
        strategy: str,
        owner: str,
        start_id: str,
        *,
        take_over: Holder | None = None,
        above: tuple[int, int] = (0, 0),
    ) -> Claim | Holder:
        with self._mutex:
            rows = self._tables[table]
            found = rows[strategy].found if strategy in rows else None
            answer = grant(found, table, strategy, owner, start_id, take_over=take_over, above=above)
            if isinstance(answer, Claim):
                fresh = Found(answer.epoch, answer.revision, start_id, owner)
                rows.setdefault(strategy, _Row(fresh)).found = fresh
            return answer

    def load(self, claim: Claim) -> Stored | None:
        return self.current(claim.table, claim.strategy)

    def save(self, batch: Sequence[Revision]) -> list[Outcome]:
        with self._mutex:
            return [self._save_one(revision) for revision in batch]

    def _save_one(self, revision: Revision) -> Outcome:
        row = self._tables[revision.claim.table].get(revision.claim.strategy)
        verdict = judge(revision, None if row is None else row.found)
        if verdict is not None or row is None:
            return verdict or WentBack(0, 0)
        row.found = replace(row.found, revision=revision.number)
        row.stored = _stored(revision, row.found.owner)
        return Saved(revision.number)

    def release(self, claim: Claim) -> None:
        with self._mutex:
            rows = self._tables[claim.table]
            row = rows.get(claim.strategy)
            if row is None or (row.found.epoch, row.found.start_id) != (claim.epoch, claim.start_id):
                return
            row.found = replace(row.found, owner="")
            if row.found.revision == 0:
                del rows[claim.strategy]

    def names(self, table: str) -> list[str]:
        return [stored.strategy for stored in self.strategies(table)]

    def strategies(self, table: str) -> list[Stored]:
        with self._mutex:
            rows = self._tables.get(table, {})
            return [stored for name in sorted(rows) for stored in _now(rows[name])]

    def current(self, table: str, strategy: str) -> Stored | None:
        with self._mutex:
            found = _now(self._tables.get(table, {}).get(strategy))
            return found[0] if found else None

    def close(self) -> None:
        """Nothing to end: the rows stay for as long as the object does."""


def _stored(revision: Revision, owner: str) -> Stored:
    return Stored(
        strategy=revision.claim.strategy,
        variables=revision.variables,
        revision=revision.number,
        reason=revision.reason.value,
        saved_at=datetime.now(UTC),
        age=0.0,
        format=revision.format,
        foreign=False,
        epoch=revision.claim.epoch,
        owner=owner,
        complete=revision.complete,
        held_back=json.loads(revision.held_back),
    )


def _now(row: _Row | None) -> list[Stored]:
    """The row as a reader sees it at this moment, if anything was saved."""
    if row is None or row.stored is None:
        return []
    age = (datetime.now(UTC) - row.stored.saved_at).total_seconds()
    return [replace(row.stored, age=max(0.0, age), owner=row.found.owner)]
