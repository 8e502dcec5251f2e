"""Edits in a SQLite file, each function inside of a transaction that writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from stratvars.edits import Edit, Fate, Resolution
from stratvars.revision import Claim, Revision
from stratvars.store.current import edit_from

_Sql = Mapping[str, str]


def ask(connection: sqlite3.Connection, sql: _Sql, strategy: str, edit: Edit, refused: str) -> int | None:
    """See ``Store.ask``."""
    if connection.execute(sql["writer"], (strategy,)).fetchone() is None:
        return None
    fate = Fate.REFUSED if refused else Fate.OPEN
    row = (strategy, edit.token, edit.author, edit.note, edit.change.to_json(), edit.format, fate.value, refused)
    added = connection.execute(sql["ask"], row).rowcount
    if fate is Fate.OPEN:
        connection.execute(sql["count_edits"], (added, strategy))
    [number] = connection.execute(sql["asked"], (edit.token,)).fetchone()
    return int(number)


def cancel(connection: sqlite3.Connection, sql: _Sql, strategy: str, number: int) -> None:
    """See ``Store.cancel``."""
    gone = connection.execute(sql["cancel"], (number, strategy)).rowcount
    connection.execute(sql["count_edits"], (-gone, strategy))


def take(connection: sqlite3.Connection, sql: _Sql, claim: Claim) -> tuple[Edit, ...]:
    """The edits that wait for the start of the claim, which has them from now on."""
    connection.execute(sql["take_edits"], (claim.epoch, claim.strategy))
    return tuple(map(edit_from, connection.execute(sql["open_edits"], (claim.strategy,))))


def resolve(connection: sqlite3.Connection, sql: _Sql, revision: Revision) -> None:
    """Write what became of the edits that a revision resolves, and of the one that made it."""
    strategy = revision.claim.strategy
    resolves = revision.resolves
    if revision.signed is not None:
        number = ask(connection, sql, strategy, revision.signed, "")
        resolves = (*resolves, *([] if number is None else [Resolution(number, Fate.APPLIED)]))
    for resolution in resolves:
        row = (resolution.fate.value, resolution.said, revision.number, resolution.number, strategy)
        resolved = connection.execute(sql["resolve"], row).rowcount
        connection.execute(sql["count_edits"], (-resolved, strategy))
