"""Thinning the histories of strategies at once, whether they run or not: count what would go, then let it go."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from stratvars.database import Database
from stratvars.errors import UnavailableError
from stratvars.retention import NOTHING, Retention, Size
from stratvars.store.base import Records, Store
from stratvars.store.opening import open_records, open_store
from stratvars.thinning import Plan, Step, page_of, plan

_PAUSE: Final = 0.1
_BUSY: Final = 50
"""So often a step is tried that another thinner keeps from being made."""

Make = Callable[[Step], Plan]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a history had, and how much of it goes or went."""

    strategy: str
    had: Size
    removed: Size


def look(database: Database, table: str, strategy: str, retention: Retention) -> Pruned:
    """What would go of a strategy's history, roughly where it is too large. Only reads.

    Raises:
        UsageError: there is no database yet.
        UnavailableError: it cannot be used.
    """
    with closing(open_records(database)) as records:
        had, removed = _walk(lambda step: _imagine(records, table, strategy, step), Step(retention))
    over = had - removed - retention.most
    share = max(0.0, over.revisions / max(had.revisions, 1), over.bytes / max(had.bytes, 1))
    return Pruned(strategy, had, removed + had * share)


def prune(database: Database, table: str, strategy: str, retention: Retention) -> Pruned:
    """Let it go, in small steps, beside a strategy that runs.

    Raises:
        UnavailableError: the database cannot be used, or somebody else thins the history all the time.
    """
    with closing(open_store(database)) as store:
        store.prepare(table)

        def make(step: Step) -> Plan:
            return _make(store, table, strategy, step)

        had, removed = _walk(make, Step(retention))
        over = had - removed - retention.most
        if over.is_positive:
            removed += _walk(make, Step(retention, over=over))[1]
    return Pruned(strategy, had, removed)


def _walk(make: Make, step: Step) -> tuple[Size, Size]:
    """All steps to the newest end; what there was, and what went."""
    had = removed = NOTHING
    while True:
        done = make(step)
        had, removed = had + done.kept + done.removed, removed + done.removed
        if done.after is None:
            return had, removed
        step = Step(step.retention, done.after, done.left)


def _imagine(records: Records, table: str, strategy: str, step: Step) -> Plan:
    page, is_end = page_of(records.page(table, strategy, step.since))
    return plan(page, step, None, is_end=is_end)


def _make(store: Store, table: str, strategy: str, step: Step) -> Plan:
    for _ in range(_BUSY):
        done = store.thin(table, strategy, step)
        if done.after != step.since:
            return done
        time.sleep(_PAUSE)
    raise UnavailableError(f"the history of {strategy!r} is being thinned by somebody else; try it again")
