"""The way back: become the writer, then load, decode, and lay the saved variables over the ones set so far.

A database that cannot be used is asked again for a while; one that refuses for good is not. Nothing is written to the
state before all of it succeeded; whatever fails, the stored bytes stay as they are.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from stratvars import codec, lease, settings
from stratvars.commands import Commands, Show
from stratvars.crashes import IN_A_ROW, about_crashes
from stratvars.database import DATABASE_VARIABLE, Database
from stratvars.edits import Edit
from stratvars.errors import (
    LostRowError,
    NewerFormatError,
    NothingSavedError,
    RefusedError,
    UnavailableError,
    UndecodableError,
)
from stratvars.members import check_members, read_members
from stratvars.names import listed
from stratvars.outcome import Renewed
from stratvars.owner import new_start_id
from stratvars.ownership import Entrance, Terms
from stratvars.revision import Claim, Renewing, State, Stored
from stratvars.schedule import age
from stratvars.store.base import Store

_log = logging.getLogger("stratvars")

_Answer = TypeVar("_Answer")
_PAUSES = (0.25, 0.75)
"""Seconds between two tries, from and to. By chance: starts that ask in step find the same full server each time."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a start found.

    Attributes:
        claim: the right to write from now on.
        state: the stored texts, in their order; empty at a first start.
        values: the same, decoded.
        stored: when and why it was saved; None at a first start.
        neighbours: the other names saved in the table, looked up at a first start only.
        since: when the claim was asked for, by the clock of all leases.
        notes: what there is to say of the database.
        edits: that somebody asked for while it did not run.
    """

    claim: Claim
    state: State
    values: Mapping[str, Any]
    stored: Stored | None
    neighbours: tuple[str, ...] = ()
    since: float = field(default_factory=lease.now)
    notes: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()


def restore(
    store: Store,
    table: str,
    strategy: str,
    *,
    resume: bool,
    patience: float,
    terms: Terms,
    show: Show,
) -> Restored:
    """Acquire the strategy and read its state.

    Args:
        store: where it is kept.
        table: the table's name.
        strategy: the strategy's name.
        resume: refuse to start from nothing.
        patience: seconds for which a database is asked again that cannot be used; 0 to ask once.
        terms: how to become the writer.
        show: the commands that an error names.

    Raises:
        OwnedError: a process that still lives runs the strategy.
        RestoreError: the state is there and cannot be read, or is wanted and not there.
        UnavailableError: the database could not be used for ``patience`` seconds.
    """
    asking = Asking(patience, terms.pause)
    # One id for all tries: one that landed, and only its answer was lost, must be known again as ours.
    start_id = new_start_id()
    held = Entrance(store, table, strategy, start_id, terms=terms, ask=asking.until_answered).enter()
    claim = held.claim
    try:
        found = asking.until_answered(lambda: _read(store, claim, resume=resume, show=show))
        edits = asking.until_answered(lambda: _edits(store, claim))
        return replace(found, since=held.since, notes=tuple(asking.until_answered(store.notes)), edits=edits)
    except BaseException:
        with suppress(UnavailableError):  # what is to be seen is why the state could not be read
            store.release(claim)
        raise


def _read(store: Store, claim: Claim, *, resume: bool, show: Show) -> Restored:
    stored = store.load(claim)
    if stored is not None and stored.epoch == 0 and claim.revision > 0:
        raise LostRowError(
            f"{claim.strategy!r} was saved up to revision {claim.revision}, and its row in the table "
            f"{claim.table + '_writers'!r} is gone, so it cannot be told whether the saved variables are the newest. "
            "Put that row, or a copy of the whole database, back; or choose a revision of the history: "
            f"{show('rewind', claim.strategy, f'--to {claim.revision}')}"
        )
    if stored is None and claim.revision > 0:
        raise LostRowError(
            f"{claim.strategy!r} was saved up to revision {claim.revision}, and its row in the table {claim.table!r} "
            "is gone. Go back to what was saved last: "
            f"{show('rewind', claim.strategy, f'--to {claim.revision}')}; or put a copy of the database back; to start "
            "from nothing on purpose, start it under another name"
        )
    if stored is None:
        neighbours = store.names(claim.table)
        if resume:
            raise NothingSavedError(_nothing_to_resume(claim.strategy, neighbours))
        return Restored(claim, State({}), {}, None, tuple(neighbours))
    _check_format(stored)
    try:
        texts, values = read_members(stored.variables)
    except UndecodableError as error:
        raise _with_way_back(error, stored, show) from None
    return Restored(claim, State(texts, stored.held_back), values, stored)


def _with_way_back(error: UndecodableError, stored: Stored, show: Show) -> UndecodableError:
    """The error with a remedy, unless it names its own: a class to register, a package to install."""
    try:
        check_members(stored.variables)
    except UndecodableError:
        return UndecodableError(error.path, f"{error.problem}. To go on, {way_back(stored, show)}")
    return error


def way_back(stored: Stored, show: Show) -> str:
    """What can be done where the stored text itself cannot be read."""
    if stored.revision == 0:
        return "correct the row: none of its states was saved with this library"
    if stored.foreign:
        last = show("rewind", stored.strategy, f"--to {stored.revision}")
        return f"go back to what was saved before it was changed by hand: {last}"
    history, earlier = show("history", stored.strategy, ""), show("rewind", stored.strategy, "--to REVISION")
    return f"go back to a revision that this lists: {history}; by this: {earlier}"


def _edits(store: Store, claim: Claim) -> tuple[Edit, ...]:
    """What somebody asked for while the strategy did not run, or did not live to have it."""
    if claim.open_edits == 0:
        return ()
    [answer] = store.renew([Renewing(claim, claim.revision)])
    return answer.edits if isinstance(answer, Renewed) else ()  # otherwise with the first save


def _check_format(stored: Stored) -> None:
    if stored.format > codec.FORMAT:
        raise NewerFormatError(
            f"{stored.strategy!r} was saved in format {stored.format}, and this version of stratvars reads up to "
            f"format {codec.FORMAT}. Install the version that saved it, or a newer one"
        )


class Asking:
    """Asks a database that cannot be used until there is an answer, within one time that all questions share.

    Only the time in which there was no answer counts: a start may wait long for another owner's end.

    Args:
        patience: that time, in seconds; 0 to ask once.
        pause: waits between two tries; returns something true when it is to be given up.
    """

    def __init__(self, patience: float, pause: Callable[[float], object]) -> None:
        self._patience = patience
        self._left = patience
        self._pause = pause
        self._is_reported = False

    def until_answered(self, ask: Callable[[], _Answer]) -> _Answer:
        """The answer. Raises ``UnavailableError`` when the time is over, and at once what is refused for good."""
        end = time.monotonic() + self._left
        while True:
            begun = time.monotonic()
            try:
                return ask()
            except RefusedError:
                raise
            except UnavailableError as error:
                self._wait(error, end - time.monotonic())
                self._left -= time.monotonic() - begun

    def _wait(self, error: UnavailableError, left: float) -> None:
        """Return when it is to be asked again; raise when it is not."""
        if left <= 0 and self._patience > 0:
            raise UnavailableError(f"{error}. It was asked again for {self._patience:g} s") from None
        if left <= 0:
            raise error
        if not self._is_reported:
            _log.warning("The database cannot be used yet: %s. Asking again for %g s.", error, self._patience)
        self._is_reported = True
        if self._pause(min(_by_chance(*_PAUSES), left)):
            raise error


def _by_chance(least: float, most: float) -> float:
    import random  # in trouble only

    return random.uniform(least, most)  # noqa: S311  nothing secret is made of it


def _nothing_to_resume(strategy: str, names: list[str]) -> str:
    there = "nothing is saved there at all" if not names else f"saved there: {listed(map(repr, names))}"
    return (
        f"resuming was asked for, and nothing is saved under the name {strategy!r}; {there}. "
        "Check the name and the database, or start without --resume"
    )


def announce(strategy: str, database: Database, found: Restored, plan: str) -> None:
    """Say in one line on stderr which state a start goes on from, and where that is kept."""
    where = f"{database} ({_origin_of(database)})"
    if found.stored is None:
        others = listed(map(repr, found.neighbours)) or "no other name"
        text = f"FIRST START of {strategy!r} in {where}; saved there: {others}"
    else:
        text = f"{strategy!r} restored from revision {found.stored.revision}, saved {age(found.stored.age)} ago"
        text += f" ({found.stored.reason or 'by another hand'}), in {where}"
    if found.state.held_back:
        text += "; held back when saved, so older: " + ", ".join(map(repr, found.state.held_back))
    text += "".join(f"; {note}" for note in found.notes)
    text += plan and f"; {plan}"
    if found.stored is not None and found.stored.crashes >= IN_A_ROW:
        text += f"; {about_crashes(found.stored, Commands(found.claim.table, database))}"
    # A program without a console has no stderr, and one of which the other end is gone or full is no reason to end.
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"stratvars: {text}\n")
            sys.stderr.flush()


def _origin_of(database: Database) -> str:
    if database.origin != settings.DEFAULT_ORIGIN:
        return database.origin
    misspelt = settings.misspelt_database()
    return database.origin + (f"; {misspelt} is not read: the name is {DATABASE_VARIABLE}" if misspelt else "")
