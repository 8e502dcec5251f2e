"""Whether a pooler stands between a strategy and the server, for how long it lends a connection, and what that costs.

What a pooler says of itself cannot be trusted, and many say nothing. But the server tells each client at its login the
process that serves it, and a pooler makes that up, for it has to find its own way when a statement is cancelled. So
another process that answers is the sign of a pooler. (A port or an address that is another one is none: networks
change those.) Then a second connection shows whether two clients that are both there get one process: that is lent for
a transaction at most. Where each keeps its own, it is lent for as long as they stay.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from typing import Final

from stratvars.database import Database
from stratvars.errors import UnavailableError
from stratvars.store.fact import Fact, fail, ok, warn
from stratvars.store.postgres import settings
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.session import Session, transaction
from stratvars.store.postgres.settings import queries
from stratvars.store.sqlfiles import quote

_ROUNDS: Final = 5
"""Other clients come in between: one look can miss what five do not."""
_PREPARED: Final = "SELECT 'stratvars'"
_OURS: Final = "_pg3_"
"""How the driver names a prepared statement."""
_BETWEEN: Final = "a pooler stands in between"
_EVERYTHING: Final = "every promise holds"


class Lending(Enum):
    """For how long a pooler lends a connection of the server."""

    SESSION = "session"
    TRANSACTION = "transaction"
    STATEMENT = "statement"
    EXHAUSTED = "exhausted"
    """A second client gets none while the first is there."""


@dataclass(frozen=True, slots=True)
class Pooler:
    """What stands in between.

    Attributes:
        lending: for how long.
        prepares: it knows which prepared statement is on which connection, or need not.
        dropped: settings in the options of the login that did not reach the server.
        role: who would have needed them.
    """

    lending: Lending
    prepares: bool
    dropped: Sequence[str] = ()
    role: str = ""


def about_pooler(session: Session, database: Database, *, is_seen: bool) -> list[Fact]:
    """The facts on a pooler; none where nothing stands in between.

    Args:
        session: where the examination asks.
        database: the same place, for a second connection.
        is_seen: the process that answers is not the one that the login named.
    """
    if not is_seen:
        return []
    try:
        return judge(_look(session, database))
    except UnavailableError as error:
        return [warn("pooler", f"{_BETWEEN}, and could not be examined", str(error))]


def _look(session: Session, database: Database) -> Pooler:
    try:
        prepares = session.run(_prepares)
    except UnavailableError:
        session.run(_backend)  # what is not refused alone, and in a transaction is
        return Pooler(Lending.STATEMENT, prepares=False)
    role, dropped = session.run(_dropped)
    with closing(Session(database)) as other:
        try:
            lending = session.run(lambda connection: _lending(connection, other))
        except UnavailableError:
            lending = Lending.EXHAUSTED
    return Pooler(lending, prepares=prepares, dropped=dropped, role=role)


def _backend(connection: WatchedConnection) -> int:
    row = connection.execute(queries()["backend"].encode(), prepare=False).fetchone()
    return 0 if row is None else int(row[0])


def _lending(connection: WatchedConnection, other: Session) -> Lending:
    mine = _backend(connection)
    for _ in range(_ROUNDS):
        if other.run(_backend) == mine or _backend(connection) != mine:
            return Lending.TRANSACTION
    return Lending.SESSION


def _prepares(connection: WatchedConnection) -> bool:
    """Whether a pooler gives prepared statements names of its own, by which it finds them on every connection.

    Nothing of it stays: the name is taken back in the transaction, in which the connection is lent.
    """
    if connection.prepare_threshold is None:
        return False  # this session met an error that only comes of a pooler which does not
    with transaction(connection, "READ COMMITTED READ ONLY"):  # a standby refuses one that could write
        connection.execute(_PREPARED, prepare=True)
        query = queries()["prepared"].encode()
        names = [name for (name,) in connection.execute(query, {"statement": _PREPARED}, prepare=False).fetchall()]
        mine = [name for name in names if name.startswith(_OURS)]
        for name in mine:
            connection.execute(f'DEALLOCATE "{name}"'.encode(), prepare=False)
    return not mine


def _dropped(connection: WatchedConnection) -> tuple[str, list[str]]:
    """The role, and which settings in the options of the login are not those of the session."""
    names = names_in(connection.info.options)
    found = settings.read(connection, [*names, "server_version_num"])
    # A pooler that knows a setting makes it one of the session, and one that passes it on, of the client.
    kept = {name for name, (_, source) in found.found.items() if source in {"client", "session"}}
    return found.role, [name for name in names if name not in kept]


def names_in(options: str) -> list[str]:
    """The settings that the options of a login name: ``-c name=value``, ``-cname=value`` or ``--name=value``."""
    try:
        words = " ".join(shlex.split(options))
    except ValueError:
        return []
    return [name.replace("-", "_").lower() for name in re.findall(r"(?:^| )(?:-c *|--)([\w.-]+)=", words)]


def judge(pooler: Pooler) -> list[Fact]:
    """The facts on a pooler."""
    return [_about_lending(pooler), *(_about_dropped(name, pooler.role) for name in pooler.dropped)]


def _about_lending(pooler: Pooler) -> Fact:
    match pooler.lending:
        case Lending.STATEMENT:
            text = f"{_BETWEEN} and lends a connection for a statement: no transaction holds, so no strategy can start"
            return fail("pooler", text, "set pool_mode = transaction (PgBouncer), or connect past it")
        case Lending.EXHAUSTED:
            text = f"{_BETWEEN}, and gave a second client no connection: a strategy that starts waits, and gives up"
            return warn("pooler", text, "raise default_pool_size (PgBouncer), or set pool_mode = transaction")
        case Lending.SESSION:
            text = f"{_BETWEEN} and lends a connection for as long as a process is connected: {_EVERYTHING}"
            return ok("pooler", f"{text}. Its pool needs one for each process, and two for a moment after trouble")
    text = f"{_BETWEEN} and lends a connection for a transaction: {_EVERYTHING}, for a save is one statement"
    if pooler.prepares:
        return ok("pooler", text)
    remedy = "let it prepare (PgBouncer 1.21 or newer: max_prepared_statements = 200), or leave it at that"
    return warn(
        "pooler", f"{text}. It does not know prepared statements, without which a save takes a tenth more", remedy
    )


def _about_dropped(name: str, role: str) -> Fact:
    text = f"{_BETWEEN} and drops {name} from the options of the login, so the server does not know it"
    remedy = f"take it out of the options, and ALTER ROLE {quote(role)} SET {name} = …"
    if name == "search_path":
        remedy += ", or name the schema in backup_table_name (schema.table)"
    return warn("pooler", text, remedy)
