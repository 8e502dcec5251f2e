"""One connection to PostgreSQL and what is done when it fails: explain, drop, send again where that is safe.

Nothing is kept in the connection between two verbs, so that any of them may run on a new one, or through a pooler
that lends the server's connections per transaction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from stratvars.database import Database
from stratvars.errors import UnavailableError
from stratvars.locks import new_lock
from stratvars.store.postgres.connect import Connector, LateError, WatchedConnection, close
from stratvars.store.postgres.explain import Place, SilenceError, explain

_Result = TypeVar("_Result")
_TRIES = 5
_ORDER = {"40001", "40P01"}
_BUSY = {TransactionStatus.ACTIVE, TransactionStatus.INTRANS, TransactionStatus.INERROR}
_POOLER = {"42P05", "26000"}
_READ_ONLY = "25006"
_ELSEWHERE = {_READ_ONLY, "0A000"}


class Session:
    """Runs one piece of work after another on a connection that is opened when needed. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._connector = Connector(database)
        self._mutex = new_lock()
        self._connection: WatchedConnection | None = None
        self._prepared = True
        self.begins_writes = False
        """The role reads by default: each write needs a transaction that says it writes."""

    @property
    def place(self) -> Place:
        """Which database; complete after the first connection was tried."""
        return self._connector.place

    def run(self, work: Callable[[WatchedConnection], _Result]) -> _Result:
        """Do the work, which must be safe to do again, until its outcome is known or the database cannot.

        Raises:
            UnavailableError, RefusedError: the only errors of the database that come out.
        """
        problem: UnavailableError | None = None
        with self._mutex:
            self._set_aside()
            for _ in range(_TRIES):
                is_used = self._connection is not None
                connection = self._open()
                try:
                    if connection.is_late:
                        connection.catch_up()
                    return work(connection)
                except psycopg.Error as error:
                    problem = explain(error, self.place)
                    again = self._helps_again(connection, error, is_used)
                finally:
                    self._leave(connection)
                if not again:
                    break
        # Raised outside of the block above: on an error of ours must hang no text of the driver.
        raise problem or UnavailableError(f"{self.place} did not answer")

    def run_within(self, work: Callable[[WatchedConnection], _Result], until: float) -> _Result | None:
        """Do the work now, on a connection that is open and free, and wait for it until then, by the monotonic clock.

        None: it was not begun, it failed, or its outcome is not known yet; ``run`` then waits for that before anything
        else is sent. Whatever a signal raises in here, the connection is left idle, late or closed.
        """
        try:
            if not self._mutex.acquire(blocking=False):
                return None
            connection = self._connection
            if connection is None or self.begins_writes or not _is_idle(connection):
                return None
            connection.until = until
            try:
                return work(connection)
            except LateError:
                return None
            except psycopg.Error as error:
                if error.sqlstate in _POOLER:  # or each save would fail here first
                    self._helps_again(connection, error, is_used=True)
                return None
            finally:
                connection.until = math.inf
                if not connection.is_late:
                    self._leave(connection)
        finally:
            # No `with`, which would wait for the lock; no flag, which a signal could leave false beside it; and no call
            # before the release, for a signal raises after one.
            try:  # noqa: SIM105  as said
                self._mutex.release()
            except RuntimeError:  # it was another's
                pass

    def close(self) -> None:
        """End the connection. May be called twice."""
        with self._mutex:
            connection, self._connection = self._connection, None
            if connection is not None:
                close(connection)

    def _open(self) -> WatchedConnection:
        if self._connection is None:
            self._connection = self._connector.open(prepared=self._prepared)
            self.begins_writes = False
        self._connection.until = math.inf  # a signal may have hit whoever was in a hurry
        return self._connection

    def _leave(self, connection: WatchedConnection) -> None:
        """Keep the connection only when nothing is open on it: its state is then that of a new one."""
        if self._connection is not connection:  # a signal handler set it aside
            close(connection)
        elif not _is_idle(connection):
            self._connection = None
            close(connection)

    def _set_aside(self) -> None:
        """Leave a connection to the frame of this thread that a signal handler interrupted, and that goes on with it.

        It is not closed here: the driver's C code holds what would be freed by that.
        """
        connection = self._connection
        if connection is not None and not connection.is_late and connection.pgconn.transaction_status in _BUSY:
            self._connection = None

    def _helps_again(self, connection: WatchedConnection, error: psycopg.Error, is_used: bool) -> bool:
        if isinstance(error, SilenceError):
            close(connection)
            return False
        if connection.broken or _is_of_client(error):
            close(connection)
            # One that was idle may have ended long ago, at a restart or an idle_session_timeout: no news to anybody.
            return is_used
        if error.sqlstate in _POOLER and self._prepared:
            self._prepared = False
            close(connection)
            return True
        if error.sqlstate == _READ_ONLY and not self.begins_writes and _is_primary(connection):
            self.begins_writes = True
            return True
        if error.sqlstate in _ELSEWHERE:
            # A standby, or a prepared plan for a table that was altered: this connection would say so for ever.
            close(connection)
            return is_used
        return error.sqlstate in _ORDER


def _is_idle(connection: WatchedConnection) -> bool:
    return connection.pgconn.transaction_status == TransactionStatus.IDLE


def _is_of_client(error: psycopg.Error) -> bool:
    """The client lost its way to the server. Of a reset the driver may know by poll before its library has read it."""
    return type(error) is psycopg.OperationalError and error.sqlstate is None


def _is_primary(connection: WatchedConnection) -> bool:
    if not _is_idle(connection):
        return False
    try:
        row = connection.execute("SELECT NOT pg_catalog.pg_is_in_recovery()").fetchone()
    except psycopg.Error:
        return False
    return row == (True,)


@contextmanager
def transaction(connection: WatchedConnection, mode: str = "READ COMMITTED READ WRITE") -> Iterator[None]:
    """What is sent inside is committed at the end.

    After an error the session drops the connection, and the server rolls back.
    """
    connection.execute(f"BEGIN ISOLATION LEVEL {mode}".encode(), prepare=False)
    yield
    connection.execute("COMMIT", prepare=False)
