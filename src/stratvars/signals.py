"""Being asked to stop: a signal sets a flag and wakes the waiter, and the running iteration ends in peace.

At the first signal nothing is raised, because an error in a handler would hit whatever the program is doing. A second
one, of either kind, means *now*: it raises ``KeyboardInterrupt`` in the main thread, and the previous handlers come
back, so that a third does what it did before.
"""

from __future__ import annotations

import math
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, Final, NoReturn

_Handler = Callable[[int, FrameType | None], Any] | int

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_LONGEST_SLICE: Final = 0.25
_LONGEST_WAIT: Final = 3_600.0


class Stop:
    """A request to stop, made once and never taken back. Every method may be called from any thread.

    Args:
        wake: called at each request, for who waits in another way; must be safe inside a signal handler.
    """

    def __init__(self, wake: Callable[[], object] | None = None) -> None:
        self._wake = wake
        self._signum: int | None = None
        self._requested = False
        self._nudged = False
        self._followers: list[Stop] = []
        # Not an Event: a handler that runs while its own thread is inside Event.wait() may find the Event's lock
        # taken by that very thread, and Event.set() would hang. SimpleQueue.put() is reentrant.
        self._wakeups: queue.SimpleQueue[None] = queue.SimpleQueue()

    @property
    def requested(self) -> bool:
        """Whether a signal or another thread asked to stop."""
        return self._requested

    @property
    def signum(self) -> int | None:
        """The first signal that came; None when there was none."""
        return self._signum

    def request(self, signum: int | None = None) -> None:
        """Ask to stop and wake all waiters. Asking again changes nothing. Safe inside a signal handler."""
        if self._signum is None:
            self._signum = signum
        self._requested = True
        self._wakeups.put(None)
        if self._wake is not None:
            self._wake()
        for follower in self._followers:
            follower.request(signum)

    def nudge(self) -> None:
        """End the wait of the one who waits, or the next one, without a request. From any thread."""
        self._nudged = True
        self._wakeups.put(None)

    def follower(self) -> Stop:
        """A stop that is requested with this one, and can be requested without it."""
        follower = Stop()
        self._followers.append(follower)
        if self._requested:
            follower.request(self._signum)
        return follower

    def wait(self, timeout: float | None) -> bool:
        """Wait until a stop is requested or ``timeout`` seconds are over; whether a stop is requested.

        A request made before the call is seen. None waits without end, a negative timeout not at all. A nudge ends
        the wait as well.
        """
        end = math.inf if timeout is None else time.monotonic() + timeout
        while not self._requested:
            left = end - time.monotonic()
            if left <= 0 or self._nudged:
                self._nudged = False
                return False
            self._wait_slice(min(left, _LONGEST_SLICE if _in_main_thread() else _LONGEST_WAIT))
        return True

    def _wait_slice(self, seconds: float) -> None:
        # The main thread in short slices: a signal that comes after the interpreter's last look and before the call
        # blocks, or that reaches another thread, does not interrupt the call. Its handler runs when the call ends.
        try:
            self._wakeups.get(timeout=seconds)
        except queue.Empty:
            return
        if self._requested:
            self._wakeups.put(None)  # for the other waiters


class _Termination:
    """The handler of SIGTERM in a plain block. A loop inside that ends in peace takes the signal itself."""

    def __init__(self, react: Callable[[], object]) -> None:
        self._react = react

    def __call__(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002  a handler's signature
        self._react()


@contextmanager
def on_termination(react: Callable[[], object]) -> Iterator[None]:
    """Call ``react`` at SIGTERM while the block runs, in place of the default that ends the process at once.

    A handler of the program's own is left where it is; outside of the main thread nothing is installed.
    """
    if not _in_main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    handler = _Termination(react)
    signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        if _in_main_thread() and signal.getsignal(signal.SIGTERM) is handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def exit_as_terminated() -> NoReturn:
    """Raise ``SystemExit`` with the code by which a shell reports a process that SIGTERM ended."""
    raise SystemExit(128 + signal.SIGTERM)


@contextmanager
def postponed() -> Iterator[None]:
    """What SIGINT and SIGTERM do, they do after the block; a second one interrupts it (``KeyboardInterrupt``)."""
    with on_stop() as stop:
        yield
    if stop.signum is not None and not _is_told(signal.getsignal(stop.signum)):
        signal.raise_signal(stop.signum)


@contextmanager
def on_stop(wake: Callable[[], object] | None = None) -> Iterator[Stop]:
    """Turn SIGINT and SIGTERM into a ``Stop`` while the block runs.

    The previous handlers are given back at the second signal, which raises ``KeyboardInterrupt``, and at the end of
    the block. A previous handler that is a Python function is called at the first signal too, except for the one that
    raises ``KeyboardInterrupt``. Blocks may be nested: a signal stops all of them. Outside of the main thread no
    handler is installed, and only ``request()`` stops.

    Args:
        wake: see ``Stop``.
    """
    stop = Stop(wake)
    handlers = _Handlers(stop)
    handlers.install()
    try:
        yield stop
    finally:
        handlers.give_back()


class _Handlers:
    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._previous: dict[int, _Handler] = {}
        self._is_over = False
        self._has_received = False
        self._process = os.getpid()

    def install(self) -> None:
        if not _in_main_thread():
            return
        for signum in _SIGNALS:
            previous = signal.getsignal(signum)
            # None: it was installed by C code, which could not get it back.
            if previous is not None:
                self._previous[signum] = previous
                signal.signal(signum, self._received)

    def give_back(self) -> None:
        # A generator that holds the block open may be closed by another thread: the next signal gives them back.
        self._is_over = True
        if not _in_main_thread():
            return
        for signum, previous in self._previous.items():
            # Whoever installed another handler meanwhile keeps it.
            if signal.getsignal(signum) == self._received:
                signal.signal(signum, previous)

    def _received(self, signum: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            # A forked child has nothing to end in peace: whoever ends it (multiprocessing does so by SIGTERM) waits.
            self.give_back()
            signal.raise_signal(signum)
            return
        if self._has_received:
            self.give_back()
            raise KeyboardInterrupt(f"told to stop by {signal.Signals(signum).name} once more")
        self._has_received = True
        # First of all: the previous handler may raise.
        self._stop.request(signum)
        if self._is_over:
            self.give_back()
        previous = self._previous.get(signum)
        if callable(previous) and _is_told(previous):
            previous(signum, frame)


def _is_told(handler: object) -> bool:
    """Whether a handler is the program's own, and so is called at the first signal beside ours.

    Not the ones that would end the turn in progress: Python's own, the one of ``asyncio.run``, and that of a plain
    block around the loop.
    """
    if handler is signal.default_int_handler or isinstance(handler, _Termination):
        return False
    function = handler.func if isinstance(handler, partial) else handler
    return callable(handler) and getattr(function, "__module__", "") != "asyncio.runners"


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
