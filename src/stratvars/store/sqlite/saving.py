"""One save in a SQLite file, inside of a transaction that writes.

Nearly always nobody else has written to the file since the last save looked. Then one statement is the fence: it moves
the writers' row on where that is as this start left it. Where it moved nothing, or where somebody wrote, both rows are
looked at and judged, in the same transaction.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping

from stratvars.edits import Edit
from stratvars.outcome import Foreign, Outcome, Saved
from stratvars.revision import Claim, Revision
from stratvars.store.sqlite import editing, rows
from stratvars.store.verdict import Found, judge
from stratvars.texts import digest_of

_Sql = Mapping[str, str]
Looked = dict[tuple[str, str], int]
"""At which version of the file the current state of a table's strategy was as our last save left it."""


def save_one(connection: sqlite3.Connection, sql: _Sql, revision: Revision, looked: Looked) -> Outcome:
    """See ``Store.save``; ``looked`` is of this connection, and must be cleared when the transaction is rolled back."""
    claim = revision.claim
    [version] = connection.execute(sql["version"]).fetchone()
    is_as_left = looked.get((claim.table, claim.strategy)) == version
    if is_as_left and connection.execute(sql["move_on"], rows.mover(revision)).rowcount == 1:
        return Saved(revision.number, was_missing=_put(connection, sql, revision))
    found = found_of(connection, sql, claim.strategy)
    verdict = judge(revision, found) or (None if is_as_left else _foreign(connection, sql, revision, found))
    if isinstance(verdict, Saved):
        return Saved(verdict.number, edits=waiting(connection, sql, claim, found))
    if verdict is not None:
        return verdict
    looked[claim.table, claim.strategy] = version
    connection.execute(sql["save_writer"], rows.writer(revision))
    was_missing = _put(connection, sql, revision) and found is not None and found.digest != ""
    return Saved(revision.number, was_missing, waiting(connection, sql, claim, found))


def found_of(connection: sqlite3.Connection, sql: _Sql, strategy: str) -> Found | None:
    """The writers' row, if there is one."""
    row = connection.execute(sql["writer"], (strategy,)).fetchone()
    return None if row is None else Found(*row)


def waiting(connection: sqlite3.Connection, sql: _Sql, claim: Claim, found: Found | None) -> tuple[Edit, ...]:
    """The edits that wait for the start of the claim."""
    if found is None or found.open_edits == 0:
        return ()
    return editing.take(connection, sql, claim)


def _foreign(connection: sqlite3.Connection, sql: _Sql, revision: Revision, found: Found | None) -> Foreign | None:
    """What somebody else has put into the row; None when it is as the last save left it, or gone."""
    row = connection.execute(sql["variables"], (revision.claim.strategy,)).fetchone()
    if row is None or found is None or digest_of(row[0]) in {found.digest, revision.digest, revision.over}:
        return None
    return Foreign(row[0])


def _put(connection: sqlite3.Connection, sql: _Sql, revision: Revision) -> bool:
    """Write the current state and the revision; True when the row of the current state was not there."""
    row = (revision.variables, revision.claim.strategy)
    is_new = connection.execute(sql["save_row"], row).rowcount == 0
    if is_new:
        connection.execute(sql["add_row"], (*row, str(uuid.uuid4())))
    connection.execute(sql["save_history"], rows.history(revision))
    editing.resolve(connection, sql, revision)
    return is_new
