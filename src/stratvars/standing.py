"""Whether a strategy runs, has stopped, has crashed, or may be taken over, as far as can be seen from here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stratvars.errors import UndecodableError
from stratvars.owner import Life, Owner
from stratvars.ownership import Locks, life_of
from stratvars.revision import Holder, Reason, Stored
from stratvars.store.base import Records
from stratvars.store.tenure import Tenure


class Standing(StrEnum):
    """What a strategy is doing."""

    RUNNING = "running"
    """Somebody holds it, and its lease has not ended."""
    STOPPED = "stopped"
    """It gave its name up, or nobody ever ran it."""
    CRASHED = "crashed"
    """An error ended it, or its process was killed: that is seen from the same machine only."""
    LEASE_ENDED = "lease ended"
    """It did not renew its lease: it died somewhere else, hangs or is cut off. The next start takes it over."""


@dataclass(frozen=True, slots=True)
class Overview:
    """A strategy at a glance.

    Attributes:
        stored: its current state.
        standing: what it is doing.
        owner: the process that holds it, or held it when it died; None when it gave the name up.
        lease_left: seconds until its lease ends, by the database's clock, negative when it has ended; None without
            an owner.
        kept: revisions in its history, counted up to ``stratvars.store.tenure.KEPT``.
    """

    stored: Stored
    standing: Standing
    owner: Owner | None
    lease_left: float | None
    kept: int


def overviews(records: Records, table: str) -> list[Overview]:
    """Every strategy of the table that has a saved state, sorted by name."""
    stored = records.strategies(table)
    # Read after the states: who ended in between is not shown as running any more.
    tenures = {tenure.strategy: tenure for tenure in records.tenures(table)}
    return [_overview(records, one, tenures.get(one.strategy)) for one in stored]


def _overview(records: Records, stored: Stored, tenure: Tenure | None) -> Overview:
    if tenure is None:  # the row was written by hand
        return Overview(stored, Standing.STOPPED, None, None, 0)
    holder = tenure.holder
    if holder.owner == "":
        return Overview(stored, _at_rest(tenure.reason), None, None, tenure.kept)
    return Overview(stored, standing_of(records, holder), _owner(holder), holder.left, tenure.kept)


def standing_of(store: Locks, holder: Holder) -> Standing:
    """What a strategy that somebody holds is doing: it runs, its owner is dead, or its lease has ended."""
    owner = _owner(holder)
    if owner is not None and life_of(store, holder, owner) is Life.DEAD:
        return Standing.CRASHED
    return Standing.RUNNING if holder.left > 0 else Standing.LEASE_ENDED


def _at_rest(reason: str) -> Standing:
    return Standing.CRASHED if reason == Reason.CRASH else Standing.STOPPED


def _owner(holder: Holder) -> Owner | None:
    try:
        return Owner.from_text(holder.owner)
    except UndecodableError:  # a newer version's, or written by hand: the lease alone tells
        return None
