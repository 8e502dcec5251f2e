"""The store on a SQLite file. One connection writes, under one lock of the operating system."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from stratvars.edits import Edit
from stratvars.errors import RefusedError, UnavailableError
from stratvars.locks import new_lock
from stratvars.outcome import Outcome, Renewal, Renewed, Saved
from stratvars.revision import LEASE, Claim, Holder, Renewing, Revision, Stored
from stratvars.store import sqlfiles
from stratvars.store.base import PATIENCE
from stratvars.store.sqlite import editing, rows
from stratvars.store.sqlite.connect import explain, open_writer
from stratvars.store.sqlite.files import Files
from stratvars.store.sqlite.lock import FileLock, lock_path
from stratvars.store.sqlite.saving import Looked, found_of, save_one, waiting
from stratvars.store.sqlite.shelf import SqliteShelf
from stratvars.store.sqlite.starts import StartLocks
from stratvars.store.sqlite.worker import Worker
from stratvars.store.thin import thin
from stratvars.store.verdict import Found, grant, judge_renewal
from stratvars.thinning import Plan, Step

if TYPE_CHECKING:
    from stratvars.erasing import Erased, Erasing

_PACKAGE = __package__ or ""
_Done = TypeVar("_Done")


class SqliteStore:
    """See ``stratvars.store.base.Store``.

    Args:
        path: the file, absolute; created with the first verb, but its folder is not.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = new_lock()
        self._lock: FileLock | None = None
        self._openings = 0
        self._connection: sqlite3.Connection | None = None
        self._patience = PATIENCE
        self._files = Files(path)
        self._looked: Looked = {}
        self._tables: dict[str, dict[str, str]] = {}
        self._worker: Worker[Outcome] = Worker("stratvars-disk")
        self._starts = StartLocks(lock_path(path))

    def prepare(self, table: str) -> None:
        sql = sqlfiles.statements(_PACKAGE, table)
        self._write(lambda connection: self._create(connection, table, sql))
        self._tables[table] = sql

    def acquire(
        self,
        table: str,
        strategy: str,
        owner: str,
        start_id: str,
        *,
        take_over: Holder | None = None,
        above: tuple[int, int] = (0, 0),
        lease: float = LEASE,
    ) -> Claim | Holder:
        sql = self._tables[table]
        wanted = Claim(table, strategy, start_id, owner, *above, lease)
        self._starts.hold(start_id)  # before the row says so, or another start could find the new owner dead
        return self._write(lambda connection: _acquire(connection, sql, wanted, take_over))

    def renew(self, leases: Sequence[Renewing]) -> list[Renewal]:
        return self._write(lambda connection: [self._renew_one(connection, held) for held in leases])

    def _renew_one(self, connection: sqlite3.Connection, held: Renewing) -> Renewal:
        claim = held.claim
        sql = self._tables[claim.table]
        found = found_of(connection, sql, claim.strategy)
        verdict = judge_renewal(held, found)
        if verdict is not None:
            return verdict
        connection.execute(sql["renew_writer"], (rows.from_now(claim.lease), claim.strategy))
        return Renewed(waiting(connection, sql, claim, found))

    def ask(self, table: str, strategy: str, edit: Edit, *, refused: str = "") -> int | None:
        return self._write(lambda connection: editing.ask(connection, self._tables[table], strategy, edit, refused))

    def cancel(self, table: str, strategy: str, number: int) -> None:
        self._write(lambda connection: editing.cancel(connection, self._tables[table], strategy, number))

    def keep_fenced(self, revision: Revision) -> None:
        sql = self._tables[revision.claim.table]
        self._write(lambda connection: connection.execute(sql["keep_fenced"], rows.history(revision)))

    def is_held(self, holder: Holder) -> bool | None:
        return self._starts.is_held(holder)

    def load(self, claim: Claim) -> Stored | None:
        sql = self._tables[claim.table]
        row = self._write(lambda connection: connection.execute(sql["current"], (claim.strategy,)).fetchone())
        return None if row is None else rows.stored(row)

    def save(self, batch: Sequence[Revision], *, patience: float = PATIENCE) -> list[Outcome]:  # noqa: ARG002
        return self._write(
            lambda connection: [save_one(connection, self._tables[one.claim.table], one, self._looked) for one in batch]
        )

    @property
    def swift(self) -> SqliteStore:
        return self

    def save_within(self, revision: Revision, until: float, *, patience: float = PATIENCE) -> Saved | None:
        sql = self._tables[revision.claim.table]
        outcome = self._worker.do(
            lambda: self._write(lambda connection: save_one(connection, sql, revision, self._looked), patience), until
        )
        return outcome if isinstance(outcome, Saved) else None

    def release(self, claim: Claim) -> None:
        sql = self._tables[claim.table]
        key = (claim.strategy, claim.epoch, claim.start_id)
        self._write(
            lambda connection: [connection.execute(sql[name], key) for name in ("release_writer", "forget_writer")]
        )
        self._starts.give_back(claim.start_id)

    def thin(self, table: str, strategy: str, step: Step) -> Plan:
        sql = self._tables[table]
        return self._write(lambda connection: thin(SqliteShelf(connection, sql, strategy), step))

    def erase(self, table: str, strategy: str, step: Erasing) -> Erased:
        from stratvars.store.sqlite.erasing import erase_one  # for a command, and for no bot

        return self._write(lambda connection: erase_one(connection, self._tables[table], strategy, step))

    def scrub(self, table: str) -> list[str]:
        from stratvars.store.sqlite.erasing import scrub

        with self._mutex:
            lock = self._take_lock()
            try:
                return scrub(self._open(), self._tables[table], self._path)
            except sqlite3.Error as error:
                raise self._explained(error) from error
            finally:
                lock.give()

    def names(self, table: str) -> list[str]:
        sql = self._tables[table]
        return self._write(lambda connection: [name for (name,) in connection.execute(sql["names"])])

    def notes(self) -> list[str]:
        return []  # what could weaken it is set and read back when it is opened

    def close(self) -> None:
        """Bring the log into the file, so that a copy of the one file is the whole database, and close it."""
        with self._mutex:
            self._worker.close()
            self._starts.close()
            lock, self._lock = self._lock, None
            if lock is None:
                return
            try:
                # Another writer or a reader may be busy: then the log stays, and nothing is lost by that.
                with suppress(UnavailableError, OSError, sqlite3.Error), lock.hold(PATIENCE):
                    if self._connection is not None and self._files.are_in_place:
                        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                        self._drop()
                    elif self._connection is not None:
                        self._leave(self._connection)
            finally:
                self._drop()
                lock.close()

    def _write(self, work: Callable[[sqlite3.Connection], _Done], patience: float = PATIENCE) -> _Done:
        """Do the work in one transaction, durable when this returns what it returned; undone when it raises.

        No context manager: made of a generator it takes some 7 us of a save. ``patience``: seconds to wait for another
        process, whether it takes our lock or SQLite's alone.
        """
        with self._mutex:
            lock = self._take_lock(patience)
            try:
                connection = self._open(patience)
                # IMMEDIATE: a transaction that turns into a writer half-way fails at once, however long it may wait.
                connection.execute("BEGIN IMMEDIATE")
                try:
                    done = work(connection)
                    connection.execute("COMMIT")
                except BaseException:
                    self._roll_back(connection)
                    raise
                else:
                    return done
            except sqlite3.Error as error:
                raise self._explained(error) from error
            finally:
                lock.give()

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        self._looked.clear()  # what was then allowed to be replaced stands there still
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")

    def _explained(self, error: sqlite3.Error) -> UnavailableError:
        explained = explain(error, self._path)  # before the file is closed: it may be for want of handles
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_BUSY:
            # After a failed fsync the kernel may have dropped the pages: only a fresh look is to be trusted.
            self._drop()
        return explained

    def _take_lock(self, patience: float = PATIENCE) -> FileLock:
        try:
            if self._lock is None:
                self._lock = FileLock(lock_path(self._path))
            self._lock.take(patience)
        except OSError as error:
            raise explain(_cannot_open(error), self._path) from error
        if self._lock.openings != self._openings:
            self._openings = self._lock.openings
            self._starts.hold_anew()
        return self._lock

    def _open(self, patience: float = PATIENCE) -> sqlite3.Connection:
        """The connection, which waits so many seconds for a program that does not know our lock, which is held."""
        if self._connection is not None and not self._files.are_in_place:
            self._leave(self._connection)
        if self._connection is None:
            self._connection = open_writer(self._path, PATIENCE)
            self._patience = PATIENCE
            self._files.note()
            for table, sql in self._tables.items():
                self._create(self._connection, table, sql)
        if patience != self._patience:
            self._connection.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
            self._patience = patience
        return self._connection

    def _leave(self, connection: sqlite3.Connection) -> None:
        """Somebody removed or replaced a file: what is written to the one that we have open would be lost with it."""
        self._files.bring_in(connection)
        self._drop()
        self._files.clear_away()

    def _create(self, connection: sqlite3.Connection, table: str, sql: dict[str, str]) -> None:
        for name in ("create_table", "create_writers", "create_history", "create_edits"):
            connection.execute(sql[name])
        try:
            for name, parameters in _WRITTEN.items():
                connection.execute("EXPLAIN " + sql[name], (None,) * parameters)
        except sqlite3.OperationalError as error:
            raise RefusedError(
                f"the table {table!r} in {self._path} is not one that stratvars made ({error}); it was left as it "
                "is. Choose another backup_table_name"
            ) from error
        for name in ("index_snapshots", "index_marks"):
            connection.execute(sql[name])

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._looked.clear()  # each connection counts the versions for itself
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _acquire(
    connection: sqlite3.Connection, sql: Mapping[str, str], wanted: Claim, take_over: Holder | None
) -> Claim | Holder:
    found = found_of(connection, sql, wanted.strategy)
    known = found or Found(*connection.execute(sql["known"], (wanted.strategy,)).fetchone())
    answer = grant(known, wanted, take_over)
    if isinstance(answer, Claim) and (found is None or found.epoch != answer.epoch):
        until = rows.from_now(wanted.lease)
        row = (answer.epoch, answer.revision, wanted.start_id, wanted.owner, until, wanted.lease, wanted.strategy)
        connection.execute(sql["add_writer" if found is None else "take_writer"], row)
    return answer


_WRITTEN = {"save_row": 2, "add_row": 3, "add_writer": 7, "save_writer": 9, "save_history": 11, "ask": 8}
"""Statements that fail on a table of another shape, with how many parameters each has."""


def _cannot_open(error: OSError) -> sqlite3.Error:
    cause = sqlite3.OperationalError(error.strerror or "unable to open database file")
    cause.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    return cause
