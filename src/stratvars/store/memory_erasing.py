"""Erasing variables from the store in memory; see ``stratvars.store.erase.Erasable``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from stratvars.edits import Asked, Change
from stratvars.erasing import Noted, Said
from stratvars.revision import Entry, Kept
from stratvars.store.memory_rows import size_of_text
from stratvars.store.memory_shelf import MemoryShelf
from stratvars.thinning import Place, place_of


class MemoryErasable(MemoryShelf):
    """See ``stratvars.store.erase.Erasable``."""

    def said(self, first: Place, last: Place) -> list[Said]:
        row = self._row
        current = ((entry, kept) for entry, (kept, _) in zip(row.entries, row.history, strict=True))
        every = [*current, *zip(row.fenced_entries, row.fenced, strict=True)]
        there = (Said(place_of(entry), kept.changed, kept.removed, kept.held_back) for entry, kept in every)
        return sorted((said for said in there if first <= said.place <= last), key=lambda said: said.place)

    def say(self, anew: Sequence[Said]) -> None:
        row, said = self._row, {one.place: one for one in anew}
        pairs = zip(row.entries, row.history, strict=True)
        row.history = [(_kept(said, entry, kept), at) for entry, (kept, at) in pairs]
        row.fenced = [_kept(said, *pair) for pair in zip(row.fenced_entries, row.fenced, strict=True)]
        row.entries = [_entry(said, entry) for entry in row.entries]
        row.fenced_entries = [_entry(said, entry) for entry in row.fenced_entries]

    def noted(self, after: int, last: int, limit: int) -> list[Noted]:
        asked = [one for one in self._row.asked if after < one.edit.number <= last]
        return [Noted(one.edit.number, one.edit.change.to_json(), one.edit.note, one.said) for one in asked[:limit]]

    def note(self, anew: Sequence[Noted]) -> None:
        noted = {one.number: one for one in anew}
        self._row.asked = [_asked(noted.get(one.edit.number), one) for one in self._row.asked]


def _kept(said: Mapping[Place, Said], entry: Entry, kept: Kept) -> Kept:
    new = said.get(place_of(entry))
    return kept if new is None else replace(kept, changed=new.changed, removed=new.removed, held_back=new.held_back)


def _entry(said: Mapping[Place, Said], entry: Entry) -> Entry:
    new = said.get(place_of(entry))
    if new is None:
        return entry
    return replace(entry, size=size_of_text(new.changed), held_back=json.loads(new.held_back))


def _asked(noted: Noted | None, asked: Asked) -> Asked:
    if noted is None:
        return asked
    edit = replace(asked.edit, change=Change.from_json(noted.change), note=noted.note)
    return replace(asked, edit=edit, said=noted.said)
