"""A start on a PostgreSQL that cannot be used: what is waited for, what is not, and that no start comes up empty."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from threading import Thread
from urllib.parse import urlsplit

import psycopg
import pytest

from postgres.binaries import Binaries
from postgres.proxy import Proxy
from postgres.servers import Server
from postgres.standby import Pair
from postgres.stores import CANARY, said
from postgres.waiting import eventually
from stratvars import Backup
from stratvars.errors import RefusedError, UnavailableError
from stratvars.store.postgres.statements import ddl

WAITS = "Asking again for"


@pytest.fixture
def waiting(caplog: pytest.LogCaptureFixture) -> Callable[[], bool]:
    """Whether a start has said that it waits."""
    return lambda: WAITS in caplog.text


def save(url: str, number: int, name: str = "bot") -> None:
    with Backup(name, url) as backup:
        backup.vars.n = number


def restored(url: str, name: str = "bot") -> object:
    with Backup(name, url) as backup:
        return backup.vars.get("n")


class Starting:
    """A start in a thread of its own, which waits until it can."""

    def __init__(self, url: str) -> None:
        self._found: list[object] = []
        self._thread = Thread(target=self._start, args=(url,))
        self._thread.start()

    def _start(self, url: str) -> None:
        self._found.append(restored(url))

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def found(self) -> object:
        """What it came up with."""
        self._thread.join(30)
        [found] = self._found
        return found


def test_a_server_that_is_down_is_waited_for_and_its_state_comes_back(
    pg: Server, pg_url: str, waiting: Callable[[], bool], caplog: pytest.LogCaptureFixture
) -> None:
    save(pg_url, 7)
    pg.kill_hard()
    start = Starting(pg_url)
    assert eventually(waiting)
    pg.start()
    assert start.found() == 7
    assert caplog.text.count(WAITS) == 1
    assert pg.password not in caplog.text


def test_a_server_that_stays_down_is_given_up_with_the_remedy_and_its_state_stays(pg: Server, pg_url: str) -> None:
    save(pg_url, 7)
    pg.stop()
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=r"cannot be reached; start the server.*asked again for 1 s$") as raised:
        Backup("bot", pg_url, start_timeout=1).open()
    assert 1 <= time.monotonic() - started < 4
    assert pg.password not in said(raised.value)
    pg.start()
    assert restored(pg_url) == 7


def test_a_server_that_says_nothing_is_waited_for(pg_url: str, proxy: Proxy, waiting: Callable[[], bool]) -> None:
    save(pg_url, 7)
    proxy.black_hole(True)
    start = Starting(f"{proxy.url(pg_url)}?connect_timeout=2")
    assert eventually(waiting)
    proxy.black_hole(False)
    assert start.found() == 7


@pytest.fixture
def recovering(found: Binaries) -> Iterator[tuple[Server, Callable[[], None]]]:
    """A server that was killed, is being started and recovers for as long as it is let; and how it is let."""
    with Server(found) as server:
        save(server.url(), 7)
        server.kill_hard()
        # It asks a command for the rest of its log, and the command takes its time.
        held = server.folder / "data" / "held"
        held.touch()
        (server.folder / "data" / "recovery.signal").touch()
        server._settings["restore_command"] = f"while test -e '{held}'; do sleep 0.05; done; false"
        with ExitStack() as stack:
            start = Thread(target=server.start)
            start.start()
            stack.callback(start.join)
            stack.callback(held.unlink, missing_ok=True)
            yield server, held.unlink


def test_a_server_that_recovers_from_a_crash_is_waited_for(
    recovering: tuple[Server, Callable[[], None]],
    waiting: Callable[[], bool],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, let = recovering
    assert eventually(lambda: refuses_for_now(server.url()))
    start = Starting(server.url())
    assert eventually(waiting)
    assert "is starting up or shutting down" in caplog.text
    let()
    assert start.found() == 7


def refuses_for_now(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError as error:
        return re.search("starting up|not yet accepting", str(error)) is not None
    return False


def test_a_server_that_is_full_is_waited_for(
    guest: str, admin: psycopg.Connection, waiting: Callable[[], bool], caplog: pytest.LogCaptureFixture
) -> None:
    admin.execute("GRANT CREATE ON SCHEMA public TO guest")
    save(guest, 7)
    admin.execute("ALTER ROLE guest CONNECTION LIMIT 1")
    with closing(psycopg.connect(guest)):
        start = Starting(guest)
        assert eventually(waiting)
        assert "has no connection left" in caplog.text
        assert not start.is_over
    assert start.found() == 7


@pytest.mark.parametrize("has_tables", [False, True])
def test_a_standby_alone_is_given_up_and_the_primary_asked_for(pair: Pair, has_tables: bool) -> None:
    if has_tables:
        save(pair.primary_url, 7)
        assert pair.catches_up()
    with pytest.raises(UnavailableError, match=r"is a standby.* Name the primary in DB_CONNECTION_STR.*for 0\.5 s$"):
        Backup("bot", pair.standby_url, start_timeout=0.5).open()


def test_a_standby_is_waited_for_and_used_once_it_is_the_primary(pair: Pair, waiting: Callable[[], bool]) -> None:
    save(pair.primary_url, 7)
    assert pair.catches_up()
    start = Starting(pair.standby_url)
    assert eventually(waiting)
    pair.primary.kill_hard()
    pair.standby.promote()
    assert start.found() == 7


WRONG = {
    "password": ({"password": CANARY}, "correct it in DB_CONNECTION_STR"),
    "user": ({"user": "nobody", "password": CANARY}, "correct it in DB_CONNECTION_STR"),
    "database": ({"database": "nowhere"}, "run CREATE DATABASE, or correct DB_CONNECTION_STR"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_login_that_is_wrong_is_not_waited_for(pg: Server, pg_url: str, wrong: str, proxy: Proxy) -> None:
    parts, remedy = WRONG[wrong]
    refused_at_once(proxy.url(pg.url(**parts)), remedy)
    assert proxy.counts.connections == 1


def test_rights_that_are_missing_are_not_waited_for(guest: str, admin: psycopg.Connection) -> None:
    refused_at_once(guest, "may not create the tables.*stratvars doctor --ddl$")
    admin.execute(ddl("vars_backup").encode())
    refused_at_once(guest, "lacks rights on the tables.*stratvars doctor --ddl$")


def test_a_url_that_the_client_does_not_know_is_not_waited_for(pg_url: str) -> None:
    refused_at_once(f"{pg_url}?colour=red", "has .* parameter")


def refused_at_once(url: str, remedy: str) -> None:
    started = time.monotonic()
    with pytest.raises(RefusedError, match=remedy) as raised:
        Backup("bot", url).open()
    assert time.monotonic() - started < 5, "asked again, it would take thirty seconds"
    assert CANARY not in said(raised.value)
    assert urlsplit(url).password not in said(raised.value).split()
