"""Examining a PostgreSQL database for strategies. Reads only, on one connection that is given up when it is silent."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from stratvars.database import Database
from stratvars.errors import UnavailableError
from stratvars.store.fact import Examination, Fact, Grade, another_shape, fail, lost_row, lost_table, ok, warn
from stratvars.store.postgres import durability, schema, settings, sizes, vacuum
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.explain import SETTING, explain_url
from stratvars.store.postgres.pooler import about_pooler
from stratvars.store.postgres.records import PostgresRecords
from stratvars.store.postgres.session import Session
from stratvars.store.postgres.settings import Settings, queries
from stratvars.store.postgres.statements import schema_of

OLDEST: Final = 15
NEWEST: Final = 18
"""The versions of PostgreSQL that are supported."""
_CANCELS_SAFELY: Final = 170_000
_SLOW: Final = 1.0
_CONNECTIONS: Final = ("max_connections", "superuser_reserved_connections", "reserved_connections")
_NAMES: Final = (*settings.NAMES, *durability.NAMES, *vacuum.NAMES, *_CONNECTIONS, "server_encoding")


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the server showed.

    Attributes:
        address: who answered, for a message.
        version: the server's, as the client library writes it: 180001 is 18.1.
        is_standby: it replays what a primary writes.
        settings: as the role meets them.
        used: connections to all databases.
        is_lent: the process that answers is not the one that the login named.
        asked, theirs, answered: our clock, the server's, and ours again, in seconds since 1970.
    """

    address: str
    version: int
    is_standby: bool
    settings: Settings
    used: int
    is_lent: bool
    asked: float
    theirs: float
    answered: float


def examine(database: Database, table: str, clock: Callable[[], float] = time.time) -> Examination:
    """Look at everything that a strategy needs of the server.

    Args:
        database: where.
        table: the table's name.
        clock: this machine's, in seconds since 1970.

    A connection that does not come about is a fact, too, and then the only one.
    """
    with closing(Session(database)) as session:
        try:
            look = session.run(lambda connection: _look(connection, clock))
        except UnavailableError as error:
            return Examination((fail("connection", f"no connection to {_chosen(database)}", str(error)),))
        pooler = about_pooler(session, database, is_seen=look.is_lent)
        tables = _tables(session, table, look)
        facts = (*_about(look, database), *pooler, *tables.facts)
    try:
        with closing(PostgresRecords(database)) as records:
            return Examination(facts, tuple(records.strategies(table)), tables.histories)
    except UnavailableError as error:
        is_said = any(fact.name == "tables" and fact.grade is Grade.FAIL for fact in facts)
        return Examination(facts if is_said else (*facts, fail("strategies", "they cannot be read", str(error))))


def role_of(database: Database) -> str | None:
    """The role that the URL names; None when it leaves that to the client library. Nothing is connected.

    Raises:
        RefusedError: the URL cannot be read.
    """
    try:
        role = conninfo_to_dict(database.url.reveal()).get("user")
    except psycopg.Error:
        pass
    else:
        return None if role is None else str(role)
    raise explain_url(str(database))  # outside of the block: the driver's text must not hang on it


def _look(connection: WatchedConnection, clock: Callable[[], float]) -> Look:
    sql = queries()
    found = settings.read(connection, _NAMES)
    [is_standby, used, process] = connection.execute(sql["server"].encode(), {}).fetchone() or (False, 0, 0)
    asked = clock()
    [theirs] = connection.execute(sql["clock"].encode(), {}).fetchone() or (0.0,)
    answered = clock()
    info = connection.info
    address = info.host if info.host.startswith("/") else f"{info.host}:{info.port}"
    is_lent = process != info.backend_pid
    return Look(address, info.server_version, is_standby, found, used, is_lent, asked, theirs, answered)


def _about(look: Look, database: Database) -> list[Fact]:
    return [
        ok(
            "connection",
            f"{_chosen(database)}: {look.address}, role {look.settings.role!r}, database "
            f"{look.settings.database!r}, {(look.answered - look.asked) * 1000:.1f} ms a round trip",
        ),
        about_version(look.version),
        about_client(psycopg.pq.version()),
        _primary(look),
        *durability.durability(look.settings),
        *settings.about_role(look.settings),
        _encoding(look.settings),
        _connections(look),
        _clock(look),
    ]


def _chosen(database: Database) -> str:
    return f"{database} (chosen by: {database.origin})"


def about_version(version: int) -> Fact:
    """The fact on the server's version, a number such as 180001."""
    major, text = version // 10_000, f"PostgreSQL {_dotted(version)}"
    if OLDEST <= major <= NEWEST:
        return ok("server", text)
    age = "older" if major < OLDEST else "newer"
    return warn(
        "server",
        f"{text}, which is {age} than the supported {OLDEST} to {NEWEST} and not tested",
        f"use PostgreSQL {OLDEST} to {NEWEST}" + ("" if age == "older" else ", or look for a newer stratvars"),
    )


def about_client(libpq: int) -> Fact:
    """The fact on this side's library, its version a number such as 170004."""
    text = f"psycopg {psycopg.__version__}, libpq {_dotted(libpq)}"
    if libpq >= _CANCELS_SAFELY:
        return ok("client", text)
    return warn(
        "client",
        f"{text}: a statement that is given up cannot be cancelled safely, and stays in the server until it notices",
        "install a newer one: pip install --upgrade 'psycopg[binary]'",
    )


def _dotted(version: int) -> str:
    return f"{version // 10_000}.{version % 10_000}"


def _primary(look: Look) -> Fact:
    if not look.is_standby:
        return ok("primary", "it is a primary, and takes writes")
    return fail(
        "primary",
        "it is a standby: it can be looked at, and no strategy can run on it",
        f"name the primary in {SETTING}, or all hosts, of which the primary is found: "
        "postgresql://user@host1:5432,host2:5432/database",
    )


def _encoding(found: Settings) -> Fact:
    encoding = found["server_encoding"]
    if encoding == "UTF8":
        return ok("encoding", encoding)
    return fail(
        "encoding",
        f"{encoding} cannot store every character of a name or a value",
        "CREATE DATABASE another ENCODING 'UTF8' TEMPLATE template0, and name that one in " + SETTING,
    )


def _connections(look: Look) -> Fact:
    reserved = sum(look.settings.number(name) for name in _CONNECTIONS[1:])
    room = look.settings.number("max_connections") - reserved
    text = f"{look.used} of {room} in use (max_connections without {reserved} reserved ones)"
    if room - look.used >= max(2, room // 10):
        return ok("connections", text)
    return warn(
        "connections",
        f"{text}: soon nobody can connect, and a strategy takes up to two",
        "end idle ones (SELECT * FROM pg_stat_activity), raise max_connections, or put a pooler in between",
    )


def _clock(look: Look) -> Fact:
    # Their clock was read some time between the two looks at ours: what that leaves open is not held against it.
    open_ = (look.answered - look.asked) / 2
    ahead = look.theirs - (look.asked + open_)
    text = f"the server's is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    if abs(ahead) - open_ <= _SLOW:
        return ok("clock", text)
    return warn(
        "clock",
        f"{text}. No save depends on it, but times of revisions do not fit those in logs of this machine",
        "let both machines set their clocks by NTP (timedatectl set-ntp true)",
    )


def _tables(session: Session, table: str, look: Look) -> Examination:
    try:
        return session.run(lambda connection: _look_at_tables(connection, table, look))
    except UnavailableError as error:
        return Examination((fail("tables", f"they cannot be looked at: {error}", schema.by_ddl(table)),))


def _look_at_tables(connection: WatchedConnection, table: str, look: Look) -> Examination:
    missing = schema.missing(connection, table)
    if "T" not in missing and not schema.keeps_contract(connection, table):
        return Examination((another_shape(table),))
    if missing:
        is_lost = "T" in missing and "T_writers" not in missing
        names = [table + key[1:] for key in missing]
        return Examination((lost_table(table) if is_lost else _to_be_made(connection, table, names),))
    match schema.fit(connection, table):
        case schema.Fit.FITS:
            query = queries(table)["lost"].encode()
            rows = [lost_row(name) for (name,) in connection.execute(query, {}).fetchall()]
            there = ok("tables", f"{table} and those beside it are there, and {look.settings.role!r} may use them")
            facts = (there, *_about_upkeep(connection, table, look), *rows)
            return Examination(facts, histories=sizes.histories(connection, table))
        case schema.Fit.ANOTHER_SHAPE:
            return Examination((another_shape(table),))
        case schema.Fit.NO_RIGHT:
            text = f"they are there, and {look.settings.role!r} lacks rights on them"
            return Examination((fail("tables", text, schema.by_ddl(table)),))


def _about_upkeep(connection: WatchedConnection, table: str, look: Look) -> list[Fact]:
    # A standby clears away what its primary does, and counts nothing itself.
    found = [] if look.is_standby else [vacuum.about_dead_rows(connection, table, look.settings)]
    return [*_about_thinning(connection, table, look), *found]


def _about_thinning(connection: WatchedConnection, table: str, look: Look) -> list[Fact]:
    if schema.may_thin(connection, table):
        return []
    text = f"{look.settings.role!r} may not update and delete in {table}_history, so it grows for ever"
    return [warn("history", text, schema.by_ddl(table))]


def _to_be_made(connection: WatchedConnection, table: str, missing: list[str]) -> Fact:
    names = ", ".join(missing)
    row = connection.execute(queries()["schema"].encode(), {"schema": schema_of(table)}).fetchone()
    if row is None:
        where = schema_of(table) or "of the search_path"
        return fail(
            "tables", f"{names}: not there, nor is a schema {where} that this role may use", schema.by_ddl(table)
        )
    if row[1]:
        return ok("tables", f"{names}: not there yet, will be made at the first start, in the schema {row[0]}")
    return fail(
        "tables", f"{names}: not there, and this role may not create them in the schema {row[0]}", schema.by_ddl(table)
    )
