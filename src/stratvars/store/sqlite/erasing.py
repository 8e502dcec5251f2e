"""Erasing variables from a SQLite file: from its rows, then from its bytes; see ``stratvars.store.erase.Erasable``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from stratvars.erasing import Erased, Erasing, Noted, Said
from stratvars.names import is_unicode
from stratvars.revision import Entry
from stratvars.store.erase import erase, placed
from stratvars.store.sqlite import rows
from stratvars.thinning import Place

ELSEWHERE: Final = "exports, copies and backups of the file still have what they had"


class SqliteErasable:
    """Used inside of one transaction that writes; see ``Erasable``."""

    def __init__(self, connection: sqlite3.Connection, sql: Mapping[str, str], strategy: str) -> None:
        self._connection = connection
        self._sql = sql
        self._strategy = strategy
        connection.execute(sql["wipe"])

    def page(self, since: Place) -> Iterable[Entry]:
        return map(rows.entry, self._ask("page", epoch=since[0], revision=since[1]))

    def said(self, first: Place, last: Place) -> list[Said]:
        span = {"epoch": first[0], "revision": first[1], "last_epoch": last[0], "last_revision": last[1]}
        return [Said((epoch, number), *texts) for epoch, number, *texts in self._ask("said", **span)]

    def say(self, anew: Sequence[Said]) -> None:
        for said in anew:
            text = said.changed
            changed = text if is_unicode(text) else text.encode(errors="surrogateescape")
            self._ask("say", **{**placed(said), "changed": changed})

    def noted(self, after: int, last: int, limit: int) -> list[Noted]:
        return [Noted(*row) for row in self._ask("noted", after=after, last=last, limit=limit)]

    def note(self, anew: Sequence[Noted]) -> None:
        for noted in anew:
            self._ask("note", **asdict(noted))

    def _ask(self, statement: str, **parameters: Any) -> sqlite3.Cursor:
        return self._connection.execute(self._sql[statement], {"strategy": self._strategy, **parameters})


def erase_one(connection: sqlite3.Connection, sql: Mapping[str, str], strategy: str, step: Erasing) -> Erased:
    """See ``stratvars.store.base.Store.erase``; inside of a transaction that writes."""
    return erase(SqliteErasable(connection, sql, strategy), step)


def scrub(connection: sqlite3.Connection, sql: Mapping[str, str], path: Path) -> list[str]:
    """Let no page of the file and of its log hold what is in no row any more; what there is to say of it.

    The caller holds the file's lock, and no transaction.
    """
    connection.execute(sql["wipe"])
    notes = []
    try:
        connection.execute(sql["rewrite_file"])
    except sqlite3.Error as error:
        notes.append(
            f"{path} could not be rewritten ({error}), and free pages of it may hold it. That takes as much room again "
            "as the file has: run the command again when there is"
        )
    (is_busy, *_) = connection.execute(sql["empty_log"]).fetchone()
    if is_busy:
        notes.append(f"somebody reads {path}, so its log could not be emptied and may hold it: run the command again")
    return [*notes, ELSEWHERE]
