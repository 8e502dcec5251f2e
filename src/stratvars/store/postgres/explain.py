"""From an error of the driver to one of ours, with the remedy.

The driver's text is never passed on: it may hold the values of a statement. What PostgreSQL says of its own objects
(a table, a right) is, where such a text cannot hold a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import psycopg

from stratvars.errors import RefusedError, UnavailableError

SETTING: Final = "DB_CONNECTION_STR"


@dataclass(frozen=True, slots=True)
class Place:
    """Which database, as whom; without the password."""

    host: str
    port: str
    database: str
    user: str

    def __str__(self) -> str:
        return f"PostgreSQL at {self.host}:{self.port}, database {self.database!r}, user {self.user!r}"


class SilenceError(psycopg.OperationalError):
    """The server said nothing for too long."""


class MissingTableError(RefusedError):
    """A table that was there is gone; the store makes it anew."""


_TROUBLE: Final = {
    "53300": "has no connection left; it is tried again. Raise max_connections, or let fewer programs connect",
    "53100": "has no room left on its disk; make room there",
    "53200": "has no memory left",
    "57P01": "was shut down",
    "57P02": "crashed and restarts",
    "57P03": "is starting up or shutting down",
    "57014": "cancelled the statement (an administrator, or statement_timeout)",
    "55P03": "did not give the lock in time: another program holds the strategy's row",
    "40001": "could not put the statement in an order with others, several times",
    "40P01": "broke a deadlock with another program, several times",
    "25006": "is a standby and takes no writes; it is tried again. Name the primary in " + SETTING,
    "0A000": "is a standby, or its tables were just altered; it is tried again. Name the primary in " + SETTING,
    "08001": "has a host name that is not known; correct it in " + SETTING + ", or repair the network",
}
_REFUSED: Final = {
    "28P01": "says that the password or the user name is wrong; correct it in " + SETTING,
    "28000": "does not let this user in from here; create the role, or add a line to its pg_hba.conf, or correct "
    + SETTING,
    "3D000": "has no such database; run CREATE DATABASE, or correct " + SETTING,
    "42501": "does not let this user connect; an administrator runs GRANT CONNECT ON DATABASE",
    "22P05": "cannot store a character; create the database with ENCODING 'UTF8'",
    "23502": "has a table that demands a value for a column this library does not know; choose another "
    "backup_table_name",
}
_TROUBLE_CLASSES: Final = {"08", "25", "40", "53", "55", "57", "58", "XX"}
_NAMING: Final = {
    "42501": "An administrator grants it the right (GRANT), or name another user in " + SETTING,
    "3F000": "Create the schema (CREATE SCHEMA), or name another one in backup_table_name",
}
"""States whose text names objects alone, with the remedy."""

# At a connect libpq gives a text and no SQLSTATE. Each pattern belongs to the state it stands for.
_CONNECT: Final = [
    (re.compile(r"password authentication failed|no password supplied|authentication failed"), "28P01"),
    (re.compile(r"no pg_hba\.conf entry|pg_hba\.conf rejects|is not permitted to log in"), "28000"),
    (re.compile(r'role "[^"]*" does not exist'), "28000"),
    (re.compile(r'database "[^"]*" does not exist'), "3D000"),
    (re.compile(r"permission denied for database"), "42501"),
    (re.compile(r"too many clients|remaining connection slots|too many connections"), "53300"),
    (re.compile(r"is starting up|is shutting down|not yet accepting connections|recovery mode"), "57P03"),
    (re.compile(r"could not translate host name|not known|resolve host|Name or service"), "08001"),
    (re.compile(r"session is read-only|in recovery|in hot standby|not in hot standby"), "25006"),
]


def explain(error: psycopg.Error, place: Place) -> UnavailableError:
    """The error as one of ours. Raise it outside of the ``except`` block, so that it drags no driver's text along."""
    state = error.sqlstate
    if isinstance(error, SilenceError):
        return UnavailableError(f"{place} is silent; its network or the server hangs")
    if state is None:
        return UnavailableError(f"{place}: the connection was lost")
    if state == "42P01":
        return MissingTableError(f"{place}: a table is gone; start the strategy again, which makes it anew")
    if state in _NAMING:
        return RefusedError(f"{place}: {error.diag.message_primary}. {_NAMING[state]}")
    return _explain_state(state, place)


def _explain_state(state: str, place: Place) -> UnavailableError:
    if state in _TROUBLE:
        return UnavailableError(f"{place} {_TROUBLE[state]}")
    if state in _REFUSED:
        return RefusedError(f"{place} {_REFUSED[state]}")
    if state[:2] in _TROUBLE_CLASSES:
        return UnavailableError(f"{place} is in trouble (SQLSTATE {state})")
    return RefusedError(f"{place} refused a statement (SQLSTATE {state}); its log says why")


def explain_connect(error: psycopg.Error, place: Place) -> UnavailableError:
    """Why no connection came about."""
    text = str(error)
    state = error.sqlstate or next((state for pattern, state in _CONNECT if pattern.search(text)), None)
    if state is not None:
        return _explain_state(state, place)
    if "FATAL:" in text:
        return UnavailableError(f"{place} answered and did not let us in; its log says why. Look at {SETTING}")
    return UnavailableError(f"{place} cannot be reached; start the server, or correct {SETTING}")


def explain_url(place: str) -> RefusedError:
    """The driver cannot read the URL."""
    return RefusedError(
        f"the URL in {SETTING} ({place}) has a parameter or an escape that the client does not know; correct it"
    )
