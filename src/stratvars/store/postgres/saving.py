"""Saves: one revision, or several of one table, in one statement and one round trip.

There are three statements for one work: a group of one would cost a tenth more than one alone, and most saves know from
the one before them where the rows are (``Places``). Such a save writes, or does nothing at all; every verdict
against a revision is that of the whole statement, which is then sent.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from msgspec import Struct
from msgspec.structs import replace
from psycopg.pq import TransactionStatus

from stratvars.edits import Edit, Fate, Resolution
from stratvars.errors import LockedError
from stratvars.outcome import Foreign, Outcome, Saved
from stratvars.revision import Revision
from stratvars.store.base import PATIENCE
from stratvars.store.postgres import hot, rows
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.statements import statements
from stratvars.store.verdict import Found, judge
from stratvars.texts import digest_of

_TRIES = 3
_TRUE = b"t"


Places = dict[tuple[str, str], rows.Known]
"""What the last save of a strategy left, by table and name. It only says where to look: the statement judges."""


class Answer(Struct, frozen=True, gc=False):
    """What a save found, and whether it wrote.

    Attributes:
        writer: the writers' row as it was before, as texts.
        is_new: None when nothing was written; else whether the row of the current state was made anew.
        edits: that wait for the strategy.
        places: where it wrote; nothing also where that does not come back.
    """

    writer: hot.Row
    is_new: bool | None
    edits: tuple[Edit, ...]
    places: list[bytes]

    @property
    def found(self) -> Found:
        """The same, to be judged."""
        epoch, revision, start_id, owner, digest = [(text or b"").decode() for text in self.writer]
        return Found(int(epoch), int(revision), start_id, owner, digest=digest)


def save(connection: WatchedConnection, batch: Sequence[Revision], patience: float, places: Places) -> list[Outcome]:
    """What became of the revisions; see ``Store.save``.

    Raises:
        LockedError: somebody is busy with the row of one.
    """
    # Not inside of a transaction: what undoes that statement would undo all of it.
    if len(batch) == 1 and connection.pgconn.transaction_status == TransactionStatus.IDLE:
        known = save_known(connection, batch[0], patience, places)
        if known is not None:
            return [known]
    answers = _send(connection, batch, patience)
    outcomes: list[Outcome] = []
    for revision in batch:
        answer = answers.get(revision.claim.strategy)
        _note(places, revision, answer)
        outcome = _outcome(connection, revision, answer)
        for _ in range(_TRIES):
            if outcome is not None:
                break
            again = _send(connection, [revision], patience)
            outcome = _outcome(connection, revision, again.get(revision.claim.strategy))
        if outcome is None:
            raise LockedError(f"somebody makes and removes the row of {revision.claim.strategy!r}")
        outcomes.append(outcome)
    return outcomes


def save_known(
    connection: WatchedConnection, revision: Revision, patience: float, places: Places, *, is_swift: bool = False
) -> Saved | None:
    """The answer, where the row of the current state is where it was and is replaced; None where nothing was written.

    ``is_swift``: not sent at all where it has to be prepared first.
    """
    known = places.get(key_of(revision))
    if known is None or revision.over:
        return None
    statement = hot.statement(revision.claim.table, known.statement)
    if is_swift and not hot.is_ready(connection, statement):
        return None
    del places[key_of(revision)]
    try:
        found = hot.ask(connection, statement, known.save(revision, patience))
    except psycopg.errors.InvalidTextRepresentation:
        return None  # somebody wrote the current state in this very moment: what was written is undone
    if not found:
        return None
    [(edits, place)] = found
    places[key_of(revision)] = known.followed(place or b"", revision)
    return Saved(revision.number, edits=() if edits is None else _left(revision, rows.waiting(edits)))


def key_of(revision: Revision) -> tuple[str, str]:
    """By which the places of a revision's strategy are known."""
    return (revision.claim.table, revision.claim.strategy)


def _note(places: Places, revision: Revision, answer: Answer | None) -> None:
    if answer is None or not answer.places:
        places.pop(key_of(revision), None)
    else:
        writer_place, row_place, row_xmin = answer.places
        said = rows.claimed(revision.claim)
        places[key_of(revision)] = rows.Known(revision.claim, said, writer_place, row_place, row_xmin)


def resolve(connection: WatchedConnection, batch: Sequence[Revision], outcomes: Sequence[Outcome]) -> None:
    """Write what became of the edits that saved revisions resolve, and of those that made them."""
    for revision, outcome in zip(batch, outcomes, strict=True):
        signed = _signed(connection, revision) if isinstance(outcome, Saved) else revision
        if signed.resolves and isinstance(outcome, Saved):
            query = statements(revision.claim.table)["resolve"].encode()
            connection.execute(query, rows.resolve(signed))


def _signed(connection: WatchedConnection, revision: Revision) -> Revision:
    """The revision, which resolves the edit that made it, too; that is kept now."""
    if revision.signed is None:
        return revision
    sql = statements(revision.claim.table)
    connection.execute(sql["ask"].encode(), rows.ask(revision.claim.strategy, revision.signed, "", PATIENCE))
    row = connection.execute(sql["asked"].encode(), {"token": revision.signed.token}).fetchone()
    made = () if row is None else (Resolution(int(row[0]), Fate.APPLIED),)
    return replace(revision, resolves=(*revision.resolves, *made))


def _send(connection: WatchedConnection, batch: Sequence[Revision], patience: float) -> dict[str, Answer]:
    """The answers, by strategy; one that has no writers' row is not among them."""
    claim = batch[0].claim
    if len(batch) == 1:
        values = rows.save(batch[0], patience, rows.claimed(claim))
        found = hot.ask(connection, hot.statement(claim.table, "save"), values)
    else:
        found = hot.ask(connection, hot.statement(claim.table, "save_all"), rows.save_all(batch, patience))
    answers = {}
    for strategy, *writer, is_new, edits, places in found:
        where = places.split() if places else []
        wrote = None if is_new is None else is_new == _TRUE
        answers[(strategy or b"").decode()] = Answer(tuple(writer), wrote, rows.waiting(edits), where)
    return answers


def _outcome(connection: WatchedConnection, revision: Revision, answer: Answer | None) -> Outcome | None:
    """None when it is to be sent again."""
    if answer is not None and answer.is_new is not None:
        # The statement has written it, so nothing speaks against it: it asks for what ``judge`` asks for.
        was_missing = answer.is_new and answer.found.digest != ""
        return Saved(revision.number, was_missing, _left(revision, answer.edits))
    verdict = judge(revision, None if answer is None else answer.found)
    if isinstance(verdict, Saved) and answer is not None:
        return Saved(verdict.number, edits=_left(revision, answer.edits))
    if verdict is not None or answer is None:
        return verdict
    # Nothing speaks against it, but the current state is another than the last save left.
    query = statements(revision.claim.table)["variables"].encode()
    row = connection.execute(query, {"strategy": revision.claim.strategy}).fetchone()
    if row is None or digest_of(row[0]) in {answer.found.digest, revision.digest}:
        # While the statement waited for the writers' row another save was committed; it saw the state of before.
        return None
    return Foreign(row[0])


def _left(revision: Revision, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """The edits that still wait after this revision, which was read with them."""
    if not edits:
        return ()
    resolved = {resolution.number for resolution in revision.resolves}
    return tuple(edit for edit in edits if edit.number not in resolved)
