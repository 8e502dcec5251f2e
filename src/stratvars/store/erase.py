"""One step of erasing variables, as every store carries it out inside of a transaction of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from stratvars.erasing import Erased, Erasing, Noted, Said, noted_without, said_without
from stratvars.revision import Entry
from stratvars.thinning import Place, place_of

_REVISIONS: Final = 500
_READ: Final = 2_000_000
"""Revisions, and bytes of what they set, that a step reads at most; but one revision is always read."""
_EDITS: Final = 100


class Erasable(Protocol):
    """What is kept of one strategy, in an open transaction, in which nobody else rewrites its history."""

    def page(self, since: Place) -> Iterable[Entry]:
        """See ``stratvars.store.thin.Shelf``."""

    def said(self, first: Place, last: Place) -> list[Said]:
        """What the revisions from one place to another say, those too that were fenced."""

    def say(self, anew: Sequence[Said]) -> None:
        """Let these revisions say this."""

    def noted(self, after: int, last: int, limit: int) -> list[Noted]:
        """The edits with a number above ``after`` and up to ``last``, in their order, at most ``limit``."""

    def note(self, anew: Sequence[Noted]) -> None:
        """Let these edits say this."""


def erase(kept: Erasable, step: Erasing) -> Erased:
    """Carry a step out."""
    return _erase_edits(kept, step) if step.since is None else _erase_revisions(kept, step, step.since)


def _erase_revisions(kept: Erasable, step: Erasing, since: Place) -> Erased:
    places = _within_reach(kept.page(since), step.until)
    if not places:
        return Erased(0, replace(step, since=None))
    there = kept.said(places[0], places[-1])
    anew = [said_without(said, step.variables) for said in there]
    kept.say([new for old, new in zip(there, anew, strict=True) if new != old])
    epoch, number = places[-1]
    return Erased(len(there), replace(step, since=(epoch, number + 1)))


def _within_reach(page: Iterable[Entry], until: Place) -> list[Place]:
    places: list[Place] = []
    size = 0
    for entry in page:
        size += entry.size
        is_enough = len(places) >= _REVISIONS or size > _READ
        if place_of(entry) > until or (places and is_enough):
            break
        places.append(place_of(entry))
    return places


def _erase_edits(kept: Erasable, step: Erasing) -> Erased:
    there = kept.noted(step.after_edit, step.last_edit, _EDITS)
    if not there:
        return Erased(0, None)
    anew = [noted_without(noted, step.variables, step.words) for noted in there]
    kept.note([new for old, new in zip(there, anew, strict=True) if new != old])
    return Erased(len(there), replace(step, after_edit=there[-1].number))


def placed(said: Said) -> dict[str, int | str]:
    """The parameters with which a database is told what a revision says."""
    epoch, number = said.place
    texts = {"changed": said.changed, "removed": said.removed, "held_back": said.held_back}
    return {"epoch": epoch, "revision": number, **texts}
