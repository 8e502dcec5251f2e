"""Erasing variables from all that is kept of a strategy, as if they had never been saved. Nothing else here erases.

They are unset like by any edit, in a revision that says who did it and of which variables; then each revision and each
edit up to that one is said anew without them, step by step; at last the database is made to let go of the bytes.
Whatever ends it in between, the same command goes on from there: what is erased is only seen to be.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from stratvars import codec, request
from stratvars.database import Database
from stratvars.edits import Change, Edit
from stratvars.erasing import Erasing
from stratvars.errors import NewerFormatError, NotSavedError, OwnedError, UnavailableError
from stratvars.owner import new_start_id
from stratvars.ownership import Entrance, Terms
from stratvars.restore import Asking
from stratvars.revision import Claim, Stored
from stratvars.store.base import Store
from stratvars.store.current import HIGHEST
from stratvars.store.opening import open_store
from stratvars.texts import split_texts
from stratvars.traces import NOTE, Found, look

_PATIENCE: Final = 5.0
"""Seconds for which a database is asked again that cannot be used."""
_PAUSE: Final = 0.1
_BUSY: Final = 50
"""So often a step is tried that somebody who thins the history keeps from being made."""
_EVERY: Final = 2**62


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased.

    Attributes:
        revision: the one that says so; 0 where the current row is gone, and nothing could be saved.
        left: what is found afterwards.
        notes: where it may still stand.
    """

    revision: int
    left: Found
    notes: tuple[str, ...]


def erase(
    database: Database, table: str, found: Found, author: str, watch: Callable[[int], object] = lambda _: None
) -> Forgotten:
    """Erase the variables that were looked for.

    Args:
        database: where.
        table: the table's name.
        found: what was looked at.
        author: who asks for it.
        watch: called with how many revisions and edits were done.

    Raises:
        OwnedError: the strategy runs; nothing was erased.
        RestoreError: what is saved cannot be read; nothing was erased.
        UnavailableError: the database cannot be used; a note says that the command may be run again.
    """
    try:
        with closing(open_store(database)) as store:
            asking = Asking(_PATIENCE, time.sleep)
            asking.until_answered(lambda: store.prepare(table))
            revision, first = _unset(store, table, found, author, asking)
            _walk(store, asking, (table, found.strategy), first, watch)
            notes = asking.until_answered(lambda: store.scrub(table))
    except (UnavailableError, NotSavedError) as error:
        error.add_note("Not all of it is erased: run the command again, and it goes on.")
        raise
    return Forgotten(revision, look(database, table, found.strategy, found.variables), tuple(notes))


def _unset(store: Store, table: str, found: Found, author: str, asking: Asking) -> tuple[int, Erasing]:
    """Unset them as an edit does, unless that is done; the number of the revision, and the first step to make."""
    variables = frozenset(found.variables)
    begun = found.begun
    if begun is not None:
        return begun.revision, Erasing(variables, (found.epoch, HIGHEST[1]), begun.edit.number, found.words)
    claim = _claim(store, table, found.strategy, asking)
    try:
        until = claim.epoch, HIGHEST[1]
        stored = asking.until_answered(lambda: store.load(claim))
        if stored is None:  # somebody deleted the row: no start goes on from it, and no edit is made
            return 0, Erasing(variables, until, _EVERY, found.words)
        _check(stored)
        edit = Edit(Change(unset=found.variables), codec.FORMAT, author, NOTE)
        number = asking.until_answered(lambda: store.ask(table, found.strategy, edit))
        request.make(store, claim, asking)
        after = asking.until_answered(lambda: store.load(claim))
        if number is None or after is None or not variables.isdisjoint(split_texts(after.variables)):
            raise NotSavedError(f"{found.strategy!r} was changed by somebody else meanwhile")
        return after.revision, Erasing(variables, until, number, found.words)
    finally:
        with suppress(UnavailableError):  # the next start sees that this process is dead
            store.release(claim)


def _claim(store: Store, table: str, strategy: str, asking: Asking) -> Claim:
    terms = Terms(wait=0.0, for_living=False)
    try:
        entrance = Entrance(store, table, strategy, new_start_id(), terms=terms, ask=asking.until_answered)
        return entrance.enter().claim
    except OwnedError:
        raise OwnedError(f"{strategy!r} was started meanwhile; nothing was erased. Stop it first") from None


def _check(stored: Stored) -> None:
    split_texts(stored.variables)
    if stored.format > codec.FORMAT:
        raise NewerFormatError(
            f"{stored.strategy!r} was saved in format {stored.format}, and this version of stratvars writes format "
            f"{codec.FORMAT}. Install a newer one; nothing was erased"
        )


def _walk(store: Store, asking: Asking, key: tuple[str, str], step: Erasing, watch: Callable[[int], object]) -> None:
    for _ in range(_BUSY):
        while True:
            done = asking.until_answered(partial(store.erase, *key, step))
            watch(done.seen)
            if done.after is None:
                return
            if done.after == step:
                break
            step = done.after
        time.sleep(_PAUSE)
    raise UnavailableError(f"the history of {key[1]!r} is being thinned by somebody else")
