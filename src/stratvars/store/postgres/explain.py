"""From an error of the driver to one of ours, with the remedy.

The driver's text is never passed on: it may hold the values of a statement. What PostgreSQL says of its own objects
(a table, a right) is, where such a text cannot hold a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import psycopg

from stratvars.errors import LockedError, RefusedError, UnavailableError, UnreachableError

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
    """The server said nothing for too long, and did not stop when it was asked to."""


class HeldUpError(psycopg.OperationalError):
    """The server did not come to an end, and stopped when it was asked to."""


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
    "40001": "could not put the statement in an order with others, several times",
    "40P01": "broke a deadlock with another program, several times",
    "25006": "is a standby and takes no writes; it is tried again. Name the primary in " + SETTING,
    "0A000": "is a standby, or its tables were just altered; it is tried again. Name the primary in " + SETTING,
    "08001": "has a host name that is not known; correct it in " + SETTING + ", or repair the network",
}
_LOCKED: Final = "55P03"
_UNREACHABLE: Final = {"53300", "57P01", "57P02", "57P03", "08001"}
"""States that are so for whoever asks, whatever is asked."""
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

# At a connect libpq keeps the SQLSTATE to itself and gives a text, in the server's language (lc_messages). Each pattern
# belongs to the state it stands for; in another language less is told, and a start asks again for its time.
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

# What the client itself finds wrong, before the server is asked or after it was heard.
_ENCRYPTION: Final = [
    (
        re.compile(r"server does not support SSL"),
        "offers no encryption, and sslmode demands it; turn it on in the server, or take sslmode out of " + SETTING,
    ),
    (
        # With a blank in each: a host may be called certificate.
        re.compile(r"certificate (?:file|verify|present|does not|could not|for )|private key file|weak sslmode"),
        "does not pass the check of certificates that sslmode demands; correct sslmode or sslrootcert in " + SETTING,
    ),
]
_BAD_VALUE: Final = re.compile(
    r"invalid \"?(\w+)\"? value: |invalid integer value .* for connection option \"(\w+)\"|invalid (port) number"
    r"|bad value for (connect_timeout)|could not match \d+ (port) numbers|(service) (?:\"[^\"]*\" not found|file)"
)


def explain(error: psycopg.Error, place: Place) -> UnavailableError:
    """The error as one of ours. Raise it outside of the ``except`` block, so that it drags no driver's text along."""
    state = error.sqlstate
    if isinstance(error, SilenceError):
        return UnreachableError(f"{place} is silent; its network or the server hangs")
    if isinstance(error, HeldUpError):
        return UnavailableError(
            f"{place} did not end a statement for long; another program holds a table (LOCK TABLE, ALTER TABLE, "
            "VACUUM FULL), or the server has too much to do"
        )
    if state is None:
        return UnreachableError(f"{place}: the connection was lost")
    if state == "42P01":
        return MissingTableError(f"{place}: a table is gone; start the strategy again, which makes it anew")
    if state in _NAMING:
        # With a context it comes from a trigger or a function, which may say anything, the row's values too.
        said = f": {error.diag.message_primary}" if error.diag.context is None else " refused a statement"
        return RefusedError(f"{place}{said}. {_NAMING[state]}")
    return _explain_state(state, place)


def _explain_state(state: str, place: Place) -> UnavailableError:
    if state in _UNREACHABLE:
        return UnreachableError(f"{place} {_TROUBLE[state]}")
    if state == _LOCKED:
        return LockedError(
            f"{place} did not give the lock in time: another program holds the strategy's row, or a table"
        )
    if state in _TROUBLE:
        return UnavailableError(f"{place} {_TROUBLE[state]}")
    if state in _REFUSED:
        return RefusedError(f"{place} {_REFUSED[state]}")
    if state[:2] in _TROUBLE_CLASSES:
        return UnavailableError(f"{place} is in trouble (SQLSTATE {state}); its log says why")
    return RefusedError(f"{place} refused a statement (SQLSTATE {state}); its log says why")


def explain_connect(error: psycopg.Error, place: Place) -> UnavailableError:
    """Why no connection came about."""
    text = str(error)
    state = error.sqlstate or next((state for pattern, state in _CONNECT if pattern.search(text)), None)
    if state is not None:
        return _explain_state(state, place)
    for pattern, sentence in _ENCRYPTION:
        if pattern.search(text):
            return RefusedError(f"{place} {sentence}")
    bad_value = _BAD_VALUE.search(text)
    if bad_value is not None:
        name = next(filter(None, bad_value.groups()))
        return RefusedError(f"{place}: the client does not take the value of {name}; correct it in {SETTING}")
    if "FATAL:" in text or _was_asked_for_password(error):
        return UnavailableError(f"{place} answered and did not let us in; its log says why. Look at {SETTING}")
    return UnreachableError(f"{place} cannot be reached; start the server, or correct {SETTING}")


def _was_asked_for_password(error: psycopg.Error) -> bool:
    """Whether it talked to a server, in whatever language that then refused."""
    return error.pgconn is not None and error.pgconn.used_password


def explain_host(place: Place) -> UnavailableError:
    """A name that no name server could know."""
    return _explain_state("08001", place)


def explain_url(place: str, name: str = "") -> RefusedError:
    """The driver cannot read the URL; ``name`` is that of the parameter it does not take, empty if unknown."""
    what = f"the parameter {name}" if name else "a parameter"
    # The name that asyncpg has for it.
    hint = ", or ask for encryption with sslmode=require" if name == "ssl" else ""
    return RefusedError(f"the URL in {SETTING} ({place}) has {what} that the client does not know; remove it{hint}")
