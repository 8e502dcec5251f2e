"""Creating what is missing, and refusing a table of another shape."""

from __future__ import annotations

from enum import Enum

import psycopg

from stratvars.errors import RefusedError
from stratvars.names import shell_word
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.explain import SETTING, Place
from stratvars.store.postgres.session import Session, transaction
from stratvars.store.postgres.statements import statements, table_names

_KEY = 7_310_023_119_462_184_519
"""One lock for all tables: two names may be one table, by way of the search path."""
_PATIENCE = "4000"
_CREATES = {
    "T": ("create_table", "store_table"),
    "T_writers": ("create_writers",),
    "T_history": ("create_history", "store_history", "index_snapshots", "index_marks"),
    "T_edits": ("create_edits",),
}
_TEXT = "text"
_CONTRACT = {
    "id": _TEXT,
    "last_updated": "timestamp with time zone",
    "variables": _TEXT,
    "strategy_id": _TEXT,
}
_WRONG_SHAPE = {"42703", "42804", "42P10", "42809", "42846", "42883"}
_NO_RIGHT = "42501"


class Fit(Enum):
    """What a role finds where all tables are."""

    FITS = "fits"
    ANOTHER_SHAPE = "another shape"
    NO_RIGHT = "no right"


def prepare(session: Session, table: str) -> None:
    """See ``stratvars.store.base.Store.prepare``."""
    problem = session.run(lambda connection: _prepare(connection, table, session.place))
    if problem is not None:
        raise problem


def _prepare(connection: WatchedConnection, table: str, place: Place) -> RefusedError | None:
    """The problem is given back and not raised, so that the driver's error does not hang on it."""
    try:
        # A role that may not create can use tables that are there, so nothing is asked of it then.
        if missing(connection, table):
            with transaction(connection):
                _create(connection, table)
                # Beside a table that is somebody else's nothing is left: the failed check undoes the transaction.
                return _misfit(connection, table, place)
    except psycopg.errors.InsufficientPrivilege:
        return RefusedError(
            f"{place}: this user may not create the tables. Name another user in {SETTING}, or {by_ddl(table)}"
        )
    return _misfit(connection, table, place)


def by_ddl(table: str) -> str:
    """The remedy for what the role may not do itself; the lines are many, and a sentence is printed as one."""
    option = "" if table == "vars_backup" else f" --table {shell_word(table)}"
    return f"let an administrator run what this prints: stratvars doctor --ddl{option}"


def missing(connection: WatchedConnection, table: str) -> list[str]:
    """Which of the tables are not there, by placeholder."""
    names = table_names(table)
    row = connection.execute(statements(table)["present"].encode(), names).fetchone() or ()
    return [key for key, found in zip(names, row, strict=True) if found is None]


def _create(connection: WatchedConnection, table: str) -> None:
    sql = statements(table)
    connection.execute(sql["settings"].encode(), {"patience": _PATIENCE})
    connection.execute(sql["prepare_lock"].encode(), {"key": _KEY})
    # Looked at again under the lock: another process may just have made them.
    absent = missing(connection, table)
    if "T" not in absent and not keeps_contract(connection, table):
        return
    for key in absent:
        for name in _CREATES[key]:
            connection.execute(sql[name].encode(), {})


def _misfit(connection: WatchedConnection, table: str, place: Place) -> RefusedError | None:
    found = fit(connection, table)
    if found is Fit.ANOTHER_SHAPE:
        return _another_shape(table, place)
    if found is Fit.NO_RIGHT:
        return RefusedError(
            f"{place}: this user lacks rights on the tables. Name another user in {SETTING}, or {by_ddl(table)}"
        )
    return None


def fit(connection: WatchedConnection, table: str) -> Fit:
    """Whether all tables, which are there, can be used; nothing is written."""
    if not keeps_contract(connection, table):
        return Fit.ANOTHER_SHAPE
    sql = statements(table)
    try:
        # The server plans it and checks every column, unique index and right, and runs nothing.
        for name in ("save", "add_writer", "take", "forget_writer", "current", "ask", "edits"):
            connection.execute(b"EXPLAIN " + sql[name].encode(), _NOTHING, prepare=False)
    except psycopg.errors.InsufficientPrivilege:
        return Fit.NO_RIGHT
    except psycopg.Error as error:
        if error.sqlstate not in _WRONG_SHAPE:
            raise
        return Fit.ANOTHER_SHAPE
    return Fit.FITS


def may_thin(connection: WatchedConnection, table: str) -> bool:
    """Whether the role may rewrite and remove what is in the history; nothing is written."""
    sql = statements(table)
    try:
        for name in ("rewrite", "remove"):
            connection.execute(b"EXPLAIN " + sql[name].encode(), _NOTHING, prepare=False)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def keeps_contract(connection: WatchedConnection, table: str) -> bool:
    """Whether the user's table, which is there, has the contract's columns and demands no others."""
    query = statements(table)["columns"].encode()
    found = connection.execute(query, {"name": table_names(table)["T"]}).fetchall()
    types = {name: type_ for name, type_, _ in found}
    needed = {name for name, _, is_needed in found if is_needed}
    return _CONTRACT.items() <= types.items() and needed <= _CONTRACT.keys()


def _another_shape(table: str, place: Place) -> RefusedError:
    return RefusedError(
        f"{place}: the table {table!r}, or one of those beside it, is not one that stratvars made; it was left as it "
        "is. Choose another backup_table_name"
    )


_NOTHING: dict[str, object] = dict.fromkeys(
    (
        *("patience", "strategy", "epoch", "start_id", "number", "follows", "variables", "digest", "reason"),
        *("complete", "held_back", "format", "snapshot", "changed", "removed", "revision", "owner", "lease"),
        *("held_epoch", "held_owner", "held_stamp"),
        *("over", "fate", "said", "token", "author", "note", "change", "limit"),
        *("epochs", "numbers"),
    )
)
