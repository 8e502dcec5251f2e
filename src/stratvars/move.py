"""A strategy that does not run gets another name, or goes away; and who runs is refused.

What changes a database does so in one transaction: whatever ends it in the middle, nothing has changed.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from stratvars import names
from stratvars.database import Database
from stratvars.errors import NotSavedError, OwnedError, UsageError
from stratvars.owner import Life, Owner
from stratvars.ownership import Locks, life_of
from stratvars.revision import Holder
from stratvars.store.moving import BEGINNING, Target, There, Whole
from stratvars.store.opening import open_records, open_source, open_target


@dataclass(frozen=True, slots=True)
class Moved:
    """A strategy that was moved.

    Attributes:
        name: of the strategy, where it is now.
        revision: its newest one; 0 when its row was written by hand.
        revisions: how many revisions of its history were moved.
        waiting: edits that still wait for it, and did not go into an export.
    """

    name: str
    revision: int
    revisions: int
    waiting: int = 0


def rename(database: Database, table: str, old: str, new: str) -> Moved:
    """Give a strategy that does not run another name; its history goes along.

    Raises:
        UsageError: there is no such strategy, or there is one of the new name.
        OwnedError: it runs.
        UnavailableError: the database cannot be used; a note says when it is not known what happened.
    """
    names.check_strategy_name(new)
    look(database, table, old)
    with open_target(database, table) as target:
        there = _found(target, old)
        check_free(target, there.whole.strategy, there.holder)
        if target.find(new) is not None:
            raise UsageError(
                f"there is a strategy {new!r} in {database} already; choose another name, or drop that one"
            )
        target.rename(old, new)
    return Moved(new, there.whole.place[1], there.kept)


def drop(database: Database, table: str, name: str, *, only: Whole | None = None) -> Moved:
    """Remove a strategy that does not run, and all its history.

    Args:
        database: where it is.
        table: the table's name.
        name: of the strategy.
        only: refuse when it is not as it was looked at.

    Raises:
        UsageError: there is no such strategy.
        OwnedError: it runs.
        NotSavedError: it is not as it was looked at.
        UnavailableError: the database cannot be used; a note says when it is not known what happened.
    """
    look(database, table, name)
    with open_target(database, table) as target:
        there = _found(target, name)
        check_free(target, there.whole.strategy, there.holder)
        if only is not None and not is_same(there.whole, only):
            raise NotSavedError(f"{name!r} was saved by somebody else meanwhile; nothing was dropped. Look again")
        target.drop(name)
    return Moved(name, there.whole.place[1], there.kept)


def look(database: Database, table: str, name: str) -> Whole:
    """A strategy as it is now, and nothing of its history.

    Raises:
        UsageError: there is no such strategy.
        UnavailableError: the database cannot be used.
    """
    names.check_table_name(table)
    with closing(open_source(database, table)) as source:
        whole = source.whole(name) if "\0" not in name and names.is_unicode(name) else None
        if whole is None:
            raise UsageError(names.nothing_saved(name, source.names(), database, table))
    return whole


def history_of(database: Database, table: str, name: str) -> tuple[int, datetime | None]:
    """How many revisions are kept of a strategy, and when the oldest was saved; None when there is none."""
    with closing(open_source(database, table)) as source:
        oldest = next(iter(source.history(name, BEGINNING)), None)
        return source.count(name, BEGINNING), None if oldest is None else oldest.saved_at


def check_stopped(database: Database, table: str, name: str) -> None:
    """Return when nobody runs the strategy. Only reads.

    Raises:
        OwnedError: somebody does, or may.
        UnavailableError: the database cannot be used.
    """
    with closing(open_records(database)) as records:
        holder = next((found.holder for found in records.tenures(table) if found.strategy == name), None)
        check_free(records, name, holder)


def check_free(locks: Locks, name: str, holder: Holder | None) -> None:
    """Return when nobody holds the strategy, or who holds it is dead or let the lease end.

    Raises:
        OwnedError: it runs.
    """
    if holder is None or holder.owner == "":
        return
    owner = Owner.from_text(holder.owner)
    life = life_of(locks, holder, owner)
    if life is Life.DEAD or (life is Life.UNKNOWN and holder.left <= 0):
        return
    raise OwnedError(_running(name, owner, holder, life))


def _running(name: str, owner: Owner, holder: Holder, life: Life) -> str:
    process = f"process {owner.pid} on {owner.host}"
    if life is Life.ALIVE:
        return f"{name!r} is running, in {process}; nothing was changed. Stop it first"
    return (
        f"{name!r} is held by {process}, which cannot be looked at from here; nothing was changed. Stop it first; if "
        f"it is dead, its lease ends in {max(1, round(holder.left))} s: run the command again then"
    )


def is_same(there: Whole, whole: Whole) -> bool:
    """Whether both are one state, saved under one number; what tells of starts since then does not matter."""
    return _mark(there) == _mark(whole)


def _mark(whole: Whole) -> tuple[object, ...]:
    writer, variables = whole.writer, whole.row and whole.row.variables
    if writer is None:
        return (variables,)
    return variables, *whole.place, writer.digest, writer.reason, writer.complete, writer.held_back


def _found(target: Target, name: str) -> There:
    there = target.find(name)
    if there is None:
        raise UsageError(f"{name!r} was dropped or renamed by somebody else meanwhile")
    return there
