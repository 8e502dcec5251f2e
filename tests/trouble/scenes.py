"""Where a trouble happens: a server, a network before it, a role for the bot, and an administrator beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg

from postgres.proxy import Proxy
from postgres.servers import Server
from postgres.waiting import eventually
from stratvars.store.postgres.statements import ddl
from stratvars.testing import TABLE

ROLE = "trader"
_PASSWORD = "secret-word"
OURS = "FROM pg_stat_activity WHERE application_name = 'stratvars' AND datname = current_database()"
"""The bot's backends."""
END_BACKENDS = f"SELECT pg_terminate_backend(pid, 5000) {OURS}"


@dataclass(frozen=True)
class Scene:
    """One database. The bot's role owns nothing and has the rights that it needs, so that one can be taken away."""

    pg: Server
    admin_url: str
    proxy: Proxy

    def direct(self) -> str:
        """The bot's URL."""
        return self.pg.url(urlsplit(self.admin_url).path[1:], user=ROLE, password=_PASSWORD)

    def led(self) -> str:
        """The bot's URL through the network that can fail."""
        return self.proxy.url(self.direct())

    def do(self, *statements: str) -> list[tuple[object, ...]]:
        """Run statements as the administrator, each in a transaction of its own; the rows of the last."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description is not None else []

    @contextmanager
    def holding(self, statement: str) -> Iterator[psycopg.Connection]:
        """A transaction of somebody else that has done a statement; it is rolled back at the end."""
        with psycopg.connect(self.admin_url) as other:
            other.execute(statement.encode())
            yield other
            other.rollback()

    def end_backends(self) -> None:
        """End the bot's connections, at the server."""
        self.do(END_BACKENDS)

    def a_save_waits(self) -> bool:
        """Wait until a save of the bot is held up by a lock."""
        return eventually(lambda: self.do(f"SELECT {OURS} AND wait_event_type = 'Lock'") != [])


def make_scene(pg: Server, url: str, proxy: Proxy) -> Scene:
    """Make the tables and the role."""
    scene = Scene(pg, url, proxy)
    scene.do(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{_PASSWORD}'", *ddl(TABLE, ROLE).rstrip(";\n").split(";\n"))
    return scene


@contextmanager
def scene_at(pg: Server, url: str, proxy: Proxy) -> Iterator[Scene]:
    """Make a scene; afterwards the server runs and the role is gone."""
    scene = make_scene(pg, url, proxy)
    yield scene
    if not pg.is_running:
        pg.start()
    scene.end_backends()
    scene.do(f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")
