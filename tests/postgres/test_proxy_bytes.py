"""The proxy with plain sockets on its two ends, to the byte."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from postgres.places import LOOPBACK
from postgres.proxy import Counts, Direction, Proxy
from postgres.waiting import eventually

BOTH = pytest.mark.parametrize("direction", list(Direction))


@contextmanager
def pair() -> Iterator[tuple[Proxy, socket.socket, socket.socket]]:
    """A proxy with a plain client and a plain server on its two ends."""
    with (
        socket.create_server((LOOPBACK, 0)) as listener,
        Proxy(LOOPBACK, listener.getsockname()[1]) as proxy,
        socket.create_connection((LOOPBACK, proxy.port)) as client,
        listener.accept()[0] as server,
    ):
        client.settimeout(10)
        server.settimeout(10)
        assert eventually(lambda: proxy.open_connections == 1)
        yield proxy, client, server


def read_to_the_reset(end: socket.socket) -> bytes:
    """All bytes that arrive before the connection is reset."""
    received = b""
    with pytest.raises(ConnectionResetError):
        while part := end.recv(65536):
            received += part
    return received


def test_a_cut_is_a_reset_on_both_sides() -> None:
    with pair() as (proxy, client, server):
        proxy.cut()
        for end in (client, server):
            end.setblocking(False)
            with pytest.raises(ConnectionResetError):
                end.recv(1)


def test_a_delay_is_a_distance_and_not_a_speed_limit() -> None:
    with pair() as (proxy, client, server):
        proxy.delay(0.2)
        started = time.monotonic()
        for number in range(10):
            client.sendall(bytes([number]))
            time.sleep(0.01)
        received = b""
        while len(received) < 10:
            received += server.recv(10)
        assert received == bytes(range(10))
        assert 0.29 <= time.monotonic() - started < 1.5


def test_a_shorter_delay_does_not_change_the_order() -> None:
    with pair() as (proxy, client, server):
        proxy.delay(0.2)
        client.sendall(b"first")
        time.sleep(0.05)
        proxy.delay(0)
        client.sendall(b"second")
        client.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: server.recv(100), b"")) == b"firstsecond"


@BOTH
@pytest.mark.parametrize("count", [0, 1, 7, 1000, 3_000_000])
def test_a_cut_after_bytes_lets_exactly_those_through(direction: Direction, count: int) -> None:
    data = os.urandom(count + 5000)
    with pair() as (proxy, client, server):
        source, target = (client, server) if direction is Direction.TO_SERVER else (server, client)
        proxy.cut_after_bytes(count, direction)
        sender = threading.Thread(target=send_and_be_cut, args=(source, data))
        sender.start()
        # More than the kernel takes at once: a cut before the target reads would lose promised bytes.
        time.sleep(0.1 if count > 1000 else 0)
        assert read_to_the_reset(target) == data[:count]
        sender.join()
        assert proxy.counts.bytes_to_server + proxy.counts.bytes_to_client == count
        assert eventually(lambda: not proxy._network.links)


def test_while_a_cut_waits_for_its_last_bytes_nothing_else_passes() -> None:
    with pair() as (proxy, client, server):
        proxy.cut_after_bytes(6_000_000, Direction.TO_SERVER)
        sender = threading.Thread(target=send_and_be_cut, args=(client, bytes(6_000_000)))
        sender.start()
        assert eventually(lambda: proxy.counts.bytes_to_server == 6_000_000)
        server.sendall(b"late")
        assert len(read_to_the_reset(server)) == 6_000_000
        sender.join()
        assert proxy.counts.bytes_to_client == 0


def send_and_be_cut(source: socket.socket, data: bytes) -> None:
    with pytest.raises(ConnectionError):
        while True:
            source.sendall(data)
            source.recv(1)


def test_bytes_in_the_other_direction_do_not_use_up_what_is_allowed() -> None:
    with pair() as (proxy, client, server):
        proxy.cut_after_bytes(3, Direction.TO_CLIENT)
        client.sendall(b"1234567890")
        assert server.recv(10) == b"1234567890"
        server.sendall(b"abc")
        assert read_to_the_reset(client) == b"abc"


def test_one_end_may_close_its_half_and_still_be_answered() -> None:
    with pair() as (proxy, client, server):
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: server.recv(100), b"")) == b"question"
        server.sendall(b"answer")
        server.close()
        assert b"".join(iter(lambda: client.recv(100), b"")) == b"answer"
        assert eventually(lambda: not proxy._network.links)


@BOTH
def test_a_reset_is_passed_on(direction: Direction) -> None:
    with pair() as (proxy, client, server):
        source, target = (client, server) if direction is Direction.TO_SERVER else (server, client)
        source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        source.close()
        assert read_to_the_reset(target) == b""
        assert eventually(lambda: not proxy._network.links)


def test_a_closed_proxy_leaves_no_thread_and_no_port() -> None:
    threads = set(threading.enumerate())
    with pair() as (proxy, client, _):
        proxy.black_hole(True)
        client.sendall(b"held")
        proxy.close()
        proxy.close()
        assert set(threading.enumerate()) == threads
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((LOOPBACK, proxy.port))
            other.listen()


def test_a_connection_half_closed_by_the_server_is_forgotten_when_the_client_goes_on() -> None:
    with pair() as (proxy, client, server):
        server.close()
        assert client.recv(1) == b""
        # The first bytes bring the news that nobody is there, the next ones meet it.
        assert eventually(lambda: not can_send(client))
        assert eventually(lambda: not proxy._network.links)


def can_send(end: socket.socket) -> bool:
    try:
        end.sendall(b"is anybody there?")
    except ConnectionError:
        return False
    return True


def test_a_round_trip_may_leave_in_pieces() -> None:
    with pair() as (proxy, client, server):
        for question in (b"one", b"two"):
            for letter in question:
                client.sendall(bytes([letter]))
                assert server.recv(10) == bytes([letter])
            server.sendall(b"answer")
            assert client.recv(10) == b"answer"
        assert proxy.counts == Counts(connections=1, bytes_to_server=6, bytes_to_client=12, round_trips=2)


def test_in_a_black_hole_the_server_does_not_hear_of_a_new_connection() -> None:
    with socket.create_server((LOOPBACK, 0)) as listener, Proxy(*listener.getsockname()) as proxy:
        listener.settimeout(0.2)
        proxy.black_hole(True)
        with socket.create_connection((LOOPBACK, proxy.port)):
            with pytest.raises(TimeoutError):
                listener.accept()
            proxy.black_hole(False)
            listener.settimeout(10)
            listener.accept()[0].close()


def test_a_way_to_the_server_that_opens_after_the_cut_is_cut_too() -> None:
    with (
        socket.create_server((LOOPBACK, 0), backlog=0) as listener,
        # A full queue: the proxy's own attempt is answered only when the kernel tries again, a second later.
        socket.create_connection(listener.getsockname()),
        Proxy(*listener.getsockname()) as proxy,
        socket.create_connection((LOOPBACK, proxy.port)),
    ):
        assert eventually(lambda: proxy.counts.connections == 1)
        proxy.cut()
        listener.settimeout(10)
        listener.accept()[0].close()
        late = listener.accept()[0]
        late.settimeout(5)
        with late, pytest.raises(ConnectionResetError):
            late.recv(1)
