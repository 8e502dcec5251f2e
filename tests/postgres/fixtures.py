"""``pg_url`` is an empty database on the newest server, ``any_pg_url`` one on each version that was found.

``pair`` is a primary with its standby.

Servers belong to the test process (one set per worker of a parallel run) and start when first wanted. A test may stop,
kill and restart them; it finds them running. Without any server the tests fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from postgres.binaries import Binaries, NoServersError, found_servers
from postgres.emptying import empty
from postgres.places import LOOPBACK
from postgres.proxy import Proxy
from postgres.servers import Server
from postgres.standby import Pair, Pairs


def found_or_reason() -> list[Binaries] | list[NoServersError]:
    """The servers, or why there is none: an empty list would skip the tests that need one."""
    try:
        return found_servers()
    except NoServersError as error:
        return [error]


def name_of(found: Binaries | NoServersError) -> str:
    return f"pg{found.version}" if isinstance(found, Binaries) else "no-server"


FOUND = found_or_reason()


class Fleet:
    """The servers of this test process, by version, each with a database that is emptied after every test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._servers: dict[int, Server] = {}
        self._urls: dict[int, str] = {}

    def get(self, found: Binaries | NoServersError) -> Server:
        """A running server; one that a test left down is started again."""
        if isinstance(found, NoServersError):
            raise found
        if found.version not in self._servers:
            server = Server(found)
            self._stack.callback(server.close)
            self._servers[found.version] = server
        return running(self._servers[found.version])

    @contextmanager
    def database(self, server: Server) -> Iterator[str]:
        """The URL of an empty database; whatever the test does to it and to its server, the next one finds no trace."""
        # Taken out: a database that cannot be emptied is not given to anybody again.
        url = self._urls.pop(server.version, None) or server.create_database()
        yield url
        running(server)
        empty(url)
        self._urls[server.version] = url


def running(server: Server) -> Server:
    if not server.is_running:
        server.start()
    return server


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(stack)


@pytest.fixture
def pg(fleet: Fleet) -> Server:
    """The newest server."""
    return fleet.get(FOUND[0])


@pytest.fixture(params=FOUND, ids=name_of)
def pg_server(fleet: Fleet, request: pytest.FixtureRequest) -> Server:
    """Each server in turn."""
    return fleet.get(request.param)


@pytest.fixture
def pg_url(fleet: Fleet, pg: Server) -> Iterator[str]:
    """An empty database on the newest server."""
    with fleet.database(pg) as url:
        yield url


@pytest.fixture
def any_pg_url(fleet: Fleet, pg_server: Server) -> Iterator[str]:
    """An empty database on each server in turn."""
    with fleet.database(pg_server) as url:
        yield url


@pytest.fixture
def found() -> Binaries:
    """The programs of the newest server, for a test that makes servers of its own."""
    if isinstance(FOUND[0], NoServersError):
        raise FOUND[0]
    return FOUND[0]


@pytest.fixture(scope="session")
def pairs() -> Iterator[Pairs]:
    with ExitStack() as stack:
        yield Pairs(stack)


@pytest.fixture
def pair(pairs: Pairs, found: Binaries) -> Iterator[Pair]:
    """A primary of the newest version and its streaming standby, with an empty database."""
    with pairs.lend(found) as lent:
        yield lent


@pytest.fixture
def proxy(pg: Server) -> Iterator[Proxy]:
    """A network that can fail, in front of the newest server."""
    with Proxy(LOOPBACK, pg.port) as made:
        yield made
