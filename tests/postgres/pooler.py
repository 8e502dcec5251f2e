"""A connection pooler on loopback, for tests: real logins, and the server's connections lent as long as its mode says.

It does what PgBouncer does where that can be seen from outside: each client is told a process that does not exist, a
connection of the server goes from client to client, the last one used first, and what one client leaves in it the next
one finds. A login is passed through to the server, whose connection then joins the pool, so all clients have to be of
one role and one database.
"""

from __future__ import annotations

import secrets
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum

from postgres.places import LOOPBACK, Port

_CANCEL, _SSL, _GSS = 80877102, 80877103, 80877104
_ASKED = {3, 5, 10, 11}
"""Requests for authentication that the client answers."""
_REFUSED = b"SFATAL\0C08P01\0Mtransaction blocks not allowed in statement pooling mode\0\0"
_PATIENCE = 20.0


class Mode(Enum):
    """For how long a connection of the server is lent."""

    SESSION = "session"
    TRANSACTION = "transaction"
    STATEMENT = "statement"


@dataclass
class Upstream:
    """One connection of the server; ``known`` are the prepared statements that the pooler has made on it."""

    socket: socket.socket
    key: bytes = b""
    known: set[bytes] = field(default_factory=set)


@dataclass
class Client:
    """One client: the key that it was told, what is lent to it, and its prepared statements by its own names."""

    socket: socket.socket
    key: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    lent: Upstream | None = None
    prepared: dict[bytes, bytes] = field(default_factory=dict)


class Pooler:
    """Serves until ``close``; see the module.

    Args:
        port: of the server on loopback.
        mode: for how long it lends.
        size: how many connections of the server it keeps; a client that finds none waits.
        renames: it knows prepared statements, gives them names of its own and makes them where they are missing.
        drops_options: it leaves the options out of a login.
        in_turns: it lends the connection that was not used for the longest.
    """

    def __init__(
        self,
        port: int,
        mode: Mode,
        *,
        size: int = 3,
        renames: bool = False,
        drops_options: bool = False,
        in_turns: bool = False,
    ) -> None:
        self._upstream = (LOOPBACK, port)
        self._mode = mode
        self._size = size
        self._renames = renames
        self._drops_options = drops_options
        self._next = 0 if in_turns else -1
        self._free: list[Upstream] = []
        self._made = 0
        self._change = threading.Condition()
        self._clients: list[Client] = []
        self.lends = 0
        """How often a connection was lent."""
        self._port = Port()
        self._listener = self._port.listen()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def url(self, url: str) -> str:
        """The URL of the server, led through this pooler."""
        before, _, rest = url.rpartition("@")
        return f"{before}@{LOOPBACK}:{self._port.number}/{rest.partition('/')[2]}"

    def close(self) -> None:
        """End all connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(_PATIENCE)
        with self._change:
            for client in self._clients:
                _end(client.socket)
                if client.lent is not None:
                    _end(client.lent.socket)
            for upstream in self._free:
                _end(upstream.socket)
        self._port.close()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(Client(accepted),), daemon=True).start()

    def _serve(self, client: Client) -> None:
        with suppress(OSError, EOFError):
            if self._log_in(client):
                while self._pass_one(client):
                    pass
        _end(client.socket)
        # In the middle of something it cannot be lent again, and the session of one that left is not the next one's.
        if client.lent is not None:
            self._drop(client)

    def _log_in(self, client: Client) -> bool:
        startup = _startup(client.socket)
        while struct.unpack("!I", startup[4:8])[0] in {_SSL, _GSS}:
            client.socket.sendall(b"N")
            startup = _startup(client.socket)
        if struct.unpack("!I", startup[4:8])[0] == _CANCEL:
            self._cancel(startup[8:])
            return False
        upstream = Upstream(socket.create_connection(self._upstream))
        upstream.socket.sendall(_without_options(startup) if self._drops_options else startup)
        kind = b""
        while kind != b"Z":
            kind, body = _message(upstream.socket)
            if kind == b"K":
                upstream.key, body = body, client.key
            client.socket.sendall(_packed(kind, body))
            if kind == b"R" and struct.unpack("!I", body[:4])[0] in _ASKED:
                upstream.socket.sendall(_packed(*_message(client.socket)))
        self._join(client, upstream)
        return True

    def _join(self, client: Client, upstream: Upstream) -> None:
        with self._change:
            self._clients.append(client)
            if self._made == self._size:
                _end(upstream.socket)
                return
            self._made += 1
            self._free.append(upstream)
            self._change.notify()

    def _cancel(self, key: bytes) -> None:
        lent = next((client.lent for client in self._clients if client.key == key and client.lent is not None), None)
        if lent is not None:
            with socket.create_connection(self._upstream) as other:
                other.sendall(struct.pack("!II", 16, _CANCEL) + lent.key)

    def _pass_one(self, client: Client) -> bool:
        """What a client sends up to a point at which the server answers, and the answer; False: it leaves."""
        batch: list[tuple[bytes, bytes]] = []
        while not batch or batch[-1][0] not in {b"Q", b"S"}:
            batch.append(_message(client.socket))
            if batch[-1][0] == b"X":
                return False
        if self._mode is Mode.STATEMENT and any(b"BEGIN" in body for kind, body in batch if kind in b"QP"):
            client.socket.sendall(_packed(b"E", _REFUSED))
            return False
        upstream = self._lend(client)
        upstream.socket.sendall(b"".join(self._renamed(client, upstream, batch) if self._renames else _all(batch)))
        status = self._answer(client, upstream)
        if self._mode is Mode.STATEMENT or (self._mode is Mode.TRANSACTION and status == b"I"):
            self._give_back(client)
        return True

    def _answer(self, client: Client, upstream: Upstream) -> bytes:
        kind, body, is_own = b"", b"", self._renames and b"" in upstream.known
        while kind != b"Z":
            readable, _, _ = select.select([upstream.socket, client.socket], [], [])
            if upstream.socket not in readable and client.socket.recv(1, socket.MSG_PEEK) == b"":
                raise EOFError("the client left")
            kind, body = _message(upstream.socket)
            if is_own and kind == b"1":
                upstream.known.discard(b"")
                is_own = False
            else:
                client.socket.sendall(_packed(kind, body))
        return body

    def _renamed(self, client: Client, upstream: Upstream, batch: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
        """The batch with names of the pooler's; a statement that this connection does not know is made first."""
        for kind, body in batch:
            if kind == b"P" and body[:1] != b"\0":
                name, _, rest = body.partition(b"\0")
                client.prepared[name] = rest
                upstream.known.add(_named(client, name))
                yield _packed(kind, _named(client, name) + b"\0" + rest)
            elif kind == b"B" and body.split(b"\0", 2)[1]:
                portal, name, rest = body.split(b"\0", 2)
                if _named(client, name) not in upstream.known:
                    upstream.known |= {_named(client, name), b""}
                    yield _packed(b"P", _named(client, name) + b"\0" + client.prepared[name])
                yield _packed(kind, portal + b"\0" + _named(client, name) + b"\0" + rest)
            else:
                yield _packed(kind, body)

    def _lend(self, client: Client) -> Upstream:
        if client.lent is None:
            with self._change:
                if not self._change.wait_for(lambda: self._free, _PATIENCE):
                    raise EOFError("no connection of the server is free")
                client.lent = self._free.pop(self._next)
                self.lends += 1
        return client.lent

    def _give_back(self, client: Client) -> None:
        with self._change:
            if client.lent is not None:
                self._free.append(client.lent)
            client.lent = None
            self._change.notify()

    def _drop(self, client: Client) -> None:
        with self._change:
            if client.lent is not None:
                _end(client.lent.socket)
                self._made -= 1
            client.lent = None


@contextmanager
def pooler(
    port: int, mode: Mode, *, size: int = 3, renames: bool = False, drops_options: bool = False, in_turns: bool = False
) -> Iterator[Pooler]:
    """A pooler in front of the server at this port; see ``Pooler``."""
    made = Pooler(port, mode, size=size, renames=renames, drops_options=drops_options, in_turns=in_turns)
    try:
        yield made
    finally:
        made.close()


def _all(batch: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
    return (_packed(kind, body) for kind, body in batch)


def _named(client: Client, name: bytes) -> bytes:
    return b"POOLER_" + client.key.hex().encode() + name


def _without_options(startup: bytes) -> bytes:
    words = startup[8:-1].split(b"\0")[:-1]
    kept = [pair for pair in zip(words[::2], words[1::2], strict=True) if pair[0] != b"options"]
    body = b"".join(name + b"\0" + value + b"\0" for name, value in kept) + b"\0"
    return struct.pack("!I", len(body) + 8) + startup[4:8] + body


def _packed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _message(source: socket.socket) -> tuple[bytes, bytes]:
    head = _read(source, 5)
    return head[:1], _read(source, struct.unpack("!I", head[1:])[0] - 4)


def _startup(source: socket.socket) -> bytes:
    head = _read(source, 4)
    return head + _read(source, struct.unpack("!I", head)[0] - 4)


def _read(source: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = source.recv(size - len(found))
        if piece == b"":
            raise EOFError("the other side left")
        found += piece
    return found


def _end(which: socket.socket) -> None:
    with suppress(OSError):
        which.shutdown(socket.SHUT_RDWR)
    which.close()
