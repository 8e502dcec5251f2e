"""A primary and its standby: two real servers of the newest version, the second fed by streaming replication.

The standby is made by ``pg_basebackup``. A pair is used again by the next test of the process if the test before left
it whole; a standby that was promoted cannot go back, and the next test gets a new pair.
"""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import psycopg

from postgres.binaries import Binaries
from postgres.processes import kill_family
from postgres.servers import START_DEADLINE, SUPERUSER, Server
from postgres.waiting import eventually

CATCH_UP = 20.0
# A standby that was down catches up from what the primary keeps.
PRIMARY_SETTINGS = {"wal_keep_size": "512MB"}
# A primary that was down is looked for again at once, and not after five seconds.
STANDBY_SETTINGS = {"wal_retrieve_retry_interval": "100ms"}


class Standby(Server):
    """A copy of a running primary that follows it; users, passwords and databases are the primary's."""

    def __init__(self, primary: Server, binaries: Binaries) -> None:
        self._primary = primary
        super().__init__(binaries, settings=STANDBY_SETTINGS)
        self.password = primary.password

    @property
    def is_promoted(self) -> bool:
        """Whether it has become a primary."""
        with closing(psycopg.connect(self.url(), autocommit=True)) as connection:
            return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)

    def promote(self) -> None:
        """Make it a primary, and return when it takes writes.

        Raises:
            ServerError: it did not become one in time.
        """
        with closing(psycopg.connect(self.url(), autocommit=True)) as connection:
            if connection.execute("SELECT pg_promote(true, 30)").fetchone() != (True,):
                raise self._failure("was not promoted")

    def _initialise(self) -> None:
        process = self._launch(
            *("pg_basebackup", "--pgdata", str(self.folder / "data"), "--dbname", self._primary.url()),
            # --write-recovery-conf: standby.signal, and primary_conninfo in postgresql.auto.conf.
            *("--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync"),
        )
        try:
            failed = process.wait(START_DEADLINE) != 0
        except subprocess.TimeoutExpired:
            kill_family(process)
            failed = True
        if failed:
            raise self._failure("could not be copied")


@dataclass(frozen=True)
class Pair:
    """A primary, its standby, and the name of a database for this test alone, which is on both."""

    primary: Server
    standby: Standby
    database: str

    @property
    def primary_url(self) -> str:
        return self.primary.url(self.database)

    @property
    def standby_url(self) -> str:
        return self.standby.url(self.database)

    @property
    def url(self) -> str:
        """Both in one URL, the standby first: whoever takes the first host that answers gets the wrong one."""
        address = f"127.0.0.1:{self.standby.port},127.0.0.1:{self.primary.port}"
        return f"postgresql://{SUPERUSER}:{self.primary.password}@{address}/{self.database}"

    def catches_up(self, seconds: float = CATCH_UP) -> bool:
        """Wait until everything that the primary has committed so far can be read on the standby."""
        with closing(psycopg.connect(self.primary.url(), autocommit=True)) as connection:
            [position] = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone() or ("",)
        with closing(psycopg.connect(self.standby.url(), autocommit=True)) as connection:
            query = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
            return eventually(lambda: connection.execute(query, [position]).fetchone() == (True,), seconds)


class Pairs:
    """Keeps one pair for the tests of a process."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._kept: tuple[Server, Standby] | None = None

    @contextmanager
    def lend(self, found: Binaries) -> Iterator[Pair]:
        """A pair in working order, with an empty database."""
        servers, self._kept = self._kept or self._make(found), None
        primary, standby = servers
        database = f"test_{secrets.token_hex(6)}"
        execute(primary, f'CREATE DATABASE "{database}"')
        pair = Pair(primary, standby, database)
        assert pair.catches_up()
        yield pair
        # Taken out above: a pair that a test has failed in, or that cannot be put in order, is not lent again.
        if is_whole(pair):
            self._kept = servers
        else:
            standby.close()
            primary.close()

    def _make(self, found: Binaries) -> tuple[Server, Standby]:
        primary = Server(found, settings=PRIMARY_SETTINGS)
        self._stack.callback(primary.close)
        primary.start()
        standby = Standby(primary, found)
        self._stack.callback(standby.close)
        standby.start()
        return primary, standby


def is_whole(pair: Pair) -> bool:
    """Put a pair in order after a test; False if that cannot be done, or would take longer than making a new one."""
    if not (pair.primary.is_running and pair.standby.is_running) or pair.standby.is_promoted:
        return False
    execute(pair.primary, "ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")
    execute(pair.primary, f'DROP DATABASE "{pair.database}" WITH (FORCE)')
    return pair.catches_up(2)


def execute(server: Server, *statements: str) -> None:
    with closing(psycopg.connect(server.url(), autocommit=True)) as connection:
        for statement in statements:
            connection.execute(statement.encode())
