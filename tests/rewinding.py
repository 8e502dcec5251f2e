"""A database with the past of a strategy in it, to go back in."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from stratvars import Backup
from stratvars.database import Database
from stratvars.edit import rewind
from stratvars.revision import Landmark, Reason, Stored
from stratvars.settings import resolve
from stratvars.store.opening import open_records

LAST = Landmark.LAST_ITERATION
TABLE = "vars_backup"


class BoomError(Exception):
    """What ends a strategy here."""


@dataclass
class Place:
    """A database, and its own SQL."""

    url: str
    execute: Callable[[str], Any]

    @property
    def database(self) -> Database:
        return resolve(self.url)

    def live(self, *states: Mapping[str, object], crash: bool = False, name: str = "bot") -> dict[str, object]:
        """One life of a strategy: an iteration for each state, which holds only what it says; what it began with."""
        with suppress(BoomError), Backup(name, self.url) as backup:
            found = backup.vars.all()
            for number, state in enumerate(states):
                for gone in backup.vars.keys() - state.keys():
                    del backup.vars[gone]
                backup.vars.update(state)
                is_last = crash and number == len(states) - 1
                backup.keep(Reason.ERROR if is_last else Reason.ITERATION, complete=not is_last)
            if crash:
                raise BoomError
        return found

    @property
    def current(self) -> Stored:
        with closing(open_records(self.database)) as records:
            found = records.current(TABLE, "bot")
        assert found is not None
        return found

    @property
    def history(self) -> list[tuple[object, ...]]:
        query = (
            "SELECT epoch, revision, reason, complete, snapshot, changed, removed, held_back FROM vars_backup_history"
        )
        return list(self.execute(query + " ORDER BY strategy_id, epoch, revision").fetchall())

    def rewind(self, moment: int | Landmark = LAST) -> int | None:
        return rewind(self.database, TABLE, "bot", moment)


@contextmanager
def sqlite_place(folder: Path) -> Iterator[Place]:
    file = folder / "stratvars.db"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as connection:
        yield Place(f"sqlite:///{file}", connection.execute)


@contextmanager
def postgresql_place(url: str) -> Iterator[Place]:
    with psycopg.connect(url, autocommit=True) as admin:
        yield Place(url, lambda query: admin.execute(query.encode()))
