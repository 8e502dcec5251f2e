"""Opening a connection that notices when the other side is gone.

A lost packet leaves the driver waiting for ever: keepalives do not help while an answer is awaited, and
``tcp_user_timeout`` only on Linux and only when the packets themselves are not acknowledged. So each wait
for the server has a limit of our own on how long it may be silent.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import capabilities
from psycopg.conninfo import conninfo_to_dict
from psycopg.waiting import Ready

from stratvars.database import Database
from stratvars.store.postgres.explain import Place, SilenceError, explain_connect, explain_url

SILENCE = 5.0
"""Seconds without a byte from the server, or room for one to it, after which a connection is given up."""
_CANCEL = 1.0
_DEFAULTS = {
    "application_name": "stratvars",
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 2000,
}


class WatchedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose every wait ends with ``SilenceError`` when nothing moves for ``SILENCE`` seconds."""

    # The arguments after the first differ between versions of the driver.
    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        """See ``psycopg.Connection.wait``."""
        return super().wait(_watched(gen), *args, **kwargs)


def _watched(generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """The driver's generator, looked at each time its loop wakes up."""
    heard = time.monotonic()
    ready = None
    while True:
        try:
            wanted = generator.send(ready)
        except StopIteration as end:
            return end.value
        ready = yield wanted
        now = time.monotonic()
        if ready != Ready.NONE:
            heard = now
        elif now - heard > SILENCE:
            raise SilenceError("silence")


class Connector:
    """Knows how to connect to one database. Nothing is opened before ``open``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._parameters: dict[str, Any] = {}
        self.place = Place("", "", "", "")

    def open(self, *, prepared: bool) -> WatchedConnection:
        """A new connection in autocommit mode; ``prepared``: statements sent often are prepared.

        Raises:
            UnavailableError: the server cannot be reached, or has no room.
            RefusedError: it does not let us in, or the URL cannot be read.
        """
        if not self._parameters:
            self._understand()
        threshold = 5 if prepared else None
        try:
            return WatchedConnection.connect("", autocommit=True, prepare_threshold=threshold, **self._parameters)
        except psycopg.Error as error:
            problem = explain_connect(error, self.place)
        raise problem  # outside of the block: the driver's error must not hang on it

    def _understand(self) -> None:
        parameters = _parse(self._database.url.reveal())
        if parameters is None:
            raise explain_url(str(self._database))
        # The texts of users are Unicode, whatever the environment says of this side's encoding.
        self._parameters = {**_DEFAULTS, **parameters, "client_encoding": "UTF8"}
        if "," in str(parameters.get("host", "")):
            self._parameters.setdefault("target_session_attrs", "primary")
        self.place = _place(parameters)


def give_up(connection: WatchedConnection) -> None:
    """Ask the server to stop what it does for us, once, and close: retries must not pile up waiting backends."""
    # An older libpq can only cancel in a call that may hang itself.
    if capabilities.has_cancel_safe():
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=_CANCEL)
    close(connection)


def close(connection: WatchedConnection) -> None:
    """Close; an open transaction is rolled back by the server."""
    with suppress(psycopg.Error):
        connection.close()


def _parse(url: str) -> dict[str, Any] | None:
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.Error:
        return None


def _place(parameters: dict[str, Any]) -> Place:
    user = str(parameters.get("user", ""))
    host = str(parameters.get("host") or parameters.get("hostaddr") or "the local socket")
    return Place(host, str(parameters.get("port", "5432")), str(parameters.get("dbname", user)), user)
