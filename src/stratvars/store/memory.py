"""The store in memory: for backtests, and the executable specification of what a store does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stratvars.edits import Asked, Edit, Fate, Signature
from stratvars.locks import new_lock
from stratvars.outcome import Outcome, Renewal, Renewed, Saved, WentBack
from stratvars.revision import (
    LEASE,
    Claim,
    Entry,
    Holder,
    Kept,
    Moment,
    Reason,
    Renewing,
    Revision,
    Stored,
)
from stratvars.store.base import PATIENCE
from stratvars.store.memory_rows import (
    Row,
    age_of,
    aged,
    entry_from,
    fate_of,
    is_at,
    is_open,
    kept_from,
    renewed,
    seen_now,
    stored_from,
    tenure_of,
)
from stratvars.store.memory_shelf import MemoryShelf
from stratvars.store.tenure import Tenure
from stratvars.store.thin import thin
from stratvars.store.verdict import Found, grant, judge, judge_renewal
from stratvars.thinning import Place, Plan, Step

if TYPE_CHECKING:
    from stratvars.erasing import Erased, Erasing


class MemoryStore:
    """See ``stratvars.store.base.Store`` and ``Records``; lives as long as the object.

    Args:
        keeps_history: without it the store stays small however long a backtest runs, and finds no moment of the past.
    """

    def __init__(self, *, keeps_history: bool = True) -> None:
        self._keeps_history = keeps_history
        self._mutex = new_lock()
        self._tables: dict[str, dict[str, Row]] = {}
        self._edits = 0

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
        lease: float = LEASE,
    ) -> Claim | Holder:
        with self._mutex:
            rows = self._tables[table]
            found = aged(rows[strategy].found) if strategy in rows else None
            waiting = len([one for one in rows[strategy].asked if is_open(one)]) if strategy in rows else 0
            found = None if found is None else found._replace(open_edits=waiting)
            answer = grant(found, Claim(table, strategy, start_id, owner, *above, lease), take_over)
            if isinstance(answer, Claim):
                fresh = renewed(Found(answer.epoch, answer.revision, start_id, owner, lease=lease))
                rows.setdefault(strategy, Row(fresh)).found = fresh
            return answer

    def renew(self, leases: Sequence[Renewing]) -> list[Renewal]:
        with self._mutex:
            return [self._renew_one(held) for held in leases]

    def _renew_one(self, held: Renewing) -> Renewal:
        row = self._tables[held.claim.table].get(held.claim.strategy)
        verdict = judge_renewal(held, None if row is None else row.found)
        if verdict is not None or row is None:
            return verdict or WentBack(0, 0)
        row.found = renewed(row.found)
        return Renewed(row.take())

    def ask(self, table: str, strategy: str, edit: Edit, *, refused: str = "") -> int | None:
        with self._mutex:
            row = self._tables[table].get(strategy)
            if row is None:
                return None
            known = [one.edit.number for one in row.asked if one.edit.token == edit.token]
            if known:
                return known[0]
            self._edits += 1
            row.asked.append(
                Asked(replace(edit, number=self._edits), datetime.now(UTC), 0.0, 0, fate_of(refused), refused, 0)
            )
            return self._edits

    def cancel(self, table: str, strategy: str, number: int) -> None:
        with self._mutex:
            row = self._tables[table].get(strategy)
            if row is not None and not any(
                one.edit.number == number and one.taken_by == row.found.epoch and row.found.owner for one in row.asked
            ):
                row.resolve(number, Fate.CANCELLED)

    def edits(self, table: str, strategy: str, *, limit: int, number: int | None = None) -> list[Asked]:
        with self._mutex:
            row = self._tables.get(table, {}).get(strategy)
            every = [] if row is None else [replace(one, age=age_of(one.asked_at)) for one in row.asked]
        return [one for one in reversed(every) if number is None or one.edit.number == number][:limit]

    def signatures(self, table: str, strategy: str, first: int, last: int) -> list[Signature]:
        asked = reversed(self.edits(table, strategy, limit=self._edits))
        made = [one for one in asked if one.fate == Fate.APPLIED and first <= one.revision <= last]
        return [Signature(one.revision, one.edit.number, one.edit.author, one.edit.note) for one in made]

    def keep_fenced(self, revision: Revision) -> None:
        with self._mutex:
            row = self._tables[revision.claim.table].get(revision.claim.strategy)
            if row is not None and self._keeps_history:
                row.fenced.append(kept_from(revision))
                row.fenced_entries.append(entry_from(revision, stored_from(revision, "")))

    def is_held(self, holder: Holder) -> bool | None:  # noqa: ARG002  the port's signature
        return None

    def load(self, claim: Claim) -> Stored | None:
        return self.current(claim.table, claim.strategy)

    def save(self, batch: Sequence[Revision], *, patience: float = PATIENCE) -> list[Outcome]:  # noqa: ARG002
        with self._mutex:
            return [self._save_one(revision) for revision in batch]

    @property
    def swift(self) -> None:
        return None  # a signal could leave half of a save behind in the caller's thread

    def _save_one(self, revision: Revision) -> Outcome:
        row = self._tables[revision.claim.table].get(revision.claim.strategy)
        verdict = judge(revision, None if row is None else row.found)
        if isinstance(verdict, Saved) and row is not None:
            return Saved(verdict.number, edits=row.take())
        if verdict is not None or row is None:
            return verdict or WentBack(0, 0)
        row.found = renewed(row.found._replace(revision=revision.number))
        row.stored = stored_from(revision, row.found.owner)
        if self._keeps_history:
            row.history.append((kept_from(revision), row.stored.saved_at))
            row.entries.append(entry_from(revision, row.stored))
        if revision.signed is not None:
            number = self.ask(revision.claim.table, revision.claim.strategy, revision.signed)
            row.resolve(number or 0, Fate.APPLIED, revision=revision.number)
        for resolution in revision.resolves:
            row.resolve(resolution.number, resolution.fate, resolution.said, revision.number)
        return Saved(revision.number, edits=row.take())

    def release(self, claim: Claim) -> None:
        with self._mutex:
            rows = self._tables[claim.table]
            row = rows.get(claim.strategy)
            if row is None or (row.found.epoch, row.found.start_id) != (claim.epoch, claim.start_id):
                return
            row.found = row.found._replace(owner="")
            if row.found.revision == 0 and row.found.epoch == 1:  # else one before it would not be fenced any more
                del rows[claim.strategy]

    def thin(self, table: str, strategy: str, step: Step) -> Plan:
        with self._mutex:
            row = self._tables[table].get(strategy) or Row(Found(0, 0, "", ""))
            return thin(MemoryShelf(row), step)

    def erase(self, table: str, strategy: str, step: Erasing) -> Erased:
        from stratvars.store.erase import erase  # for a command, and for no bot
        from stratvars.store.memory_erasing import MemoryErasable

        with self._mutex:
            row = self._tables[table].get(strategy) or Row(Found(0, 0, "", ""))
            return erase(MemoryErasable(row), step)

    def scrub(self, table: str) -> list[str]:  # noqa: ARG002  the port's signature
        return []

    def names(self, table: str) -> list[str]:
        return [stored.strategy for stored in self.strategies(table)]

    def strategies(self, table: str) -> list[Stored]:
        with self._mutex:
            rows = self._tables.get(table, {})
            return [stored for name in sorted(rows) for stored in seen_now(rows[name])]

    def current(self, table: str, strategy: str) -> Stored | None:
        with self._mutex:
            found = seen_now(self._tables.get(table, {}).get(strategy))
            return found[0] if found else None

    def history(self, table: str, strategy: str, moment: Moment) -> list[Kept]:
        with self._mutex:
            row = self._tables.get(table, {}).get(strategy)
            every = [] if row is None else [replace(kept, age=age_of(at)) for kept, at in row.history]
        ends = [index for index, kept in enumerate(every) if is_at(kept, moment)]
        if not ends:
            return []
        start = max(index for index in range(ends[-1] + 1) if every[index].snapshot)
        return every[start : ends[-1] + 1]

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
        with self._mutex:
            row = self._tables.get(table, {}).get(strategy)
            entries = [] if row is None else row.fenced_entries if reason == Reason.FENCED else row.entries
            every = [replace(entry, age=age_of(entry.saved_at)) for entry in entries]
        found = [
            entry
            for entry in reversed(every)
            if (before is None or (entry.epoch, entry.number) < before)
            and (until is None or entry.saved_at <= until)
            and (reason is None or entry.reason == reason)
        ]
        return found[:limit]

    def tenures(self, table: str) -> list[Tenure]:
        with self._mutex:
            return [tenure_of(name, row) for name, row in self._tables.get(table, {}).items()]

    def page(self, table: str, strategy: str, since: Place) -> list[Entry]:
        with self._mutex:
            row = self._tables.get(table, {}).get(strategy)
            return [] if row is None else MemoryShelf(row).page(since)

    def notes(self) -> list[str]:
        return []

    def close(self) -> None:
        """Nothing to end: the rows stay for as long as the object does."""
