"""The inside of the proxy: links of two flows each, all of it touched by one event loop's thread alone.

A flow takes what one socket receives, holds it as long as the network is told to, and passes it on to the socket of
its partner. An end of stream travels in the same queue as the bytes, so it is late and lost as they are.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
from collections import deque
from contextlib import suppress
from typing import Any

from postgres.places import Port
from postgres.traffic import Counts, Direction

POLL = 0.001
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
SIOCOUTQNSD = 0x894B
END = b""


class Network:
    """What is done to all connections of a proxy."""

    def __init__(self, loop: asyncio.AbstractEventLoop, port: Port, upstream: tuple[str, int]) -> None:
        self.loop = loop
        self.upstream = upstream
        self.links: set[Link] = set()
        self.counts = Counts()
        self.seconds = 0.0
        self.errors: list[dict[str, Any]] = []
        self._port = port
        self._listener: asyncio.Server | None = None
        self._is_hole = False
        self._is_cutting = False
        self._allowance: dict[Direction, int] = {}
        loop.set_exception_handler(lambda _, context: self.errors.append(context))

    @property
    def is_passing(self) -> bool:
        return not self._is_hole and not self._is_cutting

    async def accept(self) -> None:
        if self._listener is None:
            self._listener = await self.loop.create_server(lambda: Link(self).to_server, sock=self._port.listen())

    def refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def set_hole(self, active: bool) -> None:
        self._is_hole = active
        for link in list(self.links):
            link.pump()

    def set_delay(self, seconds: float) -> None:
        self.seconds = seconds

    def set_allowance(self, count: int, direction: Direction) -> None:
        self._allowance[direction] = count

    def cut(self) -> None:
        self._is_cutting = False
        self._allowance.clear()
        for link in list(self.links):
            link.cut()

    async def wait_for_tasks(self) -> None:
        """Let ways to the server that are still being opened come to an end, and cut what came of them."""
        while others := asyncio.all_tasks(self.loop) - {asyncio.current_task()}:
            await asyncio.gather(*others, return_exceptions=True)
            self.cut()  # one that was taken while all were being cut
        await asyncio.sleep(0)  # an aborted connection is closed by the loop's next step

    def allowed(self, data: bytes, direction: Direction) -> bytes:
        """As much of these bytes as may pass."""
        return data[: self._allowance.get(direction, len(data))]

    def spend(self, size: int, last: Flow) -> None:
        """Cut if these were the last allowed bytes in their direction."""
        left = self._allowance.get(last.direction)
        if left is not None:
            self._allowance[last.direction] = left - size
            if left == size:
                self._is_cutting = True
                self._cut_when_sent(last.partner)

    def _cut_when_sent(self, target: Flow) -> None:
        if not self._is_cutting:
            return
        # A reset throws away what the kernel has not sent yet, and these bytes were promised.
        if target.has_unsent_bytes():
            self.loop.call_later(POLL, self._cut_when_sent, target)
        else:
            self.cut()


class Link:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.to_server = Flow(self, Direction.TO_SERVER)
        self.to_client = Flow(self, Direction.TO_CLIENT)
        self.is_cut = False
        self._connecting: asyncio.Task[None] | None = None
        self._last: Direction | None = None

    @property
    def is_whole(self) -> bool:
        return self.to_server.is_open and self.to_client.is_open

    def opened(self, flow: Flow) -> None:
        """One of the two sockets is there; the client's comes first."""
        if flow is self.to_server:
            self.network.links.add(self)
            self.network.counts += Counts(connections=1)
        self.pump()

    def pump(self) -> None:
        """Pass on what may pass; the way to the server is opened by the first thing that may."""
        if self._connecting is None and self.network.is_passing:
            self._connecting = self.network.loop.create_task(self._connect())
        self.to_server.pump()
        self.to_client.pump()

    async def _connect(self) -> None:
        try:
            await self.network.loop.create_connection(lambda: self.to_client, *self.network.upstream)
        except OSError:
            # No server: the client's connection breaks as soon as the proxy knows.
            self.cut()

    def count(self, size: int, direction: Direction) -> None:
        if direction is Direction.TO_CLIENT:
            self.network.counts += Counts(bytes_to_client=size)
        else:
            self.network.counts += Counts(bytes_to_server=size, round_trips=int(self._last is not direction))
        self._last = direction

    def cut(self) -> None:
        """Reset both sockets; what was held is lost."""
        self.is_cut = True
        self.network.links.discard(self)
        for flow in (self.to_server, self.to_client):
            flow.reset()

    def ended(self) -> None:
        """An end was passed on: after both ends the link is over."""
        if self.to_server.has_passed_end and self.to_client.has_passed_end:
            self.network.links.discard(self)
            for flow in (self.to_server, self.to_client):
                flow.close()


class Flow(asyncio.Protocol):
    """What one socket receives, on its way to the partner's socket."""

    def __init__(self, link: Link, direction: Direction) -> None:
        self.direction = direction
        self.has_passed_end = False
        self._link = link
        self._transport: asyncio.Transport | None = None
        self._held: deque[bytes] = deque()
        self._ripe = 0
        self._has_ended = False
        self._is_lost = False

    @property
    def partner(self) -> Flow:
        link = self._link
        return link.to_client if self is link.to_server else link.to_server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._link.is_cut:
            # The cut came while the way to the server was being opened.
            self.reset()
        else:
            self._link.opened(self)

    def data_received(self, data: bytes) -> None:
        self._hold(data)

    def eof_received(self) -> bool:
        self._hold(END)
        # The other direction stays open: a client may still wait for its answer.
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        if self.has_passed_end:
            self._link.cut()
        else:
            self._hold(END)

    def pump(self) -> None:
        """Pass on what has travelled long enough, as far as the network lets it."""
        while self._ripe > 0 and self._link.network.is_passing and self.partner.is_open:
            self._ripe -= 1
            self._pass_on(self._held.popleft())

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def end(self) -> None:
        if self._transport is not None:
            # The other end may have reset the connection a moment ago.
            with suppress(OSError):
                self._transport.write_eof()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Close the socket with RST; what was held is lost."""
        self._held.clear()
        self._ripe = 0
        if self._transport is not None and not self._transport.is_closing():
            self._socket(self._transport).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self._transport.abort()

    def has_unsent_bytes(self) -> bool:
        """Whether bytes for this socket have not left yet, the kernel's included (Linux only)."""
        if self._transport is None or self._transport.is_closing():
            return False
        if self._transport.get_write_buffer_size() > 0 or sys.platform != "linux":
            return self._transport.get_write_buffer_size() > 0
        unsent = fcntl.ioctl(self._socket(self._transport).fileno(), SIOCOUTQNSD, bytes(4))
        return unsent != bytes(4)

    def _socket(self, transport: asyncio.Transport) -> socket.socket:
        found: socket.socket = transport.get_extra_info("socket")
        return found

    def _hold(self, data: bytes) -> None:
        if self._link.is_cut or self._has_ended:
            return
        self._has_ended = data == END
        self._held.append(data)
        if self._link.network.seconds > 0:
            self._link.network.loop.call_later(self._link.network.seconds, self._ripen)
        else:
            self._ripen()

    def _ripen(self) -> None:
        # One more of the oldest may pass, whichever this is: so a shorter delay never changes the order.
        self._ripe = min(self._ripe + 1, len(self._held))
        self.pump()

    def _pass_on(self, data: bytes) -> None:
        if data == END:
            self._pass_end()
            return
        network = self._link.network
        part = network.allowed(data, self.direction)
        if part != END:
            # Counted first: who has read the answer finds it in the counts.
            self._link.count(len(part), self.direction)
            self.partner.write(part)
        network.spend(len(part), self)

    def _pass_end(self) -> None:
        if self._is_lost:
            # The whole socket is gone, by a reset: so is the connection.
            self._link.cut()
            return
        self.partner.end()
        self.has_passed_end = True
        self._link.ended()
