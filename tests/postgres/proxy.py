"""A network that can fail: a TCP proxy on loopback in front of a server, run by a thread of its own.

An order given from a test is carried out when the method returns: after ``cut()`` no connection is left, after
``black_hole(True)`` nothing gets through. Both ends talk to the proxy's kernel, which acknowledges what it takes: to
``tcp_user_timeout`` and keepalives a black hole looks healthy, only the answers are missing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Self

from postgres.network import Network
from postgres.places import LOOPBACK, Port
from postgres.traffic import Counts, Direction

__all__ = ["Counts", "Direction", "Proxy"]

DEADLINE = 10.0


class Proxy:
    """Passes connections to its ``port`` on to a server. ``with Proxy(...)`` closes it at the end; thread-safe."""

    def __init__(self, upstream_host: str, upstream_port: int) -> None:
        self._port = Port()
        self._loop = asyncio.new_event_loop()
        self._network = Network(self._loop, self._port, (upstream_host, upstream_port))
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)
        self._thread.start()
        self.accept()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def port(self) -> int:
        return self._port.number

    @property
    def counts(self) -> Counts:
        """What got through since the proxy was made."""
        return self._network.counts

    @property
    def open_connections(self) -> int:
        """How many connections reach from a client to the server."""
        return sum(link.is_whole for link in list(self._network.links))

    def url(self, url: str) -> str:
        """The URL of a server on loopback, led through this proxy."""
        before, _, rest = url.rpartition("@")
        database = rest.partition("/")[2]
        return f"{before}@{LOOPBACK}:{self.port}/{database}"

    def cut(self) -> None:
        """Reset all connections on both sides; bytes held back are lost. New connections are welcome.

        The side that is just being opened is reset as soon as it is open.
        """
        self._do(self._network.cut)

    def refuse(self) -> None:
        """Refuse new connections; those that are open stay."""
        self._do(self._network.refuse)

    def accept(self) -> None:
        """Take new connections again, on the same port."""
        self._wait_for(self._network.accept())

    def black_hole(self, active: bool) -> None:
        """Take bytes, ends of streams and new connections, and pass nothing on in either direction.

        What was held back arrives when the hole is closed again, as it does after an outage of a real network.
        """
        self._do(lambda: self._network.set_hole(active))

    def delay(self, seconds: float) -> None:
        """From now on let each byte travel that long, in each direction: a round trip takes twice the time."""
        self._do(lambda: self._network.set_delay(seconds))

    def cut_after_bytes(self, count: int, direction: Direction) -> None:
        """Let exactly so many more bytes pass in a direction, all connections together, then cut, once.

        The bytes reach their end before the cut. With 0 the next byte in that direction cuts instead of passing.
        """
        self._do(lambda: self._network.set_allowance(count, direction))

    def close(self) -> None:
        """Cut everything and end the thread. May be called twice.

        Raises:
            RuntimeError: something went wrong inside the proxy.
        """
        if self._loop.is_closed():
            return
        self.refuse()
        self.cut()
        self._wait_for(self._network.wait_for_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()
        self._port.close()
        if self._network.errors:
            raise RuntimeError(f"the proxy failed inside: {self._network.errors}")

    def _do(self, order: Callable[[], None]) -> None:
        async def carry_out() -> None:
            order()
            # An aborted connection is closed by the loop's next step.
            await asyncio.sleep(0)

        self._wait_for(carry_out())

    def _wait_for(self, orders: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(orders, self._loop).result(DEADLINE)
