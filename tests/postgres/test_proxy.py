from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from postgres.proxy import Counts, Direction, Proxy
from postgres.servers import Server
from postgres.waiting import eventually

INSERT = "INSERT INTO kept (word) VALUES ('one')"
Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def direct(pg_url: str) -> Iterator[Connection]:
    """The same database without the proxy, with a table."""
    with closing(psycopg.connect(pg_url, autocommit=True)) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        yield connection


@pytest.fixture
def through(direct: Connection, proxy: Proxy, pg_url: str) -> Iterator[Connection]:
    """A connection through the proxy."""
    with closing(connect(proxy, pg_url)) as connection:
        yield connection


@pytest.fixture
def aside(proxy: Proxy) -> Iterator[ThreadPoolExecutor]:
    """A thread for what blocks."""
    with ThreadPoolExecutor(1) as executor:
        yield executor
        # After a failed test the thread may wait for an answer that never comes.
        proxy.cut()


def connect(proxy: Proxy, url: str) -> Connection:
    return psycopg.connect(proxy.url(url), autocommit=True)


def rows(direct: Connection) -> int:
    row = direct.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(str(row[0]))


def has_ended_after(future: Future[psycopg.Cursor[tuple[object, ...]]], seconds: float) -> bool:
    time.sleep(seconds)
    return future.done()


def test_statements_pass_and_are_counted(through: Connection, direct: Connection, proxy: Proxy) -> None:
    before = proxy.counts
    assert before.connections == 1
    through.execute(INSERT)
    assert rows(direct) == 1
    done = proxy.counts - before
    assert done == Counts(0, 1 + 4 + len(INSERT) + 1, done.bytes_to_client, 1)
    assert done.bytes_to_client > len("INSERT 0 1")


def test_round_trips_are_counted_as_the_network_sees_them(through: Connection, proxy: Proxy) -> None:
    trips = []
    for work in (lambda: through.execute(INSERT), lambda: in_a_transaction(through), lambda: in_a_pipeline(through)):
        before = proxy.counts
        work()
        trips.append((proxy.counts - before).round_trips)
    assert trips == [1, 3, 1]


def in_a_transaction(connection: Connection) -> None:
    with connection.transaction():
        connection.execute(INSERT)


def in_a_pipeline(connection: Connection) -> None:
    with connection.pipeline():
        for _ in range(5):
            connection.execute(INSERT)


def test_megabytes_pass_unchanged_in_both_directions(through: Connection, proxy: Proxy) -> None:
    sent = secrets.token_hex(3_000_000)
    proxy.delay(0.001)
    assert through.execute("SELECT %s", [sent]).fetchone() == (sent,)


def test_a_cut_breaks_every_connection_and_lets_new_ones_in(
    through: Connection, direct: Connection, proxy: Proxy, pg_url: str
) -> None:
    with closing(connect(proxy, pg_url)) as second:
        proxy.cut()
        assert proxy.open_connections == 0
        for connection in (through, second):
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
    with closing(connect(proxy, pg_url)) as third:
        third.execute(INSERT)
    assert rows(direct) == 1


def test_refused_are_new_connections_only_until_they_are_accepted_again(
    through: Connection, proxy: Proxy, pg_url: str
) -> None:
    port = proxy.port
    for _ in range(2):
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        with pytest.raises(psycopg.OperationalError, match="refused"):
            connect(proxy, pg_url)
        through.execute(INSERT)
    proxy.accept()
    proxy.accept()
    assert proxy.port == port
    with closing(connect(proxy, pg_url)) as connection:
        connection.execute(INSERT)


def test_a_statement_that_fell_into_a_black_hole_arrives_when_it_is_closed(
    through: Connection, direct: Connection, proxy: Proxy, aside: ThreadPoolExecutor
) -> None:
    before = proxy.counts
    proxy.black_hole(True)
    future = aside.submit(through.execute, INSERT)
    assert not has_ended_after(future, 0.2)
    assert rows(direct) == 0
    assert proxy.counts == before
    proxy.black_hole(False)
    future.result(5)
    assert rows(direct) == 1


def test_an_answer_that_fell_into_a_black_hole_says_nothing_about_the_commit(
    through: Connection, direct: Connection, proxy: Proxy, aside: ThreadPoolExecutor
) -> None:
    before = proxy.counts
    future = aside.submit(through.execute, f"SELECT pg_sleep(0.5); {INSERT}")
    assert eventually(lambda: proxy.counts != before)
    proxy.black_hole(True)
    assert eventually(lambda: rows(direct) == 1)
    assert not has_ended_after(future, 0.1)
    proxy.black_hole(False)
    future.result(5)


def test_a_statement_of_a_client_who_gave_up_still_commits_later(
    through: Connection, direct: Connection, proxy: Proxy
) -> None:
    proxy.black_hole(True)
    through.pgconn.send_query(INSERT.encode())
    through.close()
    assert rows(direct) == 0
    proxy.black_hole(False)
    assert eventually(lambda: rows(direct) == 1)
    assert eventually(lambda: not proxy._network.links)


def test_a_black_hole_takes_new_connections_and_never_answers(proxy: Proxy, pg_url: str) -> None:
    proxy.black_hole(True)
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        proxy.black_hole(False)
        client.settimeout(5)
        assert client.recv(1) == b"N"


def test_a_delay_holds_each_direction_up(through: Connection, proxy: Proxy) -> None:
    proxy.delay(0.05)
    assert seconds_for_an_answer(through) >= 0.1
    proxy.delay(0)
    assert min(seconds_for_an_answer(through) for _ in range(20)) < 0.05


def seconds_for_an_answer(connection: Connection) -> float:
    started = time.monotonic()
    connection.execute("SELECT 1")
    return time.monotonic() - started


def test_a_statement_whose_answer_is_cut_off_is_committed(
    through: Connection, direct: Connection, proxy: Proxy
) -> None:
    proxy.cut_after_bytes(0, Direction.TO_CLIENT)
    with pytest.raises(psycopg.OperationalError):
        through.execute(INSERT)
    assert rows(direct) == 1


@pytest.mark.parametrize("missing", [0, 1, 20])
def test_a_statement_is_committed_only_if_its_last_byte_got_through(
    through: Connection, direct: Connection, proxy: Proxy, pg_url: str, missing: int
) -> None:
    committed = 1 if missing == 0 else 0
    before = proxy.counts
    through.execute(INSERT)
    size = (proxy.counts - before).bytes_to_server
    before = proxy.counts
    proxy.cut_after_bytes(size - missing, Direction.TO_SERVER)
    with pytest.raises(psycopg.OperationalError):
        through.execute(INSERT)
    assert (proxy.counts - before).bytes_to_server == size - missing
    assert eventually(lambda: others_connected(direct) == 0)
    assert rows(direct) == 1 + committed
    with closing(connect(proxy, pg_url)) as again:
        again.execute(INSERT)
    assert rows(direct) == 2 + committed


def others_connected(direct: Connection) -> int:
    row = direct.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def test_closed_connections_are_forgotten(proxy: Proxy, pg_url: str) -> None:
    for _ in range(5):
        connect(proxy, pg_url).close()
    assert eventually(lambda: not proxy._network.links)
    assert proxy.counts.connections == 5


def test_behind_the_proxy_a_dead_server_is_noticed_and_one_that_is_back_is_reached(
    through: Connection, proxy: Proxy, pg: Server, pg_url: str
) -> None:
    pg.kill_hard()
    with pytest.raises(psycopg.OperationalError):
        through.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        connect(proxy, pg_url)
    pg.start()
    with closing(connect(proxy, pg_url)) as again:
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_a_failure_inside_the_proxy_is_not_kept_quiet(pg: Server) -> None:
    proxy = Proxy("127.0.0.1", pg.port)
    proxy._loop.call_soon_threadsafe(lambda: 1 / 0)
    proxy.refuse()
    with pytest.raises(RuntimeError, match="division by zero"):
        proxy.close()
