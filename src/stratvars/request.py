"""Asking for an edit, and following it to what becomes of it.

The edit is in the database before anything else happens, so it outlives this process. A strategy that runs takes it
up by itself, with its next save or renewal; where it has stopped or is seen to be dead, the one who asks becomes the
writer for a moment and makes the edit as a start would.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing, suppress
from functools import partial

from stratvars import codec, names
from stratvars.database import Database
from stratvars.edits import Asked, Edit, Fate, Resolution
from stratvars.errors import NewerFormatError, NotSavedError, OwnedError, UnavailableError, UsageError
from stratvars.lane import Lane, Offer
from stratvars.outcome import Renewed, Saved
from stratvars.owner import new_start_id
from stratvars.ownership import Entrance, Terms
from stratvars.restore import Asking
from stratvars.revision import Claim, Reason, Renewing, State, Stored
from stratvars.store.base import Records, Store
from stratvars.store.opening import open_records, open_store
from stratvars.texts import split_texts

_PATIENCE = 5.0
"""Seconds for which a database is asked again that cannot be used."""
_LOOK = 0.2
"""Seconds between two looks at what became of an edit."""
_TRY = 1.0
"""Seconds between two tries to become the writer."""
_TERMS = Terms(wait=0.0, only_dead=True)
"""One that stands still for longer than its lease must not be fenced by an edit: it gets that when it goes on."""


def request(database: Database, table: str, strategy: str, edit: Edit, *, wait: float) -> Asked:
    """Ask for an edit and follow it for ``wait`` seconds; where the strategy does not run, it is made at once.

    Returns:
        The edit as it stands then; ``fate`` is open where it still waits for the strategy.

    Raises:
        UsageError: nothing is saved under the name.
        RestoreError: the strategy does not run, and what is saved cannot be read; the edit waits.
        UnavailableError: the database cannot be used; a note says where it is not known whether the edit was kept.
    """
    names.check_strategy_name(strategy)
    names.check_table_name(table)
    with closing(open_records(database)) as records:
        if records.current(table, strategy) is None:
            others = [stored.strategy for stored in records.strategies(table)]
            raise UsageError(names.nothing_saved(strategy, others, database, table))
        with closing(open_store(database)) as store:
            asking = Asking(_PATIENCE, time.sleep)
            asking.until_answered(lambda: store.prepare(table))
            number = _ask(store, asking, table, strategy, edit)
            return _follow(store, records, (table, strategy, number), asking, wait)


def cancel(database: Database, table: str, strategy: str, number: int) -> Asked:
    """Take an edit back if it is not too late; the edit as it stands then.

    Raises:
        UsageError: there is no such edit.
        UnavailableError: the database cannot be used.
    """
    with closing(open_records(database)) as records, closing(open_store(database)) as store:
        known = records.edits(table, strategy, limit=1, number=number)
        if not known:
            raise UsageError(f"{strategy!r} has no edit {number}; {names.command('edits', strategy)} lists them")
        store.prepare(table)
        store.cancel(table, strategy, number)
        return records.edits(table, strategy, limit=1, number=number)[0]


def _ask(store: Store, asking: Asking, table: str, strategy: str, edit: Edit) -> int:
    try:
        number = asking.until_answered(lambda: store.ask(table, strategy, edit))
    except UnavailableError as error:
        error.add_note(f"It is not known whether the edit was kept; {names.command('edits', strategy)} lists what was.")
        raise
    if number is None:
        raise UsageError(f"{strategy!r} was never started with this library; start it once, or edit its row")
    return number


def _follow(store: Store, records: Records, key: tuple[str, str, int], asking: Asking, wait: float) -> Asked:
    table, strategy, number = key
    end, try_at = time.monotonic() + wait, 0.0
    while True:
        [asked] = asking.until_answered(lambda: records.edits(table, strategy, limit=1, number=number))
        now = time.monotonic()
        if asked.fate != Fate.OPEN:
            return asked
        if now >= try_at:
            try_at = now + _TRY
            if _is_made(store, table, strategy, asking):
                continue
        if now >= end:
            return asked
        time.sleep(_LOOK)


def _is_made(store: Store, table: str, strategy: str, asking: Asking) -> bool:
    """Make the edits that wait, if nobody runs the strategy."""
    ask = asking.until_answered
    start_id = new_start_id()
    try:
        claim = Entrance(store, table, strategy, start_id, terms=_TERMS, ask=ask).enter().claim
    except OwnedError:
        return False
    try:
        make(store, claim, asking)
    finally:
        with suppress(UnavailableError):  # the next start sees that this process is dead
            store.release(claim)
    return True


def make(store: Store, claim: Claim, asking: Asking) -> None:
    """Make the edits that wait, as the writer of a strategy that does not run.

    Raises:
        NotSavedError: it was changed meanwhile; the edits still wait.
        RestoreError: what is saved cannot be read; they still wait.
        UnavailableError: the database cannot be used.
    """
    stored = asking.until_answered(lambda: store.load(claim))
    [answer] = asking.until_answered(lambda: store.renew([Renewing(claim, claim.revision)]))
    if stored is None or not isinstance(answer, Renewed) or not answer.edits:
        return
    lane = _lane(claim, stored, answer.edits)
    while (revision := lane.next()) is not None:
        [outcome] = asking.until_answered(partial(store.save, [revision]))
        if not isinstance(outcome, Saved):
            raise NotSavedError(f"{claim.strategy!r} was changed by somebody else meanwhile; the edit still waits")
        lane.settle(revision)


def _lane(claim: Claim, stored: Stored, edits: Sequence[Edit]) -> Lane:
    """A lane that sends the state with the edits, after what somebody else put into the row."""
    format_ = max(stored.format, *(edit.format for edit in edits))
    if format_ > codec.FORMAT:
        raise NewerFormatError(
            f"{claim.strategy!r} was saved, or is to be edited, in format {format_}, and this version of stratvars "
            f"writes format {codec.FORMAT}. Install a newer one; the edit waits"
        )
    state = State(split_texts(stored.variables), stored.held_back)
    lane = Lane(claim, state, codec.FORMAT)
    if stored.foreign:
        lane.adopt(state, stored.variables)
    texts, held_back = state.texts, dict(state.held_back)
    for edit in edits:
        texts = edit.change.on(texts)
        for name in (*edit.change.texts, *edit.change.unset):
            held_back.pop(name, None)
    resolves = tuple(Resolution(edit.number, Fate.APPLIED) for edit in edits)
    offer = Offer(State(texts, held_back), Reason.EDIT, complete=stored.complete, final=True, resolves=resolves)
    lane.offer(offer)
    return lane
