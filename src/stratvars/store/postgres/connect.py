"""Opening a connection that notices when the other side is gone.

A lost packet leaves the driver waiting for ever: keepalives do not help while an answer is awaited, and
``tcp_user_timeout`` only on Linux and only when the packets themselves are not acknowledged. So each wait
for the server has a limit of our own on how long it may be silent. Past it the server is asked to stop what it does
for us: one that stops is alive and held up by somebody (a statement takes the locks of its tables before its own
``lock_timeout`` holds), and the connection is used further; one that does not is given up.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import psycopg
from psycopg import capabilities, generators, waiting
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import error_from_result
from psycopg.pq import Conninfo, DiagnosticField
from psycopg.waiting import Ready

from stratvars.database import Database, Secret
from stratvars.errors import UnavailableError
from stratvars.store.handles import lack_of_handles
from stratvars.store.postgres.explain import (
    HeldUpError,
    Place,
    SilenceError,
    explain_connect,
    explain_host,
    explain_url,
)

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

SILENCE = 5.0
"""Seconds without a byte from the server, or room for one to it, after which it is asked to stop."""
CANCEL = 1.0
"""Seconds that it has for that, and as many for saying so, before the connection is given up."""
_GLANCE = 0.02
"""Seconds between two looks at the time, where somebody waits who must be free again at a certain one."""
_STOPPED = b"57014"
_DEFAULTS = {
    "fallback_application_name": "stratvars",
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 2000,
}
_VARIABLES = {"connect_timeout": "PGCONNECT_TIMEOUT", "target_session_attrs": "PGTARGETSESSIONATTRS"}


class LateError(Exception):
    """The answer was not there in time; it is still to come."""


class WatchedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits for the server ``SILENCE`` seconds and a little more, and not for ever.

    Past that a statement ends with ``HeldUpError`` when the server stopped it, else with ``SilenceError``.
    """

    def __init__(self, pgconn: PGconn, *args: Any, **kwargs: Any) -> None:
        super().__init__(pgconn, *args, **kwargs)
        self.hot: dict[bytes, bytes | None] = {}
        """Names of the statements that ``hot.py`` has prepared, by their texts; None of one that was sent once."""
        self.is_late = False
        """Somebody gave up waiting for an answer that is still to come."""
        self.until = math.inf
        """No answer is waited for longer, by the monotonic clock: ``LateError``."""
        self._give_up = 0.0

    # The arguments after the first differ between versions of the driver.
    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        """See ``psycopg.Connection.wait``."""
        if self.until == math.inf:
            return super().wait(self._watched(gen), *args, **kwargs)
        # Ctrl-C ends it at once: what the driver would do then may take seconds.
        return waiting.wait(self._watched(gen), self.pgconn.socket, interval=_GLANCE)

    def catch_up(self) -> None:
        """Wait for the answer that was given up, as long as it may be waited for in all, and forget it; see ``wait``.

        Raises:
            HeldUpError, SilenceError, psycopg.Error: there is none, or the statement was stopped.
        """
        super().wait(self._watched(self._late_answer(), self._give_up))

    def _late_answer(self) -> Generator[Any, Any, None]:
        results = yield from generators.execute(self.pgconn)
        self.is_late = False
        if results and results[-1].error_field(DiagnosticField.SQLSTATE) == _STOPPED:
            raise error_from_result(results[-1], encoding=self.info.encoding)

    def _watched(self, generator: Generator[Any, Any, Any], give_up: float = 0.0) -> Generator[Any, Any, Any]:
        """The driver's generator, looked at each time its loop wakes up; ``give_up``: a silence that goes on."""
        give_up = give_up or time.monotonic() + SILENCE
        is_stopped = False
        ready = None
        while True:
            try:
                wanted = generator.send(ready)
            except StopIteration as end:
                return end.value
            except psycopg.errors.QueryCanceled:
                if is_stopped:
                    raise HeldUpError("held up") from None
                raise
            ready = yield wanted
            now = time.monotonic()
            if ready != Ready.NONE:
                give_up = now + SILENCE
            elif now > min(self.until, give_up) and self.until < math.inf:
                self.is_late, self._give_up = True, give_up
                raise LateError
            elif now > give_up:
                if is_stopped or not self._stop():
                    raise SilenceError("silence")
                # Waiting backends must not pile up: a new connection is only made when this one's has had its time.
                is_stopped, give_up = True, time.monotonic() + CANCEL

    def _stop(self) -> bool:
        """Ask the server to stop what it does for us; False when the question did not reach it."""
        # An older libpq can only cancel in a call that may hang itself.
        if not capabilities.has_cancel_safe():
            return False
        try:
            self.cancel_safe(timeout=CANCEL)
        except psycopg.Error:
            return False
        return True


class Connector:
    """Knows how to connect to one database. Nothing is opened before ``open``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.place = Place("", "", "", "")

    def open(self, *, prepared: bool) -> WatchedConnection:
        """A new connection in autocommit mode; ``prepared``: statements sent often are prepared.

        Raises:
            UnavailableError: the server cannot be reached, or has no room.
            RefusedError: it does not let us in, or the URL cannot be read.
        """
        threshold = 5 if prepared else None
        try:
            connection = WatchedConnection.connect(
                "", autocommit=True, prepare_threshold=threshold, **self._understand()
            )
            # Of several hosts the one that was taken, and what a service stood for.
            self.place = _place_of(connection)
        except psycopg.Error as error:
            problem = explain_connect(error, self.place)
        except UnicodeError:  # from looking up a host whose name cannot be one
            problem = explain_host(self.place)
        except OSError as error:  # the driver waits with something that the system has to give
            problem = UnavailableError(f"{self.place}: {lack_of_handles() or error.strerror}")
        else:
            return connection
        raise problem  # outside of the block: the driver's error must not hang on it

    def _understand(self) -> dict[str, Any]:
        """What the driver is given: never kept, for it holds the password."""
        parameters = _parse(self._database.url.reveal())
        if parameters is None:
            raise explain_url(str(self._database), _unknown_parameter(self._database.url))
        self.place = _place(parameters)
        ours = dict(_DEFAULTS)
        # Which of several takes writes changes with a failover.
        if "," in self.place.host:
            ours["target_session_attrs"] = "primary"
        # The client reads these two where nothing is given, and what the user says goes first.
        ours = {key: value for key, value in ours.items() if _VARIABLES.get(key, "") not in os.environ}
        # The texts of users are Unicode, whatever the environment says of this side's encoding.
        return {**ours, **parameters, "client_encoding": "UTF8"}


def close(connection: WatchedConnection) -> None:
    """Close; an open transaction is rolled back by the server."""
    with suppress(psycopg.Error):
        connection.close()


def _parse(url: str) -> dict[str, str] | None:
    try:
        return {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except psycopg.Error:
        return None


def _unknown_parameter(url: Secret) -> str:
    """The name of the first parameter that the driver does not take; empty where the name is not shown either."""
    given, shown = (text.partition("?")[2].split("&") for text in (url.reveal(), url.shown))
    refused = [name for pair, name in zip(given, shown, strict=True) if _parse(f"postgresql:///?{pair}") is None]
    name, separator, _ = refused[0].partition("=") if refused else ("", "", "")
    return unquote(name) if separator else ""


def _place(given: Mapping[str, str]) -> Place:
    """Where the driver will look: what the URL leaves out is in the environment, or in the file of services."""
    if "service" in given:
        known, otherwise = dict(given), f"the service {given['service']}"
    else:
        defaults = {option.keyword.decode(): option.val for option in Conninfo.get_defaults() if option.val is not None}
        known = {**{key: value.decode(errors="replace") for key, value in defaults.items()}, **given}
        otherwise = "the local socket"
    host = known.get("host") or known.get("hostaddr") or otherwise
    user = known.get("user", "?")
    return Place(host, known.get("port", "?"), known.get("dbname", user), user)


def _place_of(connection: WatchedConnection) -> Place:
    info = connection.info
    return Place(info.host, str(info.port), info.dbname, info.user)
