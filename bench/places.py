"""Where the benchmarks write: a folder, a PostgreSQL server of their own, and bare yardsticks that do nothing else.

A yardstick gets its text ready-made. It is as durable as a save: WAL and FULL on SQLite, the defaults on PostgreSQL.
"""

from __future__ import annotations

import io
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from stratvars import Backup

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # the servers and the network are those of the tests

from postgres.binaries import found_servers
from postgres.places import LOOPBACK
from postgres.proxy import Proxy
from postgres.servers import Server

SQLITE_WARM_UP = 1500
"""Saves before the first measured one: the write-ahead log must have wrapped, for until then the file grows."""
_UPSERT = (
    "INSERT INTO bare (strategy_id, variables) VALUES ({0}, {0}) "
    "ON CONFLICT (strategy_id) DO UPDATE SET variables = excluded.variables"
)
_CREATE = "CREATE TABLE bare (strategy_id TEXT PRIMARY KEY, variables TEXT)"


@dataclass(frozen=True)
class Bare:
    """A bare upsert of one text, and the bare select of it."""

    write: Callable[[str], None]
    read: Callable[[], str]


@contextmanager
def sqlite_folder() -> Iterator[Path]:
    """A folder that is removed at the end; TMPDIR says where."""
    with tempfile.TemporaryDirectory(prefix="stratvars-bench-") as name:
        yield Path(name)


@contextmanager
def bare_sqlite(folder: Path) -> Iterator[Bare]:
    """The yardstick beside a SQLite file."""
    upsert = _UPSERT.format("?")
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_CREATE)
        yield Bare(
            lambda text: connection.execute(upsert, ("bot", text)).close(),
            lambda: str(connection.execute("SELECT variables FROM bare WHERE strategy_id = ?", ("bot",)).fetchone()[0]),
        )


@contextmanager
def server() -> Iterator[Server]:
    """The newest PostgreSQL of this machine, with its defaults."""
    with Server(found_servers()[0]) as made:
        yield made


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty database on such a server."""
    with server() as made:
        yield made.create_database()


@contextmanager
def distant_database() -> Iterator[str]:
    """The same where the server has the upper half of the processors to itself, and this process the lower one.

    Which of two runs on which decides whether a wake-up takes 10 or 50 us, and the scheduler decides it anew for each
    connection: one contender had a figure of the one kind and the other one of the other. Linux alone can be told.
    """
    cores = _cores()
    ours, theirs = cores[: len(cores) // 2], cores[len(cores) // 2 :]
    with server() as made:
        if ours:
            for process in made.processes():
                os.sched_setaffinity(process, theirs)
        with _kept_to(ours):
            yield made.create_database()


@contextmanager
def one_core() -> Iterator[None]:
    """This process keeps to one core; Linux alone can be told."""
    with _kept_to(_cores()[:1]):
        yield


def _cores() -> list[int]:
    """Those that this process may use; none where that cannot be told."""
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


@contextmanager
def _kept_to(cores: Sequence[int]) -> Iterator[None]:
    """This process, with the threads that it has and that it starts, keeps to these cores, or to all for none."""
    before = _cores()
    _keep_to(cores or before)
    try:
        yield
    finally:
        _keep_to(before)


def _keep_to(cores: Sequence[int]) -> None:
    if not cores:
        return
    for thread in map(int, os.listdir("/proc/self/task")):  # noqa: PTH208 - numbers alone
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(thread, cores)


@contextmanager
def network(made: Server) -> Iterator[tuple[Proxy, str]]:
    """A network that can fail, and the URL of an empty database behind it."""
    with Proxy(LOOPBACK, made.port) as proxy:
        yield proxy, proxy.url(made.create_database())


@contextmanager
def bare_postgres(url: str) -> Iterator[Bare]:
    """The yardstick on a PostgreSQL: prepared statements in autocommit mode, and the column's default storage."""
    upsert = _UPSERT.format("%s").encode()
    select = b"SELECT variables FROM bare WHERE strategy_id = %s"
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(_CREATE.encode())
        yield Bare(
            lambda text: connection.execute(upsert, ("bot", text), prepare=True).close(),
            lambda: str((connection.execute(select, ("bot",), prepare=True).fetchone() or ("",))[0]),
        )


def opened(url: str, name: str = "bot", retention: str | None = None) -> Backup:
    """A backup that is open, without its line on stderr; for ``closing``."""
    with redirect_stderr(io.StringIO()):
        return Backup(name, url, retention=retention).open()


def sqlite_url(folder: Path) -> str:
    """Where ours is kept in that folder."""
    return f"sqlite:///{folder}/ours.db"
