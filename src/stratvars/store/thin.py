"""One step of thinning a history, as every store carries it out inside of a transaction of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from stratvars.errors import UndecodableError
from stratvars.revision import Entry, Kept
from stratvars.thinning import Place, Plan, Step, page_of, place_of, plan, size_of, thinned


class Shelf(Protocol):
    """The history of one strategy in an open transaction, in which nobody else thins it."""

    def page(self, since: Place) -> Iterable[Entry]:
        """The revisions from a place on, oldest first, also those that were fenced; at least a page of them, if any."""

    def newest_crash(self) -> Place | None:
        """The place of the newest revision whose reason is a crash."""

    def chain(self, first: Place, last: Place) -> list[Kept]:
        """The revisions from one place to another of the same epoch, but for those that were fenced."""

    def rewrite(self, epoch: int, revisions: Sequence[Kept]) -> None:
        """Let these say anew what they set and unset."""

    def remove(self, places: Sequence[Place]) -> None:
        """Delete these."""


def thin(shelf: Shelf, step: Step) -> Plan:
    """Carry a step out; what was done."""
    page, is_end = page_of(shelf.page(step.since))
    planned = plan(page, step, shelf.newest_crash() if step.over.is_positive else None, is_end=is_end)
    gone = set(planned.gone)
    for first, last in planned.rewritten:
        rewritten = _rewritten(shelf, first, last, gone)
        if rewritten is None:
            gone -= {place for place in gone if first <= place <= last}
        else:
            shelf.rewrite(first[0], rewritten)
    shelf.remove([place for place in planned.gone if place in gone])
    return _done(planned, page, gone)


def _rewritten(shelf: Shelf, first: Place, last: Place, gone: set[Place]) -> list[Kept] | None:
    """The rest of a chain; None where nobody can read it: it stays as it is, for whoever wants to find out why."""
    if first[0] != last[0]:
        return None  # a start begins with a snapshot
    try:
        return [*thinned(shelf.chain(first, last), {number for epoch, number in gone if epoch == first[0]})]
    except UndecodableError:
        return None


def _done(planned: Plan, page: Sequence[Entry], gone: set[Place]) -> Plan:
    stayed = size_of([entry for entry in page if place_of(entry) in planned.gone and place_of(entry) not in gone])
    return replace(
        planned,
        gone=tuple(place for place in planned.gone if place in gone),
        kept=planned.kept + stayed,
        removed=planned.removed - stayed,
        left=planned.left + stayed,
    )
