"""Changing what is saved while the strategy does not run. Today: going back to an earlier moment.

It works on texts alone; no class of the strategy is needed. What is to change is planned first and can be looked at;
then the strategy is taken over as by any start, and the change is one new revision. Nothing is ever erased, so that
going back can itself be taken back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace

from msgspec import structs

from stratvars import codec, moment, names
from stratvars.database import Database
from stratvars.edits import Change, Edit, change_between
from stratvars.errors import (
    FencedError,
    NewerFormatError,
    NotSavedError,
    OwnedError,
    UnavailableError,
    UndecodableError,
    UsageError,
)
from stratvars.history import Difference, Past, differences, fold
from stratvars.moment import When
from stratvars.outcome import Fenced, Saved
from stratvars.owner import Life, Owner, look, new_start_id
from stratvars.ownership import Entrance, Terms
from stratvars.restore import Asking
from stratvars.revision import LEASE, Claim, Reason, Revision, Stored
from stratvars.store.base import Store
from stratvars.store.opening import open_records, open_store
from stratvars.texts import split_texts

_PATIENCE = 5.0
"""Seconds for which a database is asked again that cannot be used."""
_TERMS = Terms(wait=LEASE + 5.0, for_living=False)
"""Long enough for the lease of an owner to end whose death cannot be seen from here."""


@dataclass(frozen=True, slots=True)
class Rewind:
    """A way back that was looked at and not gone yet.

    Attributes:
        database, table, strategy: whose.
        now: the current state; None when its row is gone.
        then: the state to go back to.
        differences: what changes, variable by variable; None when the current text cannot be read.
        reorders: the order changes of the variables that are there before and after.
    """

    database: Database
    table: str
    strategy: str
    now: Stored | None
    then: Past
    differences: tuple[Difference, ...] | None
    reorders: bool

    @property
    def changes_nothing(self) -> bool:
        """Whether the current state is the one to go back to."""
        is_ours = self.now is None or not self.now.foreign
        return self.differences == () and not self.reorders and is_ours


def rewind(database: Database, table: str, strategy: str, when: When) -> int | None:
    """Take the variables of a strategy that does not run back to an earlier moment.

    Returns:
        The number of the new revision; None when there was nothing to change, and nothing was written.

    Raises:
        UsageError, RestoreError, UnavailableError: see ``plan_rewind``.
        OwnedError, FencedError, NotSavedError: see ``check_stopped`` and ``carry_out``.
    """
    plan = plan_rewind(database, table, strategy, when)
    check_stopped(plan)
    return None if plan.changes_nothing else carry_out(plan)


def plan_rewind(database: Database, table: str, strategy: str, when: When) -> Rewind:
    """See what going back would change. Nothing is written; the strategy may run.

    Raises:
        UsageError: there is no such database, strategy or moment.
        UndecodableError: the history cannot be read.
        NewerFormatError: a newer version wrote what is to come back.
        UnavailableError: the database cannot be used.
    """
    names.check_strategy_name(strategy)
    names.check_table_name(table)
    with closing(open_records(database)) as records:
        # The current state first: what is saved between the two is then noticed when the change is to be made.
        now = records.current(table, strategy)
        if now is None and not records.revisions(table, strategy, limit=1):
            others = [stored.strategy for stored in records.strategies(table)]
            raise UsageError(names.nothing_saved(strategy, others, database, table))
        then = fold(moment.past(records, table, strategy, when))
    if then.format > codec.FORMAT:
        raise NewerFormatError(
            f"revision {then.kept.number} of {strategy!r} was saved in format {then.format}, and this version of "
            f"stratvars reads up to format {codec.FORMAT}. Install a newer one"
        )
    texts = _texts(now)
    found = None if texts is None else differences(texts, then.state.texts)
    reorders = texts is not None and _common(texts, then.state.texts) != _common(then.state.texts, texts)
    return Rewind(database, table, strategy, now, then, found, reorders)


def _common(texts: Mapping[str, str], others: Mapping[str, str]) -> list[str]:
    return [name for name in texts if name in others]


def is_running(plan: Rewind) -> bool:
    """Whether the strategy is seen to run: then it has to go back by itself.

    Raises:
        UndecodableError: who runs it cannot be read.
    """
    return plan.now is not None and plan.now.owner != "" and look(Owner.from_text(plan.now.owner)) is Life.ALIVE


def as_edit(plan: Rewind, author: str, note: str) -> Edit:
    """The way back for a strategy that runs: all variables as they were, and no others."""
    now = _texts(plan.now) or {}
    change = Change(plan.then.state.texts, tuple(name for name in now if name not in plan.then.state.texts))
    return replace(signature(plan, author, note), change=change)


def signature(plan: Rewind, author: str, note: str) -> Edit:
    """Who goes back, and what that changes."""
    change = change_between(_texts(plan.now) or {}, plan.then.state.texts)
    return Edit(change, plan.then.format, author, note or f"back to revision {plan.then.kept.number}")


def check_stopped(plan: Rewind) -> Owner | None:
    """Return when the strategy does not run as far as can be seen.

    Returns:
        Who ran it last and cannot be looked at from here, so may still run it; None when nobody does.

    Raises:
        OwnedError: it runs.
        UndecodableError: who runs it cannot be read.
    """
    if plan.now is None or plan.now.owner == "":
        return None
    owner = Owner.from_text(plan.now.owner)
    life = look(owner)
    if life is Life.ALIVE:
        raise OwnedError(
            f"{plan.strategy!r} is running, in process {owner.pid} on {owner.host}, and what it saves next would undo "
            "the change. Stop it first"
        )
    return owner if life is Life.UNKNOWN else None


def carry_out(plan: Rewind, signed: Edit | None = None) -> int:
    """Go the planned way back, and return the number of the new revision, which is durable.

    Args:
        plan: what was looked at.
        signed: who goes back, for the history; see ``signature``.

    Raises:
        OwnedError: the strategy runs.
        FencedError: it was taken over meanwhile; nothing was changed.
        NotSavedError: what is saved is not what was planned with any more; nothing was changed.
        UnavailableError: the database cannot be used; a note says when it is not known what was changed.
    """
    with closing(open_store(plan.database)) as store:
        asking = Asking(_PATIENCE, time.sleep)
        start_id = new_start_id()
        ask = asking.until_answered
        claim = Entrance(store, plan.table, plan.strategy, start_id, terms=_TERMS, ask=ask).enter().claim
        try:
            _check_unchanged(plan, asking.until_answered(lambda: store.load(claim)))
            *first, last = _revisions(plan, claim)
            revisions = [*first, structs.replace(last, signed=signed)]
            for revision in revisions:
                _save(store, revision, asking)
        finally:
            with suppress(UnavailableError):  # the next start sees that this process is dead
                store.release(claim)
    return revisions[-1].number


def _texts(now: Stored | None) -> dict[str, str] | None:
    if now is None:
        return {}
    try:
        return split_texts(now.variables)
    except UndecodableError:
        return None  # the very reason to go back


def _check_unchanged(plan: Rewind, found: Stored | None) -> None:
    if _mark(plan.now) != _mark(found):
        raise NotSavedError(
            f"{plan.strategy!r} was saved by somebody else meanwhile; nothing was changed. Look again, and decide anew"
        )


def _mark(stored: Stored | None) -> tuple[int, str] | None:
    return None if stored is None else (stored.revision, stored.variables)


def _revisions(plan: Rewind, claim: Claim) -> list[Revision]:
    """What is to be written."""
    then, now = plan.then, plan.now
    first = []
    if now is not None and now.foreign:
        # What somebody put into the row without us is not in the history yet, and would be lost.
        first = [_snapshot(claim, Reason.EXTERNAL, now.variables, {}, complete=False, format_=now.format)]
        claim = replace(claim, revision=claim.revision + 1)
    variables, held_back = then.state.to_json(), then.state.held_back
    edit = _snapshot(claim, Reason.EDIT, variables, held_back, complete=then.kept.complete, format_=then.format)
    return [*first, edit]


def _snapshot(
    claim: Claim, reason: Reason, variables: str, held_back: Mapping[str, str], *, complete: bool, format_: int
) -> Revision:
    return Revision(
        claim=claim,
        number=claim.revision + 1,
        follows=claim.revision,
        reason=reason,
        complete=complete,
        variables=variables,
        changed=variables,
        removed="[]",
        held_back=json.dumps(dict(held_back), ensure_ascii=False),
        snapshot=True,
        format=format_,
    )


def _save(store: Store, revision: Revision, asking: Asking) -> None:
    try:
        [outcome] = asking.until_answered(lambda: store.save([revision]))
    except UnavailableError as error:
        error.add_note("It is not known whether the change was made: run the command again, it is not made twice.")
        raise
    strategy = revision.claim.strategy
    if isinstance(outcome, Fenced):
        raise FencedError(f"{strategy!r} was started meanwhile; nothing was changed. Stop it first")
    if not isinstance(outcome, Saved):
        raise NotSavedError(
            f"the database was replaced meanwhile by one that knows less of {strategy!r}; nothing was changed. Look "
            "again, and decide anew"
        )
