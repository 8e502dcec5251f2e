"""What can happen to a PostgreSQL in the middle of a run. Each trouble lasts as long as its block does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import psycopg
from course import Course, play_with_backup, play_with_strategy
from full_disk import full
from scenes import END_BACKENDS, ROLE, Scene

from postgres.waiting import eventually

Block = Callable[[Scene], AbstractContextManager[object]]


@dataclass(frozen=True)
class Trouble:
    """A row of the table.

    Attributes:
        name: of the test.
        during: makes the block.
        says: what the log says of it.
        url: the bot's.
        play: who runs: a loop with a backup, or a strategy.
    """

    name: str
    during: Block
    says: str | None = None
    url: Callable[[Scene], str] = Scene.direct
    play: Callable[[Course, str], None] = play_with_backup

    def __str__(self) -> str:
        return self.name


@contextmanager
def stopped(scene: Scene) -> Iterator[None]:
    scene.pg.stop()
    yield
    scene.pg.start()


@contextmanager
def killed(scene: Scene) -> Iterator[None]:
    scene.pg.kill_hard()
    yield
    scene.pg.start()


@contextmanager
def shutting_down(scene: Scene) -> Iterator[None]:
    """A smart shutdown: nobody new is let in, and somebody who stays keeps it from ending."""
    with psycopg.connect(scene.admin_url, autocommit=True) as stays:
        os.kill(scene.pg.pid, signal.SIGTERM)
        stays.execute(END_BACKENDS.encode())
        yield
    assert eventually(lambda: not scene.pg.is_running)
    scene.pg.start()


@contextmanager
def restarted(scene: Scene) -> Iterator[None]:
    scene.pg.restart()
    yield


@contextmanager
def ended(scene: Scene) -> Iterator[None]:
    scene.end_backends()
    yield


@contextmanager
def frozen(scene: Scene) -> Iterator[None]:
    """None of the server's processes runs; the kernel still takes connections and bytes for them."""
    pids = scene.pg.processes()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def swallowed(scene: Scene) -> Iterator[None]:
    scene.proxy.black_hole(True)
    yield
    scene.proxy.black_hole(False)


@contextmanager
def unreachable(scene: Scene) -> Iterator[None]:
    scene.proxy.refuse()
    scene.proxy.cut()
    yield
    scene.proxy.accept()


@contextmanager
def cut(scene: Scene) -> Iterator[None]:
    scene.proxy.cut()
    yield


@contextmanager
def standby(scene: Scene) -> Iterator[None]:
    """The server comes back as a standby, on the same port, and is promoted in the end."""
    signal_file = scene.pg.folder / "data" / "standby.signal"
    scene.pg.stop()
    signal_file.touch()
    scene.pg._home.give(signal_file)
    scene.pg.start()
    try:
        yield
    finally:
        scene.do("SELECT pg_promote()")


def altered(begin: str, end: str, *, anew: bool = False) -> Block:
    """A statement of an administrator, and one that takes it back; ``anew``: and the bot has to connect anew."""

    @contextmanager
    def block(scene: Scene) -> Iterator[None]:
        scene.do(begin)
        if anew:
            scene.end_backends()
        yield
        scene.do(end)

    return block


def held(statement: str) -> Block:
    """Somebody's transaction that did a statement and stays open."""
    return lambda scene: scene.holding(statement)


def held_beside(setting: str, statement: str) -> Block:
    """The same, while the bot's role has a setting."""

    @contextmanager
    def block(scene: Scene) -> Iterator[None]:
        scene.do(f"ALTER ROLE {ROLE} SET {setting}")
        scene.end_backends()
        with scene.holding(statement):
            yield

    return block


def column(type_: str) -> str:
    return f"ALTER TABLE vars_backup_writers ALTER owner TYPE {type_}"


def lock(table: str) -> str:
    return f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"


ROW = "SELECT FROM vars_backup_writers FOR UPDATE"

ROW_LOCKED = Trouble("the writers' row is locked", held(ROW), "did not give the lock in time")
TABLE_LOCKED = Trouble("the table is locked", held(lock("vars_backup")), "did not end a statement for long")
RESTARTED = Trouble("restarted, under a strategy", restarted, play=play_with_strategy)
ALTERED = Trouble("a column altered under its prepared statement", altered(column("varchar"), column("text")))

TELLING = [
    Trouble("stopped", stopped, "cannot be reached"),
    Trouble("killed, under a strategy", killed, "cannot be reached", play=play_with_strategy),
    Trouble("shutting down", shutting_down, "is starting up or shutting down"),
    Trouble("a standby", standby, "is a standby"),
    Trouble("no room on the disk", full, "SQLSTATE XX000"),
    ROW_LOCKED,
    Trouble("a row locked, and a statement_timeout", held_beside("statement_timeout = 50", ROW), "statement_timeout"),
    Trouble(
        "a table locked, and a lock_timeout",
        held_beside("lock_timeout = 1", lock("vars_backup_history")),
        ROW_LOCKED.says,
    ),
    Trouble(
        "a constraint, under a strategy",
        altered(
            "ALTER TABLE vars_backup ADD CONSTRAINT no CHECK (false) NOT VALID",
            "ALTER TABLE vars_backup DROP CONSTRAINT no",
        ),
        "SQLSTATE 23514",
        play=play_with_strategy,
    ),
    Trouble(
        "no room on the disk, said by a trigger that shows the row",
        altered(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN RAISE EXCEPTION '%', NEW.variables USING ERRCODE = '53100'; END$$; "
            "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON vars_backup FOR EACH ROW EXECUTE FUNCTION refuse()",
            "DROP FUNCTION refuse CASCADE",
        ),
        "has no room left on its disk",
    ),
    Trouble(
        "a right taken away",
        altered(f"REVOKE INSERT ON vars_backup_history FROM {ROLE}", f"GRANT INSERT ON vars_backup_history TO {ROLE}"),
        "permission denied for table vars_backup_history",
    ),
    Trouble(
        "a role that may not log in",
        altered(f"ALTER ROLE {ROLE} NOLOGIN", f"ALTER ROLE {ROLE} LOGIN", anew=True),
        "does not let this user in",
    ),
]
"""Troubles that the server or the network tells at once, or after the second for which a save waits for a row."""

TELLING_ALIKE = [
    Trouble("unreachable", unreachable, "cannot be reached", url=Scene.led),
    Trouble("the state is locked", held("SELECT FROM vars_backup FOR UPDATE"), ROW_LOCKED.says),
    Trouble(
        "no connection left",
        altered(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0", f"ALTER ROLE {ROLE} CONNECTION LIMIT -1", anew=True),
        "has no connection left",
    ),
]
"""Troubles of which one like them is above."""

SILENT = [
    Trouble("a network that swallows everything", swallowed, "is silent", url=Scene.led),
    Trouble("a server that stands still, under a strategy", frozen, "is silent", play=play_with_strategy),
    TABLE_LOCKED,
    Trouble("the writers' table is locked", held(lock("vars_backup_writers")), TABLE_LOCKED.says),
    Trouble("the history is locked", held(lock("vars_backup_history")), TABLE_LOCKED.says),
]
"""Troubles in which nobody says anything."""

HEALING = [
    RESTARTED,
    Trouble("its connection ended by an administrator", ended),
    Trouble("its connection cut", cut, url=Scene.led),
    ALTERED,
    *(
        Trouble(setting, altered(f"ALTER ROLE {ROLE} SET {setting}", f"ALTER ROLE {ROLE} RESET ALL", anew=True))
        for setting in (
            "default_transaction_read_only = on",
            "default_transaction_isolation = serializable",
            "default_transaction_isolation = 'repeatable read'",
            "synchronous_commit = off",
            "lock_timeout = 1",
            "lock_timeout = 0",
            "statement_timeout = 1000",
            "idle_in_transaction_session_timeout = 1",
            "idle_session_timeout = 90",  # shorter than an iteration
        )
    ),
]
"""Troubles that nobody notices: what is sent again at once lands."""
