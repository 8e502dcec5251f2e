"""The history of one strategy in memory while it is thinned; see ``stratvars.store.thin.Shelf``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stratvars.revision import Entry, Kept, Reason
from stratvars.store.memory_rows import Row, age_of, size_of_text
from stratvars.thinning import Place, place_of


class MemoryShelf:
    """See ``stratvars.store.thin.Shelf``."""

    def __init__(self, row: Row) -> None:
        self._row = row

    def page(self, since: Place) -> list[Entry]:
        entries = sorted((*self._row.entries, *self._row.fenced_entries), key=place_of)
        return [replace(entry, age=age_of(entry.saved_at)) for entry in entries if place_of(entry) >= since]

    def newest_crash(self) -> Place | None:
        crashes = [place_of(entry) for entry in self._row.entries if entry.reason == Reason.CRASH]
        return max(crashes, default=None)

    def chain(self, first: Place, last: Place) -> list[Kept]:
        return [kept for kept, _ in self._row.history if first[1] <= kept.number <= last[1]]

    def rewrite(self, epoch: int, revisions: Sequence[Kept]) -> None:  # noqa: ARG002  the port's signature
        anew = {kept.number: kept for kept in revisions}
        self._row.history = [(anew.get(kept.number, kept), at) for kept, at in self._row.history]
        self._row.entries = [
            replace(entry, snapshot=anew[entry.number].snapshot, size=size_of_text(anew[entry.number].changed))
            if entry.number in anew
            else entry
            for entry in self._row.entries
        ]

    def remove(self, places: Sequence[Place]) -> None:
        row, gone = self._row, {*places}
        stays = [place_of(entry) not in gone for entry in row.entries]
        row.history = [pair for pair, stay in zip(row.history, stays, strict=True) if stay]
        row.entries = [entry for entry, stay in zip(row.entries, stays, strict=True) if stay]
        stays = [place_of(entry) not in gone for entry in row.fenced_entries]
        row.fenced = [kept for kept, stay in zip(row.fenced, stays, strict=True) if stay]
        row.fenced_entries = [entry for entry, stay in zip(row.fenced_entries, stays, strict=True) if stay]
